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
 * it is full.
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "store/store_embedded.h"
#include "store/store_lmdb_disk.h"

#define MAP_STEP ((uint64_t)4 << 20)
#define MAP_FACTOR 2u

/* LMDB's lists of pages, one for each environment, are larger than this; little of them is used. */
#define LISTS_BYTES (1 << 20)

/* A transaction of so many records leaves copies of about as many pages, which are given back. */
#define LARGE_RECORDS 16u

/* So many records in small ones, and much of the file is mapped. */
#define MANY_RECORDS 1024u

/* How the file is written depends on the machine; we say how in store_lmdb_disk.h. */
static_assert(sizeof(size_t) == 8 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	      "the format of LMDB on this machine is another one");

/* What does not change is not said again: a full disk may be tried for hours. Returns @err. */
static int log_change(const struct store_embedded *store, int *last, const char *what, int err,
		      const char *why)
{
	if (err != *last)
		log_error("store: %s: cannot %s: %s", store->path, what, why);
	*last = err;
	return err;
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

static bool is_ours(const struct store_embedded *store, const struct stat *st)
{
	return st->st_dev == store->device && st->st_ino == store->inode;
}

static int open_failed(struct store_embedded *store, int rc)
{
	return log_change(store, &store->open_err, "open", store_lmdb_error(rc), mdb_strerror(rc));
}

/* Another environment for the same file; with MDB_NOLOCK there may be two for a moment. */
static int open_env(struct store_embedded *store, struct store_env *out)
{
	unsigned int flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS;
	struct store_env opened;
	struct stat st;
	MDB_txn *txn;
	int rc;

	/* LMDB would make a file if there is none, and take any other. */
	if (stat(store->path, &st) || !is_ours(store, &st))
		return log_change(store, &store->open_err, "open", -ESTALE, "it was moved away");
	rc = mdb_env_create(&opened.env);
	if (rc)
		return open_failed(store, rc);
	if (store->base.read_only)
		flags |= MDB_RDONLY;
	rc = mdb_env_set_mapsize(opened.env, store->map_size);
	if (!rc)
		rc = mdb_env_open(opened.env, store->path, flags, 0600);
	if (!rc)
		rc = mdb_env_get_fd(opened.env, &opened.fd);
	if (!rc && (fcntl(opened.fd, F_SETFD, FD_CLOEXEC) || fstat(opened.fd, &st)))
		rc = errno;
	if (!rc && !is_ours(store, &st))
		rc = ESTALE;
	if (!rc)
		rc = mdb_txn_begin(opened.env, NULL, MDB_RDONLY, &txn);
	if (!rc) {
		/* The handle of the unnamed database outlives the transaction. */
		rc = mdb_dbi_open(txn, NULL, 0, &opened.records);
		mdb_txn_abort(txn);
	}
	if (rc) {
		mdb_env_close(opened.env);
		return open_failed(store, rc);
	}
	if (store->relaxed)
		mdb_env_set_flags(opened.env, MDB_NOSYNC, 1);
	store->open_err = 0;
	*out = opened;
	return 0;
}

int store_env_open(struct store_embedded *store, uint64_t bytes)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	MDB_stat st;
	int err;

	pthread_once(&once, keep_lists_untouched);
	store->map_size = MAP_FACTOR * MAP_STEP * div_round_up(bytes, MAP_STEP);
	err = open_env(store, &store->lmdb);
	if (err)
		return err;
	mdb_env_stat(store->lmdb.env, &st);
	store->page_size = st.ms_psize;
	err = store_readers_init(&store->readers);
	if (err) {
		mdb_env_close(TAKE(store->lmdb.env));
		return err;
	}
	return store_readers_start(&store->readers, store->lmdb.env);
}

void store_env_close(struct store_embedded *store)
{
	if (!store->lmdb.env)
		return;
	store_readers_finish(&store->readers);
	mdb_env_close(TAKE(store->lmdb.env));
}

void store_env_relax(struct store_embedded *store, bool relaxed)
{
	store->relaxed = relaxed;
	mdb_env_set_flags(store->lmdb.env, MDB_NOSYNC, relaxed);
}

/*
 * LMDB wants to be opened again after some errors, and then is as good as new. It also gives back the
 * copies of pages that transactions made, and the mapping of the file. When that is not possible all
 * is as before, for better or worse. -ENOMEM: the process has too much open, too; later it may be
 * possible.
 */
static int reopen(struct store_embedded *store)
{
	struct store_env fresh;
	int err = open_env(store, &fresh);

	if (err)
		return err == -EMFILE || err == -ENFILE ? -ENOMEM : err;
	/* First this one: whoever has it may wait for a reader's transaction. */
	pthread_mutex_lock(&store->room.lock);
	store_readers_stop(&store->readers);
	mdb_env_close(store->lmdb.env);
	store->lmdb = fresh;
	store->written = 0;
	err = store_readers_start(&store->readers, store->lmdb.env);
	store->worn = err != 0;
	pthread_mutex_unlock(&store->room.lock);
	return err;
}

/* Writing ------------------------------------------------------------------------------------------ */

/* Whether the file can be mapped with @size: LMDB gives up its mapping before it tries. */
static bool can_map(const struct store_embedded *store, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, store->lmdb.fd, 0);

	return map != MAP_FAILED && !munmap(map, size);
}

/* Takes no descriptors: those may be short when the disk is not. */
static int grow_map(struct store_embedded *store)
{
	size_t size;
	int rc;

	if (__builtin_mul_overflow(store->map_size, MAP_FACTOR, &size))
		return -ENOSPC;
	if (!can_map(store, size))
		return -ENOMEM;
	store_readers_pause(&store->readers);
	rc = mdb_env_set_mapsize(store->lmdb.env, size);
	if (rc) {
		/* there is no mapping any more */
		store->worn = true;
		store_readers_fail(&store->readers, -ENOMEM);
		return -ENOMEM;
	}
	store->map_size = size;
	return store_readers_resume(&store->readers);
}

/* The two meta pages, as far as they mean something. */
struct metas {
	struct lmdb_disk_meta pages[LMDB_METAS];
};

static int read_metas(const struct store_embedded *store, struct metas *out)
{
	for (unsigned int i = 0; i < LMDB_METAS; i++) {
		ssize_t n = pread(store->lmdb.fd, &out->pages[i], sizeof(out->pages[i]),
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
		if (pwrite(store->lmdb.fd, page, sizeof(*page), (off_t)(i * store->page_size)) !=
		    (ssize_t)sizeof(*page))
			return -EIO;
		if (fdatasync(store->lmdb.fd))
			return -EIO;
	}
	return 0;
}

/* After writing failed with @rc: what it means, and all as it was. */
static int recover(struct store_embedded *store, const struct metas *metas, int rc)
{
	/* EIO is also what LMDB says of a short write. */
	int err = rc == EIO ? store_room_why(store) : store_lmdb_error(rc);
	int opened;

	log_change(store, &store->write_err, "write", err,
		   rc < 0 ? mdb_strerror(rc) : strerror(-err));
	if (restore_metas(store, metas))
		return -EIO;
	store->worn = true;
	opened = reopen(store);
	return opened && opened != -ENOMEM ? -EIO : err;
}

static int write_once(struct store_embedded *store, store_env_write_fn write, void *ctx)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->lmdb.env, NULL, 0, &txn);

	if (rc)
		return rc;
	rc = write(ctx, txn, store->lmdb.records);
	if (!rc)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

int store_env_write(struct store_embedded *store, size_t records, store_env_write_fn write,
		    void *ctx)
{
	struct metas metas;
	int err = store->worn ? reopen(store) : 0;
	int rc;

	if (!err)
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
	store->write_err = 0;
	store->written += records;
	if ((records >= LARGE_RECORDS || store->written >= MANY_RECORDS) && !reopen(store))
		return 0;
	store_readers_pause(&store->readers);
	return store_readers_resume(&store->readers);
}
