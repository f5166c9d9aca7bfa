/* SPDX-License-Identifier: MIT */
/* What config.txt selects: command lines, kernels, an initramfs. Part of the front door of the pi room. */
#ifndef BRAMBLE_PI_CONFIG_H
#define BRAMBLE_PI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#define PI_CONFIG_NAMES 16u /* of each kind; further ones are left out */
#define PI_CONFIG_NAME_MAX 128u /* bytes with NUL; lines of config.txt have 98 at most */

struct pi_config_names {
	unsigned int count;
	char names[PI_CONFIG_NAMES][PI_CONFIG_NAME_MAX];
};

/*
 * Everything that any section of config.txt can select: which of them holds is decided by the board,
 * its display and its pins.
 */
struct pi_config {
	struct pi_config_names prefixes; /* os_prefix=: stand in front of the names below */
	struct pi_config_names cmdlines; /* cmdline= */
	struct pi_config_names kernels; /* kernel= */
	struct pi_config_names initramfs; /* initramfs, ramfsfile= */
	struct pi_config_names
		includes; /* further files in the syntax of config.txt, not read here */
	bool auto_initramfs; /* auto_initramfs=1: initramfs8 beside kernel8.img, and so on, if it is there */
	bool boot_ramdisk; /* boot_ramdisk=1: boot.img is loaded instead of all others */
};

/* A config.txt that says nothing. */
void pi_config_start(struct pi_config *config);

/* Adds what the @len bytes of config.txt, or of a file that it includes, say. */
void pi_config_read(struct pi_config *config, const char *text, size_t len);

/*
 * Whether the file @path of the boot tree may be read as a command line: it is called cmdline.txt, in
 * any directory, or config.txt can select it. Case and doubled slashes do not count. @config may be
 * NULL: there is none.
 */
bool pi_config_is_cmdline(const struct pi_config *config, const char *path);

/* Whether @path may be the kernel, by its name or by config.txt: whoever has loaded it starts anew. */
bool pi_config_is_kernel(const struct pi_config *config, const char *path);

/*
 * Whether an initramfs may be loaded. With auto_initramfs=1 alone that depends on there being such a
 * file, whose names pi_file_kind knows.
 */
bool pi_config_may_load_initramfs(const struct pi_config *config);

#endif
