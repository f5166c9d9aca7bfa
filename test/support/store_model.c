/* SPDX-License-Identifier: MIT */
/* The load: which records a transaction changes, what is in them, and whether it is there. */
#include "store_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"

#define CHANGES_MAX 12u /* of a transaction */
#define VALUE_MAX 66560u

static const char kinds[] = "ACEX";

/* splitmix64 */
uint64_t model_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t state = a * 0x100000001b3u ^ b;

	state = model_random(&state) ^ c;
	return model_random(&state);
}

static void fill(void *buf, size_t len, uint64_t state)
{
	uint8_t *to = buf;

	while (len) {
		uint64_t word = model_random(&state);
		size_t part = len < sizeof(word) ? len : sizeof(word);

		memcpy(to, &word, part);
		to += part;
		len -= part;
	}
}

static void put64(uint8_t *to, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

/* Key @number: a node, a type, and for some a name of up to 255 bytes. */
static void make_key(unsigned int number, struct store_key *key)
{
	uint64_t node = number / 4 + 1;

	for (int i = 0; i < 8; i++)
		key->bytes[i] = (uint8_t)(node >> (56 - 8 * i));
	key->bytes[8] = (uint8_t)kinds[number % 4];
	key->len = 9;
	if (number % 4 > 1) {
		size_t len = number % 4 == 2 ? 8 : 1 + mix(number, 1, 2) % (number % 32 ? 24 : 255);

		fill(key->bytes + 9, len, number);
		key->len += len;
	}
}

static void counter_key(struct store_key *key)
{
	memset(key->bytes, 0, 8);
	key->bytes[8] = 'S';
	key->len = 9;
}

void model_init(struct model *model, uint64_t seed, unsigned int keys)
{
	memset(model, 0, sizeof(*model));
	model->seed = seed;
	model->keys = keys < MODEL_KEYS ? keys : MODEL_KEYS;
}

/* One change of a transaction. */
struct change {
	unsigned int key;
	struct model_record record;
};

static unsigned int plan(const struct model *model, struct change changes[CHANGES_MAX])
{
	uint64_t state = mix(model->seed, model->done, 0);
	unsigned int count = 1 + (unsigned int)(model_random(&state) % CHANGES_MAX);

	for (unsigned int i = 0; i < count; i++) {
		struct change *change = &changes[i];
		uint64_t r = model_random(&state);

		change->key = (unsigned int)(r % model->keys);
		memset(&change->record, 0, sizeof(change->record));
		r = model_random(&state);
		if (r % 3 == 0)
			continue; /* deleted */
		change->record.change = model->done + 1;
		r = model_random(&state);
		if (change->key % 4 == 1)
			change->record.blocks = 1 + (uint32_t)(r % MODEL_BLOCKS_MAX);
		else if (change->key % 4 == 3 && r % 40 == 0)
			change->record.size = (uint32_t)(r >> 8) % (VALUE_MAX + 1);
		else if (change->key % 4 == 3)
			change->record.size = (uint32_t)(r >> 8) % 3000;
		else
			change->record.size = 20 + (uint32_t)(r >> 8) % 200;
	}
	return count;
}

static void note(struct model *model, const struct change *changes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		model->records[changes[i].key] = changes[i].record;
	model->done++;
}

void model_skip(struct model *model)
{
	struct change changes[CHANGES_MAX];

	note(model, changes, plan(model, changes));
}

static void make_block(const struct model *model, uint64_t change, unsigned int key,
		       unsigned int index, uint8_t block[STORE_BLOCK])
{
	fill(block, STORE_BLOCK, mix(model->seed ^ change, key, index + 1000));
}

/* The value of a 'C' record: the block numbers. */
static int write_blocks(struct model *model, struct store *store, const struct change *change,
			uint8_t *value)
{
	uint8_t block[STORE_BLOCK];

	for (unsigned int i = 0; i < change->record.blocks; i++) {
		uint64_t first, got;
		int err = store_blocks_take(store, 1, &first, &got);

		if (err)
			return err;
		put64(value + (size_t)8 * i, first);
		make_block(model, change->record.change, change->key, i, block);
		err = store_data_write(store, block, sizeof(block), first * STORE_BLOCK);
		if (err)
			return err;
	}
	return 0;
}

/* Gives the blocks of the value that @txn sees back to the store. */
static int free_blocks(struct store_txn *txn, const struct store_key *key)
{
	uint8_t value[8 * MODEL_BLOCKS_MAX];
	size_t len;
	int err = store_txn_get(txn, key, value, sizeof(value), &len);

	if (err == -ENOENT)
		return 0;
	for (size_t i = 0; !err && i + 8 <= len; i += 8)
		err = store_free_blocks(txn, le64_at(value + i), 1);
	return err;
}

static int do_change(struct model *model, struct store *store, struct store_txn *txn,
		     const struct change *change, uint8_t *value)
{
	struct store_key key;
	size_t len = change->record.size;
	int err = 0;

	make_key(change->key, &key);
	if (change->key % 4 == 1)
		err = free_blocks(txn, &key);
	if (err)
		return err;
	if (!change->record.change)
		return store_delete(txn, &key);
	if (change->key % 4 == 1) {
		len = (size_t)8 * change->record.blocks;
		memset(value, 0xff, len);
		err = write_blocks(model, store, change, value);
		/* Taken blocks are returned if the transaction comes to nothing. */
		for (size_t i = 0; err && i < len; i += 8) {
			if (le64_at(value + i) != UINT64_MAX)
				store_blocks_return(store, le64_at(value + i), 1);
		}
	} else {
		fill(value, len, mix(model->seed ^ change->record.change, change->key, 1));
	}
	return err ? err : store_put(txn, &key, value, len);
}

int model_step(struct model *model, struct store *store, bool frees)
{
	CLEANUP(store_abortp) struct store_txn *txn = NULL;
	CLEANUP(freep) uint8_t *value = malloc(VALUE_MAX);
	struct change changes[CHANGES_MAX];
	unsigned int count = plan(model, changes);
	struct store_key key;
	uint8_t counter[8];
	int err;

	if (!value)
		return -ENOMEM;
	err = store_begin(store, &txn);
	for (unsigned int i = 0; !err && i < count; i++)
		err = do_change(model, store, txn, &changes[i], value);
	if (err)
		return err;
	counter_key(&key);
	put64(counter, model->done + 1);
	err = store_put(txn, &key, counter, sizeof(counter));
	if (!err)
		err = store_commit(&txn, frees);
	if (!err)
		note(model, changes, count);
	return err;
}

static int mark(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct store *store = ctx;
	int err = 0;

	if (key->len < 9 || key->bytes[8] != 'C')
		return 0;
	for (size_t i = 0; !err && i + 8 <= len; i += 8)
		err = store_blocks_mark(store, le64_at((const uint8_t *)value + i), 1);
	return err;
}

int model_open(struct store *store, uint64_t *out_done)
{
	static const struct store_key all = {.len = 0};
	uint8_t counter[8];
	struct store_key key;
	size_t len;
	int err = store_scan(store, &all, NULL, mark, store);

	if (!err)
		err = store_blocks_ready(store);
	if (err)
		return err;
	counter_key(&key);
	err = store_get(store, &key, counter, sizeof(counter), &len);
	if (err == -ENOENT)
		*out_done = 0;
	else if (!err)
		*out_done = le64_at(counter);
	return err == -ENOENT ? 0 : err;
}

static int count_record(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	(void)key;
	(void)value;
	(void)len;
	++*(uint64_t *)ctx;
	return 0;
}

/* How many blocks of the value are not what they were. */
static unsigned int other_blocks(const struct model *model, struct store *store, unsigned int key,
				 const uint8_t *value)
{
	const struct model_record *record = &model->records[key];
	uint8_t want[STORE_BLOCK], block[STORE_BLOCK];
	unsigned int other = 0;

	for (unsigned int i = 0; i < record->blocks; i++) {
		make_block(model, record->change, key, i, want);
		other += store_data_read(store, block, sizeof(block),
					 le64_at(value + (size_t)8 * i) * STORE_BLOCK) ||
			 memcmp(block, want, sizeof(block));
	}
	return other;
}

int model_compare(const struct model *model, struct store *store, struct model_difference *out)
{
	CLEANUP(freep) uint8_t *value = malloc(VALUE_MAX);
	CLEANUP(freep) uint8_t *want = malloc(VALUE_MAX);
	static const struct store_key all = {.len = 0};
	uint64_t found = 0, present = model->done ? 1 : 0; /* the counter */
	int err;

	memset(out, 0, sizeof(*out));
	if (!value || !want)
		return -ENOMEM;
	for (unsigned int i = 0; i < model->keys; i++) {
		const struct model_record *record = &model->records[i];
		size_t len, want_len = record->blocks ? (size_t)8 * record->blocks : record->size;
		struct store_key key;

		make_key(i, &key);
		err = store_get(store, &key, value, VALUE_MAX, &len);
		if (err && err != -ENOENT)
			return err;
		present += record->change != 0;
		if (!record->change || err) {
			out->records += !record->change != (err == -ENOENT);
			continue;
		}
		if (len != want_len) {
			out->records++;
		} else if (record->blocks) {
			out->blocks += other_blocks(model, store, i, value);
		} else {
			fill(want, want_len, mix(model->seed ^ record->change, i, 1));
			out->records += memcmp(value, want, len) != 0;
		}
	}
	err = store_scan(store, &all, NULL, count_record, &found);
	out->records += found != present;
	return err;
}
