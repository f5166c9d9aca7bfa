/* SPDX-License-Identifier: MIT */
/* What a store promises for data and blocks, with one thread. */
#include "support/store_fixture.h"

static uint64_t take_blocks(struct store *store, uint64_t want)
{
	uint64_t first;
	uint64_t got;

	assert_int_equal(store_blocks_take(store, want, &first, &got), 0);
	assert_int_equal(got, want);
	return first;
}

static uint64_t blocks_taken(struct store *store)
{
	struct store_usage usage;

	assert_int_equal(store_usage(store, &usage), 0);
	return usage.blocks;
}

static void data_are_read_as_they_were_written(void **state)
{
	static uint8_t data[5 * STORE_BLOCK];
	static uint8_t found[sizeof(data)];
	struct store *store = *state;
	uint64_t first = take_blocks(store, 5);
	uint64_t offset = first * STORE_BLOCK + 100;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(store_data_write(store, data, 4 * STORE_BLOCK, offset), 0);
	assert_int_equal(store_data_read(store, found, 4 * STORE_BLOCK, offset), 0);
	assert_memory_equal(found, data, 4 * STORE_BLOCK);
	assert_int_equal(store_data_read(store, found, 1, offset + 3 * STORE_BLOCK + 17), 0);
	assert_int_equal(found[0], data[3 * STORE_BLOCK + 17]);
}

static void data_outside_of_taken_blocks_are_refused(void **state)
{
	struct store *store = *state;
	uint64_t first = take_blocks(store, 2);
	uint64_t end = (first + 2) * STORE_BLOCK;
	uint8_t byte = 0;

	watch_log();
	assert_int_equal(store_data_read(store, &byte, 1, end), -EUCLEAN);
	assert_int_equal(store_data_write(store, &byte, 1, end), -EUCLEAN);
	assert_int_equal(store_data_write(store, "ab", 2, end - 1), -EUCLEAN);
	assert_int_equal(store_data_read(store, &byte, 1, UINT64_MAX), -EUCLEAN);
	assert_int_equal(store_data_read(store, &byte, SIZE_MAX, 1), -EUCLEAN);
	assert_int_equal(store_data_write(store, &byte, 1, end - 1), 0);
	assert_int_equal(watched()->lines, 5);
}

static void freed_block_is_free_when_that_is_durable(void **state)
{
	struct store *store = *state;
	uint64_t first = take_blocks(store, 8);

	assert_int_equal(blocks_taken(store), 8);
	free_blocks(store, first + 2, 4);
	assert_int_equal(blocks_taken(store), 8);
	assert_int_equal(take_blocks(store, 1), first + 8);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_PUNCH), 0);
	assert_int_equal(store_sync(store), 0);
	assert_int_equal(blocks_taken(store), 5);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_PUNCH), 1);
	assert_int_equal(take_blocks(store, 1), first + 2);
}

static void freed_blocks_are_available_at_once(void **state)
{
	struct store *store = *state;
	uint64_t first = take_blocks(store, 3);
	struct store_usage before, freed, punched;

	for (uint64_t i = 0; i < 3; i++)
		write_byte(store, first + i, 'x');
	put(store, 1, 10);
	assert_int_equal(store_sync(store), 0);
	assert_int_equal(store_usage(store, &before), 0);
	free_blocks(store, first, 2);
	assert_int_equal(store_usage(store, &freed), 0);
	assert_int_equal(freed.available, before.available + 2 * STORE_BLOCK);
	assert_int_equal(freed.used, before.used - 2 * STORE_BLOCK);
	assert_int_equal(store_sync(store), 0);
	/* the host of this kind has always the same */
	assert_int_equal(store_usage(store, &punched), 0);
	assert_int_equal(punched.available, before.available);
	assert_in_range(punched.used, freed.used, before.used - STORE_BLOCK);
}

static void freed_blocks_wait_while_there_is_no_room(void **state)
{
	struct store *store = *state;
	uint64_t first = take_blocks(store, 8);

	free_blocks(store, first, 1);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -ENOSPC);
	assert_int_equal(store_sync(store), -ENOSPC);
	free_blocks(store, first + 1, 1);
	assert_int_equal(store_sync(store), -ENOSPC);
	assert_int_equal(blocks_taken(store), 8);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_PUNCH), 0);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, 0);
	assert_int_equal(store_sync(store), 0);
	assert_int_equal(blocks_taken(store), 6);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_PUNCH), 1);
}

static void freeing_what_is_free_is_refused(void **state)
{
	struct store *store = *state;
	uint64_t first = take_blocks(store, 1);
	struct store_txn *txn;

	watch_log();
	assert_int_equal(store_begin(store, &txn), 0);
	assert_int_equal(store_free_blocks(txn, first, 2), -EUCLEAN);
	assert_int_equal(store_free_blocks(txn, UINT64_MAX, 2), -EUCLEAN);
	store_abort(txn);
	assert_int_equal(watched()->lines, 2);
}

static void returned_blocks_are_free_at_once(void **state)
{
	struct store *store = *state;
	uint64_t first = take_blocks(store, 8);

	store_blocks_return(store, first + 4, 4);
	assert_int_equal(blocks_taken(store), 4);
	assert_int_equal(take_blocks(store, 2), first + 4);
}

static void unmarked_blocks_are_free_after_opening(void **state)
{
	struct store *store = *state;
	struct store *found;
	uint64_t first = take_blocks(store, 100);
	uint8_t byte;

	put(store, 1, 10);
	assert_int_equal(store_data_write(store, "x", 1, (first + 10) * STORE_BLOCK), 0);
	assert_int_equal(store_data_write(store, "y", 1, (first + 20) * STORE_BLOCK), 0);
	assert_int_equal(store_sync(store), 0);
	found = survivor(store);
	assert_int_equal(store_blocks_mark(found, first + 10, 2), 0);
	assert_int_equal(store_blocks_mark(found, first + 30, 1), 0);
	watch_log();
	assert_int_equal(store_blocks_mark(found, first + 11, 2), -EUCLEAN);
	assert_int_equal(store_blocks_mark(found, STORE_BLOCKS_END - 1, 1), -EUCLEAN);
	assert_int_equal(store_blocks_mark(found, UINT64_MAX, 2), -EUCLEAN);
	assert_int_equal(watched()->lines, 3);
	assert_int_equal(store_blocks_ready(found), 0);
	assert_int_equal(blocks_taken(found), 3);
	assert_int_equal(store_memory_calls(found, STORE_MEMORY_DATA_PUNCH), 2);
	assert_int_equal(store_memory_calls(found, STORE_MEMORY_DATA_RESIZE), 1);
	assert_int_equal(store_data_read(found, &byte, 1, (first + 10) * STORE_BLOCK), 0);
	assert_int_equal(byte, 'x');
	store_close(found);
}

static void blocks_beyond_the_end_of_the_data_are_damage(void **state)
{
	struct store *store = *state;
	struct store *found;

	take_blocks(store, 4);
	/* the data were never synced: none of them is there */
	found = survivor(store);
	watch_log();
	assert_int_equal(store_blocks_mark(found, 0, 1), -EUCLEAN);
	assert_non_null(strstr(watched()->last, "beyond the end"));
	store_close(found);
}

static void blocks_that_were_taken_and_not_written_survive(void **state)
{
	struct store *store = *state;
	struct store *found;
	uint64_t first = take_blocks(store, 4);

	put(store, 1, 10);
	assert_int_equal(store_sync(store), 0);
	found = survivor(store);
	assert_int_equal(store_blocks_mark(found, first, 4), 0);
	assert_int_equal(store_blocks_ready(found), 0);
	store_close(found);
}

static void store_for_reading_takes_no_change(void **state)
{
	struct store *store = *state;
	struct store_options options = {.read_only = true};
	uint64_t first = take_blocks(store, 3);
	struct store_txn *txn = NULL;
	struct store *found;
	uint64_t got;

	put(store, 1, 10);
	assert_int_equal(store_data_write(store, "x", 1, first * STORE_BLOCK), 0);
	assert_int_equal(store_sync(store), 0);
	assert_int_equal(store_memory_cut_power(store, &options, 0, &found), 0);
	assert_true(store_is_read_only(found));
	assert_int_equal(store_blocks_mark(found, first, 1), 0);
	assert_int_equal(store_blocks_ready(found), 0);
	assert_has(found, 1, 10);
	assert_int_equal(store_begin(found, &txn), -EROFS);
	assert_null(txn);
	assert_int_equal(store_blocks_take(found, 1, &first, &got), -EROFS);
	assert_int_equal(store_data_write(found, "x", 1, first * STORE_BLOCK), -EROFS);
	assert_int_equal(store_data_allocate(found, first, 1), -EROFS);
	assert_int_equal(store_sync(found), 0);
	assert_int_equal(store_memory_calls(found, STORE_MEMORY_DATA_PUNCH), 0);
	assert_int_equal(store_memory_calls(found, STORE_MEMORY_DATA_RESIZE), 0);
	assert_int_equal(store_memory_calls(found, STORE_MEMORY_MARK_IN_USE), 0);
	assert_int_equal(store_close(found), 0);
}

static void first_change_marks_the_store(void **state)
{
	struct store *store = *state;

	assert_has_not(store, 1);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_MARK_IN_USE), 0);
	put(store, 1, 10);
	put(store, 1, 11);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_MARK_IN_USE), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(data_are_read_as_they_were_written),
		TEST(data_outside_of_taken_blocks_are_refused),
		TEST(freed_block_is_free_when_that_is_durable),
		TEST(freed_blocks_are_available_at_once),
		TEST(freed_blocks_wait_while_there_is_no_room),
		TEST(freeing_what_is_free_is_refused),
		TEST(returned_blocks_are_free_at_once),
		TEST(unmarked_blocks_are_free_after_opening),
		TEST(blocks_beyond_the_end_of_the_data_are_damage),
		TEST(blocks_that_were_taken_and_not_written_survive),
		TEST(store_for_reading_takes_no_change),
		TEST(first_change_marks_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
