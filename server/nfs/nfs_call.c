/* SPDX-License-Identifier: MIT */
/* What the functions of NFS procedures have in common: answers, attributes, permissions. */
#include "nfs/nfs_call.h"

#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/wait.h"
#include "nfs/nfs_server.h"
#include "nfs/nfs_status.h"

bool nfs_must_wait(int err)
{
	return err == -EAGAIN && !wait_allowed();
}

/* Answers ------------------------------------------------------------------------------------- */

void nfs_reply_nothing(struct rpc_call *call)
{
	if (rpc_reply_begin(call, 0))
		rpc_reply_end(call, 0, NULL);
	else
		rpc_drop(call);
}

uint8_t *nfs_answer(struct nfs_op *op, int err, size_t more)
{
	const nfsstat3 status = nfs_status(err);

	if (!op->out) {
		op->out = rpc_reply_begin(op->call, NFS_WORD + more);
		op->room = NFS_WORD + more;
	}
	if (!op->out)
		return NULL;
	/* a call that is made again, or fails late, has its room already */
	assert(op->room >= NFS_WORD + more);
	if (err == -ENOSPC || err == -EDQUOT)
		__atomic_store_n(&op->lease->export->full, err, __ATOMIC_RELAXED);
	op->outcome.status = status;
	return nfs_put32(op->out, status);
}

void nfs_answer_status(struct nfs_op *op, nfsstat3 status)
{
	op->outcome.status = status;
	(void)nfs_put32(op->out, status);
}

int nfs_answered(struct nfs_op *op, const uint8_t *end)
{
	op->len = (size_t)(end - op->out);
	return 0;
}

int nfs_fail(struct nfs_op *op, int err)
{
	const size_t len = op->procedure->fail_words * NFS_WORD;
	uint8_t *p;

	if (nfs_must_wait(err))
		return err;
	p = nfs_answer(op, err, len);
	if (!p)
		return -ENOMEM;
	memset(p, 0, len);
	return nfs_answered(op, p + len);
}

int nfs_fail_handle(struct nfs_op *op, int err)
{
	int failed = nfs_fail(op, err);

	if (!failed && err == -EBADMSG)
		nfs_answer_status(op, NFS3ERR_BADHANDLE);
	return failed;
}

int nfs_fail_attr(struct nfs_op *op, int err, const struct nfs_attr *attr)
{
	uint8_t *p;

	if (nfs_must_wait(err))
		return err;
	p = nfs_answer(op, err, NFS_POST_ATTR_BYTES);
	return p ? nfs_answered(op, nfs_put_post_attr(p, attr)) : -ENOMEM;
}

int nfs_answer_wcc(struct nfs_op *op, int err, const struct nfs_wcc *wcc)
{
	uint8_t *p = nfs_answer(op, err, NFS_WCC_BYTES);

	return p ? nfs_answered(op, nfs_put_wcc(p, wcc)) : -ENOMEM;
}

int nfs_garbage(struct nfs_op *op)
{
	op->refusal = RPC_GARBAGE_ARGS;
	return 0;
}

/* Attributes ---------------------------------------------------------------------------------- */

int nfs_fsid(struct nfs_op *op, uint64_t id, uint64_t *out)
{
	const uint64_t spread =
		0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: far from small numbers */
	uint64_t root;
	int err = tree_volume(op->tree, id, &root);

	if (err)
		return err;
	*out = op->lease->export->fsid;
	if (root != TREE_ROOT)
		*out ^= root * spread;
	return 0;
}

int nfs_attr_get(struct nfs_op *op, uint64_t id, struct nfs_attr *out)
{
	int err = tree_getattr(op->tree, id, &out->attr);

	if (!err)
		err = nfs_fsid(op, id, &out->fsid);
	out->known = !err;
	return err;
}

void nfs_attr_after(struct nfs_op *op, uint64_t id, struct nfs_attr *out)
{
	(void)nfs_attr_get(op, id, out);
}

int nfs_wcc_before(struct nfs_op *op, uint64_t id, struct nfs_wcc *out)
{
	struct tree_attr attr;
	int err;

	*out = (struct nfs_wcc){0};
	err = tree_getattr(op->tree, id, &attr);
	if (err)
		return err;
	out->before_known = true;
	out->size = attr.size;
	out->mtime = attr.mtime;
	out->ctime = attr.ctime;
	return 0;
}

void nfs_wcc_after(struct nfs_op *op, uint64_t id, struct nfs_wcc *wcc)
{
	nfs_attr_after(op, id, &wcc->after);
}

void nfs_wcc_unchanged(struct nfs_op *op, uint64_t id, struct nfs_wcc *out)
{
	*out = (struct nfs_wcc){0};
	nfs_attr_after(op, id, &out->after);
	out->before_known = out->after.known;
	out->size = out->after.attr.size;
	out->mtime = out->after.attr.mtime;
	out->ctime = out->after.attr.ctime;
}

int nfs_may(struct nfs_op *op, const struct tree_attr *attr, unsigned int wanted)
{
	return tree_access_node(op->tree, attr, &op->caller, wanted);
}

/* Of changes ---------------------------------------------------------------------------------- */

int nfs_other_handle(struct nfs_op *op, const nfs_fh3 *handle, uint64_t *out_id)
{
	const uint8_t *data = (const uint8_t *)handle->data.data_val;
	const size_t len = handle->data.data_len;
	int err = nfs_handle_read(&op->lease->seal, data, len, out_id);
	uint8_t uuid[NFS_UUID_BYTES];
	struct nfs_seal seal;
	uint64_t epoch;

	if (err != -ESTALE)
		return err;
	if (!nfs_handle_names(data, len, uuid, &epoch))
		return -EBADMSG;
	nfs_seal_init(&seal, op->server->options.key, uuid, epoch);
	err = nfs_handle_read(&seal, data, len, out_id);
	if (err)
		return err;
	return memcmp(uuid, op->lease->export->uuid, sizeof(uuid)) == 0 ? -ESTALE : -EXDEV;
}

void nfs_note_begin(struct nfs_op *op)
{
	if (op->running && op->running->sequence)
		tree_note_begin(&op->running->note);
}

void nfs_note_end(struct nfs_op *op)
{
	(void)op;
	tree_note_end();
}
