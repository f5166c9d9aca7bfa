/* SPDX-License-Identifier: MIT */
/* The mount namespace that mount(8) was told to mount in. */
#include "mount/mount_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

int mount_namespace_enter(const char *name)
{
	char path[64];
	CLEANUP(closep) int fd = -1;
	int err;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/mnt", name);
	fd = open(name[strspn(name, "0123456789")] ? name : path, O_RDONLY | O_CLOEXEC);
	/* Threads that share their working directory must be of one namespace. */
	if (fd < 0 || unshare(CLONE_FS) < 0 || setns(fd, CLONE_NEWNS) < 0) {
		err = -errno;
		log_error("%s: cannot enter this mount namespace: %s", name, strerror(-err));
		return err;
	}
	return 0;
}
