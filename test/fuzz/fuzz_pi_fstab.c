/* SPDX-License-Identifier: MIT */
/*
 * fstabs of any text. What comes out stays as it is when it is rewritten again, has nothing of "/" left
 * that is on a disk, and every line of the old one, marked or not.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pi/pi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool shows(void *ctx, const char *path)
{
	(void)ctx;
	return strcmp(path, "/boot/firmware") == 0 || strcmp(path, "/home") == 0;
}

static void check_entries(const char *text)
{
	struct pi_fstab_entry entry;

	while (pi_fstab_next(&text, &entry) == 0) {
		assert(strlen(entry.path) < sizeof(entry.path));
		if (entry.device.kind != PI_DEVICE_OTHER)
			assert(strcmp(entry.path, "/") != 0 && strcmp(entry.path, "/boot") != 0);
		pi_fstab_has_option(&entry, "ro");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pi_fstab_image image = {.shows = shows};
	size_t len, again_len, old = 0;
	char *out, *again;

	assert(pi_fstab_rewrite((const char *)data, size, &image, &out, &len) == 0);
	assert(strlen(out) == len);
	assert(pi_fstab_rewrite(out, len, &image, &again, &again_len) == 0);
	assert(again_len == len && memcmp(out, again, len) == 0);
	check_entries(out);
	/* all bytes of the old text are there, in their order */
	for (size_t i = 0; i < len && old < strnlen((const char *)data, size); i++)
		old += out[i] == (char)data[old];
	assert(old == strnlen((const char *)data, size));
	free(out);
	free(again);
	return 0;
}
