/* SPDX-License-Identifier: MIT */
/* Names of block devices as fstab and the kernel command line write them. */
#include "pi/pi.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

static const struct {
	const char *prefix;
	enum pi_device_kind kind;
} prefixes[] = {
	{"UUID=", PI_DEVICE_UUID},
	{"LABEL=", PI_DEVICE_LABEL},
	{"PARTUUID=", PI_DEVICE_PARTUUID},
	{"PARTLABEL=", PI_DEVICE_PARTLABEL},
	{"/dev/disk/by-uuid/", PI_DEVICE_UUID},
	{"/dev/disk/by-label/", PI_DEVICE_LABEL},
	{"/dev/disk/by-partuuid/", PI_DEVICE_PARTUUID},
	{"/dev/disk/by-partlabel/", PI_DEVICE_PARTLABEL},
};

static void copy_value(const char *text, struct pi_device *out)
{
	size_t len = strlen(text);

	/* LABEL="name" */
	if (len >= 2 && (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0]) {
		text++;
		len -= 2;
	}
	memcpy(out->value, text, len);
	out->value[len] = '\0';
}

/*
 * /dev/sda2 and /dev/vda2 end in the number; where the disk's name itself ends in a digit, as
 * /dev/mmcblk0p2, /dev/nvme0n1p2, /dev/loop0p2, a p stands before it.
 */
static bool parse_node(const char *text, unsigned int *out_number)
{
	size_t len = strlen(text), digits = len;
	const char *name = text + 5;

	if (strncmp(text, "/dev/", 5) != 0 || strchr(name, '/'))
		return false;
	while (digits > 5 && isdigit((unsigned char)text[digits - 1]))
		digits--;
	if (digits == len || digits == 5 || len - digits > 4)
		return false;
	if (text[digits - 1] == 'p' && isdigit((unsigned char)text[digits - 2])) {
		*out_number = (unsigned int)strtoul(text + digits, NULL, 10);
		return true;
	}
	if ((strncmp(name, "sd", 2) == 0 || strncmp(name, "vd", 2) == 0 ||
	     strncmp(name, "hd", 2) == 0 || strncmp(name, "xvd", 3) == 0)) {
		*out_number = (unsigned int)strtoul(text + digits, NULL, 10);
		return true;
	}
	return false;
}

void pi_device_parse(const char *text, struct pi_device *out)
{
	*out = (struct pi_device){.kind = PI_DEVICE_OTHER};
	if (strlen(text) >= PI_VALUE_MAX)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i].prefix);

		if (strncmp(text, prefixes[i].prefix, len) == 0) {
			out->kind = prefixes[i].kind;
			copy_value(text + len, out);
			return;
		}
	}
	copy_value(text, out);
	if (parse_node(text, &out->number))
		out->kind = PI_DEVICE_NUMBER;
}

/* The length of a node's name up to the partition's number. */
static size_t disk_len(const struct pi_device *device)
{
	size_t len = strlen(device->value);

	while (len > 0 && isdigit((unsigned char)device->value[len - 1]))
		len--;
	return len;
}

bool pi_device_on_disk(const struct pi_device *device, const struct pi_device *root)
{
	static const struct pi_device sd_card = {.kind = PI_DEVICE_NUMBER,
						 .value = "/dev/mmcblk0p1"};
	size_t len = disk_len(device);

	if (root->kind != PI_DEVICE_NUMBER)
		root = &sd_card;
	return len == disk_len(root) && strncmp(device->value, root->value, len) == 0;
}
