/* SPDX-License-Identifier: MIT */
/*
 * The core of all kinds of stores: reading one record, the checksums of records, the data and which
 * blocks of it are taken. Transactions, scans and syncs have files of their own.
 */
#include "store/store.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/be.h"
#include "base/checked.h"
#include "base/crc.h"
#include "base/le.h"
#include "base/log.h"
#include "base/wait.h"
#include "store/store_batch.h"
#include "store/store_private.h"

/* The data grow in steps of so many blocks: a hole costs nothing, a call for each block would. */
#define GROW_BLOCKS 4096u

/* Setting up --------------------------------------------------------------------------------------- */

int store_lock_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;
	int err = pthread_rwlockattr_init(&attr);

	if (err)
		return -err;
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	err = pthread_rwlock_init(lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	return -err;
}

static int init_locks(struct store *store)
{
	int err = store_lock_init(&store->layers);

	if (err)
		return err;
	err = pthread_mutex_init(&store->sync.lock, NULL);
	if (err == 0)
		err = pthread_cond_init(&store->sync.ended, NULL);
	if (err == 0)
		err = pthread_mutex_init(&store->use, NULL);
	if (err == 0)
		err = pthread_mutex_init(&store->growing, NULL);
	if (err == 0)
		err = pthread_mutex_init(&store->written.lock, NULL);
	if (err == 0)
		err = pthread_mutex_init(&store->sync.flushing, NULL);
	err = -err;
	for (unsigned int i = 0; err == 0 && i < STORE_STRIPES; i++)
		err = store_lock_init(&store->stripes[i]);
	return err;
}

int store_init(struct store *store, const struct store_ops *ops,
	       const struct store_options *options, uint64_t data_bytes)
{
	int err;

	memset(store, 0, sizeof(*store));
	store->ops = ops;
	store->read_only = options && options->read_only;
	store->writer = options && !options->read_only ? options->writer : NULL;
	store->data_blocks = data_bytes / STORE_BLOCK;
	store->sync.gap = true;
	err = init_locks(store);
	if (err)
		return err;
	err = store_blocks_init(&store->blocks);
	if (err)
		return err;
	err = store_layer_create(&store->active);
	if (err == 0 && !store->read_only)
		err = store_txn_create(store, &store->txn);
	if (err) {
		store_finish(store);
		return err;
	}
	if (store->writer)
		store_writer_add(store->writer, store);
	return 0;
}

void store_finish(struct store *store)
{
	if (store->writer)
		store_writer_remove(store->writer, store);
	store_txn_destroy(store->txn);
	store_layer_destroy(store->active);
	store_layer_destroy(store->frozen);
	store_runs_finish(&store->active_freed);
	store_runs_finish(&store->frozen_freed);
	store_runs_finish(&store->sync.punchable);
	store_runs_finish(&store->sync.logged_freed);
	store_pending_finish(&store->pending);
	store_blocks_finish(&store->blocks);
	for (unsigned int i = 0; i < STORE_STRIPES; i++)
		pthread_rwlock_destroy(&store->stripes[i]);
	pthread_mutex_destroy(&store->sync.flushing);
	pthread_mutex_destroy(&store->written.lock);
	pthread_mutex_destroy(&store->growing);
	pthread_mutex_destroy(&store->use);
	pthread_cond_destroy(&store->sync.ended);
	pthread_mutex_destroy(&store->sync.lock);
	pthread_rwlock_destroy(&store->layers);
}

void store_replayed(struct store *store, uint64_t number)
{
	store->sync.number = number;
	store->active_bytes = store_layer_bytes(store->active);
	store->logged_since = store->logged_at = max_u64(store_now_ms(), 1);
}

bool store_is_read_only(const struct store *store)
{
	return store->read_only;
}

int store_close(struct store *store)
{
	int err = 0;
	int closed;

	if (!store)
		return 0;
	if (store->writer)
		store_writer_remove(store->writer, store);
	if (!store->read_only) {
		err = store_settle(store, false);
		store_punch(store);
	}
	closed = store->ops->close(store, err == 0);
	return err ? err : closed;
}

/* What the parts share ----------------------------------------------------------------------------- */

uint64_t store_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int store_may_change(const struct store *store)
{
	if (store->read_only)
		return -EROFS;
	return store->broken ? -EIO : 0;
}

int store_use(struct store *store)
{
	int err = 0;

	if (store->in_use)
		return 0;
	pthread_mutex_lock(&store->use);
	if (!store->in_use && store->ops->mark_in_use)
		err = store->ops->mark_in_use(store);
	if (err == 0)
		store->in_use = true;
	pthread_mutex_unlock(&store->use);
	return err;
}

void store_touch(struct store *store)
{
	uint64_t clean = 0;

	if (store->dirty_since == 0)
		atomic_compare_exchange_strong(&store->dirty_since, &clean,
					       max_u64(store_now_ms(), 1));
}

/* Records ------------------------------------------------------------------------------------------ */

/* The lengths are in it, for zeros behind a sum that is right would be right, too. */
static uint32_t value_sum(const struct store_key *key, const void *value, size_t len)
{
	const le32 lengths[] = {le32_make((uint32_t)key->len), le32_make((uint32_t)len)};
	uint32_t sum = crc32c(~0u, lengths, sizeof(lengths));

	return crc32c(crc32c(sum, key->bytes, key->len), value, len);
}

int store_value_check(const struct store_key *key, const void *value, size_t *len)
{
	size_t bytes;

	if (*len < STORE_CHECKSUM_BYTES)
		return -EBADMSG;
	bytes = *len - STORE_CHECKSUM_BYTES;
	if (le32_at((const uint8_t *)value + bytes) != value_sum(key, value, bytes))
		return -EBADMSG;
	*len = bytes;
	return 0;
}

void store_value_seal(const struct store_key *key, void *value, size_t len)
{
	le32 sum = le32_make(value_sum(key, value, len));

	memcpy((uint8_t *)value + len, &sum, sizeof(sum));
}

int store_damaged(struct store *store, const struct store_key *key, int err)
{
	if (atomic_exchange(&store->damage_logged, true))
		return err;
	/* as the overlay makes its keys: the node's id, and a letter */
	if (key->len > sizeof(be64) && isalpha(key->bytes[sizeof(be64)]))
		log_error("store: damaged record: type '%c' of node %llx: wrong checksum",
			  key->bytes[sizeof(be64)], (unsigned long long)be64_at(key->bytes));
	else
		log_error("store: damaged record: a key of %zu bytes: wrong checksum", key->len);
	return err;
}

struct getting {
	struct store *store; /* borrowed */
	void *buf;
	size_t size;
	size_t len;
};

static int get_copy(struct getting *get, const void *value, size_t len)
{
	if (len > get->size)
		return -ERANGE;
	if (len)
		memcpy(get->buf, value, len);
	get->len = len;
	return 0;
}

/* From the medium: verified. */
static int get_durable(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct getting *get = ctx;
	int err = store_value_check(key, value, &len);

	return err ? store_damaged(get->store, key, err) : get_copy(get, value, len);
}

static int get_from_layer(struct getting *get, const struct store_layer_record *record)
{
	if (record->deleted)
		return -ENOENT;
	return get_copy(get, record->value, record->len - STORE_CHECKSUM_BYTES);
}

int store_layers_read(struct store *store)
{
	if (wait_allowed())
		return -pthread_rwlock_rdlock(&store->layers);
	return pthread_rwlock_tryrdlock(&store->layers) ? -EAGAIN : 0;
}

int store_get(struct store *store, const struct store_key *key, void *buf, size_t size,
	      size_t *out_len)
{
	struct getting get = {.store = store, .buf = buf, .size = size};
	struct store_layer_record record;
	/* held to the end: between two looks the frozen layer may not turn into durable records */
	int err = store_layers_read(store);

	if (err)
		return err;
	if (store_layer_get(store->active, key, &record) ||
	    (store->frozen && store_layer_get(store->frozen, key, &record)))
		err = get_from_layer(&get, &record);
	else
		err = store->ops->get(store, key, get_durable, &get);
	pthread_rwlock_unlock(&store->layers);
	if (err)
		return err;
	*out_len = get.len;
	return 0;
}

int store_txn_get(struct store_txn *txn, const struct store_key *key, void *buf, size_t size,
		  size_t *out_len)
{
	struct getting get = {.store = txn->store, .buf = buf, .size = size};
	struct store_layer_record record;
	int err;

	if (!store_layer_get(txn->layer, key, &record))
		return store_get(txn->store, key, buf, size, out_len);
	err = get_from_layer(&get, &record);
	if (err)
		return err;
	*out_len = get.len;
	return 0;
}

/* Blocks ------------------------------------------------------------------------------------------- */

/* The data get room for @blocks, before anyone is given one of them. */
static int grow_data(struct store *store, uint64_t blocks)
{
	int err = 0;

	if (blocks <= store->data_blocks)
		return 0;
	pthread_mutex_lock(&store->growing);
	if (blocks > store->data_blocks) {
		blocks = min_u64(div_round_up(blocks, GROW_BLOCKS) * GROW_BLOCKS, STORE_BLOCKS_END);
		err = store->ops->data_resize(store, blocks * STORE_BLOCK);
		if (err == 0) {
			store->data_blocks = blocks;
			/* the new end has to be durable before a record that refers to it */
			store_written_count(store);
		}
	}
	pthread_mutex_unlock(&store->growing);
	return err;
}

int store_blocks_take(struct store *store, uint64_t want, uint64_t *out_first, uint64_t *out_got)
{
	uint64_t first;
	uint64_t got;
	int err = store_may_change(store);

	if (err == 0)
		err = store_blocks_find(&store->blocks, want, &first, &got);
	if (err)
		return err;
	err = grow_data(store, first + got);
	if (err) {
		store_blocks_clear(&store->blocks, first, got);
		return err;
	}
	*out_first = first;
	*out_got = got;
	return 0;
}

void store_blocks_return(struct store *store, uint64_t first, uint64_t count)
{
	if (count == 0)
		return;
	store->ops->data_punch(store, first * STORE_BLOCK, count * STORE_BLOCK);
	store_blocks_clear(&store->blocks, first, count);
}

int store_blocks_mark(struct store *store, uint64_t first, uint64_t count)
{
	int err;

	if (!range_fits(first, count, store->data_blocks)) {
		log_error("store: blocks %llu+%llu are beyond the end of the data: %llu",
			  (unsigned long long)first, (unsigned long long)count,
			  (unsigned long long)store->data_blocks);
		return -EUCLEAN;
	}
	err = store_blocks_set(&store->blocks, first, count);
	if (err == -EUCLEAN)
		log_error("store: blocks %llu+%llu are referred to twice",
			  (unsigned long long)first, (unsigned long long)count);
	return err;
}

int store_blocks_ready(struct store *store)
{
	uint64_t end = store_blocks_end(&store->blocks);
	uint64_t first;
	uint64_t count;
	int err;

	if (store->read_only)
		return 0;
	for (uint64_t at = 0;
	     !store->punched && store_blocks_next_free(&store->blocks, at, &first, &count);
	     at = first + count)
		store->ops->data_punch(store, first * STORE_BLOCK, count * STORE_BLOCK);
	if (end == store->data_blocks)
		return 0;
	err = store->ops->data_resize(store, end * STORE_BLOCK);
	if (err == 0)
		store->data_blocks = end;
	return err;
}

/* Data --------------------------------------------------------------------------------------------- */

int store_check_blocks(struct store *store, const char *what, uint64_t first, uint64_t count)
{
	if (store_blocks_are_taken(&store->blocks, first, count))
		return 0;
	log_error("store: %s of blocks that are not taken: %llu+%llu", what,
		  (unsigned long long)first, (unsigned long long)count);
	return -EUCLEAN;
}

static int check_range(struct store *store, const char *what, size_t len, uint64_t offset)
{
	uint64_t first = offset / STORE_BLOCK;

	/* beyond all blocks, where the end of the range could wrap */
	if (!range_fits(offset, len, STORE_BLOCKS_END * STORE_BLOCK))
		return store_check_blocks(store, what, first, UINT64_MAX);
	return store_check_blocks(store, what, first,
				  div_round_up(offset + len, STORE_BLOCK) - first);
}

/* After a change of data; @len 0: not of what they say. What is much has less to wait for at a sync. */
static void data_touch(struct store *store, uint64_t offset, size_t len)
{
	bool due = store_written_add(store, offset, len);

	store_touch(store);
	if (due && store->ops->data_start)
		store->ops->data_start(store);
}

int store_data_read(struct store *store, void *buf, size_t len, uint64_t offset)
{
	int err;

	if (len == 0)
		return 0;
	err = check_range(store, "read", len, offset);
	return err ? err : store->ops->data_read(store, buf, len, offset);
}

/* The lock of the block at @offset, and how much of @len is in the same group. */
static pthread_rwlock_t *stripe_of(struct store *store, uint64_t offset, size_t len,
				   size_t *out_part)
{
	*out_part = (size_t)min_u64(len, STORE_STRIPE_BYTES - offset % STORE_STRIPE_BYTES);
	return &store->stripes[offset / STORE_STRIPE_BYTES % STORE_STRIPES];
}

static int write_parts(struct store *store, const void *buf, size_t len, uint64_t offset)
{
	const uint8_t *from = buf;
	int err = 0;

	while (len && !err) {
		size_t part;
		pthread_rwlock_t *stripe = stripe_of(store, offset, len, &part);

		pthread_rwlock_rdlock(stripe);
		err = store->ops->data_write(store, from, part, offset);
		pthread_rwlock_unlock(stripe);
		from += part;
		len -= part;
		offset += part;
	}
	return err;
}

int store_data_still(struct store *store, void *buf, size_t len, uint64_t offset)
{
	uint8_t *to = buf;
	int err = 0;

	while (len && !err) {
		size_t part;
		pthread_rwlock_t *stripe = stripe_of(store, offset, len, &part);

		pthread_rwlock_wrlock(stripe);
		err = store->ops->data_read(store, to, part, offset);
		pthread_rwlock_unlock(stripe);
		to += part;
		len -= part;
		offset += part;
	}
	return err;
}

int store_data_write(struct store *store, const void *buf, size_t len, uint64_t offset)
{
	int err = store_may_change(store);

	if (err || len == 0)
		return err;
	err = check_range(store, "write", len, offset);
	if (err == 0)
		err = store_use(store);
	if (err)
		return err;
	err = write_parts(store, buf, len, offset);
	if (err && store_reclaim(store, err))
		err = write_parts(store, buf, len, offset);
	/* a write that failed may have done a part */
	data_touch(store, offset, len);
	return err;
}

int store_data_allocate(struct store *store, uint64_t first, uint64_t count)
{
	int err = store_may_change(store);

	if (err)
		return err;
	if (!store->ops->data_allocate)
		return -EOPNOTSUPP;
	if (count == 0)
		return 0;
	err = store_check_blocks(store, "allocation", first, count);
	if (err == 0)
		err = store_use(store);
	if (err)
		return err;
	err = store->ops->data_allocate(store, first * STORE_BLOCK, count * STORE_BLOCK);
	if (err && store_reclaim(store, err))
		err = store->ops->data_allocate(store, first * STORE_BLOCK, count * STORE_BLOCK);
	data_touch(store, 0, 0);
	return err;
}

int store_usage(struct store *store, struct store_usage *out)
{
	struct store_usage usage = {0};
	int err = store->ops->usage(store, &usage);
	uint64_t freeing;

	if (err)
		return err;
	/* the host gets these back, at the latest when it has nothing else left */
	freeing = min_u64(store->freeing * STORE_BLOCK, usage.used);
	usage.used -= freeing;
	usage.available += freeing;
	usage.blocks = store_blocks_taken(&store->blocks);
	*out = usage;
	return 0;
}
