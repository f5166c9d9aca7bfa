/* SPDX-License-Identifier: MIT */
/* Hashes of names against those that "debugfs dx_hash" of e2fsprogs prints. */
#include "support/unit.h"

#include <errno.h>

#include "ext4/ext4_hash.h"

static const uint32_t no_seed[4];

/* 11223344-5566-7788-99aa-bbccddeeff00 */
static const uint32_t a_seed[4] = {0x44332211, 0x88776655, 0xccbbaa99, 0x00ffeedd};

static void assert_hash(enum ext4_hash_version version, const uint32_t seed[4], const char *name,
			uint32_t major, uint32_t minor)
{
	struct ext4_hash hash;

	assert_int_equal(ext4_hash_name(version, false, seed, name, strlen(name), &hash), 0);
	assert_int_equal(hash.major, major);
	assert_int_equal(hash.minor, minor);
}

static const char longer_than_a_block[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
static const char with_umlauts[] = "hello-\xc3\xa4\xc3\xb6\xc3\xbc";

static const char *longest_name(void)
{
	static char name[256];

	memset(name, 'n', 255);
	return name;
}

static void half_md4_is_that_of_e2fsprogs(void **state)
{
	(void)state;
	assert_hash(EXT4_HASH_HALF_MD4, no_seed, "x", 0x497ef0fe, 0xec1ae8f9);
	assert_hash(EXT4_HASH_HALF_MD4, no_seed, "abc", 0xd196a868, 0xc420eb28);
	assert_hash(EXT4_HASH_HALF_MD4, no_seed, longer_than_a_block, 0x85b966f4, 0xb323cdea);
	assert_hash(EXT4_HASH_HALF_MD4, no_seed, longest_name(), 0xc0f8fde8, 0xa0c44aea);
}

static void tea_is_that_of_e2fsprogs(void **state)
{
	(void)state;
	assert_hash(EXT4_HASH_TEA, no_seed, "x", 0xe958e760, 0x9772c62c);
	assert_hash(EXT4_HASH_TEA, no_seed, "abc", 0xb1435ec4, 0x3f7eaa0e);
	assert_hash(EXT4_HASH_TEA, no_seed, longer_than_a_block, 0x83582f54, 0xd215df13);
	assert_hash(EXT4_HASH_TEA, no_seed, longest_name(), 0x04156e7c, 0x5ae99eca);
}

static void legacy_hash_is_that_of_e2fsprogs(void **state)
{
	(void)state;
	assert_hash(EXT4_HASH_LEGACY, no_seed, "x", 0xb26f0bdc, 0);
	assert_hash(EXT4_HASH_LEGACY, no_seed, "abc", 0x75afd992, 0);
	assert_hash(EXT4_HASH_LEGACY, no_seed, longer_than_a_block, 0x06fcdb78, 0);
	assert_hash(EXT4_HASH_LEGACY, no_seed, longest_name(), 0x88e1750a, 0);
}

static void characters_above_127_are_negative(void **state)
{
	(void)state;
	assert_hash(EXT4_HASH_LEGACY, no_seed, with_umlauts, 0x277ea6fa, 0);
	assert_hash(EXT4_HASH_HALF_MD4, no_seed, with_umlauts, 0xc92ff790, 0xdbfc2550);
	assert_hash(EXT4_HASH_TEA, no_seed, with_umlauts, 0x7b90e47a, 0x0cb6e89f);
}

static void seed_changes_all_but_the_legacy_hash(void **state)
{
	(void)state;
	assert_hash(EXT4_HASH_LEGACY, a_seed, "entry-000123", 0x9480a404, 0);
	assert_hash(EXT4_HASH_HALF_MD4, no_seed, "entry-000123", 0x30d0e1aa, 0x29fb248d);
	assert_hash(EXT4_HASH_HALF_MD4, a_seed, "entry-000123", 0x65f862b2, 0x0b771754);
	assert_hash(EXT4_HASH_TEA, no_seed, "entry-000123", 0x0c3776b6, 0x464c7f83);
	assert_hash(EXT4_HASH_TEA, a_seed, "entry-000123", 0xf326c8bc, 0xc7da5b92);
}

static void sign_of_characters_matters_above_127_only(void **state)
{
	static const enum ext4_hash_version versions[] = {EXT4_HASH_LEGACY, EXT4_HASH_HALF_MD4,
							  EXT4_HASH_TEA};
	struct ext4_hash plain, other;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		ext4_hash_name(versions[i], false, no_seed, "abc", 3, &plain);
		ext4_hash_name(versions[i], true, no_seed, "abc", 3, &other);
		assert_int_equal(plain.major, other.major);
		ext4_hash_name(versions[i], false, no_seed, with_umlauts, 12, &plain);
		ext4_hash_name(versions[i], true, no_seed, with_umlauts, 12, &other);
		assert_int_not_equal(plain.major, other.major);
	}
}

static void other_versions_are_refused(void **state)
{
	struct ext4_hash hash;

	(void)state;
	assert_int_equal(ext4_hash_name(EXT4_HASH_SIPHASH, false, no_seed, "abc", 3, &hash),
			 -EINVAL);
	assert_int_equal(ext4_hash_name((enum ext4_hash_version)3, false, no_seed, "abc", 3, &hash),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_md4_is_that_of_e2fsprogs),
		cmocka_unit_test(tea_is_that_of_e2fsprogs),
		cmocka_unit_test(legacy_hash_is_that_of_e2fsprogs),
		cmocka_unit_test(characters_above_127_are_negative),
		cmocka_unit_test(seed_changes_all_but_the_legacy_hash),
		cmocka_unit_test(sign_of_characters_matters_above_127_only),
		cmocka_unit_test(other_versions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
