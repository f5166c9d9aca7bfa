/* SPDX-License-Identifier: MIT */
/* Requests and frames of the control socket. */
#include "support/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "control/control_frame.h"

static char *words[] = {"overlay", "", "show", "with blanks\n", NULL};

static void words_arrive_as_they_were_sent(void **state)
{
	uint8_t *data;
	size_t len;
	size_t size;
	char **argv;
	int argc;

	(void)state;
	assert_int_equal(control_request_format(4, words, &data, &len), 0);
	assert_int_equal(control_request_size(data, len, &size), 0);
	assert_int_equal(size, len);
	assert_int_equal(control_request_parse(data, len, &argc, &argv), 0);
	assert_int_equal(argc, 4);
	for (int i = 0; i < 4; i++)
		assert_string_equal(argv[i], words[i]);
	assert_null(argv[4]);
	free(argv);
	free(data);
}

static void the_size_is_known_after_the_header(void **state)
{
	uint8_t *data;
	size_t len;
	size_t size;

	(void)state;
	assert_int_equal(control_request_format(4, words, &data, &len), 0);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(control_request_size(data, i, &size), 0);
		assert_int_equal(size, i < CONTROL_REQUEST_HEADER ? CONTROL_REQUEST_HEADER : len);
	}
	free(data);
}

static void whoever_speaks_otherwise_is_noticed_at_once(void **state)
{
	const uint8_t http[] = "GET / HTTP/1.1";
	size_t size;

	(void)state;
	assert_int_equal(control_request_size(http, 1, &size), -EPROTO);
	assert_int_equal(control_request_size(http, 14, &size), -EPROTO);
}

/* A request with these numbers and 4 bytes of words. */
static int parse(uint32_t bytes, uint32_t count, const char text[4])
{
	uint8_t data[CONTROL_REQUEST_HEADER + 4] = "brm1";
	char **argv = NULL;
	size_t size;
	int argc;
	int err;

	for (int i = 0; i < 4; i++) {
		data[4 + i] = (uint8_t)(bytes >> 8 * (3 - i));
		data[8 + i] = (uint8_t)(count >> 8 * (3 - i));
	}
	memcpy(data + CONTROL_REQUEST_HEADER, text, 4);
	err = control_request_parse(data, sizeof(data), &argc, &argv);
	if (control_request_size(data, sizeof(data), &size) < 0)
		assert_int_equal(err, -EPROTO);
	if (!err)
		free(argv);
	return err;
}

static void hostile_requests_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse(4, 2, "ab\0"), 0);
	assert_int_equal(parse(4, 4, "\0\0\0"), 0);
	assert_int_equal(parse(4, 0, "abc"), -EPROTO);
	assert_int_equal(parse(4, 2, "abc"), -EPROTO);
	assert_int_equal(parse(4, 1, "a\0b"), -EPROTO);
	assert_int_equal(parse(4, 5, "\0\0\0"), -EPROTO);
	assert_int_equal(parse(5, 1, "abc"), -EPROTO);
	assert_int_equal(parse(3, 1, "ab\0"), -EPROTO);
	assert_int_equal(parse(UINT32_MAX, 1, "abc"), -EPROTO);
	assert_int_equal(parse(65537, 1, "abc"), -EPROTO);
	assert_int_equal(parse(65536, 513, "abc"), -EPROTO);
}

static void too_many_words_are_not_sent(void **state)
{
	static char *many[CONTROL_WORDS_MAX + 1];
	static char big[CONTROL_WORDS_BYTES_MAX + 1];
	char *one[] = {big};
	uint8_t *data;
	size_t len;

	(void)state;
	for (size_t i = 0; i < CONTROL_WORDS_MAX + 1; i++)
		many[i] = "a";
	assert_int_equal(control_request_format(CONTROL_WORDS_MAX + 1, many, &data, &len), -E2BIG);
	assert_int_equal(control_request_format(CONTROL_WORDS_MAX, many, &data, &len), 0);
	free(data);
	memset(big, 'a', CONTROL_WORDS_BYTES_MAX);
	assert_int_equal(control_request_format(1, one, &data, &len), -E2BIG);
	big[CONTROL_WORDS_BYTES_MAX - 1] = '\0';
	assert_int_equal(control_request_format(1, one, &data, &len), 0);
	free(data);
}

static void frames_are_checked(void **state)
{
	uint8_t header[CONTROL_FRAME_HEADER];
	enum control_type type;
	uint32_t len;

	(void)state;
	control_frame_format(CONTROL_ERR, CONTROL_FRAME_DATA_MAX, header);
	assert_int_equal(control_frame_parse(header, &type, &len), 0);
	assert_int_equal(type, CONTROL_ERR);
	assert_int_equal(len, CONTROL_FRAME_DATA_MAX);
	control_frame_format(CONTROL_OUT, CONTROL_FRAME_DATA_MAX + 1, header);
	assert_int_equal(control_frame_parse(header, &type, &len), -EPROTO);
	control_frame_format(CONTROL_EXIT, 5, header);
	assert_int_equal(control_frame_parse(header, &type, &len), -EPROTO);
	control_frame_format(CONTROL_ALIVE, 0, header);
	assert_int_equal(control_frame_parse(header, &type, &len), 0);
	assert_int_equal(type, CONTROL_ALIVE);
	control_frame_format(CONTROL_ALIVE, 4, header);
	assert_int_equal(control_frame_parse(header, &type, &len), -EPROTO);
	control_frame_format((enum control_type)5, 0, header);
	assert_int_equal(control_frame_parse(header, &type, &len), -EPROTO);
	control_frame_format((enum control_type)0, 4, header);
	assert_int_equal(control_frame_parse(header, &type, &len), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_arrive_as_they_were_sent),
		cmocka_unit_test(the_size_is_known_after_the_header),
		cmocka_unit_test(whoever_speaks_otherwise_is_noticed_at_once),
		cmocka_unit_test(hostile_requests_are_refused),
		cmocka_unit_test(too_many_words_are_not_sent),
		cmocka_unit_test(frames_are_checked),
	};

	return cmocka_run_group_tests_name("control_frame", tests, NULL, NULL);
}
