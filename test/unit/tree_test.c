/* SPDX-License-Identifier: MIT */
/* What is common to all trees, on the tree in memory. */
#include "support/unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tree/tree_memory.h"

static const struct tree_memory_node dir_node = {.mode = S_IFDIR | 0750};
static const struct tree_memory_node file_node = {.mode = S_IFREG | 0644, .size = 10000};

struct fixture {
	struct tree *tree;
	uint64_t sub;
	uint64_t file;
};

static int set_up(void **state)
{
	static struct fixture f;

	assert_int_equal(tree_memory_create(&f.tree), 0);
	assert_int_equal(tree_memory_add(f.tree, TREE_ROOT, "sub", &dir_node, &f.sub), 0);
	assert_int_equal(tree_memory_add(f.tree, f.sub, "file", &file_node, &f.file), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	tree_close(f->tree);
	return 0;
}

struct names {
	char text[256];
	uint64_t last;
	int room; /* stop after this many */
};

static int take_name(void *ctx, const struct tree_entry *entry)
{
	struct names *names = ctx;
	size_t len = strlen(names->text);

	if (names->room-- == 0)
		return 1;
	snprintf(names->text + len, sizeof(names->text) - len, "%.*s ", (int)entry->name_len,
		 entry->name);
	names->last = entry->next;
	return 0;
}

static void dot_is_the_directory_and_dot_dot_its_parent(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	assert_int_equal(tree_lookup(f->tree, f->sub, ".", 1, &id), 0);
	assert_int_equal(id, f->sub);
	assert_int_equal(tree_lookup(f->tree, f->sub, "..", 2, &id), 0);
	assert_int_equal(id, TREE_ROOT);
	assert_int_equal(tree_lookup(f->tree, TREE_ROOT, "..", 2, &id), 0);
	assert_int_equal(id, TREE_ROOT);
}

static void names_that_cannot_be_are_not_looked_up(void **state)
{
	struct fixture *f = *state;
	char longest[TREE_NAME_MAX + 1];
	uint64_t id;

	memset(longest, 'n', sizeof(longest));
	assert_int_equal(tree_lookup(f->tree, f->sub, "", 0, &id), -ENOENT);
	assert_int_equal(tree_lookup(f->tree, f->sub, "a/b", 3, &id), -ENOENT);
	assert_int_equal(tree_lookup(f->tree, f->sub, "file\0", 5, &id), -ENOENT);
	assert_int_equal(tree_lookup(f->tree, f->sub, longest, TREE_NAME_MAX, &id), -ENOENT);
	assert_int_equal(tree_lookup(f->tree, f->sub, longest, TREE_NAME_MAX + 1, &id),
			 -ENAMETOOLONG);
}

static void a_listing_goes_on_behind_any_entry(void **state)
{
	struct fixture *f = *state;
	uint64_t cookie = 0;
	char all[256] = "";

	assert_int_equal(tree_memory_add(f->tree, f->sub, "second", &file_node, NULL), 0);
	for (int i = 0; i < 6; i++) {
		struct names one = {.room = 1, .last = cookie};

		assert_int_equal(tree_readdir(f->tree, f->sub, cookie, take_name, &one), 0);
		strcat(all, one.text);
		cookie = one.last;
	}
	assert_string_equal(all, ". .. file second ");
}

static void a_damaged_node_gives_its_own_error(void **state)
{
	struct fixture *f = *state;
	struct names names = {.room = 10};
	struct tree_attr attr;
	uint64_t id;
	char byte;

	assert_int_equal(tree_memory_damage(f->tree, f->file, -EBADMSG), 0);
	assert_int_equal(tree_lookup(f->tree, f->sub, "file", 4, &id), 0);
	assert_int_equal(tree_getattr(f->tree, id, &attr), -EBADMSG);
	assert_int_equal(tree_read(f->tree, id, &byte, 1, 0), -EBADMSG);
	assert_int_equal(tree_readdir(f->tree, f->sub, 0, take_name, &names), 0);
	assert_string_equal(names.text, ". .. file ");
	assert_int_equal(tree_getattr(f->tree, 4711, &attr), -ESTALE);
}

static void holes_read_as_zeros_and_are_found(void **state)
{
	struct fixture *f = *state;
	char buf[16];
	uint64_t at;

	assert_int_equal(tree_memory_put(f->tree, f->file, 4096, "data", 4), 0);
	assert_int_equal(tree_read(f->tree, f->file, buf, 16, 4094), 16);
	assert_memory_equal(buf, "\0\0data\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(tree_read(f->tree, f->file, buf, 16, 9990), 10);
	assert_int_equal(tree_read(f->tree, f->file, buf, 16, 10000), 0);
	assert_int_equal(tree_seek(f->tree, f->file, 0, SEEK_DATA, &at), 0);
	assert_int_equal(at, 4096);
	assert_int_equal(tree_seek(f->tree, f->file, 0, SEEK_HOLE, &at), 0);
	assert_int_equal(at, 0);
	assert_int_equal(tree_seek(f->tree, f->file, 4097, SEEK_HOLE, &at), 0);
	assert_int_equal(at, 4100);
	assert_int_equal(tree_seek(f->tree, f->file, 4100, SEEK_DATA, &at), -ENXIO);
	assert_int_equal(tree_seek(f->tree, f->file, 0, SEEK_SET, &at), -EINVAL);
}

static void xattrs_tell_their_length_first(void **state)
{
	struct fixture *f = *state;
	char buf[16];

	assert_int_equal(tree_memory_set_xattr(f->tree, f->file, "user.a", "value", 5), 0);
	assert_int_equal(tree_getxattr(f->tree, f->file, "user.a", NULL, 0), 5);
	assert_int_equal(tree_getxattr(f->tree, f->file, "user.a", buf, 4), -ERANGE);
	assert_int_equal(tree_getxattr(f->tree, f->file, "user.b", buf, 4), -ENODATA);
	assert_int_equal(tree_listxattr(f->tree, f->file, buf, sizeof(buf)), 7);
	assert_string_equal(buf, "user.a");
}

static void links_and_sub_directories_are_counted(void **state)
{
	struct fixture *f = *state;
	struct tree_attr attr;

	assert_int_equal(tree_memory_link(f->tree, TREE_ROOT, "again", f->file), 0);
	assert_int_equal(tree_getattr(f->tree, f->file, &attr), 0);
	assert_int_equal(attr.nlink, 2);
	assert_int_equal(tree_getattr(f->tree, TREE_ROOT, &attr), 0);
	assert_int_equal(attr.nlink, 3);
	assert_int_equal(tree_memory_link(f->tree, TREE_ROOT, "again", f->file), -EEXIST);
	assert_int_equal(tree_memory_link(f->tree, TREE_ROOT, "dir", f->sub), -EINVAL);
}

/* The fixture closes it once more. */
static void a_shared_tree_lives_as_long_as_somebody_has_it(void **state)
{
	struct fixture *f = *state;
	struct tree_attr attr;

	assert_ptr_equal(tree_share(f->tree), f->tree);
	tree_share(f->tree);
	tree_close(f->tree);
	tree_close(f->tree);
	assert_int_equal(tree_getattr(f->tree, TREE_ROOT, &attr), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dot_is_the_directory_and_dot_dot_its_parent),
		TEST(names_that_cannot_be_are_not_looked_up),
		TEST(a_listing_goes_on_behind_any_entry),
		TEST(a_damaged_node_gives_its_own_error),
		TEST(holes_read_as_zeros_and_are_found),
		TEST(xattrs_tell_their_length_first),
		TEST(links_and_sub_directories_are_counted),
		TEST(a_shared_tree_lives_as_long_as_somebody_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
