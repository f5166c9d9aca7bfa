/* SPDX-License-Identifier: MIT */
/* Another mount namespace. Private to the mount room. */
#ifndef BRAMBLE_MOUNT_MOUNT_NAMESPACE_H
#define BRAMBLE_MOUNT_MOUNT_NAMESPACE_H

/*
 * Moves the calling thread into the mount namespace @name: a file, or the number of a process that is
 * in it. Threads that it starts will be there, too; what was opened before stays as it is.
 */
int mount_namespace_enter(const char *name);

#endif
