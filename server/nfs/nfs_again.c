/* SPDX-License-Identifier: MIT */
/*
 * The answer to a call that was carried out before: the status it had, with the attributes that are there
 * now. Those from before the change are not known any more.
 */
#include <errno.h>

#include "nfs/nfs_name.h"
#include "nfs/nfs_server.h"

/* Which procedure it is: the call itself says so. */
enum {
	SETATTR = 2,
	REMOVE = 12,
	RMDIR = 13,
	RENAME = 14,
	LINK = 15,
};

static int again_rename(struct nfs_op *op)
{
	struct nfs_wcc from = {0}, to = {0};
	uint64_t dir;

	nfs_wcc_after(op, op->id, &from);
	if (nfs_other_handle(op, &op->args->rename.to.dir, &dir) == 0)
		nfs_wcc_after(op, dir, &to);
	return nfs_answer_rename(op, 0, &from, &to);
}

static int again_link(struct nfs_op *op)
{
	struct nfs_wcc wcc = {0};
	uint64_t dir;

	if (nfs_other_handle(op, &op->args->link.link.dir, &dir) == 0)
		nfs_wcc_after(op, dir, &wcc);
	return nfs_answer_link(op, 0, &wcc);
}

int nfs_again(struct nfs_op *op)
{
	const nfsstat3 status = (nfsstat3)op->outcome.status;
	struct nfs_wcc wcc = {0};
	int err;

	switch (op->call->procedure) {
	case RENAME:
		err = again_rename(op);
		break;
	case LINK:
		err = again_link(op);
		break;
	case SETATTR:
	case REMOVE:
	case RMDIR:
		nfs_wcc_after(op, op->id, &wcc);
		err = nfs_answer_wcc(op, 0, &wcc);
		break;
	default:
		nfs_wcc_after(op, op->id, &wcc);
		if (status == NFS3_OK)
			return nfs_answer_create(op, 0, op->outcome.id, &wcc);
		err = nfs_answer_wcc(op, 0, &wcc);
	}
	if (!err)
		nfs_answer_status(op, status);
	return err;
}
