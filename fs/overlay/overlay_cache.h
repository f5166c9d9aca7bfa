/* SPDX-License-Identifier: MIT */
/*
 * Nodes as they are committed, so that those which are asked for again and again need no search in the
 * store. Private to the overlay room.
 *
 * A transaction makes the version odd when it begins and even when it ends, and takes out what it changes
 * before that is committed. Whoever has read a node puts it in only if the version was even all the time:
 * so nothing is put in that was read before a change and is found after it.
 */
#ifndef BRAMBLE_OVERLAY_OVERLAY_CACHE_H
#define BRAMBLE_OVERLAY_OVERLAY_CACHE_H

#include <stdatomic.h>

#include "overlay/overlay_record.h"

struct overlay_cache_entry {
	atomic_flag busy;
	uint64_t id; /* 0: none */
	struct record_node node;
};

struct overlay_cache {
	_Atomic uint64_t version;
	_Atomic(struct overlay_cache_entry *)
		entries; /* owned; NULL as long as nothing was put in */
};

void overlay_cache_finish(struct overlay_cache *cache);

bool overlay_cache_find(struct overlay_cache *cache, uint64_t id, struct record_node *out);

/* Before a node is read that may be put in. */
static inline uint64_t overlay_cache_version(struct overlay_cache *cache)
{
	return cache->version;
}
void overlay_cache_put(struct overlay_cache *cache, uint64_t version, uint64_t id,
		       const struct record_node *node);

/* For the one transaction that there is. */
static inline void overlay_cache_turn(struct overlay_cache *cache)
{
	cache->version++;
}
void overlay_cache_drop(struct overlay_cache *cache, uint64_t id);

#endif
