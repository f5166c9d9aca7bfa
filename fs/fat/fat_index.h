/* SPDX-License-Identifier: MIT */
/* Private to the fat room: finding a name in a directory. */
#ifndef BRAMBLE_FAT_INDEX_H
#define BRAMBLE_FAT_INDEX_H

#include "fat/fat_dir.h"

void fat_indexes_init(struct fat_volume *v);
void fat_indexes_finish(struct fat_volume *v);

/* The first entry of the directory @node that answers to @name. -ENOENT; errors of reading it. */
int fat_find(struct fat_volume *v, const struct fat_node *node, const char *name, size_t len,
	     struct fat_entry *out);

#endif
