/* SPDX-License-Identifier: MIT */
/* GUID partition tables made by hand: checksums, the backup, and numbers that lie. */
#include "support/unit.h"

#include <stdlib.h>

#include "base/log.h"
#include "partition/partition.h"
#include "support/gpt_seal.h"

#define SECTORS 512u
#define ENTRIES 16u

struct fixture {
	uint8_t *disk;
	uint32_t sector_size;
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

static uint8_t *header(struct fixture *f, uint64_t lba)
{
	return f->disk + lba * f->sector_size;
}

static uint8_t *entry(struct fixture *f, uint64_t lba, unsigned int number)
{
	uint64_t entries = le64_at(header(f, lba) + 0x48);

	return f->disk + entries * f->sector_size +
	       (number - 1) * (size_t)le32_at(header(f, lba) + 0x54);
}

static void seal(struct fixture *f)
{
	gpt_seal(f->disk, SECTORS * f->sector_size, 1, f->sector_size);
	gpt_seal(f->disk, SECTORS * f->sector_size, SECTORS - 1, f->sector_size);
}

static void put_header(struct fixture *f, uint64_t lba, uint64_t other, uint64_t entries)
{
	uint8_t *p = header(f, lba);

	memcpy(p, "EFI PART\0\0\1\0", 12);
	gpt_put32(p + 0x0c, 92);
	gpt_put64(p + 0x18, lba);
	gpt_put64(p + 0x20, other);
	gpt_put64(p + 0x28, 34);
	gpt_put64(p + 0x30, SECTORS - 34);
	for (uint8_t i = 0; i < 16; i++)
		p[0x38 + i] = i;
	gpt_put64(p + 0x48, entries);
	gpt_put32(p + 0x50, ENTRIES);
	gpt_put32(p + 0x54, 128);
}

static void put_entry(struct fixture *f, unsigned int number, uint64_t first, uint64_t last)
{
	for (int i = 0; i < 2; i++) {
		uint8_t *p = entry(f, i ? SECTORS - 1 : 1, number);

		memcpy(p, "\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4", 16);
		memset(p + 0x10, (int)number, 16);
		gpt_put64(p + 0x20, first);
		gpt_put64(p + 0x28, last);
	}
}

static void make_disk(struct fixture *f, uint32_t sector_size)
{
	uint8_t *mbr;

	image_close(f->img);
	free(f->disk);
	f->sector_size = sector_size;
	f->disk = calloc(SECTORS, sector_size);
	image_memory(f->disk, (size_t)SECTORS * sector_size, &f->img);
	mbr = f->disk + 0x1be;
	mbr[4] = 0xee;
	gpt_put32(mbr + 8, 1);
	gpt_put32(mbr + 12, 0xffffffff);
	f->disk[510] = 0x55;
	f->disk[511] = 0xaa;
	put_header(f, 1, SECTORS - 1, 2);
	put_header(f, SECTORS - 1, 1, SECTORS - 20);
	put_entry(f, 1, 100, 199);
	put_entry(f, 7, 200, 200);
	seal(f);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	make_disk(f, 512);
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

static void scan(struct fixture *f)
{
	partition_table_finish(&f->table);
	f->warnings = 0;
	assert_int_equal(partition_scan(f->img, &f->table), 0);
}

static void sparse_entries_keep_their_numbers(void **state)
{
	struct fixture *f = *state;
	const struct partition *p;

	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_GPT);
	assert_string_equal(f->table.disk_id, "03020100-0504-0706-0809-0a0b0c0d0e0f");
	assert_int_equal(f->table.count, 2);
	p = partition_find(&f->table, 1);
	assert_int_equal(p->start, 100 * 512);
	assert_int_equal(p->size, 100 * 512);
	assert_string_equal(p->type_guid, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	assert_string_equal(partition_type_name(p), "Linux filesystem");
	p = partition_find(&f->table, 7);
	assert_int_equal(p->size, 512);
	assert_string_equal(p->partuuid, "07070707-0707-0707-0707-070707070707");
	assert_false(f->table.hybrid);
	assert_false(f->table.backup_used);
	assert_int_equal(f->warnings, 0);
}

static void large_sectors_are_found_in_a_file(void **state)
{
	struct fixture *f = *state;

	make_disk(f, 4096);
	scan(f);
	assert_int_equal(f->table.sector_size, 4096);
	assert_int_equal(partition_find(&f->table, 1)->start, 100 * 4096);
	assert_int_equal(f->warnings, 0);
	memset(header(f, 1), 0, 4096);
	scan(f);
	assert_int_equal(f->table.sector_size, 4096);
	assert_true(f->table.backup_used);
}

static void any_wrong_byte_of_the_primary_gives_the_backup(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 92 + 4; i++) {
		uint8_t *p = i < 92 ? header(f, 1) + i : entry(f, 1, (unsigned int)(i - 91)) + 9;

		*p ^= 0x40;
		scan(f);
		assert_int_equal(f->table.kind, PARTITION_TABLE_GPT);
		assert_true(f->table.backup_used);
		assert_int_equal(f->table.count, 2);
		assert_true(f->warnings > 0);
		*p ^= 0x40;
	}
}

static void the_backup_is_found_where_the_primary_says(void **state)
{
	struct fixture *f = *state;

	/* the image was made larger afterwards: the backup is not in the last sector */
	put_header(f, 400, 1, 380);
	memcpy(f->disk + 380 * 512, f->disk + (SECTORS - 20) * 512, ENTRIES * 128);
	memset(header(f, SECTORS - 1), 0, 512);
	gpt_put64(header(f, 1) + 0x20, 400);
	seal(f);
	gpt_seal(f->disk, SECTORS * 512, 400, 512);
	scan(f);
	assert_false(f->table.backup_used);
	assert_int_equal(f->warnings, 0);
	entry(f, 1, 1)[0x20]++;
	scan(f);
	assert_true(f->table.backup_used);
	assert_int_equal(f->table.count, 2);
}

static void without_any_whole_table_there_are_no_partitions(void **state)
{
	struct fixture *f = *state;

	entry(f, 1, 1)[0x20]++;
	entry(f, SECTORS - 1, 1)[0x20]++;
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_MBR);
	assert_int_equal(f->table.count, 0);
	assert_true(f->warnings >= 3);
}

static void a_missing_protective_mbr_is_only_a_warning(void **state)
{
	struct fixture *f = *state;

	memset(f->disk, 0, 512);
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_GPT);
	assert_int_equal(f->table.count, 2);
	assert_int_equal(f->warnings, 1);
}

static void a_real_mbr_hides_a_forgotten_gpt(void **state)
{
	struct fixture *f = *state;

	f->disk[0x1be + 4] = 0x83;
	gpt_put32(f->disk + 0x1be + 12, 20);
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_MBR);
	assert_int_equal(f->table.count, 1);
}

static void a_hybrid_mbr_is_recognised_and_the_gpt_used(void **state)
{
	struct fixture *f = *state;

	f->disk[0x1be + 16 + 4] = 0x0c;
	gpt_put32(f->disk + 0x1be + 16 + 8, 100);
	gpt_put32(f->disk + 0x1be + 16 + 12, 100);
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_GPT);
	assert_true(f->table.hybrid);
	assert_int_equal(f->table.count, 2);
}

static void names_outside_the_bmp_become_utf8(void **state)
{
	static const uint8_t name[] = {0xe4, 0, 0x3d, 0xd8, 0x00, 0xde, 'x', 0};
	struct fixture *f = *state;

	memcpy(entry(f, 1, 1) + 0x38, name, sizeof(name));
	memset(entry(f, 1, 7) + 0x38, 0x30, 72); /* 36 times U+3030, no end */
	seal(f);
	scan(f);
	assert_string_equal(partition_find(&f->table, 1)->name, "\xc3\xa4\xf0\x9f\x98\x80x");
	assert_int_equal(strlen(partition_find(&f->table, 7)->name), 108);
}

static void attributes_are_told(void **state)
{
	struct fixture *f = *state;

	entry(f, 1, 7)[0x30] = 5;
	seal(f);
	scan(f);
	assert_int_equal(partition_find(&f->table, 7)->attributes, 5);
	assert_true(partition_find(&f->table, 7)->bootable);
	assert_false(partition_find(&f->table, 1)->bootable);
}

static void larger_entries_are_read_at_their_distance(void **state)
{
	struct fixture *f = *state;

	memmove(entry(f, 1, 1) + 6 * 256, entry(f, 1, 7), 128);
	memset(entry(f, 1, 7), 0, 128);
	memset(entry(f, 1, 13) + 128, 0xff, 64);
	gpt_put32(header(f, 1) + 0x54, 256);
	gpt_put32(header(f, 1) + 0x50, 8);
	seal(f);
	scan(f);
	assert_false(f->table.backup_used);
	assert_int_equal(f->table.count, 2);
	assert_non_null(partition_find(&f->table, 7));
}

static void impossible_geometry_is_refused_although_sealed(void **state)
{
	static const struct {
		size_t offset;
		uint64_t value;
	} wrong[] = {
		{0x0c, 91},	    {0x0c, 513},	{0x0c, 0xffffffff}, {0x18, 2},
		{0x48, SECTORS},    {0x48, 1ull << 55}, {0x48, UINT64_MAX}, {0x50, 0},
		{0x50, 0xffffffff}, {0x54, 0},		{0x54, 64},	    {0x54, 192},
		{0x54, 0x80000000},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		make_disk(f, 512);
		if (wrong[i].offset == 0x18 || wrong[i].offset == 0x48)
			gpt_put64(header(f, 1) + wrong[i].offset, wrong[i].value);
		else
			gpt_put32(header(f, 1) + wrong[i].offset, (uint32_t)wrong[i].value);
		seal(f);
		scan(f);
		assert_true(f->table.backup_used);
		assert_int_equal(f->table.count, 2);
	}
}

static void sectors_that_overflow_bytes_are_left_out(void **state)
{
	struct fixture *f = *state;

	put_entry(f, 1, 1ull << 62, (1ull << 62) + 10);
	put_entry(f, 2, 0, UINT64_MAX);
	put_entry(f, 3, 200, 199);
	put_entry(f, 4, 0, (1ull << 55) - 1); /* ends at 2^64 */
	put_entry(f, 5, 0, (1ull << 55) - 2);
	seal(f);
	scan(f);
	assert_int_equal(f->table.count, 2);
	assert_true(partition_find(&f->table, 5)->beyond_end);
	assert_non_null(partition_find(&f->table, 7));
}

static void a_truncated_image_lists_what_is_beyond_its_end(void **state)
{
	struct fixture *f = *state;

	f->img->size = 150 * 512;
	scan(f);
	assert_int_equal(f->table.kind, PARTITION_TABLE_GPT);
	assert_int_equal(f->table.count, 2);
	assert_true(partition_find(&f->table, 1)->beyond_end);
	assert_true(partition_find(&f->table, 7)->beyond_end);
	assert_true(f->warnings >= 3);
}

static void more_partitions_than_the_limit_are_cut(void **state)
{
	struct fixture *f = *state;

	gpt_put32(header(f, 1) + 0x50, 300);
	for (unsigned int i = 1; i <= 300; i++)
		memcpy(entry(f, 1, i), entry(f, 1, 1), 128);
	seal(f);
	scan(f);
	assert_int_equal(f->table.count, PARTITION_MAX);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sparse_entries_keep_their_numbers),
		TEST(large_sectors_are_found_in_a_file),
		TEST(any_wrong_byte_of_the_primary_gives_the_backup),
		TEST(the_backup_is_found_where_the_primary_says),
		TEST(without_any_whole_table_there_are_no_partitions),
		TEST(a_missing_protective_mbr_is_only_a_warning),
		TEST(a_real_mbr_hides_a_forgotten_gpt),
		TEST(a_hybrid_mbr_is_recognised_and_the_gpt_used),
		TEST(names_outside_the_bmp_become_utf8),
		TEST(attributes_are_told),
		TEST(larger_entries_are_read_at_their_distance),
		TEST(impossible_geometry_is_refused_although_sealed),
		TEST(sectors_that_overflow_bytes_are_left_out),
		TEST(a_truncated_image_lists_what_is_beyond_its_end),
		TEST(more_partitions_than_the_limit_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
