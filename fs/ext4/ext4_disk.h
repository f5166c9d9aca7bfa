/* SPDX-License-Identifier: MIT */
/*
 * ext2, ext3 and ext4 as they lie on disk. Source: the kernel's
 * Documentation/filesystems/ext4/ (super, group_descr, inodes, ifork, directory, attributes).
 * Each field carries its offset; fields that are not read are left as unused_OFFSET.
 */
#ifndef BRAMBLE_EXT4_DISK_H
#define BRAMBLE_EXT4_DISK_H

#include <assert.h>
#include <stddef.h>

#include "base/le.h"

#define EXT4_SUPERBLOCK_OFFSET 1024u
#define EXT4_MAGIC 0xef53u
#define EXT4_MIN_BLOCK_SIZE 1024u
#define EXT4_MAX_LOG_BLOCK_SIZE 6u /* 64 KiB */
#define EXT4_GOOD_OLD_INODE_SIZE 128u
#define EXT4_GOOD_OLD_FIRST_INODE 11u
#define EXT4_NAME_MAX 255u

/* Reserved inodes. */
#define EXT4_ROOT_INODE 2u
#define EXT4_JOURNAL_INODE 8u

struct ext4_disk_superblock {
	le32 inodes_count; /* 0x00 */
	le32 blocks_count_lo; /* 0x04 */
	le32 reserved_blocks_lo; /* 0x08 */
	le32 free_blocks_lo; /* 0x0c */
	le32 free_inodes; /* 0x10 */
	le32 first_data_block; /* 0x14 */
	le32 log_block_size; /* 0x18 */
	le32 log_cluster_size; /* 0x1c */
	le32 blocks_per_group; /* 0x20 */
	le32 clusters_per_group; /* 0x24 */
	le32 inodes_per_group; /* 0x28 */
	uint8_t unused_2c[0xc];
	le16 magic; /* 0x38 */
	le16 state; /* 0x3a */
	le16 errors; /* 0x3c */
	le16 minor_revision; /* 0x3e */
	uint8_t unused_40[0x8];
	le32 creator_os; /* 0x48 */
	le32 revision; /* 0x4c */
	uint8_t unused_50[0x4];
	le32 first_inode; /* 0x54 */
	le16 inode_size; /* 0x58 */
	uint8_t unused_5a[0x2];
	le32 feature_compat; /* 0x5c */
	le32 feature_incompat; /* 0x60 */
	le32 feature_ro_compat; /* 0x64 */
	uint8_t uuid[16]; /* 0x68 */
	char volume_name[16]; /* 0x78 */
	char last_mounted[64]; /* 0x88 */
	uint8_t unused_c8[0x6];
	le16 reserved_gdt_blocks; /* 0xce */
	uint8_t journal_uuid[16]; /* 0xd0 */
	le32 journal_inode; /* 0xe0 */
	le32 journal_device; /* 0xe4 */
	le32 last_orphan; /* 0xe8 */
	le32 hash_seed[4]; /* 0xec */
	uint8_t default_hash; /* 0xfc */
	uint8_t journal_backup_type; /* 0xfd */
	le16 desc_size; /* 0xfe */
	uint8_t unused_100[0x4];
	le32 first_meta_bg; /* 0x104 */
	uint8_t unused_108[0x48];
	le32 blocks_count_hi; /* 0x150 */
	le32 reserved_blocks_hi; /* 0x154 */
	le32 free_blocks_hi; /* 0x158 */
	uint8_t unused_15c[0x4];
	le32 flags; /* 0x160 */
	uint8_t unused_164[0x11];
	uint8_t checksum_type; /* 0x175 */
	uint8_t unused_176[0x1e];
	le32 error_count; /* 0x194 */
	uint8_t unused_198[0xb4];
	le32 backup_bgs[2]; /* 0x24c */
	uint8_t unused_254[0x1c];
	le32 checksum_seed; /* 0x270 */
	uint8_t unused_274[0x8];
	le16 encoding; /* 0x27c */
	le16 encoding_flags; /* 0x27e */
	uint8_t unused_280[0x17c];
	le32 checksum; /* 0x3fc */
};
static_assert(sizeof(struct ext4_disk_superblock) == 1024, "ext4 superblock");
static_assert(offsetof(struct ext4_disk_superblock, uuid) == 0x68, "ext4 superblock");
static_assert(offsetof(struct ext4_disk_superblock, blocks_count_hi) == 0x150, "ext4 superblock");
static_assert(offsetof(struct ext4_disk_superblock, checksum_type) == 0x175, "ext4 superblock");
static_assert(offsetof(struct ext4_disk_superblock, backup_bgs) == 0x24c, "ext4 superblock");
static_assert(offsetof(struct ext4_disk_superblock, checksum_seed) == 0x270, "ext4 superblock");

#define EXT4_STATE_ERRORS 0x0002u
#define EXT4_OS_LINUX 0u
#define EXT4_CHECKSUM_CRC32C 1u
#define EXT4_FLAG_UNSIGNED_HASH 0x0002u

#define EXT4_COMPAT_HAS_JOURNAL 0x0004u
#define EXT4_COMPAT_DIR_INDEX 0x0020u
#define EXT4_COMPAT_SPARSE_SUPER2 0x0200u
#define EXT4_COMPAT_FAST_COMMIT 0x0400u

#define EXT4_INCOMPAT_COMPRESSION 0x00001u
#define EXT4_INCOMPAT_FILETYPE 0x00002u
#define EXT4_INCOMPAT_RECOVER 0x00004u
#define EXT4_INCOMPAT_JOURNAL_DEV 0x00008u
#define EXT4_INCOMPAT_META_BG 0x00010u
#define EXT4_INCOMPAT_EXTENTS 0x00040u
#define EXT4_INCOMPAT_64BIT 0x00080u
#define EXT4_INCOMPAT_MMP 0x00100u
#define EXT4_INCOMPAT_FLEX_BG 0x00200u
#define EXT4_INCOMPAT_EA_INODE 0x00400u
#define EXT4_INCOMPAT_DIRDATA 0x01000u
#define EXT4_INCOMPAT_CSUM_SEED 0x02000u
#define EXT4_INCOMPAT_LARGEDIR 0x04000u
#define EXT4_INCOMPAT_INLINE_DATA 0x08000u
#define EXT4_INCOMPAT_ENCRYPT 0x10000u
#define EXT4_INCOMPAT_CASEFOLD 0x20000u

#define EXT4_RO_COMPAT_SPARSE_SUPER 0x0001u
#define EXT4_RO_COMPAT_LARGE_FILE 0x0002u
#define EXT4_RO_COMPAT_HUGE_FILE 0x0008u
#define EXT4_RO_COMPAT_GDT_CSUM 0x0010u
#define EXT4_RO_COMPAT_DIR_NLINK 0x0020u
#define EXT4_RO_COMPAT_EXTRA_ISIZE 0x0040u
#define EXT4_RO_COMPAT_BIGALLOC 0x0200u
#define EXT4_RO_COMPAT_METADATA_CSUM 0x0400u
#define EXT4_RO_COMPAT_PROJECT 0x2000u

#define EXT4_MIN_DESC_SIZE 32u
#define EXT4_MIN_DESC_SIZE_64BIT 64u
#define EXT4_MAX_DESC_SIZE 1024u

struct ext4_disk_group {
	le32 block_bitmap_lo; /* 0x00 */
	le32 inode_bitmap_lo; /* 0x04 */
	le32 inode_table_lo; /* 0x08 */
	le16 free_blocks_lo; /* 0x0c */
	le16 free_inodes_lo; /* 0x0e */
	le16 used_dirs_lo; /* 0x10 */
	le16 flags; /* 0x12 */
	uint8_t unused_14[0x8];
	le16 unused_inodes_lo; /* 0x1c at the end of the table; only with checksums */
	le16 checksum; /* 0x1e */
	le32 block_bitmap_hi; /* 0x20 from here on only when INCOMPAT_64BIT */
	le32 inode_bitmap_hi; /* 0x24 */
	le32 inode_table_hi; /* 0x28 */
	le16 free_blocks_hi; /* 0x2c */
	le16 free_inodes_hi; /* 0x2e */
	le16 used_dirs_hi; /* 0x30 */
	le16 unused_inodes_hi; /* 0x32 */
	uint8_t unused_34[0xc];
};
#define EXT4_GROUP_INODE_UNINIT 0x0001u /* no inode of the group was ever used */
static_assert(sizeof(struct ext4_disk_group) == 64, "ext4 group descriptor");
static_assert(offsetof(struct ext4_disk_group, checksum) == 0x1e, "ext4 group descriptor");

#define EXT4_BLOCK_BYTES 60u /* of i_block */

struct ext4_disk_inode {
	le16 mode; /* 0x00 */
	le16 uid_lo; /* 0x02 */
	le32 size_lo; /* 0x04 */
	le32 atime; /* 0x08 */
	le32 ctime; /* 0x0c */
	le32 mtime; /* 0x10 */
	le32 dtime; /* 0x14 */
	le16 gid_lo; /* 0x18 */
	le16 links_count; /* 0x1a */
	le32 blocks_lo; /* 0x1c */
	le32 flags; /* 0x20 */
	le32 version; /* 0x24 */
	uint8_t block[EXT4_BLOCK_BYTES]; /* 0x28 */
	le32 generation; /* 0x64 */
	le32 file_acl_lo; /* 0x68 */
	le32 size_hi; /* 0x6c */
	uint8_t unused_70[0x4];
	le16 blocks_hi; /* 0x74 */
	le16 file_acl_hi; /* 0x76 */
	le16 uid_hi; /* 0x78 */
	le16 gid_hi; /* 0x7a */
	le16 checksum_lo; /* 0x7c */
	uint8_t unused_7e[0x2];
	le16 extra_isize; /* 0x80 from here on only where inodes are larger than 128 */
	le16 checksum_hi; /* 0x82 */
	le32 ctime_extra; /* 0x84 */
	le32 mtime_extra; /* 0x88 */
	le32 atime_extra; /* 0x8c */
	le32 crtime; /* 0x90 */
	le32 crtime_extra; /* 0x94 */
	le32 version_hi; /* 0x98 */
	le32 project; /* 0x9c */
};
static_assert(sizeof(struct ext4_disk_inode) == 160, "ext4 inode");
static_assert(offsetof(struct ext4_disk_inode, generation) == 0x64, "ext4 inode");
static_assert(offsetof(struct ext4_disk_inode, extra_isize) == 0x80, "ext4 inode");

#define EXT4_FL_IMMUTABLE 0x00000010u
#define EXT4_FL_APPEND 0x00000020u
#define EXT4_FL_ENCRYPT 0x00000800u
#define EXT4_FL_INDEX 0x00001000u
#define EXT4_FL_HUGE_FILE 0x00040000u
#define EXT4_FL_EXTENTS 0x00080000u
#define EXT4_FL_VERITY 0x00100000u
#define EXT4_FL_EA_INODE 0x00200000u
#define EXT4_FL_INLINE_DATA 0x10000000u
#define EXT4_FL_CASEFOLD 0x40000000u

#define EXT4_EXTENT_MAGIC 0xf30au
#define EXT4_EXTENT_MAX_DEPTH 5u
#define EXT4_EXTENT_MAX_LEN 32768u /* longer means unwritten */

struct ext4_disk_extent_header {
	le16 magic; /* 0x0 */
	le16 entries; /* 0x2 */
	le16 max; /* 0x4 */
	le16 depth; /* 0x6 */
	le32 generation; /* 0x8 */
};
static_assert(sizeof(struct ext4_disk_extent_header) == 12, "ext4 extent header");

struct ext4_disk_extent_index {
	le32 block; /* 0x0 first logical block below */
	le32 leaf_lo; /* 0x4 */
	le16 leaf_hi; /* 0x8 */
	uint8_t unused_a[0x2];
};
static_assert(sizeof(struct ext4_disk_extent_index) == 12, "ext4 extent index");

struct ext4_disk_extent {
	le32 block; /* 0x0 first logical block */
	le16 len; /* 0x4 */
	le16 start_hi; /* 0x6 */
	le32 start_lo; /* 0x8 */
};
static_assert(sizeof(struct ext4_disk_extent) == 12, "ext4 extent");

struct ext4_disk_dirent {
	le32 inode; /* 0x0 */
	le16 rec_len; /* 0x4 */
	uint8_t name_len; /* 0x6 */
	uint8_t file_type; /* 0x7 only with INCOMPAT_FILETYPE */
};
static_assert(sizeof(struct ext4_disk_dirent) == 8, "ext4 directory entry");

#define EXT4_DIRENT_HEAD 8u /* bytes before the name */
#define EXT4_DIRENT_MIN 12u /* bytes of an entry with a name of one character */

/* Looks like an unused entry of 12 bytes at the end of a block. */
struct ext4_disk_dirent_tail {
	le32 zero_inode; /* 0x0 */
	le16 rec_len; /* 0x4 12 */
	uint8_t zero; /* 0x6 */
	uint8_t file_type; /* 0x7 0xde */
	le32 checksum; /* 0x8 */
};
static_assert(sizeof(struct ext4_disk_dirent_tail) == 12, "ext4 directory block tail");
#define EXT4_DIRENT_TAIL_TYPE 0xdeu

/* Behind "." and ".." in the first block of an indexed directory. */
struct ext4_disk_dx_info {
	le32 zero; /* 0x0 */
	uint8_t hash_version; /* 0x4 */
	uint8_t info_length; /* 0x5 8 */
	uint8_t levels; /* 0x6 */
	uint8_t unused_flags; /* 0x7 */
};
static_assert(sizeof(struct ext4_disk_dx_info) == 8, "ext4 htree root");
#define EXT4_DX_INFO_OFFSET 24u
#define EXT4_DX_NODE_OFFSET 8u /* an internal node starts with an empty directory entry */

/* The first entry's hash is replaced by limit and count of the array. */
struct ext4_disk_dx_entry {
	le32 hash; /* 0x0 */
	le32 block; /* 0x4 logical block of the directory */
};
static_assert(sizeof(struct ext4_disk_dx_entry) == 8, "ext4 htree entry");
#define EXT4_DX_BLOCK_MASK 0x0fffffffu

struct ext4_disk_dx_tail {
	le32 reserved; /* 0x0 */
	le32 checksum; /* 0x4 */
};
static_assert(sizeof(struct ext4_disk_dx_tail) == 8, "ext4 htree tail");

#define EXT4_XATTR_MAGIC 0xea020000u

struct ext4_disk_xattr_block {
	le32 magic; /* 0x00 */
	le32 refcount; /* 0x04 */
	le32 blocks; /* 0x08 */
	le32 hash; /* 0x0c */
	le32 checksum; /* 0x10 */
	uint8_t unused_14[0xc];
};
static_assert(sizeof(struct ext4_disk_xattr_block) == 32, "ext4 attribute block");

struct ext4_disk_xattr_entry {
	uint8_t name_len; /* 0x0 */
	uint8_t name_index; /* 0x1 */
	le16 value_offset; /* 0x2 */
	le32 value_inode; /* 0x4 */
	le32 value_size; /* 0x8 */
	le32 hash; /* 0xc */
};
static_assert(sizeof(struct ext4_disk_xattr_entry) == 16, "ext4 attribute entry");

enum ext4_xattr_index {
	EXT4_XATTR_USER = 1,
	EXT4_XATTR_ACL_ACCESS = 2,
	EXT4_XATTR_ACL_DEFAULT = 3,
	EXT4_XATTR_TRUSTED = 4,
	EXT4_XATTR_SECURITY = 6,
	EXT4_XATTR_SYSTEM = 7,
};

#endif
