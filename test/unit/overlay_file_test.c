/* SPDX-License-Identifier: MIT */
/*
 * The data of files in an overlay, compared with a file that lies flat in memory: writing, cutting,
 * setting space aside, holes, what a full disk and a power cut leave.
 */
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

static uint8_t lower_byte(uint64_t offset)
{
	return (uint8_t)(offset * 2654435761u >> 7 | 1);
}

static struct tree *make_lower(uint64_t *out_id)
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

static void open_store(struct fixture *f, struct store *store)
{
	struct tree *lower = make_lower(&f->id);

	assert_int_equal(overlay_open(store, lower, &f->tree), 0);
	f->ov = overlay_of(f->tree);
}

static int set_up(void **state)
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

static int tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(overlay_close(f->tree), 0);
	free(f->model);
	free(f->buf);
	free(f);
	return 0;
}

static uint64_t find(struct fixture *f, const char *name)
{
	uint64_t id = 0;

	assert_int_equal(tree_lookup(f->tree, TREE_ROOT, name, strlen(name), &id), 0);
	return id;
}

/* Goes on with what a power cut leaves. */
static void cut_power(struct fixture *f, uint64_t seed)
{
	struct store *store;

	assert_int_equal(store_memory_cut_power(f->ov->store, NULL, seed, &store), 0);
	overlay_close(f->tree);
	open_store(f, store);
}

/* Doing the same to both ------------------------------------------------------------------------- */

static int do_write(struct fixture *f, uint64_t offset, size_t len, uint8_t first)
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

static int do_truncate(struct fixture *f, uint64_t size)
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

static int do_fallocate(struct fixture *f, unsigned int mode, uint64_t offset, uint64_t len)
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

static void expect_read(struct fixture *f, uint64_t offset, size_t len)
{
	const size_t there = offset < f->size ? min_u64(len, f->size - offset) : 0;

	assert_int_equal(tree_read(f->tree, f->id, f->buf, len, offset), there);
	if (there)
		assert_memory_equal(f->buf, f->model + offset, there);
}

static void expect_attr(struct fixture *f)
{
	struct tree_attr attr;

	assert_int_equal(tree_getattr(f->tree, f->id, &attr), 0);
	assert_int_equal(attr.size, f->size);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* Data and holes take turns, cover the file, and no hole has anything but zeros. */
static void expect_holes(struct fixture *f)
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

static int count_chunk(void *ctx, const struct store_key *key, const void *value, size_t len)
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

static uint64_t stored_blocks(struct fixture *f, uint64_t id)
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
static void expect_no_leak(struct fixture *f)
{
	unsigned int problems = 1;
	struct store_usage usage;

	assert_int_equal(tree_sync(f->tree), 0);
	assert_int_equal(store_usage(f->ov->store, &usage), 0);
	assert_int_equal(usage.blocks, stored_blocks(f, f->id));
	assert_int_equal(overlay_check(f->tree, &problems), 0);
	assert_int_equal(problems, 0);
}

static void expect_same(struct fixture *f)
{
	expect_attr(f);
	expect_read(f, 0, MODEL_BYTES);
	expect_holes(f);
	expect_no_leak(f);
}

/* Reading ---------------------------------------------------------------------------------------- */

static void untouched_file_is_the_lower_one(void **state)
{
	struct fixture *f = *state;

	expect_same(f);
	assert_int_equal(stored_blocks(f, f->id), 0);
}

static void directory_has_no_bytes(void **state)
{
	struct fixture *f = *state;
	uint64_t at;

	overlay_touch(f->ov, TREE_ROOT);
	assert_int_equal(tree_read(f->tree, TREE_ROOT, f->buf, 1, 0), -EISDIR);
	assert_int_equal(tree_write(f->tree, TREE_ROOT, "x", 1, 0, 0), -EISDIR);
	assert_int_equal(tree_seek(f->tree, TREE_ROOT, 0, SEEK_DATA, &at), -EISDIR);
	assert_int_equal(tree_fallocate(f->tree, TREE_ROOT, 0, 0, 1), -EISDIR);
}

static void pipe_has_no_bytes(void **state)
{
	static const struct tree_new fifo = {.mode = S_IFIFO | 0600};
	static const struct tree_new socket = {.mode = S_IFSOCK | 0600};
	struct fixture *f = *state;
	struct tree_attr attr;

	assert_int_equal(tree_create(f->tree, TREE_ROOT, "fifo", 4, &fifo, &attr), 0);
	assert_int_equal(tree_read(f->tree, attr.id, f->buf, 1, 0), -EINVAL);
	assert_int_equal(tree_write(f->tree, attr.id, "x", 1, 0, 0), -EINVAL);
	assert_int_equal(tree_fallocate(f->tree, attr.id, 0, 0, 1), -ESPIPE);
	assert_int_equal(tree_create(f->tree, TREE_ROOT, "socket", 6, &socket, &attr), 0);
	assert_int_equal(tree_fallocate(f->tree, attr.id, 0, 0, 1), -ENODEV);
}

/* Writing ---------------------------------------------------------------------------------------- */

static void one_byte_costs_one_block(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_write(f, 250000, 1, 9), 0);
	assert_int_equal(stored_blocks(f, f->id), 1);
	expect_same(f);
}

static void block_is_stored_once(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(do_write(f, 250000 + i, 1000, (uint8_t)i), 0);
	assert_int_equal(stored_blocks(f, f->id), 1);
	expect_same(f);
}

static void overwriting_puts_no_chunk(void **state)
{
	struct fixture *f = *state;
	struct store_key key;
	uint8_t value[RECORD_CHUNK_MAX_BYTES], again[RECORD_CHUNK_MAX_BYTES];
	size_t len, len_again;

	assert_int_equal(do_write(f, 0, 3 * BLOCK, 1), 0);
	record_key_chunk(&key, f->id, 0);
	assert_int_equal(store_get(f->ov->store, &key, value, sizeof(value), &len), 0);
	assert_int_equal(do_write(f, BLOCK, BLOCK, 2), 0);
	assert_int_equal(store_get(f->ov->store, &key, again, sizeof(again), &len_again), 0);
	assert_int_equal(len, len_again);
	assert_memory_equal(value, again, len);
}

static void large_write_takes_one_run(void **state)
{
	struct fixture *f = *state;
	unsigned int before;

	before = store_memory_calls(f->ov->store, STORE_MEMORY_DATA_WRITE);
	assert_int_equal(do_write(f, 1 << 20, 1 << 20, 1), 0);
	assert_int_equal(store_memory_calls(f->ov->store, STORE_MEMORY_DATA_WRITE), before + 1);
	before = store_memory_calls(f->ov->store, STORE_MEMORY_DATA_READ);
	expect_read(f, 1 << 20, 1 << 20);
	assert_int_equal(store_memory_calls(f->ov->store, STORE_MEMORY_DATA_READ), before + 1);
	expect_same(f);
}

static void write_behind_the_end_leaves_zeros(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_write(f, 2 * (1 << 20) + 17, 5, 1), 0);
	expect_same(f);
	assert_int_equal(stored_blocks(f, f->id), 1);
}

static void what_was_cut_off_does_not_come_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_write(f, 0, 4 * BLOCK, 1), 0);
	assert_int_equal(do_truncate(f, BLOCK + 100), 0);
	assert_int_equal(do_write(f, BLOCK + 200, 10, 2), 0); /* in the same block */
	expect_same(f);
	assert_int_equal(do_truncate(f, BLOCK + 150), 0);
	assert_int_equal(do_truncate(f, 2 * BLOCK), 0);
	expect_same(f);
	assert_int_equal(do_truncate(f, 50), 0);
	assert_int_equal(do_write(f, 10 * BLOCK, 10, 2), 0); /* in another one */
	expect_same(f);
	assert_int_equal(do_truncate(f, 10 * BLOCK + 5), 0);
	assert_int_equal(do_fallocate(f, ALLOCATE, 12 * BLOCK, 10), 0);
	expect_same(f);
	assert_int_equal(do_truncate(f, 10 * BLOCK + 3), 0);
	assert_int_equal(do_fallocate(f, ZERO, 12 * BLOCK, 10), 0);
	expect_same(f);
}

static void cut_lower_file_does_not_come_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_truncate(f, 5000), 0);
	assert_int_equal(do_truncate(f, 9000), 0);
	expect_same(f);
	assert_int_equal(stored_blocks(f, f->id), 0);
	assert_int_equal(do_write(f, 6000, 10, 3), 0);
	expect_same(f);
}

static void writing_takes_privileges_away(void **state)
{
	static const struct tree_new program = {.mode = S_IFREG | 06755};
	struct fixture *f = *state;
	struct tree_attr attr;

	assert_int_equal(tree_create(f->tree, TREE_ROOT, "su", 2, &program, &attr), 0);
	assert_int_equal(tree_setxattr(f->tree, attr.id, "security.capability", "cap", 3, 0), 0);
	assert_int_equal(tree_write(f->tree, attr.id, "x", 1, 0, 0), 0);
	assert_int_equal(tree_getxattr(f->tree, attr.id, "security.capability", f->buf, 10),
			 -ENODATA);
	assert_int_equal(tree_getattr(f->tree, attr.id, &attr), 0);
	assert_int_equal(attr.mode & 07777, 06755);
	assert_int_equal(tree_write(f->tree, attr.id, "x", 1, 0, TREE_WRITE_DROP_PRIVILEGE), 0);
	assert_int_equal(tree_getattr(f->tree, attr.id, &attr), 0);
	assert_int_equal(attr.mode & 07777, 0755);
}

static void nameless_file_is_written_while_it_is_held(void **state)
{
	struct fixture *f = *state;
	struct store_usage usage;

	assert_int_equal(tree_hold(f->tree, f->id), 0);
	assert_int_equal(tree_unlink(f->tree, TREE_ROOT, "file", 4), 0);
	assert_int_equal(do_write(f, 100, 5000, 1), 0);
	expect_same(f);
	tree_release(f->tree, f->id, 1);
	assert_int_equal(tree_read(f->tree, f->id, f->buf, 1, 0), -ESTALE);
	assert_int_equal(tree_write(f->tree, f->id, "x", 1, 0, 0), -ESTALE);
	assert_int_equal(tree_sync(f->tree), 0);
	assert_int_equal(store_usage(f->ov->store, &usage), 0);
	assert_int_equal(usage.blocks, 0);
}

/* Huge files ------------------------------------------------------------------------------------- */

static void file_ends_at_8_eib(void **state)
{
	const uint64_t last = (uint64_t)INT64_MAX - 1;
	struct fixture *f = *state;
	uint64_t at;

	assert_int_equal(tree_write(f->tree, f->id, "x", 1, last + 1, 0), -EFBIG);
	assert_int_equal(tree_write(f->tree, f->id, "x", 1, last, 0), 0);
	assert_int_equal(tree_read(f->tree, f->id, f->buf, 100, last - 9), 10);
	assert_memory_equal(f->buf, "\0\0\0\0\0\0\0\0\0x", 10);
	assert_int_equal(tree_read(f->tree, f->id, f->buf, 100, last + 1), 0);
	assert_int_equal(tree_seek(f->tree, f->id, LOWER_BYTES, SEEK_DATA, &at), 0);
	assert_int_equal(at, last / BLOCK * BLOCK);
	assert_int_equal(tree_seek(f->tree, f->id, at, SEEK_HOLE, &at), 0);
	assert_int_equal(at, INT64_MAX);
	assert_int_equal(stored_blocks(f, f->id), 1);
	assert_int_equal(do_truncate(f, 0), 0);
	f->size = 0;
	memset(f->model, 0, MODEL_BYTES);
	expect_same(f);
}

static void sparse_lower_file_is_passed_over(void **state)
{
	struct fixture *f = *state;
	const uint64_t island = (uint64_t)5 << 60;
	uint64_t id = find(f, "huge"), at;

	assert_int_equal(tree_write(f->tree, id, "a", 1, (uint64_t)1 << 60, 0), 0);
	assert_int_equal(tree_write(f->tree, id, "b", 1, (uint64_t)7 << 60, 0), 0);
	assert_int_equal(tree_seek(f->tree, id, 0, SEEK_DATA, &at), 0);
	assert_int_equal(at, (uint64_t)1 << 60);
	assert_int_equal(tree_seek(f->tree, id, at, SEEK_HOLE, &at), 0);
	assert_int_equal(at, ((uint64_t)1 << 60) + BLOCK);
	assert_int_equal(tree_seek(f->tree, id, at, SEEK_DATA, &at), 0);
	assert_int_equal(at, island);
	assert_int_equal(tree_seek(f->tree, id, at, SEEK_HOLE, &at), 0);
	assert_int_equal(at, island + 6);
	assert_int_equal(tree_seek(f->tree, id, at, SEEK_DATA, &at), 0);
	assert_int_equal(at, (uint64_t)7 << 60);
	/* all of it becomes zeros, but for what is behind */
	assert_int_equal(tree_fallocate(f->tree, id, PUNCH, 1, ((uint64_t)7 << 60) - 1), 0);
	assert_int_equal(tree_seek(f->tree, id, 0, SEEK_DATA, &at), 0);
	assert_int_equal(at, (uint64_t)7 << 60);
	assert_int_equal(tree_read(f->tree, id, f->buf, 6, island), 6);
	assert_memory_equal(f->buf, "\0\0\0\0\0\0", 6);
	assert_int_equal(stored_blocks(f, id), 1);
}

static void allocating_more_than_there_is_takes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_fallocate(f, ALLOCATE, 0, (uint64_t)1 << 62), -ENOSPC);
	expect_same(f);
	assert_int_equal(stored_blocks(f, f->id), 0);
}

/* Space ------------------------------------------------------------------------------------------ */

static void allocated_file_needs_no_blocks_to_be_written(void **state)
{
	struct fixture *f = *state;
	const uint64_t blocks = div_round_up(LOWER_BYTES, BLOCK);

	assert_int_equal(do_fallocate(f, ALLOCATE, 0, LOWER_BYTES), 0);
	assert_int_equal(stored_blocks(f, f->id), blocks);
	expect_same(f);
	store_memory_fail(f->ov->store, STORE_MEMORY_DATA_RESIZE, 0, -ENOSPC);
	assert_int_equal(do_write(f, 100000, 500000, 1), 0);
	store_memory_fail(f->ov->store, STORE_MEMORY_DATA_RESIZE, 0, 0);
	assert_int_equal(stored_blocks(f, f->id), blocks);
	expect_same(f);
}

static void space_behind_the_end_is_kept_until_the_file_is_cut(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_truncate(f, 100), 0);
	assert_int_equal(do_fallocate(f, KEEP, 0, 10 * BLOCK), 0);
	assert_int_equal(stored_blocks(f, f->id), 10);
	expect_same(f);
	assert_int_equal(do_write(f, 5 * BLOCK + 50, 10, 1), 0);
	assert_int_equal(stored_blocks(f, f->id), 10);
	expect_same(f);
	assert_int_equal(do_truncate(f, f->size), 0);
	assert_int_equal(stored_blocks(f, f->id), 6);
	expect_same(f);
}

static void punched_blocks_are_given_back(void **state)
{
	struct fixture *f = *state;
	uint64_t at;

	assert_int_equal(do_write(f, 0, 20 * BLOCK, 1), 0);
	assert_int_equal(do_fallocate(f, PUNCH, BLOCK + 1, 10 * BLOCK), 0);
	assert_int_equal(stored_blocks(f, f->id), 11);
	expect_same(f);
	assert_int_equal(tree_seek(f->tree, f->id, BLOCK, SEEK_HOLE, &at), 0);
	assert_int_equal(at, 2 * BLOCK);
	assert_int_equal(tree_seek(f->tree, f->id, at, SEEK_DATA, &at), 0);
	assert_int_equal(at, 11 * BLOCK);
	assert_int_equal(do_fallocate(f, PUNCH, 0, 30 * BLOCK), 0);
	assert_int_equal(stored_blocks(f, f->id), 0);
	expect_same(f);
}

static void hole_over_the_lower_file_costs_no_block(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_fallocate(f, PUNCH, 208896, 65536), 0);
	assert_int_equal(stored_blocks(f, f->id), 0);
	expect_same(f);
	/* in what is a hole already, even a part of a block */
	assert_int_equal(do_fallocate(f, PUNCH, 20000, 1000), 0);
	assert_int_equal(stored_blocks(f, f->id), 0);
	expect_same(f);
	/* to the end */
	assert_int_equal(do_fallocate(f, PUNCH, 250001, MODEL_BYTES), 0);
	assert_int_equal(stored_blocks(f, f->id), 0);
	expect_same(f);
}

static void part_of_a_block_is_cleared(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_fallocate(f, PUNCH, 1000, 100), 0);
	assert_int_equal(stored_blocks(f, f->id), 1);
	expect_same(f);
	assert_int_equal(do_fallocate(f, PUNCH, 2000, 100), 0);
	assert_int_equal(stored_blocks(f, f->id), 1);
	expect_same(f);
	assert_int_equal(do_fallocate(f, ZERO | KEEP, LOWER_BYTES - 100, 5000), 0);
	expect_same(f);
}

static void zeroed_range_has_space(void **state)
{
	struct fixture *f = *state;
	uint64_t at;

	assert_int_equal(do_write(f, 0, 4 * BLOCK, 1), 0);
	assert_int_equal(do_fallocate(f, ZERO, 0, 8 * BLOCK), 0);
	assert_int_equal(stored_blocks(f, f->id), 8);
	expect_same(f);
	assert_int_equal(tree_seek(f->tree, f->id, 0, SEEK_HOLE, &at), 0);
	assert_int_equal(at, 0);
	assert_int_equal(do_write(f, BLOCK + 10, 10, 1), 0);
	expect_same(f);
}

static void zeroing_makes_a_file_longer_unless_told_not_to(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_fallocate(f, ZERO | KEEP, LOWER_BYTES - 10, 10000), 0);
	assert_int_equal(f->size, LOWER_BYTES);
	expect_same(f);
	assert_int_equal(do_fallocate(f, ZERO, LOWER_BYTES - 20, 10000), 0);
	assert_int_equal(f->size, LOWER_BYTES - 20 + 10000);
	expect_same(f);
}

static void modes_that_ext4_has_not_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_fallocate(f, 0, 0, 0), -EINVAL);
	assert_int_equal(do_fallocate(f, TREE_FALLOC_PUNCH_HOLE, 0, 1), -EOPNOTSUPP);
	assert_int_equal(do_fallocate(f, 0x40, 0, 1), -EOPNOTSUPP);
	assert_int_equal(do_fallocate(f, 0, INT64_MAX, 1), -EFBIG);
}

/* Anything --------------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random_below(uint64_t end)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 20) % end;
}

/* Some place that is interesting more often than chance would have it. */
static uint64_t random_offset(uint64_t end)
{
	uint64_t at = random_below(end);

	switch (random_below(6)) {
	case 0:
		return at / BLOCK * BLOCK;
	case 1:
		return at / CHUNK_BYTES * CHUNK_BYTES;
	case 2:
		return min_u64(at / BLOCK * BLOCK + random_below(3), end - 1);
	default:
		return at;
	}
}

static uint64_t random_len(uint64_t end)
{
	uint64_t len = 1 + random_below(end);

	switch (random_below(4)) {
	case 0:
		return min_u64(len, 1 + random_below(200));
	case 1:
		return min_u64(end, (len / BLOCK + 1) * BLOCK);
	case 2:
		return min_u64(len, 3 * BLOCK);
	default:
		return len;
	}
}

/* Returns the error of the operation. */
static int random_operation(struct fixture *f)
{
	static const unsigned int modes[] = {ALLOCATE, KEEP, PUNCH, PUNCH, ZERO, ZERO | KEEP};
	const uint64_t offset = random_offset(MODEL_BYTES);
	const uint64_t len = random_len(MODEL_BYTES - offset);

	switch (random_below(8)) {
	case 0:
		return do_truncate(f, random_below(2) ? offset : random_below(f->size + 1));
	case 1:
	case 2:
		return do_fallocate(f, modes[random_below(ARRAY_SIZE(modes))], offset, len);
	case 3:
		expect_read(f, offset, len);
		return 0;
	case 4:
		expect_holes(f);
		return 0;
	default:
		return do_write(f, offset, len, (uint8_t)random_below(256));
	}
}

static void any_operations_agree_with_the_model(void **state)
{
	struct fixture *f = *state;

	random_state = 4711;
	for (unsigned int i = 0; i < 1500; i++) {
		assert_int_equal(random_operation(f), 0);
		if (i % 100 == 0) {
			expect_same(f);
			cut_power(f, i); /* after the sync that is in there */
			expect_same(f);
		}
	}
	expect_same(f);
}

static void power_cut_leaves_a_file_that_fits_its_records(void **state)
{
	struct fixture *f = *state;

	random_state = 42;
	for (unsigned int i = 0; i < 150; i++) {
		struct tree_attr attr;
		ssize_t n;

		for (uint64_t count = random_below(6); count; count--)
			assert_int_equal(random_operation(f), 0);
		if (random_below(2))
			assert_int_equal(tree_sync(f->tree), 0);
		for (uint64_t count = random_below(6); count; count--)
			assert_int_equal(random_operation(f), 0);
		cut_power(f, random_below(UINT32_MAX));
		/* goes on with what is there */
		assert_int_equal(tree_getattr(f->tree, f->id, &attr), 0);
		assert_true(attr.size <= MODEL_BYTES);
		memset(f->model, 0, MODEL_BYTES);
		n = tree_read(f->tree, f->id, f->model, MODEL_BYTES, 0);
		assert_int_equal(n, attr.size);
		f->size = attr.size;
		expect_same(f);
	}
}

/*
 * Without a sync after the operations nothing of them may be durable in part: what was there at the
 * sync is there, except where blocks were overwritten in place.
 */
static void power_cut_gives_back_what_was_synced(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_write(f, 0, 10 * BLOCK, 1), 0);
	assert_int_equal(tree_sync(f->tree), 0);
	assert_int_equal(tree_fallocate(f->tree, f->id, PUNCH, 0, 5 * BLOCK), 0);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(tree_write(f->tree, f->id, f->buf, BLOCK, (20 + i) * BLOCK, 0), 0);
	cut_power(f, 99);
	expect_same(f);
}

/* A full disk ------------------------------------------------------------------------------------ */

/* Either all happens or nothing, except that making zeros takes several steps. */
struct attempt {
	enum {
		WRITE,
		TRUNCATE,
		FALLOCATE,
	} what;
	unsigned int mode;
	uint64_t offset;
	uint64_t len;
};

static int try(struct fixture *f, const struct attempt *attempt)
{
	switch (attempt->what) {
	case WRITE:
		return do_write(f, attempt->offset, attempt->len, 77);
	case TRUNCATE:
		return do_truncate(f, attempt->len);
	default:
		return do_fallocate(f, attempt->mode, attempt->offset, attempt->len);
	}
}

/* What an attempt that failed may have made zeros already. */
static void follow_zeros(struct fixture *f, const struct attempt *attempt)
{
	const uint64_t end = min_u64(attempt->offset + attempt->len, f->size);

	if (!(attempt->mode & (TREE_FALLOC_PUNCH_HOLE | TREE_FALLOC_ZERO_RANGE)))
		return;
	assert_int_equal(tree_read(f->tree, f->id, f->buf, MODEL_BYTES, 0), f->size);
	for (uint64_t i = attempt->offset; i < end; i++)
		f->model[i] = f->buf[i] ? f->model[i] : 0;
}

static void full_disk_tears_nothing(void **state)
{
	static const struct attempt attempts[] = {
		{WRITE, 0, 100, 10},
		{WRITE, 0, 100, 300000},
		{WRITE, 0, 2000000, 1000000},
		{TRUNCATE, 0, 0, 5000},
		{TRUNCATE, 0, 0, 2000000},
		{FALLOCATE, ALLOCATE, 100, 2000000},
		{FALLOCATE, KEEP, 2000000, 10000},
		{FALLOCATE, PUNCH, 100, 200},
		{FALLOCATE, PUNCH, 4096, 500000},
		{FALLOCATE, ZERO, 4096, 524288},
	};
	static const enum store_memory_call calls[] = {
		STORE_MEMORY_RESERVE,
		STORE_MEMORY_DATA_WRITE,
		STORE_MEMORY_DATA_RESIZE,
	};

	for (size_t a = 0; a < ARRAY_SIZE(attempts); a++) {
		for (size_t c = 0; c < ARRAY_SIZE(calls); c++) {
			int err = -ENOSPC;

			for (unsigned int after = 0; err; after++) {
				struct fixture *f = *state;

				store_memory_fail(f->ov->store, calls[c], after, -ENOSPC);
				err = try(f, &attempts[a]);
				store_memory_fail(f->ov->store, calls[c], 0, 0);
				if (err) {
					assert_int_equal(err, -ENOSPC);
					follow_zeros(f, &attempts[a]);
				}
				expect_same(f);
				assert_true(after < 100);
			}
			tear_down(state);
			set_up(state);
		}
	}
}

/* Overwriting in place, in a write that fails: each byte is the old or the new one. */
static void failed_overwrite_leaves_old_or_new_bytes(void **state)
{
	struct fixture *f = *state;
	const size_t len = 20 * BLOCK;
	int err = -EDQUOT;

	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(do_write(f, 2 * i * BLOCK, BLOCK, (uint8_t)i), 0);
	for (unsigned int after = 0; err; after++) {
		uint8_t *new = malloc(len);

		assert_non_null(new);
		memset(new, 0xee, len);
		store_memory_fail(f->ov->store, STORE_MEMORY_DATA_WRITE, after, -EDQUOT);
		err = tree_write(f->tree, f->id, new, len, 0, 0);
		store_memory_fail(f->ov->store, STORE_MEMORY_DATA_WRITE, 0, 0);
		assert_int_equal(tree_read(f->tree, f->id, f->buf, len, 0), len);
		for (size_t i = 0; i < len; i++) {
			if (f->buf[i] != 0xee && (!err || f->buf[i] != f->model[i]))
				fail_msg("byte %zu is neither old nor new", i);
		}
		expect_no_leak(f);
		free(new);
		assert_true(after < 100);
	}
}

/* Several at once -------------------------------------------------------------------------------- */

#define SHARED_BLOCKS 200u
#define TURNS 2000u

static void *change_blocks(void *ctx)
{
	struct fixture *f = ctx;
	static _Atomic unsigned int started;
	uint64_t random = ++started;
	uint8_t block[BLOCK];
	int err = 0;

	for (unsigned int i = 0; !err && i < TURNS; i++) {
		uint64_t index;

		random = random * 6364136223846793005u + 1442695040888963407u;
		index = (random >> 33) % SHARED_BLOCKS;
		memset(block, (int)i, sizeof(block));
		if (random >> 60)
			err = tree_write(f->tree, f->id, block, BLOCK, index * BLOCK, 0);
		else
			err = tree_fallocate(f->tree, f->id, PUNCH, index * BLOCK, 3 * BLOCK);
	}
	return (void *)(intptr_t)err;
}

/* Whether all bytes of each block are the same. */
static void *look_at_blocks(void *ctx)
{
	struct fixture *f = ctx;
	uint8_t block[BLOCK];

	for (unsigned int i = 0; i < TURNS; i++) {
		if (tree_read(f->tree, f->id, block, BLOCK, i % SHARED_BLOCKS * BLOCK) != BLOCK ||
		    memcmp(block, block + 1, BLOCK - 1) != 0)
			return (void *)(intptr_t)-EIO;
	}
	return NULL;
}

static void *sync_often(void *ctx)
{
	struct fixture *f = ctx;
	int err = 0;

	for (unsigned int i = 0; !err && i < 100; i++)
		err = tree_sync(f->tree);
	return (void *)(intptr_t)err;
}

static void blocks_are_seen_whole_by_all_threads(void **state)
{
	void *(*const jobs[])(void *) = {change_blocks, change_blocks, look_at_blocks,
					 look_at_blocks, sync_often};
	struct fixture *f = *state;
	pthread_t threads[ARRAY_SIZE(jobs)];

	assert_int_equal(do_truncate(f, 0), 0);
	assert_int_equal(do_truncate(f, SHARED_BLOCKS * BLOCK), 0);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, jobs[i], f), 0);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		void *err;

		assert_int_equal(pthread_join(threads[i], &err), 0);
		assert_int_equal((intptr_t)err, 0);
	}
	expect_no_leak(f);
}

/* Damage ----------------------------------------------------------------------------------------- */

static void drop_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void damaged_chunk_spoils_only_its_part(void **state)
{
	struct fixture *f = *state;
	struct store_key key;
	uint64_t at;

	log_set_sink(drop_line, NULL);
	assert_int_equal(do_write(f, 0, MODEL_BYTES, 1), 0);
	assert_int_equal(tree_sync(f->tree), 0);
	record_key_chunk(&key, f->id, 3);
	assert_int_equal(store_memory_flip(f->ov->store, &key, 20), 0);
	assert_int_equal(tree_read(f->tree, f->id, f->buf, 1, 3 * CHUNK_BYTES), -EBADMSG);
	assert_int_equal(tree_write(f->tree, f->id, "x", 1, 3 * CHUNK_BYTES, 0), -EBADMSG);
	assert_int_equal(tree_fallocate(f->tree, f->id, 0, 3 * CHUNK_BYTES, 1), -EBADMSG);
	assert_int_equal(tree_seek(f->tree, f->id, 0, SEEK_HOLE, &at), -EBADMSG);
	expect_read(f, 0, 3 * CHUNK_BYTES);
	expect_read(f, 4 * CHUNK_BYTES, CHUNK_BYTES);
	log_set_sink(NULL, NULL);
	assert_int_equal(store_memory_flip(f->ov->store, &key, 20), 0);
	expect_same(f);
}

static void lower_error_is_handed_on(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_write(f, 0, 4 * BLOCK, 1), 0);
	assert_int_equal(tree_memory_damage(f->ov->lower, f->id, -EUCLEAN), 0);
	expect_read(f, 0, 4 * BLOCK);
	assert_int_equal(tree_read(f->tree, f->id, f->buf, 5 * BLOCK, 0), -EUCLEAN);
	assert_int_equal(tree_write(f->tree, f->id, "x", 1, 5 * BLOCK, 0), -EUCLEAN);
	assert_int_equal(tree_memory_damage(f->ov->lower, f->id, 0), 0);
	expect_same(f);
}

static void read_only_store_refuses_data(void **state)
{
	static const struct store_options read_only = {.read_only = true};
	struct fixture *f = *state;
	struct store *store;

	assert_int_equal(do_write(f, 0, 4 * BLOCK, 1), 0);
	assert_int_equal(tree_sync(f->tree), 0);
	assert_int_equal(store_memory_cut_power(f->ov->store, &read_only, 0, &store), 0);
	assert_int_equal(overlay_close(f->tree), 0);
	open_store(f, store);
	assert_int_equal(tree_write(f->tree, f->id, "x", 1, 0, 0), -EROFS);
	assert_int_equal(tree_fallocate(f->tree, f->id, 0, 0, 1), -EROFS);
	expect_read(f, 0, MODEL_BYTES);
	expect_holes(f);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(untouched_file_is_the_lower_one),
		TEST(directory_has_no_bytes),
		TEST(pipe_has_no_bytes),
		TEST(one_byte_costs_one_block),
		TEST(block_is_stored_once),
		TEST(overwriting_puts_no_chunk),
		TEST(large_write_takes_one_run),
		TEST(write_behind_the_end_leaves_zeros),
		TEST(what_was_cut_off_does_not_come_back),
		TEST(cut_lower_file_does_not_come_back),
		TEST(writing_takes_privileges_away),
		TEST(nameless_file_is_written_while_it_is_held),
		TEST(file_ends_at_8_eib),
		TEST(sparse_lower_file_is_passed_over),
		TEST(allocating_more_than_there_is_takes_nothing),
		TEST(allocated_file_needs_no_blocks_to_be_written),
		TEST(space_behind_the_end_is_kept_until_the_file_is_cut),
		TEST(punched_blocks_are_given_back),
		TEST(hole_over_the_lower_file_costs_no_block),
		TEST(part_of_a_block_is_cleared),
		TEST(zeroed_range_has_space),
		TEST(zeroing_makes_a_file_longer_unless_told_not_to),
		TEST(modes_that_ext4_has_not_are_refused),
		TEST(any_operations_agree_with_the_model),
		TEST(power_cut_leaves_a_file_that_fits_its_records),
		TEST(power_cut_gives_back_what_was_synced),
		TEST(full_disk_tears_nothing),
		TEST(failed_overwrite_leaves_old_or_new_bytes),
		TEST(blocks_are_seen_whole_by_all_threads),
		TEST(damaged_chunk_spoils_only_its_part),
		TEST(lower_error_is_handed_on),
		TEST(read_only_store_refuses_data),
	};

	return cmocka_run_group_tests_name("overlay_file", tests, NULL, NULL);
}
