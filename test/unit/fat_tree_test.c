/* SPDX-License-Identifier: MIT */
/* Volumes made byte by byte, seen as trees: names, chains, damage, attributes. */
#include "support/unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "fat/fat.h"
#include "support/fat_maker.h"

struct open_volume {
	struct maker m;
	struct image *img;
	struct tree *tree;
};

static int logged;

static void count_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
	logged++;
}

static int quiet(void **state)
{
	(void)state;
	logged = 0;
	log_set_sink(count_line, NULL);
	return 0;
}

static int loud(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	return 0;
}

static void open_as(struct open_volume *o, size_t size, const struct fat_options *options)
{
	assert_int_equal(image_memory(o->m.data, size, &o->img), 0);
	assert_int_equal(fat_open(o->img, options, &o->tree), 0);
}

static void open_made(struct open_volume *o)
{
	const struct fat_options options = {0};

	open_as(o, o->m.size, &options);
}

static void shut(struct open_volume *o)
{
	tree_close(o->tree);
	image_close(o->img);
	free(o->m.data);
}

struct listing {
	char text[4096];
	int count;
};

static int take(void *ctx, const struct tree_entry *entry)
{
	struct listing *listing = ctx;
	size_t used = strlen(listing->text);

	listing->count++;
	if (used + entry->name_len + 2 < sizeof(listing->text))
		snprintf(listing->text + used, sizeof(listing->text) - used, "%.*s|",
			 (int)entry->name_len, entry->name);
	return 0;
}

/* Names without "." and "..", each followed by "|". */
static int list(struct open_volume *o, uint64_t dir, struct listing *listing)
{
	memset(listing, 0, sizeof(*listing));
	return tree_readdir(o->tree, dir, 2, take, listing);
}

static uint64_t find(struct open_volume *o, const char *path)
{
	uint64_t id;

	assert_int_equal(tree_walk(o->tree, path, false, &id), 0);
	return id;
}

static void the_longest_name_is_shown_whole(void **state)
{
	struct open_volume o;
	uint16_t units[255];
	struct listing listing;
	char expected[767];
	uint32_t at;

	(void)state;
	maker_start(&o.m, 32, 1, 20);
	for (int i = 0; i < 255; i++) {
		units[i] = 0x4e2d;
		memcpy(expected + 3 * i, "\xe4\xb8\xad", 3);
	}
	memcpy(expected + 765, "|", 2);
	maker_chain(&o.m, 2, 4);
	at = maker_long(&o.m, o.m.root_start, units, 255, "ZHONG~1 TXT");
	maker_short(&o.m, at, "ZHONG~1 TXT", 0, 0, 0);
	open_made(&o);
	assert_int_equal(list(&o, TREE_ROOT, &listing), 0);
	assert_string_equal(listing.text, expected);
	expected[765] = '\0';
	assert_int_equal(find(&o, expected), (o.m.root_start + 20 * 32) / 32);
	shut(&o);
}

static void a_name_is_found_in_any_case_and_by_its_alias(void **state)
{
	static const uint16_t smile[] = {0xc4, 'p', 'f', 'e', 'l', ' ', 0xd83d, 0xde00};
	struct open_volume o;
	struct listing listing;
	uint64_t id;
	uint32_t at;

	(void)state;
	maker_start(&o.m, 12, 1, 20);
	at = maker_long(&o.m, o.m.root_start, smile, 8, "APFEL~1    ");
	maker_short(&o.m, at, "APFEL~1    ", 0, 0, 0);
	open_made(&o);
	assert_int_equal(list(&o, TREE_ROOT, &listing), 0);
	assert_string_equal(listing.text, "\xc3\x84pfel \xf0\x9f\x98\x80|");
	id = at / 32;
	assert_int_equal(find(&o, "\xc3\x84pfel \xf0\x9f\x98\x80"), id);
	assert_int_equal(find(&o, "\xc3\xa4PFEL \xf0\x9f\x98\x80"), id);
	assert_int_equal(find(&o, "apfel~1"), id);
	assert_int_equal(find(&o, "apfel~1.."), id);
	assert_int_equal(tree_lookup(o.tree, TREE_ROOT, "apfel", 5, &id), -ENOENT);
	assert_int_equal(tree_lookup(o.tree, TREE_ROOT, "...", 3, &id), -ENOENT);
	shut(&o);
}

static void left_over_pieces_are_ignored(void **state)
{
	static const uint16_t name[] = {'l', 'o', 'n', 'g', ' ', 'n', 'a', 'm',
					'e', ' ', 'o', 'f', ' ', 't', 'w', 'o'};
	struct open_volume o;
	struct listing listing;
	uint32_t at;

	(void)state;
	maker_start(&o.m, 12, 1, 20);
	/* for another short name */
	at = maker_long(&o.m, o.m.root_start, name, 16, "OTHER      ");
	at = maker_short(&o.m, at, "ONE        ", 0, 0, 0);
	/* the first piece is missing */
	at = maker_long(&o.m, at, name, 16, "TWO        ") - 32;
	at = maker_short(&o.m, at, "TWO        ", 0, 0, 0);
	/* the last piece is missing */
	at = maker_long(&o.m, at, name, 16, "THREE      ");
	memcpy(o.m.data + at - 64, o.m.data + at - 32, 32);
	at = maker_short(&o.m, at - 32, "THREE      ", 0, 0, 0);
	/* a deleted entry between the pieces and the name */
	at = maker_long(&o.m, at, name, 16, "FOUR       ");
	at = maker_short(&o.m, at,
			 "\xe5"
			 "ONE       ",
			 0, 0, 0);
	at = maker_short(&o.m, at, "FOUR       ", 0, 0, 0);
	/* sequence number 21 */
	at = maker_long(&o.m, at, name, 13, "FIVE       ");
	o.m.data[at - 32] = 0x40 | 21;
	maker_short(&o.m, at, "FIVE       ", 0, 0, 0);
	open_made(&o);
	assert_int_equal(list(&o, TREE_ROOT, &listing), 0);
	assert_string_equal(listing.text, "ONE|TWO|THREE|FOUR|FIVE|");
	shut(&o);
}

static void a_long_name_that_no_path_can_hold_gives_way_to_the_short_one(void **state)
{
	static const uint16_t slash[] = {'a', '/', 'b'};
	static const uint16_t dots[] = {'.', '.'};
	struct open_volume o;
	struct listing listing;
	uint32_t at;

	(void)state;
	maker_start(&o.m, 12, 1, 20);
	at = maker_long(&o.m, o.m.root_start, slash, 3, "SLASH      ");
	at = maker_short(&o.m, at, "SLASH      ", 0, 0, 0);
	at = maker_long(&o.m, at, dots, 2, "DOTS       ");
	maker_short(&o.m, at, "DOTS       ", 0, 0, 0);
	open_made(&o);
	assert_int_equal(list(&o, TREE_ROOT, &listing), 0);
	assert_int_equal(list(&o, TREE_ROOT, &listing), 0);
	assert_string_equal(listing.text, "SLASH|DOTS|");
	assert_int_equal(logged, 2); /* once for each */
	shut(&o);
}

static void labels_and_deleted_entries_are_hidden(void **state)
{
	struct open_volume o;
	struct listing listing;
	struct tree_attr attr;
	struct fat_info info;
	uint32_t at;

	(void)state;
	maker_start(&o.m, 16, 1, 5000);
	at = maker_short(&o.m, o.m.root_start, "MY LABEL   ", 0x08, 0, 0);
	at = maker_short(&o.m, at, "\xe5GONE      ", 0, 0, 0);
	at = maker_short(&o.m, at, "SHOWN      ", 0, 0, 0);
	maker_short(&o.m, at + 32, "BEHIND THE ", 0, 0, 0);
	open_made(&o);
	assert_int_equal(list(&o, TREE_ROOT, &listing), 0);
	assert_string_equal(listing.text, "SHOWN|");
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(tree_getattr(o.tree, o.m.root_start / 32 + i, &attr), -ESTALE);
	assert_int_equal(fat_info_read(o.img, true, &info), 0);
	assert_string_equal(info.label, "MY LABEL");
	assert_string_equal(info.uuid, "1234-ABCD");
	assert_int_equal(info.bits, 16);
	assert_int_equal(info.free, 5000 * 512);
	assert_false(info.dirty);
	shut(&o);
}

static void ids_that_name_nothing_are_stale(void **state)
{
	struct open_volume o;
	struct tree_attr attr;
	uint64_t ids[] = {0, 2, 16, 1u << 20, UINT64_MAX / 32, UINT64_MAX};

	(void)state;
	maker_start(&o.m, 12, 1, 20);
	open_made(&o);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(tree_getattr(o.tree, ids[i], &attr), -ESTALE);
	shut(&o);
}

static void attributes_are_those_of_vfat(void **state)
{
	const struct fat_options masked = {
		.uid = 7, .gid = 8, .umask_given = true, .umask = 027, .time_offset = 60};
	struct open_volume o;
	struct tree_attr attr;
	uint32_t at;

	(void)state;
	maker_start(&o.m, 12, 2, 20);
	at = maker_short(&o.m, o.m.root_start, "FILE       ", 0x01, 2, 700);
	maker_put16(&o.m, at - 32 + 0x16, 12 << 11 | 30 << 5 | 15);
	maker_put16(&o.m, at - 32 + 0x18, 20 << 9 | 1 << 5 | 1);
	maker_put16(&o.m, at - 32 + 0x12, 20 << 9 | 1 << 5 | 2);
	maker_put16(&o.m, at - 32 + 0x10, 20 << 9 | 1 << 5 | 1);
	o.m.data[at - 32 + 0x0d] = 123;
	maker_short(&o.m, at, "DIR        ", 0x11, 4, 0);
	maker_chain(&o.m, 2, 2);
	maker_chain(&o.m, 4, 5);
	maker_dots(&o.m, 4, 0);
	at = maker_short(&o.m, maker_cluster(&o.m, 4) + 64, "SUB        ", 0x10, 6, 0);
	maker_chain(&o.m, 6, 6);
	maker_dots(&o.m, 6, 4);
	open_made(&o);
	assert_int_equal(tree_getattr(o.tree, find(&o, "file"), &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 0555);
	assert_int_equal(attr.size, 700);
	assert_int_equal(attr.blocks, 2);
	assert_int_equal(attr.nlink, 1);
	assert_int_equal(attr.mtime.tv_sec, 946684800 + 12 * 3600 + 30 * 60 + 30);
	assert_int_equal(attr.atime.tv_sec, 946684800 + 86400);
	assert_int_equal(attr.btime.tv_sec, 946684800 + 1);
	assert_int_equal(attr.btime.tv_nsec, 230000000);
	assert_int_equal(tree_getattr(o.tree, find(&o, "dir"), &attr), 0);
	assert_int_equal(attr.mode, S_IFDIR | 0755);
	assert_int_equal(attr.size, 2048);
	assert_int_equal(attr.nlink, 3);
	assert_int_equal(tree_getattr(o.tree, TREE_ROOT, &attr), 0);
	assert_int_equal(attr.size, 1024);
	assert_int_equal(attr.nlink, 3);
	tree_close(o.tree);
	image_close(o.img);
	open_as(&o, o.m.size, &masked);
	assert_int_equal(tree_getattr(o.tree, find(&o, "file"), &attr), 0);
	assert_int_equal(attr.mode, S_IFREG | 0550);
	assert_int_equal(attr.uid, 7);
	assert_int_equal(attr.gid, 8);
	assert_int_equal(attr.mtime.tv_sec, 946684800 + 11 * 3600 + 30 * 60 + 30);
	shut(&o);
}

static void parents_are_found_by_the_dots(void **state)
{
	struct open_volume o;
	uint64_t a, b, c, parent;

	(void)state;
	maker_start(&o.m, 32, 1, 20);
	maker_short(&o.m, o.m.root_start, "A          ", 0x10, 4, 0);
	maker_chain(&o.m, 4, 4);
	maker_dots(&o.m, 4, 0);
	maker_short(&o.m, maker_cluster(&o.m, 4) + 64, "B          ", 0x10, 5, 0);
	maker_chain(&o.m, 5, 5);
	maker_dots(&o.m, 5, 4);
	maker_short(&o.m, maker_cluster(&o.m, 5) + 64, "C          ", 0x10, 6, 0);
	maker_chain(&o.m, 6, 6);
	maker_dots(&o.m, 6, 5);
	open_made(&o);
	a = find(&o, "A");
	b = find(&o, "A/B");
	c = find(&o, "A/B/C");
	assert_int_equal(tree_parent(o.tree, a, &parent), 0);
	assert_int_equal(parent, TREE_ROOT);
	assert_int_equal(tree_parent(o.tree, b, &parent), 0);
	assert_int_equal(parent, a);
	assert_int_equal(tree_parent(o.tree, c, &parent), 0);
	assert_int_equal(parent, b);
	memset(o.m.data + maker_cluster(&o.m, 6) + 32, 'x', 32);
	assert_int_equal(tree_parent(o.tree, c, &parent), -EUCLEAN);
	shut(&o);
}

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

static void an_unclean_volume_is_noted(void **state)
{
	static const unsigned int widths[] = {16, 32};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		struct open_volume o;
		struct fat_info info;

		logged = 0;
		maker_start(&o.m, widths[i], 1, 5000);
		maker_link(&o.m, 1, widths[i] == 16 ? 0x7fff : 0x07ffffff);
		open_made(&o);
		assert_int_equal(logged, 1);
		assert_int_equal(fat_info_read(o.img, true, &info), 0);
		assert_true(info.dirty);
		maker_link(&o.m, 1, 0x0fffffff);
		assert_int_equal(fat_info_read(o.img, true, &info), 0);
		assert_false(info.dirty);
		o.m.data[widths[i] == 16 ? 0x25 : 0x41] = 1;
		assert_int_equal(fat_info_read(o.img, true, &info), 0);
		assert_true(info.dirty);
		shut(&o);
	}
}

static void large_directories_are_found_by_index(void **state)
{
	struct open_volume o;
	struct listing listing;
	uint64_t id;

	(void)state;
	/* 60,000 names in clusters of 512 bytes */
	maker_start(&o.m, 32, 1, 4000);
	maker_chain(&o.m, 2, 2 + 60000 / 16 - 1);
	for (uint32_t i = 0; i < 60000; i++) {
		char name[12];

		snprintf(name, sizeof(name), "F%05u  TXT", i);
		maker_short(&o.m, o.m.root_start + i * 32, name, 0, 0, 0);
	}
	open_made(&o);
	assert_int_equal(list(&o, TREE_ROOT, &listing), 0);
	assert_int_equal(listing.count, 60000);
	for (uint32_t i = 0; i < 60000; i += 7) {
		char name[12];

		snprintf(name, sizeof(name), "f%05u.Txt", i);
		assert_int_equal(tree_lookup(o.tree, TREE_ROOT, name, 10, &id), 0);
		assert_int_equal(id, o.m.root_start / 32 + i);
	}
	assert_int_equal(tree_lookup(o.tree, TREE_ROOT, "f60000.txt", 10, &id), -ENOENT);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, quiet, loud)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_longest_name_is_shown_whole),
		TEST(a_name_is_found_in_any_case_and_by_its_alias),
		TEST(left_over_pieces_are_ignored),
		TEST(a_long_name_that_no_path_can_hold_gives_way_to_the_short_one),
		TEST(labels_and_deleted_entries_are_hidden),
		TEST(ids_that_name_nothing_are_stale),
		TEST(attributes_are_those_of_vfat),
		TEST(parents_are_found_by_the_dots),
		TEST(fragments_are_read_in_their_order),
		TEST(a_chain_that_is_too_short_is_read_to_its_end),
		TEST(free_bad_and_impossible_links_are_damage),
		TEST(a_file_in_a_circle_ends_with_its_size),
		TEST(cross_linked_files_are_both_readable),
		TEST(a_directory_in_a_circle_is_listed_once),
		TEST(a_directory_inside_itself_is_hidden),
		TEST(a_truncated_volume_is_read_as_far_as_it_goes),
		TEST(the_fat_that_is_current_is_used),
		TEST(an_unclean_volume_is_noted),
		TEST(large_directories_are_found_by_index),
		TEST(a_long_scattered_file_is_read_from_anywhere),
		TEST(readers_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
