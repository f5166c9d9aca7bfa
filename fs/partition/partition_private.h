/* SPDX-License-Identifier: MIT */
/* Private to the partition room: what its files need of each other. */
#ifndef BRAMBLE_PARTITION_PRIVATE_H
#define BRAMBLE_PARTITION_PRIVATE_H

#include "partition/partition.h"
#include "partition/partition_disk.h"

#define PARTITION_SECTOR_DEFAULT 512u

/*
 * The sector sizes, in bytes, that the image may have: that of its device, else 512 and 4096, the
 * only ones that disks are made with.
 */
size_t partition_sector_sizes(const struct image *img, uint32_t out[2]);

/*
 * Appends a copy of @partition and sets its beyond_end, with a warning. False, with a warning,
 * where the table is full.
 */
bool partition_add(struct image *img, struct partition_table *table,
		   const struct partition *partition);

/*
 * Reads the GPT into @table: the primary one, else a backup with a warning. -ENOENT: there is none
 * that is whole. Without @protective, the MBR does not announce a GPT.
 */
int partition_gpt_scan(struct image *img, bool protective, struct partition_table *table);

/* Reads primary and logical partitions into @table. Protective entries are left out. */
int partition_mbr_scan(struct image *img, const struct partition_disk_mbr *mbr,
		       struct partition_table *table);

bool partition_mbr_has_magic(const struct partition_disk_mbr *mbr);

/* Whether all four active flags are valid, as Linux and libblkid demand of an MBR. */
bool partition_mbr_flags_valid(const struct partition_disk_mbr *mbr);

/*
 * Whether there are entries, and nothing is wrong with any: then the sector is an MBR even where a
 * forgotten superblock lies behind it.
 */
bool partition_mbr_flawless(const struct image *img, const struct partition_disk_mbr *mbr);

bool partition_is_extended_type(uint8_t mbr_type);

enum partition_fat_likeness {
	PARTITION_NOT_FAT,
	PARTITION_LIKE_FAT, /* the numbers are possible */
	PARTITION_SAYS_FAT, /* and it says that it is FAT */
};

/* What a first sector has of a FAT boot sector. */
enum partition_fat_likeness partition_fat_likeness(const void *sector);

/* Whether a first sector says that it is NTFS or exFAT, which have 0x55aa as well. */
bool partition_is_ntfs_or_exfat(const void *sector);

/* Whether an ext2, ext3 or ext4 superblock lies where a volume at byte @start has it. */
bool partition_has_ext(struct image *img, uint64_t start);

/* Whether a volume that can be recognised starts at byte @start. */
bool partition_has_volume(struct image *img, uint64_t start);

#endif
