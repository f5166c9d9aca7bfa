/* SPDX-License-Identifier: MIT */
/* The JSON of the commands is valid whatever is put in. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

/* One string as it is written. */
static void assert_written(const char *bytes, size_t len, const char *expected)
{
	char *text = NULL;
	size_t size;
	struct json json = {.out = open_memstream(&text, &size)};

	json_array(&json, NULL);
	json_bytes(&json, NULL, bytes, len);
	json_end(&json);
	fclose(json.out);
	assert_int_equal(strncmp(text, "[\n  \"", 5), 0);
	assert_string_equal(text + size - 4, "\"\n]\n");
	text[size - 4] = '\0';
	assert_string_equal(text + 5, expected);
	free(text);
}

static void quotes_and_control_characters_are_escaped(void **state)
{
	(void)state;
	assert_written("a\"b\\c", 5, "a\\\"b\\\\c");
	assert_written("\n\t\0\x1b\x7f", 5, "\\u000a\\u0009\\u0000\\u001b\\u007f");
}

static void characters_beyond_ascii_stay_as_they_are(void **state)
{
	(void)state;
	assert_written("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9,
		       "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
	static const char *const wrong[] = {
		"\x80",
		"\xff",
		"\xc0\xaf",
		"\xe0\x80\xaf",
		"\xed\xa0\x80",
		"\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xe2\x82",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char expected[64] = "";

		for (size_t n = strlen(wrong[i]); n; n--)
			strcat(expected, "\xef\xbf\xbd");
		assert_written(wrong[i], strlen(wrong[i]), expected);
	}
	/* cut by its length, though the memory goes on */
	assert_written("\xe2\x82\xac", 2, "\xef\xbf\xbd\xef\xbf\xbd");
}

static void groups_nest_with_commas_between_members(void **state)
{
	char *text = NULL;
	size_t size;
	struct json json = {.out = open_memstream(&text, &size)};

	(void)state;
	json_object(&json, NULL);
	json_u64(&json, "a", UINT64_MAX);
	json_array(&json, "b");
	json_end(&json);
	json_array(&json, "c");
	json_bool(&json, NULL, true);
	json_object(&json, NULL);
	json_string_or_null(&json, "d", "");
	json_end(&json);
	json_end(&json);
	json_end(&json);
	fclose(json.out);
	assert_string_equal(text, "{\n  \"a\": 18446744073709551615,\n  \"b\": [],\n  \"c\": [\n"
				  "    true,\n    {\n      \"d\": null\n    }\n  ]\n}\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes_and_control_characters_are_escaped),
		cmocka_unit_test(characters_beyond_ascii_stay_as_they_are),
		cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
		cmocka_unit_test(groups_nest_with_commas_between_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
