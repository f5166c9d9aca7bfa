/* SPDX-License-Identifier: MIT */
/* Telling a file system's first bytes from a partition table. */
#include "partition/partition_private.h"

#include <string.h>

#include "base/checked.h"

#define EXT_SUPERBLOCK 1024u /* bytes from the start of the volume */
#define EXT_SUPERBLOCK_BYTES 0x60u
#define EXT_MAGIC 0xef53u

static bool plausible_bpb(const struct partition_disk_fat *fat)
{
	uint32_t sector_size = le16_get(fat->sector_size);

	if (fat->jump[0] != 0xeb && fat->jump[0] != 0xe9)
		return false;
	if (!is_power_of_two(sector_size) || sector_size < 512 || sector_size > 4096)
		return false;
	if (!is_power_of_two(fat->cluster_sectors) || le16_get(fat->reserved_sectors) == 0)
		return false;
	/* the media byte as fat_valid_media() of Linux has it */
	if (fat->fats == 0 || (fat->media < 0xf8 && fat->media != 0xf0))
		return false;
	if (le16_get(fat->sectors_16) == 0 && le32_get(fat->sectors_32) == 0)
		return false;
	return le16_get(fat->fat_sectors_16) || le32_get(fat->fat_sectors_32);
}

enum partition_fat_likeness partition_fat_likeness(const void *sector)
{
	struct partition_disk_fat fat;

	memcpy(&fat, sector, sizeof(fat));
	if (!plausible_bpb(&fat))
		return PARTITION_NOT_FAT;
	if (memcmp(fat.type_16, "FAT", 3) == 0 || memcmp(fat.type_32, "FAT32", 5) == 0 ||
	    memcmp(fat.type_16, "MSDOS", 5) == 0 || memcmp(fat.type_32, "MSWIN", 5) == 0)
		return PARTITION_SAYS_FAT;
	return PARTITION_LIKE_FAT;
}

bool partition_is_ntfs_or_exfat(const void *sector)
{
	struct partition_disk_fat fat;

	memcpy(&fat, sector, sizeof(fat));
	return memcmp(fat.system, "NTFS    ", 8) == 0 || memcmp(fat.system, "EXFAT   ", 8) == 0;
}

bool partition_has_ext(struct image *img, uint64_t start)
{
	uint8_t sb[EXT_SUPERBLOCK_BYTES];

	if (!range_fits(start, EXT_SUPERBLOCK + sizeof(sb), img->size) ||
	    image_read_at(img, sb, sizeof(sb), start + EXT_SUPERBLOCK) < 0)
		return false;
	/* magic, log2 of the block size - 10, inodes, blocks, blocks per group */
	return le16_at(sb + 0x38) == EXT_MAGIC && le32_at(sb + 0x18) <= 6 && le32_at(sb) &&
	       le32_at(sb + 0x04) && le32_at(sb + 0x20);
}

bool partition_has_volume(struct image *img, uint64_t start)
{
	uint8_t sector[PARTITION_MBR_BYTES];

	if (!range_fits(start, sizeof(sector), img->size) ||
	    image_read_at(img, sector, sizeof(sector), start) < 0)
		return false;
	return partition_fat_likeness(sector) != PARTITION_NOT_FAT ||
	       partition_is_ntfs_or_exfat(sector) || partition_has_ext(img, start);
}
