/* SPDX-License-Identifier: MIT */
/*
 * Fast commits as they lie at the end of the journal: records of a type, a length and a value,
 * little-endian, none across the end of a block (kernel fs/ext4/fast_commit.h).
 */
#ifndef BRAMBLE_EXT4_FC_DISK_H
#define BRAMBLE_EXT4_FC_DISK_H

#include <assert.h>

#include "base/le.h"

#define EXT4_FC_ADD_RANGE 1
#define EXT4_FC_DEL_RANGE 2
#define EXT4_FC_CREAT 3
#define EXT4_FC_LINK 4
#define EXT4_FC_UNLINK 5
#define EXT4_FC_INODE 6
#define EXT4_FC_PAD 7
#define EXT4_FC_TAIL 8
#define EXT4_FC_HEAD 9

struct ext4_disk_fc_record {
	le16 tag; /* 0x00 */
	le16 len; /* 0x02 of the value */
};
static_assert(sizeof(struct ext4_disk_fc_record) == 4, "fast commit record");

struct ext4_disk_fc_head {
	le32 features; /* 0x00 */
	le32 tid; /* 0x04 */
};
static_assert(sizeof(struct ext4_disk_fc_head) == 8, "fast commit head");

struct ext4_disk_fc_tail {
	le32 tid; /* 0x00 */
	le32 crc; /* 0x04 */
};
static_assert(sizeof(struct ext4_disk_fc_tail) == 8, "fast commit tail");

struct ext4_disk_fc_add_range {
	le32 inode; /* 0x00 */
	le32 logical; /* 0x04 an extent as in a file's tree */
	le16 len; /* 0x08 above 32768: unwritten */
	le16 physical_high; /* 0x0a */
	le32 physical_low; /* 0x0c */
};
static_assert(sizeof(struct ext4_disk_fc_add_range) == 16, "fast commit range");

struct ext4_disk_fc_del_range {
	le32 inode; /* 0x00 */
	le32 logical; /* 0x04 */
	le32 len; /* 0x08 */
};
static_assert(sizeof(struct ext4_disk_fc_del_range) == 12, "fast commit punched range");

/* Of CREAT, LINK and UNLINK; the name follows. */
struct ext4_disk_fc_name {
	le32 dir; /* 0x00 */
	le32 inode; /* 0x04 */
};
static_assert(sizeof(struct ext4_disk_fc_name) == 8, "fast commit name");

/* Of INODE; the inode as in the inode table follows, at least its first 128 bytes. */
struct ext4_disk_fc_inode {
	le32 inode; /* 0x00 */
};
static_assert(sizeof(struct ext4_disk_fc_inode) == 4, "fast commit inode");

#endif
