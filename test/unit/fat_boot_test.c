/* SPDX-License-Identifier: MIT */
/* Boot sectors: which are accepted, and the layout that follows. */
#include "support/unit.h"

#include <errno.h>

#include "base/log.h"
#include "fat/fat_volume.h"
#include "support/fat_maker.h"

static int logged;

static void count_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
	logged++;
}

static int probe(const struct maker *m)
{
	struct image *img;
	int err;

	assert_int_equal(image_memory(m->data, m->size, &img), 0);
	err = fat_probe(img);
	image_close(img);
	return err;
}

static int read_geometry(const struct maker *m, struct fat_geometry *geo)
{
	struct image *img;
	int err;

	assert_int_equal(image_memory(m->data, m->size, &img), 0);
	err = fat_boot_read(img, geo);
	image_close(img);
	return err;
}

static void width_follows_from_the_count_of_clusters_as_in_linux(void **state)
{
	static const struct {
		uint32_t clusters;
		unsigned int bits;
	} cases[] = {{1, 12}, {4084, 12}, {4085, 16}, {65524, 16}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fat_geometry geo;
		struct maker m;

		maker_start(&m, cases[i].bits, 1, cases[i].clusters);
		assert_int_equal(read_geometry(&m, &geo), 0);
		assert_int_equal(geo.bits, cases[i].bits);
		assert_int_equal(geo.cluster_end, cases[i].clusters + 2);
		free(m.data);
	}
}

static void a_fat32_may_be_tiny(void **state)
{
	struct fat_geometry geo;
	struct maker m;

	(void)state;
	maker_start(&m, 32, 2, 10);
	assert_int_equal(read_geometry(&m, &geo), 0);
	assert_int_equal(geo.bits, 32);
	assert_int_equal(geo.root_cluster, 2);
	free(m.data);
}

static void what_linux_refuses_is_not_fat(void **state)
{
	static const struct {
		size_t at;
		uint8_t bytes[2];
	} faults[] = {
		{0x0b, {0, 0}}, /* sector size 0 */
		{0x0b, {0, 1}}, /* 256 */
		{0x0b, {0, 3}}, /* 768 */
		{0x0b, {0, 32}}, /* 8192 */
		{0x0d, {0, 1}}, /* sectors per cluster */
		{0x0d, {3, 1}}, /* not a power of two */
		{0x0e, {0, 0}}, /* reserved sectors */
		{0x10, {0, 32}}, /* FATs */
		{0x15, {0xf1, 1}}, /* media */
		{0x1fe, {0x55, 0xab}} /* harmless alone, see below */
	};

	(void)state;
	log_set_sink(count_line, NULL);
	logged = 0;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct maker m;

		maker_start(&m, 12, 1, 10);
		assert_int_equal(probe(&m), 0);
		memcpy(m.data + faults[i].at, faults[i].bytes, 2);
		assert_int_equal(probe(&m), faults[i].at == 0x1fe ? 0 : -EINVAL);
		free(m.data);
	}
	assert_int_equal(logged, 0);
	log_set_sink(NULL, NULL);
}

static void zeros_and_short_images_are_not_fat(void **state)
{
	static const uint8_t zeros[4096];
	struct maker m = {.data = (uint8_t *)(uintptr_t)zeros, .size = sizeof(zeros)};

	(void)state;
	assert_int_equal(probe(&m), -EINVAL);
	m.size = 511;
	assert_int_equal(probe(&m), -EINVAL);
	m.size = 0;
	assert_int_equal(probe(&m), -EINVAL);
}

static void an_ext_volume_behind_an_old_boot_sector_is_not_fat(void **state)
{
	struct maker m;

	(void)state;
	maker_start(&m, 12, 1, 100);
	maker_put16(&m, 1080, 0xef53);
	assert_int_equal(probe(&m), 0); /* by chance: the FAT is still there */
	m.data[m.fat_start] = 0;
	assert_int_equal(probe(&m), -EINVAL);
	free(m.data);
}

static void contradictions_are_damage_and_logged(void **state)
{
	struct fat_geometry geo;
	struct maker m;

	(void)state;
	log_set_sink(count_line, NULL);
	logged = 0;
	maker_start(&m, 12, 1, 10);
	maker_put16(&m, 0x11, 33); /* root entries that do not fill a sector */
	assert_int_equal(read_geometry(&m, &geo), -EUCLEAN);
	maker_put16(&m, 0x11, 32);
	maker_put16(&m, 0x16, 60000); /* the FAT ends behind the volume */
	assert_int_equal(read_geometry(&m, &geo), -EUCLEAN);
	free(m.data);
	maker_start(&m, 32, 1, 10);
	maker_put32(&m, 0x2c, 12); /* root behind the last cluster */
	assert_int_equal(read_geometry(&m, &geo), -EUCLEAN);
	maker_put32(&m, 0x2c, 1);
	assert_int_equal(read_geometry(&m, &geo), -EUCLEAN);
	maker_put32(&m, 0x2c, 2);
	maker_put16(&m, 0x28, 0x81); /* the second of one FAT is current */
	assert_int_equal(read_geometry(&m, &geo), -EUCLEAN);
	free(m.data);
	assert_int_equal(logged, 5);
	log_set_sink(NULL, NULL);
}

static void a_short_table_limits_the_clusters(void **state)
{
	struct fat_geometry geo;
	struct maker m;

	(void)state;
	maker_start(&m, 32, 1, 1000);
	maker_put32(&m, 0x24, 1);
	assert_int_equal(read_geometry(&m, &geo), 0);
	assert_int_equal(geo.cluster_end, 128);
	free(m.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(width_follows_from_the_count_of_clusters_as_in_linux),
		cmocka_unit_test(a_fat32_may_be_tiny),
		cmocka_unit_test(what_linux_refuses_is_not_fat),
		cmocka_unit_test(zeros_and_short_images_are_not_fat),
		cmocka_unit_test(an_ext_volume_behind_an_old_boot_sector_is_not_fat),
		cmocka_unit_test(contradictions_are_damage_and_logged),
		cmocka_unit_test(a_short_table_limits_the_clusters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
