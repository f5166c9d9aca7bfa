/* SPDX-License-Identifier: MIT */
/*
 * GUID partition tables (UEFI 2.10, section 5.3). Nothing of a header is used before its checksum
 * was right, but for the place of the backup that a damaged primary names: that is only a guess
 * where to look, and what lies there is checked in the same way.
 */
#include "partition/partition_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "base/log.h"
#include "base/utf.h"

#define SECTOR_MAX 4096u
#define ENTRY_SIZE_MAX 4096u
#define ENTRIES_BYTES_MAX (4u << 20) /* 32768 entries of 128 bytes; the usual table has 128 */
#define PRIMARY_LBA 1u

struct gpt {
	uint32_t sector_size; /* bytes */
	uint64_t alternate_lba;
	char disk_id[37];
	uint64_t entries_lba;
	uint32_t entry_count;
	uint32_t entry_size; /* bytes */
	uint8_t *entries;
};

static void finish(struct gpt *gpt)
{
	free(gpt->entries);
	gpt->entries = NULL;
}

static void format_guid(const struct partition_disk_guid *guid, char out[37])
{
	const uint8_t *d = guid->d;

	snprintf(out, 37, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", le32_get(guid->a),
		 le16_get(guid->b), le16_get(guid->c), d[0], d[1], d[2], d[3], d[4], d[5], d[6],
		 d[7]);
}

static int damaged(const char *which, const char *what, uint64_t found, uint64_t expected)
{
	log_warn("partition: %s GPT: %s is %" PRIu64 ", expected %" PRIu64, which, what, found,
		 expected);
	return -EUCLEAN;
}

static int bad_sum(const char *which, const char *what, uint32_t found, uint32_t expected)
{
	log_warn("partition: %s GPT: checksum of the %s is %08x, expected %08x", which, what, found,
		 expected);
	return -EUCLEAN;
}

static int check_geometry(const struct gpt *gpt, const char *which, uint64_t image_size,
			  uint64_t *out_offset)
{
	uint64_t bytes = (uint64_t)gpt->entry_count * gpt->entry_size;

	/* 128 times a power of two (UEFI 2.10, table 5.5) */
	if (gpt->entry_size < PARTITION_GPT_ENTRY_MIN || gpt->entry_size > ENTRY_SIZE_MAX ||
	    !is_power_of_two(gpt->entry_size))
		return damaged(which, "entry size", gpt->entry_size, PARTITION_GPT_ENTRY_MIN);
	if (gpt->entry_count == 0 || bytes > ENTRIES_BYTES_MAX)
		return damaged(which, "number of entries", gpt->entry_count, 128);
	if (gpt->entries_lba > image_size / gpt->sector_size ||
	    !range_fits(gpt->entries_lba * gpt->sector_size, bytes, image_size))
		return damaged(which, "place of the entries", gpt->entries_lba, PRIMARY_LBA + 1);
	*out_offset = gpt->entries_lba * gpt->sector_size;
	return 0;
}

static int load_entries(struct image *img, const char *which, uint32_t expected, struct gpt *gpt)
{
	uint64_t offset;
	uint32_t sum;
	size_t bytes;
	int err = check_geometry(gpt, which, img->size, &offset);

	if (err)
		return err;
	bytes = (size_t)gpt->entry_count * gpt->entry_size;
	gpt->entries = malloc(bytes);
	if (!gpt->entries)
		return -ENOMEM;
	err = image_read_at(img, gpt->entries, bytes, offset);
	if (err)
		return err;
	sum = crc32(gpt->entries, bytes);
	return sum == expected ? 0 : bad_sum(which, "entries", expected, sum);
}

static int check_header(uint8_t *sector, const char *which, uint64_t lba, uint32_t sector_size,
			struct partition_disk_gpt_header *out)
{
	uint32_t size, sum;

	memcpy(out, sector, sizeof(*out));
	size = le32_get(out->header_size);
	if (size < PARTITION_GPT_HEADER_MIN || size > sector_size)
		return damaged(which, "header size", size, PARTITION_GPT_HEADER_MIN);
	memset(sector + offsetof(struct partition_disk_gpt_header, header_crc), 0, sizeof(le32));
	sum = crc32(sector, size);
	if (sum != le32_get(out->header_crc))
		return bad_sum(which, "header", le32_get(out->header_crc), sum);
	if (le64_get(out->my_lba) != lba)
		return damaged(which, "own place", le64_get(out->my_lba), lba);
	return 0;
}

/*
 * Reads the GPT whose header lies at @lba. -ENOENT: there is none; -EUCLEAN, -EIO: it is damaged.
 * *@out_hint is where the header, damaged or not, says that the other one lies; 0 without a header.
 */
static int load(struct image *img, const char *which, uint64_t lba, uint32_t sector_size,
		struct gpt *out, uint64_t *out_hint)
{
	struct partition_disk_gpt_header header;
	struct gpt gpt = {.sector_size = sector_size};
	uint8_t sector[SECTOR_MAX];
	int err;

	*out_hint = 0;
	if (lba >= img->size / sector_size)
		return -ENOENT;
	err = image_read_at(img, sector, sector_size, lba * sector_size);
	if (err)
		return err;
	if (memcmp(sector, "EFI PART", 8))
		return -ENOENT;
	err = check_header(sector, which, lba, sector_size, &header);
	*out_hint = le64_get(header.alternate_lba);
	if (err)
		return err;
	gpt.alternate_lba = le64_get(header.alternate_lba);
	gpt.entries_lba = le64_get(header.entries_lba);
	gpt.entry_count = le32_get(header.entry_count);
	gpt.entry_size = le32_get(header.entry_size);
	format_guid(&header.disk, gpt.disk_id);
	err = load_entries(img, which, le32_get(header.entries_crc), &gpt);
	if (err) {
		finish(&gpt);
		return err;
	}
	*out = gpt;
	return 0;
}

static bool is_unused(const struct partition_disk_gpt_entry *entry)
{
	static const struct partition_disk_guid unused;

	return memcmp(&entry->type, &unused, sizeof(unused)) == 0;
}

static void decode_name(const struct partition_disk_gpt_entry *entry, char *out, size_t size)
{
	uint16_t units[PARTITION_GPT_NAME_UNITS];
	size_t n = 0;

	while (n < ARRAY_SIZE(units) && (units[n] = le16_get(entry->name[n])))
		n++;
	utf16_to_utf8(units, n, out, size);
}

static bool decode_entry(const struct partition_disk_gpt_entry *entry, unsigned int number,
			 uint32_t sector_size, struct partition *out)
{
	uint64_t first = le64_get(entry->first_lba);
	uint64_t last = le64_get(entry->last_lba);
	uint64_t end;

	*out = (struct partition){.number = number};
	/* the end is 64 bits too: everything behind this line may add start and size */
	if (first > last || last == UINT64_MAX ||
	    __builtin_mul_overflow(last + 1, (uint64_t)sector_size, &end)) {
		log_warn("partition: GPT entry %u has impossible sectors %" PRIu64 " to %" PRIu64,
			 number, first, last);
		return false;
	}
	out->start = first * sector_size;
	out->size = end - out->start;
	out->attributes = le64_get(entry->attributes);
	out->bootable = out->attributes & PARTITION_GPT_ATTRIBUTE_LEGACY_BOOT;
	format_guid(&entry->type, out->type_guid);
	format_guid(&entry->unique, out->partuuid);
	decode_name(entry, out->name, sizeof(out->name));
	return true;
}

static void fill_table(struct image *img, const struct gpt *gpt, struct partition_table *table)
{
	table->kind = PARTITION_TABLE_GPT;
	table->sector_size = gpt->sector_size;
	memcpy(table->disk_id, gpt->disk_id, sizeof(table->disk_id));
	for (uint32_t i = 0; i < gpt->entry_count; i++) {
		struct partition_disk_gpt_entry entry;
		struct partition partition;

		memcpy(&entry, gpt->entries + (size_t)i * gpt->entry_size, sizeof(entry));
		if (is_unused(&entry) || !decode_entry(&entry, i + 1, gpt->sector_size, &partition))
			continue;
		if (!partition_add(img, table, &partition))
			return;
	}
}

/* The table is usable: what is wrong with its copy is only worth a line. */
static void check_backup(struct image *img, const struct gpt *primary)
{
	uint64_t sectors = img->size / primary->sector_size;
	struct gpt backup;
	uint64_t hint;
	int err;

	if (primary->alternate_lba >= sectors) {
		log_warn("partition: the backup GPT at sector %" PRIu64
			 " lies beyond the end of the image, which has %" PRIu64 " sectors",
			 primary->alternate_lba, sectors);
		return;
	}
	err = load(img, "backup", primary->alternate_lba, primary->sector_size, &backup, &hint);
	if (err == -ENOENT)
		log_warn("partition: no backup GPT at sector %" PRIu64, primary->alternate_lba);
	if (err == 0)
		finish(&backup);
}

static int load_backup(struct image *img, uint32_t sector_size, uint64_t hint, struct gpt *out)
{
	uint64_t last = img->size / sector_size;
	uint64_t ignored;
	int err = -ENOENT;

	if (last <= PRIMARY_LBA + 1)
		return -ENOENT;
	last--;
	if (hint > PRIMARY_LBA && hint != last)
		err = load(img, "backup", hint, sector_size, out, &ignored);
	if (err && err != -ENOMEM)
		err = load(img, "backup", last, sector_size, out, &ignored);
	return err;
}

int partition_gpt_scan(struct image *img, bool protective, struct partition_table *table)
{
	uint32_t sizes[2];
	uint64_t hints[2] = {0};
	size_t count = partition_sector_sizes(img, sizes);
	struct gpt gpt;
	int err = -ENOENT;

	for (size_t i = 0; i < count && err && err != -ENOMEM; i++)
		err = load(img, "primary", PRIMARY_LBA, sizes[i], &gpt, &hints[i]);
	if (err == 0)
		check_backup(img, &gpt);
	for (size_t i = 0; i < count && err && err != -ENOMEM; i++) {
		err = load_backup(img, sizes[i], hints[i], &gpt);
		table->backup_used = err == 0;
	}
	if (err)
		return err == -ENOMEM ? err : -ENOENT;
	if (table->backup_used)
		log_warn("partition: the primary GPT is damaged or missing: the backup is used");
	if (!protective)
		log_warn("partition: a GPT without protective MBR");
	fill_table(img, &gpt, table);
	finish(&gpt);
	return 0;
}
