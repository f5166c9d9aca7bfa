/* SPDX-License-Identifier: MIT */
/* What a store promises for records and blocks, on the kind in memory, with one thread. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/unit.h"

#include "base/log.h"
#include "store/store.h"
#include "store/store_layer.h"
#include "store/store_memory.h"

static struct store_key key_of(const char *text)
{
	struct store_key key = {.len = strlen(text)};

	memcpy(key.bytes, text, key.len);
	return key;
}

static struct store_key key_number(const char *prefix, unsigned int number)
{
	char text[32];

	snprintf(text, sizeof(text), "%s%06u", prefix, number);
	return key_of(text);
}

static void put(struct store_txn *txn, const char *key, const char *value)
{
	struct store_key k = key_of(key);

	assert_int_equal(store_put(txn, &k, value, strlen(value)), 0);
}

static void drop(struct store_txn *txn, const char *key)
{
	struct store_key k = key_of(key);

	assert_int_equal(store_delete(txn, &k), 0);
}

static void put_one(struct store *store, const char *key, const char *value)
{
	struct store_txn *txn;

	assert_int_equal(store_begin(store, &txn), 0);
	if (value)
		put(txn, key, value);
	else
		drop(txn, key);
	assert_int_equal(store_commit(&txn, false), 0);
	assert_null(txn);
}

/* @value NULL: there is none. */
static void assert_value(struct store *store, const char *key, const char *value)
{
	struct store_key k = key_of(key);
	char buf[64];
	size_t len;

	assert_int_equal(store_get(store, &k, buf, sizeof(buf), &len), value ? 0 : -ENOENT);
	if (!value)
		return;
	assert_int_equal(len, strlen(value));
	assert_memory_equal(buf, value, len);
}

static void assert_txn_value(struct store_txn *txn, const char *key, const char *value)
{
	struct store_key k = key_of(key);
	char buf[64];
	size_t len;

	assert_int_equal(store_txn_get(txn, &k, buf, sizeof(buf), &len), value ? 0 : -ENOENT);
	if (!value)
		return;
	assert_int_equal(len, strlen(value));
	assert_memory_equal(buf, value, len);
}

/* Collects "key=value " of each record. */
struct listing {
	char text[512];
	unsigned int count;
	unsigned int stop_after; /* 0: never */
};

static int list_one(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct listing *listing = ctx;
	size_t used = strlen(listing->text);

	snprintf(listing->text + used, sizeof(listing->text) - used, "%.*s=%.*s ", (int)key->len,
		 (const char *)key->bytes, (int)len, (const char *)value);
	listing->count++;
	return listing->count == listing->stop_after ? 77 : 0;
}

static void assert_scan(struct store *store, const char *prefix, const char *from, const char *want)
{
	struct store_key prefix_key = key_of(prefix);
	struct store_key from_key = key_of(from ? from : "");
	struct listing listing = {0};

	assert_int_equal(
		store_scan(store, &prefix_key, from ? &from_key : NULL, list_one, &listing), 0);
	assert_string_equal(listing.text, want);
}

static struct store *reopened(struct store *store)
{
	struct store *found;

	assert_int_equal(store_memory_cut_power(store, NULL, 0, &found), 0);
	return found;
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
	store_close(*state);
	return 0;
}

/* Warnings that a test provokes. */
static char logged[512];
static unsigned int logged_lines;

static void remember(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	logged_lines++;
	snprintf(logged, sizeof(logged), "%s", line);
}

static void watch_log(void)
{
	logged[0] = '\0';
	logged_lines = 0;
	log_set_sink(remember, NULL);
}

/* Records ----------------------------------------------------------------------------------------- */

static void commit_is_visible_at_once_and_sync_makes_it_durable(void **state)
{
	struct store *store = *state;
	struct store *found;

	put_one(store, "a", "one");
	assert_value(store, "a", "one");
	found = reopened(store);
	assert_value(found, "a", NULL);
	store_close(found);

	assert_int_equal(store_sync(store), 0);
	assert_value(store, "a", "one");
	found = reopened(store);
	assert_value(found, "a", "one");
	store_close(found);
}

static void transaction_sees_itself_and_nobody_else_does(void **state)
{
	struct store *store = *state;
	struct store_txn *txn;

	put_one(store, "a", "old");
	put_one(store, "b", "old");
	assert_int_equal(store_begin(store, &txn), 0);
	put(txn, "a", "new");
	put(txn, "a", "newer");
	drop(txn, "b");
	put(txn, "c", "new");
	assert_txn_value(txn, "a", "newer");
	assert_txn_value(txn, "b", NULL);
	assert_txn_value(txn, "c", "new");
	assert_value(store, "a", "old");
	assert_value(store, "b", "old");
	assert_value(store, "c", NULL);
	assert_int_equal(store_commit(&txn, false), 0);
	assert_value(store, "a", "newer");
	assert_value(store, "b", NULL);
	assert_value(store, "c", "new");
}

static void aborted_transaction_leaves_nothing(void **state)
{
	struct store *store = *state;
	struct store_txn *txn;

	put_one(store, "a", "old");
	assert_int_equal(store_begin(store, &txn), 0);
	put(txn, "a", "new");
	put(txn, "b", "new");
	store_abort(txn);
	assert_value(store, "a", "old");
	assert_value(store, "b", NULL);
	assert_int_equal(store_begin(store, &txn), 0);
	assert_txn_value(txn, "b", NULL);
	store_abort(txn);
}

static void deleted_record_stays_deleted_in_every_layer(void **state)
{
	struct store *store = *state;

	put_one(store, "a", "durable");
	assert_int_equal(store_sync(store), 0);
	put_one(store, "a", NULL);
	assert_value(store, "a", NULL);
	assert_scan(store, "", NULL, "");
	/* now it is the frozen layer that says so */
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -ENOSPC);
	assert_int_equal(store_sync(store), -ENOSPC);
	assert_value(store, "a", NULL);
	assert_scan(store, "", NULL, "");
	put_one(store, "a", "again");
	assert_value(store, "a", "again");
	assert_scan(store, "", NULL, "a=again ");
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, 0);
	assert_int_equal(store_sync(store), 0);
	assert_value(store, "a", "again");
	put_one(store, "a", NULL);
	assert_int_equal(store_sync(store), 0);
	assert_value(store, "a", NULL);
	assert_scan(store, "", NULL, "");
}

static void short_buffer_gives_erange(void **state)
{
	struct store *store = *state;
	struct store_key key = key_of("a");
	char buf[3];
	size_t len = 99;

	put_one(store, "a", "1234");
	assert_int_equal(store_get(store, &key, buf, 3, &len), -ERANGE);
	assert_int_equal(store_sync(store), 0);
	assert_int_equal(store_get(store, &key, buf, 3, &len), -ERANGE);
	assert_int_equal(len, 99);
	put_one(store, "a", "");
	assert_int_equal(store_get(store, &key, NULL, 0, &len), 0);
	assert_int_equal(len, 0);
}

static void largest_record_goes_through(void **state)
{
	struct store *store = *state;
	struct store_key key = {.len = STORE_KEY_MAX};
	CLEANUP(freep) char *value = malloc(STORE_VALUE_MAX + 1);
	struct store_txn *txn;
	size_t len;

	assert_non_null(value);
	memset(key.bytes, 'k', sizeof(key.bytes));
	memset(value, 'v', STORE_VALUE_MAX + 1);
	assert_int_equal(store_begin(store, &txn), 0);
	assert_int_equal(store_put(txn, &key, value, STORE_VALUE_MAX + 1), -E2BIG);
	assert_int_equal(store_put(txn, &key, value, STORE_VALUE_MAX), 0);
	key.len++;
	assert_int_equal(store_put(txn, &key, value, 1), -E2BIG);
	assert_int_equal(store_commit(&txn, false), 0);
	key.len--;
	for (int i = 0; i < 2; i++) {
		memset(value, 0, STORE_VALUE_MAX);
		assert_int_equal(store_get(store, &key, value, STORE_VALUE_MAX, &len), 0);
		assert_int_equal(len, STORE_VALUE_MAX);
		assert_int_equal(value[STORE_VALUE_MAX - 1], 'v');
		assert_int_equal(store_sync(store), 0);
	}
}

static void damaged_record_is_found_and_named_once(void **state)
{
	struct store *store = *state;
	struct store_key key = {.len = 9, .bytes = {0, 0, 0, 0, 0, 0, 0x12, 0x34, 'A'}};
	struct store_key all = {0};
	struct store_txn *txn;
	struct listing listing = {0};
	char buf[16];
	size_t len;

	assert_int_equal(store_begin(store, &txn), 0);
	assert_int_equal(store_put(txn, &key, "value", 5), 0);
	assert_int_equal(store_commit(&txn, false), 0);
	assert_int_equal(store_sync(store), 0);
	watch_log();
	for (size_t bit = 0; bit < 8 * 9; bit++) {
		assert_int_equal(store_memory_flip(store, &key, bit), 0);
		assert_int_equal(store_get(store, &key, buf, sizeof(buf), &len), -EBADMSG);
		assert_int_equal(store_scan(store, &all, NULL, list_one, &listing), -EBADMSG);
		assert_int_equal(store_memory_flip(store, &key, bit), 0);
	}
	assert_int_equal(logged_lines, 1);
	assert_non_null(strstr(logged, "'A'"));
	assert_non_null(strstr(logged, "1234"));
	assert_int_equal(store_get(store, &key, buf, sizeof(buf), &len), 0);
	log_set_sink(NULL, NULL);
}

/* Scans ------------------------------------------------------------------------------------------- */

static void scan_merges_the_layers(void **state)
{
	struct store *store = *state;

	put_one(store, "d1", "durable");
	put_one(store, "d2", "durable");
	put_one(store, "d5", "durable");
	put_one(store, "e1", "other");
	assert_int_equal(store_sync(store), 0);
	put_one(store, "d0", "frozen");
	put_one(store, "d2", "frozen");
	put_one(store, "d3", "frozen");
	put_one(store, "d4", "frozen");
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, -ENOSPC);
	assert_int_equal(store_sync(store), -ENOSPC);
	put_one(store, "d3", "active");
	put_one(store, "d4", NULL);
	put_one(store, "d6", "active");
	put_one(store, "c", "other");
	assert_scan(store, "d", NULL,
		    "d0=frozen d1=durable d2=frozen d3=active d5=durable d6=active ");
	assert_scan(store, "d", "d3", "d3=active d5=durable d6=active ");
	assert_scan(store, "d", "d31", "d5=durable d6=active ");
	assert_scan(store, "d", "a",
		    "d0=frozen d1=durable d2=frozen d3=active d5=durable d6=active ");
	assert_scan(store, "d", "e", "");
	assert_scan(store, "f", NULL, "");
	assert_scan(store, "d6", NULL, "d6=active ");
	store_memory_fail(store, STORE_MEMORY_APPLY, 0, 0);
	assert_int_equal(store_sync(store), 0);
	assert_scan(store, "d", NULL,
		    "d0=frozen d1=durable d2=frozen d3=active d5=durable d6=active ");
}

static void scan_stops_when_it_is_told(void **state)
{
	struct store *store = *state;
	struct store_key prefix = key_of("");
	struct listing listing = {.stop_after = 2};

	put_one(store, "a", "1");
	put_one(store, "b", "2");
	put_one(store, "c", "3");
	assert_int_equal(store_scan(store, &prefix, NULL, list_one, &listing), 77);
	assert_string_equal(listing.text, "a=1 b=2 ");
}

/* Expects the even numbers in order, and takes records away and adds some behind as it goes. */
struct walker {
	struct store *store;
	unsigned int next;
	unsigned int added;
};

static int walk_and_change(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct walker *walker = ctx;
	struct store_key want = key_number("n", walker->next);
	struct store_txn *txn;

	(void)value;
	(void)len;
	if (key->bytes[0] == 'n' && key->bytes[key->len - 1] == 'x') {
		walker->added++;
		return 0;
	}
	assert_int_equal(store_key_compare(key, &want), 0);
	walker->next += 2;
	assert_int_equal(store_begin(walker->store, &txn), 0);
	assert_int_equal(store_delete(txn, key), 0);
	want.bytes[want.len++] = 'x';
	assert_int_equal(store_put(txn, &want, "", 0), 0);
	assert_int_equal(store_commit(&txn, false), 0);
	if (walker->next % 1000 == 0)
		assert_int_equal(store_sync(walker->store), 0);
	return 0;
}

static void scan_stays_right_while_it_changes_what_it_reads(void **state)
{
	struct walker walker = {.store = *state};
	struct store_key prefix = key_of("n");
	struct listing listing = {0};
	struct store_txn *txn;

	assert_int_equal(store_begin(walker.store, &txn), 0);
	for (unsigned int i = 0; i < 10000; i += 2) {
		struct store_key key = key_number("n", i);

		assert_int_equal(store_put(txn, &key, "v", 1), 0);
	}
	assert_int_equal(store_commit(&txn, false), 0);
	assert_int_equal(store_scan(walker.store, &prefix, NULL, walk_and_change, &walker), 0);
	assert_int_equal(walker.next, 10000);
	assert_int_equal(store_scan(walker.store, &prefix, NULL, list_one, &listing), 0);
	assert_int_equal(listing.count, 5000);
}

static void scan_passes_many_deleted_records(void **state)
{
	struct store *store = *state;
	struct store_txn *txn;

	for (int round = 0; round < 2; round++) {
		assert_int_equal(store_begin(store, &txn), 0);
		for (unsigned int i = 0; i < 10000; i++) {
			struct store_key key = key_number("n", i);

			if (round == 0)
				assert_int_equal(store_put(txn, &key, "v", 1), 0);
			else if (i != 7777)
				assert_int_equal(store_delete(txn, &key), 0);
		}
		assert_int_equal(store_commit(&txn, false), 0);
		if (round == 0)
			assert_int_equal(store_sync(store), 0);
	}
	assert_scan(store, "n", NULL, "n007777=v ");
	assert_int_equal(store_sync(store), 0);
	assert_scan(store, "n", NULL, "n007777=v ");
}

static int count_and_check(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	unsigned int *count = ctx;

	assert_int_equal(key->len, STORE_KEY_MAX);
	assert_int_equal(len, 30000);
	assert_int_equal(*(const uint8_t *)value, (uint8_t)*count);
	(*count)++;
	return 0;
}

static void scan_goes_on_behind_the_longest_keys(void **state)
{
	static uint8_t value[30000];
	struct store *store = *state;
	struct store_key key = {.len = STORE_KEY_MAX};
	struct store_key prefix = {.len = 1, .bytes = {0xff}};
	unsigned int count = 0;
	struct store_txn *txn;

	memset(key.bytes, 0xff, sizeof(key.bytes));
	assert_int_equal(store_begin(store, &txn), 0);
	for (unsigned int i = 0; i < 256; i++) {
		key.bytes[STORE_KEY_MAX - 1] = (uint8_t)i;
		value[0] = (uint8_t)i;
		assert_int_equal(store_put(txn, &key, value, sizeof(value)), 0);
	}
	assert_int_equal(store_commit(&txn, false), 0);
	assert_int_equal(store_scan(store, &prefix, NULL, count_and_check, &count), 0);
	assert_int_equal(count, 256);
	assert_int_equal(store_sync(store), 0);
	count = 0;
	assert_int_equal(store_scan(store, &prefix, NULL, count_and_check, &count), 0);
	assert_int_equal(count, 256);
}

/* Data -------------------------------------------------------------------------------------------- */

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

static void free_blocks(struct store *store, uint64_t first, uint64_t count)
{
	struct store_txn *txn;

	assert_int_equal(store_begin(store, &txn), 0);
	assert_int_equal(store_free_blocks(txn, first, count), 0);
	put(txn, "freed", "");
	assert_int_equal(store_commit(&txn, true), 0);
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
	assert_int_equal(logged_lines, 5);
	log_set_sink(NULL, NULL);
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
	assert_int_equal(logged_lines, 2);
	log_set_sink(NULL, NULL);
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

	put_one(store, "a", "1");
	assert_int_equal(store_data_write(store, "x", 1, (first + 10) * STORE_BLOCK), 0);
	assert_int_equal(store_data_write(store, "y", 1, (first + 20) * STORE_BLOCK), 0);
	assert_int_equal(store_sync(store), 0);
	found = reopened(store);
	assert_int_equal(store_blocks_mark(found, first + 10, 2), 0);
	assert_int_equal(store_blocks_mark(found, first + 30, 1), 0);
	watch_log();
	assert_int_equal(store_blocks_mark(found, first + 11, 2), -EUCLEAN);
	assert_int_equal(store_blocks_mark(found, STORE_BLOCKS_END - 1, 1), -EUCLEAN);
	assert_int_equal(store_blocks_mark(found, UINT64_MAX, 2), -EUCLEAN);
	assert_int_equal(logged_lines, 3);
	log_set_sink(NULL, NULL);
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
	uint64_t first = take_blocks(store, 4);

	(void)first;
	/* the data were never synced: none of them is there */
	found = reopened(store);
	watch_log();
	assert_int_equal(store_blocks_mark(found, 0, 1), -EUCLEAN);
	assert_non_null(strstr(logged, "beyond the end"));
	log_set_sink(NULL, NULL);
	store_close(found);
}

static void blocks_that_were_taken_and_not_written_survive(void **state)
{
	struct store *store = *state;
	struct store *found;
	uint64_t first = take_blocks(store, 4);

	put_one(store, "a", "refers to them");
	assert_int_equal(store_sync(store), 0);
	found = reopened(store);
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

	put_one(store, "a", "1");
	assert_int_equal(store_data_write(store, "x", 1, first * STORE_BLOCK), 0);
	assert_int_equal(store_sync(store), 0);
	assert_int_equal(store_memory_cut_power(store, &options, 0, &found), 0);
	assert_true(store_is_read_only(found));
	assert_int_equal(store_blocks_mark(found, first, 1), 0);
	assert_int_equal(store_blocks_ready(found), 0);
	assert_value(found, "a", "1");
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

	assert_value(store, "a", NULL);
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_MARK_IN_USE), 0);
	put_one(store, "a", "1");
	put_one(store, "a", "2");
	assert_int_equal(store_memory_calls(store, STORE_MEMORY_MARK_IN_USE), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commit_is_visible_at_once_and_sync_makes_it_durable),
		TEST(transaction_sees_itself_and_nobody_else_does),
		TEST(aborted_transaction_leaves_nothing),
		TEST(deleted_record_stays_deleted_in_every_layer),
		TEST(short_buffer_gives_erange),
		TEST(largest_record_goes_through),
		TEST(damaged_record_is_found_and_named_once),
		TEST(scan_merges_the_layers),
		TEST(scan_stops_when_it_is_told),
		TEST(scan_stays_right_while_it_changes_what_it_reads),
		TEST(scan_passes_many_deleted_records),
		TEST(scan_goes_on_behind_the_longest_keys),
		TEST(data_are_read_as_they_were_written),
		TEST(data_outside_of_taken_blocks_are_refused),
		TEST(freed_block_is_free_when_that_is_durable),
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
