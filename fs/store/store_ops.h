/* SPDX-License-Identifier: MIT */
/*
 * What a kind of store implements. Private to the store room.
 *
 * The core (store.c, store_txn.c, store_scan.c, store_sync.c) does what all kinds have in common:
 * transactions, the layers in memory, which blocks are taken, group commit, checksums of records. A
 * kind keeps records and data on its medium, and stores values as it gets them: they end in a
 * checksum of STORE_CHECKSUM_BYTES which the core adds and verifies.
 *
 * Which calls overlap: get, walk, data_read, data_write, data_allocate and usage come from any number
 * of threads, also while apply, log or data_sync runs. Each of these three is called by one thread at a
 * time, and between two calls of apply there is a moment at which no get and no walk runs (so a
 * reader never sees more than one apply happen). apply that keeps the log may run while log does. reserve comes from one thread at a time, possibly
 * while apply runs. data_punch is called for ranges that nobody else reads or writes; data_resize
 * never cuts off a block that is taken.
 */
#ifndef BRAMBLE_STORE_STORE_OPS_H
#define BRAMBLE_STORE_STORE_OPS_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/store.h"
#include "store/store_blocks.h"
#include "store/store_entry.h"
#include "store/store_layer.h"

/* At the end of each value that a kind stores: le32, see store_value_check. */
#define STORE_CHECKSUM_BYTES 4u

/* What becomes of the log when a layer is applied. */
enum store_log_use {
	STORE_LOG_KEEP,
	STORE_LOG_START, /* if there is none, and it can be made */
	STORE_LOG_DROP,
};

enum store_log_state {
	STORE_LOG_NONE,
	STORE_LOG_OPEN,
	STORE_LOG_LONG, /* it is time to apply what is in it */
};

struct store_ops {
	const char *kind; /* "memory", "embedded": appears in logs */

	/*
	 * Gives @take the durable value of @key, checksum included, and returns what it returned.
	 * -ENOENT: there is none. @take must not call the store.
	 */
	int (*get)(struct store *store, const struct store_key *key, store_record_fn take,
		   void *ctx);

	/*
	 * Gives @take the durable records from @from on (NULL: all), ascending, checksums included.
	 * @take must not call the store. Returns what @take returned when that was not 0.
	 */
	int (*walk)(struct store *store, const struct store_key *from, store_record_fn take,
		    void *ctx);

	/*
	 * Makes all of @layer durable as one transaction. -ENOSPC, -EDQUOT: nothing was done, and it
	 * is called again later, with all that is in @layer and perhaps more. -ENOMEM: the same, but
	 * all may have been done already. Any other error: the store takes no more commits. The entries
	 * of the log up to @number are not needed any more then.
	 */
	int (*apply)(struct store *store, const struct store_layer *layer, uint64_t number,
		     enum store_log_use use);

	/*
	 * A log: makes @entry durable, sooner than apply could, with what its ranges have in the data
	 * now, see store_data_still. It is done again after a crash, over what apply did, unless apply was told its number.
	 * @last: apply will be told this number, while further entries are logged. -EAGAIN: there is no
	 * room, and other errors that pass: nothing was done. NULL: the kind has no log.
	 */
	int (*log)(struct store *store, const struct store_entry *entry, bool last);
	enum store_log_state (*log_state)(struct store *store); /* not NULL if log is not */

	/*
	 * Ensures room for applying layers of @bytes in all; with @urgent the last reserve counts,
	 * too. -ENOSPC, -EDQUOT. Called for each commit: cheap when room was ensured before.
	 */
	int (*reserve)(struct store *store, uint64_t bytes, bool urgent);

	/* Inside the data as data_resize made it. What was never written is undefined. */
	int (*data_read)(struct store *store, void *buf, size_t len, uint64_t offset);
	int (*data_write)(struct store *store, const void *buf, size_t len, uint64_t offset);
	int (*data_allocate)(struct store *store, uint64_t offset, uint64_t len); /* NULL: cannot */

	/*
	 * -ENOSPC, -EDQUOT, -ENOMEM: nothing is lost, a later call writes it. (That is not what the
	 * same errors of fdatasync mean: the kernel forgets pages that it failed to write, and the
	 * next fdatasync succeeds. So they are -EIO here.)
	 */
	int (*data_sync)(struct store *store);

	/* data_sync comes soon: starts what can be done before. NULL: nothing can. */
	void (*data_start)(struct store *store);

	/* Gives the range back to the host. Errors are logged by the kind, once, and do not matter. */
	void (*data_punch)(struct store *store, uint64_t offset, uint64_t len);

	/*
	 * Makes the data end at @bytes: what is missing becomes a hole, what is behind is cut off.
	 * The data are grown before their blocks are handed out, so no data_write needs to.
	 */
	int (*data_resize)(struct store *store, uint64_t bytes);

	/* Before the first change after opening, durably: the store is in use. NULL: no need. */
	int (*mark_in_use)(struct store *store);

	/* All but out->blocks, as the medium says. */
	int (*usage)(struct store *store, struct store_usage *out);

	/* @clean: all is durable. Ends with store_finish and releases @store itself. */
	int (*close)(struct store *store, bool clean);
};

/* Blocks that a transaction freed, until it is durable. */
struct store_run {
	uint64_t first;
	uint64_t count;
};
struct store_runs {
	size_t count;
	size_t room; /* of the array */
	struct store_run *runs; /* owned */
};

/*
 * What was committed since the last sync, as an entry of a log has it: one transaction behind the other.
 */
struct store_pending {
	bool whole; /* else some is missing, and only apply can make it durable */
	uint8_t *bytes; /* owned */
	size_t len;
	size_t room;
	uint8_t *spare; /* owned: for bytes, later; whoever syncs has it */
	size_t spare_room;
};

/*
 * Locks that stand for blocks: shared while one is written, so that an entry of the log never gets half of
 * a write. Those of a group have the same one.
 */
#define STORE_STRIPES 16u
#define STORE_STRIPE_BYTES ((uint64_t)16 * STORE_BLOCK)

/* Where the data were written since the last sync, in whole blocks. */
struct store_written {
	pthread_mutex_t lock;
	_Atomic bool much; /* and more than fits in an entry of a log */
	size_t waiting; /* bytes that the host was not told to write yet */
	size_t bytes;
	size_t count;
	struct store_range ranges[STORE_ENTRY_RANGES];
};

/* Who syncs, and what the last one achieved; see store_sync.c. */
struct store_syncing {
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a sync, the punching, or a checkpoint */
	bool running;
	uint64_t started; /* how many syncs were */
	uint64_t failed; /* the number of the last one that failed */
	int err; /* of that one */
	uint64_t durable; /* of store->commits */
	uint64_t data_durable; /* of store->data_writes */
	bool starting; /* somebody is in data_start */
	bool punching; /* somebody works on what was punchable */
	struct store_runs punchable; /* durably free; to be punched, and then cleared in blocks */

	struct store_runs logged_freed; /* by the last entry of the log, with logged_number */
	uint64_t logged_number;

	/* The log. Entries up to applied are in the durable records. */
	_Atomic uint64_t number; /* of the last entry */
	uint64_t applied;
	_Atomic bool gap; /* something that no entry has has to be applied first */
	unsigned int small; /* syncs that a log would have been good for */
	uint64_t flushed; /* of store->data_writes: durable in the data themselves */
	pthread_mutex_t flushing;
	bool applying; /* whoever syncs does it by apply, so nobody else may */
	bool checkpointing; /* somebody else applies the frozen layer */
	uint64_t turned_number; /* the last entry with something of the frozen layer */
};

/* A store in the list of its writer; see store_writer.c. */
struct store_writing {
	bool listed;
	struct store *next;
	struct store *previous;
	bool busy; /* one of the writer's threads is syncing it */
	int err; /* that was logged last */
};

/*
 * Embedded first in every kind; set up by store_init. Kinds use the first three, no more.
 */
struct store {
	const struct store_ops *ops;
	bool read_only;
	bool punched; /* set by a kind that was closed cleanly: free blocks went back to the host */
	struct store_writer *writer; /* borrowed, or NULL */
	struct store_writing writing; /* under the writer's lock */

	/* The layers: committed and not yet durable. Readers share this lock. */
	pthread_rwlock_t layers;
	struct store_layer *active; /* owned: takes commits */
	struct store_layer *frozen; /* owned: is being applied; or NULL */
	struct store_pending pending;
	struct store_runs active_freed;
	struct store_runs frozen_freed;
	_Atomic uint64_t active_bytes;
	_Atomic uint64_t frozen_bytes;
	_Atomic uint64_t commits; /* how many there were */
	_Atomic uint64_t freeing; /* blocks that commits freed and that are not punched yet */
	_Atomic bool punchable; /* there are such that wait for nothing else */

	struct store_txn *txn; /* owned: used again and again, by one at a time */

	struct store_syncing sync;
	struct store_written written;
	pthread_rwlock_t stripes[STORE_STRIPES];
	_Atomic uint64_t data_writes; /* how many there were */
	_Atomic bool turned; /* the frozen layer is in the log, and may be applied at any time */
	_Atomic uint64_t logged_at; /* in ms: when the log was used last; 0: there is none */
	_Atomic uint64_t logged_since; /* in ms: the oldest entry that is not applied; 0: none */
	_Atomic uint64_t
		dirty_since; /* monotonic, in ms: the oldest change that no sync took; 0: none */
	_Atomic bool kicked; /* the writer was told not to wait for long */
	_Atomic bool broken; /* an error of the disk: no more commits */
	_Atomic bool damage_logged;

	pthread_mutex_t use; /* of the first change */
	_Atomic bool in_use; /* mark_in_use was done */

	struct store_blocks blocks;
	pthread_mutex_t growing; /* the data */
	_Atomic uint64_t data_blocks; /* how many the data have room for */
};

/*
 * For the kinds. @data_bytes: how long the data are. @options NULL: none. After an error there is
 * nothing to finish. store_finish is for a kind's close, and for an open that fails later.
 */
int store_init(struct store *store, const struct store_ops *ops,
	       const struct store_options *options, uint64_t data_bytes);
void store_finish(struct store *store);

/*
 * For a kind that found a log and could not apply it: the entries up to @number are in store->active.
 * Before anybody uses the store.
 */
void store_replayed(struct store *store, uint64_t number);

/* For a kind's log: reads data by data_read; what is being written to a block is there, or not. */
int store_data_still(struct store *store, void *buf, size_t len, uint64_t offset);

/*
 * A lock that a writer gets although there are always some readers: by default a few busy ones keep
 * it out for ever. Nobody may read inside a read.
 */
int store_lock_init(pthread_rwlock_t *lock);

/*
 * Verifies the CRC-32C over key and value that ends @value, and takes it off *@len. -EBADMSG: it is
 * wrong, or there is none. Logs nothing.
 */
int store_value_check(const struct store_key *key, const void *value, size_t *len);

/* Writes that checksum behind the @len bytes at @value. The core's, and for a kind's own records. */
void store_value_seal(const struct store_key *key, void *value, size_t len);

#endif
