/* SPDX-License-Identifier: MIT */
/*
 * Changes of a tree: what is common to all kinds. The arguments are checked here, with the errors
 * that the kernel's VFS has for them; a tree that cannot be changed gives -EROFS.
 */
#include "tree/tree.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/checked.h"
#include "base/wait.h"
#include "tree/tree_private.h"

#define NANOSECONDS 1000000000L
#define NO_ID UINT32_MAX /* of users and groups: means nobody at all */

#define SET_ALL                                                                                    \
	(TREE_SET_MODE | TREE_SET_UID | TREE_SET_GID | TREE_SET_SIZE | TREE_SET_ATIME |            \
	 TREE_SET_MTIME | TREE_SET_CTIME | TREE_SET_ATIME_NOW | TREE_SET_MTIME_NOW |               \
	 TREE_SET_DROP_PRIVILEGE | TREE_SET_DROP_SETGID)
#define FALLOCATE_ALL (TREE_FALLOC_KEEP_SIZE | TREE_FALLOC_PUNCH_HOLE | TREE_FALLOC_ZERO_RANGE)

enum name_kind {
	NAME_ORDINARY,
	NAME_DOT,
	NAME_DOT_DOT,
};

bool tree_is_writable(const struct tree *tree)
{
	return tree->ops->create;
}

/* @can: the tree has an operation for it. Changes wait for one another, and for room. */
static int may_change(bool can)
{
	if (!can)
		return -EROFS;
	return wait_allowed() ? 0 : -EAGAIN;
}

/* Whether @name can be one at all; "." and ".." are for the caller to judge. */
static int check_name(const char *name, size_t len, enum name_kind *out_kind)
{
	if (len == 0)
		return -ENOENT;
	if (len > TREE_NAME_MAX)
		return -ENAMETOOLONG;
	if (memchr(name, '/', len) || memchr(name, '\0', len))
		return -EINVAL;
	*out_kind = NAME_ORDINARY;
	if (name[0] == '.' && len == 1)
		*out_kind = NAME_DOT;
	if (name[0] == '.' && len == 2 && name[1] == '.')
		*out_kind = NAME_DOT_DOT;
	return 0;
}

/* A name for what is not there yet. */
static int check_new_name(const char *name, size_t len)
{
	enum name_kind kind;
	int err = check_name(name, len, &kind);

	if (err)
		return err;
	return kind == NAME_ORDINARY ? 0 : -EEXIST;
}

static bool time_is_sound(const struct timespec *time)
{
	return time->tv_nsec >= 0 && time->tv_nsec < NANOSECONDS;
}

static int check_setattr(const struct tree_setattr *set)
{
	if (set->valid & ~SET_ALL)
		return -EINVAL;
	if (set->valid & TREE_SET_UID && set->uid == NO_ID)
		return -EINVAL;
	if (set->valid & TREE_SET_GID && set->gid == NO_ID)
		return -EINVAL;
	if (set->valid & TREE_SET_ATIME && !time_is_sound(&set->atime))
		return -EINVAL;
	if (set->valid & TREE_SET_MTIME && !time_is_sound(&set->mtime))
		return -EINVAL;
	if (set->valid & TREE_SET_CTIME && !time_is_sound(&set->ctime))
		return -EINVAL;
	if (set->valid & TREE_SET_SIZE && set->size > INT64_MAX)
		return -EFBIG;
	return 0;
}

int tree_setattr(struct tree *tree, uint64_t id, const struct tree_setattr *set,
		 struct tree_attr *out)
{
	struct tree_setattr sound = *set;
	struct tree_attr unused;
	int err = check_setattr(set);

	if (err)
		return err;
	err = may_change(tree->ops->setattr);
	if (err)
		return err;
	sound.mode &= ALLPERMS;
	return tree->ops->setattr(tree, id, &sound, out ? out : &unused);
}

static int check_new(const struct tree_new *node)
{
	if (node->uid == NO_ID || node->gid == NO_ID)
		return -EINVAL;
	switch (node->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFLNK:
		break;
	default:
		return -EINVAL;
	}
	if (!node->target)
		return -EINVAL;
	if (node->target[0] == '\0')
		return -ENOENT;
	return strlen(node->target) > TREE_LINK_MAX ? -ENAMETOOLONG : 0;
}

int tree_create(struct tree *tree, uint64_t dir, const char *name, size_t len,
		const struct tree_new *node, struct tree_attr *out)
{
	struct tree_new sound = *node;
	struct tree_attr unused;
	int err = check_new_name(name, len);

	if (!err)
		err = check_new(node);
	if (err)
		return err;
	err = may_change(tree->ops->create);
	if (err)
		return err;
	if (!S_ISCHR(node->mode) && !S_ISBLK(node->mode))
		sound.rdev = 0;
	if (!S_ISLNK(node->mode))
		sound.target = NULL;
	sound.mode &= S_IFMT | ALLPERMS;
	sound.umask &= ACCESSPERMS;
	return tree->ops->create(tree, dir, name, len, &sound, out ? out : &unused);
}

int tree_create_nameless(struct tree *tree, uint64_t dir, const struct tree_new *node,
			 struct tree_attr *out)
{
	struct tree_new sound = *node;
	int err = check_new(node);

	if (err)
		return err;
	if (!S_ISREG(node->mode))
		return -EINVAL;
	err = may_change(tree->ops->create);
	if (err)
		return err;
	if (!tree->ops->create_nameless)
		return -EOPNOTSUPP;
	sound.rdev = 0;
	sound.target = NULL;
	sound.mode &= S_IFMT | ALLPERMS;
	sound.umask &= ACCESSPERMS;
	return tree->ops->create_nameless(tree, dir, &sound, out);
}

int tree_link(struct tree *tree, uint64_t id, uint64_t dir, const char *name, size_t len,
	      struct tree_attr *out)
{
	struct tree_attr unused;
	int err = check_new_name(name, len);

	if (err)
		return err;
	err = may_change(tree->ops->link);
	if (err)
		return err;
	return tree->ops->link(tree, id, dir, name, len, out ? out : &unused);
}

int tree_unlink(struct tree *tree, uint64_t dir, const char *name, size_t len)
{
	enum name_kind kind;
	int err = check_name(name, len, &kind);

	if (err)
		return err;
	if (kind != NAME_ORDINARY)
		return -EISDIR;
	err = may_change(tree->ops->unlink);
	return err ? err : tree->ops->unlink(tree, dir, name, len);
}

int tree_rmdir(struct tree *tree, uint64_t dir, const char *name, size_t len)
{
	enum name_kind kind;
	int err = check_name(name, len, &kind);

	if (err)
		return err;
	if (kind == NAME_DOT)
		return -EINVAL;
	if (kind == NAME_DOT_DOT)
		return -ENOTEMPTY;
	err = may_change(tree->ops->rmdir);
	return err ? err : tree->ops->rmdir(tree, dir, name, len);
}

int tree_rename(struct tree *tree, uint64_t dir, const char *name, size_t len, uint64_t new_dir,
		const char *new_name, size_t new_len, unsigned int flags)
{
	enum name_kind kind, new_kind;
	int err;

	if (flags & ~(TREE_RENAME_NOREPLACE | TREE_RENAME_EXCHANGE) ||
	    flags == (TREE_RENAME_NOREPLACE | TREE_RENAME_EXCHANGE))
		return -EINVAL;
	err = check_name(name, len, &kind);
	if (!err)
		err = check_name(new_name, new_len, &new_kind);
	if (err)
		return err;
	if (kind != NAME_ORDINARY)
		return -EBUSY;
	if (new_kind != NAME_ORDINARY)
		return flags & TREE_RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	err = may_change(tree->ops->rename);
	if (err)
		return err;
	return tree->ops->rename(tree, dir, name, len, new_dir, new_name, new_len, flags);
}

int tree_write(struct tree *tree, uint64_t id, const void *buf, size_t len, uint64_t offset,
	       unsigned int flags)
{
	int err;

	if (flags & ~(TREE_WRITE_DROP_PRIVILEGE | TREE_WRITE_WRITTEN_BACK | TREE_WRITE_DROP_SETGID))
		return -EINVAL;
	err = may_change(tree->ops->write);
	if (err)
		return err;
	if (len == 0)
		return 0; /* changes nothing, not even a time */
	if (!range_fits(offset, len, INT64_MAX))
		return -EFBIG;
	return tree->ops->write(tree, id, buf, len, offset, flags);
}

int tree_fallocate(struct tree *tree, uint64_t id, unsigned int mode, uint64_t offset, uint64_t len)
{
	int err;

	if (offset > INT64_MAX || len == 0 || len > INT64_MAX)
		return -EINVAL;
	if (mode & ~FALLOCATE_ALL)
		return -EOPNOTSUPP;
	if (mode & TREE_FALLOC_PUNCH_HOLE &&
	    mode != (TREE_FALLOC_PUNCH_HOLE | TREE_FALLOC_KEEP_SIZE))
		return -EOPNOTSUPP;
	err = may_change(tree->ops->fallocate);
	if (err)
		return err;
	if (!range_fits(offset, len, INT64_MAX))
		return -EFBIG;
	return tree->ops->fallocate(tree, id, mode, offset, len);
}

int tree_xattr_name_check(const char *name)
{
	size_t len = strnlen(name, XATTR_NAME_MAX + 1);

	return len == 0 || len > XATTR_NAME_MAX ? -ERANGE : 0;
}

int tree_setxattr(struct tree *tree, uint64_t id, const char *name, const void *value, size_t len,
		  int flags)
{
	int err;

	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	err = tree_xattr_name_check(name);
	if (err)
		return err;
	if (len > TREE_XATTR_MAX)
		return -E2BIG;
	err = may_change(tree->ops->setxattr);
	if (err)
		return err;
	return tree->ops->setxattr(tree, id, name, value, len, flags);
}

int tree_removexattr(struct tree *tree, uint64_t id, const char *name)
{
	bool is_acl = strcmp(name, TREE_ACL_ACCESS) == 0 || strcmp(name, TREE_ACL_DEFAULT) == 0;
	int err = tree_xattr_name_check(name);

	if (err)
		return err;
	err = may_change(tree->ops->removexattr);
	if (err)
		return err;
	err = tree->ops->removexattr(tree, id, name);
	/* the kernel sets no ACL, which is no error where there is none */
	return err == -ENODATA && is_acl ? 0 : err;
}

int tree_sync(struct tree *tree)
{
	if (!tree->ops->sync)
		return 0;
	return wait_allowed() ? tree->ops->sync(tree) : -EAGAIN;
}

int tree_hold(struct tree *tree, uint64_t id)
{
	return tree->ops->hold ? tree->ops->hold(tree, id) : 0;
}

void tree_release(struct tree *tree, uint64_t id, uint64_t count)
{
	if (tree->ops->release)
		tree->ops->release(tree, id, count);
}
