/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of a volume: inodes by number, names by directory, also those that are missing, and
 * where files lie.
 */
#include "support/unit.h"

#include <stdio.h>
#include <string.h>

#include "ext4/ext4_fs.h"

static void inodes_are_found_by_their_number(void **state)
{
	struct ext4_inode inode = {.number = 12, .size = 77}, out;
	struct ext4_cache *cache;

	(void)state;
	assert_int_equal(ext4_cache_create(&cache), 0);
	assert_false(ext4_cache_inode(cache, 12, &out));
	assert_false(ext4_cache_inode(cache, 0x10000c, &out));
	ext4_cache_put_inode(cache, &inode);
	assert_true(ext4_cache_inode(cache, 12, &out));
	assert_int_equal(out.size, 77);
	/* it shares its place with others, but not its number */
	inode.number = 12 + (1u << 20);
	assert_false(ext4_cache_inode(cache, inode.number, &out));
	ext4_cache_put_inode(cache, &inode);
	assert_true(ext4_cache_inode(cache, inode.number, &out));
	assert_false(ext4_cache_inode(cache, 12, &out));
	ext4_cache_destroy(cache);
}

static void names_are_found_by_directory_and_bytes(void **state)
{
	struct ext4_cache *cache;
	uint32_t inode = 1;

	(void)state;
	assert_int_equal(ext4_cache_create(&cache), 0);
	assert_false(ext4_cache_name(cache, 2, "etc", 3, &inode));
	ext4_cache_put_name(cache, 2, "etc", 3, 12);
	ext4_cache_put_name(cache, 2, "gone", 4, 0);
	assert_true(ext4_cache_name(cache, 2, "etc", 3, &inode));
	assert_int_equal(inode, 12);
	assert_true(ext4_cache_name(cache, 2, "gone", 4, &inode));
	assert_int_equal(inode, 0);
	assert_false(ext4_cache_name(cache, 3, "etc", 3, &inode));
	assert_false(ext4_cache_name(cache, 2, "et", 2, &inode));
	assert_false(ext4_cache_name(cache, 2, "etC", 3, &inode));
	ext4_cache_destroy(cache);
}

static void long_names_are_looked_for_each_time(void **state)
{
	struct ext4_cache *cache;
	char name[255];
	uint32_t inode;

	(void)state;
	memset(name, 'n', sizeof(name));
	assert_int_equal(ext4_cache_create(&cache), 0);
	ext4_cache_put_name(cache, 2, name, sizeof(name), 12);
	assert_false(ext4_cache_name(cache, 2, name, sizeof(name), &inode));
	ext4_cache_put_name(cache, 2, name, 54, 13);
	assert_true(ext4_cache_name(cache, 2, name, 54, &inode));
	assert_int_equal(inode, 13);
	ext4_cache_destroy(cache);
}

/* However many push each other out, none is taken for another. */
static void what_is_found_is_right(void **state)
{
	struct ext4_cache *cache;
	unsigned int found = 0;

	(void)state;
	assert_int_equal(ext4_cache_create(&cache), 0);
	for (uint32_t i = 1; i <= 60000; i++) {
		char name[16];

		ext4_cache_put_name(cache, i % 7, name,
				    (size_t)snprintf(name, sizeof(name), "name %u", i), i);
	}
	for (uint32_t i = 1; i <= 60000; i++) {
		char name[16];
		uint32_t inode;

		if (!ext4_cache_name(cache, i % 7, name,
				     (size_t)snprintf(name, sizeof(name), "name %u", i), &inode))
			continue;
		assert_int_equal(inode, i);
		found++;
	}
	assert_true(found > 10000);
	ext4_cache_destroy(cache);
}

static void runs_are_found_by_file_and_block(void **state)
{
	const struct ext4_run run = {.kind = EXT4_RUN_MAPPED, .physical = 5000, .count = 100};
	struct ext4_cache *cache;
	struct ext4_run out;

	(void)state;
	assert_int_equal(ext4_cache_create(&cache), 0);
	assert_false(ext4_cache_run(cache, 12, 250, &out));
	ext4_cache_put_run(cache, 12, 250, 200, &run);
	assert_true(ext4_cache_run(cache, 12, 200, &out));
	assert_int_equal(out.physical, 5000);
	assert_int_equal(out.count, 100);
	assert_true(ext4_cache_run(cache, 12, 299, &out));
	assert_int_equal(out.kind, EXT4_RUN_MAPPED);
	assert_int_equal(out.physical, 5099);
	assert_int_equal(out.count, 1);
	assert_false(ext4_cache_run(cache, 12, 199, &out));
	assert_false(ext4_cache_run(cache, 12, 300, &out));
	assert_false(ext4_cache_run(cache, 13, 250, &out));
	ext4_cache_destroy(cache);
}

static void what_is_left_of_a_hole_is_a_hole(void **state)
{
	const struct ext4_run run = {.kind = EXT4_RUN_HOLE, .count = 100};
	struct ext4_cache *cache;
	struct ext4_run out;

	(void)state;
	assert_int_equal(ext4_cache_create(&cache), 0);
	ext4_cache_put_run(cache, 12, 0, 0, &run);
	assert_true(ext4_cache_run(cache, 12, 60, &out));
	assert_int_equal(out.kind, EXT4_RUN_HOLE);
	assert_int_equal(out.physical, 0);
	assert_int_equal(out.count, 40);
	ext4_cache_destroy(cache);
}

static void no_cache_knows_nothing(void **state)
{
	const struct ext4_inode inode = {.number = 12};
	const struct ext4_run run = {.kind = EXT4_RUN_MAPPED, .physical = 5000, .count = 100};
	struct ext4_inode out;
	struct ext4_run found;
	uint32_t number;

	(void)state;
	ext4_cache_put_inode(NULL, &inode);
	assert_false(ext4_cache_inode(NULL, 12, &out));
	ext4_cache_put_name(NULL, 2, "etc", 3, 12);
	assert_false(ext4_cache_name(NULL, 2, "etc", 3, &number));
	ext4_cache_put_run(NULL, 12, 0, 0, &run);
	assert_false(ext4_cache_run(NULL, 12, 0, &found));
	ext4_cache_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inodes_are_found_by_their_number),
		cmocka_unit_test(names_are_found_by_directory_and_bytes),
		cmocka_unit_test(long_names_are_looked_for_each_time),
		cmocka_unit_test(what_is_found_is_right),
		cmocka_unit_test(runs_are_found_by_file_and_block),
		cmocka_unit_test(what_is_left_of_a_hole_is_a_hole),
		cmocka_unit_test(no_cache_knows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
