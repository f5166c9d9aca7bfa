/* SPDX-License-Identifier: MIT */
/* Names of encrypted directories without the key. Expected values: base64 and hashlib of Python. */
#include "support/unit.h"

#include <errno.h>

#include "base/log.h"
#include "ext4/ext4_nokey.h"

static void assert_name(const void *name, size_t len, uint32_t hash, uint32_t minor,
			const char *want)
{
	char out[EXT4_NOKEY_NAME_MAX];

	assert_int_equal(ext4_nokey_name(name, len, hash, minor, out), strlen(want));
	assert_memory_equal(out, want, strlen(want));
}

static void hashes_come_before_the_name(void **state)
{
	static const uint8_t name[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

	(void)state;
	assert_name(name, sizeof(name), 0x12345678, 0x9abcdef0, "eFY0EvDevJoAAQIDBAUGBwgJCgsMDQ4P");
}

static void digits_are_those_for_file_names_and_without_padding(void **state)
{
	uint8_t name[18];

	(void)state;
	memset(name, 0xff, sizeof(name));
	assert_name(name, 17, 0, 0, "AAAAAAAAAAD______________________w");
	memset(name, 0xfb, sizeof(name));
	assert_name(name, 18, 0, 0, "AAAAAAAAAAD7-_v7-_v7-_v7-_v7-_v7-_s");
}

/* "AQAAAAIAAABu", then the other 148 letters n, three to four digits */
static size_t start_of_letters(char *out)
{
	size_t used = strlen(strcpy(out, "AQAAAAIAAABu"));

	for (int i = 0; i < 49; i++)
		used += strlen(strcpy(out + used, "bm5u"));
	return used;
}

static void name_of_149_bytes_is_kept_whole(void **state)
{
	char name[149], want[300];

	(void)state;
	memset(name, 'n', sizeof(name));
	strcpy(want + start_of_letters(want), "bg");
	assert_name(name, sizeof(name), 1, 2, want);
}

static void rest_of_a_longer_name_becomes_its_sha256(void **state)
{
	char name[255], want[300];
	size_t start = start_of_letters(want);

	(void)state;
	memset(name, 'n', sizeof(name));
	strcpy(want + start, "bhsWsd9Ti6Etw_l-27hcqnBQ1GwUgTQpD-uoD4I2yD25");
	assert_name(name, 150, 1, 2, want);
	strcpy(want + start, "bjT0mupp5msDkvWdqgOxuDdehCohuW0nclcAIKkt5usA");
	assert_int_equal(strlen(want), EXT4_NOKEY_NAME_MAX);
	assert_name(name, 255, 1, 2, want);
}

static void link_target_has_its_length_first_and_no_hashes(void **state)
{
	static const char disk[] = {16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	static const char want[] = "AAAAAAAAAAAAAQIDBAUGBwgJCgsMDQ4P";
	char buf[100];

	(void)state;
	assert_int_equal(ext4_nokey_link(disk, sizeof(disk), buf, sizeof(buf)), strlen(want));
	assert_memory_equal(buf, want, strlen(want));
	memset(buf, '?', sizeof(buf));
	assert_int_equal(ext4_nokey_link(disk, sizeof(disk), buf, 5), 5);
	assert_memory_equal(buf, "AAAAA?", 6);
}

static void link_target_longer_than_it_is_is_damage(void **state)
{
	static const char empty[] = {0, 0, 1, 2};
	static const char beyond[] = {3, 0, 1, 2};
	char buf[100];

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(ext4_nokey_link(empty, sizeof(empty), buf, sizeof(buf)), -EUCLEAN);
	assert_int_equal(ext4_nokey_link(beyond, sizeof(beyond), buf, sizeof(buf)), -EUCLEAN);
	assert_int_equal(ext4_nokey_link(beyond, 1, buf, sizeof(buf)), -EUCLEAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_come_before_the_name),
		cmocka_unit_test(digits_are_those_for_file_names_and_without_padding),
		cmocka_unit_test(name_of_149_bytes_is_kept_whole),
		cmocka_unit_test(rest_of_a_longer_name_becomes_its_sha256),
		cmocka_unit_test(link_target_has_its_length_first_and_no_hashes),
		cmocka_unit_test(link_target_longer_than_it_is_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
