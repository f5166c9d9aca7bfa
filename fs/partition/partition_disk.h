/* SPDX-License-Identifier: MIT */
/* Private to the partition room: tables as they lie on disk. UEFI 2.10, sections 5.2 and 5.3. */
#ifndef BRAMBLE_PARTITION_DISK_H
#define BRAMBLE_PARTITION_DISK_H

#include <assert.h>
#include <stddef.h>

#include "base/le.h"

#define PARTITION_MBR_BYTES 512u
#define PARTITION_MBR_ENTRIES 4

#define PARTITION_MBR_FLAG_ACTIVE 0x80

#define PARTITION_TYPE_EMPTY 0x00
#define PARTITION_TYPE_EXTENDED 0x05
#define PARTITION_TYPE_EXTENDED_LBA 0x0f
#define PARTITION_TYPE_EXTENDED_LINUX 0x85
#define PARTITION_TYPE_GPT_PROTECTIVE 0xee

struct partition_disk_mbr_entry {
	uint8_t flag; /* 0x00 */
	uint8_t first_chs[3]; /* 0x01 */
	uint8_t type; /* 0x04 */
	uint8_t last_chs[3]; /* 0x05 */
	le32 start; /* 0x08 sectors */
	le32 size; /* 0x0c sectors */
};
static_assert(sizeof(struct partition_disk_mbr_entry) == 16, "MBR entry");

struct partition_disk_mbr {
	uint8_t code[0x1b8];
	le32 signature; /* 0x1b8 */
	uint8_t unused_1bc[2];
	struct partition_disk_mbr_entry entries[PARTITION_MBR_ENTRIES]; /* 0x1be */
	uint8_t magic[2]; /* 0x1fe */
};
static_assert(sizeof(struct partition_disk_mbr) == PARTITION_MBR_BYTES, "MBR");
static_assert(offsetof(struct partition_disk_mbr, entries) == 0x1be, "MBR entries");

/* The first sector of a FAT volume: enough of it to tell it from an MBR. */
struct partition_disk_fat {
	uint8_t jump[3]; /* 0x00 */
	uint8_t system[8]; /* 0x03 */
	le16 sector_size; /* 0x0b */
	uint8_t cluster_sectors; /* 0x0d */
	le16 reserved_sectors; /* 0x0e */
	uint8_t fats; /* 0x10 */
	le16 root_entries; /* 0x11 */
	le16 sectors_16; /* 0x13 */
	uint8_t media; /* 0x15 */
	le16 fat_sectors_16; /* 0x16 */
	uint8_t unused_18[8];
	le32 sectors_32; /* 0x20 */
	le32 fat_sectors_32; /* 0x24 */
	uint8_t unused_28[0x0e];
	uint8_t type_16[8]; /* 0x36 "FAT12   ", "FAT16   " */
	uint8_t unused_3e[0x14];
	uint8_t type_32[8]; /* 0x52 "FAT32   " */
	uint8_t unused_5a[0x1a6];
};
static_assert(sizeof(struct partition_disk_fat) == PARTITION_MBR_BYTES, "FAT boot sector");
static_assert(offsetof(struct partition_disk_fat, type_32) == 0x52, "FAT32 type");

#define PARTITION_GPT_HEADER_MIN 92u
#define PARTITION_GPT_ENTRY_MIN 128u
#define PARTITION_GPT_NAME_UNITS 36u

#define PARTITION_GPT_ATTRIBUTE_LEGACY_BOOT (1ull << 2)

/* Mixed-endian, as Microsoft writes it: three little-endian numbers, then bytes. */
struct partition_disk_guid {
	le32 a;
	le16 b;
	le16 c;
	uint8_t d[8];
};
static_assert(sizeof(struct partition_disk_guid) == 16, "GUID");

struct partition_disk_gpt_header {
	uint8_t signature[8]; /* 0x00 "EFI PART" */
	le32 revision; /* 0x08 */
	le32 header_size; /* 0x0c */
	le32 header_crc; /* 0x10 taken as 0 in the sum */
	le32 reserved_14; /* 0x14 */
	le64 my_lba; /* 0x18 */
	le64 alternate_lba; /* 0x20 */
	le64 first_usable_lba; /* 0x28 */
	le64 last_usable_lba; /* 0x30 */
	struct partition_disk_guid disk; /* 0x38 */
	le64 entries_lba; /* 0x48 */
	le32 entry_count; /* 0x50 */
	le32 entry_size; /* 0x54 */
	le32 entries_crc; /* 0x58 */
};
static_assert(sizeof(struct partition_disk_gpt_header) == PARTITION_GPT_HEADER_MIN, "GPT header");

struct partition_disk_gpt_entry {
	struct partition_disk_guid type; /* 0x00 all 0: unused */
	struct partition_disk_guid unique; /* 0x10 */
	le64 first_lba; /* 0x20 */
	le64 last_lba; /* 0x28 inclusive */
	le64 attributes; /* 0x30 */
	le16 name[PARTITION_GPT_NAME_UNITS]; /* 0x38 */
};
static_assert(sizeof(struct partition_disk_gpt_entry) == PARTITION_GPT_ENTRY_MIN, "GPT entry");

#endif
