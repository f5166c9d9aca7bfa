/* SPDX-License-Identifier: MIT */
/* The checksum at the end of each value: what kinds of damage it sees. */
#include <errno.h>
#include <string.h>

#include "store/store_ops.h"
#include "support/unit.h"

#define VALUE "some attributes"
#define SPARE 64u

struct record {
	struct store_key key;
	uint8_t value[sizeof(VALUE) + STORE_CHECKSUM_BYTES + SPARE]; /* zeros behind it */
	size_t len;
};

static void seal(struct record *record)
{
	memset(record, 0, sizeof(*record));
	record->key.len = 9;
	record->key.bytes[7] = 5;
	record->key.bytes[8] = 'A';
	memcpy(record->value, VALUE, sizeof(VALUE));
	store_value_seal(&record->key, record->value, sizeof(VALUE));
	record->len = sizeof(VALUE) + STORE_CHECKSUM_BYTES;
}

static void what_was_sealed_is_right(void **state)
{
	struct record record;

	(void)state;
	seal(&record);
	assert_int_equal(store_value_check(&record.key, record.value, &record.len), 0);
	assert_int_equal(record.len, sizeof(VALUE));
}

static void each_flipped_bit_is_seen(void **state)
{
	struct record record;

	(void)state;
	for (size_t bit = 0; bit < 8 * (sizeof(VALUE) + STORE_CHECKSUM_BYTES); bit++) {
		seal(&record);
		record.value[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(store_value_check(&record.key, record.value, &record.len),
				 -EBADMSG);
	}
	for (size_t bit = 0; bit < 8 * record.key.len; bit++) {
		seal(&record);
		record.key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(store_value_check(&record.key, record.value, &record.len),
				 -EBADMSG);
	}
}

static void a_value_that_zeros_were_added_to_is_seen(void **state)
{
	struct record record;

	(void)state;
	for (size_t more = 1; more <= SPARE; more++) {
		seal(&record);
		record.len += more;
		assert_int_equal(store_value_check(&record.key, record.value, &record.len),
				 -EBADMSG);
	}
}

static void a_value_that_was_cut_off_is_seen(void **state)
{
	struct record record;

	(void)state;
	for (size_t less = 1; less <= sizeof(VALUE) + STORE_CHECKSUM_BYTES; less++) {
		seal(&record);
		record.len -= less;
		assert_int_equal(store_value_check(&record.key, record.value, &record.len),
				 -EBADMSG);
	}
}

static void bytes_that_moved_from_the_key_to_the_value_are_seen(void **state)
{
	struct record record, moved;
	size_t len;

	(void)state;
	seal(&record);
	moved = record;
	moved.key.len--;
	moved.value[0] = record.key.bytes[record.key.len - 1];
	memcpy(moved.value + 1, record.value, record.len);
	len = record.len + 1;
	assert_int_equal(store_value_check(&moved.key, moved.value, &len), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_is_right),
		cmocka_unit_test(each_flipped_bit_is_seen),
		cmocka_unit_test(a_value_that_zeros_were_added_to_is_seen),
		cmocka_unit_test(a_value_that_was_cut_off_is_seen),
		cmocka_unit_test(bytes_that_moved_from_the_key_to_the_value_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
