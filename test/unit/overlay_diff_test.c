/* SPDX-License-Identifier: MIT */
/* What an overlay says differs from its lower tree. */
#include "support/overlay_fixture.h"

#include "overlay/overlay_fs.h"

struct output {
	char text[16384];
	size_t used;
	uint64_t stored;
	struct tree_attr attr; /* of the last one */
};

/* "M d /path", where d, a and x tell data, attributes and extended ones; "R /old -> /new". */
static int take(void *ctx, const struct overlay_change *change)
{
	struct output *out = ctx;
	char what[8];

	snprintf(what, sizeof(what), "%s%s%s%s", change->what ? " " : "",
		 change->what & OVERLAY_CHANGED_DATA ? "d" : "",
		 change->what & OVERLAY_CHANGED_ATTR ? "a" : "",
		 change->what & OVERLAY_CHANGED_XATTR ? "x" : "");
	out->used += (size_t)snprintf(out->text + out->used, sizeof(out->text) - out->used,
				      "%c%s %s%s%s\n", (char)change->kind, what,
				      change->old_path ? change->old_path : "",
				      change->old_path ? " -> " : "", change->path);
	out->stored += change->stored;
	out->attr = change->attr;
	return 0;
}

static struct output diff(struct fixture *f)
{
	struct output out = {0};

	assert_int_equal(overlay_diff(f->tree, take, &out), 0);
	return out;
}

static void expect(struct fixture *f, const char *text)
{
	struct output out = diff(f);

	assert_string_equal(out.text, text);
}

static void set_mode(struct fixture *f, uint64_t id, uint32_t mode)
{
	const struct tree_setattr set = {.valid = TREE_SET_MODE, .mode = mode};

	assert_int_equal(tree_setattr(f->tree, id, &set, NULL), 0);
}

static void set_mtime(struct fixture *f, uint64_t id, time_t seconds)
{
	const struct tree_setattr set = {.valid = TREE_SET_MTIME, .mtime.tv_sec = seconds};

	assert_int_equal(tree_setattr(f->tree, id, &set, NULL), 0);
}

static void write_to(struct fixture *f, uint64_t id, const char *text, uint64_t offset)
{
	assert_int_equal(tree_write(f->tree, id, text, strlen(text), offset, 0), 0);
}

static void untouched_overlay_does_not_differ(void **state)
{
	expect(*state, "");
}

static void written_file_is_found_by_its_names(void **state)
{
	struct fixture *f = *state;
	struct output out;

	write_to(f, f->tool, "x", 5000);
	write_to(f, f->hosts, "x", 0);
	write_to(f, f->config, "x", 0);
	out = diff(f);
	assert_string_equal(out.text, "M d /boot/Config.TXT\n"
				      "M d /etc/hosts\n"
				      "M d /hosts\n"
				      "M d /usr/bin/tool\n");
	assert_int_equal(out.stored, 4 * STORE_BLOCK);
	assert_int_equal(out.attr.id, f->tool);
	assert_int_equal(out.attr.size, 5001);
}

static void new_nodes_are_added(void **state)
{
	struct fixture *f = *state;
	uint64_t dir = fixture_create(f->tree, f->etc, "new", S_IFDIR | 0755);
	uint64_t file = fixture_create(f->tree, dir, "file", S_IFREG | 0644);
	struct output out;

	fixture_create(f->tree, TREE_ROOT, "link2", S_IFLNK | 0777);
	write_to(f, file, "x", 0);
	assert_int_equal(tree_link(f->tree, file, f->overlays, "again", 5, NULL), -EXDEV);
	assert_int_equal(tree_link(f->tree, file, f->usr, "again", 5, NULL), 0);
	out = diff(f);
	assert_string_equal(out.text, "A /etc/new\n"
				      "A /etc/new/file\n"
				      "A /link2\n"
				      "A /usr/again\n");
	assert_int_equal(out.attr.nlink, 2);
	assert_int_equal(fixture_unlink(f->tree, dir, "file"), 0);
	assert_int_equal(fixture_unlink(f->tree, f->usr, "again"), 0);
	assert_int_equal(fixture_rmdir(f->tree, f->etc, "new"), 0);
	assert_int_equal(fixture_unlink(f->tree, TREE_ROOT, "link2"), 0);
	expect(f, "");
}

static void removed_nodes_are_deleted(void **state)
{
	struct fixture *f = *state;
	struct output out;

	assert_int_equal(fixture_unlink(f->tree, f->bin, "tool"), 0);
	assert_int_equal(fixture_rmdir(f->tree, f->usr, "bin"), 0);
	assert_int_equal(fixture_rmdir(f->tree, TREE_ROOT, "usr"), 0);
	out = diff(f);
	assert_string_equal(out.text, "D /usr\n"
				      "D /usr/bin\n"
				      "D /usr/bin/tool\n");
	assert_int_equal(out.attr.mode, S_IFREG | 04755);
	assert_int_equal(out.attr.nlink, 1);
}

static void renamed_directory_is_one_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "usr", f->etc, "usr2", 0), 0);
	expect(f, "R /usr -> /etc/usr2\n");
	write_to(f, f->tool, "x", 0);
	expect(f, "R /usr -> /etc/usr2\n"
		  "M d /etc/usr2/bin/tool\n");
}

static void names_in_renamed_directories_have_the_paths_of_their_trees(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "usr", TREE_ROOT, "var", 0), 0);
	assert_int_equal(fixture_rename(f->tree, f->bin, "tool", f->usr, "tool2", 0), 0);
	assert_int_equal(fixture_rename(f->tree, f->usr, "bin", f->usr, "sbin", 0), 0);
	fixture_create(f->tree, f->bin, "new", S_IFREG | 0644);
	expect(f, "R /usr -> /var\n"
		  "R /usr/bin -> /var/sbin\n"
		  "A /var/sbin/new\n"
		  "R /usr/bin/tool -> /var/tool2\n");
	assert_int_equal(fixture_unlink(f->tree, f->usr, "tool2"), 0);
	expect(f, "D /usr/bin/tool\n"
		  "R /usr -> /var\n"
		  "R /usr/bin -> /var/sbin\n"
		  "A /var/sbin/new\n");
}

static void renaming_there_and_back_is_no_change(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "usr", f->etc, "usr2", 0), 0);
	assert_int_equal(fixture_rename(f->tree, f->etc, "usr2", TREE_ROOT, "usr", 0), 0);
	assert_int_equal(fixture_rename(f->tree, f->etc, "fstab", TREE_ROOT, "x", 0), 0);
	assert_int_equal(fixture_rename(f->tree, TREE_ROOT, "x", f->etc, "fstab", 0), 0);
	expect(f, "");
	write_to(f, f->fstab, "x", 0);
	set_mode(f, f->usr, 0700);
	expect(f, "M d /etc/fstab\n"
		  "M a /usr\n");
}

static void exchanged_names_are_two_renames(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		fixture_rename(f->tree, f->etc, "fstab", f->usr, "bin", TREE_RENAME_EXCHANGE), 0);
	expect(f, "R /usr/bin -> /etc/fstab\n"
		  "R /etc/fstab -> /usr/bin\n");
}

static void file_of_several_names_may_lose_or_get_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_unlink(f->tree, TREE_ROOT, "hosts"), 0);
	expect(f, "D /hosts\n");
	assert_int_equal(tree_link(f->tree, f->hosts, f->usr, "hosts", 5, NULL), 0);
	expect(f, "R /hosts -> /usr/hosts\n");
	assert_int_equal(tree_link(f->tree, f->hosts, f->usr, "hosts2", 6, NULL), 0);
	expect(f, "R /hosts -> /usr/hosts\n"
		  "A /usr/hosts2\n");
	write_to(f, f->hosts, "x", 0);
	expect(f, "M d /etc/hosts\n"
		  "R d /hosts -> /usr/hosts\n"
		  "A /usr/hosts2\n");
	assert_int_equal(fixture_unlink(f->tree, f->etc, "hosts"), 0);
	expect(f, "R d /hosts -> /usr/hosts\n"
		  "R d /etc/hosts -> /usr/hosts2\n");
}

static void file_made_anew_in_the_same_place_is_modified(void **state)
{
	struct fixture *f = *state;
	uint64_t id = fixture_create(f->tree, f->etc, "fstab.new", S_IFREG | 0644);

	write_to(f, id, "new", 0);
	assert_int_equal(fixture_rename(f->tree, f->etc, "fstab.new", f->etc, "fstab", 0), 0);
	expect(f, "M d /etc/fstab\n");
	set_mode(f, id, 0600);
	assert_int_equal(tree_setxattr(f->tree, id, "user.x", "1", 1, 0), 0);
	expect(f, "M dax /etc/fstab\n");
}

static void link_made_anew_differs_if_its_target_does(void **state)
{
	struct fixture *f = *state;
	const struct tree_new same = {.mode = S_IFLNK | 0777, .target = "etc"};

	assert_int_equal(fixture_unlink(f->tree, TREE_ROOT, "link"), 0);
	assert_int_equal(tree_create(f->tree, TREE_ROOT, "link", 4, &same, NULL), 0);
	expect(f, "");
	assert_int_equal(fixture_unlink(f->tree, TREE_ROOT, "link"), 0);
	fixture_create(f->tree, TREE_ROOT, "link", S_IFLNK | 0777);
	expect(f, "M d /link\n");
}

static void directory_made_anew_is_compared_by_what_is_in_it(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	assert_int_equal(fixture_unlink(f->tree, f->bin, "tool"), 0);
	assert_int_equal(fixture_rmdir(f->tree, f->usr, "bin"), 0);
	id = fixture_create(f->tree, f->usr, "bin", S_IFDIR | 0755);
	fixture_create(f->tree, id, "tool2", S_IFREG | 0755);
	expect(f, "D /usr/bin/tool\n"
		  "A /usr/bin/tool2\n");
}

static void another_type_in_the_same_place_is_two_lines(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_unlink(f->tree, f->etc, "fstab"), 0);
	fixture_create(f->tree, f->etc, "fstab", S_IFDIR | 0755);
	expect(f, "D /etc/fstab\n"
		  "A /etc/fstab\n");
}

static void renaming_over_a_file_leaves_no_deleted_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_rename(f->tree, f->bin, "tool", f->etc, "fstab", 0), 0);
	expect(f, "R /usr/bin/tool -> /etc/fstab\n");
}

static void attributes_count_but_not_times_by_the_way(void **state)
{
	struct fixture *f = *state;
	const struct tree_setattr atime = {.valid = TREE_SET_ATIME, .atime.tv_sec = 5};

	fixture_create(f->tree, f->etc, "x", S_IFREG | 0644);
	assert_int_equal(fixture_unlink(f->tree, f->etc, "x"), 0);
	set_mtime(f, f->usr, 77);
	set_mode(f, f->fstab, 0600);
	set_mode(f, f->fstab, 0644);
	assert_int_equal(tree_setattr(f->tree, f->tool, &atime, NULL), 0);
	expect(f, "");
	set_mtime(f, f->tool, 77);
	set_mode(f, TREE_ROOT, 0700);
	expect(f, "M a /\n"
		  "M a /usr/bin/tool\n");
}

static void extended_attributes_count_by_value(void **state)
{
	struct fixture *f = *state;
	char value[8];

	assert_int_equal(tree_setxattr(f->tree, f->fstab, "user.x", "1", 1, 0), 0);
	assert_int_equal(tree_setxattr(f->tree, f->boot, "user.x", "1", 1, 0), 0);
	expect(f, "M x /boot\n"
		  "M x /etc/fstab\n");
	assert_int_equal(tree_getxattr(f->tree, f->fstab, "user.x", value, sizeof(value)), 1);
	assert_int_equal(tree_removexattr(f->tree, f->fstab, "user.x"), 0);
	assert_int_equal(tree_removexattr(f->tree, f->boot, "user.x"), 0);
	expect(f, "");
}

static void names_without_case_have_the_listed_spelling(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_unlink(f->tree, f->boot, "CONFIG.txt"), 0);
	assert_int_equal(fixture_rename(f->tree, f->boot, "longna~1", f->overlays, "Long", 0), 0);
	expect(f, "D /boot/Config.TXT\n"
		  "R /boot/longname.text -> /boot/Overlays/Long\n");
	fixture_create(f->tree, f->boot, "config.txt", S_IFREG | 0755);
	assert_int_equal(fixture_rename(f->tree, f->boot, "overlays", f->boot, "OVERLAYS", 0), 0);
	expect(f, "D /boot/Config.TXT\n"
		  "R /boot/Overlays -> /boot/OVERLAYS\n"
		  "R /boot/longname.text -> /boot/OVERLAYS/Long\n"
		  "A /boot/config.txt\n");
}

static int stop(void *ctx, const struct overlay_change *change)
{
	(void)change;
	++*(unsigned int *)ctx;
	return -EINTR;
}

static void taker_may_stop(void **state)
{
	struct fixture *f = *state;
	unsigned int count = 0;

	fixture_create(f->tree, f->etc, "a", S_IFREG | 0644);
	fixture_create(f->tree, f->etc, "b", S_IFREG | 0644);
	assert_int_equal(overlay_diff(f->tree, stop, &count), -EINTR);
	assert_int_equal(count, 1);
}

static int count_lines(void *ctx, const struct overlay_change *change)
{
	assert_int_equal(change->kind, OVERLAY_ADDED);
	assert_true(strncmp(change->path, "/d/d/", 5) == 0 || strlen(change->path) <= 4);
	++*(unsigned int *)ctx;
	return 0;
}

static void deep_directories_have_paths(void **state)
{
	struct fixture *f = *state;
	uint64_t dir = TREE_ROOT;
	unsigned int count = 0;

	for (unsigned int depth = 0; depth < 3000; depth++)
		dir = fixture_create(f->tree, dir, "d", S_IFDIR | 0755);
	assert_int_equal(overlay_diff(f->tree, count_lines, &count), 0);
	assert_int_equal(count, 3000);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(untouched_overlay_does_not_differ),
		TEST(written_file_is_found_by_its_names),
		TEST(new_nodes_are_added),
		TEST(removed_nodes_are_deleted),
		TEST(renamed_directory_is_one_line),
		TEST(names_in_renamed_directories_have_the_paths_of_their_trees),
		TEST(renaming_there_and_back_is_no_change),
		TEST(exchanged_names_are_two_renames),
		TEST(file_of_several_names_may_lose_or_get_one),
		TEST(file_made_anew_in_the_same_place_is_modified),
		TEST(link_made_anew_differs_if_its_target_does),
		TEST(directory_made_anew_is_compared_by_what_is_in_it),
		TEST(another_type_in_the_same_place_is_two_lines),
		TEST(renaming_over_a_file_leaves_no_deleted_one),
		TEST(attributes_count_but_not_times_by_the_way),
		TEST(extended_attributes_count_by_value),
		TEST(names_without_case_have_the_listed_spelling),
		TEST(taker_may_stop),
		TEST(deep_directories_have_paths),
	};

	return cmocka_run_group_tests_name("overlay_diff", tests, NULL, NULL);
}
