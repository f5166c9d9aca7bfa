/* SPDX-License-Identifier: MIT */
/* A whole directory in memory, sorted by the bytes of its names. */
#ifndef BRAMBLE_TOOLS_LISTING_H
#define BRAMBLE_TOOLS_LISTING_H

#include "tree/tree.h"

struct listing_entry {
	char *name; /* owned by the listing, NUL-terminated */
	uint64_t id;
	uint8_t type; /* DT_* */
};

/* Zero-initialise; release with listing_finish. */
struct listing {
	struct listing_entry *entries;
	size_t count;
	size_t capacity;
};

/*
 * Reads @dir without "." and ".." unless @dots. On an error the listing holds what came before it:
 * a damaged directory's rest is still worth showing.
 */
int listing_read(struct tree *tree, uint64_t dir, bool dots, struct listing *out);

void listing_finish(struct listing *listing);

#endif
