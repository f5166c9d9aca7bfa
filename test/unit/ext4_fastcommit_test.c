/* SPDX-License-Identifier: MIT */
/* Fast commit records made in memory, applied to a volume of a few inodes and names. */
#include "support/unit.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "ext4/ext4_fastcommit.h"
#include "support/fc_builder.h"

#define BLOCK 1024u
#define TID 7
#define INODE_SIZE 256u
#define EXTENTS 0x80000u
#define INLINE_DATA 0x10000000u
#define CASEFOLD 0x40000000u

/*
 * The volume: the root (2) with "file" (12), "two" (13, two links) and "sub" (14, a directory);
 * inode 15 is free, 16 is a directory that ignores case.
 */
static int read_inode(void *ctx, uint32_t number, uint8_t *raw)
{
	(void)ctx;
	memset(raw, 0xee, INODE_SIZE);
	fb_put16(raw,
		 number == 2 || number == 14 || number == 16 ? S_IFDIR | 0755 : S_IFREG | 0644);
	fb_put16(raw + 0x1a, number == 13 ? 2 : number == 15 ? 0 : 1);
	fb_put32(raw + 0x20, number == 16 ? EXTENTS | CASEFOLD : EXTENTS);
	fb_put16(raw + 0x28, number == 15 ? 0 : 0xf30a);
	return number == 99 ? -EBADMSG : 0;
}

static int read_small_inode(void *ctx, uint32_t number, uint8_t *raw)
{
	uint8_t whole[INODE_SIZE];
	int err = read_inode(ctx, number, whole);

	memcpy(raw, whole, 128);
	return err;
}

static int lookup(void *ctx, uint32_t dir, const char *name, size_t len, uint32_t *out_inode)
{
	static const struct {
		const char *name;
		uint32_t dir, inode;
	} names[] = {{"file", 2, 12}, {"two", 2, 13}, {"sub", 2, 14}, {"Mixed", 16, 12}};

	(void)ctx;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].dir == dir && strlen(names[i].name) == len &&
		    memcmp(names[i].name, name, len) == 0) {
			*out_inode = names[i].inode;
			return 0;
		}
	}
	return -ENOENT;
}

static const struct ext4_fc_base base = {
	.inode_size = INODE_SIZE,
	.inodes = 100,
	.first_inode = 11,
	.fs_blocks = 1000,
	.read_inode = read_inode,
	.lookup = lookup,
};

struct fixture {
	uint8_t blocks[4][BLOCK];
	struct fc_builder b;
	struct ext4_fc *fc;
};

static void discard(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	log_set_sink(discard, NULL);
	fb_start(&f->b, f->blocks[0], BLOCK, TID);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ext4_fc_close(f->fc);
	free(f);
	log_set_sink(NULL, NULL);
	return 0;
}

static size_t scan(struct fixture *f, size_t count, struct ext4_fc_log *out)
{
	struct ext4_fc_scan s = {.tid = TID, .inode_size = INODE_SIZE};
	int err = 0;

	for (size_t i = 0; !err && i < count; i++)
		err = ext4_fc_scan_block(&s, f->blocks[i], BLOCK);
	assert_true(err >= 0);
	ext4_fc_scan_end(&s, out);
	return out->len;
}

/* Ends the commit in the first block and applies it. */
static void apply(struct fixture *f)
{
	struct ext4_fc_log log;

	fb_tail(&f->b);
	assert_true(scan(f, 1, &log) > 0);
	ext4_fc_close(f->fc);
	assert_int_equal(ext4_fc_open(&log, &base, &f->fc), 0);
	assert_null(log.bytes);
}

static size_t scan_and_free(struct fixture *f, size_t count)
{
	struct ext4_fc_log log;
	size_t len = scan(f, count, &log);

	free(log.bytes);
	return len;
}

static int name_of(struct fixture *f, uint32_t dir, const char *name)
{
	uint32_t inode = 0;

	return ext4_fc_lookup(f->fc, dir, name, strlen(name), &inode) ? (int)inode : -1;
}

static int links_of(struct fixture *f, uint32_t number)
{
	uint8_t raw[INODE_SIZE];

	read_inode(NULL, number, raw);
	ext4_fc_patch_inode(f->fc, number, raw);
	return raw[0x1a] | raw[0x1b] << 8;
}

static void area_without_head_is_empty(void **state)
{
	struct fixture *f = *state;

	fb_name(&f->b, EXT4_FC_UNLINK, 2, 12, "file");
	fb_tail(&f->b);
	assert_int_equal(scan_and_free(f, 1), 0);
	memset(f->blocks, 0, sizeof(f->blocks));
	assert_int_equal(scan_and_free(f, 4), 0);
}

static void records_of_another_transaction_are_stale(void **state)
{
	struct fixture *f = *state;

	f->b.tid = TID - 1;
	fb_head(&f->b);
	fb_name(&f->b, EXT4_FC_UNLINK, 2, 12, "file");
	fb_tail(&f->b);
	assert_int_equal(scan_and_free(f, 1), 0);
}

static void commits_count_up_to_the_last_right_tail(void **state)
{
	struct fixture *f = *state;
	size_t one = 4 + 8 + 4;

	fb_head(&f->b);
	fb_name(&f->b, EXT4_FC_UNLINK, 2, 12, "file");
	fb_tail(&f->b);
	fb_next_block(&f->b, f->blocks[1]);
	fb_name(&f->b, EXT4_FC_UNLINK, 2, 13, "two1");
	fb_next_block(&f->b, f->blocks[2]);
	fb_name(&f->b, EXT4_FC_UNLINK, 2, 14, "sub1");
	fb_tail(&f->b);
	assert_int_equal(scan_and_free(f, 1), one);
	assert_int_equal(scan_and_free(f, 2), one);
	assert_int_equal(scan_and_free(f, 3), 3 * one);
	f->blocks[1][5] ^= 1;
	assert_int_equal(scan_and_free(f, 3), one);
	f->blocks[0][20] ^= 1;
	assert_int_equal(scan_and_free(f, 3), 0);
}

static void records_of_wrong_length_end_the_area(void **state)
{
	struct fixture *f = *state;
	uint8_t value[300] = {0};

	static const struct {
		uint16_t tag, len;
	} cases[] = {
		{EXT4_FC_ADD_RANGE, 15},
		{EXT4_FC_DEL_RANGE, 13},
		{EXT4_FC_LINK, 8},
		{EXT4_FC_CREAT, 264},
		{EXT4_FC_INODE, 131},
		{EXT4_FC_INODE, 261},
		{EXT4_FC_HEAD, 9},
		{10, 4},
		{0, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fb_start(&f->b, f->blocks[0], BLOCK, TID);
		fb_head(&f->b);
		fb_record(&f->b, cases[i].tag, value, cases[i].len);
		fb_tail(&f->b);
		assert_int_equal(scan_and_free(f, 1), 0);
	}
	fb_start(&f->b, f->blocks[0], BLOCK, TID);
	fb_head(&f->b);
	fb_put16(f->blocks[0] + f->b.at, EXT4_FC_PAD);
	fb_put16(f->blocks[0] + f->b.at + 2, BLOCK);
	assert_int_equal(scan_and_free(f, 1), 0);
}

static void unknown_features_are_refused(void **state)
{
	struct fixture *f = *state;
	struct ext4_fc_scan s = {.tid = TID, .inode_size = INODE_SIZE};

	fb_head(&f->b);
	fb_tail(&f->b);
	f->blocks[0][4] = 1;
	assert_int_equal(ext4_fc_scan_block(&s, f->blocks[0], BLOCK), -EOPNOTSUPP);
}

static void without_fast_commits_nothing_changes(void **state)
{
	struct ext4_fc_range range;
	struct ext4_fc_entry entry;
	uint32_t number;

	(void)state;
	assert_false(ext4_fc_patch_inode(NULL, 12, NULL));
	assert_false(ext4_fc_lookup(NULL, 2, "file", 4, &number));
	assert_false(ext4_fc_new_dir(NULL, 2, &number));
	assert_false(ext4_fc_next_entry(NULL, 2, 0, &entry));
	ext4_fc_map(NULL, 12, 5, &range);
	assert_int_equal(range.kind, EXT4_FC_UNCHANGED);
}

static void names_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct ext4_fc_entry entry;

	fb_head(&f->b);
	fb_name(&f->b, EXT4_FC_LINK, 2, 12, "more");
	fb_name(&f->b, EXT4_FC_UNLINK, 2, 13, "two");
	fb_name(&f->b, EXT4_FC_LINK, 2, 12, "again");
	fb_name(&f->b, EXT4_FC_UNLINK, 2, 12, "again");
	fb_name(&f->b, EXT4_FC_LINK, 14, 13, "moved");
	apply(f);
	assert_int_equal(name_of(f, 2, "more"), 12);
	assert_int_equal(name_of(f, 2, "two"), 0);
	assert_int_equal(name_of(f, 2, "again"), 0);
	assert_int_equal(name_of(f, 2, "file"), -1);
	assert_int_equal(name_of(f, 14, "moved"), 13);
	assert_int_equal(links_of(f, 12), 2);
	assert_int_equal(links_of(f, 13), 2);
	assert_true(ext4_fc_next_entry(f->fc, 2, 0, &entry));
	assert_int_equal(entry.inode, 12);
	assert_int_equal(entry.type, DT_REG);
	assert_int_equal(entry.name_len, 4);
	assert_memory_equal(entry.name, "more", 4);
	assert_false(ext4_fc_next_entry(f->fc, 2, entry.cookie, &entry));
	/* A cookie of another directory, and one of none. */
	assert_false(ext4_fc_next_entry(f->fc, 14, entry.cookie, &entry));
	assert_false(ext4_fc_next_entry(f->fc, 2, 1000, &entry));
}

static void link_that_exists_is_not_counted_again(void **state)
{
	struct fixture *f = *state;

	fb_head(&f->b);
	fb_name(&f->b, EXT4_FC_LINK, 2, 12, "file");
	fb_name(&f->b, EXT4_FC_UNLINK, 2, 13, "absent");
	apply(f);
	assert_int_equal(links_of(f, 12), 1);
	assert_int_equal(links_of(f, 13), 2);
	assert_int_equal(name_of(f, 2, "file"), 12);
}

static void name_of_another_file_stays_but_the_link_counts(void **state)
{
	struct fixture *f = *state;

	fb_head(&f->b);
	fb_name(&f->b, EXT4_FC_UNLINK, 2, 13, "file");
	apply(f);
	assert_int_equal(name_of(f, 2, "file"), 12);
	assert_int_equal(links_of(f, 13), 1);
}

static void inode_keeps_its_map_and_takes_the_rest(void **state)
{
	struct fixture *f = *state;
	uint8_t raw[INODE_SIZE];

	fb_head(&f->b);
	fb_inode(&f->b, 12, S_IFREG | 0600, 3, EXTENTS, 0x55, 160);
	fb_inode(&f->b, 12, S_IFREG | 0600, 4, EXTENTS, 0x66, 128);
	apply(f);
	read_inode(NULL, 12, raw);
	assert_true(ext4_fc_patch_inode(f->fc, 12, raw));
	assert_int_equal(raw[0x1a], 4);
	assert_int_equal(raw[0x04], 0x66); /* size */
	assert_int_equal(raw[0x28], 0x0a); /* the map is the volume's */
	assert_int_equal(raw[0x40], 0xee);
	assert_int_equal(raw[0x64], 0x66);
	assert_int_equal(raw[127], 0x66);
	assert_int_equal(raw[128], 0x55); /* the first record was longer */
	assert_int_equal(raw[159], 0x55);
	assert_int_equal(raw[160], 0xee);
}

static void new_file_begins_with_an_empty_tree(void **state)
{
	struct fixture *f = *state;
	struct ext4_fc_range range;
	uint8_t raw[INODE_SIZE];

	fb_head(&f->b);
	fb_inode(&f->b, 15, S_IFREG | 0600, 1, EXTENTS, 0x55, 160);
	fb_add_range(&f->b, 15, 0, 3, 500);
	fb_name(&f->b, EXT4_FC_CREAT, 2, 15, "new");
	apply(f);
	read_inode(NULL, 15, raw);
	assert_true(ext4_fc_patch_inode(f->fc, 15, raw));
	assert_memory_equal(raw + 0x28, "\x0a\xf3\0\0\4\0\0\0\0\0\0\0", 12);
	assert_int_equal(name_of(f, 2, "new"), 15);
	assert_int_equal(links_of(f, 15), 1);
	ext4_fc_map(f->fc, 15, 1, &range);
	assert_int_equal(range.kind, EXT4_FC_MAPPED);
	assert_int_equal(range.physical, 501);
	assert_int_equal(range.count, 2);
}

static void inline_data_come_from_the_record(void **state)
{
	struct fixture *f = *state;
	uint8_t raw[INODE_SIZE];

	fb_head(&f->b);
	fb_inode(&f->b, 12, S_IFREG | 0600, 1, INLINE_DATA, 0x55, 256);
	fb_inode(&f->b, 12, S_IFREG | 0600, 1, INLINE_DATA, 0x66, 256);
	apply(f);
	read_inode(NULL, 12, raw);
	assert_true(ext4_fc_patch_inode(f->fc, 12, raw));
	assert_int_equal(raw[0x28], 0x66);
	assert_int_equal(raw[0x63], 0x66);
	assert_int_equal(raw[255], 0x66);
}

static void file_that_lost_its_last_name_is_empty_when_it_is_made_again(void **state)
{
	struct fixture *f = *state;
	struct ext4_fc_range range;
	uint8_t raw[INODE_SIZE];

	fb_head(&f->b);
	fb_add_range(&f->b, 12, 0, 3, 500);
	fb_name(&f->b, EXT4_FC_UNLINK, 2, 12, "file");
	fb_add_range(&f->b, 12, 0, 3, 600); /* nobody's */
	fb_inode(&f->b, 12, S_IFREG | 0600, 1, EXTENTS, 0x55, 160);
	fb_name(&f->b, EXT4_FC_CREAT, 2, 12, "other");
	apply(f);
	ext4_fc_map(f->fc, 12, 0, &range);
	assert_int_equal(range.kind, EXT4_FC_UNCHANGED);
	read_inode(NULL, 12, raw);
	assert_true(ext4_fc_patch_inode(f->fc, 12, raw));
	assert_int_equal(raw[0x2a], 0);
	assert_int_equal(name_of(f, 2, "file"), 0);
	assert_int_equal(name_of(f, 2, "other"), 12);
}

static void later_ranges_cover_earlier_ones(void **state)
{
	static const struct {
		uint32_t block;
		enum ext4_fc_kind kind;
		uint32_t count, physical;
	} expected[] = {
		{0, EXT4_FC_UNCHANGED, 10, 0}, {10, EXT4_FC_MAPPED, 5, 100},
		{12, EXT4_FC_MAPPED, 3, 102},  {15, EXT4_FC_UNWRITTEN, 3, 305},
		{18, EXT4_FC_HOLE, 4, 0},      {22, EXT4_FC_MAPPED, 3, 212},
		{25, EXT4_FC_MAPPED, 15, 115}, {39, EXT4_FC_MAPPED, 1, 129},
	};
	struct fixture *f = *state;
	struct ext4_fc_range range;

	fb_head(&f->b);
	fb_add_range(&f->b, 12, 10, 30, 100);
	fb_add_range(&f->b, 12, 15, 10, 205);
	fb_del_range(&f->b, 12, 16, 6);
	fb_add_range(&f->b, 12, 15, 32768 + 3, 305);
	/* Joins its neighbour: the same place as the first range. */
	fb_add_range(&f->b, 12, 10, 2, 100);
	apply(f);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		ext4_fc_map(f->fc, 12, expected[i].block, &range);
		assert_int_equal(range.kind, expected[i].kind);
		assert_int_equal(range.count, expected[i].count);
		assert_int_equal(range.physical, expected[i].physical);
	}
	ext4_fc_map(f->fc, 12, 40, &range);
	assert_int_equal(range.kind, EXT4_FC_UNCHANGED);
	ext4_fc_map(f->fc, 13, 10, &range);
	assert_int_equal(range.kind, EXT4_FC_UNCHANGED);
}

static void ranges_outside_the_volume_are_left_out(void **state)
{
	struct fixture *f = *state;
	struct ext4_fc_range range;

	fb_head(&f->b);
	fb_add_range(&f->b, 12, 0, 10, 995);
	fb_add_range(&f->b, 12, 20, 10, UINT64_C(0xffffffffffff));
	fb_add_range(&f->b, 12, UINT32_MAX - 2, 10, 100);
	fb_add_range(&f->b, 12, 30, 1, 0);
	fb_add_range(&f->b, 12, 30, 0, 5);
	apply(f);
	for (uint64_t block = 0; block < 40; block += 10) {
		ext4_fc_map(f->fc, 12, block, &range);
		assert_int_equal(range.kind, EXT4_FC_UNCHANGED);
	}
}

static void new_directory_hides_what_its_blocks_held(void **state)
{
	struct fixture *f = *state;
	uint32_t parent = 0;

	fb_head(&f->b);
	fb_name(&f->b, EXT4_FC_LINK, 14, 12, "gone");
	fb_inode(&f->b, 14, S_IFDIR | 0755, 2, EXTENTS, 0x55, 160);
	fb_name(&f->b, EXT4_FC_CREAT, 2, 14, "fresh");
	fb_name(&f->b, EXT4_FC_LINK, 14, 13, "inside");
	apply(f);
	assert_true(ext4_fc_new_dir(f->fc, 14, &parent));
	assert_int_equal(parent, 2);
	assert_int_equal(name_of(f, 14, "gone"), 0);
	assert_int_equal(name_of(f, 14, "never there"), 0);
	assert_int_equal(name_of(f, 14, "inside"), 13);
	assert_int_equal(links_of(f, 14), 1);
	assert_false(ext4_fc_new_dir(f->fc, 2, &parent));
}

static void records_that_do_not_fit_are_left_out(void **state)
{
	struct fixture *f = *state;

	fb_head(&f->b);
	fb_name(&f->b, EXT4_FC_CREAT, 2, 15, "of a free inode");
	fb_name(&f->b, EXT4_FC_LINK, 2, 1, "reserved");
	fb_name(&f->b, EXT4_FC_LINK, 2, 101, "beyond the last");
	fb_name(&f->b, EXT4_FC_LINK, 2, 99, "unreadable");
	fb_name(&f->b, EXT4_FC_LINK, 12, 13, "in a file");
	fb_inode(&f->b, 0, S_IFREG | 0600, 1, EXTENTS, 0x55, 160);
	apply(f);
	assert_int_equal(name_of(f, 2, "of a free inode"), -1);
	assert_int_equal(name_of(f, 2, "reserved"), -1);
	assert_int_equal(name_of(f, 2, "beyond the last"), -1);
	assert_int_equal(name_of(f, 2, "unreadable"), -1);
	assert_int_equal(name_of(f, 12, "in a file"), -1);
	assert_int_equal(links_of(f, 13), 2);
}

/* The log was scanned before the journal's replay brought a superblock with smaller inodes. */
static void inode_larger_than_those_of_the_volume_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct ext4_fc_base small = base;
	struct ext4_fc_log log;
	uint8_t *raw = malloc(128);

	assert_non_null(raw);
	small.inode_size = 128;
	small.read_inode = read_small_inode;
	fb_head(&f->b);
	fb_inode(&f->b, 12, S_IFREG | 0600, 3, EXTENTS, 0x55, 160);
	fb_tail(&f->b);
	assert_true(scan(f, 1, &log) > 0);
	assert_int_equal(ext4_fc_open(&log, &small, &f->fc), 0);
	assert_int_equal(read_small_inode(NULL, 12, raw), 0);
	assert_false(ext4_fc_patch_inode(f->fc, 12, raw));
	free(raw);
}

static void names_in_a_directory_without_case_are_one(void **state)
{
	struct fixture *f = *state;

	fb_head(&f->b);
	fb_name(&f->b, EXT4_FC_LINK, 16, 13, "Straße");
	fb_name(&f->b, EXT4_FC_LINK, 16, 12, "STRASSE");
	apply(f);
	assert_int_equal(name_of(f, 16, "strasse"), 13);
	assert_int_equal(links_of(f, 12), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(area_without_head_is_empty),
		TEST(records_of_another_transaction_are_stale),
		TEST(commits_count_up_to_the_last_right_tail),
		TEST(records_of_wrong_length_end_the_area),
		TEST(unknown_features_are_refused),
		TEST(without_fast_commits_nothing_changes),
		TEST(names_come_and_go),
		TEST(link_that_exists_is_not_counted_again),
		TEST(name_of_another_file_stays_but_the_link_counts),
		TEST(inode_keeps_its_map_and_takes_the_rest),
		TEST(new_file_begins_with_an_empty_tree),
		TEST(inline_data_come_from_the_record),
		TEST(file_that_lost_its_last_name_is_empty_when_it_is_made_again),
		TEST(later_ranges_cover_earlier_ones),
		TEST(ranges_outside_the_volume_are_left_out),
		TEST(new_directory_hides_what_its_blocks_held),
		TEST(records_that_do_not_fit_are_left_out),
		TEST(inode_larger_than_those_of_the_volume_is_left_out),
		TEST(names_in_a_directory_without_case_are_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
