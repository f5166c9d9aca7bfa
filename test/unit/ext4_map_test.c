/* SPDX-License-Identifier: MIT */
/* Where the blocks of files lie: extent trees and block maps, right and broken. */
#include "support/unit.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "support/ext4_maker.h"

#define BLOCKS 600u

static struct maker m;

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	maker_start(&m, BLOCKS, EXT4_INCOMPAT_EXTENTS);
	/* each block begins with its own number */
	for (uint32_t block = MAKER_ROOT_BLOCK + 1; block < BLOCKS; block++)
		maker_put32(&m, maker_block(block), block);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	maker_finish(&m);
	return 0;
}

static void open_volume(void)
{
	assert_int_equal(maker_open(&m), 0);
}

/* What block @logical of the file begins with. */
static uint32_t first_word(uint64_t logical)
{
	uint8_t bytes[4];

	assert_int_equal(tree_read(m.tree, MAKER_FILE, bytes, 4, logical * MAKER_BLOCK), 4);
	return le32_at(bytes);
}

static void assert_read_fails(uint64_t logical, int want)
{
	uint8_t bytes[4];

	assert_int_equal(tree_read(m.tree, MAKER_FILE, bytes, 4, logical * MAKER_BLOCK), want);
}

static void assert_seek(int whence, uint64_t from, uint64_t want)
{
	uint64_t at = 0;

	assert_int_equal(tree_seek(m.tree, MAKER_FILE, from * MAKER_BLOCK, whence, &at), 0);
	assert_int_equal(at, want * MAKER_BLOCK);
}

/* Block 0 at 100, hole, blocks 4 and 5 at 200, blocks 6 and 7 unwritten, hole to the end at 10. */
static void make_plain_extents(void)
{
	size_t root = maker_extent_file(&m, MAKER_FILE, 10 * MAKER_BLOCK, 3, 0);

	maker_extent(&m, root, 0, 0, 1, 100);
	maker_extent(&m, root, 1, 4, 2, 200);
	maker_extent(&m, root, 2, 6, EXT4_EXTENT_MAX_LEN + 2, 300);
}

static void extents_in_the_inode_are_found(void **state)
{
	(void)state;
	make_plain_extents();
	open_volume();
	assert_int_equal(first_word(0), 100);
	assert_int_equal(first_word(4), 200);
	assert_int_equal(first_word(5), 201);
}

static void holes_and_unwritten_extents_read_as_zeros(void **state)
{
	uint8_t bytes[10 * MAKER_BLOCK + 1];

	(void)state;
	make_plain_extents();
	open_volume();
	for (uint64_t block = 0; block < 10; block++) {
		if (block != 0 && block != 4 && block != 5)
			assert_int_equal(first_word(block), 0);
	}
	assert_int_equal(tree_read(m.tree, MAKER_FILE, bytes, sizeof(bytes), 0), 10 * MAKER_BLOCK);
	assert_int_equal(le32_at(bytes + 5 * MAKER_BLOCK), 201);
	assert_int_equal(le32_at(bytes + 6 * MAKER_BLOCK), 0);
	assert_int_equal(tree_read(m.tree, MAKER_FILE, bytes, 1, 10 * MAKER_BLOCK), 0);
}

static void seek_counts_unwritten_extents_as_holes(void **state)
{
	uint64_t at;

	(void)state;
	make_plain_extents();
	open_volume();
	assert_seek(SEEK_DATA, 0, 0);
	assert_seek(SEEK_HOLE, 0, 1);
	assert_seek(SEEK_DATA, 1, 4);
	assert_seek(SEEK_HOLE, 4, 6);
	assert_int_equal(tree_seek(m.tree, MAKER_FILE, 6 * MAKER_BLOCK, SEEK_DATA, &at), -ENXIO);
	assert_seek(SEEK_HOLE, 9, 9);
	assert_int_equal(tree_seek(m.tree, MAKER_FILE, 10 * MAKER_BLOCK, SEEK_HOLE, &at), -ENXIO);
}

/* Index nodes in blocks 50 and 51, leaves in 52 and 53. */
static void make_deep_extents(void)
{
	size_t root = maker_extent_file(&m, MAKER_FILE, 1000 * MAKER_BLOCK, 1, 2);

	maker_extent_index(&m, root, 0, 20, 50);
	maker_extents(&m, maker_block(50), 2, 84, 1);
	maker_extent_index(&m, maker_block(50), 0, 20, 52);
	maker_extent_index(&m, maker_block(50), 1, 500, 53);
	maker_extents(&m, maker_block(52), 1, 84, 0);
	maker_extent(&m, maker_block(52), 0, 20, 3, 100);
	maker_extents(&m, maker_block(53), 1, 84, 0);
	maker_extent(&m, maker_block(53), 0, 500, 400, 150);
}

static void extents_in_blocks_are_found(void **state)
{
	(void)state;
	make_deep_extents();
	open_volume();
	assert_int_equal(first_word(5), 0);
	assert_int_equal(first_word(19), 0);
	assert_int_equal(first_word(20), 100);
	assert_int_equal(first_word(22), 102);
	assert_int_equal(first_word(23), 0);
	assert_int_equal(first_word(499), 0);
	assert_int_equal(first_word(500), 150);
	assert_int_equal(first_word(899), 549);
	assert_int_equal(first_word(900), 0);
	assert_seek(SEEK_DATA, 0, 20);
	assert_seek(SEEK_HOLE, 20, 23);
	assert_seek(SEEK_DATA, 23, 500);
	assert_seek(SEEK_HOLE, 500, 900);
}

static void extents_are_found_in_any_order(void **state)
{
	(void)state;
	make_deep_extents();
	open_volume();
	/* 7 has no divisor in common with 1000: each block twice */
	for (uint32_t i = 0, logical = 0; i < 2000; i++, logical = (logical + 7) % 1000) {
		uint32_t want = 0;

		if (logical >= 20 && logical < 23)
			want = 100 + logical - 20;
		if (logical >= 500 && logical < 900)
			want = 150 + logical - 500;
		assert_int_equal(first_word(logical), want);
	}
}

static void leaf_that_knows_more_than_its_parent_says_is_damage(void **state)
{
	(void)state;
	make_deep_extents();
	maker_extent(&m, maker_block(52), 0, 499, 2, 100);
	open_volume();
	assert_read_fails(20, -EUCLEAN);
	assert_int_equal(first_word(500), 150);
}

static void node_of_a_wrong_depth_is_damage(void **state)
{
	(void)state;
	make_deep_extents();
	maker_extents(&m, maker_block(52), 1, 84, 1);
	open_volume();
	assert_read_fails(20, -EUCLEAN);
}

static void node_that_is_its_own_child_is_damage(void **state)
{
	(void)state;
	make_deep_extents();
	maker_extent_index(&m, maker_block(50), 0, 10, 50);
	open_volume();
	assert_read_fails(20, -EUCLEAN);
}

static void nodes_with_impossible_headers_are_damage(void **state)
{
	static const struct {
		uint32_t entries, max, depth;
	} bad[] = {{85, 84, 0}, {1, 85, 0}, {0, 0, 0}, {1, 0, 0}, {0, 84, 1}, {1, 84, 6}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		make_deep_extents();
		maker_extents(&m, maker_block(52), bad[i].entries, bad[i].max, bad[i].depth);
		open_volume();
		assert_read_fails(20, -EUCLEAN);
		tree_close(m.tree);
		image_close(m.img);
		m.tree = NULL;
		m.img = NULL;
	}
}

static void extents_that_overlap_or_leave_the_volume_are_damage(void **state)
{
	static const struct {
		uint32_t logical, len, physical;
	} bad[] = {
		{0, 1, 200}, /* in front of the one before */
		{3, 0, 200}, /* empty */
		{1, 1, 0}, /* the boot block */
		{1, 1, 1}, /* the superblock */
		{1, 1, BLOCKS}, /* behind the volume */
		{1, 2, BLOCKS - 1}, {0xffffffff, 2, 200}, /* behind the largest file */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct tree_attr attr;
		size_t root = maker_extent_file(&m, MAKER_FILE, 10 * MAKER_BLOCK, 2, 0);

		maker_extent(&m, root, 0, 0, 1, 100);
		maker_extent(&m, root, 1, bad[i].logical, bad[i].len, bad[i].physical);
		open_volume();
		assert_int_equal(tree_getattr(m.tree, MAKER_FILE, &attr), -EUCLEAN);
		tree_close(m.tree);
		image_close(m.img);
		m.tree = NULL;
		m.img = NULL;
	}
}

#define PER_BLOCK (MAKER_BLOCK / 4)
#define SINGLE 12u
#define DOUBLE (SINGLE + PER_BLOCK)
#define TRIPLE (DOUBLE + PER_BLOCK * PER_BLOCK)
#define MAP_END (TRIPLE + PER_BLOCK * PER_BLOCK * PER_BLOCK)

static void put_slot(size_t array, uint32_t slot, uint32_t block)
{
	maker_put32(&m, array + slot * 4, block);
}

static void clear_block(uint32_t block)
{
	memset(m.data + maker_block(block), 0, MAKER_BLOCK);
}

/* Of each level one or two blocks; the file is as large as a block map allows. */
static void make_block_map(void)
{
	size_t map = maker_map(MAKER_FILE);

	maker_node(&m, MAKER_FILE, S_IFREG | 0644, 0, 0);
	maker_put32(&m, maker_inode(MAKER_FILE) + 0x4, (uint32_t)((uint64_t)MAP_END * MAKER_BLOCK));
	maker_put32(&m, maker_inode(MAKER_FILE) + 0x6c,
		    (uint32_t)((uint64_t)MAP_END * MAKER_BLOCK >> 32));
	for (uint32_t block = 50; block < 56; block++)
		clear_block(block);
	put_slot(map, 0, 100);
	put_slot(map, 1, 101);
	put_slot(map, 11, 110);
	put_slot(map, 12, 50);
	put_slot(maker_block(50), 0, 120);
	put_slot(maker_block(50), 255, 121);
	put_slot(map, 13, 51);
	put_slot(maker_block(51), 2, 52);
	put_slot(maker_block(52), 3, 130);
	put_slot(map, 14, 53);
	put_slot(maker_block(53), 255, 54);
	put_slot(maker_block(54), 255, 55);
	put_slot(maker_block(55), 255, 140);
}

static void block_maps_of_all_levels_are_followed(void **state)
{
	(void)state;
	make_block_map();
	open_volume();
	assert_int_equal(first_word(0), 100);
	assert_int_equal(first_word(1), 101);
	assert_int_equal(first_word(2), 0);
	assert_int_equal(first_word(11), 110);
	assert_int_equal(first_word(SINGLE), 120);
	assert_int_equal(first_word(SINGLE + 1), 0);
	assert_int_equal(first_word(SINGLE + 255), 121);
	assert_int_equal(first_word(DOUBLE), 0);
	assert_int_equal(first_word(DOUBLE + 2 * PER_BLOCK + 3), 130);
	assert_int_equal(first_word(TRIPLE - 1), 0);
	assert_int_equal(first_word(TRIPLE), 0);
	assert_int_equal(first_word(MAP_END - 1), 140);
}

static void seek_passes_over_what_no_block_maps(void **state)
{
	(void)state;
	make_block_map();
	open_volume();
	assert_seek(SEEK_HOLE, 0, 2);
	assert_seek(SEEK_DATA, 2, 11);
	assert_seek(SEEK_HOLE, 11, SINGLE + 1);
	assert_seek(SEEK_DATA, SINGLE + 1, SINGLE + 255);
	assert_seek(SEEK_DATA, DOUBLE, DOUBLE + 2 * PER_BLOCK + 3);
	assert_seek(SEEK_DATA, DOUBLE + 2 * PER_BLOCK + 4, MAP_END - 1);
	assert_seek(SEEK_HOLE, MAP_END - 1, MAP_END);
}

static void block_behind_the_map_is_an_error(void **state)
{
	(void)state;
	make_block_map();
	maker_put32(&m, maker_inode(MAKER_FILE) + 0x6c, 100);
	open_volume();
	assert_read_fails(MAP_END, -EIO);
	assert_int_equal(first_word(MAP_END - 1), 140);
}

static void blocks_outside_the_volume_are_damage(void **state)
{
	(void)state;
	make_block_map();
	put_slot(maker_block(51), 2, BLOCKS);
	open_volume();
	assert_read_fails(DOUBLE + 2 * PER_BLOCK, -EUCLEAN);
	assert_int_equal(first_word(11), 110);
}

/* The kernel checks the inode's own slots when it reads the inode (ext4_ind_check_inode). */
static void block_outside_the_volume_in_the_inode_is_damage_of_all(void **state)
{
	(void)state;
	make_block_map();
	put_slot(maker_map(MAKER_FILE), 1, BLOCKS);
	open_volume();
	assert_read_fails(0, -EUCLEAN);
	assert_read_fails(11, -EUCLEAN);
}

/* One block is every node of two levels: 65,536 ways lead to the same nothing. */
static void seek_ends_in_a_map_that_shares_its_nodes(void **state)
{
	uint64_t at;

	(void)state;
	make_block_map();
	for (uint32_t slot = 0; slot < PER_BLOCK; slot++) {
		put_slot(maker_block(53), slot, 54);
		put_slot(maker_block(54), slot, 55);
		put_slot(maker_block(55), slot, 0);
	}
	open_volume();
	assert_int_equal(
		tree_seek(m.tree, MAKER_FILE, (uint64_t)TRIPLE * MAKER_BLOCK, SEEK_DATA, &at),
		-EUCLEAN);
}

static void map_that_is_its_own_child_gives_its_bytes_as_blocks(void **state)
{
	(void)state;
	make_block_map();
	put_slot(maker_block(53), 0, 53);
	open_volume();
	/* damaged, but bounded: four levels and no more */
	assert_int_equal(first_word(TRIPLE), 53);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(extents_in_the_inode_are_found),
		TEST(holes_and_unwritten_extents_read_as_zeros),
		TEST(seek_counts_unwritten_extents_as_holes),
		TEST(extents_in_blocks_are_found),
		TEST(extents_are_found_in_any_order),
		TEST(leaf_that_knows_more_than_its_parent_says_is_damage),
		TEST(node_of_a_wrong_depth_is_damage),
		TEST(node_that_is_its_own_child_is_damage),
		TEST(nodes_with_impossible_headers_are_damage),
		TEST(extents_that_overlap_or_leave_the_volume_are_damage),
		TEST(block_maps_of_all_levels_are_followed),
		TEST(seek_passes_over_what_no_block_maps),
		TEST(block_behind_the_map_is_an_error),
		TEST(blocks_outside_the_volume_are_damage),
		TEST(block_outside_the_volume_in_the_inode_is_damage_of_all),
		TEST(seek_ends_in_a_map_that_shares_its_nodes),
		TEST(map_that_is_its_own_child_gives_its_bytes_as_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
