/* SPDX-License-Identifier: MIT */
/* Setting and removing extended attributes, by the rules of the kernel. */
#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/checked.h"
#include "overlay/overlay_fs.h"

static bool is_acl(const char *name)
{
	return strcmp(name, TREE_ACL_ACCESS) == 0 || strcmp(name, TREE_ACL_DEFAULT) == 0;
}

/* The rules of the kernel's xattr_permission, as far as they are not permissions. */
static int check_name(const char *name, const struct record_node *node)
{
	static const char *const prefixes[] = {"user.", "trusted.", "security."};

	if (is_acl(name))
		return S_ISLNK(node->mode) ? -EOPNOTSUPP : 0;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		const size_t len = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], len) != 0)
			continue;
		if (name[len] == '\0')
			return -EINVAL;
		if (i == 0 && !S_ISREG(node->mode) && !S_ISDIR(node->mode))
			return -EPERM;
		return 0;
	}
	return -EOPNOTSUPP;
}

/* No more names than listxattr(2) can return. */
static int check_room(struct tree *tree, uint64_t id, const char *name)
{
	ssize_t used = overlay_listxattr(tree, id, NULL, 0);

	if (used < 0)
		return (int)used;
	return (size_t)used + strlen(name) + 1 > XATTR_LIST_MAX ? -ENOSPC : 0;
}

int overlay_setxattr(struct tree *tree, uint64_t id, const char *name, const void *value,
		     size_t len, int flags)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct overlay *ov = overlay_of(tree);
	struct record_node node;
	ssize_t old;
	int err = overlay_txn_begin(ov, &txn);

	if (!err)
		err = overlay_node_get(ov, &txn, id, &node);
	if (!err)
		err = check_name(name, &node);
	if (err)
		return err;
	old = overlay_xattr_get(ov, &txn, id, &node, name, NULL, 0);
	if (old < 0 && old != -ENODATA)
		return (int)old;
	if (old >= 0 && flags & XATTR_CREATE)
		return -EEXIST;
	if (old < 0 && flags & XATTR_REPLACE)
		return -ENODATA;
	err = old < 0 ? check_room(tree, id, name) : 0;
	if (err)
		return err;
	if (is_acl(name))
		err = overlay_acl_put(&txn, id, &node, name, value, len);
	else
		err = overlay_xattr_put(&txn, id, &node, name, value, len);
	node.ctime = txn.now;
	if (!err)
		err = overlay_node_put(&txn, id, &node);
	return err ? err : overlay_txn_commit(&txn, false);
}

int overlay_removexattr(struct tree *tree, uint64_t id, const char *name)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct overlay *ov = overlay_of(tree);
	struct record_node node;
	int err = overlay_txn_begin(ov, &txn);

	if (!err)
		err = overlay_node_get(ov, &txn, id, &node);
	if (!err)
		err = check_name(name, &node);
	if (!err)
		err = overlay_xattr_remove(&txn, id, &node, name);
	if (err == -ENODATA && is_acl(name))
		return 0; /* as the kernel: there is none, which was wanted */
	if (err)
		return err;
	node.ctime = txn.now;
	err = overlay_node_put(&txn, id, &node);
	return err ? err : overlay_txn_commit(&txn, true);
}
