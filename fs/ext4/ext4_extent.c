/* SPDX-License-Identifier: MIT */
/*
 * Extent trees. A search goes from the root in the inode to one leaf; each node is checked whole
 * before it is used, as the kernel does when it first reads it: order, overlaps, bounds, depth.
 */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"

#define LOGICAL_END ((uint64_t)1 << 32) /* files have less than 2^32 blocks */

/* One node as it lies in memory, its header decoded. */
struct node {
	const uint8_t *bytes;
	uint16_t entries;
	uint16_t depth;
};

struct extent {
	uint32_t logical;
	uint32_t len;
	uint64_t physical;
	bool unwritten;
};

struct index {
	uint32_t logical;
	uint64_t leaf;
};

static struct extent extent_at(const struct node *node, uint32_t i)
{
	struct ext4_disk_extent disk;
	struct extent extent;

	memcpy(&disk, node->bytes + sizeof(struct ext4_disk_extent_header) + i * sizeof(disk),
	       sizeof(disk));
	extent.logical = le32_get(disk.block);
	extent.len = le16_get(disk.len);
	extent.unwritten = extent.len > EXT4_EXTENT_MAX_LEN;
	if (extent.unwritten)
		extent.len -= EXT4_EXTENT_MAX_LEN;
	extent.physical = le32_get(disk.start_lo) | (uint64_t)le16_get(disk.start_hi) << 32;
	return extent;
}

static struct index index_at(const struct node *node, uint32_t i)
{
	struct ext4_disk_extent_index disk;

	memcpy(&disk, node->bytes + sizeof(struct ext4_disk_extent_header) + i * sizeof(disk),
	       sizeof(disk));
	return (struct index){
		.logical = le32_get(disk.block),
		.leaf = le32_get(disk.leaf_lo) | (uint64_t)le16_get(disk.leaf_hi) << 32,
	};
}

static int check_leaf(const struct ext4 *fs, uint32_t inode, const struct node *node,
		      uint64_t begin, uint64_t end)
{
	uint64_t next = begin;

	for (uint32_t i = 0; i < node->entries; i++) {
		struct extent extent = extent_at(node, i);

		if (extent.len == 0 || extent.logical < next ||
		    extent.logical + (uint64_t)extent.len > end)
			return ext4_corrupt("inode %u: extent %u of %u blocks at %u", inode, i,
					    extent.len, extent.logical);
		if (extent.physical <= fs->first_data_block ||
		    !range_fits(extent.physical, extent.len, fs->blocks_count))
			return ext4_corrupt("inode %u: extent of %u blocks at block %llu of %llu",
					    inode, extent.len, (unsigned long long)extent.physical,
					    (unsigned long long)fs->blocks_count);
		next = extent.logical + (uint64_t)extent.len;
	}
	return 0;
}

static int check_index(const struct ext4 *fs, uint32_t inode, const struct node *node,
		       uint64_t begin, uint64_t end)
{
	uint64_t next = begin;

	for (uint32_t i = 0; i < node->entries; i++) {
		struct index index = index_at(node, i);

		if (index.logical < next || index.logical >= end)
			return ext4_corrupt("inode %u: extent index %u at %u", inode, i,
					    index.logical);
		if (index.leaf <= fs->first_data_block || index.leaf >= fs->blocks_count)
			return ext4_corrupt("inode %u: extent block %llu of %llu", inode,
					    (unsigned long long)index.leaf,
					    (unsigned long long)fs->blocks_count);
		next = index.logical + (uint64_t)1;
	}
	return 0;
}

/* Decodes and checks the node of @size bytes, whose entries must lie in [@begin, @end). */
static int open_node(const struct ext4 *fs, uint32_t inode, const uint8_t *bytes, size_t size,
		     uint64_t begin, uint64_t end, struct node *out)
{
	struct ext4_disk_extent_header disk;
	struct node node = {.bytes = bytes};
	uint32_t max;

	memcpy(&disk, bytes, sizeof(disk));
	node.entries = le16_get(disk.entries);
	node.depth = le16_get(disk.depth);
	max = le16_get(disk.max);
	if (le16_get(disk.magic) != EXT4_EXTENT_MAGIC)
		return ext4_corrupt("inode %u: extent magic %04x", inode, le16_get(disk.magic));
	if (max == 0 || max > (size - sizeof(disk)) / sizeof(struct ext4_disk_extent) ||
	    node.entries > max)
		return ext4_corrupt("inode %u: extent node with %u of %u entries", inode,
				    node.entries, max);
	if (node.depth > EXT4_EXTENT_MAX_DEPTH || (node.entries == 0 && node.depth > 0))
		return ext4_corrupt("inode %u: extent node of depth %u with %u entries", inode,
				    node.depth, node.entries);
	*out = node;
	return node.depth ? check_index(fs, inode, &node, begin, end)
			  : check_leaf(fs, inode, &node, begin, end);
}

/*
 * The checksum lies behind the last place for an entry and covers all before it. It fits: open_node
 * has checked the number of places, and 12 does not divide the rest of a block.
 */
static int check_node_checksum(const struct ext4 *fs, const struct ext4_inode *inode,
			       uint64_t block, const uint8_t *bytes)
{
	struct ext4_disk_extent_header disk;
	size_t end;
	uint32_t got, want;

	if (!ext4_has_csum(fs))
		return 0;
	memcpy(&disk, bytes, sizeof(disk));
	end = sizeof(disk) + le16_get(disk.max) * sizeof(struct ext4_disk_extent);
	got = crc32c(inode->csum_seed, bytes, end);
	want = le32_at(bytes + end);
	if (got != want)
		return ext4_bad_checksum(fs, "extent block %llu of inode %u",
					 (unsigned long long)block, inode->number);
	return 0;
}

/* Reads the node below @index, which covers the file up to @end, into @block. */
static int open_child(struct ext4 *fs, const struct ext4_inode *inode, const struct index *index,
		      uint64_t end, uint16_t depth, uint8_t *block, struct node *out)
{
	struct node node;
	uint32_t first;
	int err;

	err = ext4_read_block(fs, index->leaf, block);
	if (err)
		return err;
	err = open_node(fs, inode->number, block, fs->block_size, index->logical, end, &node);
	if (err)
		return err;
	if (node.depth != depth)
		return ext4_corrupt("inode %u: extent block %llu of depth %u, not %u",
				    inode->number, (unsigned long long)index->leaf, node.depth,
				    depth);
	/* the kernel: a node is not empty, and begins where the index says */
	if (node.entries == 0)
		return ext4_corrupt("inode %u: extent block %llu is empty", inode->number,
				    (unsigned long long)index->leaf);
	first = depth ? index_at(&node, 0).logical : extent_at(&node, 0).logical;
	if (first != index->logical)
		return ext4_corrupt("inode %u: extent block %llu begins at %u, not %u",
				    inode->number, (unsigned long long)index->leaf, first,
				    index->logical);
	/* last, as in the kernel: EUCLEAN where it is no node at all */
	err = check_node_checksum(fs, inode, index->leaf, block);
	if (err)
		return err;
	*out = node;
	return 0;
}

int ext4_extent_check_root(struct ext4 *fs, const struct ext4_inode *inode)
{
	struct node root;

	return open_node(fs, inode->number, inode->block, sizeof(inode->block), 0, LOGICAL_END,
			 &root);
}

/* The last entry that starts at or before @logical, or -1. */
static int64_t find(const struct node *node, uint64_t logical)
{
	int64_t low = -1, high = node->entries;

	while (high - low > 1) {
		int64_t middle = (low + high) / 2;
		uint32_t start = node->depth ? index_at(node, (uint32_t)middle).logical
					     : extent_at(node, (uint32_t)middle).logical;

		if (start <= logical)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * The run that @logical is in by this leaf, which covers the file up to @end: all of it where it is an
 * extent, from @logical on where it is a hole. Returns the block of the file where it begins.
 */
static uint64_t find_in_leaf(const struct node *leaf, uint64_t logical, uint64_t end,
			     struct ext4_run *out)
{
	int64_t i = find(leaf, logical);
	uint64_t next = end;

	if (i >= 0) {
		struct extent extent = extent_at(leaf, (uint32_t)i);

		if (logical - extent.logical < extent.len) {
			out->kind = extent.unwritten ? EXT4_RUN_UNWRITTEN : EXT4_RUN_MAPPED;
			out->physical = extent.physical;
			out->count = extent.len;
			return extent.logical;
		}
	}
	if (i + 1 < leaf->entries)
		next = extent_at(leaf, (uint32_t)(i + 1)).logical;
	out->kind = EXT4_RUN_HOLE;
	out->physical = 0;
	out->count = next - logical;
	return logical;
}

int ext4_extent_map(struct ext4 *fs, const struct ext4_inode *inode, uint64_t logical,
		    struct ext4_run *out)
{
	CLEANUP(freep) uint8_t *block = NULL;
	uint64_t end = LOGICAL_END, start;
	struct ext4_run run;
	struct node node;
	int err;

	if (logical >= LOGICAL_END)
		return -EFBIG;
	if (ext4_cache_run(fs->cache, inode->number, logical, out))
		return 0;
	err = open_node(fs, inode->number, inode->block, sizeof(inode->block), 0, end, &node);
	if (err)
		return err;
	while (node.depth > 0) {
		int64_t i = find(&node, logical);
		struct index index;

		if (i < 0) {
			*out = (struct ext4_run){
				.kind = EXT4_RUN_HOLE,
				.count = index_at(&node, 0).logical - logical,
			};
			return 0;
		}
		index = index_at(&node, (uint32_t)i);
		if (i + 1 < node.entries)
			end = index_at(&node, (uint32_t)(i + 1)).logical;
		if (!block)
			block = malloc(fs->block_size);
		if (!block)
			return -ENOMEM;
		err = open_child(fs, inode, &index, end, (uint16_t)(node.depth - 1), block, &node);
		if (err)
			return err;
	}
	start = find_in_leaf(&node, logical, end, &run);
	ext4_cache_put_run(fs->cache, inode->number, logical, start, &run);
	*out = ext4_run_behind(&run, logical - start);
	return 0;
}
