/* SPDX-License-Identifier: MIT */
/* Block maps of ext2 and ext3: twelve direct blocks, then single, double and triple indirect. */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"

#define DIRECT_BLOCKS 12u
#define LEVELS_MAX 3u

/* Where a logical block is found: slots from the inode's own array down to the last block. */
struct path {
	unsigned int levels; /* indirect blocks on the way */
	uint32_t slots[LEVELS_MAX + 1]; /* slots[0] in i_block */
};

static int make_path(const struct ext4 *fs, uint32_t inode, uint64_t logical, struct path *out)
{
	const uint64_t per_block = fs->block_size / 4;
	uint64_t span = 1;

	if (logical < DIRECT_BLOCKS) {
		*out = (struct path){.slots = {(uint32_t)logical}};
		return 0;
	}
	logical -= DIRECT_BLOCKS;
	for (unsigned int levels = 1; levels <= LEVELS_MAX; levels++) {
		span *= per_block;
		if (logical >= span) {
			logical -= span;
			continue;
		}
		out->levels = levels;
		out->slots[0] = DIRECT_BLOCKS + levels - 1;
		for (unsigned int i = levels; i >= 1; i--) {
			out->slots[i] = (uint32_t)(logical % per_block);
			logical /= per_block;
		}
		return 0;
	}
	log_warn("ext4: inode %u: block number too large for a block map", inode);
	return -EIO;
}

static int check_block(const struct ext4 *fs, const struct ext4_inode *inode, uint32_t block)
{
	if (block <= fs->first_data_block || block >= fs->blocks_count)
		return ext4_corrupt("inode %u: block %u of %llu in its block map", inode->number,
				    block, (unsigned long long)fs->blocks_count);
	return 0;
}

int ext4_indirect_check_root(struct ext4 *fs, const struct ext4_inode *inode)
{
	for (size_t i = 0; i < DIRECT_BLOCKS; i++) {
		uint32_t block = le32_at(inode->block + i * 4);
		int err = block ? check_block(fs, inode, block) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* Blocks of the file below one slot that has @levels indirect blocks under it. */
static uint64_t span_of(const struct ext4 *fs, unsigned int levels)
{
	uint64_t span = 1;

	while (levels--)
		span *= fs->block_size / 4;
	return span;
}

/* How far the run that begins at @slot of @array goes on inside the array. */
static void measure(const struct ext4 *fs, const uint8_t *array, uint32_t slots, uint32_t slot,
		    struct ext4_run *out)
{
	uint64_t first = le32_at(array + (size_t)slot * 4);
	uint32_t count = 1;

	while (slot + count < slots) {
		uint32_t next = le32_at(array + (size_t)(slot + count) * 4);

		if (first ? next != (uint64_t)first + count || next >= fs->blocks_count : next != 0)
			break;
		count++;
	}
	out->kind = first ? EXT4_RUN_MAPPED : EXT4_RUN_HOLE;
	out->physical = first;
	out->count = count;
}

int ext4_indirect_map(struct ext4 *fs, const struct ext4_inode *inode, uint64_t logical,
		      struct ext4_run *out)
{
	CLEANUP(freep) uint8_t *block = NULL;
	const uint8_t *array = inode->block;
	uint32_t slots = DIRECT_BLOCKS;
	struct path path;
	struct ext4_run run;
	int err;

	err = make_path(fs, inode->number, logical, &path);
	if (err)
		return err;
	for (unsigned int level = 0; level < path.levels; level++) {
		uint32_t next = le32_at(array + (size_t)path.slots[level] * 4);
		uint64_t into = 0;

		if (next == 0) {
			/* the whole part below this slot is a hole */
			for (unsigned int i = level + 1; i <= path.levels; i++)
				into += path.slots[i] * span_of(fs, path.levels - i);
			*out = (struct ext4_run){
				.kind = EXT4_RUN_HOLE,
				.count = span_of(fs, path.levels - level) - into,
			};
			return 0;
		}
		err = check_block(fs, inode, next);
		if (err)
			return err;
		if (!block)
			block = malloc(fs->block_size);
		if (!block)
			return -ENOMEM;
		err = ext4_read_block(fs, next, block);
		if (err)
			return err;
		array = block;
		slots = fs->block_size / 4;
	}
	measure(fs, array, slots, path.slots[path.levels], &run);
	if (run.kind == EXT4_RUN_MAPPED) {
		err = check_block(fs, inode, (uint32_t)run.physical);
		if (err)
			return err;
	}
	*out = run;
	return 0;
}
