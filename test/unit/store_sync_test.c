/* SPDX-License-Identifier: MIT */
/*
 * Making durable: many threads at once, errors of the medium, and the writer. On the kind in memory,
 * whose medium stops and fails where a test wants it to.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "support/unit.h"

#include "base/log.h"
#include "store/store.h"
#include "store/store_memory.h"

static struct store_key key_number(const char *prefix, unsigned int number)
{
	struct store_key key;

	key.len = (size_t)snprintf((char *)key.bytes, sizeof(key.bytes), "%s%06u", prefix, number);
	return key;
}

static int try_put(struct store *store, unsigned int number, unsigned int value)
{
	struct store_key key = key_number("n", number);
	struct store_txn *txn;
	int err = store_begin(store, &txn);

	if (err)
		return err;
	assert_int_equal(store_put(txn, &key, &value, sizeof(value)), 0);
	return store_commit(&txn, false);
}

static void put(struct store *store, unsigned int number, unsigned int value)
{
	assert_int_equal(try_put(store, number, value), 0);
}

static void assert_has(struct store *store, unsigned int number, unsigned int value)
{
	struct store_key key = key_number("n", number);
	unsigned int found;
	size_t len;

	assert_int_equal(store_get(store, &key, &found, sizeof(found), &len), 0);
	assert_int_equal(len, sizeof(found));
	assert_int_equal(found, value);
}

static void assert_has_not(struct store *store, unsigned int number)
{
	struct store_key key = key_number("n", number);
	unsigned int found;
	size_t len;

	assert_int_equal(store_get(store, &key, &found, sizeof(found), &len), -ENOENT);
}

/* What a power cut would leave. */
static struct store *survivor(struct store *store)
{
	struct store *found;

	assert_int_equal(store_memory_cut_power(store, NULL, 0, &found), 0);
	return found;
}

static void assert_durable(struct store *store, unsigned int number, unsigned int value)
{
	struct store *found = survivor(store);

	assert_has(found, number, value);
	store_close(found);
}

static uint64_t take_block(struct store *store)
{
	uint64_t first;
	uint64_t got;

	assert_int_equal(store_blocks_take(store, 1, &first, &got), 0);
	return first;
}

static void write_byte(struct store *store, uint64_t block, char byte)
{
	assert_int_equal(store_data_write(store, &byte, 1, block * STORE_BLOCK), 0);
}

static char read_byte(struct store *store, uint64_t block)
{
	char byte;

	assert_int_equal(store_data_read(store, &byte, 1, block * STORE_BLOCK), 0);
	return byte;
}

static void assert_durable_byte(struct store *store, uint64_t block, char byte)
{
	struct store *found = survivor(store);

	assert_int_equal(store_blocks_mark(found, block, 1), 0);
	assert_int_equal(read_byte(found, block), byte);
	store_close(found);
}

static void sleep_ms(long ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

static int open_store(void **state)
{
	struct store *store;

	if (store_memory_create(&store))
		return -1;
	*state = store;
	return 0;
}

static int close_store(void **state)
{
	log_set_sink(NULL, NULL);
	store_close(*state);
	return 0;
}

static unsigned int logged_lines;

static void count_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
	logged_lines++;
}

static void watch_log(void)
{
	logged_lines = 0;
	log_set_sink(count_line, NULL);
}

/* A medium that stops at one kind of call until it is let go ------------------------------------- */

struct gate {
	enum store_memory_call call;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closed;
	unsigned int arrived;
};

static int gate_pass(void *ctx, enum store_memory_call call)
{
	struct gate *gate = ctx;

	if (call != gate->call)
		return 0;
	pthread_mutex_lock(&gate->lock);
	gate->arrived++;
	pthread_cond_broadcast(&gate->changed);
	while (gate->closed)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	return 0;
}

static void gate_close(struct gate *gate, struct store *store, enum store_memory_call call)
{
	gate->call = call;
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
	gate->closed = true;
	gate->arrived = 0;
	store_memory_set_hook(store, gate_pass, gate);
}

/* Until somebody stands there. */
static void gate_wait(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	while (gate->arrived == 0)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

static void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->closed = false;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

static void *sync_in_thread(void *ctx)
{
	return (void *)(intptr_t)store_sync(ctx);
}

static pthread_t start_sync(struct store *store)
{
	pthread_t id;

	assert_int_equal(pthread_create(&id, NULL, sync_in_thread, store), 0);
	return id;
}

static int end_sync(pthread_t id)
{
	void *err;

	assert_int_equal(pthread_join(id, &err), 0);
	return (int)(intptr_t)err;
}

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
		logged_lines = 0;
		assert_int_equal(store_sync(store), -EIO);
		store_memory_fail(store, calls[i], 0, 0);
		assert_broken(store);
		assert_int_equal(logged_lines, 1);
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

static void free_block(struct store *store, uint64_t block)
{
	struct store_txn *txn;

	assert_int_equal(store_begin(store, &txn), 0);
	assert_int_equal(store_free_blocks(txn, block, 1), 0);
	assert_int_equal(store_commit(&txn, true), 0);
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
		free_block(store, freed);
		store_memory_set_hook(store, full_until_punched, store);
		if (commit)
			put(store, 2, 20);
		else
			write_byte(store, block, byte);
		assert_int_equal(store_close(store), 0);
	}
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
	free_block(store, block);
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
	free_block(store, block);
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
	assert_in_range(logged_lines, 1, 2);
	log_set_sink(NULL, NULL);
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
		TEST(full_disk_can_be_cleaned_up),
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
