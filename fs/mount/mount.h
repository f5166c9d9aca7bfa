/* SPDX-License-Identifier: MIT */
/* struct tree at a mount point, by libfuse3's low-level API. The front door of the mount room. */
#ifndef BRAMBLE_MOUNT_MOUNT_H
#define BRAMBLE_MOUNT_MOUNT_H

#include <stdbool.h>

#include "tree/tree.h"

/*
 * Where the tree comes from. Threads and databases do not survive a fork, so that all of this happens in
 * the process that serves the mount, and in the mount namespace that it was started in.
 */
struct mount_source {
	void *ctx;

	/* Gives the tree to show, which stays owned by the source. Errors are logged in there. */
	int (*open)(void *ctx, struct tree **out);

	/* Releases what open made. An error (logged in there): not all that was changed is durable. */
	int (*close)(void *ctx);
};

struct mount_options {
	const char *fsname; /* what mount(8) shows as the source: the image's path */
	const char *subtype; /* NULL: "bramble" */
	const char *fuse_options; /* further options for libfuse, comma-separated; or NULL */
	const char
		*namespace; /* the mount namespace: a file or a process's number; NULL: this one */
	bool writable; /* the tree can be changed, by this mount alone */
	bool writeback; /* the kernel collects small writes; for a writable mount */
	bool allow_other; /* implies default_permissions */
	bool default_permissions;
	bool nonempty; /* mount over a directory that is not empty */
	bool foreground; /* stay; else the process goes to the background once it is mounted */
	bool debug;
};

/*
 * Mounts the tree of @source at @dir and serves it until it is unmounted or a SIGINT, SIGTERM or
 * SIGHUP arrives; then closes @source. In the background case the caller's process ends in here, with
 * exit status 0 when the mount is ready, and a child of it returns. Errors are logged: what prevents
 * the mount, what ends it, and what was not saved.
 */
int mount_run(const struct mount_source *source, const char *dir,
	      const struct mount_options *options);

/*
 * Unmounts @dir and waits until the process that served it has saved all and ended. -EINVAL (logged):
 * not a mount point of bramble; -EBUSY (logged): in use, unless @lazy; -EIO (logged): unmounted, but
 * not all could be saved, or whether it was is not known.
 */
int mount_umount(const char *dir, bool lazy);

#endif
