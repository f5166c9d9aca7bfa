/* SPDX-License-Identifier: MIT */
/* UTF-16 to UTF-8 and caseless comparison. */
#include "support/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/utf.h"

static void characters_outside_the_bmp_come_from_pairs(void **state)
{
	const uint16_t in[] = {'a', 0xd83d, 0xde00, 0xe4};
	char out[16];

	(void)state;
	assert_int_equal(utf16_to_utf8(in, 4, out, sizeof(out)), 7);
	assert_string_equal(out, "a\xf0\x9f\x98\x80\xc3\xa4");
}

static void unpaired_surrogates_are_replaced(void **state)
{
	const uint16_t in[] = {0xd83d, 'x', 0xdc00};
	char out[16];

	(void)state;
	assert_int_equal(utf16_to_utf8(in, 3, out, sizeof(out)), 7);
	assert_string_equal(out, "\xef\xbf\xbdx\xef\xbf\xbd");
}

static void a_small_buffer_cuts_between_characters(void **state)
{
	const uint16_t in[] = {'a', 0x20ac, 'b'};
	char out[4];

	(void)state;
	assert_int_equal(utf16_to_utf8(in, 3, out, sizeof(out)), 1);
	assert_string_equal(out, "a");
}

static void case_does_not_matter_beyond_ascii(void **state)
{
	(void)state;
	assert_true(utf8_equal_nocase("Gro\xc3\x9fMUT", 8, "gRO\xc3\x9fmut", 8));
	assert_true(utf8_equal_nocase("\xc3\x84pfel", 6, "\xc3\xa4PFEL", 6));
	assert_false(utf8_equal_nocase("a", 1, "ab", 2));
	assert_false(utf8_equal_nocase("\xff", 1, "\xfe", 1));
}

static void casefold_is_nfdicf(void **state)
{
	char *a, *b;

	(void)state;
	assert_int_equal(utf8_casefold("Gro\xc3\x9f\xc2\xad", 7, &a), 0);
	assert_string_equal(a, "gross"); /* the soft hyphen is ignorable */
	free(a);
	assert_int_equal(utf8_casefold("\xc3\x85", 2, &a), 0);
	assert_int_equal(utf8_casefold("a\xcc\x8a", 3, &b), 0);
	assert_string_equal(a, b);
	free(a);
	free(b);
	assert_int_equal(utf8_casefold("\xff", 1, &a), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_outside_the_bmp_come_from_pairs),
		cmocka_unit_test(unpaired_surrogates_are_replaced),
		cmocka_unit_test(a_small_buffer_cuts_between_characters),
		cmocka_unit_test(case_does_not_matter_beyond_ascii),
		cmocka_unit_test(casefold_is_nfdicf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
