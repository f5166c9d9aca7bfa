/* SPDX-License-Identifier: MIT */
/* Superblocks: what is refused, and that their numbers bound nothing by themselves. */
#include "support/unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "support/ext4_maker.h"

#define BLOCKS 100u

static struct maker m;

static int set_up(void **state)
{
	(void)state;
	maker_start(&m, BLOCKS, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	maker_finish(&m);
	return 0;
}

static char last_line[512];

static void note(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static void assert_refused(int want, const char *says)
{
	log_set_sink(note, NULL);
	assert_int_equal(maker_open(&m), want);
	if (!strstr(last_line, says))
		fail_msg("does not say '%s': %s", says, last_line);
}

static void volume_of_the_maker_is_right(void **state)
{
	struct tree_statfs statfs;
	struct tree_attr attr;

	(void)state;
	assert_int_equal(maker_open(&m), 0);
	assert_int_equal(tree_getattr(m.tree, TREE_ROOT, &attr), 0);
	assert_int_equal(attr.id, TREE_ROOT);
	assert_int_equal(attr.mode, S_IFDIR | 0755);
	assert_int_equal(tree_statfs(m.tree, TREE_ROOT, &statfs), 0);
	assert_int_equal(statfs.files, MAKER_INODES);
	assert_int_equal(statfs.block_size, MAKER_BLOCK);
}

static void image_without_the_magic_number_is_none(void **state)
{
	const struct ext4_options options = {0};
	struct tree *tree;

	(void)state;
	maker_put16(&m, maker_super(0x38), 0xef54);
	assert_int_equal(image_memory(m.data, m.size, &m.img), 0);
	assert_int_equal(ext4_probe(m.img), -EINVAL);
	assert_int_equal(ext4_open(m.img, &options, &tree), -EINVAL);
}

static void image_that_ends_in_the_superblock_is_none(void **state)
{
	(void)state;
	m.size = maker_super(1023);
	assert_int_equal(maker_open(&m), -EINVAL);
}

static void unknown_feature_is_refused_by_its_name(void **state)
{
	(void)state;
	maker_put32(&m, maker_super(0x60), EXT4_INCOMPAT_COMPRESSION);
	assert_refused(-EOPNOTSUPP, "compression");
}

static void unknown_feature_without_a_name_is_refused_by_its_number(void **state)
{
	(void)state;
	maker_put32(&m, maker_super(0x60), 0x80000000);
	assert_refused(-EOPNOTSUPP, "FEATURE_I31");
}

static void external_journals_are_refused(void **state)
{
	(void)state;
	maker_put32(&m, maker_super(0x60), EXT4_INCOMPAT_JOURNAL_DEV);
	assert_refused(-EOPNOTSUPP, "journal");
	tear_down(state);
	set_up(state);
	maker_put32(&m, maker_super(0x5c), EXT4_COMPAT_HAS_JOURNAL);
	maker_put32(&m, maker_super(0x60), EXT4_INCOMPAT_RECOVER);
	assert_refused(-EOPNOTSUPP, "another device");
}

static void impossible_sizes_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		const char *says;
	} bad[] = {
		{0x04, 0, "first data block"},
		{0x14, BLOCKS, "first data block"},
		{0x18, 7, "block size"},
		{0x18, 0xffffffff, "block size"},
		{0x20, 0, "blocks per group"},
		{0x20, 8 * MAKER_BLOCK + 1, "blocks per group"},
		{0x28, 0, "inodes per group"},
		{0x28, 8 * MAKER_BLOCK + 1, "inodes per group"},
		{0x28, MAKER_INODES + 1, "inodes in"},
		{0x54, 10, "first inode"},
		{0x58, 64, "inode size"},
		{0x58, 200, "inode size"},
		{0x58, 2048, "inode size"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		tear_down(state);
		set_up(state);
		maker_put32(&m, maker_super(bad[i].at), bad[i].value);
		assert_refused(-EUCLEAN, bad[i].says);
	}
}

/* 2^47 groups of 2^13 inodes are 2^60; of 2^17 they would be 2^64, which is 0 in 64 bits. */
static void groups_and_inodes_that_wrap_are_refused(void **state)
{
	const uint64_t groups = (UINT64_C(1) << 47) + 1;
	const uint64_t blocks = groups;

	(void)state;
	maker_put32(&m, maker_super(0x60), EXT4_INCOMPAT_64BIT);
	maker_put16(&m, maker_super(0xfe), 64);
	maker_put32(&m, maker_super(0x18), 4); /* 16 KiB, so that 2^17 inodes fit a group */
	maker_put32(&m, maker_super(0x14), 0);
	maker_put32(&m, maker_super(0x04), (uint32_t)blocks);
	maker_put32(&m, maker_super(0x150), (uint32_t)(blocks >> 32));
	maker_put32(&m, maker_super(0x20), 1);
	maker_put32(&m, maker_super(0x28), 1u << 17);
	maker_put32(&m, maker_super(0x00), 1u << 17);
	assert_refused(-EUCLEAN, "inodes in");
}

/* As many groups as there can be, in an image of 100 KiB: nothing loops over them. */
static void numbers_of_a_volume_with_four_billion_groups_come_at_once(void **state)
{
	const uint64_t blocks = 0xfffffffful;
	struct tree_statfs statfs;

	(void)state;
	maker_put32(&m, maker_super(0x14), 0);
	maker_put32(&m, maker_super(0x04), (uint32_t)blocks);
	maker_put32(&m, maker_super(0x20), 1);
	maker_put32(&m, maker_super(0x28), 1);
	maker_put32(&m, maker_super(0x00), (uint32_t)blocks);
	maker_put32(&m, maker_super(0x0c), 1000);
	maker_put32(&m, maker_super(0x10), 77);
	log_set_sink(note, NULL);
	assert_int_equal(maker_open(&m), 0);
	assert_int_equal(tree_statfs(m.tree, TREE_ROOT, &statfs), 0);
	assert_int_equal(statfs.blocks_free, 1000);
	assert_int_equal(statfs.files_free, 77);
	assert_false(tree_lacks_xattr(m.tree, "system.posix_acl_access"));
}

static void volume_larger_than_its_image_is_read_as_far_as_it_goes(void **state)
{
	struct tree_attr attr;

	(void)state;
	maker_put32(&m, maker_super(0x04), 5000);
	maker_node(&m, MAKER_FILE, S_IFREG | 0644, 10, 0);
	maker_put32(&m, maker_map(MAKER_FILE), 4000);
	log_set_sink(note, NULL);
	assert_int_equal(maker_open(&m), 0);
	assert_non_null(strstr(last_line, "the image only"));
	assert_int_equal(tree_getattr(m.tree, MAKER_FILE, &attr), 0);
	assert_int_equal(tree_read(m.tree, MAKER_FILE, &attr, 10, 0), -EIO);
}

static void reserved_inodes_cannot_be_had(void **state)
{
	struct tree_attr attr;

	(void)state;
	assert_int_equal(maker_open(&m), 0);
	for (uint64_t id = 2; id < EXT4_GOOD_OLD_FIRST_INODE; id++)
		assert_int_equal(tree_getattr(m.tree, id, &attr), -ESTALE);
	assert_int_equal(tree_getattr(m.tree, 0, &attr), -ESTALE);
	assert_int_equal(tree_getattr(m.tree, MAKER_INODES + 1, &attr), -ESTALE);
	assert_int_equal(tree_getattr(m.tree, UINT64_MAX, &attr), -ESTALE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(volume_of_the_maker_is_right),
		TEST(image_without_the_magic_number_is_none),
		TEST(image_that_ends_in_the_superblock_is_none),
		TEST(unknown_feature_is_refused_by_its_name),
		TEST(unknown_feature_without_a_name_is_refused_by_its_number),
		TEST(external_journals_are_refused),
		TEST(impossible_sizes_are_refused),
		TEST(groups_and_inodes_that_wrap_are_refused),
		TEST(numbers_of_a_volume_with_four_billion_groups_come_at_once),
		TEST(volume_larger_than_its_image_is_read_as_far_as_it_goes),
		TEST(reserved_inodes_cannot_be_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
