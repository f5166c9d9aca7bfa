/* SPDX-License-Identifier: MIT */
/* CREATE, MKDIR, SYMLINK and MKNOD (RFC 1813, 3.3.8 to 3.3.11): what makes a node. In a worker. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "nfs/nfs_change.h"
#include "nfs/nfs_name.h"

/* What is to be made. */
struct making {
	uint32_t type; /* S_IFMT */
	const sattr3 *attributes; /* NULL: none are given (EXCLUSIVE) */
	createmode3 how;
	uint64_t verifier; /* of EXCLUSIVE */
	dev_t rdev;
	const char *target; /* of a symbolic link */
};

int nfs_answer_create(struct nfs_op *op, int err, uint64_t id, const struct nfs_wcc *wcc)
{
	struct nfs_attr attr;
	uint8_t *p;

	if (err)
		return nfs_answer_wcc(op, err, wcc);
	p = nfs_answer(op, 0, NFS_POST_FH_BYTES + NFS_POST_ATTR_BYTES + NFS_WCC_BYTES);
	if (!p)
		return -ENOMEM;
	nfs_attr_after(op, id, &attr);
	p = nfs_put_post_fh(p, &op->lease->seal, id);
	return nfs_answered(op, nfs_put_wcc(nfs_put_post_attr(p, &attr), wcc));
}

/*
 * What the new node is to have besides that cannot be given while it is made. The owner is whoever makes
 * it; root alone may say another one (the kernel's nfsd_create_setattr drops it for all others).
 */
static int set_further(struct nfs_op *op, const struct tree_attr *made, struct tree_setattr *set)
{
	set->valid &= ~(TREE_SET_MODE | TREE_SET_UID);
	/* a directory with setgid has given its group */
	if (!op->caller.privileged || set->gid == made->gid)
		set->valid &= ~TREE_SET_GID;
	if (!S_ISREG(made->mode) || set->size == made->size)
		set->valid &= ~TREE_SET_SIZE;
	return set->valid ? tree_setattr(op->tree, made->id, set, NULL) : 0;
}

/* setgid of a program is for members of its group (the kernel's mode_strip_sgid) */
static uint32_t mode_of(struct nfs_op *op, const struct tree_setattr *set, uint32_t type)
{
	const uint32_t mode = type | (set->valid & TREE_SET_MODE ? set->mode : 0);
	struct tree_attr dir;

	if (S_ISLNK(type))
		return type | ACCESSPERMS;
	if (op->caller.privileged || S_ISDIR(type) || !(mode & S_ISGID))
		return mode;
	if (tree_getattr(op->tree, op->id, &dir) == 0 && dir.mode & S_ISGID &&
	    !tree_caller_in_group(&op->caller, dir.gid))
		return mode & ~(uint32_t)S_ISGID;
	return mode;
}

static int make_node(struct nfs_op *op, const struct nfs_name *name, const struct making *making,
		     struct tree_setattr *set)
{
	const bool root = op->caller.privileged;
	const struct tree_new node = {
		.mode = mode_of(op, set, making->type),
		.uid = root && set->valid & TREE_SET_UID ? set->uid : op->caller.uid,
		.gid = root && set->valid & TREE_SET_GID ? set->gid : op->caller.gid,
		.rdev = making->rdev,
		.target = making->target,
	};
	struct tree_attr made;
	int err;

	if (making->how == EXCLUSIVE && op->running)
		nfs_calls_note_exclusive(op->running, making->verifier);
	nfs_note_begin(op);
	err = tree_create(op->tree, op->id, name->text, name->len, &node, &made);
	nfs_note_end(op);
	if (err)
		return err;
	op->outcome.id = made.id;
	if (making->how == EXCLUSIVE)
		op->outcome.verifier = making->verifier;
	return set_further(op, &made, set);
}

/*
 * There is something of this name, which needs no right to change the directory. UNCHECKED takes a file as
 * it is but for its size, if that is given, as knfsd does; EXCLUSIVE takes what the same call has made
 * before.
 */
static int take_present(struct nfs_op *op, uint64_t id, const struct making *making,
			struct tree_setattr *set)
{
	struct tree_attr attr;
	int err = tree_getattr(op->tree, id, &attr);

	if (err)
		return err;
	if (!S_ISREG(making->type) || !S_ISREG(attr.mode) || making->how == GUARDED)
		return -EEXIST;
	if (making->how == EXCLUSIVE &&
	    !nfs_calls_made(op->lease->export->calls, id, making->verifier))
		return -EEXIST;
	op->outcome.id = id;
	set->valid &= TREE_SET_SIZE;
	if (making->how == EXCLUSIVE || !set->valid)
		return 0;
	return nfs_set(op, id, &attr, set);
}

static int make(struct nfs_op *op, const filename3 *wanted, const struct making *making)
{
	struct tree_setattr set = {0};
	struct nfs_name name;
	uint64_t id;
	int err = nfs_name_of(wanted, &name);

	if (!err && making->attributes)
		err = nfs_set_of(making->attributes, &set);
	if (!err)
		err = nfs_may_search_dir(op, op->id);
	if (err)
		return err;
	err = tree_lookup(op->tree, op->id, name.text, name.len, &id);
	if (!err)
		return take_present(op, id, making, &set);
	if (err == -ENOENT)
		err = nfs_may_change_dir(op, op->id);
	if (!err && (S_ISCHR(making->type) || S_ISBLK(making->type)) && !op->caller.privileged)
		err = -EPERM; /* CAP_MKNOD */
	return err ? err : make_node(op, &name, making, &set);
}

static int make_in_order(struct nfs_op *op, const filename3 *wanted, const struct making *making)
{
	struct nfs_calls *calls = op->lease->export->calls;
	struct nfs_wcc wcc;
	int err;

	nfs_calls_lock_names(calls);
	err = nfs_wcc_before(op, op->id, &wcc);
	if (!err)
		err = make(op, wanted, making);
	nfs_wcc_after(op, op->id, &wcc);
	nfs_calls_unlock_names(calls);
	op->to_sync = !err;
	return nfs_answer_create(op, err, op->outcome.id, &wcc);
}

/* 0 means that there is none. */
static uint64_t verifier_of(const createverf3 given)
{
	uint64_t verifier;

	memcpy(&verifier, given, sizeof(verifier));
	return verifier ? verifier : UINT64_MAX;
}

int nfs_create(struct nfs_op *op)
{
	const CREATE3args *args = &op->args->create;
	struct making making = {.type = S_IFREG, .how = args->how.mode};

	if (making.how == EXCLUSIVE)
		making.verifier = verifier_of(args->how.createhow3_u.verf);
	else
		making.attributes = &args->how.createhow3_u.obj_attributes;
	return make_in_order(op, &args->where.name, &making);
}

int nfs_mkdir(struct nfs_op *op)
{
	const MKDIR3args *args = &op->args->mkdir;
	const struct making making = {
		.type = S_IFDIR, .attributes = &args->attributes, .how = GUARDED};

	return make_in_order(op, &args->where.name, &making);
}

int nfs_symlink(struct nfs_op *op)
{
	const SYMLINK3args *args = &op->args->symlink;
	const nfspath3 *path = &args->symlink.symlink_data;
	struct making making = {
		.type = S_IFLNK, .attributes = &args->symlink.symlink_attributes, .how = GUARDED};
	char target[TREE_LINK_MAX + 1];

	if (path->nfspath3_len > TREE_LINK_MAX)
		return nfs_fail(op, -ENAMETOOLONG);
	if (path->nfspath3_len == 0 || memchr(path->nfspath3_val, '\0', path->nfspath3_len))
		return nfs_fail(op, -EINVAL);
	memcpy(target, path->nfspath3_val, path->nfspath3_len);
	target[path->nfspath3_len] = '\0';
	making.target = target;
	return make_in_order(op, &args->where.name, &making);
}

int nfs_mknod(struct nfs_op *op)
{
	const MKNOD3args *args = &op->args->mknod;
	const devicedata3 *device = &args->what.mknoddata3_u.device;
	struct making making = {.how = GUARDED};

	switch (args->what.type) {
	case NF3CHR:
	case NF3BLK:
		making.type = args->what.type == NF3CHR ? S_IFCHR : S_IFBLK;
		making.attributes = &device->dev_attributes;
		making.rdev = makedev(device->spec.specdata1, device->spec.specdata2);
		break;
	case NF3SOCK:
	case NF3FIFO:
		making.type = args->what.type == NF3SOCK ? S_IFSOCK : S_IFIFO;
		making.attributes = &args->what.mknoddata3_u.pipe_attributes;
		break;
	default:
		if (nfs_fail(op, -EINVAL))
			return -ENOMEM;
		nfs_answer_status(op, NFS3ERR_BADTYPE);
		return 0;
	}
	return make_in_order(op, &args->where.name, &making);
}
