/* SPDX-License-Identifier: MIT */
/* Chains of clusters: order, damage, circles, truncation, many readers. */
#include "support/fat_open.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

/* A file FILE of @size bytes from cluster 3 on, each byte the number of its cluster. */
static void start_with_file(struct open_volume *o, unsigned int bits, uint32_t size)
{
	maker_start(&o->m, bits, 1, bits == 16 ? 5000 : 50);
	for (uint32_t i = 3; i < 52; i++)
		memset(o->m.data + maker_cluster(&o->m, i), (int)i, 512);
	maker_short(&o->m, o->m.root_start, "FILE       ", 0, 3, size);
}

static void fragments_are_read_in_their_order(void **state)
{
	static const unsigned int widths[] = {12, 16, 32};
	uint8_t buffer[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		static const uint8_t order[] = {3, 4, 9, 8, 20, 21};
		struct open_volume o;
		uint64_t id;

		start_with_file(&o, widths[i], 6 * 512 - 12);
		for (size_t j = 0; j + 1 < sizeof(order); j++)
			maker_link(&o.m, order[j], order[j + 1]);
		maker_link(&o.m, 21, 0x0fffffff);
		open_made(&o);
		id = find(&o, "FILE");
		assert_int_equal(tree_read(o.tree, id, buffer, 4096, 0), 6 * 512 - 12);
		for (size_t j = 0; j < 6 * 512 - 12; j++)
			assert_int_equal(buffer[j], order[j / 512]);
		assert_int_equal(tree_read(o.tree, id, buffer, 4, 3 * 512 - 2), 4);
		assert_memory_equal(buffer, "\x09\x09\x08\x08", 4);
		assert_int_equal(tree_read(o.tree, id, buffer, 4, 6 * 512 - 12), 0);
		assert_int_equal(tree_read(o.tree, id, buffer, 4, UINT64_MAX), 0);
		shut(&o);
	}
}

static void a_chain_that_is_too_short_is_read_to_its_end(void **state)
{
	struct open_volume o;
	uint8_t buffer[4096];
	uint64_t id;

	(void)state;
	start_with_file(&o, 16, 4096);
	maker_chain(&o.m, 3, 4);
	open_made(&o);
	id = find(&o, "FILE");
	assert_int_equal(tree_read(o.tree, id, buffer, 4096, 0), 1024);
	assert_int_equal(tree_read(o.tree, id, buffer, 4096, 1024), -EIO);
	assert_int_equal(tree_read(o.tree, id, buffer, 4096, 1024), -EIO);
	assert_int_equal(logged, 1);
	shut(&o);
}

static void free_bad_and_impossible_links_are_damage(void **state)
{
	static const uint32_t links[] = {0, 1, 0xfff7, 5002, 0xfff0};
	uint8_t buffer[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		struct open_volume o;
		uint64_t id;

		start_with_file(&o, 16, 4096);
		maker_link(&o.m, 3, links[i]);
		open_made(&o);
		id = find(&o, "FILE");
		assert_int_equal(tree_read(o.tree, id, buffer, 4096, 0), 512);
		assert_int_equal(tree_read(o.tree, id, buffer, 4096, 512), -EUCLEAN);
		shut(&o);
	}
}

static void a_file_in_a_circle_ends_with_its_size(void **state)
{
	struct open_volume o;
	uint8_t buffer[4096];
	uint64_t id;

	(void)state;
	start_with_file(&o, 12, 0xffffffff);
	maker_link(&o.m, 3, 4);
	maker_link(&o.m, 4, 3);
	open_made(&o);
	id = find(&o, "FILE");
	assert_int_equal(tree_read(o.tree, id, buffer, 1024, 1024), 1024);
	assert_int_equal(buffer[0], 3);
	/* as many clusters as the volume has, no more */
	assert_int_equal(tree_read(o.tree, id, buffer, 1024, 49 * 512), 512);
	assert_int_equal(tree_read(o.tree, id, buffer, 1024, 50 * 512), -EUCLEAN);
	assert_int_equal(tree_read(o.tree, id, buffer, 1024, 0xfffff000), -EUCLEAN);
	shut(&o);
}

static void cross_linked_files_are_both_readable(void **state)
{
	struct open_volume o;
	uint8_t buffer[1024];

	(void)state;
	start_with_file(&o, 12, 1024);
	maker_short(&o.m, o.m.root_start + 32, "OTHER      ", 0, 7, 1024);
	maker_link(&o.m, 3, 5);
	maker_link(&o.m, 7, 5);
	maker_link(&o.m, 5, 0xfff);
	open_made(&o);
	assert_int_equal(tree_read(o.tree, find(&o, "FILE"), buffer, 1024, 0), 1024);
	assert_int_equal(buffer[0], 3);
	assert_int_equal(buffer[512], 5);
	assert_int_equal(tree_read(o.tree, find(&o, "OTHER"), buffer, 1024, 0), 1024);
	assert_int_equal(buffer[0], 7);
	assert_int_equal(buffer[512], 5);
	assert_int_equal(logged, 0);
	shut(&o);
}

static void a_directory_in_a_circle_is_listed_once(void **state)
{
	struct open_volume o;
	struct listing listing;
	uint64_t id;

	(void)state;
	maker_start(&o.m, 32, 1, 20);
	maker_chain(&o.m, 2, 4);
	maker_link(&o.m, 4, 3);
	for (uint32_t i = 0; i < 48; i++) {
		char name[12];

		snprintf(name, sizeof(name), "FILE%-7u", i);
		maker_short(&o.m, o.m.root_start + i * 32, name, 0, 0, 0);
	}
	open_made(&o);
	assert_int_equal(list(&o, TREE_ROOT, &listing), -EUCLEAN);
	assert_int_equal(listing.count, 48);
	assert_int_equal(tree_lookup(o.tree, TREE_ROOT, "FILE47", 6, &id), 0);
	/* not surely absent */
	assert_int_equal(tree_lookup(o.tree, TREE_ROOT, "NONE", 4, &id), -EUCLEAN);
	shut(&o);
}

static void a_directory_inside_itself_is_hidden(void **state)
{
	struct open_volume o;
	struct listing listing;
	uint32_t at;

	(void)state;
	maker_start(&o.m, 32, 1, 20);
	maker_chain(&o.m, 4, 4);
	maker_short(&o.m, o.m.root_start, "A          ", 0x10, 4, 0);
	maker_dots(&o.m, 4, 0);
	at = maker_short(&o.m, maker_cluster(&o.m, 4) + 64, "SELF       ", 0x10, 4, 0);
	at = maker_short(&o.m, at, "ROOT       ", 0x10, 2, 0);
	maker_short(&o.m, at, "FILE       ", 0, 0, 0);
	open_made(&o);
	assert_int_equal(list(&o, find(&o, "A"), &listing), 0);
	assert_string_equal(listing.text, "FILE|");
	assert_int_equal(logged, 2);
	shut(&o);
}

static void a_truncated_volume_is_read_as_far_as_it_goes(void **state)
{
	const struct fat_options options = {0};
	struct open_volume o;
	uint8_t buffer[2048];
	uint64_t id;

	(void)state;
	start_with_file(&o, 12, 2048);
	maker_chain(&o.m, 3, 6);
	open_as(&o, maker_cluster(&o.m, 4) + 100, &options);
	assert_int_equal(logged, 1);
	id = find(&o, "FILE");
	assert_int_equal(tree_read(o.tree, id, buffer, 2048, 0), 612);
	assert_int_equal(tree_read(o.tree, id, buffer, 2048, 612), -EIO);
	assert_int_equal(tree_read(o.tree, id, buffer, 2048, 1024), -EIO);
	shut(&o);
}

static void the_fat_that_is_current_is_used(void **state)
{
	struct open_volume o;
	uint8_t buffer[1024];
	size_t half;

	(void)state;
	/* a FAT of two sectors becomes two FATs of one, the second of them current */
	maker_start(&o.m, 32, 1, 150);
	half = o.m.fat_start + 512;
	memset(o.m.data + half, 0, 512);
	memcpy(o.m.data + half, o.m.data + o.m.fat_start, 12);
	memset(o.m.data + o.m.fat_start, 0, 512);
	o.m.data[0x10] = 2;
	maker_put32(&o.m, 0x24, 1);
	maker_put16(&o.m, 0x28, 0x81);
	o.m.fat_start = (uint32_t)half;
	maker_chain(&o.m, 3, 4);
	maker_short(&o.m, o.m.root_start, "FILE       ", 0, 3, 1024);
	open_made(&o);
	assert_int_equal(tree_read(o.tree, find(&o, "FILE"), buffer, 1024, 0), 1024);
	shut(&o);
}

static void a_long_scattered_file_is_read_from_anywhere(void **state)
{
	struct open_volume o;
	uint32_t clusters = 200001;
	uint64_t id;

	(void)state;
	/* file cluster i is cluster 3 + i * 2 of the first half, then the ones between, backwards */
	maker_start(&o.m, 32, 1, clusters + 1);
	for (uint32_t i = 0; i < clusters; i++) {
		uint32_t half = (clusters + 1) / 2;
		uint32_t next = i + 1;
		uint32_t here = i < half ? 3 + 2 * i : 3 + 2 * (clusters - 1 - i) + 1;
		uint32_t there = next < half ? 3 + 2 * next : 3 + 2 * (clusters - 1 - next) + 1;

		maker_link(&o.m, here, next == clusters ? 0x0fffffff : there);
		maker_put32(&o.m, maker_cluster(&o.m, here), i);
	}
	maker_short(&o.m, o.m.root_start, "FILE       ", 0, 3, clusters * 512);
	open_made(&o);
	id = find(&o, "FILE");
	for (uint32_t i = 0; i < clusters; i++) {
		uint32_t at = i % 2 ? i : (uint32_t)((uint64_t)i * 7919 % clusters);
		uint8_t buffer[4];

		assert_int_equal(tree_read(o.tree, id, buffer, 4, (uint64_t)at * 512), 4);
		assert_int_equal(le32_at(buffer), at);
	}
	shut(&o);
}

struct reader {
	pthread_t thread;
	struct open_volume *o;
	uint32_t seed;
	uint32_t wrong;
};

static void *read_about(void *arg)
{
	struct reader *reader = arg;

	for (uint32_t i = 0; i < 3000; i++) {
		uint32_t at = (i * 31 + reader->seed * 997) % 4000;
		uint8_t buffer[4] = {0};
		char name[16];
		uint64_t id;

		snprintf(name, sizeof(name), "f%05u.txt", at % 512);
		if (tree_lookup(reader->o->tree, TREE_ROOT, name, 10, &id) ||
		    tree_read(reader->o->tree, id, buffer, 4, (uint64_t)at * 512) != 4 ||
		    le32_at(buffer) != at)
			reader->wrong++;
	}
	return NULL;
}

static void readers_do_not_disturb_each_other(void **state)
{
	struct reader readers[4];
	struct open_volume o;

	(void)state;
	/* 512 names of one file, which lies backwards behind the root's 32 clusters */
	maker_start(&o.m, 32, 1, 4032);
	maker_chain(&o.m, 2, 33);
	for (uint32_t i = 0; i < 4000; i++) {
		maker_link(&o.m, 4033 - i, i == 3999 ? 0x0fffffff : 4032 - i);
		maker_put32(&o.m, maker_cluster(&o.m, 4033 - i), i);
	}
	for (uint32_t i = 0; i < 512; i++) {
		char name[16];

		snprintf(name, sizeof(name), "F%05u  TXT", i);
		maker_short(&o.m, o.m.root_start + i * 32, name, 0, 4033, 4000 * 512);
	}
	open_made(&o);
	for (uint32_t i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i] = (struct reader){.o = &o, .seed = i};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, read_about, &readers[i]),
				 0);
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(readers); i++) {
		pthread_join(readers[i].thread, NULL);
		assert_int_equal(readers[i].wrong, 0);
	}
	shut(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fragments_are_read_in_their_order),
		TEST(a_chain_that_is_too_short_is_read_to_its_end),
		TEST(free_bad_and_impossible_links_are_damage),
		TEST(a_file_in_a_circle_ends_with_its_size),
		TEST(cross_linked_files_are_both_readable),
		TEST(a_directory_in_a_circle_is_listed_once),
		TEST(a_directory_inside_itself_is_hidden),
		TEST(a_truncated_volume_is_read_as_far_as_it_goes),
		TEST(the_fat_that_is_current_is_used),
		TEST(a_long_scattered_file_is_read_from_anywhere),
		TEST(readers_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
