/* SPDX-License-Identifier: MIT */
/*
 * What a Raspberry Pi is and what its own files say: fstab, cmdline.txt, config.txt, autoboot.txt. The
 * front door of the pi room: pure functions, which touch no file.
 */
#ifndef BRAMBLE_PI_PI_H
#define BRAMBLE_PI_PI_H

#include <stdbool.h>
#include <stddef.h>

#include "pi/pi_board.h"
#include "pi/pi_cmdline.h"
#include "pi/pi_config.h"
#include "pi/pi_file.h"

#define PI_VALUE_MAX 256u /* bytes of a device name or path, with NUL; longer ones are left out */

/* How a file names a block device. */
enum pi_device_kind {
	PI_DEVICE_OTHER, /* none of these: a network source, tmpfs, a device without a number */
	PI_DEVICE_UUID,
	PI_DEVICE_LABEL,
	PI_DEVICE_PARTUUID,
	PI_DEVICE_PARTLABEL,
	PI_DEVICE_NUMBER, /* /dev/mmcblk0p2, /dev/sda2: the partition's number */
};

struct pi_device {
	enum pi_device_kind kind;
	char value[PI_VALUE_MAX];
	unsigned int number; /* if kind is PI_DEVICE_NUMBER */
};

struct pi_fstab_entry {
	struct pi_device device;
	char path[PI_VALUE_MAX];
	char type[32];
	char options[PI_VALUE_MAX];
};

/*
 * Reads a device as fstab(5) and root= write it: UUID=, LABEL=, PARTUUID=, PARTLABEL= (with or
 * without quotes), /dev/disk/by-*, or a partition's device node.
 */
void pi_device_parse(const char *text, struct pi_device *out);

/*
 * Whether a partition's device node lies on @root's disk; if @root is no such node, on the first SD
 * card. An fstab may name other disks that have partitions of the same numbers.
 */
bool pi_device_on_disk(const struct pi_device *device, const struct pi_device *root);

/*
 * The next entry of an fstab: *@text moves behind it. Comments and lines that are no entry are
 * passed over. Returns 0, or -ENOENT at the end. Escapes (\040) are undone.
 */
int pi_fstab_next(const char **text, struct pi_fstab_entry *out);

/* Whether the options have the word, as "noauto". */
bool pi_fstab_has_option(const struct pi_fstab_entry *entry, const char *word);

/* Which entries of an fstab are the image's own. All may be NULL. */
struct pi_fstab_image {
	/* Whether the tree shows a volume of the image at @path. */
	bool (*shows)(void *ctx, const char *path);
	/* Whether @device, an identifier and no device node, is a partition of the image. */
	bool (*owns)(void *ctx, const struct pi_device *device);
	void *ctx;
};

/*
 * Makes the fstab of a Pi whose root comes over the network: lines of the image's own partitions and
 * of swap on them become comments behind "#bramble: ", and the boot partition, which the network shows
 * with the root, is bound to itself, so that it is a mount point for those who insist on one:
 *
 *     /boot/firmware /boot/firmware none bind 0 0
 *
 * All other lines stay as they are: of kernel file systems, networks, and other disks. *@out is
 * malloc'd and NUL-terminated; *@out_len is @len where nothing was to be done. Rewriting it again
 * changes nothing. -ENOMEM.
 */
int pi_fstab_rewrite(const char *text, size_t len, const struct pi_fstab_image *image, char **out,
		     size_t *out_len);

/* What the last root= of a kernel command line names. -ENOENT: there is none. */
int pi_cmdline_root(const char *text, struct pi_device *out);

/*
 * The partition that autoboot.txt sends the firmware to: boot_partition= of [all] or of no section.
 * -ENOENT: it does not say.
 */
int pi_autoboot_partition(const char *text, unsigned int *out_number);

#endif
