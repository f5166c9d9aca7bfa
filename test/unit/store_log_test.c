/* SPDX-License-Identifier: MIT */
/*
 * Syncing by a log: when that is done, what survives, and that a checkpoint holds up nobody. The kind in
 * memory has a log that survives its power cuts.
 */
#include "support/store_fixture.h"

#include <time.h>

#include "store/store_private.h"

#define LARGE (256u << 10) /* more than an entry has of data */
#define STARTED (4u << 20) /* so much the host is told to write */

static int open_logging(void **state)
{
	struct store *store;

	if (store_memory_open_logging(NULL, &store))
		return -1;
	*state = store;
	return 0;
}

/* A few small syncs, after which there is a log. */
static void start_log(struct store *store)
{
	for (unsigned int i = 0; i < 8; i++) {
		put(store, 100, i);
		assert_int_equal(store_sync(store), 0);
	}
	assert_true(store_memory_calls(store, STORE_MEMORY_LOG) > 0);
}

static void sync_number(struct store *store, unsigned int number, unsigned int value)
{
	put(store, number, value);
	assert_int_equal(store_sync(store), 0);
}

static void few_syncs_make_no_log(void **state)
{
	struct store *store = *state;

	for (unsigned int i = 0; i < 3; i++)
		sync_number(store, 1, i);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), 3);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_LOG), 0);
}

static void small_syncs_go_to_the_log(void **state)
{
	struct store *store = *state;
	unsigned int applies, logs;
	uint64_t block;

	start_log(store);
	applies = store_memory_calls(store, STORE_MEMORY_APPLY);
	logs = store_memory_calls(store, STORE_MEMORY_LOG);
	block = take_block(store);
	write_byte(store, block, 'x');
	sync_number(store, 1, 10);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), applies);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_SYNC), 0);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_LOG), logs + 1);
	assert_durable(store, 1, 10);
	assert_durable_byte(store, block, 'x');
	assert_has(store, 1, 10);
}

static void deleted_records_stay_deleted(void **state)
{
	struct store *store = *state;
	struct store_key key = key_number("n", 1);
	struct store_txn *txn;
	struct store *found;

	sync_number(store, 1, 10);
	start_log(store);
	assert_int_equal(store_begin(store, &txn), 0);
	assert_int_equal(store_delete(txn, &key), 0);
	assert_int_equal(store_commit(&txn, true), 0);
	assert_int_equal(store_sync(store), 0);
	assert_has_not(store, 1);
	found = survivor(store);
	assert_has_not(found, 1);
	store_close(found);
	assert_int_equal(store_settle(store, true), 0);
	assert_has_not(store, 1);
}

static void write_large(struct store *store, uint64_t block, char byte)
{
	static char content[LARGE];

	memset(content, byte, sizeof(content));
	assert_int_equal(store_data_write(store, content, sizeof(content), block * STORE_BLOCK), 0);
}

static uint64_t take_large(struct store *store)
{
	uint64_t first, got;

	assert_int_equal(store_blocks_take(store, LARGE / STORE_BLOCK, &first, &got), 0);
	assert_int_equal(got, LARGE / STORE_BLOCK);
	return first;
}

static void much_data_are_synced_before_their_records_are_logged(void **state)
{
	struct store *store = *state;
	unsigned int applies;
	uint64_t block;

	start_log(store);
	applies = store_memory_calls(store, STORE_MEMORY_APPLY);
	block = take_large(store);
	write_large(store, block, 'x');
	sync_number(store, 1, 10);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_SYNC), 1);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), applies);
	assert_durable(store, 1, 10);
	assert_durable_byte(store, block, 'x');
}

static void much_data_are_on_their_way_before_the_sync(void **state)
{
	struct store *store = *state;
	uint64_t block;

	start_log(store);
	block = take_large(store);
	write_byte(store, block, 'x');
	for (size_t written = 0; written < STARTED; written += LARGE) {
		assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_START), 0);
		write_large(store, block, 'y');
	}
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_START), 1);
	sync_number(store, 1, 10);
	write_byte(store, block, 'z');
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_START), 1);
}

static void what_was_logged_does_not_come_back_over_newer_data(void **state)
{
	struct store *store = *state;
	uint64_t block;

	start_log(store);
	block = take_large(store);
	/* in the entry, then in the data themselves: by the log, and by applying */
	write_byte(store, block, 'a');
	sync_number(store, 1, 10);
	write_large(store, block, 'b');
	assert_int_equal(store_sync(store), 0);
	assert_durable_byte(store, block, 'b');
	write_byte(store, block, 'c');
	assert_int_equal(store_sync(store), 0);
	assert_durable_byte(store, block, 'c');
	write_large(store, block, 'd');
	store_memory_log_lengthen(store);
	assert_int_equal(store_sync(store), 0);
	assert_durable_byte(store, block, 'd');
	assert_durable(store, 1, 10);
}

static void blocks_come_back_whole(void **state)
{
	struct store *store = *state;
	char content[STORE_BLOCK];
	uint64_t block;

	start_log(store);
	block = take_block(store);
	memset(content, 'x', sizeof(content));
	assert_int_equal(store_data_write(store, content, sizeof(content), block * STORE_BLOCK), 0);
	sync_number(store, 1, 10);
	assert_int_equal(store_settle(store, false), 0);
	assert_int_equal(store_data_write(store, "a", 1, block * STORE_BLOCK + 1000), 0);
	assert_int_equal(store_sync(store), 0);
	memset(content, 'b', sizeof(content));
	assert_int_equal(store_data_write(store, content, sizeof(content), block * STORE_BLOCK), 0);
	/* some of what was not synced reaches the disk, and would not go with a part of the block */
	for (uint64_t seed = 1; seed < 30; seed++) {
		struct store *found;

		assert_int_equal(store_memory_cut_power(store, NULL, seed, &found), 0);
		assert_int_equal(store_blocks_mark(found, block, 1), 0);
		assert_int_equal(
			store_data_read(found, content, sizeof(content), block * STORE_BLOCK), 0);
		for (size_t i = 0; i < sizeof(content); i++)
			assert_int_equal(content[i], i == 1000 ? 'a' : 'x');
		store_close(found);
	}
}

static void freed_blocks_wait_for_an_entry_behind_the_one_that_freed_them(void **state)
{
	struct store *store = *state;
	uint64_t block = take_block(store);
	uint64_t other;

	start_log(store);
	free_blocks(store, block, 1);
	other = take_block(store);
	assert_int_not_equal(other, block);
	assert_int_equal(store_sync(store), 0);
	assert_int_not_equal(take_block(store), block);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_DATA_PUNCH), 0);
	sync_number(store, 1, 10);
	assert_int_equal(take_block(store), block);
}

static void freed_blocks_do_not_wait_when_the_log_is_applied(void **state)
{
	struct store *store = *state;
	uint64_t block = take_block(store);

	start_log(store);
	free_blocks(store, block, 1);
	assert_int_equal(store_sync(store), 0);
	assert_int_equal(store_settle(store, false), 0);
	assert_int_equal(take_block(store), block);
}

static void large_transaction_is_applied(void **state)
{
	static uint8_t value[STORE_VALUE_MAX];
	struct store *store = *state;
	struct store_txn *txn;
	unsigned int logs, applies;

	start_log(store);
	logs = store_memory_calls(store, STORE_MEMORY_LOG);
	applies = store_memory_calls(store, STORE_MEMORY_APPLY);
	put(store, 1, 10);
	assert_int_equal(store_begin(store, &txn), 0);
	for (unsigned int i = 0; i < 10; i++) {
		struct store_key key = key_number("big", i);

		assert_int_equal(store_put(txn, &key, value, sizeof(value)), 0);
	}
	assert_int_equal(store_commit(&txn, false), 0);
	sync_number(store, 2, 20);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_LOG), logs);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), applies + 1);
	assert_durable(store, 1, 10);
	assert_durable(store, 2, 20);
	/* and then it goes on as before */
	sync_number(store, 3, 30);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_LOG), logs + 1);
	assert_durable(store, 2, 20);
	assert_durable(store, 3, 30);
}

static void full_log_is_made_up_for_by_applying(void **state)
{
	struct store *store = *state;
	const int errors[] = {-ENOSPC, -EAGAIN, -EDQUOT, -ENOMEM};

	start_log(store);
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		unsigned int applies = store_memory_calls(store, STORE_MEMORY_APPLY);

		sync_number(store, 1, 10 * i);
		store_memory_fail(store, STORE_MEMORY_LOG, 0, errors[i]);
		sync_number(store, 2, i);
		assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), applies + 1);
		store_memory_fail(store, STORE_MEMORY_LOG, 0, 0);
		assert_durable(store, 1, 10 * i);
		assert_durable(store, 2, i);
		sync_number(store, 3, i);
		assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), applies + 1);
		assert_durable(store, 3, i);
	}
}

static void nothing_is_logged_over_what_could_not_be_applied(void **state)
{
	struct store *store = *state;

	start_log(store);
	put(store, 1, 10);
	store_memory_fail(store, STORE_MEMORY_LOG, 0, -ENOSPC);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -ENOSPC);
	assert_int_equal(store_sync(store), -ENOSPC);
	store_memory_fail(store, STORE_MEMORY_LOG, 0, 0);
	put(store, 2, 20);
	assert_int_equal(store_sync(store), -ENOSPC);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, 0);
	assert_int_equal(store_sync(store), 0);
	assert_durable(store, 1, 10);
	assert_durable(store, 2, 20);
}

static void error_of_the_log_ends_all_changes(void **state)
{
	struct store *store = *state;

	start_log(store);
	watch_log();
	put(store, 1, 10);
	store_memory_fail(store, STORE_MEMORY_LOG, 0, -EIO);
	assert_int_equal(store_sync(store), -EIO);
	store_memory_fail(store, STORE_MEMORY_LOG, 0, 0);
	assert_int_equal(store_sync(store), -EIO);
	assert_int_equal(try_put(store, 2, 20), -EIO);
	assert_int_equal(watched()->lines, 1);
	assert_has(store, 1, 10);
}

static void no_room_lets_go_of_the_log(void **state)
{
	struct store *store = *state;
	unsigned int applies;

	start_log(store);
	sync_number(store, 1, 10);
	applies = store_memory_calls(store, STORE_MEMORY_APPLY);
	store_memory_fail(store, STORE_MEMORY_RESERVE, 0, -ENOSPC);
	assert_int_equal(try_put(store, 2, 20), -ENOSPC);
	store_memory_fail(store, STORE_MEMORY_RESERVE, 0, 0);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), applies + 1);
	assert_int_equal(store->ops->log_state(store), STORE_LOG_NONE);
	assert_durable(store, 1, 10);
}

static void log_is_made_again_after_it_was_dropped(void **state)
{
	struct store *store = *state;

	for (unsigned int i = 0; i < 4; i++) {
		start_log(store);
		sync_number(store, 1, i);
		assert_int_equal(store_settle(store, true), 0);
		assert_int_equal(store->ops->log_state(store), STORE_LOG_NONE);
		assert_durable(store, 1, i);
		start_log(store);
		assert_int_equal(store->ops->log_state(store), STORE_LOG_OPEN);
		sync_number(store, 2, i);
		assert_durable(store, 1, i);
		assert_durable(store, 2, i);
	}
}

/* With a writer ----------------------------------------------------------------------------------- */

static void pause_ms(unsigned int ms)
{
	struct timespec time = {.tv_nsec = (long)ms * 1000000};

	nanosleep(&time, NULL);
}

static void syncs_go_on_while_the_log_is_applied(void **state)
{
	struct store_options options = {0};
	struct store *store;
	struct gate gate;

	(void)state;
	assert_int_equal(store_writer_start(100000, 5, &options.writer), 0);
	assert_int_equal(store_memory_open_logging(&options, &store), 0);
	start_log(store);
	gate_close(&gate, store, STORE_MEMORY_APPLY);
	store_memory_log_lengthen(store);
	sync_number(store, 1, 10); /* the last of its part: the writer applies it */
	gate_wait(&gate);
	for (unsigned int i = 0; i < 5; i++) {
		sync_number(store, 2, 20 + i);
		assert_has(store, 1, 10);
		assert_has(store, 2, 20 + i);
		assert_durable(store, 1, 10);
		assert_durable(store, 2, 20 + i);
	}
	/* a second time it has to wait for its turn, but not those who sync */
	store_memory_log_lengthen(store);
	sync_number(store, 3, 30);
	gate_open(&gate);
	for (unsigned int i = 0; i < 1000 && store->logged_since && !store->turned; i++) {
		sync_number(store, 4, i);
		pause_ms(1);
	}
	store_memory_set_hook(store, NULL, NULL);
	assert_durable(store, 1, 10);
	assert_durable(store, 3, 30);
	assert_has(store, 1, 10);
	assert_has(store, 3, 30);
	assert_int_equal(store_close(store), 0);
	store_writer_destroy(options.writer);
}

static void checkpoint_without_room_is_made_up_for_by_the_next_sync(void **state)
{
	struct store_options options = {0};
	struct store *store;

	(void)state;
	assert_int_equal(store_writer_start(100000, 5, &options.writer), 0);
	assert_int_equal(store_memory_open_logging(&options, &store), 0);
	start_log(store);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -ENOSPC);
	store_memory_log_lengthen(store);
	sync_number(store, 1, 10);
	while (store->turned)
		pause_ms(1);
	put(store, 2, 20);
	while (!store->sync.gap)
		pause_ms(1);
	assert_int_equal(store_sync(store), -ENOSPC);
	assert_durable(store, 1, 10);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, 0);
	assert_int_equal(store_sync(store), 0);
	assert_durable(store, 1, 10);
	assert_durable(store, 2, 20);
	assert_int_equal(store_close(store), 0);
	store_writer_destroy(options.writer);
}

static void idle_store_has_no_log(void **state)
{
	struct store_options options = {0};
	struct store *store;

	(void)state;
	assert_int_equal(store_writer_start(20, 5, &options.writer), 0);
	assert_int_equal(store_memory_open_logging(&options, &store), 0);
	for (unsigned int i = 0; i < 8; i++)
		sync_number(store, 1, i);
	for (unsigned int i = 0; i < 5000 && store->logged_at; i++)
		pause_ms(1);
	assert_int_equal(store->logged_at, 0);
	assert_int_equal(store->ops->log_state(store), STORE_LOG_NONE);
	assert_int_equal(store->logged_since, 0);
	assert_durable(store, 1, 7);
	assert_int_equal(store_close(store), 0);
	store_writer_destroy(options.writer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_logging, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(few_syncs_make_no_log),
		TEST(small_syncs_go_to_the_log),
		TEST(deleted_records_stay_deleted),
		TEST(much_data_are_synced_before_their_records_are_logged),
		TEST(much_data_are_on_their_way_before_the_sync),
		TEST(what_was_logged_does_not_come_back_over_newer_data),
		TEST(blocks_come_back_whole),
		TEST(freed_blocks_wait_for_an_entry_behind_the_one_that_freed_them),
		TEST(freed_blocks_do_not_wait_when_the_log_is_applied),
		TEST(large_transaction_is_applied),
		TEST(full_log_is_made_up_for_by_applying),
		TEST(nothing_is_logged_over_what_could_not_be_applied),
		TEST(error_of_the_log_ends_all_changes),
		TEST(no_room_lets_go_of_the_log),
		TEST(log_is_made_again_after_it_was_dropped),
		cmocka_unit_test(syncs_go_on_while_the_log_is_applied),
		cmocka_unit_test(checkpoint_without_room_is_made_up_for_by_the_next_sync),
		cmocka_unit_test(idle_store_has_no_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
