/* SPDX-License-Identifier: MIT */
/* MBR tables made by hand: numbers, chains, and what only looks like a table. */
#include "support/unit.h"

#include <stdlib.h>

#include "base/log.h"
#include "partition/partition.h"

#define SECTOR 512u
#define SECTORS 4096u

struct fixture {
	uint8_t *disk;
	struct image *img;
	struct partition_table table;
	unsigned int warnings;
};

static void count_warning(void *ctx, enum log_level level, const char *line)
{
	struct fixture *f = ctx;

	(void)line;
	if (level == LOG_LEVEL_WARN)
		f->warnings++;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->disk = calloc(SECTORS, SECTOR);
	image_memory(f->disk, SECTORS * SECTOR, &f->img);
	log_set_sink(count_warning, f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	log_set_sink(NULL, NULL);
	partition_table_finish(&f->table);
	image_close(f->img);
	free(f->disk);
	free(f);
	return 0;
}

static void put32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static void put_entry(struct fixture *f, uint32_t sector, int slot, uint8_t type, uint32_t start,
		      uint32_t size)
{
	uint8_t *p = f->disk + (size_t)sector * SECTOR + 0x1be + 16 * slot;

	p[4] = type;
	put32(p + 8, start);
	put32(p + 12, size);
	f->disk[(size_t)sector * SECTOR + 510] = 0x55;
	f->disk[(size_t)sector * SECTOR + 511] = 0xaa;
}

static void put_ext(struct fixture *f, size_t start)
{
	uint8_t *sb = f->disk + start + 1024;

	put32(sb, 16);
	put32(sb + 4, 64);
	put32(sb + 0x20, 8192);
	sb[0x38] = 0x53;
	sb[0x39] = 0xef;
}

static void put_fat(struct fixture *f, size_t start, const char *type)
{
	uint8_t *p = f->disk + start;

	memcpy(p, "\xeb\x3c\x90mkfs.fat", 11);
	p[0x0c] = 2; /* 512 */
	p[0x0d] = 4; /* sectors per cluster */
	p[0x0e] = 1; /* reserved */
	p[0x10] = 2; /* FATs */
	p[0x14] = 0x10; /* 4096 sectors */
	p[0x15] = 0xf8;
	p[0x16] = 4; /* sectors per FAT */
	memcpy(p + 0x36, type, strlen(type));
	p[510] = 0x55;
	p[511] = 0xaa;
}

static void scan(struct fixture *f)
{
	partition_table_finish(&f->table);
	f->warnings = 0;
	assert_int_equal(partition_scan(f->img, &f->table), 0);
}

static void assert_partition(const struct fixture *f, unsigned int number, uint64_t start,
			     uint64_t size)
{
	const struct partition *p = partition_find(&f->table, number);

	assert_non_null(p);
	assert_int_equal(p->start, start * SECTOR);
	assert_int_equal(p->size, size * SECTOR);
}

static void primaries_keep_the_number_of_their_slot(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 1, 0x0c, 8, 100);
	put_entry(f, 0, 3, 0x83, 200, 300);
	f->disk[0x1be + 16] = 0x80;
	put32(f->disk + 0x1b8, 0x036cb716);
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_MBR);
	assert_string_equal(f->table.disk_id, "036cb716");
	assert_int_equal(f->table.count, 2);
	assert_partition(f, 2, 8, 100);
	assert_partition(f, 4, 200, 300);
	assert_true(partition_find(&f->table, 2)->bootable);
	assert_false(partition_find(&f->table, 4)->bootable);
	assert_string_equal(partition_find(&f->table, 4)->partuuid, "036cb716-04");
	assert_string_equal(partition_type_name(partition_find(&f->table, 2)), "W95 FAT32 (LBA)");
	assert_int_equal(f->warnings, 0);
}

static void without_a_disk_signature_there_is_no_partuuid(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x83, 8, 100);
	scan(f);
	assert_string_equal(f->table.disk_id, "");
	assert_string_equal(partition_find(&f->table, 1)->partuuid, "");
}

static void logicals_are_counted_from_five_along_the_chain(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x0f, 100, 1000);
	put_entry(f, 100, 0, 0x83, 2, 50); /* 102 */
	put_entry(f, 100, 1, 0x05, 300, 100); /* link at 400 */
	put_entry(f, 400, 0, 0x00, 0, 0); /* an empty link */
	put_entry(f, 400, 1, 0x05, 200, 100); /* link at 300, backwards */
	put_entry(f, 300, 0, 0x83, 10, 20); /* 310 */
	scan(f);
	assert_int_equal(f->table.count, 3);
	assert_true(partition_is_extended(partition_find(&f->table, 1)));
	assert_partition(f, 5, 102, 50);
	assert_partition(f, 6, 310, 20);
	assert_int_equal(f->warnings, 0);
}

static void garbage_in_the_third_entry_of_a_link_is_skipped(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x05, 100, 1000);
	put_entry(f, 100, 0, 0x83, 2, 50);
	put_entry(f, 100, 2, 0x83, 0xffffff00, 0xffffff00);
	put_entry(f, 100, 3, 0x83, 60, 20);
	scan(f);
	assert_int_equal(f->table.count, 3);
	assert_partition(f, 5, 102, 50);
	assert_partition(f, 6, 160, 20);
}

static void a_loop_in_the_chain_ends_with_a_warning(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x05, 100, 1000);
	put_entry(f, 100, 0, 0x83, 2, 50);
	put_entry(f, 100, 1, 0x05, 100, 100);
	put_entry(f, 200, 0, 0x83, 2, 50);
	put_entry(f, 200, 1, 0x05, 0, 100); /* back to the first link */
	scan(f);
	assert_int_equal(f->table.count, 3);
	assert_int_equal(f->warnings, 1);
}

static void two_extended_partitions_that_share_a_chain_do_not_repeat_it(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x05, 100, 1000);
	put_entry(f, 0, 1, 0x85, 100, 1000);
	put_entry(f, 100, 0, 0x83, 2, 50);
	scan(f);
	assert_int_equal(f->table.count, 3);
	assert_int_equal(f->warnings, 1);
}

static void a_chain_ends_after_128_logicals(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x05, 1, 4000);
	for (uint32_t i = 0; i < 200; i++) {
		put_entry(f, 1 + 10 * i, 0, 0x83, 1, 5);
		put_entry(f, 1 + 10 * i, 1, 0x05, 10 * (i + 1), 10);
	}
	scan(f);
	assert_int_equal(f->table.count, 1 + 128);
	assert_non_null(partition_find(&f->table, 132));
	assert_null(partition_find(&f->table, 133));
	assert_int_equal(f->warnings, 1);
}

static void a_chain_of_empty_links_ends(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x05, 1, 4000);
	for (uint32_t i = 0; i < 4000; i++)
		put_entry(f, 1 + i, 1, 0x05, i + 1, 10);
	scan(f);
	assert_int_equal(f->table.count, 1);
	assert_int_equal(f->warnings, 1);
}

static void a_damaged_link_ends_the_chain_with_a_warning(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x05, 100, 1000);
	put_entry(f, 100, 0, 0x83, 2, 50);
	put_entry(f, 100, 1, 0x05, 700, 100);
	scan(f);
	assert_int_equal(f->table.count, 2);
	assert_int_equal(f->warnings, 1);
}

static void entries_beyond_the_end_are_listed_and_flagged(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x83, 8, SECTORS);
	put_entry(f, 0, 1, 0x83, 0xffffffff, 0xffffffff);
	put_entry(f, 0, 2, 0x83, 8, SECTORS - 8);
	scan(f);
	assert_int_equal(f->table.count, 3);
	assert_true(partition_find(&f->table, 1)->beyond_end);
	assert_true(partition_find(&f->table, 2)->beyond_end);
	assert_false(partition_find(&f->table, 3)->beyond_end);
}

static void overlapping_partitions_are_listed_with_a_warning(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x83, 8, 100);
	put_entry(f, 0, 1, 0x83, 107, 100);
	scan(f);
	assert_int_equal(f->table.count, 2);
	assert_int_equal(f->warnings, 1);
	put_entry(f, 0, 1, 0x83, 108, 100);
	scan(f);
	assert_int_equal(f->warnings, 0);
}

static void no_table_is_one_partition_with_number_zero(void **state)
{
	struct fixture *f = *state;

	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_NONE);
	assert_int_equal(f->table.count, 1);
	assert_partition(f, 0, 0, SECTORS);
	assert_int_equal(f->warnings, 0);
}

static void a_table_without_entries_has_none(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0, 0, 0);
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_MBR);
	assert_int_equal(f->table.count, 0);
}

static void a_fat_boot_sector_is_not_a_table(void **state)
{
	struct fixture *f = *state;

	put_fat(f, 0, "FAT16   ");
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_NONE);
	/* not even where its boot code looks like an entry */
	put_entry(f, 0, 0, 0x83, 8, 100);
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_NONE);
}

static void a_table_behind_old_boot_code_is_a_table(void **state)
{
	struct fixture *f = *state;

	put_fat(f, 0, "");
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_NONE);
	put_entry(f, 0, 0, 0x83, 8, 100);
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_MBR);
	f->disk[0x1be] = 0x12; /* no active flag */
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_NONE);
}

static void boot_code_before_an_ext_superblock_is_not_a_table(void **state)
{
	struct fixture *f = *state;

	put_ext(f, 0);
	put_entry(f, 0, 0, 0, 0, 0);
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_NONE);
	put_entry(f, 0, 0, 0x17, 0x12345678, 0x12345678);
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_NONE);
	/* but a forgotten superblock does not hide a good table */
	put_entry(f, 0, 0, 0x83, 8, 100);
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_MBR);
}

static void large_sectors_are_tried_where_small_ones_show_nothing(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x83, 16, 32);
	scan(f);
	assert_int_equal(f->table.sector_size, 512);
	put_ext(f, 16 * 4096);
	scan(f);
	assert_int_equal(f->table.sector_size, 4096);
	assert_partition(f, 1, 16 * 8, 32 * 8);
	put_ext(f, 16 * 512);
	scan(f);
	assert_int_equal(f->table.sector_size, 512);
}

static void a_device_tells_its_sector_size(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 0, 0, 0x83, 16, 32);
	put_ext(f, 16 * 512);
	f->img->sector_size = 4096;
	scan(f);
	assert_int_equal(f->table.sector_size, 4096);
	assert_partition(f, 1, 16 * 8, 32 * 8);
}

static void images_of_a_few_bytes_have_no_table(void **state)
{
	struct fixture *f = *state;

	for (size_t size = 0; size < 2048; size += 73) {
		f->img->size = size;
		scan(f);
		assert_int_equal(f->table.count, 1);
		assert_int_equal(f->table.partitions[0].size, size);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(primaries_keep_the_number_of_their_slot),
		TEST(without_a_disk_signature_there_is_no_partuuid),
		TEST(logicals_are_counted_from_five_along_the_chain),
		TEST(garbage_in_the_third_entry_of_a_link_is_skipped),
		TEST(a_loop_in_the_chain_ends_with_a_warning),
		TEST(two_extended_partitions_that_share_a_chain_do_not_repeat_it),
		TEST(a_chain_ends_after_128_logicals),
		TEST(a_chain_of_empty_links_ends),
		TEST(a_damaged_link_ends_the_chain_with_a_warning),
		TEST(entries_beyond_the_end_are_listed_and_flagged),
		TEST(overlapping_partitions_are_listed_with_a_warning),
		TEST(no_table_is_one_partition_with_number_zero),
		TEST(a_table_without_entries_has_none),
		TEST(a_fat_boot_sector_is_not_a_table),
		TEST(a_table_behind_old_boot_code_is_a_table),
		TEST(boot_code_before_an_ext_superblock_is_not_a_table),
		TEST(large_sectors_are_tried_where_small_ones_show_nothing),
		TEST(a_device_tells_its_sector_size),
		TEST(images_of_a_few_bytes_have_no_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
