/* SPDX-License-Identifier: MIT */
/*
 * The way of an NFS call: which procedure, which export, whether it was carried out before; on the loop or
 * in a worker; and its answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/wait.h"
#include "nfs/nfs_server.h"
#include "nfs/nfs_status.h"

#define NOBODY 65534u

/* Words of answers with an error: attributes that do not follow, and weak cache consistency data. */
#define FAIL_ATTR 1u
#define FAIL_WCC 2u

static const struct nfs_procedure procedures[NFS_PROCEDURES] = {
	[1] = {.name = "GETATTR", .run = nfs_getattr},
	[2] = {.name = "SETATTR",
	       .run = nfs_setattr,
	       .decode = (xdrproc_t)xdr_SETATTR3args,
	       .changes = true,
	       .once = true,
	       .fail_words = FAIL_WCC},
	[3] = {.name = "LOOKUP", .run = nfs_lookup, .fail_words = FAIL_ATTR},
	[4] = {.name = "ACCESS", .run = nfs_access, .fail_words = FAIL_ATTR},
	[5] = {.name = "READLINK", .run = nfs_readlink, .fail_words = FAIL_ATTR},
	[6] = {.name = "READ", .run = nfs_read, .fail_words = FAIL_ATTR},
	[7] = {.name = "WRITE", .run = nfs_write, .changes = true, .fail_words = FAIL_WCC},
	[8] = {.name = "CREATE",
	       .run = nfs_create,
	       .decode = (xdrproc_t)xdr_CREATE3args,
	       .changes = true,
	       .once = true,
	       .fail_words = FAIL_WCC},
	[9] = {.name = "MKDIR",
	       .run = nfs_mkdir,
	       .decode = (xdrproc_t)xdr_MKDIR3args,
	       .changes = true,
	       .once = true,
	       .fail_words = FAIL_WCC},
	[10] = {.name = "SYMLINK",
		.run = nfs_symlink,
		.decode = (xdrproc_t)xdr_SYMLINK3args,
		.changes = true,
		.once = true,
		.fail_words = FAIL_WCC},
	[11] = {.name = "MKNOD",
		.run = nfs_mknod,
		.decode = (xdrproc_t)xdr_MKNOD3args,
		.changes = true,
		.once = true,
		.fail_words = FAIL_WCC},
	[12] = {.name = "REMOVE",
		.run = nfs_remove,
		.decode = (xdrproc_t)xdr_REMOVE3args,
		.changes = true,
		.once = true,
		.fail_words = FAIL_WCC},
	[13] = {.name = "RMDIR",
		.run = nfs_rmdir,
		.decode = (xdrproc_t)xdr_REMOVE3args,
		.changes = true,
		.once = true,
		.fail_words = FAIL_WCC},
	[14] = {.name = "RENAME",
		.run = nfs_rename,
		.decode = (xdrproc_t)xdr_RENAME3args,
		.changes = true,
		.once = true,
		.fail_words = 2 * FAIL_WCC},
	[15] = {.name = "LINK",
		.run = nfs_link,
		.decode = (xdrproc_t)xdr_LINK3args,
		.changes = true,
		.once = true,
		.fail_words = FAIL_ATTR + FAIL_WCC},
	[16] = {.name = "READDIR", .run = nfs_readdir, .fail_words = FAIL_ATTR},
	[17] = {.name = "READDIRPLUS", .run = nfs_readdirplus, .fail_words = FAIL_ATTR},
	[18] = {.name = "FSSTAT", .run = nfs_fsstat, .fail_words = FAIL_ATTR},
	[19] = {.name = "FSINFO", .run = nfs_fsinfo, .fail_words = FAIL_ATTR},
	[20] = {.name = "PATHCONF", .run = nfs_pathconf, .fail_words = FAIL_ATTR},
	[21] = {.name = "COMMIT", .run = nfs_commit, .changes = true, .fail_words = FAIL_WCC},
};

const struct nfs_procedure *nfs_procedure(uint32_t number)
{
	return number < NFS_PROCEDURES && procedures[number].run ? &procedures[number] : NULL;
}

/* A call that a worker has, or will have. */
struct job {
	struct nfs_op op;
	struct nfs_server *server;
	struct nfs_running running;
	struct nfs_turn turn;
	loop_work_fn work; /* what a worker does */
	union nfs_arguments args;
	struct job *waiting; /* the same call again, by a connection that came after this one's */
	int err;
};

static void begin(struct job *job);
static void submit(struct job *job);

/* Sends what the procedure has made of it. */
static void answer(struct nfs_op *op, int err)
{
	struct rpc_call *call = op->call;

	if (err)
		rpc_refuse(call, RPC_SYSTEM_ERR);
	else if (op->refusal)
		rpc_refuse(call, (enum rpc_refusal)op->refusal);
	else if (op->file.len) {
		op->lease->uses++; /* until the file is released */
		rpc_reply_end(call, op->len, &op->file);
	} else {
		rpc_reply_end(call, op->len, NULL);
	}
}

static void count(const struct job *job)
{
	if (job->op.running && !job->err && job->op.outcome.status == NFS3_OK)
		__atomic_fetch_add(&job->op.lease->export->changes, 1, __ATOMIC_RELAXED);
}

static struct job *job_of(struct loop_work *work)
{
	return container_of(work, struct rpc_call, work)->state;
}

static void run(struct loop_work *work)
{
	struct job *job = job_of(work);

	job->err = job->op.procedure->run(&job->op);
	if (job->op.to_sync && !job->err)
		work->group = nfs_calls_syncs(job->op.lease->export->calls);
}

/* They are of one export. */
void nfs_program_sync(struct loop_work *newest)
{
	int err = tree_sync(job_of(newest)->op.tree);

	for (struct loop_work *work = newest; err && work; work = work->next) {
		struct job *job = job_of(work);

		job->err = nfs_fail(&job->op, err);
	}
}

static void run_again(struct loop_work *work)
{
	struct job *job = job_of(work);

	job->err = nfs_again(&job->op);
}

/* An outcome that will be another one soon is not kept. */
static const struct nfs_outcome *outcome_to_keep(const struct job *job)
{
	if (job->err || job->op.refusal || job->op.outcome.status == NFS3ERR_JUKEBOX)
		return NULL;
	return &job->op.outcome;
}

static struct nfs_turns *turns_of(const struct job *job)
{
	return nfs_calls_turns(job->op.lease->export->calls);
}

static void free_job(struct job *job)
{
	if (job->op.args)
		rpc_args_free(job->op.procedure->decode, job->op.args);
	nfs_lease_give_back(job->op.lease);
	free(job);
}

static void on_done(struct loop_work *work)
{
	struct job *job = job_of(work);
	struct job *waiting = job->waiting;
	struct nfs_turn *next = nfs_turns_end(turns_of(job));

	if (next)
		submit(container_of(next, struct job, turn));
	job->server->busy--;
	count(job);
	if (job->op.running)
		nfs_calls_end(job->op.lease->export->calls, job->op.running, outcome_to_keep(job));
	answer(&job->op, job->err);
	free_job(job);
	if (waiting)
		begin(waiting);
}

/* NULL: the call is dropped, the client comes again. */
static struct job *make_job(struct nfs_server *server, struct rpc_call *call)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->server = server;
	call->state = job;
	return job;
}

static void submit(struct job *job)
{
	loop_work_submit(job->server->loop, &job->op.call->work, job->work, on_done);
}

/* Lets a worker do @work when it is its export's turn; a quarter of the workers is for the others. */
static void to_worker(struct job *job, loop_work_fn work)
{
	const unsigned int workers = loop_workers(job->server->loop);

	job->server->busy++;
	job->work = work;
	if (nfs_turns_take(turns_of(job), &job->turn, workers - workers / 4))
		submit(job);
}

/* Root and its group become nobody. */
static void squash(struct rpc_cred *cred)
{
	if (cred->uid == 0)
		cred->uid = NOBODY;
	if (cred->gid == 0)
		cred->gid = NOBODY;
	for (uint32_t i = 0; i < cred->groups_count; i++) {
		if (cred->groups[i] == 0)
			cred->groups[i] = NOBODY;
	}
}

static struct tree_caller caller_of(struct rpc_cred *cred, const struct nfs_export *export)
{
	if (cred->flavor != RPC_AUTH_SYS)
		return (struct tree_caller){.uid = NOBODY, .gid = NOBODY};
	if (export->squash_root)
		squash(cred);
	return (struct tree_caller){
		.uid = cred->uid,
		.gid = cred->gid,
		.groups = cred->groups,
		.groups_count = cred->groups_count,
		.privileged = cred->uid == 0,
	};
}

static void prepare(struct nfs_op *op, struct nfs_server *server, struct rpc_call *call,
		    struct nfs_lease *lease)
{
	op->call = call;
	op->procedure = &procedures[call->procedure];
	op->server = server;
	op->lease = lease;
	op->tree = lease->export->tree;
	op->caller = caller_of(&call->cred, lease->export);
	op->transfer_max = server->options.transfer_max;
	if (!call->peer->tcp && op->transfer_max > NFS_UDP_TRANSFER_MAX)
		op->transfer_max = NFS_UDP_TRANSFER_MAX;
}

/* Reading ------------------------------------------------------------------------------------- */

static void read_in_worker(struct nfs_server *server, const struct nfs_op *op)
{
	struct job *job = make_job(server, op->call);

	if (!job) {
		rpc_drop(op->call);
		nfs_lease_give_back(op->lease);
		return;
	}
	job->op = *op;
	to_worker(job, run);
}

static void start_reading(struct nfs_server *server, struct nfs_op *op)
{
	int err;

	wait_forbid();
	err = op->procedure->run(op);
	wait_allow();
	if (err == -EAGAIN) {
		read_in_worker(server, op);
		return;
	}
	answer(op, err);
	nfs_lease_give_back(op->lease);
}

/* Changing ------------------------------------------------------------------------------------ */

/* The data of a WRITE need not be looked at: calls with different ones have different numbers. */
#define CHECKSUM_MAX 1024u

static struct nfs_call_key key_of(const struct nfs_server *server, const struct rpc_call *call)
{
	const size_t len = call->args_len < CHECKSUM_MAX ? call->args_len : CHECKSUM_MAX;

	return (struct nfs_call_key){
		.client = call->peer->address.sin_addr.s_addr,
		.xid = call->xid,
		.procedure = call->procedure,
		.checksum = hash_short(server->checksum_key, call->args, len),
	};
}

static bool decode(struct job *job)
{
	struct nfs_op *op = &job->op;

	if (!op->procedure->decode)
		return true;
	if (rpc_args(op->call, op->procedure->decode, &job->args)) {
		op->args = &job->args;
		return true;
	}
	rpc_args_free(op->procedure->decode, &job->args);
	return false;
}

/*
 * Whether the answer to a call that is under way will be seen by who makes it @again. A client that has
 * gone on to another connection does not look at the first one any more, which may not know that yet.
 */
static bool will_be_seen(const struct rpc_call *under_way, const struct rpc_call *again)
{
	return !under_way->closed && (!again->peer->tcp || under_way->peer == again->peer);
}

/* The same call is under way: it is enough to answer it once, or to wait until it is done. */
static void wait_for(struct job *job, struct nfs_running *running)
{
	struct job *other = container_of(running, struct job, running);
	struct job *dropped = job;

	if (!will_be_seen(other->op.call, job->op.call)) {
		dropped = other->waiting;
		other->waiting = job;
	}
	if (dropped) {
		rpc_drop(dropped->op.call);
		free_job(dropped);
	}
}

static void begin(struct job *job)
{
	struct nfs_calls *calls = job->op.lease->export->calls;
	struct nfs_running *other;

	switch (nfs_calls_begin(calls, &job->running, job->op.procedure->once, &other,
				&job->op.outcome)) {
	case NFS_CALL_IS_NEW:
		job->op.running = &job->running;
		to_worker(job, run);
		break;
	case NFS_CALL_IS_DONE:
		to_worker(job, run_again);
		break;
	case NFS_CALL_IS_RUNNING:
		wait_for(job, other);
		break;
	}
}

static void start_changing(struct nfs_server *server, const struct nfs_op *op)
{
	struct job *job = make_job(server, op->call);

	if (!job) {
		rpc_drop(op->call);
		nfs_lease_give_back(op->lease);
		return;
	}
	job->op = *op;
	job->running.key = key_of(server, op->call);
	if (decode(job))
		begin(job);
	else
		free_job(job);
}

/* Which export -------------------------------------------------------------------------------- */

void nfs_program_fail(struct rpc_call *call, int err)
{
	const nfsstat3 status = err == -EBADMSG ? NFS3ERR_BADHANDLE : nfs_status(err);
	const size_t words = 1 + procedures[call->procedure].fail_words;
	uint8_t *out = rpc_reply_begin(call, words * NFS_WORD);

	if (!out) {
		rpc_drop(call);
		return;
	}
	memset(nfs_put32(out, status), 0, (words - 1) * NFS_WORD);
	rpc_reply_end(call, words * NFS_WORD, NULL);
}

static void start(struct nfs_server *server, struct rpc_call *call, struct nfs_lease *lease,
		  uint64_t id, const struct nfs_args *behind)
{
	struct nfs_op op = {.id = id, .behind = *behind};

	prepare(&op, server, call, lease);
	if (op.procedure->changes)
		start_changing(server, &op);
	else
		start_reading(server, &op);
}

/* The handle that the arguments begin with, and what is behind it. NULL: they do not. */
static const uint8_t *take_handle(const struct rpc_call *call, size_t *out_len,
				  struct nfs_args *behind)
{
	*behind = (struct nfs_args){.p = call->args, .left = call->args_len};
	return nfs_take_opaque(behind, NFS3_FHSIZE, out_len);
}

void nfs_program_start(struct rpc_call *call, struct nfs_lease *lease)
{
	struct nfs_args behind;
	size_t len;
	const uint8_t *handle = take_handle(call, &len, &behind);
	uint64_t id;
	int err = nfs_handle_read(&lease->seal, handle, len, &id);

	if (err) {
		nfs_program_fail(call, err);
		nfs_lease_give_back(lease);
		return;
	}
	start(call->ctx, call, lease, id, &behind);
}

void nfs_program_call(struct rpc_call *call)
{
	struct nfs_server *server = call->ctx;
	struct nfs_args behind;
	const uint8_t *handle;
	struct nfs_lease *lease;
	uint64_t id;
	size_t len;
	int err;

	if (call->procedure == 0) {
		nfs_reply_nothing(call);
		return;
	}
	if (!nfs_procedure(call->procedure)) {
		rpc_refuse(call, RPC_PROC_UNAVAIL);
		return;
	}
	handle = take_handle(call, &len, &behind);
	if (!handle) {
		rpc_refuse(call, RPC_GARBAGE_ARGS);
		return;
	}
	err = nfs_lease_of(server, call, handle, len, &lease, &id);
	if (err == -EAGAIN)
		nfs_ask(server, call, handle);
	else if (err)
		nfs_program_fail(call, err);
	else
		start(server, call, lease, id, &behind);
}
