/* SPDX-License-Identifier: MIT */
/*
 * The environment of LMDB: opening, write transactions, growth of the map, and what to do when the
 * disk is full.
 *
 * Locks. One process has the folder's lock, so LMDB's own are off (MDB_NOLOCK), and its part is done
 * here: one thread at a time writes (the core sees to that), and readers take transactions from a
 * pool that stands still for a moment after each commit (store_readers.c). A transaction of the pool
 * is renewed only then, so no reader looks at a meta page while it is written.
 *
 * The map starts at twice the size of the file, since address space is all it costs, and doubles when
 * it is full, while the pool stands still.
 *
 * Durable. A commit writes pages that the state in force does not use, syncs them, and then writes
 * one meta page through a descriptor that is O_DSYNC. When the latter fails LMDB writes to that meta
 * page half of what was there before. So the old one is kept here and put back: after any error the
 * file is as it was.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/be.h"
#include "base/checked.h"
#include "base/le.h"
#include "base/log.h"
#include "store/store_embedded.h"
#include "store/store_lmdb_disk.h"

#define MAP_STEP ((uint64_t)4 << 20)
#define MAP_FACTOR 2u

/* LMDB's lists of pages, one for each environment, are larger than this; little of them is used. */
#define LISTS_BYTES (1 << 20)

/* So many records in transactions, then the memory that they took is given back. */
#define REOPEN_RECORDS 64u

/* How the file is written depends on the machine; we say how in store_lmdb_disk.h. */
static_assert(sizeof(size_t) == 8 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	      "the format of LMDB on this machine is another one");

static int log_lmdb(const struct store_embedded *store, const char *what, int rc)
{
	log_error("store: %s: cannot %s: %s", store->path, what, mdb_strerror(rc));
	return store_lmdb_error(rc);
}

/* Opening ------------------------------------------------------------------------------------------ */

/*
 * For each environment LMDB allocates 3 MiB of lists and hopes never to touch most of that. It holds
 * for memory fresh from the kernel. But free() of one such list makes glibc take the next ones from
 * its heap, where calloc() has to clear them: 2 MiB for each store that is opened after another was
 * closed. A threshold that was set does not move.
 */
static void keep_lists_untouched(void)
{
	mallopt(M_MMAP_THRESHOLD, LISTS_BYTES);
	mallopt(M_TRIM_THRESHOLD, 2 * LISTS_BYTES);
}

/* What LMDB is to be told before and after it opened the file. */
static int open_env(struct store_embedded *store)
{
	unsigned int flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD;
	MDB_txn *txn;
	int rc = mdb_env_create(&store->env);

	if (rc)
		return rc;
	if (store->base.read_only)
		flags |= MDB_RDONLY;
	rc = mdb_env_set_mapsize(store->env, store->map_size);
	if (!rc)
		rc = mdb_env_open(store->env, store->path, flags, 0600);
	if (!rc)
		rc = mdb_env_get_fd(store->env, &store->fd);
	if (!rc && fcntl(store->fd, F_SETFD, FD_CLOEXEC))
		rc = errno;
	if (!rc)
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
	if (!rc) {
		/* The handle of the unnamed database outlives the transaction. */
		rc = mdb_dbi_open(txn, NULL, 0, &store->records);
		mdb_txn_abort(txn);
	}
	if (rc) {
		mdb_env_close(store->env);
		store->env = NULL;
	}
	return rc;
}

int store_env_open(struct store_embedded *store, uint64_t bytes)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	MDB_stat st;
	int rc, err;

	pthread_once(&once, keep_lists_untouched);
	store->map_size = MAP_FACTOR * MAP_STEP * div_round_up(bytes, MAP_STEP);
	rc = open_env(store);
	if (rc)
		return log_lmdb(store, "open", rc);
	mdb_env_stat(store->env, &st);
	store->page_size = st.ms_psize;
	err = store_readers_init(&store->readers);
	if (err) {
		mdb_env_close(TAKE(store->env));
		return err;
	}
	store->readable = true;
	return store_readers_start(&store->readers, store->env);
}

void store_env_close(struct store_embedded *store)
{
	if (store->readable)
		store_readers_finish(&store->readers);
	store->readable = false;
	mdb_env_close(TAKE(store->env));
}

/*
 * LMDB wants to be opened again after some errors, and then is as good as new. It also gives back the
 * copies of pages that transactions made, and the mapping of the file.
 */
static int reopen(struct store_embedded *store)
{
	int rc, err;

	/* First this one: whoever has it may wait for a reader's transaction. */
	pthread_mutex_lock(&store->room.lock);
	store_readers_stop(&store->readers);
	mdb_env_close(TAKE(store->env));
	rc = open_env(store);
	if (rc) {
		log_lmdb(store, "open", rc);
		err = -EIO;
		store_readers_break(&store->readers, err);
	} else {
		err = store_readers_start(&store->readers, store->env);
	}
	pthread_mutex_unlock(&store->room.lock);
	return err;
}

/* Writing ------------------------------------------------------------------------------------------ */

static int grow_map(struct store_embedded *store)
{
	size_t larger;
	int rc;

	if (__builtin_mul_overflow(store->map_size, MAP_FACTOR, &larger))
		return -ENOSPC;
	store_readers_pause(&store->readers);
	rc = mdb_env_set_mapsize(store->env, larger);
	if (!rc) {
		store->map_size = larger;
		return store_readers_resume(&store->readers);
	}
	/* Then it is not mapped at all. */
	log_lmdb(store, "enlarge the map", rc);
	return reopen(store) ? -EIO : store_lmdb_error(rc);
}

/* The two meta pages, as far as they mean something. */
struct metas {
	struct lmdb_disk_meta pages[LMDB_METAS];
};

static int read_metas(const struct store_embedded *store, struct metas *out)
{
	for (unsigned int i = 0; i < LMDB_METAS; i++) {
		ssize_t n = pread(store->fd, &out->pages[i], sizeof(out->pages[i]),
				  (off_t)(i * store->page_size));

		if (n != (ssize_t)sizeof(out->pages[i]))
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

/* Makes the meta pages be @metas again, whatever a commit that failed has left there. */
static int restore_metas(const struct store_embedded *store, const struct metas *metas)
{
	struct metas current;
	int err = read_metas(store, &current);

	if (err)
		return err;
	for (unsigned int i = 0; i < LMDB_METAS; i++) {
		const struct lmdb_disk_meta *page = &metas->pages[i];

		if (!memcmp(&current.pages[i], page, sizeof(*page)))
			continue;
		if (pwrite(store->fd, page, sizeof(*page), (off_t)(i * store->page_size)) !=
		    (ssize_t)sizeof(*page))
			return -EIO;
		if (fdatasync(store->fd))
			return -EIO;
	}
	return 0;
}

/* After writing failed with @rc: what it means, and all as it was. */
static int recover(struct store_embedded *store, const struct metas *metas, int rc)
{
	/* EIO is also what LMDB says of a short write. */
	int err = rc == EIO ? store_room_why(store) : store_lmdb_error(rc);

	log_error("store: %s: cannot write: %s", store->path,
		  rc < 0 ? mdb_strerror(rc) : strerror(-err));
	if (restore_metas(store, metas) || reopen(store))
		return -EIO;
	return err;
}

static int write_once(struct store_embedded *store, store_env_write_fn write, void *ctx)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->env, NULL, 0, &txn);

	if (rc)
		return rc;
	rc = write(ctx, txn, store->records);
	if (!rc)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

int store_env_write(struct store_embedded *store, size_t records, store_env_write_fn write,
		    void *ctx)
{
	struct metas metas;
	int err, rc;

	if (!store->env)
		return -EIO;
	err = read_metas(store, &metas);
	if (err)
		return err;
	for (;;) {
		pthread_mutex_lock(&store->room.writing);
		rc = write_once(store, write, ctx);
		if (!rc)
			store_room_update(store);
		pthread_mutex_unlock(&store->room.writing);
		if (!rc)
			break;
		if (rc != MDB_MAP_FULL)
			return recover(store, &metas, rc);
		err = grow_map(store);
		if (err)
			return err;
	}
	store->written += records;
	if (store->written >= REOPEN_RECORDS) {
		store->written = 0;
		return reopen(store);
	}
	store_readers_pause(&store->readers);
	return store_readers_resume(&store->readers);
}
