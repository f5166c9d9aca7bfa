/* SPDX-License-Identifier: MIT */
/* What the files are that a Pi asks for while it boots. Part of the front door of the pi room. */
#ifndef BRAMBLE_PI_FILE_H
#define BRAMBLE_PI_FILE_H

#include <stdbool.h>

enum pi_file_kind {
	PI_FILE_OTHER,
	PI_FILE_FIRMWARE, /* bootcode.bin, start*.elf, fixup*.dat */
	PI_FILE_CONFIG, /* config.txt and its like */
	PI_FILE_CMDLINE, /* cmdline.txt */
	PI_FILE_KERNEL, /* kernel*.img, vmlinuz, boot.img */
	PI_FILE_INITRAMFS,
	PI_FILE_DTB, /* *.dtb, *.dtbo */
	PI_FILE_EEPROM, /* what a Pi writes to its own flash memory: never from a shared base */
};

/* By the last name of @path, without regard to case. */
enum pi_file_kind pi_file_kind(const char *path);

/*
 * Whether a Pi asks for @path though few images have it, so that its absence tells nothing: a line of
 * the log at debug.
 */
bool pi_file_is_probe(const char *path);

#endif
