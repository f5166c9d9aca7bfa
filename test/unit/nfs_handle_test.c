/* SPDX-License-Identifier: MIT */
/* NFS handles: what is sealed can be opened, and nothing else. */
#include "support/unit.h"

#include <errno.h>

#include "nfs/nfs_handle.h"

static const uint8_t key[NFS_KEY_BYTES] = "0123456789abcde";
static const uint8_t uuid[NFS_UUID_BYTES] = "fedcba987654321";

static struct nfs_seal seal(void)
{
	struct nfs_seal made;

	nfs_seal_init(&made, key, uuid, 7);
	return made;
}

static void a_handle_names_its_export_and_node(void **state)
{
	static const uint64_t ids[] = {0, 1, 2, UINT32_MAX, INT64_MAX, UINT64_MAX};
	const struct nfs_seal made = seal();
	uint8_t handle[NFS_HANDLE_BYTES], found[NFS_UUID_BYTES];
	uint64_t id, epoch;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		nfs_handle_write(&made, ids[i], handle);
		assert_int_equal(nfs_handle_read(&made, handle, sizeof(handle), &id), 0);
		assert_int_equal(id, ids[i]);
		assert_true(nfs_handle_names(handle, sizeof(handle), found, &epoch));
		assert_memory_equal(found, uuid, sizeof(uuid));
		assert_int_equal(epoch, 7);
	}
}

static void no_bit_of_a_handle_may_change(void **state)
{
	const struct nfs_seal made = seal();
	uint8_t handle[NFS_HANDLE_BYTES];
	uint64_t id = 42;

	(void)state;
	nfs_handle_write(&made, 4711, handle);
	for (size_t bit = 0; bit < sizeof(handle) * 8; bit++) {
		int err;

		handle[bit / 8] ^= (uint8_t)(1u << bit % 8);
		err = nfs_handle_read(&made, handle, sizeof(handle), &id);
		assert_int_equal(err, bit / 8 < NFS_HANDLE_HEAD ? -ESTALE : -EBADMSG);
		handle[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(id, 42);
}

static void a_handle_of_another_length_is_none(void **state)
{
	const struct nfs_seal made = seal();
	uint8_t handle[64] = {0}, found[NFS_UUID_BYTES];
	uint64_t id;

	(void)state;
	nfs_handle_write(&made, 4711, handle);
	for (size_t len = 0; len <= sizeof(handle); len++) {
		if (len == NFS_HANDLE_BYTES)
			continue;
		assert_int_equal(nfs_handle_read(&made, handle, len, &id), -EBADMSG);
		assert_false(nfs_handle_names(handle, len, found, &id));
	}
}

static void another_key_uuid_or_epoch_seals_otherwise(void **state)
{
	static const uint8_t other[16] = "something else.";
	const struct nfs_seal made = seal();
	struct nfs_seal others[3];
	uint8_t handle[NFS_HANDLE_BYTES], theirs[NFS_HANDLE_BYTES];
	uint64_t id;

	(void)state;
	nfs_seal_init(&others[0], other, uuid, 7);
	nfs_seal_init(&others[1], key, other, 7);
	nfs_seal_init(&others[2], key, uuid, 8);
	nfs_handle_write(&made, 5, handle);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		nfs_handle_write(&others[i], 5, theirs);
		assert_memory_not_equal(handle + 36, theirs + 36, 8);
		assert_memory_not_equal(handle + 44, theirs + 44, 8);
		assert_true(nfs_handle_read(&others[i], handle, sizeof(handle), &id) < 0);
	}
	/* a seal cannot be moved to another export's head */
	memcpy(handle, theirs, NFS_HANDLE_HEAD);
	assert_int_equal(nfs_handle_read(&others[2], handle, sizeof(handle), &id), -EBADMSG);
}

static void handles_are_the_same_after_a_restart(void **state)
{
	static const uint8_t wanted[] = {0, 0, 0, 1, 'f', 'e', 'd', 'c'};
	const struct nfs_seal first = seal(), second = seal();
	uint8_t a[NFS_HANDLE_BYTES], b[NFS_HANDLE_BYTES];

	(void)state;
	nfs_handle_write(&first, 77, a);
	nfs_handle_write(&second, 77, b);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_equal(a, wanted, sizeof(wanted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handle_names_its_export_and_node),
		cmocka_unit_test(no_bit_of_a_handle_may_change),
		cmocka_unit_test(a_handle_of_another_length_is_none),
		cmocka_unit_test(another_key_uuid_or_epoch_seals_otherwise),
		cmocka_unit_test(handles_are_the_same_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
