/* SPDX-License-Identifier: MIT */
/* FAT12, FAT16 and FAT32 volumes with long names, read-only. The front door of the fat room. */
#ifndef BRAMBLE_FAT_FAT_H
#define BRAMBLE_FAT_FAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/hash.h"
#include "image/image.h"
#include "tree/tree.h"

/* How a FAT volume, which knows no owners, is shown. Zero-initialised: uid 0, gid 0, 0755, UTC. */
struct fat_options {
	uid_t uid;
	gid_t gid;
	bool umask_given; /* else modes are 0755, 0555 for read-only files */
	mode_t umask; /* bits taken from 0777 */
	int time_offset; /* minutes from UTC that the volume's times are in, as mount(8) has it */
};

struct fat_info {
	unsigned int bits; /* 12, 16 or 32 */
	bool dirty; /* not unmounted cleanly */
	char label[34]; /* UTF-8; from the root directory, else the boot sector; or empty */
	char uuid[10]; /* "1234-ABCD" as blkid and fstab write it */
	uint32_t sector_size; /* bytes */
	uint32_t cluster_size; /* bytes */
	uint64_t size; /* bytes */
	uint64_t free; /* bytes */
};

/*
 * Whether @img starts with a FAT boot sector that Linux would accept, without logging anything:
 * 0, -EINVAL for anything else, or a read error.
 */
int fat_probe(struct image *img);

/*
 * Opens a volume. @img is borrowed. -EINVAL: not FAT; -EUCLEAN: FAT, but its numbers contradict each
 * other (logged).
 * Ids: TREE_ROOT for the root, else the byte position of the short directory entry / 32.
 */
int fat_open(struct image *img, const struct fat_options *options, struct tree **out);

/*
 * Facts about a volume for people. @img is borrowed. Counting what is free reads the whole table: it
 * stays 0 unless @count_free. Errors as fat_open.
 */
int fat_info_read(struct image *img, bool count_free, struct fat_info *out);

/* Adds the boot sector, the current FAT and the root directory. Errors as fat_open. */
int fat_fingerprint(struct image *img, struct hash *hash);

#endif
