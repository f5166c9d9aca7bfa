/* SPDX-License-Identifier: MIT */
/* An open-addressing hash table with linear probing, at most half full. */
#include "idmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 64u
#define MULTIPLIER 0x9e3779b97f4a7c15ull /* 2^64 / golden ratio: spreads consecutive ids */

/* The slot of @id, or the free one where it belongs. */
static struct idmap_entry *slot(const struct idmap *map, uint64_t id)
{
	size_t i = (size_t)((id * MULTIPLIER) >> 20) & (map->capacity - 1);

	while (map->entries[i].id && map->entries[i].id != id)
		i = (i + 1) & (map->capacity - 1);
	return &map->entries[i];
}

static int grow(struct idmap *map)
{
	struct idmap larger = {.count = map->count};

	larger.capacity = map->capacity ? map->capacity * 2 : CAPACITY_FIRST;
	larger.entries = calloc(larger.capacity, sizeof(*larger.entries));
	if (!larger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++) {
		if (map->entries[i].id)
			*slot(&larger, map->entries[i].id) = map->entries[i];
	}
	free(map->entries);
	*map = larger;
	return 0;
}

const struct idmap_entry *idmap_find(const struct idmap *map, uint64_t id)
{
	const struct idmap_entry *entry;

	if (map->capacity == 0)
		return NULL;
	entry = slot(map, id);
	return entry->id ? entry : NULL;
}

int idmap_add(struct idmap *map, uint64_t id, const char *text)
{
	struct idmap_entry *entry;
	char *copy = NULL;

	if (map->count >= map->capacity / 2) {
		int err = grow(map);

		if (err)
			return err;
	}
	entry = slot(map, id);
	if (entry->id)
		return -EEXIST;
	if (text) {
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
	}
	entry->id = id;
	entry->text = copy;
	map->count++;
	return 0;
}

void idmap_finish(struct idmap *map)
{
	for (size_t i = 0; i < map->capacity; i++)
		free(map->entries[i].text);
	free(map->entries);
	*map = (struct idmap){0};
}
