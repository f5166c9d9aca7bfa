/* SPDX-License-Identifier: MIT */
/* The FUSE session of one mount. Private to the mount room. */
#ifndef BRAMBLE_MOUNT_MOUNT_SESSION_H
#define BRAMBLE_MOUNT_MOUNT_SESSION_H

#include "mount/mount.h"
#include "mount/mount_end.h"
#include "mount/mount_ops.h"

/*
 * Mounts @server's tree at @path, which is resolved, and agrees with the kernel on what the mount can.
 * Errors are logged.
 */
int mount_session_open(char *path, const struct mount_options *options, struct mount_server *server,
		       struct mount_end *end);

/* Serves until the mount is gone or a signal comes. */
int mount_session_serve(struct mount_server *server);

/* Unmounts it, if it still is mounted. */
void mount_session_close(struct mount_server *server);

#endif
