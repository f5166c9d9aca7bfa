/* SPDX-License-Identifier: MIT */
/* POSIX ACLs of nodes: how they are inherited, follow a mode, and change it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "overlay/overlay_fs.h"

/* More entries than any file system takes; where an ACL is longer the operation fails. */
#define ACL_MAX 8192u

/* The directory's default ACL, or 0 bytes. */
static ssize_t read_default(struct overlay_txn *txn, uint64_t dir, void *acl)
{
	struct record_node node;
	ssize_t n = overlay_node_get(txn->ov, txn, dir, &node);

	if (n == 0)
		n = overlay_xattr_get(txn->ov, txn, dir, &node, TREE_ACL_DEFAULT, acl, ACL_MAX);
	return n == -ENODATA || n == -EOPNOTSUPP ? 0 : n;
}

int overlay_acl_inherit(struct overlay_txn *txn, uint64_t dir, uint32_t umask, uint64_t id,
			struct record_node *node)
{
	uint8_t acl[ACL_MAX];
	ssize_t n = read_default(txn, dir, acl);
	int kept, err = 0;

	if (n < 0)
		return (int)n;
	if (n == 0) {
		node->mode &= ~umask | S_IFMT;
		return 0;
	}
	if (S_ISDIR(node->mode))
		err = overlay_xattr_put(txn, id, node, TREE_ACL_DEFAULT, acl, (size_t)n);
	if (err)
		return err;
	kept = tree_acl_create(acl, (size_t)n, &node->mode);
	if (kept <= 0)
		return kept;
	return overlay_xattr_put(txn, id, node, TREE_ACL_ACCESS, acl, (size_t)n);
}

int overlay_acl_chmod(struct overlay_txn *txn, uint64_t id, struct record_node *node)
{
	uint8_t acl[ACL_MAX];
	ssize_t n;
	int err;

	if (S_ISLNK(node->mode))
		return 0;
	n = overlay_xattr_get(txn->ov, txn, id, node, TREE_ACL_ACCESS, acl, sizeof(acl));
	if (n < 0)
		return n == -ENODATA || n == -EOPNOTSUPP ? 0 : (int)n;
	err = tree_acl_chmod(acl, (size_t)n, node->mode);
	return err ? err : overlay_xattr_put(txn, id, node, TREE_ACL_ACCESS, acl, (size_t)n);
}

static int remove_acl(struct overlay_txn *txn, uint64_t id, struct record_node *node,
		      const char *name)
{
	int err = overlay_xattr_remove(txn, id, node, name);

	return err == -ENODATA ? 0 : err;
}

int overlay_acl_put(struct overlay_txn *txn, uint64_t id, struct record_node *node,
		    const char *name, const void *value, size_t len)
{
	const bool is_default = strcmp(name, TREE_ACL_DEFAULT) == 0;
	uint8_t acl[ACL_MAX];
	ssize_t n;
	int kept = 1;

	if (is_default && !S_ISDIR(node->mode))
		return len ? -EACCES : 0;
	if (len > sizeof(acl))
		return -E2BIG;
	n = tree_acl_take(value, len, acl);
	if (n < 0)
		return (int)n;
	if (n == 0)
		return remove_acl(txn, id, node, name);
	if (!is_default)
		kept = tree_acl_mode(acl, (size_t)n, &node->mode);
	if (kept < 0)
		return kept;
	if (kept == 0)
		return remove_acl(txn, id, node, name);
	return overlay_xattr_put(txn, id, node, name, acl, (size_t)n);
}
