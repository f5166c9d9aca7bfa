/* SPDX-License-Identifier: MIT */
/* Who may do what. Each function names the one of the kernel that it follows. */
#include "tree/tree_access.h"

#include <errno.h>
#include <linux/posix_acl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "tree/tree.h"
#include "tree/tree_acl_entry.h"
#include "tree/tree_private.h"

#define MAY_ALL (TREE_MAY_READ | TREE_MAY_WRITE | TREE_MAY_EXEC)

bool tree_caller_in_group(const struct tree_caller *caller, uint32_t gid)
{
	if (caller->gid == gid)
		return true;
	for (size_t i = 0; i < caller->groups_count; i++) {
		if (caller->groups[i] == gid)
			return true;
	}
	return false;
}

/* setattr_should_drop_sgid */
bool tree_access_drops_setgid(const struct tree_attr *attr, const struct tree_caller *caller)
{
	return !S_ISDIR(attr->mode) && (attr->mode & (S_ISGID | S_IXGRP)) == S_ISGID &&
	       !caller->privileged && !tree_caller_in_group(caller, attr->gid);
}

/* Whether the entry and the mask behind it, if there is one, give all of @wanted. */
static int check_masked(const void *acl, size_t len, size_t at, unsigned int wanted)
{
	unsigned int perm = tree_acl_entry(acl, at).perm;

	for (at += TREE_ACL_ENTRY; at < len; at += TREE_ACL_ENTRY) {
		const struct tree_acl_entry mask = tree_acl_entry(acl, at);

		if (mask.tag == ACL_MASK) {
			perm &= mask.perm;
			break;
		}
	}
	return wanted & ~perm ? -EACCES : 0;
}

/* posix_acl_permission */
static int check_acl(const struct tree_attr *attr, const void *acl, size_t len,
		     const struct tree_caller *caller, unsigned int wanted)
{
	bool in_group = false;

	if (!tree_acl_is_sound(acl, len))
		return -EIO;
	for (size_t at = TREE_ACL_HEAD; at < len; at += TREE_ACL_ENTRY) {
		const struct tree_acl_entry entry = tree_acl_entry(acl, at);

		switch (entry.tag) {
		case ACL_USER_OBJ:
		case ACL_MASK:
			break; /* the owner was judged by the mode */
		case ACL_USER:
			if (entry.id == caller->uid)
				return check_masked(acl, len, at, wanted);
			break;
		case ACL_GROUP_OBJ:
		case ACL_GROUP:
			if (!tree_caller_in_group(caller,
						  entry.tag == ACL_GROUP ? entry.id : attr->gid))
				break;
			in_group = true;
			/* one of the groups must give all of it */
			if (!(wanted & ~(unsigned int)entry.perm))
				return check_masked(acl, len, at, wanted);
			break;
		case ACL_OTHER:
			return in_group || wanted & ~(unsigned int)entry.perm ? -EACCES : 0;
		default:
			return -EIO;
		}
	}
	return -EIO;
}

/* acl_permission_check */
static int check_classes(const struct tree_attr *attr, const void *acl, size_t acl_len,
			 const struct tree_caller *caller, unsigned int wanted)
{
	if (attr->uid == caller->uid)
		return wanted & ~(attr->mode >> 6) ? -EACCES : 0;
	/* an ACL whose mask gives nothing is not looked at, nor are those that it would refuse */
	if (acl_len && attr->mode & S_IRWXG)
		return check_acl(attr, acl, acl_len, caller, wanted);
	if (tree_caller_in_group(caller, attr->gid))
		return wanted & ~(attr->mode >> 3) ? -EACCES : 0;
	return wanted & ~attr->mode ? -EACCES : 0;
}

/* generic_permission */
int tree_access_check(const struct tree_attr *attr, const void *acl, size_t acl_len,
		      const struct tree_caller *caller, unsigned int wanted)
{
	int err = check_classes(attr, acl, acl_len, caller, wanted & MAY_ALL);

	if (err != -EACCES || !caller->privileged)
		return err;
	/* nobody may execute what is executable for nobody */
	if (!S_ISDIR(attr->mode) && wanted & TREE_MAY_EXEC && !(attr->mode & 0111))
		return -EACCES;
	return 0;
}

/* The access ACL of a node: its length, 0 where it has none. */
static ssize_t read_acl(struct tree *tree, uint64_t id, uint8_t **out)
{
	CLEANUP(freep) uint8_t *acl = NULL;
	ssize_t n = tree_getxattr(tree, id, TREE_ACL_ACCESS, NULL, 0);

	if (n == 0 || n == -ENODATA || n == -EOPNOTSUPP)
		return 0;
	if (n < 0)
		return n;
	acl = malloc(TREE_XATTR_MAX);
	if (!acl)
		return -ENOMEM;
	n = tree_getxattr(tree, id, TREE_ACL_ACCESS, acl, TREE_XATTR_MAX);
	if (n == -ENODATA)
		return 0;
	if (n > 0)
		*out = TAKE(acl);
	return n;
}

ssize_t tree_access_acl(struct tree *tree, const struct tree_attr *attr,
			const struct tree_caller *caller, uint8_t **out)
{
	/*
	 * The owner's permissions are in the mode, and so are the group's where they are none. No ACL
	 * keeps the privileged from anything.
	 */
	if (attr->uid == caller->uid || !(attr->mode & S_IRWXG) || S_ISLNK(attr->mode) ||
	    caller->privileged)
		return 0;
	return read_acl(tree, attr->id, out);
}

int tree_access_node(struct tree *tree, const struct tree_attr *attr,
		     const struct tree_caller *caller, unsigned int wanted)
{
	CLEANUP(freep) uint8_t *acl = NULL;
	ssize_t n = tree_access_acl(tree, attr, caller, &acl);

	return n < 0 ? (int)n : tree_access_check(attr, acl, (size_t)n, caller, wanted);
}

int tree_access(struct tree *tree, uint64_t id, const struct tree_caller *caller,
		unsigned int wanted)
{
	struct tree_attr attr;
	int err = tree_getattr(tree, id, &attr);

	return err ? err : tree_access_node(tree, &attr, caller, wanted);
}

/* __check_sticky */
int tree_access_sticky(const struct tree_attr *dir, const struct tree_attr *node,
		       const struct tree_caller *caller)
{
	if (!(dir->mode & S_ISVTX) || caller->privileged || node->uid == caller->uid ||
	    dir->uid == caller->uid)
		return 0;
	return -EPERM;
}

/* may_delete */
int tree_access_remove(struct tree *tree, uint64_t dir, uint64_t id,
		       const struct tree_caller *caller)
{
	struct tree_attr above, node;
	int err = tree_getattr(tree, dir, &above);

	if (err)
		return err;
	err = tree_access_node(tree, &above, caller, TREE_MAY_WRITE | TREE_MAY_EXEC);
	if (err)
		return err;
	err = tree_getattr(tree, id, &node);
	return err ? err : tree_access_sticky(&above, &node, caller);
}

/* chown_ok, chgrp_ok */
static bool may_give_away(const struct tree_attr *attr, const struct tree_caller *caller,
			  const struct tree_setattr *set)
{
	bool owner = attr->uid == caller->uid;

	if (caller->privileged)
		return true;
	if (set->valid & TREE_SET_UID && !(owner && set->uid == attr->uid))
		return false;
	if (set->valid & TREE_SET_GID &&
	    !(owner && (set->gid == attr->gid || tree_caller_in_group(caller, set->gid))))
		return false;
	return true;
}

/* vfs_utimes: the present time for both is what writing would do, all else is for the owner. */
static bool is_touch(unsigned int valid)
{
	const unsigned int now = TREE_SET_ATIME_NOW | TREE_SET_MTIME_NOW;

	return (valid & now) == now &&
	       !(valid & (TREE_SET_ATIME | TREE_SET_MTIME | TREE_SET_CTIME));
}

/* setattr_prepare, may_setattr */
int tree_access_setattr(const struct tree_attr *attr, const void *acl, size_t acl_len,
			const struct tree_caller *caller, struct tree_setattr *set)
{
	const unsigned int times = TREE_SET_ATIME | TREE_SET_MTIME | TREE_SET_CTIME |
				   TREE_SET_ATIME_NOW | TREE_SET_MTIME_NOW;
	bool owner = caller->privileged || attr->uid == caller->uid;
	bool touch = is_touch(set->valid);
	uint32_t gid = set->valid & TREE_SET_GID ? set->gid : attr->gid;
	int err;

	if (!owner && (set->valid & TREE_SET_MODE || (set->valid & times && !touch)))
		return -EPERM;
	if (!may_give_away(attr, caller, set))
		return -EPERM;
	if (set->valid & TREE_SET_SIZE || (touch && !owner)) {
		err = tree_access_check(attr, acl, acl_len, caller, TREE_MAY_WRITE);
		if (err)
			return err;
	}
	if (caller->privileged)
		return 0;
	if (set->valid & TREE_SET_MODE && !tree_caller_in_group(caller, gid))
		set->mode &= ~(uint32_t)S_ISGID;
	if (set->valid & TREE_SET_SIZE)
		set->valid |= TREE_SET_DROP_PRIVILEGE;
	if (set->valid & (TREE_SET_UID | TREE_SET_GID | TREE_SET_SIZE) &&
	    tree_access_drops_setgid(attr, caller))
		set->valid |= TREE_SET_DROP_SETGID;
	return 0;
}
