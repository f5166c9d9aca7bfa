/* SPDX-License-Identifier: MIT */
/* What autoboot.txt says. */
#include "pi/pi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
