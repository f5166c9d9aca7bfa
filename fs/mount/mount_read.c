/* SPDX-License-Identifier: MIT */
/*
 * Requests that change nothing. The kernel may keep what it gets: timeouts without end, and no open
 * or opendir, which ENOSYS turns into kept pages and listings. Errors are passed on as they are; only
 * -ENOENT of a lookup is a fact that may be cached.
 */
#include "mount/mount_ops.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"

#define ABSENT_XATTRS 256u /* questions in vain before it is looked whether there are any */

void mount_on_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct tree *tree = mount_begin(req, 0);
	struct mount_server *server = mount_server_of(req);
	struct fuse_entry_param entry = {.entry_timeout = mount_name_timeout(server, dir)};
	uint64_t id;
	int err = tree_lookup(tree, dir, name, strlen(name), &id);

	if (!err)
		err = mount_entry_fill(server, id, entry.entry_timeout, &entry);
	else if (err == -ENOENT && entry.entry_timeout > 0)
		err = 0; /* no ino: surely absent, may be cached */
	mount_reply_entry(req, err, &entry);
}

void mount_on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct tree_attr attr;
	struct stat st;
	int err = tree_getattr(mount_begin(req, 0), ino, &attr);

	(void)fi;
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	mount_attr_to_stat(&attr, &st);
	fuse_reply_attr(req, &st, MOUNT_FOREVER_SECONDS);
}

void mount_on_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[TREE_LINK_MAX + 1];
	ssize_t n = tree_readlink(mount_begin(req, 0), ino, target, TREE_LINK_MAX);

	if (n < 0) {
		fuse_reply_err(req, (int)-n);
		return;
	}
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

void mount_on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		   struct fuse_file_info *fi)
{
	struct tree *tree = mount_begin(req, size);
	char *buf = mount_buffer(req, size);
	ssize_t n = -ENOMEM;

	(void)fi;
	if (buf)
		n = tree_read(tree, ino, buf, size, (uint64_t)offset);
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

void mount_on_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
		    struct fuse_file_info *fi)
{
	struct tree *tree = mount_begin(req, 0);
	uint64_t at;
	int err = -ENXIO;

	(void)fi;
	/*
	 * What the kernel has collected may fill a hole here. It then takes all for data, and asks no
	 * more; it would not write its pages first.
	 */
	if (mount_server_of(req)->writeback)
		err = -ENOSYS;
	else if (offset >= 0)
		err = tree_seek(tree, ino, (uint64_t)offset, whence, &at);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_lseek(req, (off_t)at);
}

/*
 * No open, no opendir: the kernel remembers this answer, keeps pages and listings, and asks no more.
 * libfuse 3.14 does not give it by itself where the functions are missing.
 */
void mount_on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS);
}

void mount_on_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct tree_statfs from;
	struct statvfs st;
	int err = tree_statfs(mount_begin(req, 0), ino, &from);

	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	st = (struct statvfs){
		.f_bsize = from.block_size,
		.f_frsize = from.block_size,
		.f_blocks = from.blocks,
		.f_bfree = from.blocks_free,
		.f_bavail = from.blocks_available,
		.f_files = from.files,
		.f_ffree = from.files_free,
		.f_favail = from.files_free,
		.f_fsid = from.fsid,
		.f_namemax = from.name_max,
	};
	fuse_reply_statfs(req, &st);
}

/* @n bytes in @buf, or an error, or with @size 0 a length. */
static void reply_xattr(fuse_req_t req, const char *buf, size_t size, ssize_t n)
{
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else if ((size_t)n > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

/*
 * ls -l asks each file for its ACL and its label until it hears that there are none here; each such
 * question is a round trip. Where modes count the kernel asks for ACLs itself, once, and takes an
 * error for a refusal. Where one can be set, setfacl would take it for one, too.
 */
static bool is_unsupported(struct mount_server *server, const char *name)
{
	bool is_acl = strcmp(name, TREE_ACL_ACCESS) == 0 || strcmp(name, TREE_ACL_DEFAULT) == 0;

	if (strcmp(name, "security.selinux") != 0 &&
	    (!is_acl || server->checked || server->writable))
		return false;
	/* only where many ask is it worth to look at all nodes */
	if (atomic_fetch_add_explicit(&server->absent_xattrs, 1, memory_order_relaxed) <
	    ABSENT_XATTRS)
		return false;
	if (!is_acl)
		return tree_lacks_xattr(server->tree, name);
	/* ls takes the answer to one for both */
	return tree_lacks_xattr(server->tree, TREE_ACL_ACCESS) &&
	       tree_lacks_xattr(server->tree, TREE_ACL_DEFAULT);
}

/* Of an attribute that is not there: what the kernel says of names that none can have. */
static ssize_t absent_xattr(const char *name)
{
	static const char *const families[] = {"user.", "trusted.", "security."};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (strcmp(name, families[i]) == 0)
			return -EINVAL;
	}
	if (strncmp(name, "system.", strlen("system.")) == 0 &&
	    strcmp(name, TREE_ACL_ACCESS) != 0 && strcmp(name, TREE_ACL_DEFAULT) != 0)
		return -EOPNOTSUPP;
	return -ENODATA;
}

void mount_on_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct tree *tree = mount_begin(req, 0);
	struct mount_server *server = mount_server_of(req);
	size_t room = size > MOUNT_SERVER_XATTR_BYTES ? size : MOUNT_SERVER_XATTR_BYTES;
	char *buf = mount_buffer(req, room);
	ssize_t n = -ENOMEM;

	if (buf && mount_server_is_xattr(ino, name))
		n = mount_server_describe(server->result, buf, room);
	else if (buf)
		n = tree_getxattr(tree, ino, name, buf, size);
	if (n == -ENODATA)
		n = is_unsupported(server, name) ? -EOPNOTSUPP : absent_xattr(name);
	reply_xattr(req, buf, size, n);
}

/* Takes out of @len bytes of names those that begin with @prefix; returns how many bytes are left. */
static size_t leave_out(char *names, size_t len, const char *prefix)
{
	size_t left = 0;

	for (size_t at = 0, name_len; at < len; at += name_len) {
		name_len = strnlen(names + at, len - at - 1) + 1;
		if (strncmp(names + at, prefix, strlen(prefix)) == 0)
			continue;
		memmove(names + left, names + at, name_len);
		left += name_len;
	}
	return left;
}

void mount_on_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct tree *tree = mount_begin(req, 0);
	char *buf = mount_buffer(req, XATTR_LIST_MAX);
	ssize_t n = -ENOMEM;

	if (buf)
		n = tree_listxattr(tree, ino, buf, XATTR_LIST_MAX);
	/* Only root may read them, and the kernel leaves it to file systems to say so. */
	if (n > 0 && fuse_req_ctx(req)->uid != 0)
		n = (ssize_t)leave_out(buf, (size_t)n, "trusted.");
	reply_xattr(req, buf, size, n);
}
