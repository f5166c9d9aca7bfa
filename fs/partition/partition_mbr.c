/* SPDX-License-Identifier: MIT */
/*
 * MBR partition tables: four primary partitions, and a chain of logical ones in each extended
 * partition. Numbers are those of Linux (block/partitions/msdos.c): primaries 1 to 4 by their
 * place, logicals from 5 on in the order of the chain, entries of size 0 do not count.
 */
#include "partition/partition_private.h"

#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"

#define LOGICAL_FIRST 5u
#define LOGICALS_MAX 128u
#define LINKS_MAX (2 * LOGICALS_MAX) /* links may be empty */

/* A walk along the chains of one image. */
struct chain {
	struct image *img;
	struct partition_table *table;
	unsigned int number; /* of the next logical partition */
	unsigned int links;
	uint64_t seen[LINKS_MAX]; /* bytes: where the links lie */
};

bool partition_is_extended_type(uint8_t mbr_type)
{
	return mbr_type == PARTITION_TYPE_EXTENDED || mbr_type == PARTITION_TYPE_EXTENDED_LBA ||
	       mbr_type == PARTITION_TYPE_EXTENDED_LINUX;
}

bool partition_mbr_has_magic(const struct partition_disk_mbr *mbr)
{
	return mbr->magic[0] == 0x55 && mbr->magic[1] == 0xaa;
}

bool partition_mbr_flags_valid(const struct partition_disk_mbr *mbr)
{
	for (int i = 0; i < PARTITION_MBR_ENTRIES; i++) {
		if (mbr->entries[i].flag & ~PARTITION_MBR_FLAG_ACTIVE)
			return false;
	}
	return true;
}

bool partition_mbr_flawless(const struct image *img, const struct partition_disk_mbr *mbr)
{
	unsigned int used = 0;

	if (!partition_mbr_has_magic(mbr) || !partition_mbr_flags_valid(mbr))
		return false;
	for (int i = 0; i < PARTITION_MBR_ENTRIES; i++) {
		const struct partition_disk_mbr_entry *entry = &mbr->entries[i];
		uint64_t start = (uint64_t)le32_get(entry->start) * PARTITION_SECTOR_DEFAULT;
		uint64_t size = (uint64_t)le32_get(entry->size) * PARTITION_SECTOR_DEFAULT;

		if (size == 0)
			continue;
		if (entry->type == PARTITION_TYPE_EMPTY || start == 0 ||
		    !range_fits(start, size, img->size))
			return false;
		used++;
	}
	return used > 0;
}

static bool read_link(struct image *img, uint64_t offset, struct partition_disk_mbr *out)
{
	return range_fits(offset, sizeof(*out), img->size) &&
	       image_read_at(img, out, sizeof(*out), offset) == 0;
}

/* Whether primary partitions begin with something that can be recognised. */
static bool makes_sense(struct image *img, const struct partition_disk_mbr *mbr,
			uint32_t sector_size)
{
	for (int i = 0; i < PARTITION_MBR_ENTRIES; i++) {
		const struct partition_disk_mbr_entry *entry = &mbr->entries[i];
		uint64_t start = (uint64_t)le32_get(entry->start) * sector_size;
		struct partition_disk_mbr link;

		if (le32_get(entry->size) == 0 || start == 0)
			continue;
		if (!partition_is_extended_type(entry->type)) {
			if (partition_has_volume(img, start))
				return true;
			continue;
		}
		if (read_link(img, start, &link) && partition_mbr_has_magic(&link))
			return true;
	}
	return false;
}

/*
 * An MBR does not say how large its sectors are. In a file they are 512 bytes, unless no partition
 * begins with anything known that way but one does with 4096.
 */
static uint32_t choose_sector_size(struct image *img, const struct partition_disk_mbr *mbr)
{
	uint32_t sizes[2];
	size_t count = partition_sector_sizes(img, sizes);

	for (size_t i = 0; i < count; i++) {
		if (makes_sense(img, mbr, sizes[i]))
			return sizes[i];
	}
	return sizes[0];
}

static bool add(struct image *img, struct partition_table *table, unsigned int number,
		const struct partition_disk_mbr_entry *entry, uint64_t start)
{
	struct partition partition = {
		.number = number,
		.start = start,
		.size = (uint64_t)le32_get(entry->size) * table->sector_size,
		.bootable = entry->flag == PARTITION_MBR_FLAG_ACTIVE,
		.mbr_type = entry->type,
	};

	if (table->disk_id[0])
		snprintf(partition.partuuid, sizeof(partition.partuuid), "%.8s-%02x",
			 table->disk_id, number);
	return partition_add(img, table, &partition);
}

/*
 * Adds the data partitions of one link. The third and fourth entry sometimes hold garbage (the
 * same rule as in Linux): they count only if they lie inside the link and the extended partition.
 */
static bool add_logicals(struct chain *chain, const struct partition_disk_mbr *link, uint64_t at,
			 uint64_t link_size, uint64_t first, uint64_t extended_size)
{
	for (int i = 0; i < PARTITION_MBR_ENTRIES; i++) {
		const struct partition_disk_mbr_entry *entry = &link->entries[i];
		uint64_t offset = (uint64_t)le32_get(entry->start) * chain->table->sector_size;
		uint64_t size = (uint64_t)le32_get(entry->size) * chain->table->sector_size;

		if (size == 0 || partition_is_extended_type(entry->type))
			continue;
		if (i >= 2 && (!range_fits(offset, size, link_size) ||
			       !range_fits(at - first + offset, size, extended_size)))
			continue;
		if (chain->number == LOGICAL_FIRST + LOGICALS_MAX) {
			log_warn("partition: more than %u logical partitions: the rest is left out",
				 LOGICALS_MAX);
			return false;
		}
		if (!add(chain->img, chain->table, chain->number++, entry, at + offset))
			return false;
	}
	return true;
}

static const struct partition_disk_mbr_entry *next_link(const struct partition_disk_mbr *link)
{
	for (int i = 0; i < PARTITION_MBR_ENTRIES; i++) {
		const struct partition_disk_mbr_entry *entry = &link->entries[i];

		if (le32_get(entry->size) && partition_is_extended_type(entry->type))
			return entry;
	}
	return NULL;
}

/* Whether the walk may go to the link at byte @at: it was not there yet, and there is room. */
static bool may_visit(struct chain *chain, uint64_t at)
{
	for (unsigned int i = 0; i < chain->links; i++) {
		if (chain->seen[i] == at) {
			log_warn("partition: the chain of logical partitions comes back to byte "
				 "%llu: it ends there",
				 (unsigned long long)at);
			return false;
		}
	}
	if (chain->links == LINKS_MAX) {
		log_warn("partition: the chain of logical partitions has more than %u links: the "
			 "rest is left out",
			 LINKS_MAX);
		return false;
	}
	chain->seen[chain->links++] = at;
	return true;
}

/*
 * Follows the chain of the extended partition @extended. Links are counted in sectors from the
 * start of the extended partition, data from the link. All sums are of a few 44-bit numbers.
 */
static void walk_chain(struct chain *chain, const struct partition_disk_mbr_entry *extended)
{
	uint32_t sector_size = chain->table->sector_size;
	uint64_t first = (uint64_t)le32_get(extended->start) * sector_size;
	uint64_t extended_size = (uint64_t)le32_get(extended->size) * sector_size;
	uint64_t at = first;
	uint64_t link_size = extended_size;

	while (may_visit(chain, at)) {
		const struct partition_disk_mbr_entry *next;
		struct partition_disk_mbr link;

		if (!read_link(chain->img, at, &link) || !partition_mbr_has_magic(&link)) {
			log_warn("partition: the chain of logical partitions is damaged at byte "
				 "%llu: it ends there",
				 (unsigned long long)at);
			return;
		}
		if (!add_logicals(chain, &link, at, link_size, first, extended_size))
			return;
		next = next_link(&link);
		if (!next)
			return;
		at = first + (uint64_t)le32_get(next->start) * sector_size;
		link_size = (uint64_t)le32_get(next->size) * sector_size;
	}
}

int partition_mbr_scan(struct image *img, const struct partition_disk_mbr *mbr,
		       struct partition_table *table)
{
	struct chain chain = {.img = img, .table = table, .number = LOGICAL_FIRST};
	uint32_t signature = le32_get(mbr->signature);

	table->kind = PARTITION_TABLE_MBR;
	table->sector_size = choose_sector_size(img, mbr);
	/* udev and libblkid take 0 for "none" */
	if (signature)
		snprintf(table->disk_id, sizeof(table->disk_id), "%08x", signature);
	for (unsigned int i = 0; i < PARTITION_MBR_ENTRIES; i++) {
		const struct partition_disk_mbr_entry *entry = &mbr->entries[i];
		uint64_t start = (uint64_t)le32_get(entry->start) * table->sector_size;

		if (le32_get(entry->size) == 0 || entry->type == PARTITION_TYPE_GPT_PROTECTIVE)
			continue;
		add(img, table, i + 1, entry, start);
	}
	for (unsigned int i = 0; i < PARTITION_MBR_ENTRIES; i++) {
		const struct partition_disk_mbr_entry *entry = &mbr->entries[i];

		if (le32_get(entry->size) && partition_is_extended_type(entry->type))
			walk_chain(&chain, entry);
	}
	return 0;
}
