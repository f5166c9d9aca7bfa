/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a lock. Its holder creates the file `ending` in the folder when it begins to sync for
 * the last time; only then it is waited for, and the next holder removes the file. A mount that is
 * gone may not have said so yet: hence a short wait in any case.
 */
#include "state/state_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define ENDING_NAME "ending"

#define GRACE_MS 500
#define ENDING_WAIT_MS 10000
#define POLL_MS 20

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_ending(const char *path)
{
	CLEANUP(freep) char *file = state_join(path, ENDING_NAME);
	struct stat st;

	return file && lstat(file, &st) == 0;
}

static void remove_ending(const char *path)
{
	CLEANUP(freep) char *file = state_join(path, ENDING_NAME);

	if (file)
		unlink(file);
}

void state_overlay_ending(struct state_overlay *overlay)
{
	CLEANUP(freep) char *file = NULL;
	CLEANUP(closep) int fd = -1;

	if (overlay->access != STATE_WRITE)
		return;
	file = state_join(overlay->path, ENDING_NAME);
	/* where it cannot be created, others are told "in use" a little early */
	if (file)
		fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int state_lock(const char *name, const char *path, bool shared, int *out_lock)
{
	int64_t start = now_ms();

	for (;;) {
		const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
		CLEANUP(freep) char *holder = NULL;
		int64_t limit;
		int err = store_folder_lock(path, shared, out_lock, &holder);

		if (err == 0) {
			if (!shared)
				remove_ending(path);
			return 0;
		}
		if (err != -EBUSY) {
			if (err != -ENOENT)
				log_error("overlay %s: %s: %s", name, path, strerror(-err));
			return err;
		}
		limit = is_ending(path) ? ENDING_WAIT_MS : GRACE_MS;
		if (now_ms() - start >= limit) {
			log_error("overlay %s: in use by %s", name,
				  holder ? holder : "another process");
			return err;
		}
		nanosleep(&pause, NULL);
	}
}
