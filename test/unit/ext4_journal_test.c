/* SPDX-License-Identifier: MIT */
/* Journals made in memory, replayed, and read block by block. */
#include "support/unit.h"

#include <errno.h>

#include "base/log.h"
#include "ext4/ext4_journal.h"
#include "support/journal_builder.h"

#define ALL_BLOCKS JB_JOURNAL_BLOCKS

struct fixture {
	struct journal_builder b;
	struct image *img;
	struct ext4_journal_where where;
	struct ext4_journal_replay done;
};

static int map_block(void *ctx, uint64_t logical, uint64_t *out_physical, uint32_t *out_count)
{
	(void)ctx;
	if (logical >= ALL_BLOCKS)
		return -EUCLEAN;
	*out_physical = jb_place((uint32_t)logical);
	*out_count = logical < 8 ? 8 - (uint32_t)logical : 1;
	return 0;
}

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
	assert_int_equal(image_memory(f->b.volume, sizeof(f->b.volume), &f->img), 0);
	f->where = (struct ext4_journal_where){
		.img = f->img,
		.block_size = JB_BLOCK,
		.fs_blocks = JB_FS_BLOCKS,
		.journal_blocks = JB_JOURNAL_BLOCKS,
		.map = map_block,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ext4_journal_replay_finish(&f->done);
	image_close(f->img);
	free(f);
	log_set_sink(NULL, NULL);
	return 0;
}

static int open_journal(struct fixture *f)
{
	ext4_journal_replay_finish(&f->done);
	return ext4_journal_open(&f->where, &f->done);
}

/* Byte 500 of a block as it is after the replay. */
static int seen(struct fixture *f, uint32_t block)
{
	uint8_t byte;

	assert_int_equal(image_read_at(f->done.view ? f->done.view : f->img, &byte, 1,
				       block * JB_BLOCK + 500),
			 0);
	return byte;
}

static void transaction(struct journal_builder *b, uint64_t block, uint8_t fill)
{
	struct jb_change change = {block, fill, false};

	jb_descriptor(b, &change, 1);
	jb_commit(b);
}

static const struct {
	uint32_t compat, incompat;
} formats[] = {
	{0, 0},
	{0, JBD2_INCOMPAT_REVOKE},
	{JBD2_COMPAT_CHECKSUM, JBD2_INCOMPAT_REVOKE},
	{0, JBD2_INCOMPAT_REVOKE | JBD2_INCOMPAT_64BIT},
	{JBD2_COMPAT_CHECKSUM, JBD2_INCOMPAT_64BIT | JBD2_INCOMPAT_ASYNC_COMMIT},
	{0, JBD2_INCOMPAT_CSUM_V2 | JBD2_INCOMPAT_REVOKE},
	{0, JBD2_INCOMPAT_CSUM_V2 | JBD2_INCOMPAT_64BIT},
	{0, JBD2_INCOMPAT_CSUM_V3},
	{0, JBD2_INCOMPAT_CSUM_V3 | JBD2_INCOMPAT_64BIT | JBD2_INCOMPAT_REVOKE},
	{0, JBD2_INCOMPAT_CSUM_V3 | JBD2_INCOMPAT_64BIT | JBD2_INCOMPAT_FAST_COMMIT},
};

static void empty_journal_needs_no_view(void **state)
{
	struct fixture *f = *state;

	jb_start(&f->b, 0, JBD2_INCOMPAT_CSUM_V3, 0, 7);
	assert_int_equal(open_journal(f), 0);
	assert_null(f->done.view);
	assert_false(f->done.dirty);
}

static void every_format_is_replayed(void **state)
{
	static const struct jb_change first[] = {{5, 0x51, false}, {9, 0x91, false}};
	static const struct jb_change second[] = {{10, 0xa2, false}, {5, 0x52, false}};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		jb_start(&f->b, formats[i].compat, formats[i].incompat, 1, 7);
		jb_descriptor(&f->b, first, 2);
		jb_commit(&f->b);
		jb_descriptor(&f->b, second, 1);
		jb_descriptor(&f->b, second + 1, 1);
		jb_commit(&f->b);
		assert_int_equal(open_journal(f), 0);
		assert_true(f->done.dirty);
		assert_int_equal(f->done.transactions, 2);
		assert_int_equal(f->done.blocks, 3);
		assert_int_equal(seen(f, 5), 0x52);
		assert_int_equal(seen(f, 9), 0x91);
		assert_int_equal(seen(f, 10), 0xa2);
		assert_int_equal(seen(f, 6), 6);
		assert_int_equal(seen(f, JB_FS_BLOCKS - 1), JB_FS_BLOCKS - 1);
	}
}

static void view_reads_any_range_as_a_whole_copy_would(void **state)
{
	static const struct jb_change changes[] = {
		{5, 0x51, false}, {6, 0x61, true}, {8, 0x81, true}, {0, 0x01, false}};
	static uint8_t expected[JB_FS_BLOCKS * JB_BLOCK], got[12 * JB_BLOCK];
	static const uint8_t magic[4] = {0xc0, 0x3b, 0x39, 0x98};
	struct fixture *f = *state;

	jb_start(&f->b, 0, JBD2_INCOMPAT_CSUM_V3, 3, 7);
	jb_descriptor(&f->b, changes, 4);
	jb_commit(&f->b);
	assert_int_equal(open_journal(f), 0);
	memcpy(expected, f->b.volume, sizeof(expected));
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		memset(expected + changes[i].block * JB_BLOCK, changes[i].fill, JB_BLOCK);
		if (changes[i].escape)
			memcpy(expected + changes[i].block * JB_BLOCK, magic, 4);
	}
	for (size_t offset = 0; offset < 11 * JB_BLOCK; offset += 341) {
		for (size_t len = 1; len <= sizeof(got); len = len * 3 + 1) {
			assert_int_equal(image_read_at(f->done.view, got, len, offset), 0);
			assert_memory_equal(got, expected + offset, len);
		}
	}
	/* The four bytes of the magic number, one by one and in pairs. */
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(image_read_at(f->done.view, got, 2, 8 * JB_BLOCK + i), 0);
		assert_memory_equal(got, expected + 8 * JB_BLOCK + i, 2);
	}
	assert_int_equal(image_read_at(f->done.view, got, 2, sizeof(expected) - 1), -ERANGE);
}

static void log_wraps_around_its_end(void **state)
{
	static const struct jb_change changes[] = {
		{5, 0x51, false}, {6, 0x61, false}, {7, 0x71, false}, {8, 0x81, false}};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		jb_start(&f->b, formats[i].compat, formats[i].incompat, 1, 7);
		for (uint32_t start = f->b.last - 6; start < f->b.last; start++) {
			jb_start(&f->b, formats[i].compat, formats[i].incompat, start, 7);
			jb_descriptor(&f->b, changes, 4);
			jb_commit(&f->b);
			transaction(&f->b, 6, 0x62);
			assert_int_equal(open_journal(f), 0);
			assert_int_equal(f->done.transactions, 2);
			assert_int_equal(seen(f, 5), 0x51);
			assert_int_equal(seen(f, 6), 0x62);
			assert_int_equal(seen(f, 8), 0x81);
		}
	}
}

static void sequence_numbers_wrap(void **state)
{
	struct fixture *f = *state;
	uint64_t revoked = 5;

	jb_start(&f->b, 0, JBD2_INCOMPAT_REVOKE, 1, UINT32_MAX);
	transaction(&f->b, 5, 0x51);
	transaction(&f->b, 6, 0x61);
	jb_revoke(&f->b, &revoked, 1);
	jb_commit(&f->b);
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(f->done.transactions, 3);
	assert_int_equal(seen(f, 5), 5);
	assert_int_equal(seen(f, 6), 0x61);
}

static void revoked_blocks_stay_as_they_are(void **state)
{
	static const uint64_t revoked[] = {5, 6, 40};
	struct fixture *f = *state;

	for (size_t i = 1; i < ARRAY_SIZE(formats); i++) {
		jb_start(&f->b, formats[i].compat, formats[i].incompat, 4, 7);
		transaction(&f->b, 5, 0x51);
		jb_revoke(&f->b, revoked, 3);
		transaction(&f->b, 6, 0x61); /* its own transaction's revocation covers it */
		transaction(&f->b, 5, 0x52); /* a later one does not */
		assert_int_equal(open_journal(f), 0);
		assert_int_equal(f->done.transactions, 3);
		assert_int_equal(seen(f, 5), 0x52);
		assert_int_equal(seen(f, 6), 6);
	}
}

static void revocation_without_commit_is_void(void **state)
{
	static const uint64_t revoked[] = {5};
	struct fixture *f = *state;

	jb_start(&f->b, 0, JBD2_INCOMPAT_REVOKE, 1, 7);
	transaction(&f->b, 5, 0x51);
	jb_revoke(&f->b, revoked, 1);
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(seen(f, 5), 0x51);
}

static void transaction_without_commit_block_is_void(void **state)
{
	static const struct jb_change torn = {5, 0x52, false};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		jb_start(&f->b, formats[i].compat, formats[i].incompat, 1, 7);
		transaction(&f->b, 5, 0x51);
		jb_descriptor(&f->b, &torn, 1);
		assert_int_equal(open_journal(f), 0);
		assert_int_equal(f->done.transactions, 1);
		assert_int_equal(seen(f, 5), 0x51);
	}
}

static void old_log_behind_the_end_is_not_replayed(void **state)
{
	struct fixture *f = *state;

	jb_start(&f->b, 0, JBD2_INCOMPAT_CSUM_V3, 1, 3);
	for (int i = 0; i < 4; i++)
		transaction(&f->b, 5, 0x50);
	/* The log begins anew over it, as after a checkpoint. */
	f->b.at = 1;
	f->b.sequence = 9;
	jb_put32(jb_block(&f->b, 0) + 0x18, 9);
	jb_superblock_sum(&f->b);
	transaction(&f->b, 6, 0x61);
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(f->done.transactions, 1);
	assert_int_equal(seen(f, 5), 5);
	assert_int_equal(seen(f, 6), 0x61);
}

static void commit_with_wrong_checksum_ends_the_log(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		uint8_t *commit;
		struct jb_change change = {5, 0x52, false};

		if (!formats[i].compat &&
		    !(formats[i].incompat & (JBD2_INCOMPAT_CSUM_V2 | JBD2_INCOMPAT_CSUM_V3)))
			continue;
		jb_start(&f->b, formats[i].compat, formats[i].incompat, 1, 7);
		transaction(&f->b, 5, 0x51);
		jb_descriptor(&f->b, &change, 1);
		commit = jb_commit(&f->b);
		commit[0x10] ^= 1;
		transaction(&f->b, 6, 0x61);
		assert_int_equal(open_journal(f), 0);
		assert_int_equal(f->done.transactions, 1);
		assert_int_equal(seen(f, 5), 0x51);
		assert_int_equal(seen(f, 6), 6);
	}
}

static void commit_without_checksum_is_taken_in_version_1(void **state)
{
	struct fixture *f = *state;
	struct jb_change change = {5, 0x52, false};
	uint8_t *commit;

	jb_start(&f->b, JBD2_COMPAT_CHECKSUM, 0, 1, 7);
	jb_descriptor(&f->b, &change, 1);
	commit = jb_commit(&f->b);
	memset(commit + 0x0c, 0, 8);
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(seen(f, 5), 0x52);
}

static void version_1_checksum_covers_the_data(void **state)
{
	struct fixture *f = *state;

	jb_start(&f->b, JBD2_COMPAT_CHECKSUM, 0, 1, 7);
	transaction(&f->b, 5, 0x51);
	transaction(&f->b, 6, 0x61);
	jb_block(&f->b, 5)[100] ^= 1;
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(f->done.transactions, 1);
	assert_int_equal(seen(f, 6), 6);
}

static void half_written_commit_block_is_taken(void **state)
{
	struct fixture *f = *state;
	struct jb_change change = {5, 0x52, false};
	uint8_t *commit;

	jb_start(&f->b, 0, JBD2_INCOMPAT_CSUM_V3, 1, 7);
	jb_descriptor(&f->b, &change, 1);
	commit = jb_commit(&f->b);
	memset(commit + 512, 0xee, 512); /* the second sector kept what was there before */
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(seen(f, 5), 0x52);
}

static void wrong_descriptor_in_a_complete_transaction_is_damage(void **state)
{
	struct fixture *f = *state;

	for (int version = 2; version <= 3; version++) {
		jb_start(&f->b, 0, version == 2 ? JBD2_INCOMPAT_CSUM_V2 : JBD2_INCOMPAT_CSUM_V3, 1,
			 7);
		transaction(&f->b, 5, 0x51);
		transaction(&f->b, 6, 0x61);
		jb_block(&f->b, 4)[600] ^= 1;
		assert_int_equal(open_journal(f), -EBADMSG);
		f->where.nocheck = true;
		assert_int_equal(open_journal(f), 0);
		assert_int_equal(seen(f, 5), 0x51);
		assert_int_equal(seen(f, 6), 6);
		f->where.nocheck = false;
	}
}

static void wrong_descriptor_older_than_the_log_is_its_end(void **state)
{
	struct fixture *f = *state;

	jb_start(&f->b, 0, JBD2_INCOMPAT_CSUM_V3, 1, 7);
	transaction(&f->b, 5, 0x51);
	f->b.seconds = 10;
	transaction(&f->b, 6, 0x61);
	jb_block(&f->b, 4)[600] ^= 1;
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(f->done.transactions, 1);
	assert_int_equal(seen(f, 6), 6);
}

static void wrong_data_in_a_complete_transaction_are_damage(void **state)
{
	struct fixture *f = *state;

	for (int version = 2; version <= 3; version++) {
		jb_start(&f->b, 0, version == 2 ? JBD2_INCOMPAT_CSUM_V2 : JBD2_INCOMPAT_CSUM_V3, 1,
			 7);
		transaction(&f->b, 5, 0x51);
		transaction(&f->b, 5, 0x52);
		jb_block(&f->b, 5)[600] ^= 1;
		assert_int_equal(open_journal(f), -EBADMSG);
		f->where.nocheck = true;
		assert_int_equal(open_journal(f), 0);
		assert_int_equal(seen(f, 5), 0x51);
		f->where.nocheck = false;
	}
}

static void wrong_data_that_are_revoked_do_no_harm(void **state)
{
	static const uint64_t revoked[] = {5};
	struct fixture *f = *state;

	jb_start(&f->b, 0, JBD2_INCOMPAT_CSUM_V3 | JBD2_INCOMPAT_REVOKE, 1, 7);
	transaction(&f->b, 5, 0x51);
	jb_revoke(&f->b, revoked, 1);
	jb_commit(&f->b);
	jb_block(&f->b, 2)[600] ^= 1;
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(seen(f, 5), 5);
}

static void superblock_of_version_1_is_read(void **state)
{
	struct fixture *f = *state;

	jb_start(&f->b, 0, 0, 1, 7);
	transaction(&f->b, 5, 0x51);
	jb_put32(jb_block(&f->b, 0) + 4, JBD2_SUPERBLOCK_V1);
	jb_put32(jb_block(&f->b, 0) + 0x28, 0xffffffffu); /* means nothing there */
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(seen(f, 5), 0x51);
}

static void error_left_by_the_kernel_is_noted(void **state)
{
	struct fixture *f = *state;

	jb_start(&f->b, 0, 0, 0, 7);
	jb_put32(jb_block(&f->b, 0) + 0x20, 5);
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(f->done.error, 5);
}

static void damaged_superblocks_are_refused(void **state)
{
	static const struct {
		uint32_t at, value;
		int expected;
	} cases[] = {
		{0x00, 0x12345678, -EUCLEAN}, /* magic */
		{0x04, JBD2_COMMIT, -EUCLEAN}, /* type */
		{0x0c, 4096, -EUCLEAN}, /* block size */
		{0x10, JB_JOURNAL_BLOCKS + 1, -EUCLEAN},
		{0x10, 0xffffffff, -EUCLEAN},
		{0x10, 0, -EUCLEAN},
		{0x14, 0, -EUCLEAN}, /* first */
		{0x14, JB_JOURNAL_BLOCKS, -EUCLEAN},
		{0x1c, JB_JOURNAL_BLOCKS, -EUCLEAN}, /* start */
		{0x28, 0x40, -EOPNOTSUPP},
		{0x2c, 0x1, -EOPNOTSUPP},
		{0x28, JBD2_INCOMPAT_CSUM_V2 | JBD2_INCOMPAT_CSUM_V3, -EUCLEAN},
		{0x50, 0x01000000, -EOPNOTSUPP}, /* checksum type */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		jb_start(&f->b, 0, JBD2_INCOMPAT_CSUM_V3, 1, 7);
		transaction(&f->b, 5, 0x51);
		jb_put32(jb_block(&f->b, 0) + cases[i].at, cases[i].value);
		jb_superblock_sum(&f->b);
		assert_int_equal(open_journal(f), cases[i].expected);
	}
	jb_start(&f->b, 0, JBD2_INCOMPAT_CSUM_V3, 1, 7);
	jb_block(&f->b, 0)[0x200] ^= 1;
	assert_int_equal(open_journal(f), -EBADMSG);
	f->where.nocheck = true;
	assert_int_equal(open_journal(f), 0);
}

static void tag_outside_the_volume_is_damage(void **state)
{
	struct fixture *f = *state;

	jb_start(&f->b, 0, JBD2_INCOMPAT_64BIT, 1, 7);
	transaction(&f->b, UINT64_C(0x500000005), 0x51);
	assert_int_equal(open_journal(f), -EUCLEAN);
	jb_start(&f->b, 0, JBD2_INCOMPAT_64BIT, 1, 7);
	transaction(&f->b, JB_FS_BLOCKS, 0x51);
	assert_int_equal(open_journal(f), -EUCLEAN);
	/* Without the 64-bit feature the high half is not there. */
	jb_start(&f->b, 0, 0, 1, 7);
	transaction(&f->b, UINT64_C(0x500000005), 0x51);
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(seen(f, 5), 0x51);
}

static void revoke_block_that_claims_too_much_is_damage(void **state)
{
	static const uint64_t revoked[] = {5};
	struct fixture *f = *state;
	uint8_t *block;

	jb_start(&f->b, 0, JBD2_INCOMPAT_REVOKE, 1, 7);
	transaction(&f->b, 5, 0x51);
	block = jb_revoke(&f->b, revoked, 1);
	jb_commit(&f->b);
	jb_put32(block + 12, JB_BLOCK + 1);
	assert_int_equal(open_journal(f), -EUCLEAN);
}

static void descriptor_longer_than_the_log_is_damage(void **state)
{
	struct fixture *f = *state;
	uint8_t *descriptor;

	jb_start(&f->b, 0, 0, 1, 7);
	descriptor = jb_next(&f->b, JBD2_DESCRIPTOR);
	/* Tags to the end of the block, none of them the last: 126 blocks in a log of 19. */
	for (size_t i = 12; i + 8 <= JB_BLOCK; i += 8)
		jb_put32(descriptor + i + 4, JBD2_TAG_SAME_UUID);
	assert_int_equal(open_journal(f), -EUCLEAN);
}

static void full_log_ends_where_it_began(void **state)
{
	struct fixture *f = *state;

	/* Empty transactions, one commit block each, fill the area; the next number would be 0x1a. */
	jb_start(&f->b, 0, 0, 1, 7);
	for (uint32_t i = 1; i < JB_JOURNAL_BLOCKS; i++)
		jb_commit(&f->b);
	assert_int_equal(open_journal(f), 0);
	assert_int_equal(f->done.transactions, JB_JOURNAL_BLOCKS - 1);
	assert_null(f->done.view);
}

static int map_hole(void *ctx, uint64_t logical, uint64_t *out_physical, uint32_t *out_count)
{
	int err = map_block(ctx, logical, out_physical, out_count);

	if (logical >= 8)
		*out_count = 0;
	return err;
}

static int map_outside(void *ctx, uint64_t logical, uint64_t *out_physical, uint32_t *out_count)
{
	int err = map_block(ctx, logical, out_physical, out_count);

	if (logical >= 8)
		*out_physical = UINT64_MAX;
	return err;
}

static int map_twice(void *ctx, uint64_t logical, uint64_t *out_physical, uint32_t *out_count)
{
	return map_block(ctx, logical % 8, out_physical, out_count);
}

static int map_first_only(void *ctx, uint64_t logical, uint64_t *out_physical, uint32_t *out_count)
{
	return logical ? -ENOTSUP : map_block(ctx, logical, out_physical, out_count);
}

static void journal_that_shows_a_block_twice_is_damage(void **state)
{
	struct fixture *f = *state;

	jb_start(&f->b, 0, 0, 1, 7);
	transaction(&f->b, 5, 0x51);
	f->where.map = map_twice;
	assert_int_equal(open_journal(f), -EUCLEAN);
}

static void journal_with_more_blocks_than_the_image_is_damage_unread(void **state)
{
	struct fixture *f = *state;

	jb_start(&f->b, 0, 0, 1, 7);
	transaction(&f->b, 5, 0x51);
	jb_put32(jb_block(&f->b, 0) + 0x10, JB_FS_BLOCKS + 1);
	f->where.fs_blocks = UINT32_MAX;
	f->where.journal_blocks = UINT32_MAX;
	f->where.map = map_first_only;
	assert_int_equal(open_journal(f), -EUCLEAN);
}

static void journal_with_holes_or_outside_is_damage(void **state)
{
	struct fixture *f = *state;

	jb_start(&f->b, 0, 0, 1, 7);
	transaction(&f->b, 5, 0x51);
	f->where.map = map_hole;
	assert_int_equal(open_journal(f), -EUCLEAN);
	f->where.map = map_outside;
	assert_int_equal(open_journal(f), -EUCLEAN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(empty_journal_needs_no_view),
		TEST(every_format_is_replayed),
		TEST(view_reads_any_range_as_a_whole_copy_would),
		TEST(log_wraps_around_its_end),
		TEST(sequence_numbers_wrap),
		TEST(revoked_blocks_stay_as_they_are),
		TEST(revocation_without_commit_is_void),
		TEST(transaction_without_commit_block_is_void),
		TEST(old_log_behind_the_end_is_not_replayed),
		TEST(commit_with_wrong_checksum_ends_the_log),
		TEST(commit_without_checksum_is_taken_in_version_1),
		TEST(version_1_checksum_covers_the_data),
		TEST(half_written_commit_block_is_taken),
		TEST(wrong_descriptor_in_a_complete_transaction_is_damage),
		TEST(wrong_descriptor_older_than_the_log_is_its_end),
		TEST(wrong_data_in_a_complete_transaction_are_damage),
		TEST(wrong_data_that_are_revoked_do_no_harm),
		TEST(superblock_of_version_1_is_read),
		TEST(error_left_by_the_kernel_is_noted),
		TEST(damaged_superblocks_are_refused),
		TEST(tag_outside_the_volume_is_damage),
		TEST(revoke_block_that_claims_too_much_is_damage),
		TEST(descriptor_longer_than_the_log_is_damage),
		TEST(full_log_ends_where_it_began),
		TEST(journal_that_shows_a_block_twice_is_damage),
		TEST(journal_with_more_blocks_than_the_image_is_damage_unread),
		TEST(journal_with_holes_or_outside_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
