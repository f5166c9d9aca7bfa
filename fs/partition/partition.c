/* SPDX-License-Identifier: MIT */
/*
 * Decides which table an image has.
 *
 * A GPT that a protective MBR announces comes first, as in Linux. A first sector that is a boot
 * sector (FAT, NTFS, exFAT) is no MBR, as libblkid decides it. An ext superblock wins over an MBR
 * that has no entries or wrong ones: what lies in front of it is boot code then. Last comes a GPT
 * without a protective MBR, which Linux ignores unless it is told "gpt"; here it is the only thing
 * left that could be meant.
 */
#include "partition/partition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "partition/partition_private.h"

size_t partition_sector_sizes(const struct image *img, uint32_t out[2])
{
	/* A device tells its sector size; what is not a power of two in reason is not believed. */
	if (img->sector_size >= 512 && img->sector_size <= 4096 &&
	    is_power_of_two(img->sector_size)) {
		out[0] = img->sector_size;
		return 1;
	}
	out[0] = 512;
	out[1] = 4096;
	return 2;
}

bool partition_add(struct image *img, struct partition_table *table,
		   const struct partition *partition)
{
	struct partition *added;

	if (table->count == PARTITION_MAX) {
		log_warn("partition: more than %u partitions: number %u and those behind it are "
			 "left out",
			 PARTITION_MAX, partition->number);
		return false;
	}
	added = &table->partitions[table->count++];
	*added = *partition;
	added->beyond_end = !range_fits(added->start, added->size, img->size);
	if (added->beyond_end)
		log_warn("partition: number %u (%llu bytes from %llu on) reaches beyond the end of "
			 "the image, which has %llu bytes",
			 added->number, (unsigned long long)added->size,
			 (unsigned long long)added->start, (unsigned long long)img->size);
	return true;
}

/* Sums cannot wrap: both readers have checked that start + size fits 64 bits. */
static bool overlap(const struct partition *a, const struct partition *b)
{
	return a->start < b->start + b->size && b->start < a->start + a->size;
}

static void warn_of_overlaps(const struct partition_table *table)
{
	for (size_t i = 1; i < table->count; i++) {
		const struct partition *a = &table->partitions[i];

		/* Logical partitions lie inside an extended one. */
		if (partition_is_extended(a))
			continue;
		for (size_t j = 0; j < i; j++) {
			const struct partition *b = &table->partitions[j];

			if (partition_is_extended(b) || !overlap(a, b))
				continue;
			log_warn("partition: numbers %u and %u overlap", b->number, a->number);
			break;
		}
	}
}

static void set_no_table(struct image *img, struct partition_table *table)
{
	const struct partition whole = {.size = img->size};

	table->kind = PARTITION_TABLE_NONE;
	table->sector_size = img->sector_size ? img->sector_size : PARTITION_SECTOR_DEFAULT;
	partition_add(img, table, &whole);
}

static bool announces_gpt(const struct partition_disk_mbr *mbr, bool *out_hybrid)
{
	bool protective = false;

	*out_hybrid = false;
	for (int i = 0; i < PARTITION_MBR_ENTRIES; i++) {
		if (mbr->entries[i].type == PARTITION_TYPE_GPT_PROTECTIVE)
			protective = true;
		else if (le32_get(mbr->entries[i].size))
			*out_hybrid = true;
	}
	return protective;
}

/* Whether the first sector and what follows are a file system rather than an MBR. */
static bool is_volume(struct image *img, const struct partition_disk_mbr *mbr)
{
	bool flawless = partition_mbr_flawless(img, mbr);

	if (partition_is_ntfs_or_exfat(mbr))
		return true;
	switch (partition_fat_likeness(mbr)) {
	case PARTITION_SAYS_FAT:
		return true;
	case PARTITION_LIKE_FAT:
		return !flawless;
	case PARTITION_NOT_FAT:
		break;
	}
	return !flawless && partition_has_ext(img, 0);
}

static bool has_entries(const struct partition_disk_mbr *mbr)
{
	for (int i = 0; i < PARTITION_MBR_ENTRIES; i++) {
		if (le32_get(mbr->entries[i].size))
			return true;
	}
	return false;
}

static int scan(struct image *img, struct partition_table *table)
{
	struct partition_disk_mbr mbr;
	bool is_mbr, protective, hybrid;
	int err;

	if (img->size < sizeof(mbr)) {
		set_no_table(img, table);
		return 0;
	}
	err = image_read_at(img, &mbr, sizeof(mbr), 0);
	if (err)
		return err;
	is_mbr = partition_mbr_has_magic(&mbr);
	protective = announces_gpt(&mbr, &hybrid) && is_mbr;
	if (protective) {
		err = partition_gpt_scan(img, true, table);
		table->hybrid = err == 0 && hybrid;
		if (err != -ENOENT)
			return err;
		log_warn("partition: a protective MBR, but no GPT that is whole");
	}
	if (is_volume(img, &mbr)) {
		set_no_table(img, table);
		return 0;
	}
	is_mbr = is_mbr && partition_mbr_flags_valid(&mbr);
	if (is_mbr && has_entries(&mbr))
		return partition_mbr_scan(img, &mbr, table);
	err = protective ? -ENOENT : partition_gpt_scan(img, false, table);
	if (err != -ENOENT)
		return err;
	if (is_mbr)
		return partition_mbr_scan(img, &mbr, table);
	set_no_table(img, table);
	return 0;
}

int partition_scan(struct image *img, struct partition_table *out)
{
	struct partition_table table = {0};
	int err;

	table.partitions = calloc(PARTITION_MAX, sizeof(*table.partitions));
	if (!table.partitions)
		return -ENOMEM;
	err = scan(img, &table);
	if (err) {
		partition_table_finish(&table);
		return err;
	}
	warn_of_overlaps(&table);
	*out = table;
	return 0;
}

void partition_table_finish(struct partition_table *table)
{
	free(table->partitions);
	table->partitions = NULL;
	table->count = 0;
}

static void add_partition(struct hash *hash, const struct partition *partition)
{
	hash_add_u64(hash, partition->number);
	hash_add_u64(hash, partition->start);
	hash_add_u64(hash, partition->size);
	hash_add_u64(hash, partition->bootable);
	hash_add_u64(hash, partition->mbr_type);
	hash_add_u64(hash, partition->attributes);
	hash_add_text(hash, partition->type_guid);
	hash_add_text(hash, partition->partuuid);
	hash_add_text(hash, partition->name);
}

void partition_fingerprint(const struct partition_table *table, struct hash *hash)
{
	hash_add_u64(hash, table->kind);
	hash_add_u64(hash, table->sector_size);
	hash_add_text(hash, table->disk_id);
	hash_add_u64(hash, table->count);
	for (size_t i = 0; i < table->count; i++)
		add_partition(hash, &table->partitions[i]);
}

bool partition_is_extended(const struct partition *partition)
{
	return partition_is_extended_type(partition->mbr_type);
}

const struct partition *partition_find(const struct partition_table *table, unsigned int number)
{
	for (size_t i = 0; i < table->count; i++) {
		if (table->partitions[i].number == number)
			return &table->partitions[i];
	}
	return NULL;
}
