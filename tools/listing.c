/* SPDX-License-Identifier: MIT */
/* Reads a directory into memory: it costs as much as the directory itself has in the image. */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct listing *listing;
	bool dots;
	int err;
};

static bool is_dots(const struct tree_entry *entry)
{
	return (entry->name_len == 1 && entry->name[0] == '.') ||
	       (entry->name_len == 2 && entry->name[0] == '.' && entry->name[1] == '.');
}

static int make_room(struct listing *listing)
{
	size_t capacity = listing->capacity ? listing->capacity * 2 : 32;
	struct listing_entry *larger;

	if (listing->count < listing->capacity)
		return 0;
	larger = realloc(listing->entries, capacity * sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	listing->entries = larger;
	listing->capacity = capacity;
	return 0;
}

static int take(void *ctx, const struct tree_entry *entry)
{
	struct reading *reading = ctx;
	struct listing *listing = reading->listing;
	char *name;

	if (!reading->dots && is_dots(entry))
		return 0;
	reading->err = make_room(listing);
	if (reading->err)
		return 1;
	name = strndup(entry->name, entry->name_len);
	if (!name) {
		reading->err = -ENOMEM;
		return 1;
	}
	listing->entries[listing->count++] = (struct listing_entry){
		.name = name,
		.id = entry->id,
		.type = entry->type,
	};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct listing_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int listing_read(struct tree *tree, uint64_t dir, bool dots, struct listing *out)
{
	struct reading reading = {.listing = out, .dots = dots};
	int err = tree_readdir(tree, dir, 0, take, &reading);

	if (out->count)
		qsort(out->entries, out->count, sizeof(*out->entries), compare);
	return reading.err ? reading.err : err;
}

void listing_finish(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->entries[i].name);
	free(listing->entries);
	*listing = (struct listing){0};
}
