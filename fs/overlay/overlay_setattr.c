/* SPDX-License-Identifier: MIT */
/* Changing the attributes of a node, and the length of a file. */
#include <errno.h>
#include <sys/stat.h>

#include "overlay/overlay_fs.h"

static int set_owner(struct overlay_txn *txn, uint64_t id, const struct tree_setattr *set,
		     struct record_node *node)
{
	if (set->valid & TREE_SET_UID)
		node->uid = set->uid;
	if (set->valid & TREE_SET_GID)
		node->gid = set->gid;
	if (S_ISDIR(node->mode))
		return 0;
	/* chown(2): a program of another owner must not keep what it was trusted with */
	if (!(set->valid & TREE_SET_MODE))
		node->mode = overlay_mode_without_privilege(node->mode,
							    set->valid & TREE_SET_DROP_SETGID);
	return overlay_xattr_drop_capability(txn, id, node);
}

static int set_mode(struct overlay_txn *txn, uint64_t id, uint32_t mode, struct record_node *node)
{
	node->mode = (node->mode & S_IFMT) | (mode & ALLPERMS);
	return overlay_acl_chmod(txn, id, node);
}

static int set_size(struct overlay_txn *txn, uint64_t id, const struct tree_setattr *set,
		    struct record_node *node)
{
	int err = overlay_xattr_drop_capability(txn, id, node);

	if (err)
		return err;
	node->mtime = txn->now;
	return overlay_file_resize(txn, id, node, set->size);
}

static void set_times(const struct overlay_txn *txn, const struct tree_setattr *set,
		      struct record_node *node)
{
	if (set->valid & TREE_SET_ATIME)
		node->atime = set->atime;
	if (set->valid & TREE_SET_ATIME_NOW)
		node->atime = txn->now;
	if (set->valid & TREE_SET_MTIME)
		node->mtime = set->mtime;
	if (set->valid & TREE_SET_MTIME_NOW)
		node->mtime = txn->now;
	node->ctime = set->valid & TREE_SET_CTIME ? set->ctime : txn->now;
}

static int check_size(const struct record_node *node)
{
	if (S_ISDIR(node->mode))
		return -EISDIR;
	return S_ISREG(node->mode) ? 0 : -EINVAL;
}

static int set_in(struct overlay_txn *txn, uint64_t id, const struct tree_setattr *set,
		  struct record_node *node)
{
	const uint64_t old_size = node->size;
	int err = 0;

	if (set->valid & TREE_SET_SIZE)
		err = check_size(node);
	if (!err && set->valid & (TREE_SET_UID | TREE_SET_GID))
		err = set_owner(txn, id, set, node);
	if (!err && set->valid & TREE_SET_MODE)
		err = set_mode(txn, id, set->mode, node);
	if (!err && set->valid & TREE_SET_SIZE)
		err = set_size(txn, id, set, node);
	if (err)
		return err;
	if (set->valid & TREE_SET_DROP_PRIVILEGE && !(set->valid & TREE_SET_MODE))
		node->mode = overlay_mode_without_privilege(node->mode,
							    set->valid & TREE_SET_DROP_SETGID);
	set_times(txn, set, node);
	err = overlay_node_put(txn, id, node);
	if (!err)
		err = overlay_txn_note(txn, id);
	return err ? err : overlay_txn_commit(txn, node->size < old_size);
}

int overlay_setattr(struct tree *tree, uint64_t id, const struct tree_setattr *set,
		    struct tree_attr *out)
{
	struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct overlay *ov = overlay_of(tree);
	const bool resizes = set->valid & TREE_SET_SIZE;
	struct record_node node;
	int err;

	if (resizes)
		overlay_file_lock(ov, id);
	err = overlay_txn_begin(ov, &txn);
	if (!err)
		err = overlay_node_get(ov, &txn, id, &node);
	if (!err)
		err = set_in(&txn, id, set, &node);
	overlay_txn_end(&txn);
	if (resizes)
		overlay_file_unlock(ov, id);
	return err ? err : overlay_node_attr(ov, id, &node, out);
}
