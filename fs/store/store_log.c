/* SPDX-License-Identifier: MIT */
/* Writing the file `log`. Reading it is store_replay.c's. */
#include "store/store_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/store_embedded.h"
#include "store/store_folder.h"

/* Of each half: at first, and for those who write much. */
#define HALF_FIRST ((uint64_t)1 << 20)
#define HALF_LARGEST LOG_HALF

/* On a host that has less left there is no log, or none that grows: whoever else writes needs it more. */
#define LITTLE_ROOM_BYTES ((uint64_t)8 << 20)
#define MUCH_ROOM_BYTES ((uint64_t)64 << 20)

static_assert(HALF_FIRST > STORE_ENTRY_MAX, "an entry fits in a half");

int store_log_init(struct store_log *log, const char *folder, bool no_flush)
{
	int err;

	memset(log, 0, sizeof(*log));
	log->fd = -1;
	log->no_flush = no_flush;
	log->path = store_folder_path(folder, STORE_LOG_NAME);
	if (!log->path)
		return -ENOMEM;
	err = -pthread_mutex_init(&log->lock, NULL);
	if (err)
		free(TAKE(log->path));
	return err;
}

static void close_file(struct store_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
	free(TAKE(log->buffer));
	log->buffer_size = 0;
	memset(log->halves, 0, sizeof(log->halves));
	log->current = 0;
	log->turned = false;
}

void store_log_finish(struct store_log *log)
{
	if (!log->path)
		return;
	close_file(log);
	pthread_mutex_destroy(&log->lock);
	free(TAKE(log->path));
}

/* Making room -------------------------------------------------------------------------------------- */

static int write_all(int fd, const void *buf, size_t len, uint64_t offset)
{
	const uint8_t *from = buf;

	while (len) {
		ssize_t n = pwrite(fd, from, len, (off_t)offset);

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

/* Zeros: the host has space for these bytes then, and nothing to note when they are overwritten. */
static int fill(const struct store_log *log, uint64_t offset, uint64_t len)
{
	static const uint8_t zeros[65536];
	int err = 0;

	for (uint64_t done = 0; !err && done < len; done += sizeof(zeros))
		err = write_all(log->fd, zeros, sizeof(zeros), offset + done);
	return err;
}

static int flush(const struct store_log *log)
{
	if (log->no_flush || !fdatasync(log->fd))
		return 0;
	log_error("store: cannot sync %s: %s", log->path, strerror(errno));
	return -EIO; /* the kernel has given up pages: the next call would not tell */
}

static bool has_room(int fd, uint64_t bytes)
{
	struct statvfs fs;

	return !fstatvfs(fd, &fs) && (uint64_t)fs.f_bavail * fs.f_frsize >= bytes;
}

static int create(struct store_log *log, const char *folder)
{
	int err = 0;

	if (unlink(log->path) && errno != ENOENT)
		return -errno;
	log->fd = open(log->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log->fd < 0)
		return -errno;
	if (!has_room(log->fd, LITTLE_ROOM_BYTES))
		return -ENOSPC;
	if (getrandom(log->id, sizeof(log->id), 0) != sizeof(log->id))
		return -EIO;
	/* to its end from the start: one that was cut off is noticed */
	if (ftruncate(log->fd, (off_t)(LOG_HALVES * LOG_HALF)))
		return -errno;
	for (unsigned int i = 0; !err && i < LOG_HALVES; i++) {
		log->halves[i].size = HALF_FIRST;
		err = fill(log, i * LOG_HALF, HALF_FIRST);
	}
	if (err || log->no_flush)
		return err;
	if (fsync(log->fd))
		return -errno;
	return store_folder_sync(folder);
}

int store_log_create(struct store_log *log, const char *folder)
{
	int err = create(log, folder);

	if (!err)
		return 0;
	store_log_remove(log);
	return err;
}

void store_log_remove(struct store_log *log)
{
	close_file(log);
	if (unlink(log->path) && errno != ENOENT)
		log_debug("store: %s: %s", log->path, strerror(errno));
}

void store_log_grow(struct store_log *log)
{
	struct store_log_half *half;
	uint64_t size;
	bool other;

	pthread_mutex_lock(&log->lock);
	/* nobody uses the other half before what is frozen is dropped */
	other = !log->current;
	half = &log->halves[other];
	size = log->turned && !half->used ? half->size : HALF_LARGEST;
	log->turned = false;
	pthread_mutex_unlock(&log->lock);
	if (log->fd < 0 || size >= HALF_LARGEST || !has_room(log->fd, MUCH_ROOM_BYTES))
		return;
	if (fill(log, other * LOG_HALF + size, size))
		return;
	if (!log->no_flush && fdatasync(log->fd))
		return;
	pthread_mutex_lock(&log->lock);
	half->size = 2 * size;
	pthread_mutex_unlock(&log->lock);
}

/* Entries ------------------------------------------------------------------------------------------ */

bool store_log_is_long(struct store_log *log)
{
	const struct store_log_half *half = &log->halves[log->current];

	return half->used && half->size - half->used < STORE_ENTRY_MAX;
}

static int buffer_for(struct store_log *log, size_t size)
{
	uint8_t *larger;

	if (size <= log->buffer_size)
		return 0;
	larger = realloc(log->buffer, size);
	if (!larger)
		return -ENOMEM;
	log->buffer = larger;
	log->buffer_size = size;
	return 0;
}

/* The entry in the buffer. */
static int compose(struct store_log *log, const struct store_entry *entry, size_t size,
		   struct store *store)
{
	uint8_t *to;
	int err = buffer_for(log, size);

	if (err)
		return err;
	store_entry_write(entry, log->id, log->buffer);
	to = log->buffer + store_entry_data_at(entry);
	for (size_t i = 0; !err && i < entry->ranges_count; i++) {
		const struct store_range *range = &entry->ranges[i];

		err = store_data_still(store, to, range->len, range->offset);
		to += range->len;
	}
	store_entry_seal(log->buffer, size);
	return err;
}

/* Where the entry goes; nobody else changes that. */
static int place(struct store_log *log, size_t size, bool last, uint64_t *out)
{
	struct store_log_half *half = &log->halves[log->current];
	int err = 0;

	pthread_mutex_lock(&log->lock);
	if (half->size - half->used < size || (last && log->halves[!log->current].used))
		err = -EAGAIN;
	else
		*out = log->current * LOG_HALF + half->used;
	pthread_mutex_unlock(&log->lock);
	return err;
}

int store_log_write(struct store_log *log, const struct store_entry *entry, bool last,
		    struct store *store)
{
	size_t size = store_entry_size(entry);
	struct store_log_half *half = &log->halves[log->current];
	uint64_t offset;
	int err = log->fd < 0 ? -EAGAIN : place(log, size, last, &offset);

	if (!err)
		err = compose(log, entry, size, store);
	if (!err)
		err = write_all(log->fd, log->buffer, size, offset);
	if (!err)
		err = flush(log);
	if (err)
		return err;
	pthread_mutex_lock(&log->lock);
	half->used += size;
	half->last = entry->number;
	if (last) {
		log->current = !log->current;
		log->turned = true;
	}
	pthread_mutex_unlock(&log->lock);
	return 0;
}

void store_log_forget(struct store_log *log, uint64_t number)
{
	pthread_mutex_lock(&log->lock);
	for (unsigned int i = 0; i < LOG_HALVES; i++) {
		if (log->halves[i].used && log->halves[i].last <= number)
			log->halves[i].used = 0;
	}
	pthread_mutex_unlock(&log->lock);
}

uint64_t store_log_used(const struct store_log *log)
{
	struct stat st;

	return stat(log->path, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}
