/* SPDX-License-Identifier: MIT */
/*
 * A store in memory, for tests: its medium is a layer of records and an array of blocks. It tells
 * what is durable from what is not, so that its power can be cut, and fails when it is told to.
 */
#include "store/store_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "store/store_memory_medium.h"

#define SECTOR 512u

/* What there is said to be left. */
#define AVAILABLE ((uint64_t)1 << 40)

/* Deleted records are thrown out of the medium when there are more than this, and half of all. */
#define DELETED_MAX 1024u

static struct memory *memory_of(struct store *store)
{
	return container_of(store, struct memory, base);
}

int store_memory_enter(struct memory *memory, enum store_memory_call call)
{
	struct fault *fault = &memory->faults[call];
	int err = 0;

	pthread_mutex_lock(&memory->faults_lock);
	fault->calls++;
	if (fault->err && fault->after == 0)
		err = fault->err;
	else if (fault->err)
		fault->after--;
	pthread_mutex_unlock(&memory->faults_lock);
	if (err == 0 && memory->hook)
		err = memory->hook(memory->hook_ctx, call);
	return err;
}

/* Records ------------------------------------------------------------------------------------------ */

static int give(const struct store_layer_record *record, store_record_fn take, void *ctx)
{
	struct store_key key = {.len = record->key_len};

	memcpy(key.bytes, record->key, record->key_len);
	return take(ctx, &key, record->value, record->len);
}

static int memory_get(struct store *store, const struct store_key *key, store_record_fn take,
		      void *ctx)
{
	struct memory *memory = memory_of(store);
	struct store_layer_record record;
	int err = -ENOENT;

	pthread_rwlock_rdlock(&memory->lock);
	if (store_layer_get(memory->records, key, &record) && !record.deleted)
		err = take(ctx, key, record.value, record.len);
	pthread_rwlock_unlock(&memory->lock);
	return err;
}

static int memory_walk(struct store *store, const struct store_key *from, store_record_fn take,
		       void *ctx)
{
	struct memory *memory = memory_of(store);
	struct store_layer_record record;
	int err = 0;
	bool more;

	pthread_rwlock_rdlock(&memory->lock);
	for (more = store_layer_seek(memory->records, from, &record); more && err == 0;
	     more = store_layer_next(memory->records, &record))
		if (!record.deleted)
			err = give(&record, take, ctx);
	pthread_rwlock_unlock(&memory->lock);
	return err;
}

static int put(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct store_layer *layer = ctx;

	return store_layer_put(layer, key, value, len);
}

/* All records that are not deleted, in a layer of their own. */
static int copy_records(const struct memory *memory, struct store_layer **out)
{
	struct store_layer_record record;
	struct store_layer *layer;
	int err = store_layer_create(&layer);
	bool more;

	if (err)
		return err;
	for (more = store_layer_seek(memory->records, NULL, &record); more && err == 0;
	     more = store_layer_next(memory->records, &record))
		if (!record.deleted)
			err = give(&record, put, layer);
	if (err) {
		store_layer_destroy(layer);
		return err;
	}
	*out = layer;
	return 0;
}

static void clean_records(struct memory *memory)
{
	struct store_layer *layer;

	if (memory->deleted < DELETED_MAX ||
	    memory->deleted < store_layer_count(memory->records) / 2)
		return;
	memory->deleted = 0;
	if (copy_records(memory, &layer))
		return;
	store_layer_destroy(memory->records);
	memory->records = layer;
}

static int memory_apply(struct store *store, const struct store_layer *layer, uint64_t number,
			enum store_log_use use)
{
	struct memory *memory = memory_of(store);
	struct store_layer_record record;
	int err = store_memory_enter(memory, STORE_MEMORY_APPLY);
	bool more;

	if (err)
		return err;
	pthread_rwlock_wrlock(&memory->lock);
	err = store_layer_merge(memory->records, layer);
	if (err == 0) {
		for (more = store_layer_seek(layer, NULL, &record); more;
		     more = store_layer_next(layer, &record))
			memory->deleted += record.deleted;
		clean_records(memory);
		store_memory_log_applied(memory, number, use);
	}
	pthread_rwlock_unlock(&memory->lock);
	return err;
}

static int memory_reserve(struct store *store, uint64_t bytes, bool urgent)
{
	(void)bytes;
	(void)urgent;
	return store_memory_enter(memory_of(store), STORE_MEMORY_RESERVE);
}

static int memory_mark_in_use(struct store *store)
{
	return store_memory_enter(memory_of(store), STORE_MEMORY_MARK_IN_USE);
}

/* Data --------------------------------------------------------------------------------------------- */

/* What a range has in one block. */
struct part {
	size_t block;
	size_t into;
	size_t len;
};

static bool part_next(size_t *len, uint64_t *offset, struct part *out)
{
	if (*len == 0)
		return false;
	out->block = (size_t)(*offset / STORE_BLOCK);
	out->into = (size_t)(*offset % STORE_BLOCK);
	out->len = (size_t)min_u64(*len, STORE_BLOCK - out->into);
	*len -= out->len;
	*offset += out->len;
	return true;
}

int store_memory_copy_out(const struct memory *memory, void *buf, size_t len, uint64_t offset)
{
	uint8_t *to = buf;
	struct part part;
	int err = 0;

	for (; part_next(&len, &offset, &part); to += part.len) {
		const uint8_t *now = NULL;

		if (part.block < memory->blocks_count)
			now = memory->blocks[part.block].now;
		else
			err = -EIO;
		if (now)
			memcpy(to, now + part.into, part.len);
		else
			memset(to, UNDEFINED_BYTE, part.len);
	}
	return err;
}

static int memory_data_read(struct store *store, void *buf, size_t len, uint64_t offset)
{
	struct memory *memory = memory_of(store);
	int err = store_memory_enter(memory, STORE_MEMORY_DATA_READ);

	if (err)
		return err;
	pthread_rwlock_rdlock(&memory->lock);
	err = store_memory_copy_out(memory, buf, len, offset);
	pthread_rwlock_unlock(&memory->lock);
	return err;
}

/* The block gets bytes to write to; what it had at the last data_sync is kept. */
static int block_open(struct block *block)
{
	uint8_t *fresh = NULL;

	if (block->now && block->written)
		return 0;
	fresh = malloc(STORE_BLOCK);
	if (!fresh)
		return -ENOMEM;
	if (block->now)
		memcpy(fresh, block->now, STORE_BLOCK);
	else
		memset(fresh, UNDEFINED_BYTE, STORE_BLOCK);
	if (!block->written)
		block->durable = block->now;
	block->now = fresh;
	block->written = true;
	return 0;
}

int store_memory_copy_in(struct memory *memory, const void *buf, size_t len, uint64_t offset)
{
	const uint8_t *from = buf;
	struct part part;

	for (; part_next(&len, &offset, &part); from += part.len) {
		int err = -EIO;

		if (part.block < memory->blocks_count)
			err = block_open(&memory->blocks[part.block]);
		if (err)
			return err;
		memcpy(memory->blocks[part.block].now + part.into, from, part.len);
	}
	return 0;
}

static int memory_data_write(struct store *store, const void *buf, size_t len, uint64_t offset)
{
	struct memory *memory = memory_of(store);
	int err = store_memory_enter(memory, STORE_MEMORY_DATA_WRITE);

	if (err)
		return err;
	pthread_rwlock_wrlock(&memory->lock);
	err = store_memory_copy_in(memory, buf, len, offset);
	pthread_rwlock_unlock(&memory->lock);
	return err;
}

/* What it has now is durable. */
static void block_settle(struct block *block)
{
	free(block->durable);
	block->durable = NULL;
	block->written = false;
}

static int memory_data_sync(struct store *store)
{
	struct memory *memory = memory_of(store);
	int err = store_memory_enter(memory, STORE_MEMORY_DATA_SYNC);

	if (err)
		return err;
	pthread_rwlock_wrlock(&memory->lock);
	for (size_t i = 0; i < memory->blocks_count; i++)
		block_settle(&memory->blocks[i]);
	memory->durable_count = memory->blocks_count;
	pthread_rwlock_unlock(&memory->lock);
	return 0;
}

static void memory_data_start(struct store *store)
{
	store_memory_enter(memory_of(store), STORE_MEMORY_DATA_START);
}

static void block_drop(struct block *block)
{
	free(block->now);
	free(block->durable);
	memset(block, 0, sizeof(*block));
}

static void memory_data_punch(struct store *store, uint64_t offset, uint64_t len)
{
	struct memory *memory = memory_of(store);
	size_t first = (size_t)(offset / STORE_BLOCK);

	store_memory_enter(memory, STORE_MEMORY_DATA_PUNCH);
	pthread_rwlock_wrlock(&memory->lock);
	for (size_t i = first; i < first + len / STORE_BLOCK && i < memory->blocks_count; i++)
		block_drop(&memory->blocks[i]);
	pthread_rwlock_unlock(&memory->lock);
}

int store_memory_resize(struct memory *memory, size_t count)
{
	struct block *blocks;

	for (size_t i = count; i < memory->blocks_count; i++)
		block_drop(&memory->blocks[i]);
	if (count < memory->blocks_count)
		memory->blocks_count = count;
	if (count == memory->blocks_count)
		return 0;
	blocks = reallocarray(memory->blocks, count, sizeof(*blocks));
	if (!blocks)
		return -ENOMEM;
	memset(blocks + memory->blocks_count, 0, (count - memory->blocks_count) * sizeof(*blocks));
	memory->blocks = blocks;
	memory->blocks_count = count;
	return 0;
}

static int memory_data_resize(struct store *store, uint64_t bytes)
{
	struct memory *memory = memory_of(store);
	int err = store_memory_enter(memory, STORE_MEMORY_DATA_RESIZE);

	if (err)
		return err;
	pthread_rwlock_wrlock(&memory->lock);
	err = store_memory_resize(memory, (size_t)(bytes / STORE_BLOCK));
	pthread_rwlock_unlock(&memory->lock);
	return err;
}

/* The rest ----------------------------------------------------------------------------------------- */

static int memory_usage(struct store *store, struct store_usage *out)
{
	struct memory *memory = memory_of(store);

	pthread_rwlock_rdlock(&memory->lock);
	out->used = store_layer_bytes(memory->records);
	for (size_t i = 0; i < memory->blocks_count; i++)
		out->used += memory->blocks[i].now ? STORE_BLOCK : 0;
	pthread_rwlock_unlock(&memory->lock);
	out->available = AVAILABLE;
	return 0;
}

static void memory_free(struct memory *memory)
{
	store_memory_log_finish(memory);
	store_layer_destroy(memory->records);
	for (size_t i = 0; i < memory->blocks_count; i++)
		block_drop(&memory->blocks[i]);
	free(memory->blocks);
	pthread_mutex_destroy(&memory->faults_lock);
	pthread_rwlock_destroy(&memory->lock);
	free(memory);
}

static int memory_close(struct store *store, bool clean)
{
	(void)clean;
	store_finish(store);
	memory_free(memory_of(store));
	return 0;
}

/* Of both kinds. */
#define MEMORY_CALLS                                                                               \
	.kind = "memory", .get = memory_get, .walk = memory_walk, .apply = memory_apply,           \
	.reserve = memory_reserve, .data_read = memory_data_read, .data_write = memory_data_write, \
	.data_sync = memory_data_sync, .data_start = memory_data_start,                            \
	.data_punch = memory_data_punch, .data_resize = memory_data_resize,                        \
	.mark_in_use = memory_mark_in_use, .usage = memory_usage, .close = memory_close

static const struct store_ops memory_ops = {MEMORY_CALLS};

static const struct store_ops logging_ops = {
	MEMORY_CALLS,
	.log = store_memory_log,
	.log_state = store_memory_log_state,
};

static int memory_create(struct memory **out)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	int err;

	if (!memory)
		return -ENOMEM;
	err = store_lock_init(&memory->lock);
	if (err == 0)
		err = -pthread_mutex_init(&memory->faults_lock, NULL);
	if (err) {
		free(memory);
		return err;
	}
	*out = memory;
	return 0;
}

/* Makes a store of @memory, which has its blocks and records; frees it if that fails. */
static int memory_open(struct memory *memory, const struct store_ops *ops,
		       const struct store_options *options, struct store **out)
{
	int err = store_init(&memory->base, ops, options,
			     (uint64_t)memory->blocks_count * STORE_BLOCK);

	if (err) {
		memory_free(memory);
		return err;
	}
	*out = &memory->base;
	return 0;
}

static int create_empty(const struct store_ops *ops, const struct store_options *options,
			struct store **out)
{
	struct memory *memory;
	int err = memory_create(&memory);

	if (err)
		return err;
	err = store_layer_create(&memory->records);
	if (err) {
		memory_free(memory);
		return err;
	}
	return memory_open(memory, ops, options, out);
}

int store_memory_open(const struct store_options *options, struct store **out)
{
	return create_empty(&memory_ops, options, out);
}

int store_memory_open_logging(const struct store_options *options, struct store **out)
{
	return create_empty(&logging_ops, options, out);
}

int store_memory_create(struct store **out)
{
	return store_memory_open(NULL, out);
}

void store_memory_fail(struct store *store, enum store_memory_call call, unsigned int after,
		       int err)
{
	struct memory *memory = memory_of(store);

	pthread_mutex_lock(&memory->faults_lock);
	memory->faults[call].after = after;
	memory->faults[call].err = err;
	pthread_mutex_unlock(&memory->faults_lock);
}

unsigned int store_memory_calls(struct store *store, enum store_memory_call call)
{
	struct memory *memory = memory_of(store);
	unsigned int calls;

	pthread_mutex_lock(&memory->faults_lock);
	calls = memory->faults[call].calls;
	pthread_mutex_unlock(&memory->faults_lock);
	return calls;
}

void store_memory_set_hook(struct store *store, store_memory_hook_fn hook, void *ctx)
{
	struct memory *memory = memory_of(store);

	memory->hook = hook;
	memory->hook_ctx = ctx;
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* What of a block is found after the power was cut. */
static int block_survive(const struct block *from, uint64_t *seed, struct block *to)
{
	const uint8_t *durable = from->written ? from->durable : from->now;
	uint64_t lost = *seed ? next_random(seed) >> 8 : UINT64_MAX;

	if (!from->now || (!durable && lost == UINT64_MAX))
		return 0;
	to->now = malloc(STORE_BLOCK);
	if (!to->now)
		return -ENOMEM;
	memset(to->now, UNDEFINED_BYTE, STORE_BLOCK);
	for (size_t at = 0; at < STORE_BLOCK; at += SECTOR, lost >>= 1) {
		const uint8_t *source = lost & 1 ? durable : from->now;

		if (source)
			memcpy(to->now + at, source + at, SECTOR);
	}
	return 0;
}

/* @to is empty; both media are ours. */
static int memory_survive(const struct memory *from, uint64_t seed, struct memory *to)
{
	int err = copy_records(from, &to->records);

	if (err)
		return err;
	err = store_memory_resize(to, from->durable_count < from->blocks_count
					      ? from->durable_count
					      : from->blocks_count);
	for (size_t i = 0; i < to->blocks_count && err == 0; i++)
		err = block_survive(&from->blocks[i], &seed, &to->blocks[i]);
	if (err == 0)
		err = store_memory_log_replay(from, to);
	for (size_t i = 0; i < to->blocks_count; i++)
		block_settle(&to->blocks[i]);
	to->durable_count = to->blocks_count;
	return err;
}

int store_memory_cut_power(struct store *store, const struct store_options *options, uint64_t seed,
			   struct store **out)
{
	struct memory *from = memory_of(store);
	struct memory *memory;
	int err = memory_create(&memory);

	if (err)
		return err;
	pthread_rwlock_rdlock(&from->lock);
	err = memory_survive(from, seed, memory);
	pthread_rwlock_unlock(&from->lock);
	if (err) {
		memory_free(memory);
		return err;
	}
	return memory_open(memory, store->ops, options, out);
}

int store_memory_flip(struct store *store, const struct store_key *key, size_t bit)
{
	struct memory *memory = memory_of(store);
	struct store_layer_record record;
	int err = 0;

	pthread_rwlock_wrlock(&memory->lock);
	if (!store_layer_get(memory->records, key, &record) || record.deleted) {
		err = -ENOENT;
	} else if (bit / 8 >= record.len) {
		err = -ERANGE;
	} else {
		CLEANUP(freep) uint8_t *value = malloc(record.len);

		if (value) {
			memcpy(value, record.value, record.len);
			value[bit / 8] ^= (uint8_t)(1u << bit % 8);
			store_layer_put(memory->records, key, value, record.len);
		} else {
			err = -ENOMEM;
		}
	}
	pthread_rwlock_unlock(&memory->lock);
	return err;
}
