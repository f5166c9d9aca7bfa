/* SPDX-License-Identifier: MIT */
/* POSIX ACLs in the form of attributes; the kernel's own answers are in integration.acl_oracle. */
#include "support/unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "tree/tree_memory.h"

#define HEAD "\2\0\0\0"
#define NONE "\xff\xff\xff\xff"
#define USER_OBJ(perm) "\1\0" perm "\0" NONE
#define USER(perm, id) "\2\0" perm "\0" id "\0\0\0"
#define GROUP_OBJ(perm) "\4\0" perm "\0" NONE
#define GROUP(perm, id) "\x8\0" perm "\0" id "\0\0\0"
#define MASK(perm) "\x10\0" perm "\0" NONE
#define OTHER(perm) "\x20\0" perm "\0" NONE

#define MINIMAL HEAD USER_OBJ("\6") GROUP_OBJ("\4") OTHER("\1")
#define FULL                                                                                       \
	HEAD USER_OBJ("\7") USER("\7", "\5") USER("\1", "\6") GROUP_OBJ("\5") GROUP("\6", "\7")    \
		MASK("\6") OTHER("\4")

/* The bytes of a string with NULs in it, without the last. */
#define ACL(text) text, sizeof(text) - 1

static ssize_t take(const char *acl, size_t len)
{
	char out[200];

	return tree_acl_take(acl, len, out);
}

static void sound_lists_are_taken(void **state)
{
	(void)state;
	assert_int_equal(take(ACL(MINIMAL)), 28);
	assert_int_equal(take(ACL(FULL)), 60);
	assert_int_equal(take(ACL(HEAD USER_OBJ("\0") GROUP_OBJ("\0") MASK("\7") OTHER("\0"))), 36);
	/* one user twice: the kernel takes that too */
	assert_int_equal(take(ACL(HEAD USER_OBJ("\7") USER("\7", "\5") USER("\7", "\5")
					  GROUP_OBJ("\5") MASK("\6") OTHER("\4"))),
			 52);
}

static void a_list_without_entries_is_none(void **state)
{
	(void)state;
	assert_int_equal(take("", 0), 0);
	assert_int_equal(take(ACL(HEAD)), 0);
}

static void broken_lists_are_refused(void **state)
{
	(void)state;
	assert_int_equal(take("\2\0\0", 3), -EINVAL);
	assert_int_equal(take("\1\0\0\0", 4), -EOPNOTSUPP);
	assert_int_equal(take(MINIMAL, 27), -EINVAL);
	assert_int_equal(take(MINIMAL, 20), -EINVAL);
	/* order */
	assert_int_equal(take(ACL(HEAD GROUP_OBJ("\4") USER_OBJ("\6") OTHER("\1"))), -EINVAL);
	assert_int_equal(take(ACL(HEAD USER_OBJ("\4") GROUP_OBJ("\6") USER("\1", "\5") MASK("\7")
					  OTHER("\1"))),
			 -EINVAL);
	assert_int_equal(take(ACL(MINIMAL OTHER("\1"))), -EINVAL);
	assert_int_equal(take(ACL(HEAD USER_OBJ("\1") USER_OBJ("\1") GROUP_OBJ("\1") OTHER("\1"))),
			 -EINVAL);
	/* ids without a mask; ids that nobody has */
	assert_int_equal(
		take(ACL(HEAD USER_OBJ("\7") USER("\7", "\5") GROUP_OBJ("\5") OTHER("\4"))),
		-EINVAL);
	assert_int_equal(take(ACL(HEAD USER_OBJ("\7") "\2\0\7\0" NONE GROUP_OBJ("\5") MASK("\6")
					  OTHER("\4"))),
			 -EINVAL);
	/* permissions and tags that there are not */
	assert_int_equal(take(ACL(HEAD USER_OBJ("\x8") GROUP_OBJ("\4") OTHER("\1"))), -EINVAL);
	assert_int_equal(take(ACL(HEAD USER_OBJ("\1") GROUP_OBJ("\4") "\x40\0\1\0" NONE)), -EINVAL);
}

static void ids_that_mean_nothing_are_blotted_out(void **state)
{
	char acl[] = HEAD "\1\0\6\0abcd" GROUP_OBJ("\4") OTHER("\1");

	(void)state;
	assert_int_equal(tree_acl_take(acl, sizeof(acl) - 1, acl), 28);
	assert_memory_equal(acl, MINIMAL, 28);
}

static void the_mask_is_what_a_mode_shows_of_the_group(void **state)
{
	uint32_t mode = S_IFREG | 04000;

	(void)state;
	assert_int_equal(tree_acl_mode(ACL(MINIMAL), &mode), 0);
	assert_int_equal(mode, S_IFREG | 04641);
	assert_int_equal(tree_acl_mode(ACL(FULL), &mode), 1);
	assert_int_equal(mode, S_IFREG | 04764);
	assert_int_equal(
		tree_acl_mode(ACL(HEAD USER_OBJ("\6") GROUP_OBJ("\4") MASK("\2") OTHER("\1")),
			      &mode),
		1);
	assert_int_equal(mode, S_IFREG | 04621);
}

static void chmod_changes_the_mask_and_no_ids(void **state)
{
	char full[] = FULL, minimal[] = MINIMAL;

	(void)state;
	assert_int_equal(tree_acl_chmod(full, sizeof(full) - 1, 04153), 0);
	assert_memory_equal(full,
			    HEAD USER_OBJ("\1") USER("\7", "\5") USER("\1", "\6") GROUP_OBJ("\5")
				    GROUP("\6", "\7") MASK("\5") OTHER("\3"),
			    60);
	assert_int_equal(tree_acl_chmod(minimal, sizeof(minimal) - 1, 0153), 0);
	assert_memory_equal(minimal, HEAD USER_OBJ("\1") GROUP_OBJ("\5") OTHER("\3"), 28);
}

static void new_nodes_get_what_both_mode_and_default_give(void **state)
{
	char full[] = FULL, minimal[] = MINIMAL;
	uint32_t mode = S_IFREG | 02653;

	(void)state;
	assert_int_equal(tree_acl_create(full, sizeof(full) - 1, &mode), 1);
	assert_int_equal(mode, S_IFREG | 02640);
	assert_memory_equal(full,
			    HEAD USER_OBJ("\6") USER("\7", "\5") USER("\1", "\6") GROUP_OBJ("\5")
				    GROUP("\6", "\7") MASK("\4") OTHER("\0"),
			    60);
	mode = S_IFDIR | 0777;
	assert_int_equal(tree_acl_create(minimal, sizeof(minimal) - 1, &mode), 0);
	assert_int_equal(mode, S_IFDIR | 0641);
}

static void what_is_no_list_changes_nothing(void **state)
{
	static const char *const broken[] = {"\1\0\0\0", HEAD, HEAD "\1\0\6\0abcd",
					     HEAD "\x40\0\6\0abcd"};
	static const size_t lens[] = {4, 4, 12, 12};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		char copy[12] = "";
		uint32_t mode = 0123;

		memcpy(copy, broken[i], lens[i]);
		assert_int_equal(tree_acl_chmod(copy, lens[i], 0777), -EIO);
		assert_int_equal(tree_acl_create(copy, lens[i], &mode), -EIO);
		assert_memory_equal(copy, broken[i], lens[i]);
		assert_int_equal(mode, 0123);
	}
	assert_int_equal(tree_acl_mode("\1\0\0\0", 4, &(uint32_t){0}), -EIO);
	assert_int_equal(tree_acl_mode("", 0, &(uint32_t){0}), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_lists_are_taken),
		cmocka_unit_test(a_list_without_entries_is_none),
		cmocka_unit_test(broken_lists_are_refused),
		cmocka_unit_test(ids_that_mean_nothing_are_blotted_out),
		cmocka_unit_test(the_mask_is_what_a_mode_shows_of_the_group),
		cmocka_unit_test(chmod_changes_the_mask_and_no_ids),
		cmocka_unit_test(new_nodes_get_what_both_mode_and_default_give),
		cmocka_unit_test(what_is_no_list_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
