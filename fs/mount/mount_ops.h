/* SPDX-License-Identifier: MIT */
/* FUSE requests answered from a tree. Private to the mount room. */
#ifndef BRAMBLE_MOUNT_MOUNT_OPS_H
#define BRAMBLE_MOUNT_MOUNT_OPS_H

#define FUSE_USE_VERSION 314

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "mount/mount_place.h"
#include "tree/tree.h"

/*
 * An attribute of a mount's root that no listing shows and no tree holds: "PID NAMESPACE" of the
 * process that serves the mount, so that `bramble umount` can wait for its end.
 */
#define MOUNT_SERVER_XATTR "user.bramble.server"

struct mount_server {
	struct tree *tree; /* borrowed */
	pthread_key_t threads; /* what each thread keeps from one request to the next */
	struct mount_place place;
	_Atomic unsigned int absent_xattrs; /* questions for attributes that were not there */
	bool checked; /* modes count, so that the kernel has to know of ACLs too */
};

/* What all requests are answered by; the session's userdata is a struct mount_server. */
extern const struct fuse_lowlevel_ops mount_ops;

int mount_server_init(struct mount_server *server, struct tree *tree, bool checked);

/* What the calling thread keeps goes too; other threads must have ended. */
void mount_server_finish(struct mount_server *server);

/* The text of MOUNT_SERVER_XATTR for this process. */
ssize_t mount_server_describe(char *text, size_t size);

#endif
