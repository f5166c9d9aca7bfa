/* SPDX-License-Identifier: MIT */
/*
 * Copying out: attributes, in the one order that keeps them all. The owner first, because changing
 * it clears set-user-id bits and capabilities; then extended attributes, while the file still lets
 * its owner write; then the mode; the times last, because all else would change them.
 */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/log.h"
#include "view.h"

#define PROC_PATH_BYTES (sizeof("/proc/self/fd/-2147483648/") + TREE_NAME_MAX)

/* Where the attributes go: @fd if it is not -1, else @name in @dir_fd, no link followed. */
struct target {
	int dir_fd;
	const char *name;
	int fd;
};

static int set_owner(const struct target *t, uid_t uid, gid_t gid)
{
	int result = t->fd >= 0 ? fchown(t->fd, uid, gid)
				: fchownat(t->dir_fd, t->name, uid, gid, AT_SYMLINK_NOFOLLOW);

	return result < 0 ? -errno : 0;
}

/* What the user or the file system does not allow is no failure of the copy. */
static bool is_refusal(int err)
{
	return err == -EPERM || err == -EACCES || err == -ENOTSUP || err == -EINVAL ||
	       err == -ENOSYS;
}

/* @out_exact: the owner and group are those of the image. */
static int copy_owner(const struct target *t, const struct tree_attr *attr, bool *out_exact)
{
	int err = set_owner(t, attr->uid, attr->gid);

	*out_exact = err == 0;
	if (!is_refusal(err))
		return err;
	/* the group alone may be allowed */
	err = set_owner(t, (uid_t)-1, attr->gid);
	return is_refusal(err) ? 0 : err;
}

static int set_xattr(const struct target *t, const char *name, const void *value, size_t len)
{
	char path[PROC_PATH_BYTES];
	int result;

	if (t->fd >= 0) {
		result = fsetxattr(t->fd, name, value, len, 0);
	} else {
		/* there is no setxattrat() before Linux 6.13 */
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", t->dir_fd, t->name);
		result = lsetxattr(path, name, value, len, 0);
	}
	return result < 0 ? -errno : 0;
}

static int copy_xattrs(struct copy *copy, const struct target *t, uint64_t id)
{
	CLEANUP(freep) char *names = NULL;
	size_t names_len;
	int err = view_xattr_names(copy->tree, id, &names, &names_len);

	for (size_t i = 0; !err && i < names_len; i += strlen(names + i) + 1) {
		CLEANUP(freep) char *value = NULL;
		size_t len;

		err = view_xattr_value(copy->tree, id, names + i, &value, &len);
		if (err)
			return err;
		err = set_xattr(t, names + i, value, len);
		/* the destination's limit for one file, which looks like a full disk */
		if (err == -ENOSPC || err == -E2BIG) {
			copy_clear_progress(copy);
			log_warn("cp: attribute %s of inode %" PRIu64 " does not fit into the "
				 "destination: left out",
				 names + i, id);
			copy->failed = true;
			err = 0;
		}
		if (is_refusal(err)) {
			log_debug("cp: attribute %s is not allowed here: %s", names + i,
				  strerror(-err));
			err = 0;
		}
	}
	return err;
}

static int set_mode(const struct target *t, mode_t mode)
{
	int result = t->fd >= 0 ? fchmod(t->fd, mode)
				: fchmodat(t->dir_fd, t->name, mode, AT_SYMLINK_NOFOLLOW);

	return result < 0 ? -errno : 0;
}

int copy_attributes(struct copy *copy, const struct tree_attr *attr, int dir_fd, const char *name,
		    int fd)
{
	const struct target t = {.dir_fd = dir_fd, .name = name, .fd = fd};
	const struct timespec times[2] = {attr->atime, attr->mtime};
	mode_t mode = attr->mode & 07777;
	bool owner_exact;
	int result;
	int err = copy_owner(&t, attr, &owner_exact);

	if (!err)
		err = copy_xattrs(copy, &t, attr->id);
	/* never make somebody else's set-user-id program out of it */
	if (!owner_exact)
		mode &= (mode_t) ~(S_ISUID | S_ISGID);
	/* a link has no mode, and setting one would follow it */
	if (!err && !S_ISLNK(attr->mode))
		err = set_mode(&t, mode);
	if (err)
		return err;
	result =
		fd >= 0 ? futimens(fd, times) : utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW);
	return result < 0 ? -errno : 0;
}
