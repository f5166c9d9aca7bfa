/* SPDX-License-Identifier: MIT */
/*
 * The journal as it lies on disk (kernel Documentation/filesystems/ext4/journal.rst). All of it is
 * big-endian, also on little-endian machines.
 */
#ifndef BRAMBLE_EXT4_JBD2_DISK_H
#define BRAMBLE_EXT4_JBD2_DISK_H

#include <assert.h>
#include <stddef.h>

#include "base/be.h"

#define JBD2_MAGIC 0xc03b3998u

#define JBD2_DESCRIPTOR 1
#define JBD2_COMMIT 2
#define JBD2_SUPERBLOCK_V1 3
#define JBD2_SUPERBLOCK_V2 4
#define JBD2_REVOKE 5

#define JBD2_COMPAT_CHECKSUM 0x1u
#define JBD2_INCOMPAT_REVOKE 0x1u
#define JBD2_INCOMPAT_64BIT 0x2u
#define JBD2_INCOMPAT_ASYNC_COMMIT 0x4u
#define JBD2_INCOMPAT_CSUM_V2 0x8u
#define JBD2_INCOMPAT_CSUM_V3 0x10u
#define JBD2_INCOMPAT_FAST_COMMIT 0x20u
#define JBD2_INCOMPAT_KNOWN 0x3fu

#define JBD2_CHECKSUM_CRC32 1
#define JBD2_CHECKSUM_CRC32C 4
#define JBD2_CHECKSUM_CRC32_SIZE 4

/* Blocks of the fast commit area where the superblock says 0. */
#define JBD2_DEFAULT_FAST_COMMIT_BLOCKS 256u

/* Flags of a tag. */
#define JBD2_TAG_ESCAPE 0x1u /* the block began with JBD2_MAGIC, zeroed in the journal */
#define JBD2_TAG_SAME_UUID 0x2u /* no UUID follows */
#define JBD2_TAG_DELETED 0x4u /* not used by any known writer */
#define JBD2_TAG_LAST 0x8u

#define JBD2_UUID_SIZE 16u
#define JBD2_SUPERBLOCK_SIZE 1024u

struct jbd2_disk_header {
	be32 magic; /* 0x00 */
	be32 type; /* 0x04 */
	be32 sequence; /* 0x08 */
};
static_assert(sizeof(struct jbd2_disk_header) == 12, "jbd2 block header");

struct jbd2_disk_superblock {
	struct jbd2_disk_header header; /* 0x00 */
	be32 block_size; /* 0x0c */
	be32 maxlen; /* 0x10 blocks of the journal */
	be32 first; /* 0x14 first block of the log area */
	be32 sequence; /* 0x18 of the first transaction to replay */
	be32 start; /* 0x1c where it begins; 0: the journal is empty */
	be32 error; /* 0x20 */
	be32 compat; /* 0x24 from here on version 2 only */
	be32 incompat; /* 0x28 */
	be32 ro_compat; /* 0x2c */
	uint8_t uuid[JBD2_UUID_SIZE]; /* 0x30 */
	be32 users; /* 0x40 */
	be32 dynamic_super; /* 0x44 */
	be32 max_transaction; /* 0x48 */
	be32 max_transaction_data; /* 0x4c */
	uint8_t checksum_type; /* 0x50 */
	uint8_t unused_51[3];
	be32 fast_commit_blocks; /* 0x54 */
	be32 head; /* 0x58 */
	uint8_t unused_5c[0xa0];
	be32 checksum; /* 0xfc CRC-32C of these 1024 bytes with this field zero */
	uint8_t user_ids[0x300];
};
static_assert(sizeof(struct jbd2_disk_superblock) == JBD2_SUPERBLOCK_SIZE, "jbd2 superblock");
static_assert(offsetof(struct jbd2_disk_superblock, checksum) == 0xfc, "jbd2 superblock");
static_assert(offsetof(struct jbd2_disk_superblock, uuid) == 0x30, "jbd2 superblock");

/* Checksum versions 1 and 2. The size in the log differs: see tag_bytes() in ext4_journal.c. */
struct jbd2_disk_tag {
	be32 block; /* 0x00 */
	be16 checksum; /* 0x04 low half, version 2 only */
	be16 flags; /* 0x06 */
	be32 block_high; /* 0x08 only with JBD2_INCOMPAT_64BIT */
};
static_assert(sizeof(struct jbd2_disk_tag) == 12, "jbd2 tag");

struct jbd2_disk_tag3 {
	be32 block; /* 0x00 */
	be32 flags; /* 0x04 */
	be32 block_high; /* 0x08 only with JBD2_INCOMPAT_64BIT */
	be32 checksum; /* 0x0c */
};
static_assert(sizeof(struct jbd2_disk_tag3) == 16, "jbd2 tag, checksum version 3");

/* At the end of descriptor and revoke blocks, checksum versions 2 and 3. */
struct jbd2_disk_tail {
	be32 checksum;
};
static_assert(sizeof(struct jbd2_disk_tail) == 4, "jbd2 block tail");

struct jbd2_disk_revoke {
	struct jbd2_disk_header header; /* 0x00 */
	be32 count; /* 0x0c bytes in use, this header included */
};
static_assert(sizeof(struct jbd2_disk_revoke) == 16, "jbd2 revoke header");

struct jbd2_disk_commit {
	struct jbd2_disk_header header; /* 0x00 */
	uint8_t checksum_type; /* 0x0c version 1 only */
	uint8_t checksum_size; /* 0x0d version 1 only */
	uint8_t unused_0e[2];
	be32 checksum[8]; /* 0x10 */
	be64 seconds; /* 0x30 */
	be32 nanoseconds; /* 0x38 */
};
static_assert(offsetof(struct jbd2_disk_commit, seconds) == 0x30, "jbd2 commit block");
/* 60 bytes are in use; the rest of the block is zero. */
static_assert(sizeof(struct jbd2_disk_commit) == 60, "jbd2 commit block");

#endif
