/* SPDX-License-Identifier: MIT */
/* Any bytes as a disk with an MBR: each partition found must have sane facts. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/log.h"
#include "partition/partition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(image_closep) struct image *img = NULL;
	struct partition_table table;

	log_set_level(LOG_LEVEL_ERROR);
	if (image_memory(data, size, &img) || partition_scan(img, &table))
		return 0;
	assert(table.count <= PARTITION_MAX);
	for (size_t i = 0; i < table.count; i++) {
		const struct partition *p = &table.partitions[i];

		assert(p->start + p->size >= p->start);
		assert(p->beyond_end == (p->start + p->size > size));
		assert(strlen(partition_type_name(p)) > 0);
		assert(partition_find(&table, p->number) != NULL);
	}
	partition_table_finish(&table);
	return 0;
}
