/* SPDX-License-Identifier: MIT */
/*
 * An image behind a small cache, for metadata: structures of a few hundred bytes that lie side by
 * side, where one read of a chunk saves a system call for each of its neighbours. Direct-mapped;
 * each slot has a lock of its own, which is held while its chunk is read, so that many who want the
 * same chunk read it once. Whoever may not wait, and finds it locked, asks the image itself.
 */
#include "image/image.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/wait.h"

#define CHUNK_BYTES 4096u
#define SLOTS 256u
#define EMPTY UINT64_MAX

struct slot {
	pthread_mutex_t lock;
	uint64_t chunk; /* number of the chunk, or EMPTY */
	uint8_t bytes[CHUNK_BYTES];
};

struct cache {
	struct image base;
	struct image *parent; /* borrowed */
	struct slot slots[SLOTS];
};

/* Neighbours in different slots, and far-apart tables that step by powers of two as well. */
static struct slot *slot_of(struct cache *cache, uint64_t chunk)
{
	return &cache->slots[(chunk ^ chunk >> 8 ^ chunk >> 16) % SLOTS];
}

/* Fills the slot with @chunk; its lock is held. */
static int fill(const struct cache *cache, struct slot *slot, uint64_t chunk)
{
	uint64_t start = chunk * CHUNK_BYTES;
	int err;

	if (slot->chunk == chunk)
		return 0;
	slot->chunk = EMPTY;
	err = image_read_at(cache->parent, slot->bytes,
			    (size_t)min_u64(CHUNK_BYTES, cache->base.size - start), start);
	if (err == 0)
		slot->chunk = chunk;
	return err;
}

/* False: somebody reads it, and this thread may not wait. */
static bool lock_slot(struct slot *slot)
{
	if (wait_allowed())
		return pthread_mutex_lock(&slot->lock) == 0;
	return pthread_mutex_trylock(&slot->lock) == 0;
}

static int cache_read_at(struct image *img, void *buf, size_t len, uint64_t offset)
{
	struct cache *cache = container_of(img, struct cache, base);
	uint64_t chunk = offset / CHUNK_BYTES;
	size_t into = (size_t)(offset % CHUNK_BYTES);
	struct slot *slot = slot_of(cache, chunk);
	int err;

	if (len > CHUNK_BYTES - into)
		return image_read_at(cache->parent, buf, len, offset);
	if (!lock_slot(slot))
		return image_read_at(cache->parent, buf, len, offset);
	err = fill(cache, slot, chunk);
	if (err == 0)
		memcpy(buf, slot->bytes + into, len);
	pthread_mutex_unlock(&slot->lock);
	/* a neighbour that cannot be read is no reason to lose what was asked for */
	return err ? image_read_at(cache->parent, buf, len, offset) : 0;
}

static int cache_locate(struct image *img, uint64_t offset, size_t *len, int *out_fd,
			uint64_t *out_offset)
{
	struct cache *cache = container_of(img, struct cache, base);

	return image_locate(cache->parent, offset, len, out_fd, out_offset);
}

static void cache_close(struct image *img)
{
	struct cache *cache = container_of(img, struct cache, base);

	for (size_t i = 0; i < SLOTS; i++)
		pthread_mutex_destroy(&cache->slots[i].lock);
	free(cache);
}

static const struct image_ops cache_ops = {
	.kind = "cache",
	.read_at = cache_read_at,
	.locate = cache_locate,
	.close = cache_close,
};

int image_cache(struct image *parent, struct image **out)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->base.ops = &cache_ops;
	cache->base.size = parent->size;
	cache->base.sector_size = parent->sector_size;
	cache->parent = parent;
	for (size_t i = 0; i < SLOTS; i++) {
		pthread_mutex_init(&cache->slots[i].lock, NULL);
		cache->slots[i].chunk = EMPTY;
	}
	*out = &cache->base;
	return 0;
}
