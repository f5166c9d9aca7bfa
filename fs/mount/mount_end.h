/* SPDX-License-Identifier: MIT */
/*
 * SIGINT, SIGTERM and SIGHUP end a mount: one thread waits for them, so that what the kernel has not
 * written back yet can be written while the mount is still served. Private to the mount room.
 */
#ifndef BRAMBLE_MOUNT_MOUNT_END_H
#define BRAMBLE_MOUNT_MOUNT_END_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

struct fuse_session;
struct mount_server;

struct mount_end {
	pthread_t thread;
	pthread_t waiting; /* the thread that waits for the session's end */
	sigset_t signals;
	pthread_mutex_t lock;
	struct fuse_session *session; /* borrowed; NULL: a signal ends the process */
	struct mount_server *server; /* borrowed */
	const char *path; /* borrowed: where it is mounted */
	int err; /* once it is stopped: why what was written last is lost; or 0 */
	_Atomic bool over;
};

/* To be called before there are other threads. Signals are blocked from now on. */
int mount_end_start(struct mount_end *end);

/*
 * From now on a signal ends @session, which serves @server's tree at @path, after all that was changed
 * there was written back.
 */
void mount_end_set(struct mount_end *end, struct fuse_session *session, struct mount_server *server,
		   const char *path);

/*
 * The session is not served any more, and may be destroyed. Signals stay blocked: what follows must
 * not be cut short. Does nothing the second time.
 */
void mount_end_stop(struct mount_end *end);

#endif
