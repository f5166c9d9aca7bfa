/* SPDX-License-Identifier: MIT */
/* SETATTR, WRITE and COMMIT (RFC 1813, 3.3.2, 3.3.7 and 3.3.21): what changes one node. In a worker. */
#include <errno.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "nfs/nfs_call.h"
#include "nfs/nfs_change.h"
#include "nfs/nfs_status.h"

#define NANOSECONDS 1000000000u

static int set_time(const set_time3 *time, unsigned int to_given, unsigned int to_now,
		    struct timespec *out, unsigned int *valid)
{
	const nfstime3 *given = &time->set_time3_u.time;

	switch (time->set_it) {
	case SET_TO_SERVER_TIME:
		*valid |= to_now;
		return 0;
	case SET_TO_CLIENT_TIME:
		if (given->nseconds >= NANOSECONDS)
			return -EINVAL;
		*valid |= to_given;
		out->tv_sec = given->seconds;
		out->tv_nsec = given->nseconds;
		return 0;
	default:
		return 0;
	}
}

int nfs_set_of(const sattr3 *attributes, struct tree_setattr *out)
{
	struct tree_setattr set = {0};
	int err;

	if (attributes->mode.set_it) {
		set.valid |= TREE_SET_MODE;
		set.mode = attributes->mode.set_mode3_u.mode & ALLPERMS;
	}
	if (attributes->uid.set_it) {
		set.valid |= TREE_SET_UID;
		set.uid = attributes->uid.set_uid3_u.uid;
	}
	if (attributes->gid.set_it) {
		set.valid |= TREE_SET_GID;
		set.gid = attributes->gid.set_gid3_u.gid;
	}
	if (attributes->size.set_it) {
		set.valid |= TREE_SET_SIZE;
		set.size = attributes->size.set_size3_u.size;
	}
	err = set_time(&attributes->atime, TREE_SET_ATIME, TREE_SET_ATIME_NOW, &set.atime,
		       &set.valid);
	if (!err)
		err = set_time(&attributes->mtime, TREE_SET_MTIME, TREE_SET_MTIME_NOW, &set.mtime,
			       &set.valid);
	if (!err)
		*out = set;
	return err;
}

static int may_set(struct nfs_op *op, const struct tree_attr *attr, struct tree_setattr *set)
{
	if (set->valid & TREE_SET_SIZE && S_ISDIR(attr->mode))
		return -EISDIR;
	if (set->valid & TREE_SET_SIZE && !S_ISREG(attr->mode))
		return -EINVAL;
	return tree_access_data_setattr(op->tree, attr, &op->caller, set);
}

int nfs_set(struct nfs_op *op, uint64_t id, const struct tree_attr *attr, struct tree_setattr *set)
{
	int err = may_set(op, attr, set);

	if (err || !set->valid)
		return err;
	nfs_note_begin(op);
	err = tree_setattr(op->tree, id, set, NULL);
	nfs_note_end(op);
	return err;
}

static bool guard_holds(const sattrguard3 *guard, struct timespec ctime)
{
	const nfstime3 *wanted = &guard->sattrguard3_u.obj_ctime;

	ctime = nfs_time_clamp(ctime);
	return !guard->check ||
	       (ctime.tv_sec == wanted->seconds && ctime.tv_nsec == wanted->nseconds);
}

int nfs_setattr(struct nfs_op *op)
{
	const SETATTR3args *args = &op->args->setattr;
	struct tree_setattr set = {0};
	struct tree_attr attr;
	struct nfs_wcc wcc;
	bool out_of_sync = false;
	int err;

	nfs_calls_lock_node(op->lease->export->calls, op->id);
	err = nfs_wcc_before(op, op->id, &wcc);
	if (!err)
		err = tree_getattr(op->tree, op->id, &attr);
	if (!err)
		err = nfs_set_of(&args->new_attributes, &set);
	if (!err && !guard_holds(&args->guard, attr.ctime))
		out_of_sync = true;
	if (!err && !out_of_sync)
		err = nfs_set(op, op->id, &attr, &set);
	nfs_wcc_after(op, op->id, &wcc);
	nfs_calls_unlock_node(op->lease->export->calls, op->id);
	op->to_sync = !err && !out_of_sync;
	if (nfs_answer_wcc(op, err, &wcc))
		return -ENOMEM;
	if (out_of_sync)
		nfs_answer_status(op, NFS3ERR_NOT_SYNC);
	return 0;
}

/* WRITE --------------------------------------------------------------------------------------- */

struct writing {
	uint64_t offset;
	uint32_t stable; /* stable_how */
	const uint8_t *data;
	size_t len;
};

/* The data stay where they are: in the call. */
static bool take_writing(struct nfs_op *op, struct writing *out)
{
	struct nfs_args args = op->behind;
	uint32_t count;

	out->offset = nfs_take64(&args);
	count = nfs_take32(&args);
	out->stable = nfs_take32(&args);
	out->data = nfs_take_opaque(&args, NFS3_DATA_BOUND, &out->len);
	/* what is said twice must be the same; less data than said would be zeros of our making */
	return !args.bad && out->stable <= FILE_SYNC && count == out->len;
}

static int check_writable(struct nfs_op *op, const struct tree_attr *attr)
{
	if (S_ISDIR(attr->mode))
		return -EISDIR;
	if (!S_ISREG(attr->mode))
		return -EINVAL;
	return tree_access_data(op->tree, attr, &op->caller, TREE_MAY_WRITE);
}

static int write_data(struct nfs_op *op, const struct writing *writing)
{
	unsigned int flags = op->caller.privileged ? 0 : TREE_WRITE_DROP_PRIVILEGE;
	struct tree_attr attr;
	int err = tree_getattr(op->tree, op->id, &attr);

	if (!err)
		err = check_writable(op, &attr);
	if (!err && tree_access_drops_setgid(&attr, &op->caller))
		flags |= TREE_WRITE_DROP_SETGID;
	if (!err)
		err = tree_write(op->tree, op->id, writing->data, writing->len, writing->offset,
				 flags);
	return err;
}

int nfs_write(struct nfs_op *op)
{
	struct nfs_calls *calls = op->lease->export->calls;
	struct writing writing;
	struct nfs_wcc wcc;
	uint8_t *p;
	int err;

	if (!take_writing(op, &writing))
		return nfs_garbage(op);
	if (writing.len > op->transfer_max)
		writing.len = op->transfer_max;
	nfs_calls_lock_node(calls, op->id);
	err = nfs_wcc_before(op, op->id, &wcc);
	if (!err)
		err = write_data(op, &writing);
	nfs_wcc_after(op, op->id, &wcc);
	nfs_calls_unlock_node(calls, op->id);
	op->to_sync = !err && writing.stable != UNSTABLE;
	if (err)
		return nfs_answer_wcc(op, err, &wcc);
	p = nfs_answer(op, 0, NFS_WCC_BYTES + 4 * NFS_WORD);
	if (!p)
		return -ENOMEM;
	p = nfs_put_wcc(p, &wcc);
	p = nfs_put32(p, (uint32_t)writing.len);
	p = nfs_put32(p, writing.stable == UNSTABLE ? UNSTABLE : FILE_SYNC);
	return nfs_answered(op, nfs_put64(p, op->lease->export->verifier));
}

/* COMMIT -------------------------------------------------------------------------------------- */

int nfs_commit(struct nfs_op *op)
{
	struct nfs_args args = op->behind;
	struct tree_attr attr;
	struct nfs_wcc wcc;
	uint8_t *p;
	int err;

	nfs_take64(&args); /* the range: all that the tree has is made durable */
	nfs_take32(&args);
	if (args.bad)
		return nfs_garbage(op);
	err = tree_getattr(op->tree, op->id, &attr);
	op->to_sync = !err;
	nfs_wcc_unchanged(op, op->id, &wcc);
	if (err)
		return nfs_answer_wcc(op, err, &wcc);
	p = nfs_answer(op, 0, NFS_WCC_BYTES + 2 * NFS_WORD);
	if (!p)
		return -ENOMEM;
	return nfs_answered(op, nfs_put64(nfs_put_wcc(p, &wcc), op->lease->export->verifier));
}
