/* SPDX-License-Identifier: MIT */
/* Text as netascii, cut into blocks anywhere. */
#include "support/unit.h"

#include "tftp/tftp_ascii.h"

/* Translates @len bytes in blocks of @block; returns the length of it all. */
static size_t encode(const char *in, size_t len, size_t block, uint8_t *out)
{
	struct tftp_ascii at = {0};
	size_t total = 0;
	size_t got;

	do {
		got = tftp_ascii_encode(&at, (const uint8_t *)in + at.offset, len - at.offset,
					out + total, block);
		total += got;
	} while (got == block);
	return total;
}

static void lines_end_with_both_and_returns_get_a_nul(void **state)
{
	static const char want[] = "a\r\nb\r\0\r\nc\r\0";
	uint8_t out[64];

	(void)state;
	assert_int_equal(encode("a\nb\r\nc\r", 7, 64, out), sizeof(want) - 1);
	assert_memory_equal(out, want, sizeof(want) - 1);
}

static void pairs_may_lie_in_two_blocks(void **state)
{
	static const char want[] = "a\r\nb\r\0\r\nc\r\0";
	uint8_t out[64];

	(void)state;
	for (size_t block = 1; block < 20; block++) {
		assert_int_equal(encode("a\nb\r\nc\r", 7, block, out), sizeof(want) - 1);
		assert_memory_equal(out, want, sizeof(want) - 1);
	}
}

static void other_bytes_stay_as_they_are(void **state)
{
	char in[256];
	uint8_t out[256];
	struct tftp_ascii at = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i == '\n' || i == '\r' ? 'x' : i);
	assert_int_equal(tftp_ascii_encode(&at, (const uint8_t *)in, sizeof(in), out, sizeof(out)),
			 256);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(at.offset, 256);
	assert_false(at.half);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_end_with_both_and_returns_get_a_nul),
		cmocka_unit_test(pairs_may_lie_in_two_blocks),
		cmocka_unit_test(other_bytes_stay_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
