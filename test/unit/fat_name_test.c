/* SPDX-License-Identifier: MIT */
/* Short names as they are shown. */
#include "support/unit.h"

#include "fat/fat_name.h"

static const char *shown(const char *name, uint8_t flags)
{
	static char out[FAT_SHORT_NAME_SIZE];

	fat_name_short((const uint8_t *)name, flags, out);
	return out;
}

static void spaces_at_the_end_are_no_part_of_a_name(void **state)
{
	(void)state;
	assert_string_equal(shown("README  TXT", 0), "README.TXT");
	assert_string_equal(shown("NOEXT      ", 0), "NOEXT");
	assert_string_equal(shown("A B     C D", 0), "A B.C D");
	assert_string_equal(shown("ABCDEFGHIJK", 0), "ABCDEFGH.IJK");
}

static void flags_make_parts_lower_case(void **state)
{
	(void)state;
	assert_string_equal(shown("README  TXT", 0x08), "readme.TXT");
	assert_string_equal(shown("README  TXT", 0x10), "README.txt");
	assert_string_equal(shown("README  TXT", 0x18), "readme.txt");
	assert_string_equal(shown("\x8e\x9a\x99     TXT", 0x08), "\xc3\xa4\xc3\xbc\xc3\xb6.TXT");
}

static void high_bytes_are_code_page_437(void **state)
{
	(void)state;
	assert_string_equal(shown("\x80\xe1\xff     \xb0  ", 0),
			    "\xc3\x87\xc3\x9f\xc2\xa0.\xe2\x96\x91");
	assert_string_equal(shown("\xb0\xb0\xb0\xb0\xb0\xb0\xb0\xb0\xb0\xb0\xb0", 0),
			    "\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91\xe2\x96"
			    "\x91\xe2\x96\x91\xe2\x96\x91.\xe2\x96\x91\xe2\x96\x91\xe2\x96\x91");
}

static void five_stands_for_e5(void **state)
{
	(void)state;
	assert_string_equal(shown("\x05"
				  "BC        ",
				  0),
			    "\xcf\x83"
			    "BC");
}

static void what_no_path_can_hold_is_made_harmless(void **state)
{
	char out[FAT_SHORT_NAME_SIZE];

	(void)state;
	assert_string_equal(shown("../../AAETC", 0), ".._.._AA.ETC");
	assert_int_equal(fat_name_short((const uint8_t *)".          ", 0, out), 0);
	assert_int_equal(fat_name_short((const uint8_t *)"..         ", 0, out), 0);
	assert_int_equal(fat_name_short((const uint8_t *)"        .  ", 0, out), 0);
	assert_int_equal(fat_name_short((const uint8_t *)"           ", 0, out), 0);
	assert_int_equal(fat_name_short((const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0", 0, out), 0);
}

static void labels_keep_their_inner_spaces(void **state)
{
	char out[34];

	(void)state;
	fat_name_label((const uint8_t *)"MY DISK    ", out);
	assert_string_equal(out, "MY DISK");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spaces_at_the_end_are_no_part_of_a_name),
		cmocka_unit_test(flags_make_parts_lower_case),
		cmocka_unit_test(high_bytes_are_code_page_437),
		cmocka_unit_test(five_stands_for_e5),
		cmocka_unit_test(what_no_path_can_hold_is_made_harmless),
		cmocka_unit_test(labels_keep_their_inner_spaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
