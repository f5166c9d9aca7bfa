/* SPDX-License-Identifier: MIT */
/*
 * The embedded kind: records in `meta`, a database of LMDB, and data in `data`, in one folder.
 * docs/store-format.md describes both files.
 *
 * LMDB maps `meta` and trusts it, so each opening first reads the file whole and verifies it
 * (store_verify.c). The folder's lock keeps everybody else away from then on.
 *
 * One record is the store's own: which version of this format it is, and whether somebody has it
 * open and changed something. That one is still there after a crash, and then store_was_unclean.
 */
#include "store/store_embedded.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/log.h"
#include "store/store_folder.h"
#include "store/store_verify.h"

#define CHECK_LIMIT 100u /* problems that a check lists */

static MDB_val val(const void *data, size_t len)
{
	return (MDB_val){.mv_size = len, .mv_data = (void *)data};
}

static struct store_embedded *embedded(struct store *store)
{
	return container_of(store, struct store_embedded, base);
}

/* The store's own record --------------------------------------------------------------------------- */

static int put_own(void *ctx, MDB_txn *txn, MDB_dbi records)
{
	return store_own_put(txn, records, ctx);
}

static int read_own(struct store_embedded *store)
{
	MDB_txn *txn;
	int err = store_readers_take(&store->readers, &txn);

	if (err)
		return err;
	err = store_own_get(txn, store->lmdb.records, store->path, &store->own);
	store_readers_give(&store->readers, txn);
	store->was_unclean = store->own.in_use;
	return err;
}

static int embedded_mark_in_use(struct store *base)
{
	struct store_embedded *store = embedded(base);
	struct store_own own = {.in_use = true};
	int err;

	/* which start of the host it is has to be there before anything that may be lost with it */
	own.unflushed = store->no_flush && store_own_boot(own.boot);
	err = store_env_write(store, 1, put_own, &own);
	if (err)
		return err;
	store->own = own;
	if (own.unflushed)
		store_env_relax(store, true);
	return 0;
}

bool store_was_unclean(const struct store *store)
{
	return store->ops->mark_in_use == embedded_mark_in_use &&
	       embedded((struct store *)(uintptr_t)store)->was_unclean;
}

/* Records ------------------------------------------------------------------------------------------ */

static int embedded_get(struct store *base, const struct store_key *key, store_record_fn take,
			void *ctx)
{
	struct store_embedded *store = embedded(base);
	MDB_val k = val(key->bytes, key->len), v;
	MDB_txn *txn;
	int err = store_readers_take(&store->readers, &txn);

	if (err)
		return err;
	err = store_lmdb_error(mdb_get(txn, store->lmdb.records, &k, &v));
	if (!err)
		err = take(ctx, key, v.mv_data, v.mv_size);
	store_readers_give(&store->readers, txn);
	return err;
}

static int walk_cursor(MDB_cursor *cursor, const struct store_key *from, store_record_fn take,
		       void *ctx)
{
	struct store_key key;
	MDB_val k = from ? val(from->bytes, from->len) : val(NULL, 0), v;
	int err = 0, rc;

	rc = mdb_cursor_get(cursor, &k, &v, k.mv_size ? MDB_SET_RANGE : MDB_FIRST);
	for (; !rc && !err; rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
		if (store_own_key(k.mv_data, k.mv_size))
			continue;
		key.len = k.mv_size;
		memcpy(key.bytes, k.mv_data, k.mv_size);
		err = take(ctx, &key, v.mv_data, v.mv_size);
	}
	if (err)
		return err;
	return rc == MDB_NOTFOUND ? 0 : store_lmdb_error(rc);
}

static int embedded_walk(struct store *base, const struct store_key *from, store_record_fn take,
			 void *ctx)
{
	struct store_embedded *store = embedded(base);
	MDB_cursor *cursor;
	MDB_txn *txn;
	int err = store_readers_take(&store->readers, &txn);

	if (err)
		return err;
	err = store_lmdb_error(mdb_cursor_open(txn, store->lmdb.records, &cursor));
	if (!err) {
		err = walk_cursor(cursor, from, take, ctx);
		mdb_cursor_close(cursor);
	}
	store_readers_give(&store->readers, txn);
	return err;
}

static int embedded_reserve(struct store *base, uint64_t bytes, bool urgent)
{
	return store_room_reserve(embedded(base), bytes, urgent);
}

/* Data --------------------------------------------------------------------------------------------- */

static int embedded_data_read(struct store *base, void *buf, size_t len, uint64_t offset)
{
	struct store_embedded *store = embedded(base);

	if (store->patch.count)
		return store_patch_read(&store->patch, &store->data, buf, len, offset);
	return store_datafile_read(&store->data, buf, len, offset);
}

static int embedded_data_write(struct store *base, const void *buf, size_t len, uint64_t offset)
{
	return store_datafile_write(&embedded(base)->data, buf, len, offset);
}

static int embedded_data_allocate(struct store *base, uint64_t offset, uint64_t len)
{
	return store_datafile_allocate(&embedded(base)->data, offset, len);
}

static int embedded_data_sync(struct store *base)
{
	struct store_embedded *store = embedded(base);
	uint64_t blocks = base->data_blocks;
	int err = store->relaxed ? 0 : store_datafile_sync(&store->data);

	if (!err)
		store->synced_blocks = blocks;
	return err;
}

static void embedded_data_start(struct store *base)
{
	struct store_embedded *store = embedded(base);

	if (!store->relaxed)
		store_datafile_start(&store->data);
}

static void embedded_data_punch(struct store *base, uint64_t offset, uint64_t len)
{
	store_datafile_punch(&embedded(base)->data, offset, len);
}

static int embedded_data_resize(struct store *base, uint64_t bytes)
{
	struct store_embedded *store = embedded(base);
	int err = store_datafile_resize(&store->data, bytes);

	/* cut off: after opening, while nobody syncs */
	if (!err && store->synced_blocks > bytes / STORE_BLOCK)
		store->synced_blocks = bytes / STORE_BLOCK;
	return err;
}

static int embedded_usage(struct store *base, struct store_usage *out)
{
	struct store_embedded *store = embedded(base);
	struct statvfs fs;
	struct stat st;
	uint64_t data;
	int err = store_datafile_used(&store->data, &data);

	if (err)
		return err;
	if (stat(store->path, &st) || fstatvfs(store->data.fd, &fs))
		return -errno;
	out->used = data + (uint64_t)st.st_blocks * 512 + store_log_used(&store->log);
	out->available = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

/* Opening and closing ------------------------------------------------------------------------------ */

static void release(struct store_embedded *store)
{
	store_env_close(store);
	store_datafile_close(&store->data);
	store_patch_finish(&store->patch);
	store_log_finish(&store->log);
	store_room_finish(&store->room);
	free(store->path);
	free(store->folder);
	free(store);
}

static int embedded_close(struct store *base, bool clean)
{
	struct store_embedded *store = embedded(base);
	struct store_own own = {.in_use = false};
	bool tidy = clean && store->own.in_use && !base->read_only && store->base.in_use;
	CLEANUP(freep) char *path = NULL;
	CLEANUP(closep) int meta = -1;
	uint64_t bytes;

	/* If this cannot be written nothing is lost, but the next to open it sees an unclean end. */
	if (tidy && store->relaxed) {
		store_env_relax(store, false);
		tidy = store_datafile_sync(&store->data) == 0;
	}
	if (tidy)
		tidy = store_env_write(store, 1, put_own, &own) == 0;
	if (tidy)
		store_log_remove(&store->log);
	if (tidy)
		tidy = !store_room_compact(store);
	bytes = store_room_end(store);
	path = TAKE(store->path);
	/* The path may lead to another file by now. */
	if (tidy)
		meta = fcntl(store->lmdb.fd, F_DUPFD_CLOEXEC, 0);
	store_finish(base);
	release(store);
	if (meta >= 0)
		store_room_trim(meta, path, bytes);
	return 0;
}

static const struct store_ops embedded_ops = {
	.kind = "embedded",
	.get = embedded_get,
	.walk = embedded_walk,
	.apply = store_embedded_apply,
	.log = store_embedded_log,
	.log_state = store_embedded_log_state,
	.reserve = embedded_reserve,
	.data_read = embedded_data_read,
	.data_write = embedded_data_write,
	.data_allocate = embedded_data_allocate,
	.data_sync = embedded_data_sync,
	.data_start = embedded_data_start,
	.data_punch = embedded_data_punch,
	.data_resize = embedded_data_resize,
	.mark_in_use = embedded_mark_in_use,
	.usage = embedded_usage,
	.close = embedded_close,
};

/* Verifies `meta`, says how long it is, and notes which file it was. */
static int verify(struct store_embedded *store, unsigned int limit, uint64_t *out_bytes,
		  unsigned int *out_problems)
{
	const char *path = store->path;
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct store_verify_result result;
	struct stat st;
	int err;

	if (fd < 0 || fstat(fd, &st)) {
		err = -errno;
		log_error("store: cannot open %s: %s", path, strerror(-err));
		return err;
	}
	if (!S_ISREG(st.st_mode)) {
		log_error("store: %s is not a file", path);
		return -EUCLEAN;
	}
	store->device = st.st_dev;
	store->inode = st.st_ino;
	/* It is read whole, and not from start to end. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
	err = store_verify_fd(fd, path, limit, &result);
	*out_problems = result.problems;
	if (result.lost_pages)
		log_info("store: %s: %llu pages are neither used nor free", path,
			 (unsigned long long)result.lost_pages);
	*out_bytes = max_u64((uint64_t)st.st_size, (result.last_page + 1) * result.page_size);
	return err;
}

/* The paths, and the database of a file that was verified. On error: release. */
static int open_meta(struct store_embedded *store, unsigned int limit, unsigned int *out_problems)
{
	uint64_t bytes = 0;
	int err = verify(store, limit, &bytes, out_problems);

	if (!err)
		err = store_env_open(store, bytes);
	if (!err)
		err = read_own(store);
	return err;
}

static int allocate_store(const char *folder, const struct store_options *options,
			  struct store_embedded **out)
{
	struct store_embedded *store = calloc(1, sizeof(*store));
	int err = store ? store_room_init(&store->room) : -ENOMEM;

	if (err) {
		free(store);
		return err;
	}
	store->base.read_only = options && options->read_only;
	store->no_flush = options && options->no_flush && !options->read_only;
	store->data.fd = -1;
	/* It may have to be opened again when somebody has changed the current folder. */
	store->folder = realpath(folder, NULL);
	if (!store->folder) {
		err = -errno;
		log_error("store: %s: %s", folder, strerror(-err));
	} else {
		store->path = store_folder_path(store->folder, STORE_META_NAME);
		err = store->path ? 0 : -ENOMEM;
	}
	if (!err)
		err = store_log_init(&store->log, store->folder, store->no_flush);
	if (err) {
		release(store);
		return err;
	}
	*out = store;
	return 0;
}

static int open_data(struct store_embedded *store, uint64_t *out_bytes)
{
	CLEANUP(freep) char *path = store_folder_path(store->folder, STORE_DATA_NAME);

	if (!path)
		return -ENOMEM;
	return store_datafile_open(&store->data, path, store->base.read_only, out_bytes);
}

/* What a crash left that came when the file was being written anew. */
static void remove_leftover(const struct store_embedded *store)
{
	CLEANUP(freep)
	char *path = store_folder_path(store->folder, STORE_META_NAME STORE_NEW_SUFFIX);

	if (path)
		unlink(path);
}

int store_embedded_open(const char *path, const struct store_options *options, struct store **out)
{
	struct store_embedded *store;
	unsigned int problems = 0;
	uint64_t data_bytes = 0;
	int err = allocate_store(path, options, &store);

	if (err)
		return err;
	if (!store->base.read_only)
		remove_leftover(store);
	err = open_meta(store, 1, &problems);
	if (!err)
		err = open_data(store, &data_bytes);
	if (!err) {
		store_room_measure(store);
		err = store_init(&store->base, &embedded_ops, options, data_bytes);
	}
	if (err) {
		release(store);
		return err;
	}
	if (!store->was_unclean)
		store->synced_blocks = data_bytes / STORE_BLOCK;
	err = store_recover(store);
	if (err) {
		store_finish(&store->base);
		release(store);
		return err;
	}
	store->base.punched = !store->was_unclean;
	*out = &store->base;
	return 0;
}

int store_embedded_check(const char *path, unsigned int *out_problems)
{
	const struct store_options options = {.read_only = true};
	struct store_embedded *store;
	unsigned int problems = 0;
	uint64_t data_bytes;
	int err = allocate_store(path, &options, &store);

	if (err)
		return err;
	err = open_meta(store, CHECK_LIMIT, &problems);
	if (err && !problems)
		problems++;
	if (!err && store_recover_check(store))
		problems++;
	if (open_data(store, &data_bytes))
		problems++;
	release(store);
	*out_problems = problems;
	return err == -EIO || err == -ENOMEM ? err : 0;
}

/* Creating ----------------------------------------------------------------------------------------- */

/* One with nothing but the store's own record, durably, but under another name. */
static int create_meta(struct store_embedded *store)
{
	CLEANUP(closep) int fd = -1;
	struct store_own own = {.in_use = false};
	struct stat st;
	int err;

	if (unlink(store->path) && errno != ENOENT)
		return -errno;
	fd = open(store->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	store->device = st.st_dev;
	store->inode = st.st_ino;
	err = store_env_open(store, 1);
	if (!err)
		err = store_env_write(store, 1, put_own, &own);
	store_env_close(store);
	return err;
}

/* An empty one that a crash left is as good as a new one. */
static int create_data(const char *path)
{
	CLEANUP(closep)
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_size)
		return -EEXIST;
	return fsync(fd) ? -errno : 0;
}

/* The store is there when `meta` is, which therefore comes last. */
static int create(struct store_embedded *store, const char *data, const char *meta)
{
	int err = create_data(data);

	if (!err)
		err = create_meta(store);
	if (!err && rename(store->path, meta))
		err = -errno;
	return err ? err : store_folder_sync(store->folder);
}

int store_embedded_create(const char *path)
{
	CLEANUP(freep) char *data = store_folder_path(path, STORE_DATA_NAME);
	CLEANUP(freep) char *meta = store_folder_path(path, STORE_META_NAME);
	struct store_embedded *store;
	struct stat st;
	int err = allocate_store(path, NULL, &store);

	if (err)
		return err;
	free(store->path);
	store->path = store_folder_path(path, STORE_META_NAME STORE_NEW_SUFFIX);
	if (!data || !meta || !store->path)
		err = -ENOMEM;
	else if (!lstat(meta, &st))
		err = -EEXIST;
	else
		err = create(store, data, meta);
	if (err && err != -ENOMEM)
		log_error("store: cannot create a store in %s: %s", path, strerror(-err));
	release(store);
	return err;
}
