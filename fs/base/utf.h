/* SPDX-License-Identifier: MIT */
/* Unicode: UTF-16LE of disk formats to UTF-8, and names compared without case. */
#ifndef BRAMBLE_BASE_UTF_H
#define BRAMBLE_BASE_UTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of UTF-8 that @units UTF-16 code units can become at most, without a final NUL. */
#define UTF8_MAX_FROM_UTF16(units) ((units)*3)

/*
 * Converts @units code units in host order to UTF-8 in @out of @size bytes, NUL-terminated, cut at
 * a whole character where it is too small. Unpaired surrogates become U+FFFD.
 * Returns the length without the NUL.
 */
size_t utf16_to_utf8(const uint16_t *in, size_t units, char *out, size_t size);

/*
 * Writes one code point as UTF-8 (1 to 4 bytes) and returns how many; a surrogate or a number
 * beyond U+10FFFF is written as U+FFFD.
 */
size_t utf8_put(uint32_t code_point, char out[4]);

/* Whether @a and @b are the same letters by simple case mapping, as FAT compares names. */
bool utf8_equal_nocase(const char *a, size_t a_len, const char *b, size_t b_len);

/*
 * Simple case mapping of a whole name, for hashing: equal names by utf8_equal_nocase give equal
 * results. @out has room for 2 * @len bytes; returns the length used. Bytes that are no UTF-8 are
 * copied as they are.
 */
size_t utf8_fold_simple(const char *in, size_t len, char *out);

/*
 * Canonical caseless form of a name as ext4's casefold feature defines it (NFDICF: decomposed, case
 * folded, ignorable characters removed). *@out is malloc'd and NUL-terminated.
 * -EINVAL where @in is not UTF-8: such names are compared byte by byte.
 */
int utf8_casefold(const char *in, size_t len, char **out);

#endif
