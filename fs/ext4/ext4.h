/* SPDX-License-Identifier: MIT */
/* ext2, ext3 and ext4 volumes, read-only. The front door of the ext4 room. */
#ifndef BRAMBLE_EXT4_EXT4_H
#define BRAMBLE_EXT4_EXT4_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "image/image.h"
#include "tree/tree.h"

struct ext4_options {
	bool nocheck; /* a wrong checksum is a warning, not an error */
	bool noload; /* a dirty journal is left alone, as mount(8) has it for ext4 */
};

struct ext4_info {
	const char *kind; /* "ext2", "ext3" or "ext4", as blkid decides */
	char label[17];
	char uuid[37];
	char last_mounted[65];
	char features[512]; /* names as dumpe2fs prints them, separated by spaces */
	uint32_t block_size; /* bytes */
	uint32_t inode_size; /* bytes */
	uint64_t blocks;
	uint64_t blocks_free;
	uint64_t inodes;
	uint64_t inodes_free;
	bool dirty_journal; /* the journal holds changes that are replayed when it is opened */
	bool errors; /* the kernel noted errors in this file system */
};

/* Whether @img holds an ext superblock, without logging anything: 0, -EINVAL, or a read error. */
int ext4_probe(struct image *img);

/*
 * Opens a volume; a dirty journal is replayed in memory. @img is borrowed.
 * -EINVAL: no ext file system; -EOPNOTSUPP: an incompatible feature, named in the log; -EBADMSG,
 * -EUCLEAN: damaged, named in the log.
 * Ids: TREE_ROOT for the root directory, else the inode number.
 */
int ext4_open(struct image *img, const struct ext4_options *options, struct tree **out);

/* Facts about a volume for people, read from the superblock alone. Errors as ext4_open. */
int ext4_info_read(struct image *img, struct ext4_info *out);

/*
 * Adds what every change of a volume by Linux or e2fsprogs changes: the superblock and the group
 * descriptors, as they lie in @img. Errors as ext4_open.
 */
int ext4_fingerprint(struct image *img, struct hash *hash);

#endif
