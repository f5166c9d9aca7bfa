/* SPDX-License-Identifier: MIT */
/* Extended attributes in inodes, in blocks and in inodes of their own, right and broken. */
#include "support/unit.h"

#include <errno.h>

#include "base/log.h"
#include "support/ext4_maker.h"

#define BLOCKS 100u
#define ATTRIBUTES 20u /* the attribute block */

static struct maker m;

/* Where entries are written next, and what value offsets count from. */
struct place {
	size_t entry;
	size_t values;
	size_t end; /* values are put in front of it */
};

static struct place in_inode;
static struct place in_block;

static int set_up(void **state)
{
	size_t extra = maker_inode(MAKER_FILE) + 128 + 32;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	maker_start(&m, BLOCKS, 0);
	maker_node(&m, MAKER_FILE, S_IFREG | 0644, 0, 0);
	maker_put32(&m, extra, EXT4_XATTR_MAGIC);
	in_inode = (struct place){extra + 4, extra + 4, maker_inode(MAKER_FILE + 1)};
	maker_put32(&m, maker_inode(MAKER_FILE) + 0x68, ATTRIBUTES);
	maker_put32(&m, maker_block(ATTRIBUTES), EXT4_XATTR_MAGIC);
	maker_put32(&m, maker_block(ATTRIBUTES) + 8, 1);
	in_block = (struct place){maker_block(ATTRIBUTES) + 32, maker_block(ATTRIBUTES),
				  maker_block(ATTRIBUTES + 1)};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	maker_finish(&m);
	return 0;
}

/* Writes an attribute and returns where its entry is. */
static size_t put(struct place *place, uint8_t index, const char *name, const void *value,
		  uint32_t len)
{
	size_t entry = place->entry;

	place->end -= (len + 3u) & ~3u;
	m.data[entry] = (uint8_t)strlen(name);
	m.data[entry + 1] = index;
	maker_put16(&m, entry + 2, (uint32_t)(place->end - place->values));
	maker_put32(&m, entry + 8, len);
	memcpy(m.data + entry + 16, name, strlen(name));
	if (len)
		memcpy(m.data + place->end, value, len);
	place->entry += 16 + ((strlen(name) + 3) & ~(size_t)3);
	return entry;
}

static void open_volume(void)
{
	assert_int_equal(maker_open(&m), 0);
}

static ssize_t get(const char *name, void *buf, size_t size)
{
	return tree_getxattr(m.tree, MAKER_FILE, name, buf, size);
}

static void assert_value(const char *name, const char *want)
{
	char buf[100];

	assert_int_equal(get(name, buf, sizeof(buf)), strlen(want));
	assert_memory_equal(buf, want, strlen(want));
}

static void attributes_of_inode_and_block_are_one_list(void **state)
{
	static const char want[] = "user.a\0trusted.b\0security.selinux\0user.c";
	char list[100];

	(void)state;
	put(&in_inode, EXT4_XATTR_USER, "a", "first", 5);
	put(&in_inode, EXT4_XATTR_TRUSTED, "b", "second", 6);
	put(&in_block, EXT4_XATTR_SECURITY, "selinux", "label", 5);
	put(&in_block, EXT4_XATTR_USER, "c", "", 0);
	open_volume();
	assert_int_equal(tree_listxattr(m.tree, MAKER_FILE, list, sizeof(list)), sizeof(want));
	assert_memory_equal(list, want, sizeof(want));
	assert_value("user.a", "first");
	assert_value("trusted.b", "second");
	assert_value("security.selinux", "label");
	assert_value("user.c", "");
	assert_int_equal(get("user.d", NULL, 0), -ENODATA);
	assert_int_equal(get("user.", NULL, 0), -ENODATA);
	assert_int_equal(get("user.aa", NULL, 0), -ENODATA);
	assert_int_equal(get("trusted.a", NULL, 0), -ENODATA);
}

static void size_zero_asks_and_a_small_buffer_is_a_range_error(void **state)
{
	char buf[100];

	(void)state;
	put(&in_inode, EXT4_XATTR_USER, "a", "first", 5);
	open_volume();
	assert_int_equal(get("user.a", NULL, 0), 5);
	assert_int_equal(get("user.a", buf, 4), -ERANGE);
	assert_int_equal(get("user.a", buf, 5), 5);
	assert_int_equal(tree_listxattr(m.tree, MAKER_FILE, NULL, 0), 7);
	assert_int_equal(tree_listxattr(m.tree, MAKER_FILE, buf, 6), -ERANGE);
	assert_int_equal(tree_listxattr(m.tree, MAKER_FILE, buf, 7), 7);
}

static void attributes_of_the_file_system_itself_are_hidden(void **state)
{
	(void)state;
	put(&in_inode, EXT4_XATTR_SYSTEM, "data", "inline", 6);
	put(&in_inode, 9, "c", "encryption", 10);
	open_volume();
	assert_int_equal(tree_listxattr(m.tree, MAKER_FILE, NULL, 0), 0);
	assert_int_equal(get("system.data", NULL, 0), -ENODATA);
}

static void inode_without_the_magic_number_has_none(void **state)
{
	(void)state;
	put(&in_inode, EXT4_XATTR_USER, "a", "first", 5);
	maker_put32(&m, in_inode.values - 4, 0);
	maker_put32(&m, maker_inode(MAKER_FILE) + 0x68, 0);
	open_volume();
	assert_int_equal(tree_listxattr(m.tree, MAKER_FILE, NULL, 0), 0);
}

static void assert_all_damaged(void)
{
	open_volume();
	assert_int_equal(tree_listxattr(m.tree, MAKER_FILE, NULL, 0), -EUCLEAN);
	assert_int_equal(get("user.absent", NULL, 0), -EUCLEAN);
}

static void value_beyond_the_inode_is_damage(void **state)
{
	size_t entry = put(&in_inode, EXT4_XATTR_USER, "a", "first", 5);

	(void)state;
	maker_put32(&m, entry + 8, 9);
	assert_all_damaged();
}

static void value_of_four_gigabytes_is_damage(void **state)
{
	size_t entry = put(&in_block, EXT4_XATTR_USER, "a", "first", 5);

	(void)state;
	maker_put32(&m, entry + 8, 0xffffffff);
	assert_all_damaged();
}

static void entries_without_an_end_are_damage(void **state)
{
	(void)state;
	/* 48 entries of 20 bytes leave 32 bytes: one more does, a second does not */
	for (int i = 0; i < 49; i++)
		put(&in_block, EXT4_XATTR_USER, "a", "", 0);
	memset(m.data + in_block.entry, 1, maker_block(ATTRIBUTES + 1) - in_block.entry);
	assert_all_damaged();
}

static void name_with_a_zero_is_damage(void **state)
{
	size_t entry = put(&in_block, EXT4_XATTR_USER, "abc", "first", 5);

	(void)state;
	m.data[entry + 17] = 0;
	assert_all_damaged();
}

static void block_without_a_header_is_damage(void **state)
{
	(void)state;
	put(&in_block, EXT4_XATTR_USER, "a", "first", 5);
	maker_put32(&m, maker_block(ATTRIBUTES) + 8, 2);
	assert_all_damaged();
}

static void block_outside_the_volume_is_damage(void **state)
{
	struct tree_attr attr;

	(void)state;
	maker_put32(&m, maker_inode(MAKER_FILE) + 0x68, BLOCKS);
	assert_all_damaged();
	/* of the inode altogether, as ext4_iget has it */
	assert_int_equal(tree_getattr(m.tree, MAKER_FILE, &attr), -EUCLEAN);
}

static void broken_block_does_not_hide_what_is_in_the_inode(void **state)
{
	(void)state;
	put(&in_inode, EXT4_XATTR_USER, "a", "first", 5);
	maker_put32(&m, maker_block(ATTRIBUTES), 0);
	open_volume();
	assert_value("user.a", "first");
	assert_int_equal(get("user.b", NULL, 0), -EUCLEAN);
}

static void access_control_list_is_shown_as_the_system_call_has_it(void **state)
{
	/* u::rw-, g::r--, o::r-- */
	static const uint8_t acl[] = {1, 0, 0, 0, 1, 0, 6, 0, 4, 0, 4, 0, 32, 0, 4, 0};
	static const char want[] = "system.posix_acl_access";
	char buf[100];

	(void)state;
	put(&in_inode, EXT4_XATTR_ACL_ACCESS, "", acl, sizeof(acl));
	open_volume();
	assert_int_equal(tree_listxattr(m.tree, MAKER_FILE, buf, sizeof(buf)), sizeof(want));
	assert_string_equal(buf, want);
	assert_int_equal(get(want, buf, sizeof(buf)), 4 + 3 * 8);
	assert_int_equal(buf[0], 2);
}

static void census_tells_which_attributes_no_inode_has(void **state)
{
	static const uint8_t acl[] = {1, 0, 0, 0};

	(void)state;
	put(&in_block, EXT4_XATTR_ACL_DEFAULT, "", acl, sizeof(acl));
	open_volume();
	assert_true(tree_lacks_xattr(m.tree, "system.posix_acl_access"));
	assert_false(tree_lacks_xattr(m.tree, "system.posix_acl_default"));
	assert_false(tree_lacks_xattr(m.tree, "user.of-which-nobody-asked"));
}

static void census_takes_a_damaged_inode_for_one_with_all(void **state)
{
	(void)state;
	maker_put32(&m, maker_block(ATTRIBUTES), 0);
	open_volume();
	assert_false(tree_lacks_xattr(m.tree, "system.posix_acl_access"));
}

#define VALUE_INODE (MAKER_FILE + 1)

/* A value of 2000 bytes in blocks 30 and 31. The oldest form: the owner's number for a checksum. */
static size_t put_value_inode(void)
{
	size_t entry = put(&in_inode, EXT4_XATTR_USER, "large", "", 0);

	maker_put32(&m, entry + 4, VALUE_INODE);
	maker_put32(&m, entry + 8, 2000);
	maker_node(&m, VALUE_INODE, S_IFREG | 0600, 2000, EXT4_FL_EA_INODE);
	maker_put32(&m, maker_inode(VALUE_INODE) + 0x10, MAKER_FILE);
	maker_put32(&m, maker_map(VALUE_INODE), 30);
	maker_put32(&m, maker_map(VALUE_INODE) + 4, 31);
	memset(m.data + maker_block(30), 'v', 2000);
	maker_put32(&m, maker_super(0x60), EXT4_INCOMPAT_EA_INODE);
	return entry;
}

static void value_in_an_inode_of_its_own_is_read(void **state)
{
	uint8_t buf[2048];

	(void)state;
	put_value_inode();
	open_volume();
	assert_int_equal(get("user.large", buf, sizeof(buf)), 2000);
	for (size_t i = 0; i < 2000; i++)
		assert_int_equal(buf[i], 'v');
	assert_int_equal(get("user.large", buf, 1999), -ERANGE);
	assert_int_equal(get("user.large", NULL, 0), 2000);
}

static void value_inode_that_is_no_such_is_damage(void **state)
{
	(void)state;
	put_value_inode();
	maker_put32(&m, maker_inode(VALUE_INODE) + 0x20, 0);
	open_volume();
	assert_int_equal(get("user.large", NULL, 0), -EUCLEAN);
}

static void value_inode_of_another_owner_needs_its_checksum(void **state)
{
	(void)state;
	put_value_inode();
	maker_put32(&m, maker_inode(VALUE_INODE) + 0x10, MAKER_FILE + 5);
	open_volume();
	assert_int_equal(get("user.large", NULL, 0), -EUCLEAN);
}

static void value_larger_than_any_is_refused_unread(void **state)
{
	size_t entry = put_value_inode();

	(void)state;
	maker_put32(&m, entry + 8, 0xfffffff0);
	maker_put32(&m, maker_inode(VALUE_INODE) + 4, 0xfffffff0);
	open_volume();
	assert_int_equal(get("user.large", NULL, 0), -E2BIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(attributes_of_inode_and_block_are_one_list),
		TEST(size_zero_asks_and_a_small_buffer_is_a_range_error),
		TEST(attributes_of_the_file_system_itself_are_hidden),
		TEST(inode_without_the_magic_number_has_none),
		TEST(value_beyond_the_inode_is_damage),
		TEST(value_of_four_gigabytes_is_damage),
		TEST(entries_without_an_end_are_damage),
		TEST(name_with_a_zero_is_damage),
		TEST(block_without_a_header_is_damage),
		TEST(block_outside_the_volume_is_damage),
		TEST(broken_block_does_not_hide_what_is_in_the_inode),
		TEST(access_control_list_is_shown_as_the_system_call_has_it),
		TEST(census_tells_which_attributes_no_inode_has),
		TEST(census_takes_a_damaged_inode_for_one_with_all),
		TEST(value_in_an_inode_of_its_own_is_read),
		TEST(value_inode_that_is_no_such_is_damage),
		TEST(value_inode_of_another_owner_needs_its_checksum),
		TEST(value_larger_than_any_is_refused_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
