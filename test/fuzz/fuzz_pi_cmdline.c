/* SPDX-License-Identifier: MIT */
/*
 * Command lines of any text. What comes out is one line that fits, names the root once, and stays as it
 * is when it is rewritten again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pi/pi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int count(const char *text, const char *what)
{
	unsigned int found = 0;

	for (text = strstr(text, what); text; text = strstr(text + 1, what))
		found++;
	return found;
}

static void check(const char *text, size_t size, const struct pi_netboot *boot)
{
	char once[PI_CMDLINE_BYTES], twice[PI_CMDLINE_BYTES];
	size_t len, again_len;

	if (pi_cmdline_rewrite(text, size, boot, once, sizeof(once), &len))
		return;
	assert(len <= PI_CMDLINE_MAX + 1 && strlen(once) == len);
	assert(once[len - 1] == '\n' && strchr(once, '\n') == once + len - 1);
	/* quotes may hold anything, also what looks like it */
	if (!strchr(once, '"'))
		assert(count(once, " nfsroot=192.") == 1);
	assert(count(once, "root=/dev/nfs nfsroot=192.168.1.2:/036cb716,v3,tcp,port=2049") >= 1);
	/* an address that was added counts as the user's the next time, and a mark in front is none */
	if (!boot->keep_ip && strncmp(once, "\xef\xbb\xbf", 3) != 0) {
		assert(pi_cmdline_rewrite(once, len, boot, twice, sizeof(twice), &again_len) == 0);
		assert(again_len == len && memcmp(once, twice, len) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pi_netboot boot = {
		.server.s_addr = htonl(0xc0a80102),
		.export_path = "/036cb716",
		.nfs_port = 2049,
		.mount_port = 20048,
		.rsize = 131072,
		.wsize = 131072,
	};
	struct pi_device device;
	char *text = malloc(size + 1);

	assert(text);
	memcpy(text, data, size);
	text[size] = '\0';
	pi_cmdline_root(text, &device);
	free(text);
	check((const char *)data, size, &boot);
	boot.keep_ip = true;
	boot.no_initramfs = true;
	check((const char *)data, size, &boot);
	return 0;
}
