/* SPDX-License-Identifier: MIT */
/*
 * Makes ext2 and ext4 volumes in memory, right or wrong byte by byte, for unit tests: one group,
 * blocks of 1 KiB, 32 inodes of 256 bytes, no checksums. Block 1 is the superblock, block 2 has the
 * group's descriptor, blocks 5 to 12 are the inode table; from block 13 on all is free. The root
 * directory is block 13, with "." and ".." in it.
 */
#ifndef BRAMBLE_TEST_EXT4_MAKER_H
#define BRAMBLE_TEST_EXT4_MAKER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ext4/ext4.h"
#include "ext4/ext4_disk.h"

#define MAKER_BLOCK 1024u
#define MAKER_INODE 256u
#define MAKER_INODES 32u
#define MAKER_TABLE 5u
#define MAKER_ROOT_BLOCK 13u
#define MAKER_FILE 12u /* an inode that is free */

struct maker {
	uint8_t *data;
	size_t size;
	struct image *img;
	struct tree *tree;
};

static inline void maker_put16(struct maker *m, size_t at, uint32_t value)
{
	m->data[at] = (uint8_t)value;
	m->data[at + 1] = (uint8_t)(value >> 8);
}

static inline void maker_put32(struct maker *m, size_t at, uint32_t value)
{
	maker_put16(m, at, value & 0xffff);
	maker_put16(m, at + 2, value >> 16);
}

static inline size_t maker_block(uint32_t block)
{
	return (size_t)block * MAKER_BLOCK;
}

/* Where the field @at of the superblock is. */
static inline size_t maker_super(size_t at)
{
	return EXT4_SUPERBLOCK_OFFSET + at;
}

static inline size_t maker_inode(uint32_t number)
{
	return maker_block(MAKER_TABLE) + (size_t)(number - 1) * MAKER_INODE;
}

/* Where i_block of the inode is. */
static inline size_t maker_map(uint32_t number)
{
	return maker_inode(number) + offsetof(struct ext4_disk_inode, block);
}

/* Starts the inode afresh: one link, no blocks. */
static inline void maker_node(struct maker *m, uint32_t number, uint32_t mode, uint32_t size,
			      uint32_t flags)
{
	size_t at = maker_inode(number);

	memset(m->data + at, 0, MAKER_INODE);
	maker_put16(m, at, mode);
	maker_put32(m, at + 0x4, size);
	maker_put16(m, at + 0x1a, 1);
	maker_put32(m, at + 0x20, flags);
	maker_put16(m, at + 0x80, 32);
}

/* Writes an entry of @rec_len bytes at byte @at and returns the byte behind it. */
static inline size_t maker_entry(struct maker *m, size_t at, uint32_t inode, uint32_t rec_len,
				 const char *name)
{
	maker_put32(m, at, inode);
	maker_put16(m, at + 4, rec_len);
	m->data[at + 6] = (uint8_t)strlen(name);
	m->data[at + 7] = 0;
	memcpy(m->data + at + 8, name, strlen(name));
	return at + rec_len;
}

/* "." and ".." at the start of the block; what follows is to take the rest of it. */
static inline size_t maker_dots(struct maker *m, uint32_t block, uint32_t dir, uint32_t parent)
{
	return maker_entry(m, maker_entry(m, maker_block(block), dir, 12, "."), parent, 12, "..");
}

static inline void maker_start(struct maker *m, uint32_t blocks, uint32_t incompat)
{
	*m = (struct maker){.size = maker_block(blocks)};
	m->data = calloc(1, m->size);
	if (!m->data)
		abort();
	maker_put32(m, maker_super(0x0), MAKER_INODES);
	maker_put32(m, maker_super(0x4), blocks);
	maker_put32(m, maker_super(0x14), 1);
	maker_put32(m, maker_super(0x20), 8 * MAKER_BLOCK);
	maker_put32(m, maker_super(0x24), 8 * MAKER_BLOCK);
	maker_put32(m, maker_super(0x28), MAKER_INODES);
	maker_put16(m, maker_super(0x38), EXT4_MAGIC);
	maker_put32(m, maker_super(0x4c), 1);
	maker_put32(m, maker_super(0x54), EXT4_GOOD_OLD_FIRST_INODE);
	maker_put16(m, maker_super(0x58), MAKER_INODE);
	maker_put32(m, maker_super(0x60), incompat);
	maker_put32(m, maker_block(2), 3);
	maker_put32(m, maker_block(2) + 4, 4);
	maker_put32(m, maker_block(2) + 8, MAKER_TABLE);
	maker_node(m, EXT4_ROOT_INODE, S_IFDIR | 0755, MAKER_BLOCK, 0);
	maker_put32(m, maker_map(EXT4_ROOT_INODE), MAKER_ROOT_BLOCK);
	maker_entry(m, maker_dots(m, MAKER_ROOT_BLOCK, EXT4_ROOT_INODE, EXT4_ROOT_INODE), 0,
		    MAKER_BLOCK - 24, "");
}

/* The header of an extent node at byte @at. */
static inline void maker_extents(struct maker *m, size_t at, uint32_t entries, uint32_t max,
				 uint32_t depth)
{
	maker_put16(m, at, EXT4_EXTENT_MAGIC);
	maker_put16(m, at + 2, entries);
	maker_put16(m, at + 4, max);
	maker_put16(m, at + 6, depth);
}

/* Entry @i of the node: @len blocks from @logical on lie at @physical. */
static inline void maker_extent(struct maker *m, size_t at, uint32_t i, uint32_t logical,
				uint32_t len, uint32_t physical)
{
	at += 12 + (size_t)i * 12;
	maker_put32(m, at, logical);
	maker_put16(m, at + 4, len);
	maker_put32(m, at + 8, physical);
}

/* Entry @i of the node: from @logical on the node in block @child knows. */
static inline void maker_extent_index(struct maker *m, size_t at, uint32_t i, uint32_t logical,
				      uint32_t child)
{
	at += 12 + (size_t)i * 12;
	maker_put32(m, at, logical);
	maker_put32(m, at + 4, child);
}

/* Gives the file a root node and the flag; MAKER_FILE's node is at the byte that it returns. */
static inline size_t maker_extent_file(struct maker *m, uint32_t number, uint32_t size,
				       uint32_t entries, uint32_t depth)
{
	maker_node(m, number, S_IFREG | 0644, size, EXT4_FL_EXTENTS);
	maker_extents(m, maker_map(number), entries, 4, depth);
	return maker_map(number);
}

/* Opens the volume as m->tree. */
static inline int maker_open(struct maker *m)
{
	const struct ext4_options options = {0};
	int err = image_memory(m->data, m->size, &m->img);

	return err ? err : ext4_open(m->img, &options, &m->tree);
}

static inline void maker_finish(struct maker *m)
{
	tree_close(m->tree);
	image_close(m->img);
	free(m->data);
	*m = (struct maker){0};
}

#endif
