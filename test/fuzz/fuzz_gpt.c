/* SPDX-License-Identifier: MIT */
/*
 * A disk with a GPT. The first byte says which checksums are put right before it is read, else no
 * mutation would get past them: 1 the primary's, 2 the backup's, 4 with sectors of 4096 bytes;
 * 8: a protective MBR is written as well.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "partition/partition.h"
#include "support/gpt_seal.h"

#define SEAL_PRIMARY 1u
#define SEAL_BACKUP 2u
#define LARGE_SECTORS 4u
#define PROTECT 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void prepare(uint8_t *disk, size_t size, uint8_t flags)
{
	uint32_t sector_size = flags & LARGE_SECTORS ? 4096 : 512;

	if (size < sector_size)
		return;
	if (flags & PROTECT) {
		disk[0x1be + 4] = 0xee;
		disk[510] = 0x55;
		disk[511] = 0xaa;
	}
	if (flags & SEAL_PRIMARY)
		gpt_seal(disk, size, 1, sector_size);
	if (flags & SEAL_BACKUP)
		gpt_seal(disk, size, size / sector_size - 1, sector_size);
}

static void check(const struct partition_table *table, size_t size)
{
	assert(table->count <= PARTITION_MAX);
	for (size_t i = 0; i < table->count; i++) {
		const struct partition *p = &table->partitions[i];

		assert(p->start + p->size >= p->start);
		assert(p->beyond_end == (p->start + p->size > size));
		assert(strlen(p->name) < sizeof(p->name));
		assert(partition_find(table, p->number) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(image_closep) struct image *img = NULL;
	CLEANUP(freep) uint8_t *disk = NULL;
	struct partition_table table;

	if (size < 2)
		return 0;
	log_set_level(LOG_LEVEL_ERROR);
	disk = malloc(--size);
	if (!disk)
		return 0;
	memcpy(disk, data + 1, size);
	prepare(disk, size, data[0]);
	if (image_memory(disk, size, &img) || partition_scan(img, &table))
		return 0;
	check(&table, size);
	partition_table_finish(&table);
	return 0;
}
