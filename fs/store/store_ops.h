/* SPDX-License-Identifier: MIT */
/* What a kind of store implements. Private to the store room. */
#ifndef BRAMBLE_STORE_STORE_OPS_H
#define BRAMBLE_STORE_STORE_OPS_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/store.h"
#include "store/store_blocks.h"
#include "store/store_layer.h"

struct store_ops {
	const char *kind;

	/* As store_get, from what is durable. */
	int (*get)(struct store *store, const struct store_key *key, void *buf, size_t size,
		   size_t *out_len);

	/*
	 * Gives @take the durable records from @from on, ascending. @take must not call the store.
	 * Returns what @take returned when that was not 0.
	 */
	int (*walk)(struct store *store, const struct store_key *from, store_record_fn take,
		    void *ctx);

	/* Makes all of @layer durable as one transaction. -ENOSPC, -EDQUOT: nothing was done. */
	int (*apply)(struct store *store, const struct store_layer *layer);

	/*
	 * Ensures room for applying layers of @bytes in all; with @urgent the last reserve counts,
	 * too. -ENOSPC, -EDQUOT.
	 */
	int (*reserve)(struct store *store, uint64_t bytes, bool urgent);

	int (*data_read)(struct store *store, void *buf, size_t len, uint64_t offset);
	int (*data_write)(struct store *store, const void *buf, size_t len, uint64_t offset);
	int (*data_allocate)(struct store *store, uint64_t offset, uint64_t len);
	int (*data_sync)(struct store *store);

	/* Gives the range back to the host. */
	int (*data_punch)(struct store *store, uint64_t offset, uint64_t len);

	/* Before the first change after opening, durably: the store is in use. NULL: no need. */
	int (*mark_in_use)(struct store *store);
	int (*usage)(struct store *store, struct store_usage *out);

	/* @clean: all is durable. Releases @store itself. */
	int (*close)(struct store *store, bool clean);
};

/* Blocks that a transaction freed, until it is durable. */
struct store_run {
	uint64_t first;
	uint64_t count;
};
struct store_runs {
	size_t count;
	struct store_run *runs; /* owned */
};

/* Embedded first in every kind; set up by store_init. */
struct store {
	const struct store_ops *ops;
	bool read_only;
	struct store_writer *writer; /* borrowed, or NULL */

	/* The layers: committed and not yet durable. Readers share this lock, in memory only. */
	pthread_rwlock_t layers;
	struct store_layer *active; /* owned: takes commits */
	struct store_layer *frozen; /* owned: is being made durable; or NULL */
	struct store_runs active_freed;
	struct store_runs frozen_freed;
	uint64_t commits; /* how many there were */

	pthread_mutex_t sync; /* held by the one that syncs */
	_Atomic uint64_t durable; /* of commits */
	_Atomic bool data_written; /* since the last data_sync began */
	_Atomic bool broken; /* an error of the disk: no more commits */
	bool in_use; /* mark_in_use was done */

	struct store_blocks blocks;
};
#endif
