/* SPDX-License-Identifier: MIT */
/* Who may do what; the kernel's own answers are in integration.acl_oracle. */
#include "support/unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "tree/tree_memory.h"

#define R TREE_MAY_READ
#define W TREE_MAY_WRITE
#define X TREE_MAY_EXEC

static const uint32_t further_groups[] = {20, 30};
static const struct tree_caller owner = {.uid = 1, .gid = 1};
static const struct tree_caller member = {
	.uid = 2, .gid = 2, .groups = further_groups, .groups_count = 2};
static const struct tree_caller stranger = {.uid = 3, .gid = 3};
static const struct tree_caller root = {.privileged = true};

/* user:9:r--, group::--x, group:20:-w-, group:30:rwx, mask:rw-, other:--x */
static const uint8_t acl[] = {
	2,  0, 0, 0, 1,	  0,   7,   0,	 255, 255, 255, 255, 2,	 0, 4, 0, 9,   0,   0,	 0,
	4,  0, 1, 0, 255, 255, 255, 255, 8,   0,   2,	0,   20, 0, 0, 0, 8,   0,   7,	 0,
	30, 0, 0, 0, 16,  0,   6,   0,	 255, 255, 255, 255, 32, 0, 1, 0, 255, 255, 255, 255,
};

static int check(uint32_t mode, const struct tree_caller *caller, unsigned int wanted)
{
	const struct tree_attr attr = {.mode = mode, .uid = 1, .gid = 30};

	return tree_access_check(&attr, NULL, 0, caller, wanted);
}

static int check_acl(const struct tree_caller *caller, unsigned int wanted)
{
	const struct tree_attr attr = {.mode = S_IFREG | 0761, .uid = 1, .gid = 77};

	return tree_access_check(&attr, acl, sizeof(acl), caller, wanted);
}

static void only_one_class_of_the_mode_counts(void **state)
{
	(void)state;
	assert_int_equal(check(S_IFREG | 0477, &owner, R), 0);
	assert_int_equal(check(S_IFREG | 0477, &owner, W), -EACCES);
	assert_int_equal(check(S_IFREG | 0747, &member, R), 0);
	assert_int_equal(check(S_IFREG | 0747, &member, R | X), -EACCES);
	assert_int_equal(check(S_IFREG | 0771, &stranger, X), 0);
	assert_int_equal(check(S_IFREG | 0771, &stranger, R), -EACCES);
	assert_int_equal(check(S_IFREG, &stranger, 0), 0);
}

static void root_may_all_but_execute_what_nobody_can(void **state)
{
	(void)state;
	assert_int_equal(check(S_IFREG, &root, R | W), 0);
	assert_int_equal(check(S_IFREG | 0666, &root, X), -EACCES);
	assert_int_equal(check(S_IFREG | 0001, &root, R | W | X), 0);
	assert_int_equal(check(S_IFDIR, &root, R | W | X), 0);
}

static void entries_of_users_come_before_those_of_groups(void **state)
{
	static const struct tree_caller named = {
		.uid = 9, .gid = 9, .groups = further_groups, .groups_count = 2};

	(void)state;
	assert_int_equal(check_acl(&named, R), 0);
	assert_int_equal(check_acl(&named, W), -EACCES);
}

static void one_of_the_groups_must_give_all_that_is_wanted(void **state)
{
	static const struct tree_caller writer = {.uid = 2, .gid = 20};

	(void)state;
	assert_int_equal(check_acl(&member, R | W), 0);
	assert_int_equal(check_acl(&member, X), -EACCES); /* masked, and not "other" either */
	assert_int_equal(check_acl(&writer, W), 0);
	assert_int_equal(check_acl(&writer, R), -EACCES);
	assert_int_equal(check_acl(&writer, X), -EACCES);
	assert_int_equal(check_acl(&stranger, X), 0);
	assert_int_equal(check_acl(&stranger, R), -EACCES);
}

static void the_owner_is_judged_by_the_mode_alone(void **state)
{
	const struct tree_attr attr = {.mode = S_IFREG | 0261, .uid = 1, .gid = 77};

	(void)state;
	assert_int_equal(tree_access_check(&attr, acl, sizeof(acl), &owner, R), -EACCES);
	assert_int_equal(tree_access_check(&attr, acl, sizeof(acl), &owner, W), 0);
	assert_int_equal(tree_access_check(&attr, "bad", 3, &owner, W), 0);
}

static void what_is_no_acl_lets_nobody_in(void **state)
{
	const struct tree_attr attr = {.mode = S_IFREG | 0777, .uid = 1, .gid = 77};
	static const uint8_t without_other[] = {2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255};

	(void)state;
	assert_int_equal(tree_access_check(&attr, "bad", 3, &stranger, R), -EIO);
	assert_int_equal(tree_access_check(&attr, without_other, sizeof(without_other), &root, R),
			 -EIO);
}

static void a_tree_is_asked_for_mode_and_acl(void **state)
{
	static const struct tree_memory_node plain = {.mode = S_IFREG | 0761, .uid = 1, .gid = 77};
	struct tree *tree;
	uint64_t with, without;

	(void)state;
	assert_int_equal(tree_memory_create(&tree), 0);
	assert_int_equal(tree_memory_add(tree, TREE_ROOT, "with", &plain, &with), 0);
	assert_int_equal(tree_memory_add(tree, TREE_ROOT, "without", &plain, &without), 0);
	assert_int_equal(tree_memory_set_xattr(tree, with, TREE_ACL_ACCESS, acl, sizeof(acl)), 0);
	assert_int_equal(tree_access(tree, with, &member, R | W), 0);
	assert_int_equal(tree_access(tree, without, &member, R), -EACCES);
	assert_int_equal(tree_access(tree, without, &member, X), 0);
	assert_int_equal(tree_access(tree, 4711, &member, X), -ESTALE);
	tree_close(tree);
}

static void a_sticky_directory_keeps_others_files(void **state)
{
	static const struct tree_memory_node dirs = {.mode = S_IFDIR | S_ISVTX | 0777, .uid = 2};
	static const struct tree_memory_node file = {.mode = S_IFREG | 0666, .uid = 1};
	struct tree *tree;
	uint64_t dir, id;

	(void)state;
	assert_int_equal(tree_memory_create(&tree), 0);
	assert_int_equal(tree_memory_add(tree, TREE_ROOT, "dir", &dirs, &dir), 0);
	assert_int_equal(tree_memory_add(tree, dir, "file", &file, &id), 0);
	assert_int_equal(tree_access_remove(tree, dir, id, &stranger), -EPERM);
	assert_int_equal(tree_access_remove(tree, dir, id, &owner), 0);
	assert_int_equal(tree_access_remove(tree, dir, id, &member), 0); /* owns the directory */
	assert_int_equal(tree_access_remove(tree, dir, id, &root), 0);
	assert_int_equal(tree_access_remove(tree, TREE_ROOT, dir, &member), -EACCES);
	assert_int_equal(tree_access_remove(tree, dir, 4711, &member), -ESTALE);
	tree_close(tree);
}

static int change(const struct tree_caller *caller, struct tree_setattr *set)
{
	const struct tree_attr attr = {.mode = S_IFREG | 0662, .uid = 1, .gid = 30};

	return tree_access_setattr(&attr, NULL, 0, caller, set);
}

static int change_valid(const struct tree_caller *caller, unsigned int valid)
{
	return change(caller, &(struct tree_setattr){.valid = valid});
}

static void only_the_owner_changes_mode_and_times(void **state)
{
	const unsigned int now = TREE_SET_ATIME_NOW | TREE_SET_MTIME_NOW;

	(void)state;
	assert_int_equal(change_valid(&owner, TREE_SET_MODE | TREE_SET_ATIME), 0);
	assert_int_equal(change_valid(&root, TREE_SET_MODE | TREE_SET_ATIME), 0);
	assert_int_equal(change_valid(&member, TREE_SET_MODE), -EPERM);
	assert_int_equal(change_valid(&member, TREE_SET_MTIME), -EPERM);
	assert_int_equal(change_valid(&member, TREE_SET_MTIME_NOW), -EPERM);
	assert_int_equal(change_valid(&member, now), 0); /* as writing would */
	assert_int_equal(change_valid(&member, now | TREE_SET_MTIME), -EPERM);
	assert_int_equal(change_valid(&member, TREE_SET_SIZE), 0);
	assert_int_equal(change_valid(&stranger, TREE_SET_SIZE), 0);
}

static void only_root_gives_files_away(void **state)
{
	struct tree_setattr same = {.valid = TREE_SET_UID | TREE_SET_GID, .uid = 1, .gid = 1};
	struct tree_setattr given = {.valid = TREE_SET_UID, .uid = 2};
	struct tree_setattr group = {.valid = TREE_SET_GID, .gid = 20};

	(void)state;
	assert_int_equal(change(&owner, &same), 0);
	assert_int_equal(change(&owner, &given), -EPERM);
	assert_int_equal(change(&member, &given), -EPERM);
	assert_int_equal(change(&root, &given), 0);
	assert_int_equal(change(&owner, &group), -EPERM);
	assert_int_equal(change(&member, &group), -EPERM);
	assert_int_equal(change(&root, &group), 0);
}

static void setgid_is_for_members_of_the_group(void **state)
{
	static const struct tree_caller both = {.uid = 1, .gid = 30};
	struct tree_setattr set = {.valid = TREE_SET_MODE, .mode = 06755};

	(void)state;
	assert_int_equal(change(&both, &set), 0);
	assert_int_equal(set.mode, 06755);
	assert_int_equal(change(&root, &set), 0);
	assert_int_equal(set.mode, 06755);
	assert_int_equal(change(&owner, &set), 0);
	assert_int_equal(set.mode, 04755);
}

static void a_new_size_drops_setuid_and_setgid(void **state)
{
	struct tree_setattr set = {.valid = TREE_SET_SIZE};

	(void)state;
	assert_int_equal(change(&root, &set), 0);
	assert_int_equal(set.valid, TREE_SET_SIZE);
	assert_int_equal(change(&owner, &set), 0);
	assert_int_equal(set.valid, TREE_SET_SIZE | TREE_SET_DROP_PRIVILEGE);
}

static void setgid_without_x_goes_with_a_change_by_those_outside_the_group(void **state)
{
	const struct tree_attr attr = {.mode = S_IFREG | 02745, .uid = 1, .gid = 2};
	const struct tree_attr program = {.mode = S_IFREG | 02755, .uid = 1, .gid = 2};
	const struct tree_attr dir = {.mode = S_IFDIR | 02745, .uid = 1, .gid = 2};
	const uint32_t groups[] = {5, 2};
	const struct tree_caller outside = {.uid = 1, .gid = 3};
	const struct tree_caller inside = {.uid = 1, .gid = 3, .groups = groups, .groups_count = 2};
	const struct tree_caller super = {.privileged = true};
	struct tree_setattr set = {.valid = TREE_SET_UID, .uid = 1};

	(void)state;
	assert_true(tree_access_drops_setgid(&attr, &outside));
	assert_false(tree_access_drops_setgid(&attr, &inside));
	assert_false(tree_access_drops_setgid(&attr, &super));
	assert_false(tree_access_drops_setgid(&program, &outside));
	assert_false(tree_access_drops_setgid(&dir, &outside));
	assert_int_equal(tree_access_setattr(&attr, NULL, 0, &outside, &set), 0);
	assert_int_equal(set.valid, TREE_SET_UID | TREE_SET_DROP_SETGID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_one_class_of_the_mode_counts),
		cmocka_unit_test(root_may_all_but_execute_what_nobody_can),
		cmocka_unit_test(entries_of_users_come_before_those_of_groups),
		cmocka_unit_test(one_of_the_groups_must_give_all_that_is_wanted),
		cmocka_unit_test(the_owner_is_judged_by_the_mode_alone),
		cmocka_unit_test(what_is_no_acl_lets_nobody_in),
		cmocka_unit_test(a_tree_is_asked_for_mode_and_acl),
		cmocka_unit_test(a_sticky_directory_keeps_others_files),
		cmocka_unit_test(setgid_without_x_goes_with_a_change_by_those_outside_the_group),
		cmocka_unit_test(only_the_owner_changes_mode_and_times),
		cmocka_unit_test(only_root_gives_files_away),
		cmocka_unit_test(setgid_is_for_members_of_the_group),
		cmocka_unit_test(a_new_size_drops_setuid_and_setgid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
