/* SPDX-License-Identifier: MIT */
/* What a store promises for records: transactions and scans, with one thread. */
#include "support/store_fixture.h"

#include "base/wait.h"
#include "store/store_layer.h"
#include "store/store_ops.h"

static struct store_key key_of(const char *text)
{
	struct store_key key = {.len = strlen(text)};

	memcpy(key.bytes, text, key.len);
	return key;
}

static void put_text(struct store_txn *txn, const char *key, const char *value)
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
		put_text(txn, key, value);
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

/* Records ----------------------------------------------------------------------------------------- */

static void commit_is_visible_at_once_and_sync_makes_it_durable(void **state)
{
	struct store *store = *state;
	struct store *found;

	put_one(store, "a", "one");
	assert_value(store, "a", "one");
	found = survivor(store);
	assert_value(found, "a", NULL);
	store_close(found);

	assert_int_equal(store_sync(store), 0);
	assert_value(store, "a", "one");
	found = survivor(store);
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
	put_text(txn, "a", "new");
	put_text(txn, "a", "newer");
	drop(txn, "b");
	put_text(txn, "c", "new");
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
	put_text(txn, "a", "new");
	put_text(txn, "b", "new");
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
	assert_int_equal(watched()->lines, 1);
	assert_non_null(strstr(watched()->last, "'A'"));
	assert_non_null(strstr(watched()->last, "1234"));
	assert_int_equal(store_get(store, &key, buf, sizeof(buf), &len), 0);
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

static int count_records(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	(void)key;
	(void)value;
	(void)len;
	++*(unsigned int *)ctx;
	return 0;
}

static void who_may_not_wait_is_told_to_come_again(void **state)
{
	struct store *store = *state;
	struct store_key key = key_number("n", 1);
	const struct store_key prefix = {.len = 0};
	unsigned int value = 0;
	unsigned int count = 0;
	size_t len;

	put(store, 1, 10);
	wait_forbid();
	assert_has(store, 1, 10);
	assert_int_equal(store_scan(store, &prefix, NULL, count_records, &count), 0);
	assert_int_equal(count, 1);
	pthread_rwlock_wrlock(&store->layers);
	assert_int_equal(store_get(store, &key, &value, sizeof(value), &len), -EAGAIN);
	assert_int_equal(store_scan(store, &prefix, NULL, count_records, &count), -EAGAIN);
	pthread_rwlock_unlock(&store->layers);
	assert_has(store, 1, 10);
	wait_allow();
	assert_int_equal(value, 0);
	assert_int_equal(count, 1);
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
		TEST(who_may_not_wait_is_told_to_come_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
