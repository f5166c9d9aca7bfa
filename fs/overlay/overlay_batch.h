/* SPDX-License-Identifier: MIT */
/*
 * Some chunks of a file that stand together while they are changed: blocks are taken and filled
 * first, then one transaction puts the chunks. Private to the overlay room.
 */
#ifndef BRAMBLE_OVERLAY_OVERLAY_BATCH_H
#define BRAMBLE_OVERLAY_OVERLAY_BATCH_H

#include "overlay/overlay_chunk.h"

#define BATCH_CHUNKS 16u
#define BATCH_BLOCKS (BATCH_CHUNKS * CHUNK_BLOCKS)

struct overlay_batch_chunk {
	/* Sets of blocks, as bits. */
	uint64_t wanted; /* are to get a fresh block */
	uint64_t fresh; /* got one */
	uint64_t lower; /* were BLOCK_LOWER when the chunk was loaded */
	uint64_t empty; /* have no content in the store yet */
	bool changed;
	struct record_chunk chunk;
};

struct overlay_batch {
	struct overlay *ov;
	uint64_t id;
	uint64_t first; /* number of the first chunk */
	unsigned int count;
	uint64_t taken; /* blocks */
	struct overlay_batch_chunk chunks[BATCH_CHUNKS];
};

/* Where the batch ends that begins with the block @index, if no block from @end on is wanted. */
static inline uint64_t overlay_batch_end(uint64_t index, uint64_t end)
{
	const uint64_t limit = (index / CHUNK_BLOCKS + BATCH_CHUNKS) * CHUNK_BLOCKS;

	return end < limit ? end : limit;
}

/* Loads the chunks of the blocks from @index up to @end, as overlay_batch_end gave it. */
int overlay_batch_load(struct overlay_batch *batch, struct overlay *ov, uint64_t id, uint64_t index,
		       uint64_t end);

static inline struct overlay_batch_chunk *overlay_batch_of(struct overlay_batch *batch,
							   uint64_t index)
{
	return &batch->chunks[index / CHUNK_BLOCKS - batch->first];
}

static inline uint64_t *overlay_batch_block(struct overlay_batch *batch, uint64_t index)
{
	return &overlay_batch_of(batch, index)->chunk.blocks[index % CHUNK_BLOCKS];
}

static inline uint64_t overlay_batch_bit(uint64_t index)
{
	return (uint64_t)1 << index % CHUNK_BLOCKS;
}

/*
 * Gives all that are wanted a fresh block each, of kind @kind. After an error, and whenever the
 * batch is not committed: overlay_batch_return.
 */
int overlay_batch_take(struct overlay_batch *batch, uint64_t kind);
void overlay_batch_return(struct overlay_batch *batch);

/* Calls @take for the fresh blocks of kind @kind, in runs of the store. */
int overlay_batch_fresh(struct overlay_batch *batch, uint64_t kind,
			int (*take)(struct overlay_batch *batch, uint64_t first, uint64_t count));

/* Puts the chunks that were changed. */
int overlay_batch_put(struct overlay_batch *batch, struct overlay_txn *txn);

#endif
