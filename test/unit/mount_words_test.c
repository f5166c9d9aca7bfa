/* SPDX-License-Identifier: MIT */
/* The words behind -o. */
#include "support/unit.h"

#include <unistd.h>

#include "mount_words.h"
#include "tools.h"
#include "base/log.h"

static char last_line[256];

static void keep_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	strncpy(last_line, line, sizeof(last_line) - 1);
}

static int set_up(void **state)
{
	static struct mount_words words;

	words = (struct mount_words)MOUNT_WORDS_DEFAULT;
	*state = &words;
	return 0;
}

static int tear_down(void **state)
{
	mount_words_finish(*state);
	return 0;
}

static void words_of_fstab_say_nothing(void **state)
{
	struct mount_words *words = *state;

	assert_int_equal(mount_words_add(words, "defaults,noauto,user,nofail,_netdev,relatime,"
						"x-systemd.automount,comment=hello,,ro,"),
			 STATUS_DONE);
	assert_null(words->mount.fuse_options);
	assert_false(words->mount.allow_other);
}

static void numbers_reach_the_volumes(void **state)
{
	struct mount_words *words = *state;

	assert_int_equal(mount_words_add(words, "uid=1000,gid=4294967294,umask=022"), STATUS_DONE);
	assert_int_equal(mount_words_add(words, "time_offset=-60,partition=2,nocheck"),
			 STATUS_DONE);
	assert_int_equal(words->stack.fat.uid, 1000);
	assert_int_equal(words->stack.fat.gid, 4294967294u);
	assert_true(words->stack.fat.umask_given);
	assert_int_equal(words->stack.fat.umask, 022);
	assert_int_equal(words->stack.fat.time_offset, -60);
	assert_int_equal(words->stack.partition, 2);
	assert_true(words->stack.ext4.nocheck);
}

static void a_journal_can_be_left_alone(void **state)
{
	static const char *const names[] = {"noload", "norecovery"};
	struct mount_words *words = *state;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		words->stack.ext4.noload = false;
		assert_int_equal(mount_words_add(words, names[i]), STATUS_DONE);
		assert_true(words->stack.ext4.noload);
	}
}

static void wrong_numbers_are_named(void **state)
{
	static const char *const wrong[] = {"uid=",
					    "uid=-1",
					    "uid=4294967295",
					    "gid=x",
					    "umask=9",
					    "umask=1000",
					    "time_offset=1441",
					    "partition=0",
					    "partition=9999999999"};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(mount_words_add(*state, wrong[i]), STATUS_USAGE);
		assert_non_null(strstr(last_line, wrong[i]));
	}
}

static void unknown_words_are_refused_unless_sloppy(void **state)
{
	struct mount_words *words = *state;

	assert_int_equal(mount_words_add(words, "ro,alow_other"), STATUS_USAGE);
	assert_non_null(strstr(last_line, "-o alow_other: unknown option"));
	assert_int_equal(mount_words_add(words, "uid"), STATUS_USAGE);
	words->sloppy = true;
	assert_int_equal(mount_words_add(words, "ro,alow_other"), STATUS_DONE);
}

static void rw_means_nothing_to_the_helper_alone(void **state)
{
	struct mount_words *words = *state;

	assert_int_equal(mount_words_add(words, "rw"), STATUS_DONE);
	assert_int_equal(mount_words_settle(words), STATUS_USAGE);
	assert_non_null(strstr(last_line, "an image is mounted read-only; use --overlay"));
	words->helper = true;
	assert_int_equal(mount_words_settle(words), STATUS_DONE);
	assert_false(words->mount.writable);
}

static void what_cannot_name_an_overlay_is_wrong_usage(void **state)
{
	static const char *const wrong[] = {"overlay=", "overlay=Kitchen", "overlay=.x",
					    "overlay=a/b", "overlay=x,state="};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct mount_words words = MOUNT_WORDS_DEFAULT;

		assert_int_equal(mount_words_add(&words, wrong[i]), STATUS_DONE);
		assert_int_equal(mount_words_settle(&words), STATUS_USAGE);
		mount_words_finish(&words);
	}
	(void)state;
}

static void an_overlay_is_writable_unless_ro_comes_last(void **state)
{
	struct mount_words *words = *state;

	assert_int_equal(mount_words_add(words, "overlay=attic,overlay=kitchen,state=/srv/x"),
			 STATUS_DONE);
	assert_int_equal(mount_words_settle(words), STATUS_DONE);
	assert_string_equal(words->stack.overlay, "kitchen");
	assert_string_equal(words->stack.state, "/srv/x");
	assert_true(words->mount.writable);
	assert_false(words->stack.overlay_read_only);
	assert_false(words->mount.writeback);
	assert_int_equal(mount_words_add(words, "rw,writeback,ro"), STATUS_DONE);
	assert_true(words->mount.writeback);
	assert_int_equal(mount_words_settle(words), STATUS_DONE);
	assert_false(words->mount.writable);
	assert_true(words->stack.overlay_read_only);
	assert_int_equal(mount_words_add(words, "rw"), STATUS_DONE);
	assert_int_equal(mount_words_settle(words), STATUS_DONE);
	assert_true(words->mount.writable);
}

static void commas_may_be_taken_literally(void **state)
{
	struct mount_words *words = *state;

	assert_int_equal(mount_words_add(words, "fsname=a\\,b\\\\c,context=x\\,y,noexec"),
			 STATUS_DONE);
	assert_string_equal(words->mount.fsname, "a,b\\c");
	assert_string_equal(words->mount.fuse_options, "context=x\\,y,noexec");
}

static void a_later_word_wins(void **state)
{
	struct mount_words *words = *state;

	assert_int_equal(mount_words_add(words, "fsname=one,partition=1"), STATUS_DONE);
	assert_int_equal(mount_words_add(words, "fsname=two,partition=2"), STATUS_DONE);
	assert_string_equal(words->mount.fsname, "two");
	assert_int_equal(words->stack.partition, 2);
}

static void allow_root_is_refused(void **state)
{
	assert_int_equal(mount_words_add(*state, "allow_root"), STATUS_USAGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(words_of_fstab_say_nothing),
		TEST(numbers_reach_the_volumes),
		TEST(a_journal_can_be_left_alone),
		TEST(wrong_numbers_are_named),
		TEST(unknown_words_are_refused_unless_sloppy),
		TEST(rw_means_nothing_to_the_helper_alone),
		TEST(commas_may_be_taken_literally),
		TEST(a_later_word_wins),
		TEST(what_cannot_name_an_overlay_is_wrong_usage),
		TEST(an_overlay_is_writable_unless_ro_comes_last),
		TEST(allow_root_is_refused),
	};

	log_set_sink(keep_line, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
