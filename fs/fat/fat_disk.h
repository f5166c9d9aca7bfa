/* SPDX-License-Identifier: MIT */
/* FAT as it lies on disk (Microsoft FAT specification 1.03, fatgen103). Private to the fat room. */
#ifndef BRAMBLE_FAT_DISK_H
#define BRAMBLE_FAT_DISK_H

#include <assert.h>
#include <stddef.h>

#include "base/le.h"

struct fat_disk_boot {
	uint8_t jump[3];
	uint8_t oem[8];
	le16 sector_size; /* 0x0b */
	uint8_t cluster_sectors; /* 0x0d */
	le16 reserved_sectors; /* 0x0e: before the first FAT */
	uint8_t fats; /* 0x10 */
	le16 root_entries; /* 0x11: of FAT12 and FAT16 */
	le16 sectors_16; /* 0x13: 0 where sectors_32 counts */
	uint8_t media; /* 0x15 */
	le16 fat_sectors_16; /* 0x16: 0 makes it FAT32 */
	uint8_t unused_18[8];
	le32 sectors_32; /* 0x20 */
	union {
		struct {
			uint8_t drive;
			uint8_t state; /* 0x25 */
			uint8_t signature; /* 0x26 */
			le32 serial;
			uint8_t label[11];
		} fat16;
		struct {
			le32 fat_sectors; /* 0x24 */
			le16 flags; /* 0x28 */
			le16 version;
			le32 root_cluster; /* 0x2c */
			le16 info_sector; /* 0x30 */
			le16 backup_sector;
			uint8_t unused_34[12];
			uint8_t drive;
			uint8_t state; /* 0x41 */
			uint8_t signature; /* 0x42 */
			le32 serial;
			uint8_t label[11];
		} fat32;
		uint8_t all[512 - 0x24 - 2];
	} u;
	le16 end_mark; /* 0x1fe */
};
static_assert(sizeof(struct fat_disk_boot) == 512, "FAT boot sector");
static_assert(offsetof(struct fat_disk_boot, u.fat16.label) == 0x2b, "FAT16 label");
static_assert(offsetof(struct fat_disk_boot, u.fat32.label) == 0x47, "FAT32 label");

#define FAT_BOOT_END_MARK 0xaa55
#define FAT_STATE_DIRTY 0x01
#define FAT_SIGNATURE_SERIAL 0x28 /* a serial number follows */
#define FAT_SIGNATURE_LABEL 0x29 /* a serial number and a label follow */
#define FAT_FLAG_NO_MIRROR 0x80 /* only the FAT in the low four bits is current */

struct fat_disk_info {
	le32 signature; /* 0x41615252 */
	uint8_t unused_04[480];
	le32 signature_2; /* 0x1e4: 0x61417272 */
	le32 free; /* 0x1e8: clusters, all ones where not known */
	uint8_t unused_1ec[20];
};
static_assert(sizeof(struct fat_disk_info) == 512, "FSINFO sector");

#define FAT_INFO_SIGNATURE 0x41615252u
#define FAT_INFO_SIGNATURE_2 0x61417272u

struct fat_disk_entry {
	uint8_t name[11];
	uint8_t attr; /* 0x0b */
	uint8_t case_flags; /* 0x0c */
	uint8_t create_10ms; /* 0x0d */
	le16 create_time; /* 0x0e */
	le16 create_date; /* 0x10 */
	le16 access_date; /* 0x12 */
	le16 start_high; /* 0x14: of FAT32 */
	le16 time; /* 0x16 */
	le16 date; /* 0x18 */
	le16 start_low; /* 0x1a */
	le32 size; /* 0x1c */
};
static_assert(sizeof(struct fat_disk_entry) == 32, "FAT directory entry");

/* One of up to 20 pieces of a long name; the last piece comes first. */
struct fat_disk_piece {
	uint8_t sequence;
	le16 name_1[5];
	uint8_t attr; /* FAT_ATTR_LONG */
	uint8_t type;
	uint8_t checksum; /* 0x0d: of the short name */
	le16 name_2[6];
	le16 start;
	le16 name_3[2];
};
static_assert(sizeof(struct fat_disk_piece) == 32, "FAT long name entry");

#define FAT_ENTRY_BYTES 32u
#define FAT_ENTRY_END 0x00 /* first byte of the name: neither this nor any later one is used */
#define FAT_ENTRY_DELETED 0xe5 /* first byte of the name */
#define FAT_ENTRY_E5 0x05 /* first byte of the name that stands for 0xe5 */

#define FAT_ATTR_READ_ONLY 0x01
#define FAT_ATTR_LABEL 0x08
#define FAT_ATTR_DIRECTORY 0x10
#define FAT_ATTR_LONG 0x0f

#define FAT_CASE_LOWER_BASE 0x08
#define FAT_CASE_LOWER_EXTENSION 0x10

#define FAT_PIECE_LAST 0x40
#define FAT_PIECES_MAX 20u
#define FAT_PIECE_UNITS 13u
#define FAT_LONG_UNITS_MAX 255u

#define FAT_FIRST_CLUSTER 2u

#endif
