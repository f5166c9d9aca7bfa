/* SPDX-License-Identifier: MIT */
/* Errors as NFS and MOUNT have them. */
#include "support/unit.h"

#include <errno.h>

#include "nfs/nfs_status.h"

static void errors_have_the_numbers_of_the_rfc(void **state)
{
	(void)state;
	assert_int_equal(nfs_status(0), 0);
	assert_int_equal(nfs_status(-EPERM), 1);
	assert_int_equal(nfs_status(-ENOENT), 2);
	assert_int_equal(nfs_status(-EXDEV), 18);
	assert_int_equal(nfs_status(-ENAMETOOLONG), 63);
	assert_int_equal(nfs_status(-ENOTEMPTY), 66);
	assert_int_equal(nfs_status(-EDQUOT), 69);
	assert_int_equal(nfs_status(-ESTALE), 70);
	assert_int_equal(nfs_status(-EOPNOTSUPP), 10004);
	assert_int_equal(nfs_status_of_mount(0), 0);
	assert_int_equal(nfs_status_of_mount(-EACCES), 13);
	assert_int_equal(nfs_status_of_mount(-ENAMETOOLONG), 63);
}

static void damage_is_an_error_of_reading(void **state)
{
	(void)state;
	assert_int_equal(nfs_status(-EBADMSG), NFS3ERR_IO);
	assert_int_equal(nfs_status(-EUCLEAN), NFS3ERR_IO);
	assert_int_equal(nfs_status_of_mount(-EUCLEAN), MNT3ERR_IO);
}

static void what_will_pass_is_to_be_asked_again(void **state)
{
	static const int passing[] = {EAGAIN, EINTR, ENOMEM, EMFILE, ENFILE, EHOSTUNREACH};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		assert_int_equal(nfs_status(-passing[i]), NFS3ERR_JUKEBOX);
}

static void an_unknown_error_is_never_a_missing_file(void **state)
{
	(void)state;
	for (int err = 1; err < 4096; err++) {
		const nfsstat3 status = nfs_status(-err);

		assert_int_not_equal(status, NFS3_OK);
		if (err != ENOENT)
			assert_int_not_equal(status, NFS3ERR_NOENT);
	}
	assert_int_equal(nfs_status(-4095), NFS3ERR_SERVERFAULT);
	assert_int_equal(nfs_status_of_mount(-4095), MNT3ERR_SERVERFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_have_the_numbers_of_the_rfc),
		cmocka_unit_test(damage_is_an_error_of_reading),
		cmocka_unit_test(what_will_pass_is_to_be_asked_again),
		cmocka_unit_test(an_unknown_error_is_never_a_missing_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
