/* SPDX-License-Identifier: MIT */
/*
 * Partition tables: GPT (primary, backup), MBR (primary, logical), or none at all, as a list of
 * ranges. The front door of the partition room.
 */
#ifndef BRAMBLE_PARTITION_PARTITION_H
#define BRAMBLE_PARTITION_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "image/image.h"

/* More partitions than this are listed up to here, with a warning. */
#define PARTITION_MAX 256

enum partition_kind {
	PARTITION_TABLE_NONE, /* one file system from the first byte on: one entry, number 0 */
	PARTITION_TABLE_MBR,
	PARTITION_TABLE_GPT,
};

struct partition {
	unsigned int number; /* as in /dev/sdaN, from 1 */
	uint64_t start; /* bytes from the start of the image */
	uint64_t size; /* bytes, as the table says */
	bool beyond_end; /* reaches beyond the end of the image */
	bool bootable; /* MBR: active flag; GPT: legacy BIOS bootable attribute */
	uint8_t mbr_type; /* MBR only */
	uint64_t attributes; /* GPT only: UEFI 2.10, table 5.8 */
	char type_guid[37]; /* GPT only, lower case as in RFC 9562; else empty */
	char partuuid[37]; /* as fstab has it, "1234abcd-01" on MBR; or empty */
	char name[109]; /* GPT only: 36 UTF-16 units as UTF-8; else empty */
};

struct partition_table {
	enum partition_kind kind;
	bool hybrid; /* GPT beside an MBR with entries of its own */
	bool backup_used; /* the primary GPT was damaged or missing */
	uint32_t sector_size; /* bytes */
	char disk_id[37]; /* GPT disk GUID or MBR disk signature "1234abcd"; or empty */
	size_t count;
	struct partition *partitions; /* owned; in order of their numbers */
};

/*
 * Reads the table of @img. What is damaged is logged as a warning and left out; the result may be
 * empty. An image without any table is one partition with number 0. Only -ENOMEM and read errors
 * of the first sectors are errors. The table is released by partition_table_finish.
 */
int partition_scan(struct image *img, struct partition_table *out);

void partition_table_finish(struct partition_table *table);

DEFINE_CLEANUP(partition_table_finishp, struct partition_table *, partition_table_finish)

/* The partition with this number, or NULL. */
const struct partition *partition_find(const struct partition_table *table, unsigned int number);

/* Adds all that the table says: what makes images different. */
void partition_fingerprint(const struct partition_table *table, struct hash *hash);

/* Whether it is an MBR partition that only holds the chain of logical ones. */
bool partition_is_extended(const struct partition *partition);

/* "Linux", "W95 FAT32 (LBA)", "EFI system": what the type means, or "unknown". */
const char *partition_type_name(const struct partition *partition);

#endif
