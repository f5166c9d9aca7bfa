/* SPDX-License-Identifier: MIT */
/* Private to the fat room: the file allocation table. */
#ifndef BRAMBLE_FAT_TABLE_H
#define BRAMBLE_FAT_TABLE_H

#include "fat/fat_volume.h"

#define FAT_WINDOW_BYTES 4096u

/* The part of the table that a walk last used, for tables too large to be kept. Start: {0}. */
struct fat_window {
	uint64_t start;
	uint32_t len;
	uint8_t bytes[FAT_WINDOW_BYTES];
};

/* What fat_table_next answers behind the last cluster of a chain. */
#define FAT_CHAIN_END 0u

int fat_table_init(struct fat_volume *v);
void fat_table_finish(struct fat_volume *v);

/*
 * The valid cluster behind @cluster, which is valid, or FAT_CHAIN_END. -EUCLEAN (logged): the entry
 * is free, bad or out of range; -EIO: it cannot be read.
 */
int fat_table_next(struct fat_volume *v, struct fat_window *w, uint32_t cluster,
		   uint32_t *out_next);

/* The number in the table at @index, which is below cluster_end, as it is. */
int fat_table_get(struct fat_volume *v, struct fat_window *w, uint32_t index, uint32_t *out);

/* Free clusters, counted once; by FSINFO where the table is very large. -EAGAIN. */
int fat_table_free(struct fat_volume *v, uint64_t *out);

/* Whether the volume was not unmounted cleanly, by the bits in the table's second entry. */
bool fat_table_dirty(struct fat_volume *v);

#endif
