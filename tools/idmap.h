/* SPDX-License-Identifier: MIT */
/* A map from node ids to texts: directories that were visited, files that were copied. */
#ifndef BRAMBLE_TOOLS_IDMAP_H
#define BRAMBLE_TOOLS_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct idmap_entry {
	uint64_t id; /* 0: free; no node has that id */
	char *text; /* owned; or NULL */
};

/* Zero-initialise; release with idmap_finish. */
struct idmap {
	struct idmap_entry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

/* The entry of @id, or NULL. Valid until the next idmap_add. */
const struct idmap_entry *idmap_find(const struct idmap *map, uint64_t id);

/* Adds @id with a copy of @text (or NULL). -EEXIST: it is there already; -ENOMEM. */
int idmap_add(struct idmap *map, uint64_t id, const char *text);

void idmap_finish(struct idmap *map);

#endif
