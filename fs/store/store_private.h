/* SPDX-License-Identifier: MIT */
/* What the files of the core share, and no kind needs. Private to the store room. */
#ifndef BRAMBLE_STORE_STORE_PRIVATE_H
#define BRAMBLE_STORE_STORE_PRIVATE_H

#include "store/store_ops.h"

/* Bytes in both layers at which a commit first syncs. */
#define STORE_LAYERS_FULL ((uint64_t)64 << 20)

/* What may be added to that by transactions that free, on a full disk. */
#define STORE_LAYERS_RESERVE ((uint64_t)16 << 20)

/* Bytes in the active layer at which the writer is told. */
#define STORE_LAYER_LARGE ((uint64_t)16 << 20)

struct store_txn {
	struct store *store; /* borrowed */
	bool open;
	struct store_layer *layer; /* owned */
	struct store_runs freed;
};

/* store_txn.c */
int store_txn_create(struct store *store, struct store_txn **out);
void store_txn_destroy(struct store_txn *txn);

/* store_runs.c */

/* After this, @count times store_runs_add cannot fail. -ENOMEM. */
int store_runs_ensure(struct store_runs *runs, size_t count);
void store_runs_add(struct store_runs *runs, uint64_t first, uint64_t count);

/* Moves all of @from to the end of @to. -ENOMEM: nothing changed. */
int store_runs_move(struct store_runs *to, struct store_runs *from);

/* Sorts, and makes one run of those that touch. */
void store_runs_tidy(struct store_runs *runs);
uint64_t store_runs_blocks(const struct store_runs *runs);
void store_runs_clear(struct store_runs *runs);
void store_runs_finish(struct store_runs *runs);

/* store.c */

/* Before a change: 0, -EROFS, or -EIO after an error of the disk. */
int store_may_change(const struct store *store);

/* Before the first change: tells the kind. */
int store_use(struct store *store);

/*
 * Locks the layers for reading. -EAGAIN: somebody changes them, and this thread may not wait for him,
 * who may have lost the processor.
 */
int store_layers_read(struct store *store);

/* There is something to sync. */
void store_touch(struct store *store);

/* Logs a damaged record, once per store; returns @err. */
int store_damaged(struct store *store, const struct store_key *key, int err);

/* Whether somebody took all of them; -EUCLEAN, logged with @what was to happen to them: no. */
int store_check_blocks(struct store *store, const char *what, uint64_t first, uint64_t count);

/* store_sync.c */

/* Applies what is frozen and in the log, if something is: by the writer, while others sync. */
void store_checkpoint(struct store *store);

/* Whether nothing is lost by @err, and the same can be tried again. */
bool store_error_passes(int err);

/* Gives blocks that were durably freed back to the host. */
void store_punch(struct store *store);

/*
 * Where @err says that the host has no room: syncs, so that the layers need none, and what was freed
 * goes back to it. True: that went well, and to try again is worth it.
 */
bool store_relieve(struct store *store, int err);

/* The same where something was freed; for those whom the layers do not matter. */
bool store_reclaim(struct store *store, int err);

/* store_writer.c */
void store_writer_add(struct store_writer *writer, struct store *store);

/* Returns when no thread of the writer uses @store. No matter if it was never added. */
void store_writer_remove(struct store_writer *writer, struct store *store);

/* There is something to do for @store, at once. */
void store_writer_kick(struct store_writer *writer, struct store *store);

uint64_t store_now_ms(void);

#endif
