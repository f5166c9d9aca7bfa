/* SPDX-License-Identifier: MIT */
/* Private to the fast commit sources of the ext4 room: the differences themselves. */
#ifndef BRAMBLE_EXT4_FC_STATE_H
#define BRAMBLE_EXT4_FC_STATE_H

#include "ext4/ext4_fastcommit.h"

/* Links between elements are their position + 1; 0 ends a chain. */

/* A name that was added to or removed from a directory. */
struct fc_name {
	uint32_t next; /* of the same hash */
	uint32_t dir; /* inode number */
	uint32_t next_of_dir;
	uint32_t inode; /* 0: removed */
	const uint8_t *name; /* in the log */
	char *key; /* owned: the name folded, of directories that ignore case; or NULL */
	size_t key_len;
	uint8_t name_len;
	uint8_t type;
};

/* A range that was mapped or unmapped, in the order of the log; then sorted, without overlap. */
struct fc_range {
	uint64_t logical;
	uint64_t end;
	uint64_t physical;
	uint32_t next; /* the earlier one of the same inode */
	enum ext4_fc_kind kind;
};

struct fc_inode {
	uint32_t next; /* of the same hash */
	uint32_t number;

	/* The inode as it is at this point of the log. */
	bool exists;
	bool base_has_extents; /* its map in the inode table begins as an extent tree does */
	uint16_t mode;
	uint16_t links;
	uint32_t flags;

	bool links_changed;
	bool emptied; /* its map in the inode table counts as an empty extent tree */
	bool new_dir; /* its blocks count as empty */
	uint32_t parent; /* of a new directory */
	const uint8_t *map; /* in the log: 60 bytes for the inode's i_block, or NULL */
	uint8_t *record; /* in the log: the inode's bytes but for i_block, or NULL */
	size_t record_len;
	uint32_t first_name; /* of a directory */
	uint32_t last_name;
	uint32_t last_op; /* while the log is read: the latest range */
	uint32_t first_range; /* when it is read: sorted ranges */
	uint32_t range_count;
};

struct ext4_fc {
	struct ext4_fc_log log; /* owned */
	uint32_t inode_size;
	uint32_t buckets; /* a power of two */
	uint32_t *inode_buckets;
	uint32_t *name_buckets;
	struct fc_inode *inodes;
	uint32_t inode_count;
	struct fc_name *names;
	uint32_t name_count;
	struct fc_range *ops; /* while the log is read */
	uint32_t op_count;
	struct fc_range *ranges;
	uint32_t range_count;
};

/* Offsets in an inode as in the inode table (kernel Documentation/filesystems/ext4/inodes.rst). */
#define FC_INODE_MODE 0x00
#define FC_INODE_LINKS 0x1a
#define FC_INODE_BLOCKS 0x1c
#define FC_INODE_FLAGS 0x20
#define FC_INODE_MAP 0x28
#define FC_INODE_MAP_SIZE 60u
#define FC_INODE_GENERATION 0x64
#define FC_INODE_BLOCKS_HIGH 0x74

#define FC_FLAG_EXTENTS 0x80000u
#define FC_FLAG_INLINE_DATA 0x10000000u
#define FC_FLAG_CASEFOLD 0x40000000u

#define FC_EXTENT_MAGIC 0xf30au
#define FC_EXTENT_ROOM 4 /* extents that fit into i_block */

struct fc_inode *ext4_fc_find_inode(const struct ext4_fc *fc, uint32_t number);
struct fc_name *ext4_fc_find_name(const struct ext4_fc *fc, uint32_t dir, const void *key,
				  size_t len);
uint32_t ext4_fc_hash(const struct ext4_fc *fc, uint32_t number, const void *key, size_t len);

/* Turns the ranges in the order of the log into sorted ones: the latest wins. */
int ext4_fc_sort_ranges(struct ext4_fc *fc);

#endif
