/* SPDX-License-Identifier: MIT */
/* The info of an overlay: what is written is read again, and what is damaged is refused by name. */
#include "support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "state/state_private.h"

#define FILE_NAME "kitchen/info"

static char logged[4096];

static void collect(void *ctx, enum log_level level, const char *line)
{
	size_t len = strlen(logged);

	(void)ctx;
	(void)level;
	snprintf(logged + len, sizeof(logged) - len, "%s\n", line);
}

static int collect_begin(void **state)
{
	(void)state;
	logged[0] = '\0';
	log_set_sink(collect, NULL);
	return 0;
}

static int collect_end(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	return 0;
}

#define HEAD                                                                                       \
	"[overlay]\nformat = 1\nuuid = 00112233-4455-6677-8899-aabbccddeeff\nepoch = 3\n"          \
	"created = 2026-11-28T00:55:42.000000001Z\nused = 2026-11-28T00:55:43.500000000Z\n"
#define MIDDLE "partition = composed\nnext-id = 5000000000\n"
#define IMAGE                                                                                      \
	"[image]\npath = /srv/a.img\n"                                                             \
	"fingerprint = 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define SEEN "size = 100\nmtime = -5.000000007\nctime = 6.000000008\ndevice = 9\ninode = 10\n"
#define BASE                                                                                       \
	"[base]\nname = golden\nuuid = ffeeddcc-bbaa-9988-7766-554433221100\n"                     \
	"seal = 0123456789abcdef0123456789abcdef\n"

static int parse(const char *text, struct state_info *out)
{
	return state_info_parse(FILE_NAME, text, strlen(text), out);
}

static void refused(const char *text, const char *why)
{
	struct state_info info;

	logged[0] = '\0';
	assert_int_equal(parse(text, &info), -EUCLEAN);
	if (!strstr(logged, why))
		fail_msg("said: %s", logged);
}

static void all_that_is_given_is_read(void **state)
{
	struct state_info info;

	(void)state;
	assert_int_equal(parse(HEAD MIDDLE
			       "seal = ffffffffffffffffffffffffffffffff\n" IMAGE SEEN BASE,
			       &info),
			 0);
	assert_int_equal(info.uuid[0], 0);
	assert_int_equal(info.uuid[15], 0xff);
	assert_int_equal(info.epoch, 3);
	assert_int_equal(info.created.tv_nsec, 1);
	assert_int_equal(info.used.tv_sec - info.created.tv_sec, 1);
	assert_int_equal(info.partition, -1);
	assert_int_equal(info.next_id, 5000000000);
	assert_true(info.frozen);
	assert_false(info.empty);
	assert_false(info.in_use);
	assert_string_equal(info.image, "/srv/a.img");
	assert_int_equal(info.fingerprint[31], 0x1f);
	assert_int_equal(info.seen.size, 100);
	assert_int_equal(info.seen.mtime.tv_sec, -5);
	assert_int_equal(info.seen.mtime.tv_nsec, 7);
	assert_int_equal(info.seen.inode, 10);
	assert_string_equal(info.base, "golden");
	assert_int_equal(info.base_seal[0], 0x01);
	assert_string_equal(logged, "");
	state_info_finish(&info);
}

static void what_is_optional_may_be_missing(void **state)
{
	struct state_info info;

	(void)state;
	assert_int_equal(parse(HEAD MIDDLE IMAGE, &info), 0);
	assert_false(info.frozen);
	assert_int_equal(info.seen.size, 0);
	assert_string_equal(info.base, "");
	state_info_finish(&info);
}

/* Written and read again. */
static void assert_survives(struct state_info *info)
{
	struct state_info again;
	char *text;

	assert_int_equal(state_info_format(info, &text), 0);
	if (parse(text, &again) != 0)
		fail_msg("%s: %s", logged, text);
	for (const char *at = text; *at; at++)
		assert_in_range((unsigned char)*at, '\t', '~');
	assert_string_equal(again.image, info->image);
	free(again.image);
	again.image = info->image;
	assert_memory_equal(&again, info, sizeof(again));
	free(text);
}

static void what_is_written_is_read_again(void **state)
{
	struct state_info info;

	(void)state;
	assert_int_equal(parse(HEAD MIDDLE
			       "empty = yes\nin-use = yes\nrestoring = yes\n"
			       "seal = 00000000000000000000000000000000\n" IMAGE SEEN BASE,
			       &info),
			 0);
	assert_survives(&info);
	info.partition = 2;
	memset(info.base, 0, sizeof(info.base));
	memset(info.base_uuid, 0, sizeof(info.base_uuid));
	memset(info.base_seal, 0, sizeof(info.base_seal));
	assert_survives(&info);
	state_info_finish(&info);
}

static void notes_are_read_again_and_others_passed_over(void **state)
{
	static const char notes[] = "[notes]\noverlay = 00112233\nhostname = 1 done kitchen\n";
	struct state_info info, again;
	char *text;

	(void)state;
	assert_int_equal(parse(HEAD MIDDLE IMAGE, &info), 0);
	assert_null(info.notes);
	state_info_finish(&info);
	assert_int_equal(parse(HEAD MIDDLE IMAGE
			       "[notes]\noverlay = 00112233\nUpper = 1\nnone =\n"
			       "bad = 1\"2\nhostname = 1 done kitchen ; comment\n",
			       &info),
			 0);
	assert_string_equal(info.notes, "overlay 00112233\nhostname 1 done kitchen\n");
	assert_non_null(strstr(logged, "Upper in section [notes]: not a note"));
	assert_non_null(strstr(logged, "none in section [notes]: not a note"));
	assert_non_null(strstr(logged, "bad in section [notes]: not a note"));
	assert_int_equal(state_info_format(&info, &text), 0);
	assert_non_null(strstr(text, notes));
	assert_int_equal(state_info_copy(&info, &again), 0);
	assert_string_equal(again.notes, info.notes);
	state_info_finish(&again);
	assert_int_equal(parse(text, &again), 0);
	assert_string_equal(again.notes, info.notes);
	state_info_finish(&again);
	state_info_finish(&info);
	free(text);
	refused(HEAD "[notes]\na = 1\n" MIDDLE, "missing");
}

static void any_path_is_read_again(void **state)
{
	struct state_info info = {.partition = -1};
	char path[4096] = "/";

	(void)state;
	for (int byte = 1; byte < 256; byte++)
		path[byte] = (char)byte;
	path[256] = '\0';
	info.image = path;
	assert_survives(&info);
	memset(path + 1, ';', sizeof(path) - 2);
	path[sizeof(path) - 1] = '\0';
	assert_survives(&info);
	memset(path + 1, 'a', sizeof(path) - 2);
	assert_survives(&info);
}

static void a_later_format_is_refused_whatever_else_is_in_it(void **state)
{
	struct state_info info;

	(void)state;
	assert_int_equal(parse("[overlay]\nuuid = what\n???\nformat = 2\n", &info),
			 -EPROTONOSUPPORT);
	assert_non_null(strstr(logged, "format 2: made by a later version"));
}

static void a_missing_format_is_refused(void **state)
{
	(void)state;
	refused("", "says no format");
	refused("[image]\nformat = 1\n", "says no format");
	refused("[overlay]\nformat = 0\n", FILE_NAME ":2: format: not the number");
	refused("[overlay]\nformat = -1\n", FILE_NAME ":2: format: not the number");
}

static void an_unknown_key_is_a_warning(void **state)
{
	struct state_info info;

	(void)state;
	assert_int_equal(parse(HEAD MIDDLE "colour = red\n" IMAGE, &info), 0);
	assert_string_equal(logged,
			    FILE_NAME ":9: colour in section [overlay]: unknown, left alone\n");
	state_info_finish(&info);
}

static void a_missing_key_is_named(void **state)
{
	(void)state;
	refused(HEAD IMAGE, FILE_NAME ": partition is missing in section [overlay]");
	refused(HEAD MIDDLE, "path is missing in section [image]");
	refused(HEAD MIDDLE IMAGE "size = 1\n", "mtime is missing in section [image]");
	refused(HEAD MIDDLE IMAGE "[base]\nname = golden\n", "uuid is missing in section [base]");
}

static void a_wrong_value_is_named_with_its_line(void **state)
{
	static const char *const wrong[][2] = {
		{"partition = 0\n", "partition: not a partition's number"},
		{"partition = 2147483648\n", "partition: not a partition's number"},
		{"next-id = -1\n", "next-id: not a number"},
		{"next-id = 18446744073709551616\n", "next-id: not a number"},
		{"next-id =\n", "next-id: not a number"},
		{"next-id = 1x\n", "next-id: not a number"},
		{"empty = perhaps\n", "empty: not yes or no"},
		{"seal = 0123\n", "seal: not 32 hexadecimal digits"},
		{"seal = 0123456789ABCDEF0123456789abcdef\n", "seal: not 32 hexadecimal digits"},
		{"[base]\nname = .golden\n", "name: not the name of an overlay"},
		{"[base]\nname = ../golden\n", "name: not the name of an overlay"},
		{"[image]\nmtime = 1.5\n", "mtime: not seconds with nine decimals"},
		{"[image]\nmtime = 99999999999999999999.000000000\n", "mtime: not seconds"},
		{"[image]\npath = srv/a.img\n", "path: not an absolute path"},
		{"[image]\npath = /srv/%00\n", "path: not an absolute path"},
		{"[image]\npath = /srv/%4\n", "path: not an absolute path"},
		{"[image]\nfingerprint = 00\n", "fingerprint: not 64 hexadecimal digits"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[1024];

		snprintf(text, sizeof(text), HEAD "%s", wrong[i][0]);
		refused(text, wrong[i][1]);
		assert_non_null(strstr(logged, FILE_NAME ":"));
	}
	refused("[overlay]\nformat = 1\nuuid = 00112233-4455-6677-8899-aabbccddeef\n",
		FILE_NAME ":3: uuid: not a UUID");
	refused("[overlay]\nformat = 1\nuuid = 00112233445566778899aabbccddeeff0000\n",
		FILE_NAME ":3: uuid: not a UUID");
	refused("[overlay]\nformat = 1\ncreated = yesterday\n",
		FILE_NAME ":3: created: not a time");
	refused("[overlay]\nformat = 1\ncreated = 2026-11-28T00:55:42Z\n", "created: not a time");
}

static void what_is_given_twice_is_refused(void **state)
{
	(void)state;
	refused(HEAD "epoch = 4\n", FILE_NAME ":7: epoch: given twice");
	refused(HEAD MIDDLE IMAGE "path = /srv/b.img\n", "path: given twice");
}

static void what_is_no_ini_file_is_refused(void **state)
{
	char text[1024];

	(void)state;
	refused(HEAD "garbage\n" MIDDLE IMAGE, FILE_NAME ":7: neither [SECTION] nor KEY = VALUE");
	snprintf(text, sizeof(text), HEAD "%0*d = 1\n", 250, 0);
	refused(text, FILE_NAME ":7: the line is too long");
	assert_int_equal(state_info_parse(FILE_NAME, "[overlay]\n\0", 11, &(struct state_info){0}),
			 -EUCLEAN);
}

/* The end of a file that is cut may lie anywhere. */
static void every_cut_is_refused_or_whole(void **state)
{
	static const char text[] = HEAD MIDDLE IMAGE SEEN BASE;
	struct state_info info;

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		int err = state_info_parse(FILE_NAME, text, len, &info);

		if (err == 0)
			state_info_finish(&info);
		else
			assert_int_equal(err, -EUCLEAN);
	}
}

static void names_are_checked(void **state)
{
	char name[STATE_NAME_MAX + 2];

	(void)state;
	assert_true(state_name_is_valid("kitchen"));
	assert_true(state_name_is_valid("a"));
	assert_true(state_name_is_valid("0.a_b-c."));
	assert_true(state_name_is_valid("-"));
	assert_false(state_name_is_valid(""));
	assert_false(state_name_is_valid("."));
	assert_false(state_name_is_valid(".."));
	assert_false(state_name_is_valid(".hidden"));
	assert_false(state_name_is_valid("Kitchen"));
	assert_false(state_name_is_valid("a/b"));
	assert_false(state_name_is_valid("a b"));
	assert_false(state_name_is_valid("k\xc3\xbc"
					 "che"));
	memset(name, 'x', sizeof(name));
	name[STATE_NAME_MAX] = '\0';
	assert_true(state_name_is_valid(name));
	name[STATE_NAME_MAX] = 'x';
	name[STATE_NAME_MAX + 1] = '\0';
	assert_false(state_name_is_valid(name));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, collect_begin, collect_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_that_is_given_is_read),
		TEST(what_is_optional_may_be_missing),
		TEST(what_is_written_is_read_again),
		TEST(notes_are_read_again_and_others_passed_over),
		TEST(any_path_is_read_again),
		TEST(a_later_format_is_refused_whatever_else_is_in_it),
		TEST(a_missing_format_is_refused),
		TEST(an_unknown_key_is_a_warning),
		TEST(a_missing_key_is_named),
		TEST(a_wrong_value_is_named_with_its_line),
		TEST(what_is_given_twice_is_refused),
		TEST(what_is_no_ini_file_is_refused),
		TEST(every_cut_is_refused_or_whole),
		TEST(names_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
