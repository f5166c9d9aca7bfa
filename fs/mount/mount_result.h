/* SPDX-License-Identifier: MIT */
/*
 * How a mount ended, told by the process that served it to those who wait for it. They connect to a
 * socket while it is mounted and read from it what comes when all is saved; if the process dies
 * before, the connection breaks. There is no file that could become stale. Private to the mount room.
 */
#ifndef BRAMBLE_MOUNT_MOUNT_RESULT_H
#define BRAMBLE_MOUNT_MOUNT_RESULT_H

#include <stddef.h>
#include <sys/types.h>

#define MOUNT_RESULT_NAME_BYTES 32
#define MOUNT_RESULT_BYTES 256

/* The serving side ------------------------------------------------------------------------------ */

/* A socket and its @name, in printable letters. */
int mount_result_listen(int *out_fd, char name[MOUNT_RESULT_NAME_BYTES]);

/* Tells all who wait that the mount ended with @err: 0 or a negative errno. */
void mount_result_tell(int fd, int err);

/* The waiting side ------------------------------------------------------------------------------ */

/*
 * Connects to the socket @name of the process @pid, without waiting. -ECONNREFUSED: it is not to be
 * reached from here; in another network namespace the name may be another's.
 */
int mount_result_connect(const char *name, pid_t pid, int *out_fd);

/*
 * Waits for the end. 0: all is saved. -EIO: it is not, and @why says why. -ECONNRESET: the process
 * died without a word.
 */
int mount_result_await(int fd, char why[MOUNT_RESULT_BYTES]);

#endif
