/* SPDX-License-Identifier: MIT */
/* Directories: listing, finding, "..", and what damage does to each. */
#include "support/unit.h"

#include <errno.h>

#include "base/log.h"
#include "support/ext4_maker.h"

#define BLOCKS 100u
#define DIR_NUMBER 12u /* the directory /dir; entries are for the inodes behind it */
#define DIR_BLOCK 20u

static struct maker m;

struct listed {
	char names[400]; /* each with a space behind it */
	uint64_t cookies[50];
	size_t count;
	size_t stop_after;
};

static int set_up(void **state)
{
	size_t at;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	maker_start(&m, BLOCKS, EXT4_INCOMPAT_FILETYPE);
	at = maker_dots(&m, MAKER_ROOT_BLOCK, EXT4_ROOT_INODE, EXT4_ROOT_INODE);
	maker_entry(&m, at, DIR_NUMBER, MAKER_BLOCK - 24, "dir");
	maker_node(&m, DIR_NUMBER, S_IFDIR | 0755, MAKER_BLOCK, 0);
	maker_put32(&m, maker_map(DIR_NUMBER), DIR_BLOCK);
	for (uint32_t number = DIR_NUMBER + 1; number <= MAKER_INODES; number++)
		maker_node(&m, number, S_IFREG | 0644, 0, 0);
	at = maker_dots(&m, DIR_BLOCK, DIR_NUMBER, EXT4_ROOT_INODE);
	at = maker_entry(&m, at, 13, 12, "one");
	at = maker_entry(&m, at, 14, 12, "two");
	at = maker_entry(&m, at, 0, 16, "deleted");
	at = maker_entry(&m, at, 15, 16, "three");
	maker_entry(&m, at, 16, MAKER_BLOCK - 80, "last");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	maker_finish(&m);
	return 0;
}

static int take(void *ctx, const struct tree_entry *entry)
{
	struct listed *listed = ctx;

	if (listed->count == listed->stop_after)
		return 1;
	assert_true(listed->count < ARRAY_SIZE(listed->cookies));
	strncat(listed->names, entry->name, entry->name_len);
	strcat(listed->names, " ");
	listed->cookies[listed->count++] = entry->next;
	return 0;
}

static int list(uint64_t cookie, struct listed *listed)
{
	*listed = (struct listed){.stop_after = SIZE_MAX};
	return tree_readdir(m.tree, DIR_NUMBER, cookie, take, listed);
}

static void assert_listed(int want_error, const char *want)
{
	struct listed listed;

	assert_int_equal(list(0, &listed), want_error);
	assert_string_equal(listed.names, want);
}

static void assert_found(const char *name, uint64_t want)
{
	uint64_t id = 0;

	assert_int_equal(tree_lookup(m.tree, DIR_NUMBER, name, strlen(name), &id), 0);
	assert_int_equal(id, want);
}

static void assert_not_found(const char *name, int want)
{
	uint64_t id = 0;

	assert_int_equal(tree_lookup(m.tree, DIR_NUMBER, name, strlen(name), &id), want);
	assert_int_equal(id, 0);
}

/* Adds a second block of one entry, at the block @physical. */
static void add_block(uint32_t physical, uint32_t inode, const char *name)
{
	maker_put32(&m, maker_map(DIR_NUMBER) + 4, physical);
	maker_put32(&m, maker_inode(DIR_NUMBER) + 4, 2 * MAKER_BLOCK);
	maker_entry(&m, maker_block(physical), inode, MAKER_BLOCK, name);
}

static void names_are_listed_and_found(void **state)
{
	(void)state;
	assert_int_equal(maker_open(&m), 0);
	assert_listed(0, ". .. one two three last ");
	assert_found("one", 13);
	assert_found("last", 16);
	assert_not_found("deleted", -ENOENT);
	assert_not_found("on", -ENOENT);
	assert_not_found("ones", -ENOENT);
}

static void assert_spelled(const char *name, const char *want)
{
	char spelling[TREE_NAME_MAX];
	ssize_t n = tree_spelling(m.tree, DIR_NUMBER, name, strlen(name), spelling);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(spelling, want, strlen(want));
}

static void assert_folded(const char *name, const char *want)
{
	char folded[TREE_FOLD_MAX];
	ssize_t n = tree_fold(m.tree, DIR_NUMBER, name, strlen(name), folded, sizeof(folded));

	assert_int_equal(n, strlen(want));
	assert_memory_equal(folded, want, strlen(want));
}

static void caseless_directory_tells_how_its_names_are_spelled(void **state)
{
	char spelling[TREE_NAME_MAX], nothing = 'x';

	(void)state;
	maker_put32(&m, maker_super(0x60), EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_CASEFOLD);
	maker_put32(&m, maker_inode(DIR_NUMBER) + 0x20, EXT4_FL_CASEFOLD);
	add_block(21, 17,
		  "Gr\xc3\xb6\xc3\x9f"
		  "e");
	assert_int_equal(maker_open(&m), 0);
	assert_false(tree_ignores_case(m.tree, TREE_ROOT));
	assert_true(tree_ignores_case(m.tree, DIR_NUMBER));
	assert_spelled("ONE", "one");
	assert_spelled("GRO\xcc\x88SSE", "Gr\xc3\xb6\xc3\x9f"
					 "e");
	assert_folded("Gr\xc3\xb6\xc3\x9f"
		      "e",
		      "gro\xcc\x88sse");
	assert_folded("A \xff byte", "A \xff byte");
	assert_int_equal(tree_spelling(m.tree, DIR_NUMBER, "gross", 5, spelling), -ENOENT);
	/* soft hyphens count for nothing, yet no other name is like them */
	assert_int_equal(tree_fold(m.tree, DIR_NUMBER, "\xc2\xad", 2, &nothing, 1), 1);
	assert_int_equal(nothing, 0);
	assert_int_equal(tree_fold(m.tree, DIR_NUMBER, "ab", 2, spelling, 1), -ERANGE);
}

static void ordinary_directory_has_no_other_spellings(void **state)
{
	char buf[TREE_NAME_MAX];

	(void)state;
	assert_int_equal(maker_open(&m), 0);
	assert_false(tree_ignores_case(m.tree, DIR_NUMBER));
	assert_int_equal(tree_fold(m.tree, DIR_NUMBER, "One", 3, buf, sizeof(buf)), 0);
	assert_spelled("one", "one");
	assert_int_equal(tree_spelling(m.tree, DIR_NUMBER, "One", 3, buf), -ENOENT);
}

static void listing_goes_on_behind_every_entry(void **state)
{
	struct listed all, rest;

	(void)state;
	add_block(21, 17, "further");
	assert_int_equal(maker_open(&m), 0);
	assert_int_equal(list(0, &all), 0);
	assert_int_equal(all.count, 7);
	for (size_t i = 0; i < all.count; i++) {
		char joined[400] = "";

		rest = (struct listed){.stop_after = i + 1};
		assert_int_equal(tree_readdir(m.tree, DIR_NUMBER, 0, take, &rest), 0);
		strcat(joined, rest.names);
		assert_int_equal(rest.cookies[i], all.cookies[i]);
		assert_int_equal(list(all.cookies[i], &rest), 0);
		strcat(joined, rest.names);
		assert_string_equal(joined, all.names);
	}
}

static void parent_is_what_dot_dot_says(void **state)
{
	uint64_t id;

	(void)state;
	assert_int_equal(maker_open(&m), 0);
	assert_int_equal(tree_parent(m.tree, DIR_NUMBER, &id), 0);
	assert_int_equal(id, TREE_ROOT);
	assert_int_equal(tree_lookup(m.tree, DIR_NUMBER, "..", 2, &id), 0);
	assert_int_equal(id, TREE_ROOT);
}

static void directory_without_dot_dot_is_still_listed(void **state)
{
	uint64_t id;

	(void)state;
	maker_entry(&m, maker_block(DIR_BLOCK) + 12, 13, 12, "xx");
	assert_int_equal(maker_open(&m), 0);
	assert_int_equal(tree_parent(m.tree, DIR_NUMBER, &id), -EUCLEAN);
	assert_listed(0, ". .. xx one two three last ");
}

static void rest_of_a_block_behind_a_broken_entry_is_left_out(void **state)
{
	static const uint32_t bad[] = {0, 4, 7, 14, MAKER_BLOCK};

	(void)state;
	add_block(21, 17, "further");
	assert_int_equal(maker_open(&m), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		/* what is in the cache has been seen: a volume of its own for each */
		tree_close(m.tree);
		image_close(m.img);
		maker_put16(&m, maker_block(DIR_BLOCK) + 36 + 4, bad[i]);
		assert_int_equal(maker_open(&m), 0);
		assert_listed(0, ". .. one further ");
		assert_found("one", 13);
		assert_not_found("three", -EUCLEAN);
		assert_not_found("further", -EUCLEAN);
	}
}

static void name_longer_than_its_entry_is_damage(void **state)
{
	(void)state;
	m.data[maker_block(DIR_BLOCK) + 36 + 6] = 5;
	assert_int_equal(maker_open(&m), 0);
	assert_listed(0, ". .. one ");
}

static void inode_that_is_not_there_is_damage(void **state)
{
	(void)state;
	maker_put32(&m, maker_block(DIR_BLOCK) + 36, MAKER_INODES + 1);
	assert_int_equal(maker_open(&m), 0);
	assert_listed(0, ". .. one ");
}

static void entry_for_a_reserved_inode_cannot_be_looked_up(void **state)
{
	struct tree_attr attr;

	(void)state;
	maker_put32(&m, maker_block(DIR_BLOCK) + 36, EXT4_JOURNAL_INODE);
	assert_int_equal(maker_open(&m), 0);
	assert_not_found("two", -EUCLEAN);
	assert_int_equal(tree_getattr(m.tree, EXT4_JOURNAL_INODE, &attr), -ESTALE);
}

static void names_with_slashes_or_zeros_are_left_out(void **state)
{
	(void)state;
	m.data[maker_block(DIR_BLOCK) + 24 + 9] = '/';
	m.data[maker_block(DIR_BLOCK) + 36 + 9] = '\0';
	assert_int_equal(maker_open(&m), 0);
	assert_listed(0, ". .. three last ");
}

static void hole_is_passed_over(void **state)
{
	(void)state;
	add_block(21, 17, "further");
	maker_put32(&m, maker_map(DIR_NUMBER) + 4, 0);
	maker_put32(&m, maker_map(DIR_NUMBER) + 8, 21);
	maker_put32(&m, maker_inode(DIR_NUMBER) + 4, 3 * MAKER_BLOCK);
	assert_int_equal(maker_open(&m), 0);
	assert_listed(0, ". .. one two three last further ");
	assert_found("further", 17);
}

/* 40 extents all show the same 60 blocks. */
static void directory_larger_than_the_volume_ends(void **state)
{
	static const uint32_t times = 40;
	const uint32_t count = 60;
	size_t leaf = maker_block(22);
	struct listed listed = {.stop_after = 0};

	(void)state;
	maker_put32(&m, maker_super(0x60), EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_EXTENTS);
	maker_node(&m, DIR_NUMBER, S_IFDIR | 0755, times * count * MAKER_BLOCK, EXT4_FL_EXTENTS);
	maker_extents(&m, maker_map(DIR_NUMBER), 1, 4, 1);
	maker_extent_index(&m, maker_map(DIR_NUMBER), 0, 0, 22);
	maker_extents(&m, leaf, times, 84, 0);
	for (uint32_t i = 0; i < times; i++)
		maker_extent(&m, leaf, i, i * count, count, 40);
	for (uint32_t i = 0; i < count; i++)
		maker_entry(&m, maker_block(40 + i), 0, MAKER_BLOCK, "");
	assert_int_equal(maker_open(&m), 0);
	assert_int_equal(list(0, &listed), -EUCLEAN);
	assert_not_found("one", -EUCLEAN);
	/* nor can one go on behind that by a cookie that was made up */
	assert_int_equal(list((uint64_t)10 * count * MAKER_BLOCK, &listed), -EUCLEAN);
}

/* An index root in block 0 with @count entries that all lead to @block. */
static void make_index(uint32_t levels, uint32_t count, uint32_t block)
{
	size_t root = maker_block(DIR_BLOCK);

	maker_put32(&m, maker_super(0x5c), EXT4_COMPAT_DIR_INDEX);
	maker_put32(&m, maker_inode(DIR_NUMBER) + 0x20, EXT4_FL_INDEX);
	memset(m.data + root, 0, MAKER_BLOCK);
	maker_entry(&m, maker_dots(&m, DIR_BLOCK, DIR_NUMBER, EXT4_ROOT_INODE) - 12,
		    EXT4_ROOT_INODE, MAKER_BLOCK - 12, "..");
	m.data[root + 28] = 1; /* half MD4 */
	m.data[root + 29] = 8;
	m.data[root + 30] = (uint8_t)levels;
	maker_put16(&m, root + 32, (MAKER_BLOCK - 32) / 8);
	maker_put16(&m, root + 34, count);
	for (uint32_t i = 0; i < count; i++) {
		if (i)
			maker_put32(&m, root + 32 + i * 8, 1);
		maker_put32(&m, root + 36 + i * 8, block);
	}
}

static void index_leads_to_the_leaf(void **state)
{
	(void)state;
	add_block(21, 17, "further");
	make_index(0, 1, 1);
	assert_int_equal(maker_open(&m), 0);
	assert_found("further", 17);
	assert_not_found("one", -ENOENT);
	assert_listed(0, ". .. further ");
}

static void broken_index_is_no_reason_not_to_find(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} bad[] = {{28, 9}, {29, 7}, {30, 3}, {32, 1}, {34, 0}, {36, 77}};

	(void)state;
	add_block(21, 17, "further");
	assert_int_equal(maker_open(&m), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		tree_close(m.tree);
		image_close(m.img);
		make_index(0, 1, 1);
		m.data[maker_block(DIR_BLOCK) + bad[i].at] = bad[i].value;
		assert_int_equal(maker_open(&m), 0);
		assert_found("further", 17);
		assert_not_found("absent", -ENOENT);
	}
}

/*
 * A node whose entries all lead to itself or the same leaf, each said to go on with the hash of the
 * one before: the search would go through it again and again.
 */
static void index_in_a_circle_ends(void **state)
{
	size_t node = maker_block(21);
	uint32_t limit = (MAKER_BLOCK - 8) / 8;

	(void)state;
	add_block(21, 0, "");
	maker_put32(&m, maker_map(DIR_NUMBER) + 8, 22);
	maker_put32(&m, maker_inode(DIR_NUMBER) + 4, 3 * MAKER_BLOCK);
	maker_entry(&m, maker_block(22), 17, MAKER_BLOCK, "further");
	make_index(1, (MAKER_BLOCK - 32) / 8, 1);
	maker_put16(&m, node + 8, limit);
	maker_put16(&m, node + 10, limit);
	/* half MD4 of "abc", as debugfs prints it, and the bit for "goes on" */
	for (uint32_t i = 0; i < limit; i++) {
		if (i)
			maker_put32(&m, node + 8 + i * 8, 0xd196a868 | 1);
		maker_put32(&m, node + 12 + i * 8, 2);
	}
	assert_int_equal(maker_open(&m), 0);
	assert_not_found("abc", -EUCLEAN);
	assert_found("further", 17);
}

static void inline_directory_is_listed_and_found(void **state)
{
	size_t map = maker_map(DIR_NUMBER);
	size_t attribute = maker_inode(DIR_NUMBER) + 128 + 32;
	size_t end = maker_inode(DIR_NUMBER + 1);

	(void)state;
	maker_put32(&m, maker_super(0x60), EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_INLINE_DATA);
	maker_node(&m, DIR_NUMBER, S_IFDIR | 0755, 60 + 32, EXT4_FL_INLINE_DATA);
	maker_put32(&m, map, EXT4_ROOT_INODE);
	maker_entry(&m, maker_entry(&m, map + 4, 13, 16, "one"), 14, 40, "two");
	/* system.data: 32 bytes at the inode's end */
	maker_put32(&m, attribute, EXT4_XATTR_MAGIC);
	m.data[attribute + 4] = 4;
	m.data[attribute + 5] = EXT4_XATTR_SYSTEM;
	maker_put16(&m, attribute + 6, (uint32_t)(end - 32 - (attribute + 4)));
	maker_put32(&m, attribute + 12, 32);
	memcpy(m.data + attribute + 20, "data", 4);
	maker_entry(&m, end - 32, 15, 32, "three");
	assert_int_equal(maker_open(&m), 0);
	assert_listed(0, ". .. one two three ");
	assert_found("two", 14);
	assert_found("three", 15);
	assert_not_found("four", -ENOENT);
}

static void inline_directory_without_its_attribute_is_damage(void **state)
{
	(void)state;
	maker_put32(&m, maker_super(0x60), EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_INLINE_DATA);
	maker_node(&m, DIR_NUMBER, S_IFDIR | 0755, 60, EXT4_FL_INLINE_DATA);
	assert_int_equal(maker_open(&m), 0);
	assert_listed(-EUCLEAN, ". .. ");
	assert_not_found("one", -EUCLEAN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_listed_and_found),
		TEST(caseless_directory_tells_how_its_names_are_spelled),
		TEST(ordinary_directory_has_no_other_spellings),
		TEST(listing_goes_on_behind_every_entry),
		TEST(parent_is_what_dot_dot_says),
		TEST(directory_without_dot_dot_is_still_listed),
		TEST(rest_of_a_block_behind_a_broken_entry_is_left_out),
		TEST(name_longer_than_its_entry_is_damage),
		TEST(inode_that_is_not_there_is_damage),
		TEST(entry_for_a_reserved_inode_cannot_be_looked_up),
		TEST(names_with_slashes_or_zeros_are_left_out),
		TEST(hole_is_passed_over),
		TEST(directory_larger_than_the_volume_ends),
		TEST(index_leads_to_the_leaf),
		TEST(broken_index_is_no_reason_not_to_find),
		TEST(index_in_a_circle_ends),
		TEST(inline_directory_is_listed_and_found),
		TEST(inline_directory_without_its_attribute_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
