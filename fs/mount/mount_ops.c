/* SPDX-License-Identifier: MIT */
/*
 * Which requests are answered, and what is agreed upon with the kernel. No access: libfuse answers
 * ENOSYS, and where permissions count, the kernel checks them. No flush and no release: there is
 * nothing open here. No locks: the kernel has them, which all callers share.
 */
#include "mount/mount_ops.h"

/* Splicing was slower than copying in every measurement; it is never asked for. */
#define WANTED_CAPABILITIES                                                                        \
	(FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_EXPORT_SUPPORT |                      \
	 FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_PARALLEL_DIROPS |             \
	 FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT)

/*
 * The umask is for the tree to apply, since a default access control list takes its place. Pages stay
 * valid until we say otherwise.
 */
#define WANTED_WRITABLE (FUSE_CAP_DONT_MASK | FUSE_CAP_EXPLICIT_INVAL_DATA)

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	struct mount_server *server = userdata;

	conn->want = WANTED_CAPABILITIES & conn->capable;
	if (server->checked)
		conn->want |= FUSE_CAP_POSIX_ACL & conn->capable;
	if (server->writable)
		conn->want |= WANTED_WRITABLE & conn->capable;
	server->writeback =
		server->writable && server->writeback && conn->capable & FUSE_CAP_WRITEBACK_CACHE;
	if (server->writeback)
		conn->want |= FUSE_CAP_WRITEBACK_CACHE;
	conn->time_gran = 1;
}

#define READING_OPS                                                                                \
	.init = on_init, .lookup = mount_on_lookup, .getattr = mount_on_getattr,                   \
	.readlink = mount_on_readlink, .open = mount_on_open, .read = mount_on_read,               \
	.lseek = mount_on_lseek, .opendir = mount_on_open, .readdir = mount_on_readdir,            \
	.readdirplus = mount_on_readdirplus, .statfs = mount_on_statfs,                            \
	.getxattr = mount_on_getxattr, .listxattr = mount_on_listxattr

/* No forget: there is nothing to forget. */
const struct fuse_lowlevel_ops mount_read_only_ops = {
	READING_OPS,
};

/*
 * Create is for files without a name alone: where open is not answered, the kernel makes files by mknod, and
 * so it has nothing to release either.
 */
const struct fuse_lowlevel_ops mount_writable_ops = {
	READING_OPS,
	.forget = mount_on_forget,
	.forget_multi = mount_on_forget_multi,
	.setattr = mount_on_setattr,
	.mknod = mount_on_mknod,
	.create = mount_on_create,
	.mkdir = mount_on_mkdir,
	.unlink = mount_on_unlink,
	.rmdir = mount_on_rmdir,
	.symlink = mount_on_symlink,
	.rename = mount_on_rename,
	.link = mount_on_link,
	.write = mount_on_write,
	.fsync = mount_on_fsync,
	.fsyncdir = mount_on_fsync,
	.setxattr = mount_on_setxattr,
	.removexattr = mount_on_removexattr,
	.fallocate = mount_on_fallocate,
	.copy_file_range = mount_on_copy,
};
