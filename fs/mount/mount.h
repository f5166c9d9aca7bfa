/* SPDX-License-Identifier: MIT */
/* struct tree at a mount point, by libfuse3's low-level API. The front door of the mount room. */
#ifndef BRAMBLE_MOUNT_MOUNT_H
#define BRAMBLE_MOUNT_MOUNT_H

#include <stdbool.h>

#include "tree/tree.h"

struct mount_options {
	const char *fsname; /* what mount(8) shows as the source: the image's path */
	const char *subtype; /* NULL: "bramble" */
	const char *fuse_options; /* further options for libfuse, comma-separated; or NULL */
	bool allow_other; /* implies default_permissions */
	bool default_permissions;
	bool nonempty; /* mount over a directory that is not empty */
	bool foreground; /* stay; else the process goes to the background once it is mounted */
	bool debug;
};

/*
 * Mounts @tree, which is borrowed, read-only at @dir and serves it until it is unmounted or a
 * SIGINT, SIGTERM or SIGHUP arrives. In the background case the caller's process ends in here, with
 * exit status 0 when the mount is ready. Errors before that are logged and returned.
 */
int mount_run(struct tree *tree, const char *dir, const struct mount_options *options);

/*
 * Unmounts @dir and waits until the process that served it has ended. -EINVAL (logged): not a mount
 * point of bramble; -EBUSY (logged): in use, unless @lazy.
 */
int mount_umount(const char *dir, bool lazy);

#endif
