/* SPDX-License-Identifier: MIT */
/*
 * Room for `meta` on the host, ensured before a transaction is visible: what was promised to be made
 * durable must not fail for want of space later.
 *
 * LMDB writes each page that changes to another place, and takes new pages at the end of the file
 * where its free ones do not suffice. So the file gets space of the host's behind its last page, and
 * some more that only transactions may use which make room. All of that is given back when the store
 * is closed; but where the host has little room left the file keeps that last reserve, or nothing could
 * be removed when the disk is full at the next opening.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "store/store_embedded.h"
#include "store/store_folder.h"
#include "store/store_lmdb_disk.h"
#include "store/store_verify.h"

#define STEP_BYTES ((uint64_t)256 << 10) /* space is asked for in steps of this */
#define LAST_RESERVE_BYTES ((uint64_t)256 << 10)

/* The host has little room if it is less than this. */
#define LITTLE_ROOM_BYTES ((uint64_t)64 << 20)

/* Of the layers: a record takes at least so much there, and changes one page if it is alone in it. */
#define RECORD_BYTES_MIN 64u

/* A page that is split is half empty; and the list of free pages takes pages, too. */
#define SPLIT_FACTOR 3u

/* The paths from both roots, and pages that the free list needs. */
#define PATH_PAGES 24u

/* When a file is worth to be written anew: that much of it is free, and more than is used. */
#define COMPACT_BYTES ((uint64_t)1 << 20)

int store_room_init(struct store_room *room)
{
	int err;

	atomic_init(&room->pages, 0);
	atomic_init(&room->last_page, 0);
	atomic_init(&room->tree_pages, 0);
	err = -pthread_mutex_init(&room->lock, NULL);
	if (err)
		return err;
	err = -pthread_mutex_init(&room->writing, NULL);
	if (err)
		pthread_mutex_destroy(&room->lock);
	return err;
}

void store_room_finish(struct store_room *room)
{
	pthread_mutex_destroy(&room->writing);
	pthread_mutex_destroy(&room->lock);
}

void store_room_measure(struct store_embedded *store)
{
	struct stat st;

	if (!fstat(store->lmdb.fd, &st))
		store->room.pages = min_u64((uint64_t)st.st_size, (uint64_t)st.st_blocks * 512) /
				    store->page_size;
	store_room_update(store);
}

void store_room_update(struct store_embedded *store)
{
	MDB_envinfo info;
	MDB_stat st;

	mdb_env_info(store->lmdb.env, &info);
	mdb_env_stat(store->lmdb.env, &st);
	store->room.last_page = info.me_last_pgno;
	store->room.tree_pages = st.ms_branch_pages + st.ms_leaf_pages;
}

/* Pages that applying layers of @bytes takes at most. */
static uint64_t pages_for(const struct store_embedded *store, uint64_t bytes)
{
	uint64_t touched = min_u64(bytes / RECORD_BYTES_MIN + 1, store->room.tree_pages);

	return touched + SPLIT_FACTOR * bytes / store->page_size + PATH_PAGES;
}

/* Pages in the free list: all, or those that the next transaction may take. */
static uint64_t free_pages(struct store_embedded *store, bool all)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t pages = 0;
	MDB_txn *txn;

	if (store_readers_take(&store->readers, &txn))
		return 0;
	if (!mdb_cursor_open(txn, 0, &cursor)) {
		while (!mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
			size_t transaction, count;

			memcpy(&transaction, key.mv_data, sizeof(transaction));
			memcpy(&count, value.mv_data, sizeof(count));
			if (all || transaction < mdb_txn_id(txn))
				pages += count;
		}
		mdb_cursor_close(cursor);
	}
	store_readers_give(&store->readers, txn);
	return pages;
}

/* Writes zeros up to @to where no state has a page. -ENOSPC, -EDQUOT, -EIO. */
static int write_zeros(const struct store_embedded *store, uint64_t to)
{
	static const uint8_t zeros[LMDB_PAGE_MIN];
	uint64_t from = (store->room.last_page + 1) * store->page_size;

	while (from < to) {
		ssize_t n = pwrite(store->lmdb.fd, zeros, min_u64(sizeof(zeros), to - from),
				   (off_t)from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && (errno == ENOSPC || errno == EDQUOT) ? -errno : -EIO;
		from += (uint64_t)n;
	}
	return 0;
}

/* Gives `meta` space for its first @pages, of which it has less. */
static int allocate(struct store_embedded *store, uint64_t pages)
{
	struct store_room *room = &store->room;
	uint64_t from = room->pages * store->page_size, to = pages * store->page_size;
	int err = room->cannot_allocate ? -EOPNOTSUPP : 0;

	while (!err && fallocate(store->lmdb.fd, 0, (off_t)from, (off_t)(to - from))) {
		if (errno == EOPNOTSUPP || errno == ENOSYS) {
			room->cannot_allocate = true;
			err = -EOPNOTSUPP;
		} else if (errno != EINTR) {
			return errno == EFBIG ? -ENOSPC : -errno;
		}
	}
	if (err) {
		/* Not over the pages of a transaction that is being written. */
		pthread_mutex_lock(&room->writing);
		err = write_zeros(store, to);
		pthread_mutex_unlock(&room->writing);
	}
	if (!err)
		room->pages = pages;
	return err;
}

int store_room_reserve(struct store_embedded *store, uint64_t bytes, bool urgent)
{
	struct store_room *room = &store->room;
	uint64_t need = room->last_page + 1 + pages_for(store, bytes);
	uint64_t want = need + LAST_RESERVE_BYTES / store->page_size;
	uint64_t pages = urgent ? need : want;
	int err = 0;

	if (pages <= room->pages)
		return 0;
	pthread_mutex_lock(&room->lock);
	if (pages > room->pages)
		err = allocate(store, want + STEP_BYTES / store->page_size);
	if (err)
		err = allocate(store, pages);
	if (err && pages - room->pages <= free_pages(store, false))
		err = 0;
	pthread_mutex_unlock(&room->lock);
	return err;
}

int store_room_why(struct store_embedded *store)
{
	uint64_t end = (store->room.last_page + 1) * store->page_size;
	struct stat st;
	int err;

	if (fstat(store->lmdb.fd, &st))
		return -EIO;
	err = write_zeros(store, max_u64((uint64_t)st.st_size, end) + STEP_BYTES);
	return err ? err : -EIO;
}

/* Bytes behind the last page that stay when the store is closed. */
static uint64_t kept_bytes(const struct store_embedded *store)
{
	struct statvfs fs;

	if (fstatvfs(store->lmdb.fd, &fs) ||
	    (uint64_t)fs.f_bavail * fs.f_frsize >= LITTLE_ROOM_BYTES)
		return 0;
	return pages_for(store, 0) * store->page_size + LAST_RESERVE_BYTES;
}

uint64_t store_room_end(const struct store_embedded *store)
{
	return (store->room.last_page + 1) * store->page_size + kept_bytes(store);
}

/* Whether `meta` is still where it was opened: what is written anew must not replace another file. */
static bool is_in_place(const struct store_embedded *store)
{
	struct stat st;

	return !stat(store->path, &st) && st.st_dev == store->device && st.st_ino == store->inode;
}

/* Writes the records, and nothing else, to the new file @fd, and looks at the result. */
static int write_compact(struct store_embedded *store, int fd, const char *path)
{
	uint64_t kept = kept_bytes(store);
	struct store_verify_result result;
	MDB_stat st;
	int err = store_lmdb_error(mdb_env_copyfd2(store->lmdb.env, fd, MDB_CP_COMPACT));
	off_t end = lseek(fd, 0, SEEK_END);

	if (err)
		return err;
	/* if it cannot be kept it is not there: the file is good without */
	if (kept && end > 0 && fallocate(fd, 0, end, (off_t)kept))
		log_debug("store: %s: no reserve: %s", path, strerror(errno));
	if (fsync(fd))
		return -errno;
	mdb_env_stat(store->lmdb.env, &st);
	err = store_verify_fd(fd, path, 1, &result);
	if (!err && result.records != st.ms_entries)
		err = -EUCLEAN;
	return err;
}

bool store_room_compact(struct store_embedded *store)
{
	uint64_t pages = store->room.last_page + 1, unused = free_pages(store, true);
	CLEANUP(freep) char *path = NULL;
	CLEANUP(closep) int fd = -1;
	int err = 0;

	if (unused * store->page_size <= COMPACT_BYTES || unused <= pages - unused ||
	    !is_in_place(store))
		return false;
	if (asprintf(&path, "%s" STORE_NEW_SUFFIX, store->path) < 0) {
		path = NULL;
		return false;
	}
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		err = write_compact(store, fd, path);
	if (fd < 0 || (!err && rename(path, store->path)))
		err = -errno;
	if (!err) {
		/* Should it fail, and the power, too: the file that was there says the same. */
		store_folder_sync(store->folder);
		return true;
	}
	log_info("store: %s: cannot write it anew: %s", store->path, strerror(-err));
	unlink(path);
	return false;
}

void store_room_trim(int fd, const char *path, uint64_t bytes)
{
	struct stat st;

	if (fstat(fd, &st) || (uint64_t)st.st_size <= bytes)
		return;
	if (ftruncate(fd, (off_t)bytes))
		log_info("store: %s: cannot cut off what it does not need: %s", path,
			 strerror(errno));
}
