/* SPDX-License-Identifier: MIT */
/* Volumes made byte by byte, seen as trees: names, attributes, ids, directories. */
#include "support/fat_open.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

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

static void assert_spelled(struct open_volume *o, const char *name, const char *want)
{
	char spelling[TREE_NAME_MAX];
	ssize_t n = tree_spelling(o->tree, TREE_ROOT, name, strlen(name), spelling);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(spelling, want, strlen(want));
}

static void assert_folded(struct open_volume *o, const char *name, const char *want)
{
	char folded[TREE_FOLD_MAX];
	ssize_t n = tree_fold(o->tree, TREE_ROOT, name, strlen(name), folded, sizeof(folded));

	assert_int_equal(n, strlen(want));
	assert_memory_equal(folded, want, strlen(want));
}

static void a_name_leads_to_its_listed_spelling(void **state)
{
	static const uint16_t apfel[] = {0xc4, 'p', 'f', 'e', 'l', 'm',
					 'u',  's', '.', 'T', 'x', 't'};
	char spelling[TREE_NAME_MAX];
	struct open_volume o;
	uint32_t at;

	(void)state;
	maker_start(&o.m, 12, 1, 20);
	at = maker_long(&o.m, o.m.root_start, apfel, 12, "APFELM~1TXT");
	at = maker_short(&o.m, at, "APFELM~1TXT", 0, 0, 0);
	maker_short(&o.m, at, "SHORT   TXT", 0, 0, 0);
	open_made(&o);
	assert_spelled(&o, "\xc3\xa4PFELMUS.txt", "\xc3\x84pfelmus.Txt");
	assert_spelled(&o, "apfelm~1.txt", "\xc3\x84pfelmus.Txt");
	assert_spelled(&o, "short.txt..", "SHORT.TXT");
	assert_int_equal(tree_spelling(o.tree, TREE_ROOT, "none", 4, spelling), -ENOENT);
	assert_int_equal(tree_spelling(o.tree, 7, "none", 4, spelling), -ESTALE);
	shut(&o);
}

static void names_that_are_one_have_one_form(void **state)
{
	struct open_volume o;

	(void)state;
	maker_start(&o.m, 12, 1, 20);
	open_made(&o);
	assert_true(tree_ignores_case(o.tree, TREE_ROOT));
	assert_folded(&o, "\xc3\x84PFEL..", "\xc3\xa4pfel");
	assert_folded(&o, "\xc3\xa4pfel", "\xc3\xa4pfel");
	assert_folded(&o, ".a.B", ".a.b");
	assert_folded(&o, "...", "...");
	assert_folded(&o, "not \xff UTF-8", "not \xff utf-8");
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
	tree_close(o.tree);
	image_close(o.img);
	memset(o.m.data + maker_cluster(&o.m, 6) + 32, 'x', 32);
	open_made(&o);
	assert_int_equal(tree_parent(o.tree, c, &parent), -EUCLEAN);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_longest_name_is_shown_whole),
		TEST(a_name_is_found_in_any_case_and_by_its_alias),
		TEST(a_name_leads_to_its_listed_spelling),
		TEST(names_that_are_one_have_one_form),
		TEST(left_over_pieces_are_ignored),
		TEST(a_long_name_that_no_path_can_hold_gives_way_to_the_short_one),
		TEST(labels_and_deleted_entries_are_hidden),
		TEST(ids_that_name_nothing_are_stale),
		TEST(attributes_are_those_of_vfat),
		TEST(parents_are_found_by_the_dots),
		TEST(an_unclean_volume_is_noted),
		TEST(large_directories_are_found_by_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
