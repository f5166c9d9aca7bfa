/* SPDX-License-Identifier: MIT */
/*
 * Requests that change nodes. What the kernel cannot see of a change, it is told: the mode that
 * changes with an access control list, or with a write that drops setuid.
 */
#include "mount/mount_ops.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"

#define COPY_BYTES 131072u /* at a time */
#define COPY_MAX_BYTES (32u << 20) /* in one request, so that the caller can be interrupted */
#define GROUPS_MAX 65536

/* The kernel asks again for the node's attributes. In the background of a request this may not lock. */
static void invalidate(fuse_req_t req, fuse_ino_t ino)
{
	/* Fails where the kernel does not know the node any more, and then does not matter. */
	(void)fuse_lowlevel_notify_inval_inode(mount_server_of(req)->session, ino, -1, 0);
}

static unsigned int set_of(int valid)
{
	static const struct {
		int from;
		unsigned int to;
	} bits[] = {
		{FUSE_SET_ATTR_MODE, TREE_SET_MODE},
		{FUSE_SET_ATTR_UID, TREE_SET_UID},
		{FUSE_SET_ATTR_GID, TREE_SET_GID},
		{FUSE_SET_ATTR_SIZE, TREE_SET_SIZE},
		{FUSE_SET_ATTR_ATIME, TREE_SET_ATIME},
		{FUSE_SET_ATTR_MTIME, TREE_SET_MTIME},
		{FUSE_SET_ATTR_CTIME, TREE_SET_CTIME},
		{FUSE_SET_ATTR_ATIME_NOW, TREE_SET_ATIME_NOW},
		{FUSE_SET_ATTR_MTIME_NOW, TREE_SET_MTIME_NOW},
		{FUSE_SET_ATTR_KILL_SUID, TREE_SET_DROP_PRIVILEGE},
	};
	unsigned int set = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		if (valid & bits[i].from)
			set |= bits[i].to;
	}
	/* "now" comes with the kernel's idea of it, which is the same clock. */
	if (set & TREE_SET_ATIME_NOW)
		set &= ~TREE_SET_ATIME;
	if (set & TREE_SET_MTIME_NOW)
		set &= ~TREE_SET_MTIME;
	return set;
}

/* Whether the caller has @gid among its groups; where that is not known it has not. */
static bool is_in_group(fuse_req_t req, gid_t gid)
{
	CLEANUP(freep) gid_t *groups = NULL;
	int count, got;

	if (fuse_req_ctx(req)->gid == gid)
		return true;
	count = fuse_req_getgroups(req, 0, NULL);
	if (count <= 0 || count > GROUPS_MAX)
		return false;
	groups = calloc((size_t)count, sizeof(*groups));
	if (!groups)
		return false;
	got = fuse_req_getgroups(req, count, groups);
	for (int i = 0; i < got && i < count; i++) {
		if (groups[i] == gid)
			return true;
	}
	return false;
}

/* As tree_access_drops_setgid. Asks for the caller's groups only where they matter. */
static bool drops_setgid(fuse_req_t req, const struct tree_attr *attr)
{
	return !S_ISDIR(attr->mode) && (attr->mode & (S_ISGID | S_IXGRP)) == S_ISGID &&
	       fuse_req_ctx(req)->uid != 0 && !is_in_group(req, attr->gid);
}

/*
 * Completes @set by what the kernel leaves to us. Of a chown that names neither an owner nor a group it
 * says nothing at all, and neither does it before it writes to a file that has to lose setuid or
 * capabilities. For that chown ext4 changes the ctime, and drops what every chown drops. Here root keeps
 * setuid, as it does when it writes; and what others ask for is not theirs to drop before they write.
 */
static int complete_set(fuse_req_t req, struct tree *tree, fuse_ino_t ino, struct tree_setattr *set)
{
	const bool names_none = !(set->valid & ~TREE_SET_CTIME);
	const uid_t caller = fuse_req_ctx(req)->uid;
	struct tree_attr attr;
	int err;

	if (!names_none && !(set->valid & TREE_SET_DROP_PRIVILEGE))
		return 0;
	err = tree_getattr(tree, ino, &attr);
	if (err)
		return err;
	if (drops_setgid(req, &attr))
		set->valid |= TREE_SET_DROP_SETGID;
	if (!names_none)
		return 0;
	if (caller == attr.uid && caller != 0) {
		set->valid |= TREE_SET_UID;
		set->uid = attr.uid;
	} else if (caller == 0 || S_ISDIR(attr.mode) || !(attr.mode & (S_ISUID | S_ISGID))) {
		set->valid |= TREE_SET_MODE;
		set->mode = attr.mode;
	}
	return 0;
}

void mount_on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int valid,
		      struct fuse_file_info *fi)
{
	struct tree *tree = mount_begin(req, 0);
	struct tree_setattr set = {
		.valid = set_of(valid),
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size = (uint64_t)st->st_size,
		.atime = st->st_atim,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};
	struct tree_attr attr;
	struct stat now;
	int err = complete_set(req, tree, ino, &set);

	(void)fi;
	if (!err && set.valid & ~TREE_SET_DROP_SETGID)
		err = tree_setattr(tree, ino, &set, &attr);
	else if (!err)
		err = tree_getattr(tree, ino, &attr);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	mount_attr_to_stat(&attr, &now);
	fuse_reply_attr(req, &now, MOUNT_FOREVER_SECONDS);
}

/* Whether @ino has setuid or setgid, which a change by those who may not keep them drops. */
static bool has_privilege(struct tree *tree, fuse_ino_t ino, struct tree_attr *out)
{
	return tree_getattr(tree, ino, out) == 0 && out->mode & (S_ISUID | S_ISGID);
}

void mount_on_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	struct tree *tree = mount_begin(req, size);
	struct mount_server *server = mount_server_of(req);
	bool drops = !fi->writepage && mount_drops_privilege(req);
	struct tree_attr attr;
	bool had = drops && has_privilege(tree, ino, &attr);
	unsigned int flags = (fi->writepage ? TREE_WRITE_WRITTEN_BACK : 0) |
			     (drops ? TREE_WRITE_DROP_PRIVILEGE : 0) |
			     (had && drops_setgid(req, &attr) ? TREE_WRITE_DROP_SETGID : 0);
	int err;

	atomic_fetch_add_explicit(&server->writes_begun, 1, memory_order_relaxed);
	err = tree_write(tree, ino, buf, size, (uint64_t)offset, flags);
	if (err && fi->writepage && server->ending)
		server->lost = err;
	atomic_fetch_add_explicit(&server->writes_done, 1, memory_order_relaxed);

	if (had)
		invalidate(req, ino);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_write(req, size);
}

/*
 * Drops what the caller may not keep of a file whose content it changed in another way than by a
 * write; root may.
 */
static int drop_privilege(fuse_req_t req, struct tree *tree, fuse_ino_t ino)
{
	struct tree_setattr set = {.valid = TREE_SET_DROP_PRIVILEGE};
	struct tree_attr attr;
	int err;

	if (!mount_server_of(req)->drops_privilege || fuse_req_ctx(req)->uid == 0 ||
	    !has_privilege(tree, ino, &attr))
		return 0;
	if (drops_setgid(req, &attr))
		set.valid |= TREE_SET_DROP_SETGID;
	err = tree_setattr(tree, ino, &set, NULL);
	invalidate(req, ino);
	return err;
}

void mount_on_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t len,
			struct fuse_file_info *fi)
{
	struct tree *tree = mount_begin(req, 0);
	int err = tree_fallocate(tree, ino, (unsigned int)mode, (uint64_t)offset, (uint64_t)len);

	(void)fi;
	if (!err)
		err = drop_privilege(req, tree, ino);
	fuse_reply_err(req, -err);
}

/* How many bytes could be copied, or why none. */
static ssize_t copy(struct tree *tree, char *buf, fuse_ino_t from, uint64_t from_offset,
		    fuse_ino_t to, uint64_t to_offset, uint64_t len)
{
	uint64_t done = 0;
	ssize_t n = 0;
	int err = 0;

	while (done < len) {
		n = tree_read(tree, from, buf, min_u64(COPY_BYTES, len - done), from_offset + done);
		if (n <= 0)
			break;
		err = tree_write(tree, to, buf, (size_t)n, to_offset + done, 0);
		if (err)
			break;
		done += (uint64_t)n;
	}
	if (done)
		return (ssize_t)done;
	return err ? err : n;
}

void mount_on_copy(fuse_req_t req, fuse_ino_t from, off_t from_offset, struct fuse_file_info *fi,
		   fuse_ino_t to, off_t to_offset, struct fuse_file_info *to_fi, size_t len,
		   int flags)
{
	struct tree *tree = mount_begin(req, len);
	char *buf = mount_buffer(req, COPY_BYTES);
	ssize_t n = -ENOMEM;
	int err;

	(void)fi;
	(void)to_fi;
	if (flags)
		n = -EINVAL;
	else if (buf)
		n = copy(tree, buf, from, (uint64_t)from_offset, to, (uint64_t)to_offset,
			 min_u64(len, COPY_MAX_BYTES));
	if (n > 0) {
		err = drop_privilege(req, tree, to);
		n = err ? err : n;
	}
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_write(req, (size_t)n);
}

/*
 * Whoever sets an access control list sets the mode with it, and must not keep setgid for a group
 * that is not its own. The kernel would tell, in a form that libfuse 3.14 cannot read.
 */
static int drop_setgid(fuse_req_t req, struct tree *tree, fuse_ino_t ino)
{
	struct tree_setattr set = {.valid = TREE_SET_MODE};
	struct tree_attr attr;
	int err;

	if (!mount_server_of(req)->checked || fuse_req_ctx(req)->uid == 0)
		return 0;
	err = tree_getattr(tree, ino, &attr);
	if (err || !(attr.mode & S_ISGID) || is_in_group(req, attr.gid))
		return err;
	set.mode = attr.mode & ALLPERMS & ~(mode_t)S_ISGID;
	return tree_setattr(tree, ino, &set, NULL);
}

void mount_on_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		       size_t size, int flags)
{
	struct tree *tree = mount_begin(req, 0);
	bool is_access = strcmp(name, TREE_ACL_ACCESS) == 0;
	int err = -EPERM;

	/* It would never be seen again. */
	if (!mount_server_is_xattr(ino, name))
		err = tree_setxattr(tree, ino, name, value, size, flags);
	if (!err && is_access)
		err = drop_setgid(req, tree, ino);
	if (is_access)
		invalidate(req, ino);
	fuse_reply_err(req, -err);
}

void mount_on_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	int err = tree_removexattr(mount_begin(req, 0), ino, name);

	if (strcmp(name, TREE_ACL_ACCESS) == 0)
		invalidate(req, ino);
	fuse_reply_err(req, -err);
}

/* One sync serves all nodes, directories as well, and those who wait for it at once share it. */
void mount_on_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	fuse_reply_err(req, -tree_sync(mount_begin(req, 0)));
}
