/* SPDX-License-Identifier: MIT */
/* Private to the ext4 room: the index of a directory, from a name to the blocks it can be in. */
#ifndef BRAMBLE_EXT4_HTREE_H
#define BRAMBLE_EXT4_HTREE_H

#include "ext4/ext4_dirblock.h"
#include "ext4/ext4_hash.h"

/* Index levels above the leaves: the kernel allows 2, with the feature large_dir 3. */
#define EXT4_HTREE_LEVELS 3u

struct ext4_htree_frame {
	uint8_t *entries; /* limit/count first; owned */
	uint32_t count;
	uint32_t at;
};

struct ext4_htree {
	struct ext4_dir_reader *reader; /* borrowed */
	struct ext4_hash hash;
	unsigned int levels; /* frames in use */
	uint64_t leaves_left; /* a search visits no block of the directory twice */
	struct ext4_htree_frame frames[EXT4_HTREE_LEVELS];
};

/*
 * Finds the first leaf that can hold @name. -EOPNOTSUPP: the index cannot be used (logged where it
 * is broken), the directory is to be searched from its start. Ended by ext4_htree_finish in any case.
 */
int ext4_htree_start(struct ext4_htree *tree, struct ext4_dir_reader *reader, const char *name,
		     size_t len, uint64_t *out_leaf);

/* The next leaf with the same hash, or -ENOENT. */
int ext4_htree_next(struct ext4_htree *tree, uint64_t *out_leaf);

void ext4_htree_finish(struct ext4_htree *tree);

/* The hash that the kernel gives @name in this directory, index or not. @version: the index's. */
int ext4_htree_hash(const struct ext4 *fs, const struct ext4_inode *dir, unsigned int version,
		    const char *name, size_t len, struct ext4_hash *out);

#endif
