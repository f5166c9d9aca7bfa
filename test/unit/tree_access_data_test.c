/* SPDX-License-Identifier: MIT */
/* Who may do what by a handle, as a table of what the kernel's NFS server answers. */
#include "support/unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "tree/tree_memory.h"

#define R TREE_MAY_READ
#define W TREE_MAY_WRITE

static const struct tree_caller owner = {.uid = 1, .gid = 1};
static const struct tree_caller member = {.uid = 2, .gid = 30};
static const struct tree_caller stranger = {.uid = 3, .gid = 3};
static const struct tree_caller root = {.privileged = true};
static const struct tree_caller *const callers[] = {&owner, &member, &stranger, &root};

static const uint32_t all_rights = 0x3f;

/* A tree that could be changed: what the rights are asked of is only its attributes. */
static int no_create(struct tree *tree, uint64_t dir, const char *name, size_t len,
		     const struct tree_new *node, struct tree_attr *out)
{
	(void)tree;
	(void)dir;
	(void)name;
	(void)len;
	(void)node;
	(void)out;
	return -EROFS;
}

static const struct tree_ops writable_ops = {.kind = "test", .create = no_create};
static const struct tree_ops read_only_ops = {.kind = "test"};
static struct tree writable = {.ops = &writable_ops};
static struct tree read_only = {.ops = &read_only_ops};

static struct tree_attr node(uint32_t mode)
{
	return (struct tree_attr){.id = 5, .mode = mode, .uid = 1, .gid = 30};
}

static void data_follow_the_table(void **state)
{
	/* owner, member, stranger, root: 1 where it is permitted */
	static const struct {
		uint32_t mode;
		unsigned int wanted;
		uint8_t may[4];
	} table[] = {
		{S_IFREG | 0000, R, {1, 0, 0, 1}},
		{S_IFREG | 0000, W, {1, 0, 0, 1}},
		{S_IFREG | 0040, R, {1, 1, 0, 1}},
		{S_IFREG | 0004, R, {1, 0, 1, 1}},
		{S_IFREG | 0444, W, {1, 0, 0, 1}},
		{S_IFREG | 0020, W, {1, 1, 0, 1}},
		/* what may be executed may be read, but not written */
		{S_IFREG | 0111, R, {1, 1, 1, 1}},
		{S_IFREG | 0110, R, {1, 1, 0, 1}},
		{S_IFREG | 0001, R, {1, 0, 1, 1}},
		{S_IFREG | 0111, W, {1, 0, 0, 1}},
		/* a directory's owner has no more than its mode gives */
		{S_IFDIR | 0000, R, {0, 0, 0, 1}},
		{S_IFDIR | 0300, R, {0, 0, 0, 1}},
		{S_IFDIR | 0111, R, {0, 0, 0, 1}},
		{S_IFDIR | 0400, R, {1, 0, 0, 1}},
		{S_IFDIR | 0040, R, {0, 1, 0, 1}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct tree_attr attr = node(table[i].mode);

		for (size_t who = 0; who < ARRAY_SIZE(callers); who++)
			assert_int_equal(
				tree_access_data(&writable, &attr, callers[who], table[i].wanted),
				table[i].may[who] ? 0 : -EACCES);
	}
}

static void rights_follow_the_table(void **state)
{
	static const struct {
		uint32_t mode;
		uint8_t rights[4]; /* of owner, member, stranger, root */
	} table[] = {
		/* read 1, lookup 2, modify 4, extend 8, delete 10, execute 20 */
		{S_IFREG | 0000, {0x00, 0x00, 0x00, 0x0d}},
		{S_IFREG | 0644, {0x0d, 0x01, 0x01, 0x0d}},
		{S_IFREG | 0755, {0x2d, 0x21, 0x21, 0x2d}},
		{S_IFREG | 0001, {0x00, 0x00, 0x20, 0x2d}},
		{S_IFDIR | 0000, {0x00, 0x00, 0x00, 0x1f}},
		{S_IFDIR | 0755, {0x1f, 0x03, 0x03, 0x1f}},
		{S_IFDIR | 0666, {0x01, 0x01, 0x01, 0x1f}},
		{S_IFDIR | 0333, {0x1e, 0x1e, 0x1e, 0x1f}},
		{S_IFLNK | 0777, {0x2d, 0x2d, 0x2d, 0x2d}},
		{S_IFCHR | 0660, {0x0d, 0x0d, 0x00, 0x0d}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct tree_attr attr = node(table[i].mode);

		for (size_t who = 0; who < ARRAY_SIZE(callers); who++) {
			unsigned int got;

			assert_int_equal(tree_access_rights(&writable, &attr, callers[who],
							    all_rights, &got),
					 0);
			assert_int_equal(got, table[i].rights[who]);
			/* only what was asked for is answered */
			assert_int_equal(tree_access_rights(&writable, &attr, callers[who],
							    TREE_RIGHT_READ, &got),
					 0);
			assert_int_equal(got, table[i].rights[who] & TREE_RIGHT_READ);
		}
	}
}

static void nothing_may_be_changed_in_a_tree_that_cannot_be(void **state)
{
	const struct tree_attr file = node(S_IFREG | 0777), dir = node(S_IFDIR | 0777),
			       device = node(S_IFCHR | 0666);
	unsigned int got;

	(void)state;
	assert_int_equal(tree_access_rights(&read_only, &file, &root, all_rights, &got), 0);
	assert_int_equal(got, TREE_RIGHT_READ | TREE_RIGHT_EXECUTE);
	assert_int_equal(tree_access_rights(&read_only, &dir, &root, all_rights, &got), 0);
	assert_int_equal(got, TREE_RIGHT_READ | TREE_RIGHT_LOOKUP);
	assert_int_equal(tree_access_rights(&read_only, &device, &owner, all_rights, &got), 0);
	assert_int_equal(got, TREE_RIGHT_READ | TREE_RIGHT_MODIFY | TREE_RIGHT_EXTEND);
}

static void setattr_follows_the_table(void **state)
{
	static const struct {
		uint32_t mode;
		unsigned int valid;
		int result[4]; /* of owner, member, stranger, root */
	} table[] = {
		/* the owner cuts off what he could not open any more */
		{S_IFREG | 0000, TREE_SET_SIZE, {0, -EACCES, -EACCES, 0}},
		{S_IFREG | 0020, TREE_SET_SIZE, {0, 0, -EACCES, 0}},
		/* to now: whoever may write; also one of them alone */
		{S_IFREG | 0020, TREE_SET_MTIME_NOW, {0, 0, -EACCES, 0}},
		{S_IFREG | 0000, TREE_SET_ATIME_NOW | TREE_SET_MTIME_NOW, {0, -EACCES, -EACCES, 0}},
		/* to anything else: the owner */
		{S_IFREG | 0666, TREE_SET_MTIME, {0, -EPERM, -EPERM, 0}},
		{S_IFREG | 0666, TREE_SET_ATIME | TREE_SET_MTIME_NOW, {0, -EPERM, -EPERM, 0}},
		{S_IFREG | 0666, TREE_SET_MODE, {0, -EPERM, -EPERM, 0}},
		{S_IFREG | 0666, TREE_SET_UID, {-EPERM, -EPERM, -EPERM, 0}},
		{S_IFREG | 0000, TREE_SET_SIZE | TREE_SET_MTIME_NOW, {0, -EACCES, -EACCES, 0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct tree_attr attr = node(table[i].mode);

		for (size_t who = 0; who < ARRAY_SIZE(callers); who++) {
			struct tree_setattr set = {.valid = table[i].valid, .uid = 9, .mode = 0600};

			assert_int_equal(
				tree_access_data_setattr(&writable, &attr, callers[who], &set),
				table[i].result[who]);
			if (table[i].result[who] == 0)
				assert_int_equal(set.valid & ~TREE_SET_DROP_PRIVILEGE,
						 table[i].valid);
		}
	}
}

static void privilege_goes_with_a_new_size_or_owner(void **state)
{
	const struct tree_attr attr = node(S_IFREG | 04755);
	struct tree_setattr size = {.valid = TREE_SET_SIZE};
	struct tree_setattr both = {
		.valid = TREE_SET_UID | TREE_SET_MODE,
		.uid = 9,
		.mode = 06755,
	};

	(void)state;
	assert_int_equal(tree_access_data_setattr(&writable, &attr, &owner, &size), 0);
	assert_int_equal(size.valid, TREE_SET_SIZE | TREE_SET_DROP_PRIVILEGE);
	size.valid = TREE_SET_SIZE;
	assert_int_equal(tree_access_data_setattr(&writable, &attr, &root, &size), 0);
	assert_int_equal(size.valid, TREE_SET_SIZE);
	assert_int_equal(tree_access_data_setattr(&writable, &attr, &root, &both), 0);
	assert_int_equal(both.mode, 0755);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_follow_the_table),
		cmocka_unit_test(rights_follow_the_table),
		cmocka_unit_test(nothing_may_be_changed_in_a_tree_that_cannot_be),
		cmocka_unit_test(setattr_follows_the_table),
		cmocka_unit_test(privilege_goes_with_a_new_size_or_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
