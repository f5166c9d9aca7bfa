/* SPDX-License-Identifier: MIT */
/* What the firmware's files say: cmdline.txt and autoboot.txt. */
#include "pi/pi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WHITE " \t\r\n"

int pi_cmdline_root(const char *text, struct pi_device *out)
{
	static const char key[] = "root=";
	int err = -ENOENT;

	while (*(text += strspn(text, WHITE))) {
		size_t len = strcspn(text, WHITE);
		size_t value_len = len - (sizeof(key) - 1);
		char value[PI_VALUE_MAX];

		if (len > sizeof(key) - 1 && strncmp(text, key, sizeof(key) - 1) == 0 &&
		    value_len < sizeof(value)) {
			memcpy(value, text + sizeof(key) - 1, value_len);
			value[value_len] = '\0';
			pi_device_parse(value, out);
			err = 0; /* the kernel takes the last one */
		}
		text += len;
	}
	return err;
}

int pi_autoboot_partition(const char *text, unsigned int *out_number)
{
	static const char key[] = "boot_partition=";
	bool for_all = true; /* lines before the first section hold as well */
	int err = -ENOENT;

	while (*text) {
		const char *line = text + strspn(text, " \t");
		const char *end = line + strcspn(line, "\r\n");

		text = end + strspn(end, "\r\n");
		if (*line == '[')
			for_all = strncmp(line, "[all]", 5) == 0;
		if (for_all && strncmp(line, key, sizeof(key) - 1) == 0) {
			unsigned long number = strtoul(line + sizeof(key) - 1, NULL, 10);

			if (number > 0 && number < 1000) {
				*out_number = (unsigned int)number;
				err = 0;
			}
		}
	}
	return err;
}
