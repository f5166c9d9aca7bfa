/* SPDX-License-Identifier: MIT */
/* Short names and labels: code page 437 (that of Linux by default, and of DOS) to UTF-8. */
#include "fat/fat_name.h"

#include <string.h>

#include "base/utf.h"
#include "fat/fat_disk.h"

static const uint16_t cp437[128] = {
	0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8,
	0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2,
	0x00fb, 0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192, 0x00e1,
	0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd,
	0x00bc, 0x00a1, 0x00ab, 0x00bb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562,
	0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510, 0x2514, 0x2534,
	0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560,
	0x2550, 0x256c, 0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b,
	0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580, 0x03b1, 0x00df, 0x0393,
	0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6,
	0x03b5, 0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248, 0x00b0,
	0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

/* Upper case, lower case: all letters of the code page beyond ASCII that have both. */
static const uint8_t cp437_lower[][2] = {
	{0x80, 0x87}, {0x8e, 0x84}, {0x8f, 0x86}, {0x90, 0x82}, {0x92, 0x91},
	{0x99, 0x94}, {0x9a, 0x81}, {0xa5, 0xa4}, {0xe4, 0xe5}, {0xe8, 0xed},
};

uint8_t fat_name_checksum(const uint8_t name[11])
{
	uint8_t sum = 0;

	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((uint8_t)(sum << 7 | sum >> 1) + name[i]);
	return sum;
}

static uint8_t lower(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c + ('a' - 'A'));
	for (size_t i = 0; c >= 0x80 && i < sizeof(cp437_lower) / 2; i++) {
		if (cp437_lower[i][0] == c)
			return cp437_lower[i][1];
	}
	return c;
}

static size_t put(uint8_t c, char *out)
{
	if (c == '/')
		c = '_';
	return utf8_put(c < 0x80 ? c : cp437[c - 0x80], out);
}

/* Copies @len characters up to a NUL, as Linux does, without trailing spaces. */
static size_t put_part(const uint8_t *name, size_t len, bool to_lower, char *out)
{
	size_t used = 0;
	const uint8_t *nul = memchr(name, '\0', len);

	if (nul)
		len = (size_t)(nul - name);
	while (len && name[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < len; i++)
		used += put(to_lower ? lower(name[i]) : name[i], out + used);
	return used;
}

size_t fat_name_short(const uint8_t name[11], uint8_t case_flags, char out[FAT_SHORT_NAME_SIZE])
{
	uint8_t raw[11];
	size_t used, extension;

	memcpy(raw, name, sizeof(raw));
	if (raw[0] == FAT_ENTRY_E5)
		raw[0] = 0xe5;
	used = put_part(raw, 8, case_flags & FAT_CASE_LOWER_BASE, out);
	out[used] = '.';
	extension = put_part(raw + 8, 3, case_flags & FAT_CASE_LOWER_EXTENSION, out + used + 1);
	if (extension)
		used += 1 + extension;
	out[used] = '\0';
	return fat_name_usable(out, used) ? used : 0;
}

void fat_name_label(const uint8_t label[11], char out[34])
{
	uint8_t raw[11];

	memcpy(raw, label, sizeof(raw));
	if (raw[0] == FAT_ENTRY_E5)
		raw[0] = 0xe5;
	out[put_part(raw, sizeof(raw), false, out)] = '\0';
}

bool fat_name_usable(const char *name, size_t len)
{
	if (len == 0 || memchr(name, '/', len) || memchr(name, '\0', len))
		return false;
	return !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}
