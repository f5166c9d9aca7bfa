/* SPDX-License-Identifier: MIT */
/*
 * The boot sector: whether it is one, and the layout that follows from it, decided as Linux does
 * (fs/fat/inode.c, fat_read_bpb and fat_fill_super).
 */
#include "fat/fat_volume.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "fat/fat_disk.h"

/* Linux's limits, not those of the specification: the difference is decided for compatibility. */
#define CLUSTERS_MAX_12 4084u
#define CLUSTERS_MAX_16 65524u
#define CLUSTERS_MAX_32 0x0ffffff6u

#define EXT_MAGIC_POSITION 1080u
#define EXT_MAGIC 0xef53u

__attribute__((format(printf, 1, 2))) static int contradiction(const char *format, ...)
{
	char line[160];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log_warn("fat: corrupt boot sector: %s", line);
	return -EUCLEAN;
}

static bool media_valid(uint8_t media)
{
	return media == 0xf0 || media >= 0xf8;
}

static bool looks_like_boot(const struct fat_disk_boot *boot)
{
	uint32_t sector_size = le16_get(boot->sector_size);
	bool jump = boot->jump[0] == 0xeb || boot->jump[0] == 0xe9;

	/* Linux asks for neither the jump nor the mark; a sector with none of them boots nowhere. */
	if (!jump && le16_get(boot->end_mark) != FAT_BOOT_END_MARK)
		return false;
	if (!is_power_of_two(sector_size) || sector_size < 512 || sector_size > 4096)
		return false;
	return le16_get(boot->reserved_sectors) && boot->fats && media_valid(boot->media) &&
	       is_power_of_two(boot->cluster_sectors) &&
	       (le16_get(boot->fat_sectors_16) || le32_get(boot->u.fat32.fat_sectors)) &&
	       (le16_get(boot->sectors_16) || le32_get(boot->sectors_32));
}

/*
 * mke2fs may leave an older FAT boot sector in front of its superblock. A FAT can hold ext's magic
 * number by chance, but then its first entry still begins with the media byte.
 */
static int check_not_ext(struct image *img, const struct fat_disk_boot *boot)
{
	uint64_t fat = (uint64_t)le16_get(boot->reserved_sectors) * le16_get(boot->sector_size);
	uint8_t magic[2];
	uint8_t media;

	if (image_read_at(img, magic, sizeof(magic), EXT_MAGIC_POSITION) < 0)
		return 0;
	if (le16_at(magic) != EXT_MAGIC)
		return 0;
	if (image_read_at(img, &media, 1, fat) < 0 || media != boot->media)
		return -EINVAL;
	return 0;
}

static int read_boot(struct image *img, struct fat_disk_boot *out)
{
	int err = image_read_at(img, out, sizeof(*out), 0);

	if (err)
		return err == -ERANGE ? -EINVAL : err;
	if (!looks_like_boot(out))
		return -EINVAL;
	return check_not_ext(img, out);
}

int fat_boot_probe(struct image *img)
{
	struct fat_disk_boot boot;

	return read_boot(img, &boot);
}

static void decode_identity(const struct fat_disk_boot *boot, struct fat_geometry *geo)
{
	bool fat32 = geo->bits == 32;
	uint8_t signature = fat32 ? boot->u.fat32.signature : boot->u.fat16.signature;
	uint8_t state = fat32 ? boot->u.fat32.state : boot->u.fat16.state;

	geo->dirty = state & FAT_STATE_DIRTY;
	if (signature == FAT_SIGNATURE_SERIAL || signature == FAT_SIGNATURE_LABEL)
		geo->serial = le32_get(fat32 ? boot->u.fat32.serial : boot->u.fat16.serial);
	if (signature == FAT_SIGNATURE_LABEL) {
		memcpy(geo->label, fat32 ? boot->u.fat32.label : boot->u.fat16.label, 11);
		geo->has_label = memcmp(geo->label, "NO NAME    ", 11) != 0;
	}
}

static uint64_t table_entries(const struct fat_geometry *geo)
{
	return geo->fat_bytes * 8 / geo->bits;
}

static int decode_clusters(struct fat_geometry *geo, uint64_t clusters)
{
	uint64_t limit = CLUSTERS_MAX_32;

	if (geo->bits != 32) {
		geo->bits = clusters > CLUSTERS_MAX_12 ? 16 : 12;
		limit = geo->bits == 16 ? CLUSTERS_MAX_16 : CLUSTERS_MAX_12;
	}
	if (table_entries(geo) < FAT_FIRST_CLUSTER)
		return contradiction("FAT of %llu bytes", (unsigned long long)geo->fat_bytes);
	clusters = min_u64(clusters, table_entries(geo) - FAT_FIRST_CLUSTER);
	if (clusters > limit)
		return contradiction("%llu clusters, FAT%u has at most %llu",
				     (unsigned long long)clusters, geo->bits,
				     (unsigned long long)limit);
	geo->cluster_end = (uint32_t)clusters + FAT_FIRST_CLUSTER;
	geo->fat_bytes =
		min_u64(geo->fat_bytes, div_round_up((uint64_t)geo->cluster_end * geo->bits, 8));
	return 0;
}

/* Which copy of the FAT is current; only FAT32 can say that it is not the first. */
static int decode_active_fat(const struct fat_disk_boot *boot, struct fat_geometry *geo)
{
	uint32_t flags = le16_get(boot->u.fat32.flags);

	if (geo->bits != 32 || !(flags & FAT_FLAG_NO_MIRROR))
		return 0;
	if ((flags & 0xf) >= boot->fats)
		return contradiction("FAT %u of %u is the current one", flags & 0xf, boot->fats);
	geo->fat_start += (flags & 0xf) * geo->fat_bytes;
	return 0;
}

static int decode(const struct fat_disk_boot *boot, struct fat_geometry *geo)
{
	uint64_t sectors = le16_get(boot->sectors_16);
	uint64_t fat_sectors = le16_get(boot->fat_sectors_16);
	int err;

	if (sectors == 0)
		sectors = le32_get(boot->sectors_32);
	if (fat_sectors == 0) {
		fat_sectors = le32_get(boot->u.fat32.fat_sectors);
		geo->bits = 32;
		geo->root_cluster = le32_get(boot->u.fat32.root_cluster);
		geo->info_start = le16_get(boot->u.fat32.info_sector);
	}
	geo->sector_size = le16_get(boot->sector_size);
	geo->cluster_size = geo->sector_size * boot->cluster_sectors;
	geo->cluster_shift = (unsigned int)__builtin_ctz(geo->cluster_size);
	geo->size = sectors * geo->sector_size;
	geo->info_start *= geo->sector_size;
	geo->fat_start = (uint64_t)le16_get(boot->reserved_sectors) * geo->sector_size;
	geo->fat_bytes = fat_sectors * geo->sector_size;
	geo->root_start = geo->fat_start + boot->fats * geo->fat_bytes;
	geo->root_bytes = le16_get(boot->root_entries) * FAT_ENTRY_BYTES;
	if (geo->root_bytes % geo->sector_size)
		return contradiction("%u root entries do not fill sectors",
				     le16_get(boot->root_entries));
	geo->data_start = geo->root_start + geo->root_bytes;
	if (geo->data_start > geo->size)
		return contradiction("clusters start at %llu, the volume ends at %llu",
				     (unsigned long long)geo->data_start,
				     (unsigned long long)geo->size);
	err = decode_active_fat(boot, geo);
	if (err)
		return err;
	err = decode_clusters(geo, (geo->size - geo->data_start) >> geo->cluster_shift);
	if (err)
		return err;
	if (geo->bits == 32 && !fat_cluster_valid(geo, geo->root_cluster))
		return contradiction("root directory at cluster %u, clusters are 2 to %u",
				     geo->root_cluster, geo->cluster_end - 1);
	decode_identity(boot, geo);
	return 0;
}

int fat_boot_read(struct image *img, struct fat_geometry *out)
{
	struct fat_geometry geo = {0};
	struct fat_disk_boot boot;
	int err = read_boot(img, &boot);

	if (err)
		return err;
	err = decode(&boot, &geo);
	if (err)
		return err;
	*out = geo;
	return 0;
}
