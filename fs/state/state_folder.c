/* SPDX-License-Identifier: MIT */
/*
 * Folders that appear and vanish as a whole. One is made under a name with a dot in front and then
 * renamed, or renamed and then removed; as long as that lasts, it is locked. What is found with such a
 * name and not locked was left by a crash; or its maker has not come to the lock yet: until then it has the
 * parent locked, by flock(2), shared with others that make one, against those that sweep.
 */
#include "state/state_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define STAT_BLOCK 512u
#define MAKE_ATTEMPTS 3
#define ERASE_FDS 16 /* directories that nftw(3) holds open */

char *state_join(const char *a, const char *b)
{
	char *path;

	return asprintf(&path, "%s/%s", a, b) < 0 ? NULL : path;
}

/* Locks a folder that was just made. -EBUSY, -ENOENT: another process has swept it away, or will. */
static int lock_made(const char *path, int *out_lock)
{
	CLEANUP(closep) int lock = -1;
	CLEANUP(closep) int folder = -1;
	int err = store_folder_lock(path, false, &lock, NULL);

	if (err)
		return err;
	folder = state_open_folder(path);
	if (folder < 0)
		return folder;
	if (!state_lock_is_current(lock, folder))
		return -ENOENT;
	*out_lock = take_fd(&lock);
	return 0;
}

/* Until *@out is closed. -EWOULDBLOCK: somebody else has it. Where there are no such locks, *@out is -1. */
static int lock_parent(const char *parent, int how, int *out)
{
	CLEANUP(closep) int fd = state_open_folder(parent);

	if (fd >= 0 && flock(fd, how) == 0)
		*out = take_fd(&fd);
	else if (fd >= 0 && errno == EWOULDBLOCK)
		return -EWOULDBLOCK;
	return 0;
}

int state_folder_make(const char *parent, char **out_path, int *out_lock)
{
	CLEANUP(closep) int held = -1;

	lock_parent(parent, LOCK_SH, &held);
	for (int attempt = 1;; attempt++) {
		CLEANUP(freep) char *path = NULL;
		int err;

		if (asprintf(&path, "%s/" STATE_MAKING_PREFIX "XXXXXX", parent) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (!mkdtemp(path))
			return state_failed(parent, -errno);
		err = lock_made(path, out_lock);
		if (err == 0) {
			*out_path = TAKE(path);
			return 0;
		}
		if (attempt == MAKE_ATTEMPTS || (err != -EBUSY && err != -ENOENT)) {
			state_folder_erase(path);
			return state_failed(path, err);
		}
	}
}

int state_folder_publish(const char *parent, const char *path, const char *name)
{
	CLEANUP(freep) char *to = state_join(parent, name);
	int err;

	if (!to)
		return -ENOMEM;
	err = state_sync_folder(path);
	if (err)
		return err;
	/* what is there is never empty, so that rename(2) does not replace it */
	if (rename(path, to) < 0)
		return errno == ENOTEMPTY || errno == EEXIST ? -EEXIST : state_failed(to, -errno);
	return state_sync_folder(parent);
}

static int erase_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int state_folder_erase(const char *path)
{
	if (nftw(path, erase_one, ERASE_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 &&
	    errno != ENOENT)
		return state_failed(path, -errno);
	return 0;
}

int state_folder_remove(const char *parent, const char *path)
{
	CLEANUP(freep) char *old = NULL;
	uint64_t
		unused; /* a name that nobody else has: it is not found out by making something there */
	int err;

	if (getrandom(&unused, sizeof(unused), 0) != (ssize_t)sizeof(unused))
		return -EIO;
	if (asprintf(&old, "%s/" STATE_REMOVING_PREFIX "%016" PRIx64, parent, unused) < 0) {
		old = NULL;
		return -ENOMEM;
	}
	if (rename(path, old) < 0)
		return state_failed(path, -errno);
	err = state_sync_folder(parent);
	return err ? err : state_folder_erase(old);
}

static int is_left(const struct dirent *entry)
{
	return strncmp(entry->d_name, STATE_MAKING_PREFIX, strlen(STATE_MAKING_PREFIX)) == 0 ||
	       strncmp(entry->d_name, STATE_REMOVING_PREFIX, strlen(STATE_REMOVING_PREFIX)) == 0;
}

/*
 * Whether what is at @path was left by a crash. Who makes a folder puts its lock into it first of all:
 * one without a lock has just been made if it is empty, and else has nobody any more.
 */
static bool is_deserted(const char *path, int *out_lock)
{
	int err = store_folder_lock_left(path, out_lock);

	if (err != -ENOENT)
		return err == 0;
	/* empty: its maker finds it gone, and makes another */
	if (rmdir(path) == 0 || errno == ENOENT)
		return false;
	err = store_folder_lock_left(path, out_lock);
	return err == 0 || err == -ENOENT;
}

/* The same, while nobody is making one. */
static bool is_left_over(const char *parent, const char *path, int *out_lock)
{
	CLEANUP(closep) int held = -1;

	return lock_parent(parent, LOCK_EX | LOCK_NB, &held) == 0 && is_deserted(path, out_lock);
}

void state_folder_sweep(const char *parent)
{
	struct dirent **entries;
	int count = scandir(parent, &entries, is_left, NULL);

	for (int i = 0; i < count; i++) {
		CLEANUP(freep) char *path = state_join(parent, entries[i]->d_name);
		CLEANUP(closep) int lock = -1;

		free(entries[i]);
		if (!path || !is_left_over(parent, path, &lock))
			continue;
		log_info("%s: left by a crash: removed", path);
		state_folder_erase(path);
	}
	if (count >= 0)
		free(entries);
}

static int is_named(const struct dirent *entry)
{
	return (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
	       state_name_is_valid(entry->d_name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int state_folder_each(const char *parent, state_name_fn take, void *ctx)
{
	struct dirent **entries;
	int count = scandir(parent, &entries, is_named, by_bytes);
	int result = 0;

	if (count < 0)
		return errno == ENOENT ? 0 : state_failed(parent, -errno);
	for (int i = 0; i < count; i++) {
		if (result == 0)
			result = take(ctx, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return result;
}

int state_folder_size(const char *path, uint64_t *out)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	uint64_t sum = 0;

	if (!dir)
		return state_failed(path, -errno);
	while ((entry = readdir(dir))) {
		struct stat st;

		/* what has vanished meanwhile takes nothing */
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !S_ISDIR(st.st_mode))
			sum += (uint64_t)st.st_blocks * STAT_BLOCK;
	}
	closedir(dir);
	*out = sum;
	return 0;
}
