/* SPDX-License-Identifier: MIT */
/* Threads that enter another mount namespace. */
#include "mount/mount_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

struct errand {
	int fd;
	int (*act)(void *ctx);
	void *ctx;
	int err;
};

int mount_namespace_open(const char *name, int *out_fd)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/mnt", name);
	fd = open(name[strspn(name, "0123456789")] ? name : path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		log_error("%s: cannot enter this mount namespace: %s", name, strerror(-err));
		return err;
	}
	*out_fd = fd;
	return 0;
}

static void *run_errand(void *ctx)
{
	struct errand *errand = ctx;

	/* Threads that share their working directory must be of one namespace. */
	if (unshare(CLONE_FS) < 0 || setns(errand->fd, CLONE_NEWNS) < 0) {
		errand->err = -errno;
		log_error("mount: cannot enter the mount namespace: %s", strerror(-errand->err));
		return NULL;
	}
	errand->err = errand->act(errand->ctx);
	return NULL;
}

int mount_namespace_run(int fd, int (*act)(void *ctx), void *ctx)
{
	struct errand errand = {.fd = fd, .act = act, .ctx = ctx};
	pthread_t thread;
	int err;

	if (fd == MOUNT_NAMESPACE_OWN)
		return act(ctx);
	err = -pthread_create(&thread, NULL, run_errand, &errand);
	if (err) {
		log_error("mount: no thread for the mount namespace: %s", strerror(-err));
		return err;
	}
	pthread_join(thread, NULL);
	return errand.err;
}
