/* SPDX-License-Identifier: MIT */
/* Private to the fat room: chains of clusters. */
#ifndef BRAMBLE_FAT_CHAIN_H
#define BRAMBLE_FAT_CHAIN_H

#include <sys/types.h>

#include "fat/fat_table.h"

/* A place in a chain. Start: {.start = first cluster}. */
struct fat_cursor {
	uint32_t start;
	uint32_t index; /* of @cluster in the chain */
	uint32_t cluster; /* 0: not placed yet */
	struct fat_window window;
};

/*
 * Places the cursor at the @index-th cluster of its chain. -EUCLEAN (logged): the chain is broken
 * before; -EIO: it ends before, or cannot be read.
 */
int fat_chain_seek(struct fat_volume *v, struct fat_cursor *cursor, uint32_t index);

/*
 * How many different clusters the chain from @start on has, at most @limit. Returns 0, or why the
 * chain goes no further than *@out, which is always written: -EUCLEAN (logged) where it is broken,
 * runs in a circle or exceeds @limit, -EIO where it cannot be read.
 */
int fat_chain_measure(struct fat_volume *v, uint32_t start, uint32_t limit, uint32_t *out);

/* As pread(2) of the chain from @start on, which holds a file of @size bytes. */
ssize_t fat_chain_read(struct fat_volume *v, uint32_t start, uint64_t size, void *buf, size_t len,
		       uint64_t offset);

/* See tree_map. */
int fat_chain_locate(struct fat_volume *v, uint32_t start, uint64_t size, uint64_t offset,
		     size_t len, struct tree_extent *out);

void fat_trails_init(struct fat_volume *v);
void fat_trails_finish(struct fat_volume *v);

#endif
