/* SPDX-License-Identifier: MIT */
/* POSIX ACLs from their form on disk to that of getxattr(2). */
#include "support/unit.h"

#include <errno.h>

#include "ext4/ext4_acl.h"

/* u::rw-, u:1234:rw-, g::r--, m::rw-, o::r-- */
static const uint8_t disk[] = {
	0x01, 0x00, 0x00, 0x00, /* version 1 */
	0x01, 0x00, 0x06, 0x00, /* owner */
	0x02, 0x00, 0x06, 0x00, 0xd2, 0x04, 0x00, 0x00, /* user 1234 */
	0x04, 0x00, 0x04, 0x00, /* group */
	0x10, 0x00, 0x06, 0x00, /* mask */
	0x20, 0x00, 0x04, 0x00, /* others */
};

static const uint8_t xattr[] = {
	0x02, 0x00, 0x00, 0x00, /* version 2 */
	0x01, 0x00, 0x06, 0x00, 0xff, 0xff, 0xff, 0xff, /* owner */
	0x02, 0x00, 0x06, 0x00, 0xd2, 0x04, 0x00, 0x00, /* user 1234 */
	0x04, 0x00, 0x04, 0x00, 0xff, 0xff, 0xff, 0xff, /* group */
	0x10, 0x00, 0x06, 0x00, 0xff, 0xff, 0xff, 0xff, /* mask */
	0x20, 0x00, 0x04, 0x00, 0xff, 0xff, 0xff, 0xff, /* others */
};

static void every_entry_gets_an_id(void **state)
{
	uint8_t buf[100];

	(void)state;
	assert_int_equal(ext4_acl_to_xattr(disk, sizeof(disk), buf, sizeof(buf)), sizeof(xattr));
	assert_memory_equal(buf, xattr, sizeof(xattr));
}

static void size_zero_asks_for_the_length(void **state)
{
	(void)state;
	assert_int_equal(ext4_acl_to_xattr(disk, sizeof(disk), NULL, 0), sizeof(xattr));
}

static void buffer_of_the_very_size_is_enough(void **state)
{
	uint8_t buf[sizeof(xattr)];

	(void)state;
	assert_int_equal(ext4_acl_to_xattr(disk, sizeof(disk), buf, sizeof(buf)), sizeof(xattr));
	assert_memory_equal(buf, xattr, sizeof(xattr));
}

static void smaller_buffer_is_a_range_error_and_is_not_overrun(void **state)
{
	(void)state;
	for (size_t size = 1; size < sizeof(xattr); size++) {
		uint8_t buf[sizeof(xattr) + 1];

		memset(buf, 0xee, sizeof(buf));
		assert_int_equal(ext4_acl_to_xattr(disk, sizeof(disk), buf, size), -ERANGE);
		for (size_t i = size; i < sizeof(buf); i++)
			assert_int_equal(buf[i], 0xee);
	}
}

static void acl_without_entries_is_none(void **state)
{
	uint8_t buf[8];

	(void)state;
	assert_int_equal(ext4_acl_to_xattr(disk, 4, buf, sizeof(buf)), -ENODATA);
}

static void what_ends_inside_an_entry_is_refused(void **state)
{
	/* behind the version, the owner, the user, the group and the mask it ends well */
	static const size_t whole[] = {4, 8, 16, 20, 24};
	uint8_t buf[100];

	(void)state;
	for (size_t len = 0; len < sizeof(disk); len++) {
		bool ends_well = false;

		for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
			ends_well = ends_well || whole[i] == len;
		if (!ends_well)
			assert_int_equal(ext4_acl_to_xattr(disk, len, buf, sizeof(buf)), -EINVAL);
	}
}

static void another_version_or_tag_is_refused(void **state)
{
	uint8_t changed[sizeof(disk)], buf[100];

	(void)state;
	memcpy(changed, disk, sizeof(disk));
	changed[0] = 2;
	assert_int_equal(ext4_acl_to_xattr(changed, sizeof(disk), buf, sizeof(buf)), -EINVAL);
	changed[0] = 1;
	changed[16] = 0x40;
	assert_int_equal(ext4_acl_to_xattr(changed, sizeof(disk), buf, sizeof(buf)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_entry_gets_an_id),
		cmocka_unit_test(size_zero_asks_for_the_length),
		cmocka_unit_test(buffer_of_the_very_size_is_enough),
		cmocka_unit_test(smaller_buffer_is_a_range_error_and_is_not_overrun),
		cmocka_unit_test(acl_without_entries_is_none),
		cmocka_unit_test(what_ends_inside_an_entry_is_refused),
		cmocka_unit_test(another_version_or_tag_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
