/* SPDX-License-Identifier: MIT */
/*
 * The data of files in an overlay, compared with a file that lies flat in memory: writing, cutting,
 * setting space aside, holes, damage. What chance, a full disk and a power cut do: overlay_flat_test.c.
 */
#include "support/overlay_flat.h"

#include "base/wait.h"

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
	/* the store divides it, by the locks of groups of blocks */
	assert_true(store_memory_calls(f->ov->store, STORE_MEMORY_DATA_WRITE) - before <= 16);
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

static void whoever_may_not_wait_gets_no_file_that_is_written_to(void **state)
{
	const struct tree_setattr set = {.valid = TREE_SET_MODE, .mode = 0600};
	struct fixture *f = *state;
	struct tree_extent extent;
	struct tree_statfs st;
	struct tree_attr attr;
	uint64_t at;

	assert_int_equal(tree_write(f->tree, f->id, "x", 1, 0, 0), 0);
	overlay_file_lock(f->ov, f->id);
	wait_forbid();
	assert_int_equal(tree_read(f->tree, f->id, f->buf, 1, 0), -EAGAIN);
	assert_int_equal(tree_seek(f->tree, f->id, 0, SEEK_DATA, &at), -EAGAIN);
	assert_int_equal(tree_map(f->tree, f->id, 0, 1, &extent), -EAGAIN);
	assert_int_equal(tree_statfs(f->tree, f->id, &st), -EAGAIN);
	/* one record is whole at any time */
	assert_int_equal(tree_getattr(f->tree, f->id, &attr), 0);
	assert_int_equal(tree_write(f->tree, f->id, "y", 1, 0, 0), -EAGAIN);
	assert_int_equal(tree_setattr(f->tree, f->id, &set, NULL), -EAGAIN);
	assert_int_equal(tree_sync(f->tree), -EAGAIN);
	wait_allow();
	overlay_file_unlock(f->ov, f->id);
	wait_forbid();
	assert_int_equal(tree_read(f->tree, f->id, f->buf, 1, 0), 1);
	wait_allow();
	assert_int_equal(f->buf[0], 'x');
}

static void *read_one_byte(void *arg)
{
	struct fixture *f = arg;
	struct tree_statfs st;

	assert_int_equal(tree_read(f->tree, f->id, f->buf, 1, 0), 1);
	assert_int_equal(tree_statfs(f->tree, f->id, &st), 0);
	return NULL;
}

static void reading_goes_on_while_changes_wait(void **state)
{
	struct fixture *f = *state;
	pthread_t reader;

	assert_int_equal(tree_write(f->tree, f->id, "x", 1, 0, 0), 0);
	overlay_pause(f->tree);
	assert_int_equal(pthread_create(&reader, NULL, read_one_byte, f), 0);
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_int_equal(f->buf[0], 'x');
	assert_int_equal(overlay_settle(f->tree), 0);
	overlay_resume(f->tree);
	assert_int_equal(tree_write(f->tree, f->id, "y", 1, 0, 0), 0);
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
		TEST(damaged_chunk_spoils_only_its_part),
		TEST(lower_error_is_handed_on),
		TEST(read_only_store_refuses_data),
		TEST(whoever_may_not_wait_gets_no_file_that_is_written_to),
		TEST(reading_goes_on_while_changes_wait),
	};

	return cmocka_run_group_tests_name("overlay_file", tests, NULL, NULL);
}
