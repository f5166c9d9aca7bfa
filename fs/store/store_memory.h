/* SPDX-License-Identifier: MIT */
/*
 * What tests can do with a store in memory: make its medium fail, see what is done to it, and cut its
 * power. Only for stores that store_memory_create or store_memory_open made. Private to the store
 * room and to tests.
 */
#ifndef BRAMBLE_STORE_STORE_MEMORY_H
#define BRAMBLE_STORE_STORE_MEMORY_H

#include "store/store.h"

/* What the core asks of the medium. */
enum store_memory_call {
	STORE_MEMORY_APPLY,
	STORE_MEMORY_LOG,
	STORE_MEMORY_RESERVE,
	STORE_MEMORY_DATA_READ,
	STORE_MEMORY_DATA_WRITE,
	STORE_MEMORY_DATA_SYNC,
	STORE_MEMORY_DATA_START, /* cannot fail */
	STORE_MEMORY_DATA_PUNCH, /* cannot fail */
	STORE_MEMORY_DATA_RESIZE,
	STORE_MEMORY_MARK_IN_USE,
	STORE_MEMORY_CALLS,
};

/* As store_memory_create, with options. */
int store_memory_open(const struct store_options *options, struct store **out);

/* The same for a medium that has a log. */
int store_memory_open_logging(const struct store_options *options, struct store **out);

/* The log is long, until the next entry that is the last one of its part. */
void store_memory_log_lengthen(struct store *store);

/*
 * @after calls of @call succeed, those behind fail with @err and do nothing, until this is called
 * again; @err 0: none fails.
 */
void store_memory_fail(struct store *store, enum store_memory_call call, unsigned int after,
		       int err);

/* How many calls there were, those that failed included. */
unsigned int store_memory_calls(struct store *store, enum store_memory_call call);

/*
 * @hook is called before each call of the medium is done, by the thread that does it; it may block,
 * or cut the power. Not 0: the call fails with this and does nothing. To be set while no other thread
 * uses the store; NULL: none.
 */
typedef int (*store_memory_hook_fn)(void *ctx, enum store_memory_call call);
void store_memory_set_hook(struct store *store, store_memory_hook_fn hook, void *ctx);

/*
 * A fresh store with what would be found after a power cut at this moment: the records of the last
 * apply that ended, and the data of the last data_sync that ended. What was written to the data since
 * is lost with @seed 0; with another seed each sector of 512 bytes is lost or not by chance. @store
 * stays as it is. To be marked as after each opening (store_blocks_mark, store_blocks_ready).
 */
int store_memory_cut_power(struct store *store, const struct store_options *options, uint64_t seed,
			   struct store **out);

/*
 * Flips a bit of the durable value of @key: the checksum included, @bit counts from its start.
 * -ENOENT, -ERANGE.
 */
int store_memory_flip(struct store *store, const struct store_key *key, size_t bit);

/*
 * As store_writer_create, for those who cannot wait: syncs what is @old_ms old, and looks for it every
 * @look_ms.
 */
int store_writer_start(unsigned int old_ms, unsigned int look_ms, struct store_writer **out);

#endif
