/* SPDX-License-Identifier: MIT */
/*
 * The mount namespace that mount(8) was told to mount in. Only what has to be done there is done
 * there, by threads that live no longer: where the overlay lies is a question of this process's own
 * namespace, and there its paths may lead to another one. Private to the mount room.
 */
#ifndef BRAMBLE_MOUNT_MOUNT_NAMESPACE_H
#define BRAMBLE_MOUNT_MOUNT_NAMESPACE_H

#define MOUNT_NAMESPACE_OWN (-1)

/* @name: a file or a process's number. Errors are logged. */
int mount_namespace_open(const char *name, int *out_fd);

/*
 * Calls @act in the namespace @fd, or just here with MOUNT_NAMESPACE_OWN, and returns what it returns.
 * That the namespace cannot be entered is logged.
 */
int mount_namespace_run(int fd, int (*act)(void *ctx), void *ctx);

#endif
