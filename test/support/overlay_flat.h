/* SPDX-License-Identifier: MIT */
/* A file of an overlay beside a flat one in memory: done to both, and compared. For unit tests. */
#ifndef BRAMBLE_TEST_OVERLAY_FLAT_H
#define BRAMBLE_TEST_OVERLAY_FLAT_H

#include "support/unit.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "overlay/overlay_chunk.h"
#include "store/store_memory.h"
#include "tree/tree_memory.h"

#define BLOCK STORE_BLOCK
#define MODEL_BYTES (3u << 20)
#define LOWER_BYTES ((1u << 20) + 1234)

#define ALLOCATE 0u
#define KEEP TREE_FALLOC_KEEP_SIZE
#define PUNCH (TREE_FALLOC_PUNCH_HOLE | TREE_FALLOC_KEEP_SIZE)
#define ZERO TREE_FALLOC_ZERO_RANGE

/* Where the lower file has data; the rest are holes. */
static const struct {
	uint64_t offset;
	size_t len;
} extents[] = {
	{0, 10000},
	{65536, 8192},
	{200000, 100000},
	{524288 + 100, 70000},
	{LOWER_BYTES - 5000, 5000},
};

struct fixture {
	struct tree *tree;
	struct overlay *ov;
	uint64_t id;
	uint8_t *model; /* MODEL_BYTES; zeros from @size on */
	uint64_t size;
	uint8_t *buf; /* MODEL_BYTES */
};

static inline uint8_t lower_byte(uint64_t offset)
{
	return (uint8_t)(offset * 2654435761u >> 7 | 1);
}

static inline struct tree *make_lower(uint64_t *out_id)
{
	static const struct tree_memory_node file = {.mode = S_IFREG | 0644, .size = LOWER_BYTES};
	static const struct tree_memory_node huge = {.mode = S_IFREG | 0644, .size = INT64_MAX};
	static uint8_t data[100000];
	struct tree *lower;
	uint64_t id;

	assert_int_equal(tree_memory_create(&lower), 0);
	assert_int_equal(tree_memory_add(lower, TREE_ROOT, "file", &file, out_id), 0);
	for (size_t i = 0; i < ARRAY_SIZE(extents); i++) {
		for (size_t at = 0; at < extents[i].len; at++)
			data[at] = lower_byte(extents[i].offset + at);
		assert_int_equal(
			tree_memory_put(lower, *out_id, extents[i].offset, data, extents[i].len),
			0);
	}
	assert_int_equal(tree_memory_add(lower, TREE_ROOT, "huge", &huge, &id), 0);
	assert_int_equal(tree_memory_put(lower, id, (uint64_t)5 << 60, "island", 6), 0);
	return lower;
}

static inline void open_store(struct fixture *f, struct store *store)
{
	struct tree *lower = make_lower(&f->id);

	assert_int_equal(overlay_open(store, lower, &f->tree), 0);
	f->ov = overlay_of(f->tree);
}

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store *store;
	struct tree *lower;

	assert_non_null(f);
	lower = make_lower(&f->id);
	assert_int_equal(store_memory_create(&store), 0);
	assert_int_equal(store_blocks_ready(store), 0);
	assert_int_equal(overlay_format(store, lower, 0), 0);
	assert_int_equal(overlay_open(store, lower, &f->tree), 0);
	f->ov = overlay_of(f->tree);
	f->model = calloc(1, MODEL_BYTES);
	f->buf = calloc(1, MODEL_BYTES);
	assert_non_null(f->model);
	assert_non_null(f->buf);
	f->size = LOWER_BYTES;
	for (size_t i = 0; i < ARRAY_SIZE(extents); i++) {
		for (uint64_t at = 0; at < extents[i].len; at++)
			f->model[extents[i].offset + at] = lower_byte(extents[i].offset + at);
	}
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(overlay_close(f->tree), 0);
	free(f->model);
	free(f->buf);
	free(f);
	return 0;
}

static inline uint64_t find(struct fixture *f, const char *name)
{
	uint64_t id = 0;

	assert_int_equal(tree_lookup(f->tree, TREE_ROOT, name, strlen(name), &id), 0);
	return id;
}

/* Goes on with what a power cut leaves. */
static inline void cut_power(struct fixture *f, uint64_t seed)
{
	struct store *store;

	assert_int_equal(store_memory_cut_power(f->ov->store, NULL, seed, &store), 0);
	overlay_close(f->tree);
	open_store(f, store);
}

/* Doing the same to both ------------------------------------------------------------------------- */

static inline int do_write(struct fixture *f, uint64_t offset, size_t len, uint8_t first)
{
	int err;

	for (size_t i = 0; i < len; i++)
		f->buf[i] = (uint8_t)(first + i * 7);
	err = tree_write(f->tree, f->id, f->buf, len, offset, 0);
	if (!err) {
		memcpy(f->model + offset, f->buf, len);
		f->size = max_u64(f->size, offset + len);
	}
	return err;
}

static inline int do_truncate(struct fixture *f, uint64_t size)
{
	const struct tree_setattr set = {.valid = TREE_SET_SIZE, .size = size};
	int err = tree_setattr(f->tree, f->id, &set, NULL);

	if (!err) {
		if (size < f->size)
			memset(f->model + size, 0, f->size - size);
		f->size = size;
	}
	return err;
}

static inline int do_fallocate(struct fixture *f, unsigned int mode, uint64_t offset, uint64_t len)
{
	int err = tree_fallocate(f->tree, f->id, mode, offset, len);

	if (err)
		return err;
	if (mode & (TREE_FALLOC_PUNCH_HOLE | TREE_FALLOC_ZERO_RANGE) && offset < f->size)
		memset(f->model + offset, 0, min_u64(len, f->size - offset));
	if (!(mode & TREE_FALLOC_KEEP_SIZE))
		f->size = max_u64(f->size, offset + len);
	return 0;
}

/* Comparing -------------------------------------------------------------------------------------- */

static inline void expect_read(struct fixture *f, uint64_t offset, size_t len)
{
	const size_t there = offset < f->size ? min_u64(len, f->size - offset) : 0;

	assert_int_equal(tree_read(f->tree, f->id, f->buf, len, offset), there);
	if (there)
		assert_memory_equal(f->buf, f->model + offset, there);
}

static inline void expect_attr(struct fixture *f)
{
	struct tree_attr attr;

	assert_int_equal(tree_getattr(f->tree, f->id, &attr), 0);
	assert_int_equal(attr.size, f->size);
}

static inline bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* Data and holes take turns, cover the file, and no hole has anything but zeros. */
static inline void expect_holes(struct fixture *f)
{
	uint64_t at = 0, data, hole;

	while (at < f->size) {
		int err = tree_seek(f->tree, f->id, at, SEEK_DATA, &data);

		if (err == -ENXIO)
			data = f->size;
		else
			assert_int_equal(err, 0);
		assert_true(data >= at && data <= f->size);
		assert_true(is_zero(f->model + at, data - at));
		if (data == f->size)
			break;
		assert_int_equal(tree_seek(f->tree, f->id, data, SEEK_HOLE, &hole), 0);
		assert_true(hole > data && hole <= f->size);
		at = hole;
	}
	assert_int_equal(tree_seek(f->tree, f->id, f->size, SEEK_DATA, &data), -ENXIO);
	assert_int_equal(tree_seek(f->tree, f->id, f->size, SEEK_HOLE, &data), -ENXIO);
}

struct counting {
	uint64_t stored;
	uint64_t end; /* of data, in blocks */
};

static inline int count_chunk(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct counting *count = ctx;
	struct record_chunk chunk;
	struct record_key parsed;

	assert_int_equal(record_key_parse(key, &parsed), 0);
	assert_int_equal(record_chunk_decode(parsed.id, value, len, &chunk), 0);
	for (unsigned int i = 0; i < CHUNK_BLOCKS; i++) {
		const uint64_t index = parsed.number * CHUNK_BLOCKS + i;

		count->stored += block_is_stored(chunk.blocks[i]);
		if ((chunk.blocks[i] & BLOCK_KIND) == BLOCK_DATA)
			count->end = index + 1;
	}
	return 0;
}

static inline uint64_t stored_blocks(struct fixture *f, uint64_t id)
{
	struct counting count = {0};
	struct record_node node;
	struct store_key prefix;

	record_prefix_kind(&prefix, id, RECORD_CHUNK);
	assert_int_equal(store_scan(f->ov->store, &prefix, NULL, count_chunk, &count), 0);
	assert_int_equal(overlay_node_get(f->ov, NULL, id, &node), 0);
	assert_int_equal(node.own_blocks, count.stored);
	assert_true(count.end <= div_round_up(node.size, BLOCK));
	return count.stored;
}

/* What the store has taken is what the records refer to, once all is durable. */
static inline void expect_no_leak(struct fixture *f)
{
	unsigned int problems = 1;
	struct store_usage usage;

	assert_int_equal(tree_sync(f->tree), 0);
	assert_int_equal(store_usage(f->ov->store, &usage), 0);
	assert_int_equal(usage.blocks, stored_blocks(f, f->id));
	assert_int_equal(overlay_check(f->tree, &problems), 0);
	assert_int_equal(problems, 0);
}

static inline void expect_same(struct fixture *f)
{
	expect_attr(f);
	expect_read(f, 0, MODEL_BYTES);
	expect_holes(f);
	expect_no_leak(f);
}

#endif
