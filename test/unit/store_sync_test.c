/* SPDX-License-Identifier: MIT */
/*
 * Making durable: in which order, for whom, and what errors of the medium do. The kind in memory stops
 * and fails where a test wants it to.
 */
#include "support/store_fixture.h"

/* Order ------------------------------------------------------------------------------------------- */

static void commits_go_on_while_a_sync_waits_for_the_disk(void **state)
{
	struct store *store = *state;
	struct gate gate;
	pthread_t syncing;

	put(store, 1, 10);
	put(store, 2, 20);
	gate_close(&gate, store, STORE_MEMORY_APPLY);
	syncing = start_sync(store);
	gate_wait(&gate);
	put(store, 2, 21);
	put(store, 3, 30);
	assert_has(store, 1, 10);
	assert_has(store, 2, 21);
	assert_has(store, 3, 30);
	gate_open(&gate);
	assert_int_equal(end_sync(syncing), 0);
	assert_has(store, 1, 10);
	assert_has(store, 2, 21);
	assert_durable(store, 2, 20);
	assert_int_equal(store_sync(store), 0);
	assert_durable(store, 2, 21);
	assert_durable(store, 3, 30);
}

static void data_reach_the_disk_before_the_records(void **state)
{
	struct store *store = *state;
	uint64_t block = take_block(store);
	struct gate gate;
	pthread_t syncing;
	struct store *found;

	write_byte(store, block, 'x');
	put(store, 1, 10);
	gate_close(&gate, store, STORE_MEMORY_APPLY);
	syncing = start_sync(store);
	gate_wait(&gate);
	assert_durable_byte(store, block, 'x');
	found = survivor(store);
	assert_has_not(found, 1);
	store_close(found);
	gate_open(&gate);
	assert_int_equal(end_sync(syncing), 0);
	assert_durable(store, 1, 10);
}

static void overwritten_data_become_durable_without_a_commit(void **state)
{
	struct store *store = *state;
	uint64_t block = take_block(store);
	unsigned int applies;

	write_byte(store, block, 'x');
	put(store, 1, 10);
	assert_int_equal(store_sync(store), 0);
	applies = store_memory_calls(store, STORE_MEMORY_APPLY);
	write_byte(store, block, 'y');
	assert_durable_byte(store, block, 'x');
	assert_int_equal(store_sync(store), 0);
	assert_durable_byte(store, block, 'y');
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), applies);
}

static void data_written_during_a_sync_belong_to_the_next(void **state)
{
	struct store *store = *state;
	uint64_t block = take_block(store);
	struct gate gate;
	pthread_t syncing;

	write_byte(store, block, 'x');
	put(store, 1, 10);
	gate_close(&gate, store, STORE_MEMORY_APPLY);
	syncing = start_sync(store);
	gate_wait(&gate);
	write_byte(store, block, 'y');
	gate_open(&gate);
	assert_int_equal(end_sync(syncing), 0);
	assert_durable_byte(store, block, 'x');
	assert_int_equal(store_sync(store), 0);
	assert_durable_byte(store, block, 'y');
}

static void nothing_is_synced_when_nothing_changed(void **state)
{
	struct store *store = *state;

	assert_int_equal(store_sync(store), 0);
	put(store, 1, 10);
	assert_int_equal(store_sync(store), 0);
	assert_int_equal(store_sync(store), 0);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), 1);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_SYNC), 0);
}

/* Groups ------------------------------------------------------------------------------------------ */

static void those_who_wait_share_one_sync(void **state)
{
	struct store *store = *state;
	pthread_t waiting[8];
	struct gate gate;
	pthread_t first;

	put(store, 0, 0);
	gate_close(&gate, store, STORE_MEMORY_APPLY);
	first = start_sync(store);
	gate_wait(&gate);
	for (unsigned int i = 0; i < ARRAY_SIZE(waiting); i++) {
		put(store, i + 1, i);
		waiting[i] = start_sync(store);
	}
	/* whoever comes late has nothing left to do: one apply in any case */
	gate_open(&gate);
	assert_int_equal(end_sync(first), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(waiting); i++)
		assert_int_equal(end_sync(waiting[i]), 0);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(waiting); i++)
		assert_durable(store, i + 1, i);
}

static void sync_that_began_before_a_commit_does_not_cover_it(void **state)
{
	struct store *store = *state;
	struct gate gate;
	pthread_t first;
	pthread_t second;

	put(store, 1, 10);
	gate_close(&gate, store, STORE_MEMORY_APPLY);
	first = start_sync(store);
	gate_wait(&gate);
	put(store, 2, 20);
	second = start_sync(store);
	gate_open(&gate);
	assert_int_equal(end_sync(second), 0);
	assert_durable(store, 2, 20);
	assert_int_equal(end_sync(first), 0);
}

/* Errors ------------------------------------------------------------------------------------------ */

static void no_room_when_committing_leaves_what_was(void **state)
{
	struct store *store = *state;

	put(store, 1, 10);
	store_memory_fail(store, STORE_MEMORY_RESERVE, 0, -ENOSPC);
	assert_int_equal(try_put(store, 1, 11), -ENOSPC);
	assert_int_equal(try_put(store, 2, 20), -ENOSPC);
	assert_has(store, 1, 10);
	assert_has_not(store, 2);
	store_memory_fail(store, STORE_MEMORY_RESERVE, 0, 0);
	put(store, 2, 20);
	assert_int_equal(store_sync(store), 0);
	assert_durable(store, 1, 10);
	assert_durable(store, 2, 20);
}

static void no_room_when_syncing_is_made_up_for_later(void **state)
{
	struct store *store = *state;
	uint64_t block = take_block(store);

	put(store, 1, 10);
	put(store, 2, 20);
	write_byte(store, block, 'x');
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -ENOSPC);
	assert_int_equal(store_sync(store), -ENOSPC);
	assert_has(store, 1, 10);
	put(store, 2, 21);
	put(store, 3, 30);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -EDQUOT);
	assert_int_equal(store_sync(store), -EDQUOT);
	assert_has(store, 1, 10);
	assert_has(store, 2, 21);
	assert_has(store, 3, 30);
	put(store, 3, 31);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, 0);
	store_memory_fail(store, STORE_MEMORY_DATA_SYNC, 0, -ENOSPC);
	write_byte(store, block, 'y');
	assert_int_equal(store_sync(store), -ENOSPC);
	store_memory_fail(store, STORE_MEMORY_DATA_SYNC, 0, 0);
	assert_int_equal(store_sync(store), 0);
	assert_durable(store, 1, 10);
	assert_durable(store, 2, 21);
	assert_durable(store, 3, 31);
	assert_durable_byte(store, block, 'y');
}

static void assert_broken(struct store *store)
{
	char byte = 'z';
	uint64_t first;
	uint64_t got;

	assert_int_equal(try_put(store, 9, 90), -EIO);
	assert_int_equal(store_sync(store), -EIO);
	assert_int_equal(store_data_write(store, &byte, 1, 0), -EIO);
	assert_int_equal(store_blocks_take(store, 1, &first, &got), -EIO);
}

static void error_of_the_disk_ends_all_changes(void **state)
{
	const enum store_memory_call calls[] = {STORE_MEMORY_APPLY, STORE_MEMORY_DATA_SYNC};

	(void)state;
	watch_log();
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct store *store;
		uint64_t block;

		assert_int_equal(store_memory_create(&store), 0);
		block = take_block(store);
		put(store, 1, 10);
		assert_int_equal(store_sync(store), 0);
		put(store, 2, 20);
		write_byte(store, block, 'x');
		store_memory_fail(store, calls[i], 0, -EIO);
		watch_log();
		assert_int_equal(store_sync(store), -EIO);
		store_memory_fail(store, calls[i], 0, 0);
		assert_broken(store);
		assert_int_equal(watched()->lines, 1);
		assert_has(store, 1, 10);
		assert_has(store, 2, 20);
		assert_int_equal(read_byte(store, block), 'x');
		assert_durable(store, 1, 10);
		assert_int_equal(store_close(store), -EIO);
	}
}

static void transaction_open_at_the_error_is_not_committed(void **state)
{
	struct store *store = *state;
	struct store_key key = key_number("n", 2);
	struct store_txn *txn;

	watch_log();
	put(store, 1, 10);
	assert_int_equal(store_begin(store, &txn), 0);
	assert_int_equal(store_put(txn, &key, "", 0), 0);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -EIO);
	assert_int_equal(store_sync(store), -EIO);
	assert_int_equal(store_commit(&txn, false), -EIO);
	assert_null(txn);
	assert_has_not(store, 2);
}

static void unmarked_store_takes_no_change(void **state)
{
	struct store *store = *state;

	store_memory_fail(store, STORE_MEMORY_MARK_IN_USE, 0, -ENOSPC);
	assert_int_equal(try_put(store, 1, 10), -ENOSPC);
	assert_has_not(store, 1);
	store_memory_fail(store, STORE_MEMORY_MARK_IN_USE, 0, 0);
	put(store, 1, 10);
}

static void data_that_cannot_grow_take_no_blocks(void **state)
{
	struct store *store = *state;
	struct store_usage usage;
	uint64_t first;
	uint64_t got;

	store_memory_fail(store, STORE_MEMORY_DATA_RESIZE, 0, -EFBIG);
	assert_int_equal(store_blocks_take(store, 1, &first, &got), -EFBIG);
	assert_int_equal(store_usage(store, &usage), 0);
	assert_int_equal(usage.blocks, 0);
	store_memory_fail(store, STORE_MEMORY_DATA_RESIZE, 0, 0);
	assert_int_equal(take_block(store), 0);
}

static void close_says_that_something_is_lost(void **state)
{
	struct store *store;

	(void)state;
	assert_int_equal(store_memory_create(&store), 0);
	put(store, 1, 10);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -ENOSPC);
	assert_int_equal(store_close(store), -ENOSPC);
}

/* The disk of the host is full until something is punched. */
static int full_until_punched(void *ctx, enum store_memory_call call)
{
	struct store *store = ctx;

	if (call != STORE_MEMORY_DATA_WRITE && call != STORE_MEMORY_RESERVE)
		return 0;
	return store_memory_calls(store, STORE_MEMORY_DATA_PUNCH) ? 0 : -ENOSPC;
}

static void freed_blocks_go_back_before_the_disk_is_full(void **state)
{
	(void)state;
	for (int commit = 0; commit < 2; commit++) {
		struct store *store;
		uint64_t freed;
		uint64_t block;
		char byte = 'x';

		assert_int_equal(store_memory_create(&store), 0);
		freed = take_block(store);
		block = take_block(store);
		put(store, 1, 10);
		store_memory_set_hook(store, full_until_punched, store);
		assert_int_equal(store_data_write(store, &byte, 1, block * STORE_BLOCK), -ENOSPC);
		assert_int_equal(try_put(store, 2, 20), -ENOSPC);
		store_memory_set_hook(store, NULL, NULL);
		free_blocks(store, freed, 1);
		store_memory_set_hook(store, full_until_punched, store);
		if (commit)
			put(store, 2, 20);
		else
			write_byte(store, block, byte);
		assert_int_equal(store_close(store), 0);
	}
}

/* A disk that has room for what three commits leave in the layers. */
struct small_disk {
	struct store *store; /* borrowed */
	unsigned int applies;
	unsigned int commits; /* since the last of those */
};

static int full_after_three(void *ctx, enum store_memory_call call)
{
	struct small_disk *disk = ctx;
	unsigned int applies;

	if (call != STORE_MEMORY_RESERVE)
		return 0;
	applies = store_memory_calls(disk->store, STORE_MEMORY_APPLY);
	if (applies != disk->applies)
		disk->commits = 0;
	disk->applies = applies;
	if (disk->commits == 3)
		return -ENOSPC;
	disk->commits++;
	return 0;
}

static void layers_are_synced_before_the_disk_is_full(void **state)
{
	struct store *store = *state;
	struct small_disk disk = {.store = store};

	store_memory_set_hook(store, full_after_three, &disk);
	for (unsigned int i = 0; i < 10; i++)
		put(store, i, 10 * i);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), 3);
	for (unsigned int i = 0; i < 9; i++)
		assert_durable(store, i, 10 * i);
	/* what a sync does not cure is said, and nothing is synced twice for it */
	store_memory_set_hook(store, NULL, NULL);
	store_memory_fail(store, STORE_MEMORY_RESERVE, 0, -EDQUOT);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(try_put(store, 20, i), -EDQUOT);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), 4);
}

static int fill_layers(struct store *store, bool frees)
{
	static uint8_t value[STORE_VALUE_MAX];
	static unsigned int number;
	struct store_txn *txn;

	assert_int_equal(store_begin(store, &txn), 0);
	for (unsigned int i = 0; i < 64; i++) {
		struct store_key key = key_number("big", number++);

		assert_int_equal(store_put(txn, &key, value, sizeof(value)), 0);
	}
	return store_commit(&txn, frees);
}

static void full_disk_can_be_cleaned_up(void **state)
{
	struct store *store = *state;
	uint64_t block = take_block(store);
	unsigned int commits = 0;
	int err;

	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -ENOSPC);
	do {
		err = fill_layers(store, false);
		commits++;
	} while (err == 0);
	assert_int_equal(err, -ENOSPC);
	assert_in_range(commits, 10, 20);
	/* what frees goes a little further, but not without end */
	free_blocks(store, block, 1);
	commits = 0;
	while ((err = fill_layers(store, true)) == 0)
		commits++;
	assert_int_equal(err, -ENOSPC);
	assert_in_range(commits, 1, 8);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, 0);
	put(store, 1, 10);
	assert_int_equal(store_sync(store), 0);
	assert_int_equal(take_block(store), block);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commits_go_on_while_a_sync_waits_for_the_disk),
		TEST(data_reach_the_disk_before_the_records),
		TEST(overwritten_data_become_durable_without_a_commit),
		TEST(data_written_during_a_sync_belong_to_the_next),
		TEST(nothing_is_synced_when_nothing_changed),
		TEST(those_who_wait_share_one_sync),
		TEST(sync_that_began_before_a_commit_does_not_cover_it),
		TEST(no_room_when_committing_leaves_what_was),
		TEST(no_room_when_syncing_is_made_up_for_later),
		TEST(error_of_the_disk_ends_all_changes),
		TEST(transaction_open_at_the_error_is_not_committed),
		TEST(unmarked_store_takes_no_change),
		TEST(data_that_cannot_grow_take_no_blocks),
		TEST(close_says_that_something_is_lost),
		cmocka_unit_test(freed_blocks_go_back_before_the_disk_is_full),
		TEST(layers_are_synced_before_the_disk_is_full),
		TEST(full_disk_can_be_cleaned_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
