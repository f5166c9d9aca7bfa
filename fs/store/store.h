/* SPDX-License-Identifier: MIT */
/*
 * struct store: the transactional upper data of one overlay. The front door of the store room.
 *
 * A store holds records (short keys in the order of their bytes, values) and a space of blocks of
 * STORE_BLOCK bytes for file data. What the records mean is the overlay's business.
 *
 * - store_commit makes a transaction visible to all readers at once; store_sync makes durable all
 *   that was committed before. What was not synced may be lost by a crash, but only from the end:
 *   what is found afterwards is a state that existed.
 * - Reads are safe from any number of threads at once. One transaction at a time: the caller holds
 *   a lock of its own around store_begin to store_commit.
 * - A block that was freed is used again only after the transaction that freed it is durable.
 * - Numbers found in records are hostile: store_data_read and _write refuse blocks that were not
 *   taken or marked.
 * - Where the thread may not wait (base/wait.h) store_get, store_scan and store_data_read give -EAGAIN
 *   instead. Records are in memory: in layers, or in pages of `meta` that the host has mapped; that it
 *   may have to read one of these again is left out of account. Changes are for threads that may wait.
 * - After an error of the disk while syncing (-EIO) nothing can be committed any more; what was
 *   committed can still be read. -ENOSPC and -EDQUOT pass: the transaction did not happen.
 */
#ifndef BRAMBLE_STORE_STORE_H
#define BRAMBLE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

#define STORE_BLOCK 4096u

/* Bytes of the longest key and value. */
#define STORE_KEY_MAX 288u
#define STORE_VALUE_MAX 66560u

/* Blocks are numbered below this. */
#define STORE_BLOCKS_END ((uint64_t)1 << 44)

struct store;
struct store_txn;

struct store_key {
	size_t len;
	uint8_t bytes[STORE_KEY_MAX];
};

/* One record; pointers are valid during the call only. Not 0: stop, and return this. */
typedef int (*store_record_fn)(void *ctx, const struct store_key *key, const void *value,
			       size_t len);

/*
 * The value of @key as committed, at most @size bytes into @buf. -ENOENT: there is none. -ERANGE:
 * longer than @size. -EBADMSG: damaged.
 */
int store_get(struct store *store, const struct store_key *key, void *buf, size_t size,
	      size_t *out_len);

/*
 * Gives @take every committed record whose key begins with @prefix, ascending, from the first one
 * that is not below @from (NULL: all). No lock is held during @take, which may call the store;
 * records that are committed meanwhile may or may not be seen.
 */
int store_scan(struct store *store, const struct store_key *prefix, const struct store_key *from,
	       store_record_fn take, void *ctx);

/* Ended by store_commit or store_abort. -EROFS: opened for reading; -EIO: broken before. */
int store_begin(struct store *store, struct store_txn **out);

/* As store_get, with what @txn itself has put and deleted. */
int store_txn_get(struct store_txn *txn, const struct store_key *key, void *buf, size_t size,
		  size_t *out_len);

/* -ENOMEM, -E2BIG. */
int store_put(struct store_txn *txn, const struct store_key *key, const void *value, size_t len);

/* No error where there is no such record. */
int store_delete(struct store_txn *txn, const struct store_key *key);

/* Blocks that no record refers to once @txn is committed. */
int store_free_blocks(struct store_txn *txn, uint64_t first, uint64_t count);

/*
 * Room that the transaction needs is ensured before anything changes. A transaction that removes
 * more than it adds (@frees) may take the last reserve, so that a full disk can be cleaned up.
 * *@txn becomes NULL, with or without an error.
 */
int store_commit(struct store_txn **txn, bool frees);
void store_abort(struct store_txn *txn);

DEFINE_CLEANUP(store_abortp, struct store_txn *, store_abort)

/* Returns when all that was committed or written before the call is durable. */
int store_sync(struct store *store);

/*
 * As store_sync; and all of it is in the medium, not in a log. @drop: there is no log any more, and the
 * files of the store can be copied until something is changed.
 */
int store_settle(struct store *store, bool drop);

/*
 * Takes up to @want fresh blocks in one run, at least one; their content is undefined. Whoever
 * takes them commits a record that refers to them, or returns them.
 */
int store_blocks_take(struct store *store, uint64_t want, uint64_t *out_first, uint64_t *out_got);
void store_blocks_return(struct store *store, uint64_t first, uint64_t count);

/*
 * After opening, before any other use of blocks: those that records refer to. -EUCLEAN: beyond the
 * end of the data, or marked before. Then store_blocks_ready: what was not marked is free.
 */
int store_blocks_mark(struct store *store, uint64_t first, uint64_t count);
int store_blocks_ready(struct store *store);

/* @offset and @len in bytes from the start of block 0. Durable after store_sync. */
int store_data_read(struct store *store, void *buf, size_t len, uint64_t offset);
int store_data_write(struct store *store, const void *buf, size_t len, uint64_t offset);

/* Makes the host set space aside for taken blocks. -EOPNOTSUPP where it cannot. */
int store_data_allocate(struct store *store, uint64_t first, uint64_t count);

/* Blocks that were freed are no longer used but available, also before the host has them back. */
struct store_usage {
	uint64_t used; /* bytes on the host, or in memory */
	uint64_t available; /* bytes that the host would still give to this user */
	uint64_t blocks; /* STORE_BLOCK each: taken */
};
int store_usage(struct store *store, struct store_usage *out);

bool store_is_read_only(const struct store *store);

/*
 * Syncs and releases. An error means that not everything is durable; the store is released anyway.
 * Accepts NULL.
 */
int store_close(struct store *store);

/* The kinds ---------------------------------------------------------------------------------- */

/* In memory, for tests: same semantics, gone when it is closed. */
int store_memory_create(struct store **out);

/*
 * A thread that syncs the stores that were opened with it: about two seconds after a change, or when
 * much is waiting. One for the whole process; it must outlive its stores. To be created after the
 * process has forked for the last time.
 */
struct store_writer;
int store_writer_create(struct store_writer **out);
void store_writer_destroy(struct store_writer *writer);

DEFINE_CLEANUP(store_writer_destroyp, struct store_writer *, store_writer_destroy)

struct store_options {
	bool read_only; /* nothing is written, not even what a crash left to do */
	struct store_writer *writer; /* borrowed; NULL: only store_sync syncs */

	/*
	 * Nothing waits for the host's disk: what store_sync promised survives the process, not the
	 * host. After the host went down a store that was not closed is refused: -EUCLEAN.
	 */
	bool no_flush;
};

/*
 * The embedded store in the folder @path: `meta` (LMDB), `data` (sparse), and while there is much to sync
 * `log`. Its files are checked whole before they are used. Errors are logged with what is damaged: -EUCLEAN, -EBADMSG. The caller
 * holds the folder's lock; see store_folder.
 */
int store_embedded_create(const char *path);
int store_embedded_open(const char *path, const struct store_options *options, struct store **out);

/* Whether the embedded @store was not closed cleanly by whoever changed it last. */
bool store_was_unclean(const struct store *store);

/* Checks both files whole, logging each thing that is wrong, and counts them. */
int store_embedded_check(const char *path, unsigned int *out_problems);

/*
 * Copies the store of one folder to another, which must have none: the data by reflink where the
 * host's file system can, else without its holes. Nobody may have @from open for writing.
 */
int store_embedded_copy(const char *from, const char *to);

/* Removes the files of the store in @path; those that are missing are no error. */
int store_embedded_remove(const char *path);

/*
 * The lock of a folder: shared by readers, or one writer's. It says who holds it.
 * -EBUSY: held by another; @out_holder (to be freed, may be NULL) is then like "process 123 (bramble
 * mount)", or NULL if that is unknown. Released by closing *@out_fd. Not to be kept across a fork.
 */
int store_folder_lock(const char *path, bool shared, int *out_fd, char **out_holder);

/*
 * As above for a writer, of a folder that was left behind: -ENOENT if it has no lock's file; none is
 * made.
 */
int store_folder_lock_left(const char *path, int *out_fd);

/* The holder of the folder's lock, as above, without taking it; NULL if there is none. */
int store_folder_holder(const char *path, char **out_holder);

#endif
