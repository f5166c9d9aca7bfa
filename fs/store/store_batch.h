/* SPDX-License-Identifier: MIT */
/*
 * What one sync puts into a log: the transactions and the writes of data since the last one. Private to
 * the core of the store room.
 */
#ifndef BRAMBLE_STORE_STORE_BATCH_H
#define BRAMBLE_STORE_STORE_BATCH_H

#include "store/store_ops.h"

struct store_txn;

struct store_batch {
	struct store_entry entry; /* points to what follows */
	uint8_t *records; /* owned */
	size_t room;
	struct store_range ranges[STORE_ENTRY_RANGES];
	bool turned; /* the frozen layer has what was active */
	bool much; /* data were written that do not fit: they have to be synced first */
	uint64_t commits; /* that it covers, of store->commits */
	uint64_t data_writes; /* of store->data_writes */
};

/* The layers are locked for writing, and @txn is being merged. */
void store_pending_add(struct store *store, const struct store_layer *layer);

/* The layers are locked for writing: forgets what is pending; @collect: begins anew. */
void store_pending_reset(struct store *store, bool collect);
void store_pending_finish(struct store_pending *pending);

/*
 * After data were written, or (@len 0) changed in a way that only data_sync makes durable. True: it is
 * time that the host writes them to its disk.
 */
bool store_written_add(struct store *store, uint64_t offset, size_t len);

/* The data get longer, which each entry says by itself. */
void store_written_count(struct store *store);

/* For data_sync: forgets where they were written, and returns store->data_writes. */
uint64_t store_written_take(struct store *store);

/*
 * Takes what is pending, and what was freed to frozen_freed. @turn: and the active layer becomes the
 * frozen one, if there is none. -EAGAIN: something is missing in what is pending; -ENOMEM.
 * Else store_batch_end follows, which says whether it is durable.
 */
int store_batch_take(struct store *store, bool turn, struct store_batch *out);
void store_batch_end(struct store *store, struct store_batch *batch, bool durable);

#endif
