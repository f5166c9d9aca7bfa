/* SPDX-License-Identifier: MIT */
/* Prints what partition_scan finds, one fact per word, for partition_oracle.sh. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "partition/partition.h"

static const char *const kinds[] = {
	[PARTITION_TABLE_NONE] = "none",
	[PARTITION_TABLE_MBR] = "dos",
	[PARTITION_TABLE_GPT] = "gpt",
};

int main(int argc, char **argv)
{
	CLEANUP(image_closep) struct image *img = NULL;
	struct partition_table table;
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: partition_dump IMAGE\n");
		return 2;
	}
	err = image_open(argv[1], &img);
	if (!err)
		err = partition_scan(img, &table);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-err));
		return 1;
	}
	printf("table %s sector %u id %s hybrid %d backup %d\n", kinds[table.kind],
	       table.sector_size, table.disk_id[0] ? table.disk_id : "-", table.hybrid,
	       table.backup_used);
	for (size_t i = 0; i < table.count; i++) {
		const struct partition *p = &table.partitions[i];
		char type[8];

		snprintf(type, sizeof(type), "%x", p->mbr_type);
		printf("%u start %" PRIu64 " size %" PRIu64 " type %s uuid %s boot %d beyond %d "
		       "attributes %" PRIx64 " name %s\n",
		       p->number, p->start, p->size, p->type_guid[0] ? p->type_guid : type,
		       p->partuuid[0] ? p->partuuid : "-", p->bootable, p->beyond_end,
		       p->attributes, p->name);
	}
	partition_table_finish(&table);
	return 0;
}
