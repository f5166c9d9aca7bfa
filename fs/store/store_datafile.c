/* SPDX-License-Identifier: MIT */
/*
 * The file `data`: read and written at block offsets, without a header, and with holes where blocks
 * are free. It says nothing of what lies where; the records do.
 */
#include "store/store_datafile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wait.h"

int store_datafile_open(struct store_datafile *file, const char *path, bool read_only,
			uint64_t *out_bytes)
{
	struct stat st;
	int err = 0;

	file->path = NULL;
	/* Not to wait for anybody, should it be a pipe. */
	file->fd =
		open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (file->fd < 0) {
		err = -errno;
		log_error("store: cannot open %s: %s", path, strerror(-err));
		return err;
	}
	if (fstat(file->fd, &st)) {
		err = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		log_error("store: %s is not a file", path);
		err = -EUCLEAN;
	} else {
		file->path = strdup(path);
		err = file->path ? 0 : -ENOMEM;
	}
	if (err) {
		store_datafile_close(file);
		return err;
	}
	atomic_init(&file->cannot_punch, false);
	atomic_init(&file->punch_failed, false);
	*out_bytes = (uint64_t)st.st_size;
	return 0;
}

void store_datafile_close(struct store_datafile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
	free(file->path);
	file->path = NULL;
}

/* What is not in memory -EAGAIN where this thread may not wait, also where the host cannot tell. */
static ssize_t read_some(int fd, void *buf, size_t len, uint64_t offset)
{
	struct iovec place = {buf, len};
	ssize_t n;

	if (wait_allowed())
		return pread(fd, buf, len, (off_t)offset);
	n = preadv2(fd, &place, 1, (off_t)offset, RWF_NOWAIT);
	if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		errno = EAGAIN;
	return n;
}

int store_datafile_read(const struct store_datafile *file, void *buf, size_t len, uint64_t offset)
{
	uint8_t *to = buf;

	while (len) {
		ssize_t n = read_some(file->fd, to, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			log_error("store: %s ends before byte %llu: somebody cut it off",
				  file->path, (unsigned long long)offset);
			return -EIO;
		}
		to += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int store_datafile_write(const struct store_datafile *file, const void *buf, size_t len,
			 uint64_t offset)
{
	const uint8_t *from = buf;

	while (len) {
		ssize_t n = pwrite(file->fd, from, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int store_datafile_allocate(const struct store_datafile *file, uint64_t offset, uint64_t len)
{
	int got;

	do
		got = fallocate(file->fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len);
	while (got && errno == EINTR);
	if (!got)
		return 0;
	return errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

/* Errors are told to store_datafile_sync, too. */
void store_datafile_start(const struct store_datafile *file)
{
	if (sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WRITE))
		log_debug("store: %s: %s", file->path, strerror(errno));
}

int store_datafile_sync(const struct store_datafile *file)
{
	int err;

	if (!fdatasync(file->fd))
		return 0;
	err = errno;
	log_error("store: cannot sync %s: %s", file->path, strerror(err));
	/* The kernel has given up pages, whatever it says of why: the next call would not tell. */
	return -EIO;
}

void store_datafile_punch(struct store_datafile *file, uint64_t offset, uint64_t len)
{
	if (atomic_load_explicit(&file->cannot_punch, memory_order_relaxed))
		return;
	while (fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			 (off_t)len)) {
		if (errno == EINTR)
			continue;
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			atomic_store(&file->cannot_punch, true);
		if (!atomic_exchange(&file->punch_failed, true))
			log_warn("store: %s: freed space is used again, but not given back: %s",
				 file->path, strerror(errno));
		return;
	}
}

int store_datafile_resize(const struct store_datafile *file, uint64_t bytes)
{
	while (ftruncate(file->fd, (off_t)bytes)) {
		if (errno != EINTR)
			return errno == EFBIG ? -ENOSPC : -errno;
	}
	return 0;
}

int store_datafile_size(const struct store_datafile *file, uint64_t *out)
{
	struct stat st;

	if (fstat(file->fd, &st))
		return -errno;
	*out = (uint64_t)st.st_size;
	return 0;
}

int store_datafile_used(const struct store_datafile *file, uint64_t *out)
{
	struct stat st;

	if (fstat(file->fd, &st))
		return -errno;
	*out = (uint64_t)st.st_blocks * 512;
	return 0;
}
