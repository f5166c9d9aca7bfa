/* SPDX-License-Identifier: MIT */
/* Unicode conversions. Case mapping and normalisation come from libutf8proc. */
#include "base/utf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define REPLACEMENT 0xfffdu

size_t utf8_put(uint32_t code_point, char out[4])
{
	if (code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff))
		code_point = REPLACEMENT;
	return (size_t)utf8proc_encode_char((utf8proc_int32_t)code_point, (utf8proc_uint8_t *)out);
}

static uint32_t utf16_next(const uint16_t *in, size_t units, size_t *at)
{
	uint32_t high = in[(*at)++];
	uint32_t low;

	if (high < 0xd800 || high > 0xdbff || *at == units)
		return high;
	low = in[*at];
	if (low < 0xdc00 || low > 0xdfff)
		return REPLACEMENT;
	(*at)++;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

size_t utf16_to_utf8(const uint16_t *in, size_t units, char *out, size_t size)
{
	size_t used = 0;

	if (size == 0)
		return 0;
	for (size_t at = 0; at < units;) {
		char bytes[4];
		size_t n = utf8_put(utf16_next(in, units, &at), bytes);

		if (n >= size - used)
			break;
		memcpy(out + used, bytes, n);
		used += n;
	}
	out[used] = '\0';
	return used;
}

/* One character, or one byte where the text is not UTF-8 (as a number no character has). */
static int32_t next_folded(const char *text, size_t len, size_t *at)
{
	utf8proc_int32_t code_point;
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + *at,
					      (utf8proc_ssize_t)(len - *at), &code_point);

	if (n <= 0)
		return -1 - (int32_t)(uint8_t)text[(*at)++];
	*at += (size_t)n;
	return utf8proc_tolower(utf8proc_toupper(code_point));
}

bool utf8_equal_nocase(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t i = 0, j = 0;

	while (i < a_len && j < b_len) {
		if (next_folded(a, a_len, &i) != next_folded(b, b_len, &j))
			return false;
	}
	return i == a_len && j == b_len;
}

size_t utf8_fold_simple(const char *in, size_t len, char *out)
{
	size_t used = 0;

	for (size_t at = 0; at < len;) {
		int32_t c = next_folded(in, len, &at);

		if (c < 0)
			out[used++] = (char)(uint8_t)(-1 - c);
		else
			used += utf8_put((uint32_t)c, out + used);
	}
	return used;
}

int utf8_casefold(const char *in, size_t len, char **out)
{
	utf8proc_uint8_t *folded;
	utf8proc_ssize_t n;

	n = utf8proc_map((const utf8proc_uint8_t *)in, (utf8proc_ssize_t)len, &folded,
			 UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD |
				 UTF8PROC_IGNORE);
	if (n == UTF8PROC_ERROR_NOMEM)
		return -ENOMEM;
	if (n < 0)
		return -EINVAL;
	*out = (char *)folded;
	return 0;
}
