/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a lock. Its holder creates the file `ending` in the folder when it begins to sync for
 * the last time; only then it is waited for. It removes the file in the end, else the next holder
 * does. A mount that is gone may not have said so yet: hence a short wait in any case.
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

void state_lock_forget_ending(int folder)
{
	unlinkat(folder, ENDING_NAME, 0);
}

void state_overlay_ending(struct state_overlay *overlay)
{
	int fd;

	if (overlay->access != STATE_WRITE)
		return;
	/* where it cannot be created, others are told "in use" a little early; a fifo is not waited at */
	fd = openat(overlay->folder, ENDING_NAME,
		    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd >= 0)
		close(fd);
}

bool state_lock_is_current(int lock, int folder)
{
	struct stat locked;
	struct stat there;

	if (fstat(lock, &locked) < 0)
		return false;
	/* in a folder that nobody can write to, it is the folder itself */
	if (S_ISDIR(locked.st_mode))
		return true;
	return fstatat(folder, "lock", &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       there.st_dev == locked.st_dev && there.st_ino == locked.st_ino;
}

/* Logs who has the lock. @holder may be NULL. */
static int in_use(const char *name, const char *path, const char *holder)
{
	CLEANUP(freep) char *found = NULL;

	if (!holder && store_folder_holder(path, &found) == 0)
		holder = found;
	log_error("overlay %s: in use by %s", name, holder ? holder : "another process");
	return -EBUSY;
}

int state_lock(const char *name, const char *path, bool shared, int *out_lock, int *out_folder)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	int64_t start = now_ms();
	bool ending = false;

	for (;;) {
		CLEANUP(freep) char *holder = NULL;
		CLEANUP(closep) int folder = state_open_folder(path);
		CLEANUP(closep) int lock = -1;
		int err = folder < 0 ? folder : store_folder_lock(path, shared, &lock, &holder);

		if (err == 0 && state_lock_is_current(lock, folder)) {
			if (!shared)
				state_lock_forget_ending(folder);
			*out_lock = take_fd(&lock);
			*out_folder = take_fd(&folder);
			return 0;
		}
		if (err && err != -EBUSY) {
			if (err != -ENOENT)
				log_error("overlay %s: %s: %s", name, path, strerror(-err));
			return err;
		}
		ending = ending || is_ending(path);
		if (now_ms() - start >= (ending ? ENDING_WAIT_MS : GRACE_MS))
			return in_use(name, path, holder);
		nanosleep(&pause, NULL);
	}
}
