/* SPDX-License-Identifier: MIT */
/*
 * Requests that make, move and remove names, and those by which the kernel forgets what the names led
 * it to. The kernel locks the directories meanwhile, so that a node which was just made still has its
 * name when it is held.
 */
#include "mount/mount_ops.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

/* Makes a node for the caller. On success @out holds it. */
static int make(fuse_req_t req, fuse_ino_t dir, const char *name, struct tree_new *node,
		struct fuse_entry_param *out)
{
	struct tree *tree = mount_begin(req, 0);
	struct mount_server *server = mount_server_of(req);
	const struct fuse_ctx *caller = fuse_req_ctx(req);
	struct tree_attr attr;
	int err;

	node->uid = caller->uid;
	node->gid = caller->gid;
	err = tree_create(tree, dir, name, strlen(name), node, &attr);
	if (err)
		return err;
	return mount_entry_fill_attr(server, &attr, mount_name_timeout(server, dir), out);
}

void mount_on_mknod(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, dev_t rdev)
{
	struct tree_new node = {
		.mode = mode,
		.umask = fuse_req_ctx(req)->umask,
		.rdev = rdev,
	};
	struct fuse_entry_param entry;
	int err = make(req, dir, name, &node, &entry);

	mount_reply_entry(req, err, &entry);
}

/*
 * Only files without a name (mount_io.c) are made and opened in one. The others are asked for here once: the
 * kernel remembers this answer, and makes files by mknod.
 */
void mount_on_create(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode,
		     struct fuse_file_info *fi)
{
	const struct fuse_ctx *caller = fuse_req_ctx(req);
	const struct tree_new node = {
		.mode = S_IFREG | (mode & ALLPERMS),
		.umask = caller->umask,
		.uid = caller->uid,
		.gid = caller->gid,
	};
	struct tree *tree = mount_begin(req, 0);
	struct fuse_entry_param entry;
	struct tree_attr attr;
	int err = -ENOSYS;

	if (strcmp(name, "/") == 0)
		err = tree_create_nameless(tree, dir, &node, &attr);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	mount_entry_fill_held(&attr, &entry);
	fi->keep_cache = 1;
	fi->noflush = 1;
	/* whoever asked was interrupted: the kernel has not counted it */
	if (fuse_reply_create(req, &entry, fi) != 0)
		tree_release(tree, attr.id, 1);
}

void mount_on_mkdir(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode)
{
	struct tree_new node = {
		.mode = S_IFDIR | (mode & ALLPERMS),
		.umask = fuse_req_ctx(req)->umask,
	};
	struct fuse_entry_param entry;
	int err = make(req, dir, name, &node, &entry);

	mount_reply_entry(req, err, &entry);
}

void mount_on_symlink(fuse_req_t req, const char *target, fuse_ino_t dir, const char *name)
{
	struct tree_new node = {.mode = S_IFLNK | ACCESSPERMS, .target = target};
	struct fuse_entry_param entry;
	int err = make(req, dir, name, &node, &entry);

	mount_reply_entry(req, err, &entry);
}

void mount_on_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t dir, const char *name)
{
	struct tree *tree = mount_begin(req, 0);
	struct mount_server *server = mount_server_of(req);
	struct fuse_entry_param entry;
	struct tree_attr attr;
	int err = tree_link(tree, ino, dir, name, strlen(name), &attr);

	if (!err)
		err = mount_entry_fill_attr(server, &attr, mount_name_timeout(server, dir), &entry);
	mount_reply_entry(req, err, &entry);
}

void mount_on_unlink(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	fuse_reply_err(req, -tree_unlink(mount_begin(req, 0), dir, name, strlen(name)));
}

void mount_on_rmdir(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	fuse_reply_err(req, -tree_rmdir(mount_begin(req, 0), dir, name, strlen(name)));
}

void mount_on_rename(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t new_dir,
		     const char *new_name, unsigned int flags)
{
	/* Of the flags the tree has the kernel's values, and refuses those that it does not know. */
	fuse_reply_err(req, -tree_rename(mount_begin(req, 0), dir, name, strlen(name), new_dir,
					 new_name, strlen(new_name), flags));
}

void mount_on_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	tree_release(mount_server_of(req)->tree, ino, count);
	fuse_reply_none(req);
}

void mount_on_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct tree *tree = mount_server_of(req)->tree;

	for (size_t i = 0; i < count; i++)
		tree_release(tree, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}
