/* SPDX-License-Identifier: MIT */
/* Files of a tree are replaced whole, and never outside of it. */
#include "support/pi_tree.h"

#include <sys/xattr.h>

#include "provision/provision_private.h"

static const struct pi_tree_file files[] = {
	{"/etc/plain", "old\n", 0},
	{"/etc/secret", "secret\n", 0600},
	{"/etc/link", "-> plain", 0},
	{"/etc/absolute", "-> /etc/plain", 0},
	{"/etc/chain", "-> ../etc/absolute", 0},
	{"/etc/outside", "-> ../../../../../../usr/lib/name", 0},
	{"/etc/dangling", "-> /nowhere/at/all", 0},
	{"/etc/loop", "-> loop", 0},
	{"/etc/directory", NULL, 0},
	{"/etc/hard", "hard\n", 0},
	{"/usr/lib/name", "inside\n", 0},
	{"/lib", "-> usr/lib", 0},
	{"/etc/systemd/system/own.service", "[Unit]\n", 0},
	{"/etc/systemd/system/multi-user.target.wants/own.service", "-> ../own.service", 0},
	{"/etc/systemd/system/masked.service", "-> /dev/null", 0},
	{"/usr/lib/systemd/system/some.service", "[Unit]\n", 0},
	{"/usr/lib/systemd/system/masked.service", "[Unit]\n", 0},
	{"/etc/init.d/script", "#!/bin/sh\n", 0755},
};

struct fixture {
	struct provision_job job;
	struct provision_pi pi;
	struct provision_options options;
};

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){.pi = {.serial = {"036cb716"}}};
	f.job.tree = pi_tree_make(files, ARRAY_SIZE(files), NULL);
	f.job.pi = &f.pi;
	f.job.options = &f.options;
	f.job.step = provision_find("fstab");
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	pi_tree_close(f->job.tree);
	return 0;
}

static void new_file_is_roots_and_0644(void **state)
{
	struct fixture *f = *state;
	struct tree_attr attr;

	assert_int_equal(provision_write_text(&f->job, "/etc/a/b/new", "text"), 0);
	assert_true(f->job.changed);
	pi_tree_expect_text(f->job.tree, "/etc/a/b/new", "text");
	attr = pi_tree_stat(f->job.tree, "/etc/a/b/new", false);
	assert_int_equal(attr.mode, S_IFREG | 0644);
	assert_int_equal(attr.uid, 0);
	assert_int_equal(attr.gid, 0);
	assert_int_equal(pi_tree_stat(f->job.tree, "/etc/a/b", false).mode, S_IFDIR | 0755);
}

static void replaced_file_keeps_owner_mode_and_attributes(void **state)
{
	static const struct tree_setattr owned = {
		.valid = TREE_SET_UID | TREE_SET_GID | TREE_SET_MODE,
		.uid = 7,
		.gid = 8,
		.mode = 0640,
	};
	struct fixture *f = *state;
	struct tree_attr before = pi_tree_stat(f->job.tree, "/etc/plain", false), after;
	char value[16];

	assert_int_equal(tree_setattr(f->job.tree, before.id, &owned, NULL), 0);
	assert_int_equal(tree_setxattr(f->job.tree, before.id, "user.note", "hello", 5, 0), 0);
	assert_int_equal(provision_write_text(&f->job, "/etc/plain", "new\n"), 0);
	pi_tree_expect_text(f->job.tree, "/etc/plain", "new\n");
	after = pi_tree_stat(f->job.tree, "/etc/plain", false);
	assert_int_equal(after.uid, 7);
	assert_int_equal(after.gid, 8);
	assert_int_equal(after.mode, S_IFREG | 0640);
	assert_int_equal(tree_getxattr(f->job.tree, after.id, "user.note", value, sizeof(value)),
			 5);
	assert_memory_equal(value, "hello", 5);
	assert_false(pi_tree_has(f->job.tree, "/etc/.plain.bramble"));
}

static void file_that_is_as_it_should_be_is_left_alone(void **state)
{
	struct fixture *f = *state;
	uint64_t before = pi_tree_stat(f->job.tree, "/etc/plain", false).id;

	assert_int_equal(provision_write_text(&f->job, "/etc/plain", "old\n"), 0);
	assert_int_equal(provision_write(&f->job, "/etc/secret", "secret\n", 7, 0600), 0);
	assert_false(f->job.changed);
	assert_int_equal(pi_tree_stat(f->job.tree, "/etc/plain", false).id, before);
	assert_int_equal(provision_write(&f->job, "/etc/plain", "old\n", 4, 0600), 0);
	assert_true(f->job.changed);
	assert_int_equal(pi_tree_stat(f->job.tree, "/etc/plain", false).mode, S_IFREG | 0600);
}

static void links_are_followed_and_stay(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(provision_write_text(&f->job, "/etc/link", "one\n"), 0);
	pi_tree_expect_text(f->job.tree, "/etc/plain", "one\n");
	assert_int_equal(provision_write_text(&f->job, "/etc/chain", "two\n"), 0);
	pi_tree_expect_text(f->job.tree, "/etc/plain", "two\n");
	assert_string_equal(pi_tree_link(f->job.tree, "/etc/link"), "plain");
	assert_string_equal(pi_tree_link(f->job.tree, "/etc/chain"), "../etc/absolute");
	assert_int_equal(provision_write_text(&f->job, "/lib/systemd/x/y", "three\n"), 0);
	pi_tree_expect_text(f->job.tree, "/usr/lib/systemd/x/y", "three\n");
}

static void link_out_of_the_tree_stays_inside(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(provision_write_text(&f->job, "/etc/outside", "mine\n"), 0);
	pi_tree_expect_text(f->job.tree, "/usr/lib/name", "mine\n");
	assert_int_equal(provision_write_text(&f->job, "/../../etc/up", "up\n"), 0);
	pi_tree_expect_text(f->job.tree, "/etc/up", "up\n");
}

static void link_that_leads_nowhere_makes_room(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(provision_write_text(&f->job, "/etc/dangling", "text\n"), 0);
	pi_tree_expect_text(f->job.tree, "/etc/dangling", "text\n");
	assert_null(pi_tree_link(f->job.tree, "/etc/dangling"));
	assert_false(pi_tree_has(f->job.tree, "/nowhere"));
}

static void what_is_no_file_is_not_replaced(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(provision_write_text(&f->job, "/etc/loop", "x"), -ELOOP);
	assert_int_equal(provision_write_text(&f->job, "/etc/directory", "x"), -EINVAL);
	assert_int_equal(provision_write_text(&f->job, "/etc/plain/x", "x"), -ENOTDIR);
	assert_int_equal(provision_write_text(&f->job, "/etc/directory/", "x"), -EINVAL);
	assert_false(f->job.changed);
}

static void what_a_broken_off_run_left_is_replaced(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(provision_write_text(&f->job, "/etc/.plain.bramble", "half"), 0);
	assert_int_equal(provision_write_text(&f->job, "/etc/plain", "whole\n"), 0);
	pi_tree_expect_text(f->job.tree, "/etc/plain", "whole\n");
	assert_false(pi_tree_has(f->job.tree, "/etc/.plain.bramble"));
}

static void files_are_read_up_to_a_size(void **state)
{
	const struct tree_setattr huge = {.valid = TREE_SET_SIZE, .size = PROVISION_FILE_MAX + 1};
	struct fixture *f = *state;
	char *text = NULL;
	size_t len;

	assert_int_equal(provision_read(&f->job, "/etc/chain", &text, &len), 0);
	assert_string_equal(text, "old\n");
	free(text);
	assert_int_equal(provision_read(&f->job, "/etc/nothing", &text, &len), -ENOENT);
	assert_int_equal(provision_read(&f->job, "/etc/directory", &text, &len), -EINVAL);
	assert_int_equal(tree_setattr(f->job.tree, pi_tree_stat(f->job.tree, "/etc/hard", false).id,
				      &huge, NULL),
			 0);
	assert_int_equal(provision_read(&f->job, "/etc/hard", &text, &len), -EFBIG);
}

static void units_are_masked_where_there_are_any(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(provision_unit_mask(&f->job, "nothing.service"), 0);
	assert_int_equal(provision_unit_mask(&f->job, "masked.service"), 0);
	assert_false(f->job.changed);
	assert_int_equal(provision_unit_mask(&f->job, "some.service"), 0);
	pi_tree_expect_masked(f->job.tree, "some.service");
	assert_int_equal(provision_unit_mask(&f->job, "script.service"), 0);
	pi_tree_expect_masked(f->job.tree, "script.service");
	assert_false(pi_tree_has(f->job.tree, "/etc/systemd/system/nothing.service"));
}

static void units_of_the_administrator_are_disabled(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(provision_unit_mask(&f->job, "own.service"), 0);
	pi_tree_expect_text(f->job.tree, "/etc/systemd/system/own.service", "[Unit]\n");
	assert_false(pi_tree_has(f->job.tree,
				 "/etc/systemd/system/multi-user.target.wants/own.service"));
	assert_true(f->job.changed);
}

static int count(struct provision_job *job, const char *path, const char *name)
{
	(void)name;
	return provision_remove(job, path);
}

static void entries_may_go_while_they_are_listed(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 300; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/var/many/file-%d", i);
		assert_int_equal(provision_write_text(&f->job, path, "x"), 0);
	}
	assert_int_equal(provision_each(&f->job, "/var/many", count), 0);
	assert_int_equal(provision_each(&f->job, "/var/nothing", count), 0);
	assert_int_equal(provision_each(&f->job, "/etc/plain", count), 0);
	assert_true(pi_tree_has(f->job.tree, "/etc/plain"));
	assert_false(pi_tree_has(f->job.tree, "/var/many/file-0"));
	assert_false(pi_tree_has(f->job.tree, "/var/many/file-299"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_file_is_roots_and_0644, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaced_file_keeps_owner_mode_and_attributes,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(file_that_is_as_it_should_be_is_left_alone, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(links_are_followed_and_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(link_out_of_the_tree_stays_inside, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(link_that_leads_nowhere_makes_room, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_not_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_broken_off_run_left_is_replaced, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(files_are_read_up_to_a_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(units_are_masked_where_there_are_any, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(units_of_the_administrator_are_disabled, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(entries_may_go_while_they_are_listed, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
