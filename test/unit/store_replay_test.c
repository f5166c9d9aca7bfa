/* SPDX-License-Identifier: MIT */
/* What of a log counts: whole entries, in order, up to the one that was torn. */
#include "support/store_fixture.h"

#include "base/checked.h"
#include "store/store_log_disk.h"
#include "store/store_ops.h"
#include "store/store_replay.h"

#define SIZE (LOG_HALVES * LOG_HALF)

static const uint8_t id[STORE_LOG_ID_BYTES] = "one log";
static const uint8_t other_id[STORE_LOG_ID_BYTES] = "another log";

struct fixture {
	uint8_t *bytes; /* of the file */
	uint64_t ends[LOG_HALVES]; /* of what was written to each half */
	uint64_t taken[32]; /* numbers */
	bool data[32];
	unsigned int count;
};

static int read_at(void *ctx, void *buf, size_t len, uint64_t offset)
{
	struct fixture *f = ctx;

	assert_true(range_fits(offset, len, SIZE));
	memcpy(buf, f->bytes + offset, len);
	return 0;
}

static int take(void *ctx, const struct store_entry_parts *parts, bool data)
{
	struct fixture *f = ctx;

	assert_true(f->count < ARRAY_SIZE(f->taken));
	f->taken[f->count] = parts->entry.number;
	f->data[f->count++] = data;
	return 0;
}

static int replay(struct fixture *f, uint64_t applied)
{
	const struct store_verify_source source = {
		.name = "log", .size = SIZE, .read_at = read_at, .ctx = f};
	uint64_t last = 0;
	int err;

	watch_log();
	f->count = 0;
	err = store_replay(&source, id, applied, take, f, &last);
	assert_int_equal(watched()->lines, err ? 1 : 0);
	if (err == 0)
		assert_int_equal(last, applied + f->count);
	return err;
}

/* Entry @number of @log with one record and a byte of data, at the end of @half; where it lies. */
static uint64_t write_entry(struct fixture *f, unsigned int half, const uint8_t *log,
			    uint64_t number, bool synced)
{
	const struct store_range range = {.offset = 3 * STORE_BLOCK, .len = 1};
	struct store_key key = key_number("n", (unsigned int)number);
	struct store_layer *layer;
	struct store_entry entry = {.number = number,
				    .data_synced = synced,
				    .data_blocks = 4,
				    .ranges = &range,
				    .ranges_count = 1};
	uint64_t at = half * LOG_HALF + f->ends[half];
	uint8_t records[256], value[8 + STORE_CHECKSUM_BYTES] = "a value";

	store_value_seal(&key, value, 8);
	assert_int_equal(store_layer_create(&layer), 0);
	assert_int_equal(store_layer_put(layer, &key, value, sizeof(value)), 0);
	entry.records_len = store_entry_records(layer);
	assert_true(entry.records_len <= sizeof(records));
	store_entry_add(layer, records);
	store_layer_destroy(layer);
	entry.records = records;
	store_entry_write(&entry, log, f->bytes + at);
	f->bytes[at + store_entry_data_at(&entry)] = 'd';
	store_entry_seal(f->bytes + at, store_entry_size(&entry));
	f->ends[half] += store_entry_size(&entry);
	return at;
}

static void write_entries(struct fixture *f, unsigned int half, uint64_t first, uint64_t last)
{
	for (uint64_t number = first; number <= last; number++)
		write_entry(f, half, id, number, false);
}

static void assert_taken(const struct fixture *f, uint64_t first, uint64_t last)
{
	assert_int_equal(f->count, last + 1 - first);
	for (unsigned int i = 0; i < f->count; i++)
		assert_int_equal(f->taken[i], first + i);
}

static int open_log(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->bytes = calloc(1, SIZE);
	*state = f;
	return f->bytes ? 0 : -1;
}

static int close_log(void **state)
{
	struct fixture *f = *state;

	log_set_sink(NULL, NULL);
	free(f->bytes);
	free(f);
	return 0;
}

static void entries_are_taken_from_one_half_to_the_other(void **state)
{
	struct fixture *f = *state;

	write_entries(f, 1, 5, 9);
	write_entries(f, 0, 10, 12);
	assert_int_equal(replay(f, 4), 0);
	assert_taken(f, 5, 12);
	assert_int_equal(replay(f, 9), 0);
	assert_taken(f, 10, 12);
	assert_int_equal(replay(f, 7), 0);
	assert_taken(f, 8, 12);
	assert_int_equal(replay(f, 12), 0);
	assert_int_equal(f->count, 0);
}

static void empty_log_has_nothing(void **state)
{
	assert_int_equal(replay(*state, 0), 0);
}

static void what_was_applied_does_not_count(void **state)
{
	struct fixture *f = *state;

	write_entries(f, 0, 1, 3);
	write_entries(f, 1, 4, 6);
	f->ends[0] = 0;
	write_entries(f, 0, 7, 7); /* entries 2 and 3 still lie behind it */
	assert_int_equal(replay(f, 6), 0);
	assert_taken(f, 7, 7);
}

static void torn_entry_is_the_end(void **state)
{
	struct fixture *f = *state;
	uint64_t at;

	write_entries(f, 0, 1, 3);
	at = write_entry(f, 0, id, 4, false);
	memset(f->bytes + at, 0, 8);
	assert_int_equal(replay(f, 0), 0);
	assert_taken(f, 1, 3);
	f->ends[0] = at;
	at = write_entry(f, 0, id, 4, false);
	f->bytes[at + STORE_ENTRY_ALIGN - 1] ^= 1;
	assert_int_equal(replay(f, 0), 0);
	assert_taken(f, 1, 3);
}

static void entry_behind_a_missing_one_is_damage(void **state)
{
	struct fixture *f = *state;
	uint64_t at;

	write_entries(f, 0, 1, 2);
	at = write_entry(f, 0, id, 3, false);
	write_entries(f, 0, 4, 4);
	assert_int_equal(replay(f, 0), 0);
	f->bytes[at + 100] ^= 1;
	assert_int_equal(replay(f, 0), -EUCLEAN);
	/* also when it lies in the other half */
	f->bytes[at + STORE_ENTRY_ALIGN + 100] ^= 1;
	write_entries(f, 1, 5, 5);
	assert_int_equal(replay(f, 0), -EUCLEAN);
	assert_int_equal(replay(f, 4), 0);
	assert_taken(f, 5, 5);
}

static void entries_of_another_log_do_not_count(void **state)
{
	struct fixture *f = *state;

	write_entries(f, 0, 1, 2);
	write_entry(f, 0, other_id, 3, false);
	write_entry(f, 0, other_id, 4, false);
	assert_int_equal(replay(f, 0), 0);
	assert_taken(f, 1, 2);
}

static void data_before_the_last_sync_of_data_are_void(void **state)
{
	struct fixture *f = *state;

	write_entries(f, 0, 1, 2);
	write_entry(f, 0, id, 3, true);
	write_entries(f, 0, 4, 4);
	write_entry(f, 1, id, 5, true);
	write_entries(f, 1, 6, 7);
	assert_int_equal(replay(f, 0), 0);
	assert_taken(f, 1, 7);
	for (unsigned int i = 0; i < f->count; i++)
		assert_int_equal(f->data[i], f->taken[i] >= 5);
}

static void nonsense_with_a_right_checksum_is_damage(void **state)
{
	const struct store_range beyond = {.offset = 4 * STORE_BLOCK, .len = 1};
	const struct store_entry entries[] = {
		{.number = 1, .data_blocks = 4, .ranges = &beyond, .ranges_count = 1},
		{.number = 1, .data_blocks = STORE_BLOCKS_END + 1},
		{.number = 1, .records = (const uint8_t *)"12345678", .records_len = 8},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		store_entry_write(&entries[i], id, f->bytes);
		store_entry_seal(f->bytes, store_entry_size(&entries[i]));
		assert_int_equal(replay(f, 0), -EUCLEAN);
		assert_non_null(strstr(watched()->last, "wrong"));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_log, close_log)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entries_are_taken_from_one_half_to_the_other),
		TEST(empty_log_has_nothing),
		TEST(what_was_applied_does_not_count),
		TEST(torn_entry_is_the_end),
		TEST(entry_behind_a_missing_one_is_damage),
		TEST(entries_of_another_log_do_not_count),
		TEST(data_before_the_last_sync_of_data_are_void),
		TEST(nonsense_with_a_right_checksum_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
