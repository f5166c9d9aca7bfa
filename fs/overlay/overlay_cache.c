/* SPDX-License-Identifier: MIT */
/* A small table of nodes, each at the one place that its number has. */
#include "overlay/overlay_cache.h"

#include <stdlib.h>

#define ENTRIES 64u

static struct overlay_cache_entry *place_of(struct overlay_cache_entry *entries, uint64_t id)
{
	return &entries[(id * 0x9e3779b97f4a7c15u >> 32) % ENTRIES];
}

static bool take(struct overlay_cache_entry *entry)
{
	return !atomic_flag_test_and_set_explicit(&entry->busy, memory_order_acquire);
}

static void give(struct overlay_cache_entry *entry)
{
	atomic_flag_clear_explicit(&entry->busy, memory_order_release);
}

void overlay_cache_finish(struct overlay_cache *cache)
{
	free(cache->entries);
}

bool overlay_cache_find(struct overlay_cache *cache, uint64_t id, struct record_node *out)
{
	struct overlay_cache_entry *entry = cache->entries;
	bool found;

	if (!entry)
		return false;
	entry = place_of(entry, id);
	if (!take(entry))
		return false;
	found = entry->id == id;
	if (found)
		*out = entry->node;
	give(entry);
	return found;
}

/* NULL: no memory, and no harm. */
static struct overlay_cache_entry *make_entries(struct overlay_cache *cache)
{
	/* zeros are what ATOMIC_FLAG_INIT stands for */
	struct overlay_cache_entry *fresh = calloc(ENTRIES, sizeof(*fresh)), *other = NULL;

	if (!fresh || atomic_compare_exchange_strong(&cache->entries, &other, fresh))
		return fresh;
	free(fresh);
	return other;
}

void overlay_cache_put(struct overlay_cache *cache, uint64_t version, uint64_t id,
		       const struct record_node *node)
{
	struct overlay_cache_entry *entry = cache->entries;

	if (version % 2)
		return;
	if (!entry)
		entry = make_entries(cache);
	if (!entry)
		return;
	entry = place_of(entry, id);
	if (!take(entry))
		return;
	/* a transaction that begins behind this has to wait for the entry if it changes the node */
	if (cache->version == version) {
		entry->id = id;
		entry->node = *node;
	}
	give(entry);
}

void overlay_cache_drop(struct overlay_cache *cache, uint64_t id)
{
	struct overlay_cache_entry *entry = cache->entries;

	if (!entry)
		return;
	entry = place_of(entry, id);
	while (!take(entry))
		; /* a few instructions, by somebody who copies a node */
	if (entry->id == id)
		entry->id = 0;
	give(entry);
}
