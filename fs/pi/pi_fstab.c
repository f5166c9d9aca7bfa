/* SPDX-License-Identifier: MIT */
/* fstab(5): one entry a line, fields separated by blanks. */
#include "pi/pi.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

#define BLANKS " \t\r"

/*
 * Copies the next field of the line that ends at @end, its octal escapes undone; moves *@text.
 * False where there is none or it is too long for @size bytes.
 */
static bool next_field(const char **text, const char *end, char *out, size_t size)
{
	const char *p = *text + strspn(*text, BLANKS);
	size_t used = 0;

	if (p >= end)
		return false;
	while (p < end && !strchr(BLANKS, *p)) {
		char c = *p++;

		if (c == '\\' && end - p >= 3 && p[0] >= '0' && p[0] <= '3' && p[1] >= '0' &&
		    p[1] <= '7' && p[2] >= '0' && p[2] <= '7') {
			c = (char)((p[0] - '0') << 6 | (p[1] - '0') << 3 | (p[2] - '0'));
			p += 3;
		}
		if (used + 1 < size)
			out[used] = c;
		used++;
	}
	*text = p;
	if (used + 1 > size)
		return false;
	out[used] = '\0';
	return true;
}

static bool parse_line(const char *line, const char *end, struct pi_fstab_entry *out)
{
	char device[PI_VALUE_MAX];

	if (!next_field(&line, end, device, sizeof(device)) || device[0] == '#' ||
	    !next_field(&line, end, out->path, sizeof(out->path)) ||
	    !next_field(&line, end, out->type, sizeof(out->type)))
		return false;
	if (!next_field(&line, end, out->options, sizeof(out->options)))
		strcpy(out->options, "defaults");
	pi_device_parse(device, &out->device);
	return true;
}

int pi_fstab_next(const char **text, struct pi_fstab_entry *out)
{
	while (**text) {
		const char *line = *text;
		const char *end = line + strcspn(line, "\n");

		*text = *end ? end + 1 : end;
		*out = (struct pi_fstab_entry){0};
		if (parse_line(line, end, out))
			return 0;
	}
	return -ENOENT;
}

bool pi_fstab_has_option(const struct pi_fstab_entry *entry, const char *word)
{
	const char *p = entry->options;

	while (*p) {
		size_t len = strcspn(p, ",");

		if (len == strlen(word) && memcmp(p, word, len) == 0)
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}
