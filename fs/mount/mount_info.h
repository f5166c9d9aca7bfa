/* SPDX-License-Identifier: MIT */
/* What mountinfo says of one mount point. Private to the mount room. */
#ifndef BRAMBLE_MOUNT_MOUNT_INFO_H
#define BRAMBLE_MOUNT_MOUNT_INFO_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define MOUNT_TYPE "fuse.bramble"

struct mount_info {
	char device[32]; /* "MAJOR:MINOR" */
	char type[64];
	char source[PATH_MAX];
	bool writable;
	uid_t user; /* who mounted it; of FUSE mounts only */
	gid_t group;
};

/*
 * The absolute path of @dir without symbolic links. Unlike realpath(3) it needs no answer from what
 * is mounted there, which may be dead. @out holds PATH_MAX bytes.
 */
int mount_info_resolve(const char *dir, char *out);

/* The topmost mount at @path, which is resolved. -ENOENT: nothing is mounted there. */
int mount_info_find(const char *path, struct mount_info *out);

#endif
