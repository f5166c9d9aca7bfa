/* SPDX-License-Identifier: MIT */
/* A store under many threads, and the writer that syncs in the background. */
#include <stdatomic.h>
#include <time.h>

#include "support/store_fixture.h"

static void sleep_ms(long ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

/* Much at once ------------------------------------------------------------------------------------ */

static void too_much_in_memory_is_synced_by_the_commit(void **state)
{
	static uint8_t value[STORE_VALUE_MAX];
	struct store *store = *state;
	struct store_txn *txn;

	for (unsigned int i = 0; i < 65; i++) {
		assert_int_equal(store_begin(store, &txn), 0);
		for (unsigned int j = 0; j < 16; j++) {
			struct store_key key = key_number("big", i * 16 + j);

			assert_int_equal(store_put(txn, &key, value, sizeof(value)), 0);
		}
		assert_int_equal(store_commit(&txn, false), 0);
	}
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_APPLY), 1);
}

/* An assertion of threads that cmocka knows nothing of. */
static void must(bool is_true)
{
	if (!is_true)
		abort();
}

/* One commits, some read and some sync: what is read are states that were committed. */
struct crowd {
	struct store *store;
	atomic_bool end;
	atomic_uint syncs;
};

#define CROWD_RECORDS 200u
#define CROWD_COMMITS 3000u

/* Each transaction writes its number to two records that stand side by side. */
static void commit_pair(struct store *store, unsigned int number)
{
	struct store_key first = key_number("n", number % CROWD_RECORDS * 2);
	struct store_key second = key_number("n", number % CROWD_RECORDS * 2 + 1);
	struct store_txn *txn;

	assert_int_equal(store_begin(store, &txn), 0);
	if (number % 7 == 0) {
		assert_int_equal(store_delete(txn, &first), 0);
		assert_int_equal(store_delete(txn, &second), 0);
	} else {
		assert_int_equal(store_put(txn, &first, &number, sizeof(number)), 0);
		assert_int_equal(store_put(txn, &second, &number, sizeof(number)), 0);
	}
	assert_int_equal(store_commit(&txn, false), 0);
}

/* Numbers only grow, as seen by one reader of one record. */
static void *crowd_read(void *ctx)
{
	struct crowd *crowd = ctx;
	unsigned int seen[CROWD_RECORDS] = {0};

	for (unsigned int i = 0; !crowd->end; i++) {
		unsigned int at = i % CROWD_RECORDS;
		struct store_key key = key_number("n", at * 2);
		unsigned int value;
		size_t len;

		if (store_get(crowd->store, &key, &value, sizeof(value), &len))
			continue;
		must(value >= seen[at] && value % CROWD_RECORDS == at);
		seen[at] = value;
	}
	return NULL;
}

struct order {
	struct store_key last;
	unsigned int count;
};

static int check_order(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct order *order = ctx;
	unsigned int number;

	must(order->count == 0 || memcmp(order->last.bytes, key->bytes, key->len) < 0);
	must(len == sizeof(number));
	memcpy(&number, value, sizeof(number));
	must(number <= CROWD_COMMITS);
	order->last = *key;
	order->count++;
	return 0;
}

static void *crowd_scan(void *ctx)
{
	struct crowd *crowd = ctx;
	struct store_key prefix = {.len = 1, .bytes = "n"};

	while (!crowd->end) {
		struct order order = {.count = 0};

		must(store_scan(crowd->store, &prefix, NULL, check_order, &order) == 0);
		must(order.count <= 2 * CROWD_RECORDS);
	}
	return NULL;
}

static void *crowd_sync(void *ctx)
{
	struct crowd *crowd = ctx;

	while (!crowd->end) {
		must(store_sync(crowd->store) == 0);
		crowd->syncs++;
		sleep_ms(1);
	}
	return NULL;
}

static void *crowd_write(void *ctx)
{
	struct crowd *crowd = ctx;
	uint64_t block = take_block(crowd->store);

	for (unsigned int i = 0; !crowd->end; i++) {
		write_byte(crowd->store, block, (char)i);
		must(read_byte(crowd->store, block) == (char)i);
		if (i % 16 == 0) {
			store_blocks_return(crowd->store, block, 1);
			block = take_block(crowd->store);
		}
	}
	return NULL;
}

static void readers_see_committed_states_only(void **state)
{
	void *(*const parts[])(void *) = {crowd_read, crowd_scan, crowd_sync, crowd_sync,
					  crowd_write};
	struct crowd crowd = {.store = *state};
	pthread_t ids[ARRAY_SIZE(parts)];
	struct store *found;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_int_equal(pthread_create(&ids[i], NULL, parts[i], &crowd), 0);
	for (unsigned int i = 1; i <= CROWD_COMMITS; i++) {
		commit_pair(crowd.store, i);
		if (i % 500)
			continue;
		/* what a power cut leaves is whole as well */
		found = survivor(crowd.store);
		for (unsigned int at = 0; at < CROWD_RECORDS; at++) {
			struct store_key first = key_number("n", at * 2);
			struct store_key second = key_number("n", at * 2 + 1);
			unsigned int values[2] = {0, 0};
			size_t len;
			int err = store_get(found, &first, &values[0], sizeof(values[0]), &len);

			assert_int_equal(
				store_get(found, &second, &values[1], sizeof(values[1]), &len),
				err);
			assert_int_equal(values[0], values[1]);
		}
		store_close(found);
	}
	crowd.end = true;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_int_equal(pthread_join(ids[i], NULL), 0);
}

/* The writer -------------------------------------------------------------------------------------- */

#define OLD_MS 20u
#define LOOK_MS 5u

static struct store *open_with(struct store_writer *writer)
{
	struct store_options options = {.writer = writer};
	struct store *store;

	assert_int_equal(store_memory_open(&options, &store), 0);
	return store;
}

static void wait_for_calls(struct store *store, enum store_memory_call call, unsigned int count)
{
	while (store_memory_calls(store, call) < count)
		sleep_ms(1);
}

static void writer_syncs_by_itself(void **state)
{
	struct store_writer *writer;
	struct store *commits;
	struct store *writes;
	uint64_t block;

	(void)state;
	assert_int_equal(store_writer_start(OLD_MS, LOOK_MS, &writer), 0);
	commits = open_with(writer);
	writes = open_with(writer);
	block = take_block(writes);
	put(commits, 1, 10);
	write_byte(writes, block, 'x');
	wait_for_calls(commits, STORE_MEMORY_APPLY, 1);
	wait_for_calls(writes, STORE_MEMORY_DATA_SYNC, 1);
	assert_int_equal(store_close(commits), 0);
	assert_int_equal(store_close(writes), 0);
	store_writer_destroy(writer);
}

static void writer_is_told_when_much_waits(void **state)
{
	static uint8_t value[STORE_VALUE_MAX];
	struct store_writer *writer;
	struct store *store;
	struct store_txn *txn;
	struct gate gate;

	(void)state;
	assert_int_equal(store_writer_start(OLD_MS, LOOK_MS, &writer), 0);
	store = open_with(writer);
	gate_close(&gate, store, STORE_MEMORY_APPLY);
	assert_int_equal(store_begin(store, &txn), 0);
	for (unsigned int i = 0; i < 300; i++) {
		struct store_key key = key_number("big", i);

		assert_int_equal(store_put(txn, &key, value, sizeof(value)), 0);
	}
	assert_int_equal(store_commit(&txn, false), 0);
	gate_wait(&gate);
	gate_open(&gate);
	assert_int_equal(store_close(store), 0);
	store_writer_destroy(writer);
}

static void slow_store_holds_up_no_other(void **state)
{
	struct store_writer *writer;
	struct store *slow;
	struct store *quick;
	struct gate gate;

	(void)state;
	assert_int_equal(store_writer_start(OLD_MS, LOOK_MS, &writer), 0);
	slow = open_with(writer);
	quick = open_with(writer);
	gate_close(&gate, slow, STORE_MEMORY_APPLY);
	put(slow, 1, 10);
	gate_wait(&gate);
	put(quick, 1, 10);
	wait_for_calls(quick, STORE_MEMORY_APPLY, 1);
	gate_open(&gate);
	assert_int_equal(store_close(slow), 0);
	assert_int_equal(store_close(quick), 0);
	store_writer_destroy(writer);
}

static void sync_does_not_wait_for_the_punching(void **state)
{
	struct store_writer *writer;
	struct store_usage usage;
	struct store *store;
	struct gate gate;
	uint64_t block;

	(void)state;
	assert_int_equal(store_writer_start(OLD_MS, LOOK_MS, &writer), 0);
	store = open_with(writer);
	gate_close(&gate, store, STORE_MEMORY_DATA_PUNCH);
	block = take_block(store);
	free_blocks(store, block, 1);
	assert_int_equal(store_sync(store), 0);
	gate_wait(&gate);
	assert_int_equal(store_usage(store, &usage), 0);
	assert_int_equal(usage.blocks, 0);
	assert_int_equal(take_block(store), block + 1);
	put(store, 1, 10);
	assert_int_equal(store_sync(store), 0);
	gate_open(&gate);
	assert_int_equal(store_close(store), 0);
	store_writer_destroy(writer);
}

static void writer_tries_again_and_tells_once(void **state)
{
	struct store_writer *writer;
	struct store *store;

	(void)state;
	watch_log();
	assert_int_equal(store_writer_start(OLD_MS, LOOK_MS, &writer), 0);
	store = open_with(writer);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -ENOSPC);
	put(store, 1, 10);
	wait_for_calls(store, STORE_MEMORY_APPLY, 2);
	assert_int_equal(store_sync(store), -ENOSPC);
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, 0);
	assert_int_equal(store_sync(store), 0);
	assert_durable(store, 1, 10);
	assert_int_equal(store_close(store), 0);
	store_writer_destroy(writer);
	assert_in_range(watched()->lines, 1, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(too_much_in_memory_is_synced_by_the_commit),
		TEST(readers_see_committed_states_only),
		cmocka_unit_test(writer_syncs_by_itself),
		cmocka_unit_test(writer_is_told_when_much_waits),
		cmocka_unit_test(slow_store_holds_up_no_other),
		cmocka_unit_test(sync_does_not_wait_for_the_punching),
		cmocka_unit_test(writer_tries_again_and_tells_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
