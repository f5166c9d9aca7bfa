/* SPDX-License-Identifier: MIT */
/* INI files: which lines are keys of which section, and that each wrong line is told by its number. */
#include "support/unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "keyfile/keyfile.h"

static char logged[2048];
static char taken[2048];

static void append(char *to, size_t size, const char *what)
{
	size_t len = strlen(to);

	snprintf(to + len, size - len, "%s\n", what);
}

static void collect(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	append(logged, sizeof(logged), line);
}

static int begin(void **state)
{
	(void)state;
	log_set_sink(collect, NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	return 0;
}

static int take(void *ctx, const struct keyfile_line *line)
{
	char text[512];

	if (line->key)
		snprintf(text, sizeof(text), "%u [%s] %s%s=%s", line->number, line->section,
			 line->continued ? "+" : "", line->key, line->value);
	else
		snprintf(text, sizeof(text), "%u [%s]", line->number, line->section);
	append(taken, sizeof(taken), text);
	return line->key && strcmp(line->key, "stop") == 0 ? *(int *)ctx : 0;
}

static int parse(const char *text, unsigned int flags)
{
	int stop = -7;

	logged[0] = taken[0] = '\0';
	return keyfile_parse("f", text, strlen(text), flags, take, &stop);
}

static void keys_have_sections_and_numbers(void **state)
{
	(void)state;
	assert_int_equal(parse("\xef\xbb\xbf; hello\na = 1 ; one\n\n[b c]\r\nd=2;3\n#[x]\n", 0), 0);
	assert_string_equal(taken, "2 [] a=1\n5 [b c] d=2;3\n");
	assert_string_equal(logged, "");
}

static void sections_without_keys_are_told_if_wanted(void **state)
{
	(void)state;
	assert_int_equal(parse("[a]\n[b] ; x\nk = v\n [c]\n", KEYFILE_SECTIONS), 0);
	assert_string_equal(taken, "1 [a]\n2 [b]\n3 [b] k=v\n4 [b] +k=[c]\n");
}

static void indented_lines_continue_the_key_above(void **state)
{
	(void)state;
	assert_int_equal(parse("[a]\n  k = 1,\n\t2\n\n  3 ; end\nl = 4\n", 0), 0);
	assert_string_equal(taken, "2 [a] k=1,\n3 [a] +k=2\n5 [a] +k=3\n6 [a] l=4\n");
}

static void every_wrong_line_is_told(void **state)
{
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text),
		 "what\n[a] b\nk = v\n= x\n[c\nlost = 1\n[%0100d]\nl = 2\n%0300d\n", 0, 0);
	assert_int_equal(parse(text, 0), -EUCLEAN);
	assert_string_equal(logged, "f:1: neither [SECTION] nor KEY = VALUE\n"
				    "f:2: something stands behind \"]\"\n"
				    "f:4: neither [SECTION] nor KEY = VALUE\n"
				    "f:5: \"]\" is missing\n"
				    "f:7: the section's name is too long\n"
				    "f:9: the line is too long\n");
	assert_string_equal(taken, "3 [a] k=v\n");
	assert_int_equal(parse(text, KEYFILE_LENIENT), 0);
	assert_string_equal(logged, "");
}

static void a_long_comment_is_no_long_line(void **state)
{
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text), "a = 1 ; %0300d\n; %0300d\nb = 2", 0, 0);
	assert_int_equal(parse(text, 0), 0);
	assert_string_equal(taken, "1 [] a=1\n3 [] b=2\n");
}

static void who_takes_keys_may_stop(void **state)
{
	(void)state;
	assert_int_equal(parse("a = 1\nstop = 2\nb = 3\nwrong\n", 0), -7);
	assert_string_equal(taken, "1 [] a=1\n2 [] stop=2\n");
	assert_string_equal(logged, "");
}

static void zero_bytes_are_refused(void **state)
{
	(void)state;
	assert_int_equal(keyfile_parse("f", "a\0b", 3, 0, take, NULL), -EUCLEAN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_sections_and_numbers),
		cmocka_unit_test(sections_without_keys_are_told_if_wanted),
		cmocka_unit_test(indented_lines_continue_the_key_above),
		cmocka_unit_test(every_wrong_line_is_told),
		cmocka_unit_test(a_long_comment_is_no_long_line),
		cmocka_unit_test(who_takes_keys_may_stop),
		cmocka_unit_test(zero_bytes_are_refused),
	};

	return cmocka_run_group_tests_name("keyfile", tests, begin, end);
}
