/* SPDX-License-Identifier: MIT */
/*
 * A store as files: copying one that nobody changes, and removing one. A copy shares its blocks with
 * the original where the host's file system can do that (FICLONE), which takes no time and no space.
 * Elsewhere only what is not a hole is copied, by the kernel if it can.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "store/store.h"
#include "store/store_embedded.h"
#include "store/store_folder.h"

#define CHUNK_BYTES ((size_t)1 << 20)

/* Bytes through memory, for file systems between which the kernel does not copy. */
static int copy_by_hand(int from, int to, uint64_t offset, uint64_t end)
{
	CLEANUP(freep) uint8_t *chunk = malloc(CHUNK_BYTES);

	if (!chunk)
		return -ENOMEM;
	while (offset < end) {
		size_t want = min_u64(CHUNK_BYTES, end - offset);
		ssize_t n = pread(from, chunk, want, (off_t)offset);
		ssize_t done = n > 0 ? pwrite(to, chunk, (size_t)n, (off_t)offset) : n;

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		offset += (uint64_t)done;
	}
	return 0;
}

static int copy_range(int from, int to, uint64_t offset, uint64_t end)
{
	while (offset < end) {
		off_t in = (off_t)offset, out = (off_t)offset;
		ssize_t n = copy_file_range(from, &in, to, &out, end - offset, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EXDEV || errno == ENOSYS || errno == EINVAL ||
			      errno == EOPNOTSUPP || errno == EPERM))
			return copy_by_hand(from, to, offset, end);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		offset += (uint64_t)n;
	}
	return 0;
}

/* All that is not a hole. @to is empty. */
static int copy_sparse(int from, int to, uint64_t size)
{
	uint64_t offset = 0;

	if (ftruncate(to, (off_t)size))
		return -errno;
	while (offset < size) {
		off_t data = lseek(from, (off_t)offset, SEEK_DATA), hole;
		int err;

		if (data < 0 && errno == ENXIO)
			return 0; /* a hole to the end */
		if (data < 0 && errno == EINVAL)
			return copy_range(from, to, offset, size); /* it knows no holes */
		hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		err = copy_range(from, to, (uint64_t)data, min_u64((uint64_t)hole, size));
		if (err)
			return err;
		offset = (uint64_t)hole;
	}
	return 0;
}

/* To @to, which must not exist; durably, but for its name. */
static int copy_file(const char *from, const char *to)
{
	CLEANUP(closep) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	CLEANUP(closep) int out = -1;
	struct stat st;
	int err;

	if (in < 0 || fstat(in, &st))
		return -errno;
	out = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out < 0)
		return -errno;
	if (ioctl(out, FICLONE, in)) {
		err = copy_sparse(in, out, (uint64_t)st.st_size);
		if (err)
			return err;
	}
	return fsync(out) ? -errno : 0;
}

/* Copies @name: under another name first, so that it is there whole or not at all. */
static int copy_named(const char *from_folder, const char *to_folder, const char *name,
		      const char *new_name)
{
	CLEANUP(freep) char *from = store_folder_path(from_folder, name);
	CLEANUP(freep) char *to = store_folder_path(to_folder, name);
	CLEANUP(freep) char *fresh = store_folder_path(to_folder, new_name);
	struct stat st;
	int err;

	if (!from || !to || !fresh)
		return -ENOMEM;
	if (!lstat(to, &st) && st.st_size) {
		err = -EEXIST;
	} else {
		unlink(fresh);
		err = copy_file(from, fresh);
		if (!err && rename(fresh, to))
			err = -errno;
	}
	if (!err)
		return 0;
	log_error("store: cannot copy %s to %s: %s", from, to, strerror(-err));
	if (err != -EEXIST)
		unlink(fresh);
	return err;
}

static bool has_file(const char *folder, const char *name)
{
	CLEANUP(freep) char *path = store_folder_path(folder, name);
	struct stat st;

	/* should it be there, after all, copying says what is wrong */
	return !path || !lstat(path, &st) || errno != ENOENT;
}

int store_embedded_copy(const char *from, const char *to)
{
	int err = copy_named(from, to, STORE_DATA_NAME, STORE_DATA_NAME STORE_NEW_SUFFIX);

	/* that of a store that was not closed; else there is none, or one that counts for nothing */
	if (!err && has_file(from, STORE_LOG_NAME))
		err = copy_named(from, to, STORE_LOG_NAME, STORE_LOG_NAME STORE_NEW_SUFFIX);
	/* With `meta` it is a store. */
	if (!err)
		err = copy_named(from, to, STORE_META_NAME, STORE_META_NAME STORE_NEW_SUFFIX);
	return err ? err : store_folder_sync(to);
}

int store_embedded_remove(const char *path)
{
	/* Without `meta` it is none any more. */
	static const char *const names[] = {STORE_META_NAME, STORE_META_NAME STORE_NEW_SUFFIX,
					    STORE_LOG_NAME,  STORE_LOG_NAME STORE_NEW_SUFFIX,
					    STORE_DATA_NAME, STORE_DATA_NAME STORE_NEW_SUFFIX};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CLEANUP(freep) char *name = store_folder_path(path, names[i]);
		int err;

		if (!name)
			return -ENOMEM;
		if (!unlink(name) || errno == ENOENT)
			continue;
		err = -errno;
		log_error("store: cannot remove %s: %s", name, strerror(-err));
		return err;
	}
	return store_folder_sync(path);
}
