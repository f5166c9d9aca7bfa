/* SPDX-License-Identifier: MIT */
/* Changes of a tree: what is refused for every kind of it, and what a kind is asked for. */
#include "support/unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "tree/tree_memory.h"

/* A tree that can be changed: it only remembers what it was asked for. */
struct recorder {
	struct tree base;
	unsigned int calls;
	struct tree_setattr set;
	struct tree_new node;
	uint64_t released;
};

static struct recorder *of(struct tree *tree)
{
	struct recorder *recorder = container_of(tree, struct recorder, base);

	recorder->calls++;
	return recorder;
}

static int rec_setattr(struct tree *tree, uint64_t id, const struct tree_setattr *set,
		       struct tree_attr *out)
{
	of(tree)->set = *set;
	out->id = id;
	return 0;
}

static int rec_create(struct tree *tree, uint64_t dir, const char *name, size_t len,
		      const struct tree_new *node, struct tree_attr *out)
{
	(void)name;
	(void)len;
	of(tree)->node = *node;
	out->id = dir + 1;
	return 0;
}

static int rec_link(struct tree *tree, uint64_t id, uint64_t dir, const char *name, size_t len,
		    struct tree_attr *out)
{
	(void)dir;
	(void)name;
	(void)len;
	of(tree);
	out->id = id;
	return 0;
}

static int rec_remove(struct tree *tree, uint64_t dir, const char *name, size_t len)
{
	(void)dir;
	(void)name;
	(void)len;
	of(tree);
	return 0;
}

static int rec_rename(struct tree *tree, uint64_t dir, const char *name, size_t len,
		      uint64_t new_dir, const char *new_name, size_t new_len, unsigned int flags)
{
	(void)dir;
	(void)name;
	(void)len;
	(void)new_dir;
	(void)new_name;
	(void)new_len;
	(void)flags;
	of(tree);
	return 0;
}

static int rec_write(struct tree *tree, uint64_t id, const void *buf, size_t len, uint64_t offset,
		     unsigned int flags)
{
	(void)id;
	(void)buf;
	(void)len;
	(void)offset;
	(void)flags;
	of(tree);
	return 0;
}

static int rec_fallocate(struct tree *tree, uint64_t id, unsigned int mode, uint64_t offset,
			 uint64_t len)
{
	(void)id;
	(void)mode;
	(void)offset;
	(void)len;
	of(tree);
	return 0;
}

static int rec_setxattr(struct tree *tree, uint64_t id, const char *name, const void *value,
			size_t len, int flags)
{
	(void)id;
	(void)name;
	(void)value;
	(void)len;
	(void)flags;
	of(tree);
	return 0;
}

static int rec_removexattr(struct tree *tree, uint64_t id, const char *name)
{
	(void)id;
	of(tree);
	return strstr(name, "absent") || strstr(name, "posix_acl") ? -ENODATA : 0;
}

static int rec_sync(struct tree *tree)
{
	of(tree);
	return -EIO;
}

static int rec_hold(struct tree *tree, uint64_t id)
{
	(void)id;
	of(tree);
	return -ESTALE;
}

static void rec_release(struct tree *tree, uint64_t id, uint64_t count)
{
	(void)id;
	of(tree)->released += count;
}

static const struct tree_ops recorder_ops = {
	.kind = "recorder",
	.setattr = rec_setattr,
	.create = rec_create,
	.link = rec_link,
	.unlink = rec_remove,
	.rmdir = rec_remove,
	.rename = rec_rename,
	.write = rec_write,
	.fallocate = rec_fallocate,
	.setxattr = rec_setxattr,
	.removexattr = rec_removexattr,
	.sync = rec_sync,
	.hold = rec_hold,
	.release = rec_release,
};

static struct recorder recorder;
static struct tree *tree = &recorder.base;

static const struct tree_new a_file = {.mode = S_IFREG | 0644};

static int set_up(void **state)
{
	(void)state;
	recorder = (struct recorder){.base = {.ops = &recorder_ops, .span = 100}};
	return 0;
}

static int create(const char *name)
{
	return tree_create(tree, TREE_ROOT, name, strlen(name), &a_file, NULL);
}

static int make(const struct tree_new *node)
{
	return tree_create(tree, TREE_ROOT, "n", 1, node, NULL);
}

static int rename_flags(const char *from, const char *to, unsigned int flags)
{
	return tree_rename(tree, TREE_ROOT, from, strlen(from), TREE_ROOT, to, strlen(to), flags);
}

static int setattr(const struct tree_setattr *set)
{
	return tree_setattr(tree, TREE_ROOT, set, NULL);
}

static void a_tree_without_changes_is_read_only(void **state)
{
	static const struct tree_setattr none;
	struct tree *fixed;

	(void)state;
	assert_int_equal(tree_memory_create(&fixed), 0);
	assert_false(tree_is_writable(fixed));
	assert_true(tree_is_writable(tree));
	assert_int_equal(tree_setattr(fixed, TREE_ROOT, &none, NULL), -EROFS);
	assert_int_equal(tree_create(fixed, TREE_ROOT, "n", 1, &a_file, NULL), -EROFS);
	assert_int_equal(tree_link(fixed, 2, TREE_ROOT, "n", 1, NULL), -EROFS);
	assert_int_equal(tree_unlink(fixed, TREE_ROOT, "n", 1), -EROFS);
	assert_int_equal(tree_rmdir(fixed, TREE_ROOT, "n", 1), -EROFS);
	assert_int_equal(tree_rename(fixed, TREE_ROOT, "a", 1, TREE_ROOT, "b", 1, 0), -EROFS);
	assert_int_equal(tree_write(fixed, 2, "", 0, 0, 0), -EROFS);
	assert_int_equal(tree_fallocate(fixed, 2, 0, 0, 1), -EROFS);
	assert_int_equal(tree_setxattr(fixed, 2, "user.a", "", 0, 0), -EROFS);
	assert_int_equal(tree_removexattr(fixed, 2, "user.a"), -EROFS);
	assert_int_equal(tree_sync(fixed), 0);
	assert_int_equal(tree_hold(fixed, 2), 0);
	tree_release(fixed, 2, 1);
	tree_close(fixed);
}

static void dot_and_dot_dot_are_refused_as_by_the_kernel(void **state)
{
	static const char *const dots[] = {".", ".."};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dots); i++) {
		size_t len = i + 1;

		assert_int_equal(create(dots[i]), -EEXIST);
		assert_int_equal(tree_link(tree, 2, TREE_ROOT, dots[i], len, NULL), -EEXIST);
		assert_int_equal(tree_unlink(tree, TREE_ROOT, dots[i], len), -EISDIR);
		assert_int_equal(rename_flags(dots[i], "n", 0), -EBUSY);
		assert_int_equal(rename_flags("n", dots[i], 0), -EBUSY);
		assert_int_equal(rename_flags("n", dots[i], TREE_RENAME_NOREPLACE), -EEXIST);
		assert_int_equal(rename_flags("n", dots[i], TREE_RENAME_EXCHANGE), -EBUSY);
	}
	assert_int_equal(tree_rmdir(tree, TREE_ROOT, ".", 1), -EINVAL);
	assert_int_equal(tree_rmdir(tree, TREE_ROOT, "..", 2), -ENOTEMPTY);
	assert_int_equal(recorder.calls, 0);
	assert_int_equal(create("..."), 0);
	assert_int_equal(create(".a"), 0);
}

static void names_that_cannot_be_are_refused(void **state)
{
	char longest[TREE_NAME_MAX + 1];

	(void)state;
	memset(longest, 'n', sizeof(longest));
	assert_int_equal(create(""), -ENOENT);
	assert_int_equal(create("a/b"), -EINVAL);
	assert_int_equal(tree_create(tree, TREE_ROOT, "a\0b", 3, &a_file, NULL), -EINVAL);
	assert_int_equal(tree_unlink(tree, TREE_ROOT, "/", 1), -EINVAL);
	assert_int_equal(tree_rmdir(tree, TREE_ROOT, "", 0), -ENOENT);
	assert_int_equal(rename_flags("a", "b/", 0), -EINVAL);
	assert_int_equal(tree_create(tree, TREE_ROOT, longest, TREE_NAME_MAX + 1, &a_file, NULL),
			 -ENAMETOOLONG);
	assert_int_equal(recorder.calls, 0);
	assert_int_equal(tree_create(tree, TREE_ROOT, longest, TREE_NAME_MAX, &a_file, NULL), 0);
}

static void rename_knows_two_flags_that_exclude_each_other(void **state)
{
	(void)state;
	assert_int_equal(rename_flags("a", "b", 3), -EINVAL);
	assert_int_equal(rename_flags("a", "b", 4), -EINVAL);
	assert_int_equal(recorder.calls, 0);
	assert_int_equal(rename_flags("a", "b", TREE_RENAME_NOREPLACE), 0);
	assert_int_equal(rename_flags("a", "b", TREE_RENAME_EXCHANGE), 0);
}

static void a_node_has_a_type_and_a_link_a_target(void **state)
{
	char target[TREE_LINK_MAX + 2];

	(void)state;
	memset(target, 't', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	assert_int_equal(make(&(struct tree_new){.mode = 0644}), -EINVAL);
	assert_int_equal(make(&(struct tree_new){.mode = S_IFMT | 0644}), -EINVAL);
	assert_int_equal(make(&(struct tree_new){.mode = S_IFREG, .uid = UINT32_MAX}), -EINVAL);
	assert_int_equal(make(&(struct tree_new){.mode = S_IFREG, .gid = UINT32_MAX}), -EINVAL);
	assert_int_equal(make(&(struct tree_new){.mode = S_IFLNK}), -EINVAL);
	assert_int_equal(make(&(struct tree_new){.mode = S_IFLNK, .target = ""}), -ENOENT);
	assert_int_equal(make(&(struct tree_new){.mode = S_IFLNK, .target = target}),
			 -ENAMETOOLONG);
	assert_int_equal(recorder.calls, 0);
	target[TREE_LINK_MAX] = '\0';
	assert_int_equal(make(&(struct tree_new){.mode = S_IFLNK, .target = target}), 0);
}

static void what_does_not_belong_to_a_node_is_left_out(void **state)
{
	static const struct tree_new odd = {
		.mode = 0x10000 | S_IFREG | 07777, .umask = 07022, .rdev = 5, .target = "t"};
	static const struct tree_new device = {.mode = S_IFBLK | 0600, .rdev = 5};

	(void)state;
	assert_int_equal(make(&odd), 0);
	assert_int_equal(recorder.node.mode, S_IFREG | 07777);
	assert_int_equal(recorder.node.umask, 022);
	assert_int_equal(recorder.node.rdev, 0);
	assert_null(recorder.node.target);
	assert_int_equal(make(&device), 0);
	assert_int_equal(recorder.node.rdev, 5);
}

static void attributes_that_cannot_be_are_refused(void **state)
{
	static const struct timespec bad = {.tv_nsec = 1000000000}, past = {.tv_nsec = -1};

	(void)state;
	assert_int_equal(setattr(&(struct tree_setattr){.valid = 0x800}), -EINVAL);
	assert_int_equal(setattr(&(struct tree_setattr){.valid = TREE_SET_UID, .uid = UINT32_MAX}),
			 -EINVAL);
	assert_int_equal(setattr(&(struct tree_setattr){.valid = TREE_SET_GID, .gid = UINT32_MAX}),
			 -EINVAL);
	assert_int_equal(setattr(&(struct tree_setattr){.valid = TREE_SET_ATIME, .atime = bad}),
			 -EINVAL);
	assert_int_equal(setattr(&(struct tree_setattr){.valid = TREE_SET_MTIME, .mtime = past}),
			 -EINVAL);
	assert_int_equal(setattr(&(struct tree_setattr){.valid = TREE_SET_CTIME, .ctime = bad}),
			 -EINVAL);
	assert_int_equal(setattr(&(struct tree_setattr){.valid = TREE_SET_SIZE,
							.size = (uint64_t)INT64_MAX + 1}),
			 -EFBIG);
	assert_int_equal(recorder.calls, 0);
}

static void of_a_mode_only_the_permissions_are_changed(void **state)
{
	struct tree_attr attr;

	(void)state;
	assert_int_equal(
		setattr(&(struct tree_setattr){.valid = TREE_SET_MODE, .mode = S_IFDIR | 04755}),
		0);
	assert_int_equal(recorder.set.mode, 04755);
	assert_int_equal(tree_setattr(tree, 7, &recorder.set, &attr), 0);
	assert_int_equal(attr.id, 7);
}

static void files_end_below_two_to_the_sixty_three(void **state)
{
	(void)state;
	assert_int_equal(tree_write(tree, 2, "ab", 2, INT64_MAX - 1, 0), -EFBIG);
	assert_int_equal(tree_write(tree, 2, "ab", 2, UINT64_MAX, 0), -EFBIG);
	assert_int_equal(tree_fallocate(tree, 2, 0, INT64_MAX, 1), -EFBIG);
	assert_int_equal(tree_write(tree, 2, "ab", 2, 0, 8), -EINVAL);
	assert_int_equal(tree_write(tree, 2, "", 0, UINT64_MAX, 0), 0);
	assert_int_equal(recorder.calls, 0);
	assert_int_equal(tree_write(tree, 2, "ab", 2, INT64_MAX - 2, 0), 0);
	assert_int_equal(tree_write(tree, 2, "ab", 2, 0, TREE_WRITE_DROP_PRIVILEGE), 0);
	assert_int_equal(tree_fallocate(tree, 2, 0, 0, INT64_MAX), 0);
}

static void allocation_takes_the_modes_of_fallocate(void **state)
{
	static const unsigned int good[] = {0, 1, 3, 0x10, 0x11},
				  bad[] = {2, 4, 8, 0x12, 0x13, 0x20};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(tree_fallocate(tree, 2, good[i], 0, 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(tree_fallocate(tree, 2, bad[i], 0, 1), -EOPNOTSUPP);
	assert_int_equal(tree_fallocate(tree, 2, 0, 0, 0), -EINVAL);
	assert_int_equal(tree_fallocate(tree, 2, 0, UINT64_MAX, 1), -EINVAL);
	assert_int_equal(tree_fallocate(tree, 2, 0, 0, UINT64_MAX), -EINVAL);
}

static void attribute_names_and_values_have_bounds(void **state)
{
	char name[XATTR_NAME_MAX + 2];
	char byte;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(tree_setxattr(tree, 2, name, "", 0, 0), -ERANGE);
	assert_int_equal(tree_setxattr(tree, 2, "", "", 0, 0), -ERANGE);
	assert_int_equal(tree_removexattr(tree, 2, name), -ERANGE);
	assert_int_equal(tree_removexattr(tree, 2, ""), -ERANGE);
	assert_int_equal(tree_getxattr(tree, 2, name, &byte, 1), -ERANGE);
	assert_int_equal(tree_getxattr(tree, 2, "", &byte, 1), -ERANGE);
	assert_int_equal(tree_setxattr(tree, 2, "user.a", "", TREE_XATTR_MAX + 1, 0), -E2BIG);
	assert_int_equal(tree_setxattr(tree, 2, "user.a", "", 0, 4), -EINVAL);
	assert_int_equal(recorder.calls, 0);
	name[XATTR_NAME_MAX] = '\0';
	assert_int_equal(tree_setxattr(tree, 2, name, "", 0, XATTR_CREATE | XATTR_REPLACE), 0);
	assert_int_equal(tree_removexattr(tree, 2, name), 0);
	assert_int_equal(tree_getxattr(tree, 2, name, &byte, 1), -EOPNOTSUPP);
	memcpy(name, "user.", 5);
	assert_int_equal(tree_getxattr(tree, 2, name, &byte, 1), -ENODATA);
}

static void an_acl_that_is_absent_can_be_removed(void **state)
{
	(void)state;
	assert_int_equal(tree_removexattr(tree, 2, "user.absent"), -ENODATA);
	assert_int_equal(tree_removexattr(tree, 2, TREE_ACL_ACCESS), 0);
	assert_int_equal(tree_removexattr(tree, 2, TREE_ACL_DEFAULT), 0);
}

static void sync_and_hold_reach_the_tree(void **state)
{
	struct tree_attr attr;

	(void)state;
	assert_int_equal(tree_sync(tree), -EIO);
	assert_int_equal(tree_hold(tree, 2), -ESTALE);
	tree_release(tree, 2, 5);
	assert_int_equal(recorder.released, 5);
	assert_int_equal(tree_link(tree, 9, TREE_ROOT, "n", 1, &attr), 0);
	assert_int_equal(attr.id, 9);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tree_without_changes_is_read_only),
		TEST(dot_and_dot_dot_are_refused_as_by_the_kernel),
		TEST(names_that_cannot_be_are_refused),
		TEST(rename_knows_two_flags_that_exclude_each_other),
		TEST(a_node_has_a_type_and_a_link_a_target),
		TEST(what_does_not_belong_to_a_node_is_left_out),
		TEST(attributes_that_cannot_be_are_refused),
		TEST(of_a_mode_only_the_permissions_are_changed),
		TEST(files_end_below_two_to_the_sixty_three),
		TEST(allocation_takes_the_modes_of_fallocate),
		TEST(attribute_names_and_values_have_bounds),
		TEST(an_acl_that_is_absent_can_be_removed),
		TEST(sync_and_hold_reach_the_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
