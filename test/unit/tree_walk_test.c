/* SPDX-License-Identifier: MIT */
/* From a path to an id: symbolic links, "..", slashes. */
#include "support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tree/tree_memory.h"

struct fixture {
	struct tree *tree;
	uint64_t etc;
	uint64_t hostname;
};

static uint64_t add_link(struct fixture *f, uint64_t dir, const char *name, const char *target)
{
	const struct tree_memory_node node = {.mode = S_IFLNK | 0777, .target = target};
	uint64_t id;

	assert_int_equal(tree_memory_add(f->tree, dir, name, &node, &id), 0);
	return id;
}

static int set_up(void **state)
{
	static const struct tree_memory_node dir = {.mode = S_IFDIR | 0755};
	static const struct tree_memory_node file = {.mode = S_IFREG | 0644};
	static struct fixture f;

	assert_int_equal(tree_memory_create(&f.tree), 0);
	assert_int_equal(tree_memory_add(f.tree, TREE_ROOT, "etc", &dir, &f.etc), 0);
	assert_int_equal(tree_memory_add(f.tree, f.etc, "hostname", &file, &f.hostname), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	tree_close(f->tree);
	return 0;
}

static void assert_walk(struct fixture *f, const char *path, bool follow, uint64_t want)
{
	uint64_t id = 0;

	assert_int_equal(tree_walk(f->tree, path, follow, &id), 0);
	assert_int_equal(id, want);
}

static void assert_no_walk(struct fixture *f, const char *path, int want)
{
	uint64_t id = 0;

	assert_int_equal(tree_walk(f->tree, path, true, &id), want);
	assert_int_equal(id, 0);
}

static void slashes_may_be_many_or_missing(void **state)
{
	struct fixture *f = *state;

	assert_walk(f, "", true, TREE_ROOT);
	assert_walk(f, "///", true, TREE_ROOT);
	assert_walk(f, "etc", true, f->etc);
	assert_walk(f, "//etc//hostname", true, f->hostname);
	assert_walk(f, "/etc/", true, f->etc);
}

static void a_file_is_no_directory(void **state)
{
	struct fixture *f = *state;

	assert_no_walk(f, "/etc/hostname/", -ENOTDIR);
	assert_no_walk(f, "/etc/hostname/.", -ENOTDIR);
	assert_no_walk(f, "/etc/hostname/..", -ENOTDIR);
	assert_no_walk(f, "/etc/absent", -ENOENT);
	assert_no_walk(f, "/absent/hostname", -ENOENT);
}

static void dot_dot_stops_at_the_root(void **state)
{
	struct fixture *f = *state;

	assert_walk(f, "/../../etc/../etc/./hostname", true, f->hostname);
	assert_walk(f, "..", true, TREE_ROOT);
}

static void the_last_link_is_followed_on_request(void **state)
{
	struct fixture *f = *state;
	uint64_t link = add_link(f, TREE_ROOT, "link", "etc/hostname");

	assert_walk(f, "/link", true, f->hostname);
	assert_walk(f, "/link", false, link);
}

static void a_slash_behind_a_link_means_what_it_points_to(void **state)
{
	struct fixture *f = *state;
	uint64_t link = add_link(f, TREE_ROOT, "conf", "etc");

	assert_walk(f, "/conf", false, link);
	assert_walk(f, "/conf/", false, f->etc);
	assert_walk(f, "/conf/hostname", false, f->hostname);
	add_link(f, TREE_ROOT, "name", "etc/hostname");
	assert_no_walk(f, "/name/", -ENOTDIR);
}

static void links_start_where_they_lie_or_at_the_root(void **state)
{
	struct fixture *f = *state;

	add_link(f, f->etc, "relative", "../etc/hostname");
	add_link(f, f->etc, "absolute", "/etc/hostname");
	add_link(f, f->etc, "outside", "/../../../etc");
	assert_walk(f, "/etc/relative", true, f->hostname);
	assert_walk(f, "/etc/absolute", true, f->hostname);
	assert_walk(f, "/etc/outside/outside/hostname", true, f->hostname);
}

static void links_that_lead_nowhere_say_so(void **state)
{
	struct fixture *f = *state;

	add_link(f, TREE_ROOT, "dangling", "absent");
	add_link(f, TREE_ROOT, "empty", "");
	assert_no_walk(f, "/dangling", -ENOENT);
	assert_no_walk(f, "/empty", -ENOENT);
}

static void loops_of_links_end(void **state)
{
	struct fixture *f = *state;

	add_link(f, TREE_ROOT, "a", "b");
	add_link(f, TREE_ROOT, "b", "a");
	add_link(f, TREE_ROOT, "self", "self/self/self");
	assert_no_walk(f, "/a", -ELOOP);
	assert_no_walk(f, "/self", -ELOOP);
}

static void forty_links_are_followed_and_no_more(void **state)
{
	struct fixture *f = *state;
	char name[16], target[16];

	add_link(f, TREE_ROOT, "l1", "etc");
	for (int i = 2; i <= 41; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		add_link(f, TREE_ROOT, name, target);
	}
	assert_walk(f, "/l40", true, f->etc);
	assert_no_walk(f, "/l41", -ELOOP);
}

static void a_path_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[TREE_LINK_MAX + 2];

	memset(path, '/', sizeof(path));
	path[TREE_LINK_MAX] = '\0';
	assert_walk(f, path, true, TREE_ROOT);
	path[TREE_LINK_MAX] = '/';
	path[TREE_LINK_MAX + 1] = '\0';
	assert_no_walk(f, path, -ENAMETOOLONG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(slashes_may_be_many_or_missing),
		TEST(a_file_is_no_directory),
		TEST(dot_dot_stops_at_the_root),
		TEST(the_last_link_is_followed_on_request),
		TEST(a_slash_behind_a_link_means_what_it_points_to),
		TEST(links_start_where_they_lie_or_at_the_root),
		TEST(links_that_lead_nowhere_say_so),
		TEST(loops_of_links_end),
		TEST(forty_links_are_followed_and_no_more),
		TEST(a_path_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
