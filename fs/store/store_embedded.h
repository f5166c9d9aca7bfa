/* SPDX-License-Identifier: MIT */
/* What the files of the embedded kind share. Private to the store room. */
#ifndef BRAMBLE_STORE_STORE_EMBEDDED_H
#define BRAMBLE_STORE_STORE_EMBEDDED_H

#include <lmdb.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "store/store_datafile.h"
#include "store/store_log.h"
#include "store/store_ops.h"
#include "store/store_own.h"
#include "store/store_patch.h"
#include "store/store_readers.h"

#define STORE_META_NAME "meta"
#define STORE_DATA_NAME "data"
#define STORE_LOG_NAME "log"

/* How much room `meta` has on the host; see store_room.c. */
struct store_room {
	pthread_mutex_t lock; /* also held while the descriptor of `meta` changes */
	pthread_mutex_t writing; /* behind the last page of the committed state; after the lock */
	_Atomic uint64_t pages; /* from the file's start that have room on the host */
	_Atomic uint64_t last_page; /* of the committed state */
	_Atomic uint64_t tree_pages; /* of the records */
	bool cannot_allocate; /* the host's file system has no fallocate */
};

/* `meta`, open. */
struct store_env {
	MDB_env *env; /* owned */
	MDB_dbi records;
	int fd; /* LMDB's own */
};

struct store_embedded {
	struct store base;
	char *folder; /* owned */
	char *path; /* owned: of `meta` */
	dev_t device; /* of `meta`, which may lie somewhere else later */
	ino_t inode;
	struct store_env lmdb;
	size_t page_size;
	size_t map_size;
	bool was_unclean; /* when it was opened */
	bool no_flush;
	bool relaxed; /* LMDB does not flush now */
	bool log_left; /* own.has_log, but it is one to be read: there was no room to apply it */
	struct store_own own; /* as the records say */
	size_t written; /* records, since LMDB was opened */
	int open_err; /* that was logged last; 0: it went well since */
	int write_err; /* the same */
	bool worn; /* LMDB has to be opened again before the next change */
	struct store_readers readers;
	struct store_datafile data;
	_Atomic uint64_t synced_blocks; /* durable: that the data have room for */
	struct store_patch patch; /* over the data, when a store with a log is only read */
	struct store_log log;
	struct store_room room;
};

/* store_apply.c: the calls of struct store_ops */
int store_embedded_apply(struct store *base, const struct store_layer *layer, uint64_t number,
			 enum store_log_use use);
int store_embedded_log(struct store *base, const struct store_entry *entry, bool last);
enum store_log_state store_embedded_log_state(struct store *base);

/* One transaction with all of @layer, and (not NULL) what the store says of itself. */
int store_embedded_write(struct store_embedded *store, const struct store_layer *layer,
			 const struct store_own *own);

/* store_env.c: the environment of LMDB */

/*
 * Opens `meta`, whose device and inode are known and which has @bytes. store_env_close releases what
 * there is, also after an error.
 */
int store_env_open(struct store_embedded *store, uint64_t bytes);
void store_env_close(struct store_embedded *store);

/* Changes of one write transaction. What it returns is an error of LMDB, or 0. */
typedef int (*store_env_write_fn)(void *ctx, MDB_txn *txn, MDB_dbi records);

/*
 * One durable transaction of about @records; @write may be called more than once. All readers see it
 * afterwards. -ENOSPC, -EDQUOT: nothing was done, and the store works on. -ENOMEM: the same, or it is
 * durable and the readers could not move on to it.
 */
int store_env_write(struct store_embedded *store, size_t records, store_env_write_fn write,
		    void *ctx);

/* Whether transactions are durable from here on; without, they survive the process, not the host. */
void store_env_relax(struct store_embedded *store, bool relaxed);

/* store_recover.c: what the one before has left in the log */

/*
 * Of a store that is open, before anybody uses it. A store to be written to has no log afterwards, or,
 * if there is no room, has it in the active layer; for one that is only read, nothing is written. -EUCLEAN.
 */
int store_recover(struct store_embedded *store);

/* Whether the log can be read, if there is one. -EUCLEAN: logged. */
int store_recover_check(struct store_embedded *store);

/* store_room.c */

int store_room_init(struct store_room *room);
void store_room_finish(struct store_room *room);

/* After opening: what there is already. */
void store_room_measure(struct store_embedded *store);

/* After a commit. */
void store_room_update(struct store_embedded *store);
int store_room_reserve(struct store_embedded *store, uint64_t bytes, bool urgent);

/* Why writing to `meta` failed, when LMDB does not say: -ENOSPC or -EDQUOT, else -EIO. */
int store_room_why(struct store_embedded *store);

/*
 * At the end of a clean close: a file that is mostly free is written anew, which is true if it was.
 * Else store_room_trim, when LMDB has closed it, cuts off what is behind store_room_end, by a
 * descriptor of the file that was open. That one of them is not possible is no error.
 */
bool store_room_compact(struct store_embedded *store);

/* Where a closed `meta` ends: behind the last page, or the last reserve if the host is nearly full. */
uint64_t store_room_end(const struct store_embedded *store);
void store_room_trim(int fd, const char *path, uint64_t bytes);

#endif
