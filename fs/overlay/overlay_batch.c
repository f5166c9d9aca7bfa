/* SPDX-License-Identifier: MIT */
/* Some chunks of a file that stand together while they are changed. */
#include "overlay/overlay_batch.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

int overlay_batch_load(struct overlay_batch *batch, struct overlay *ov, uint64_t id, uint64_t index,
		       uint64_t end)
{
	/* not the chunks: for a small write they are most of it */
	batch->ov = ov;
	batch->id = id;
	batch->first = index / CHUNK_BLOCKS;
	batch->count = (unsigned int)(div_round_up(end, CHUNK_BLOCKS) - batch->first);
	batch->taken = 0;
	for (unsigned int i = 0; i < batch->count; i++) {
		struct overlay_batch_chunk *slot = &batch->chunks[i];
		int err = overlay_chunk_get(ov, id, batch->first + i, &slot->chunk);

		if (err == -ENOENT)
			memset(&slot->chunk, 0, sizeof(slot->chunk));
		else if (err)
			return err;
		slot->wanted = slot->fresh = slot->lower = slot->empty = 0;
		slot->changed = false;
		for (unsigned int block = 0; block < CHUNK_BLOCKS; block++) {
			const uint64_t kind = slot->chunk.blocks[block] & BLOCK_KIND;

			if (kind == BLOCK_LOWER)
				slot->lower |= (uint64_t)1 << block;
			if (kind != BLOCK_DATA)
				slot->empty |= (uint64_t)1 << block;
		}
	}
	return 0;
}

int overlay_batch_take(struct overlay_batch *batch, uint64_t kind)
{
	uint64_t left = 0, first = 0, got = 0;

	for (unsigned int i = 0; i < batch->count; i++)
		left += (unsigned int)__builtin_popcountll(batch->chunks[i].wanted);
	for (unsigned int i = 0; i < batch->count; i++) {
		struct overlay_batch_chunk *slot = &batch->chunks[i];

		while (slot->wanted) {
			const unsigned int block = (unsigned int)__builtin_ctzll(slot->wanted);

			if (got == 0) {
				int err = store_blocks_take(batch->ov->store, left, &first, &got);

				if (err)
					return err;
			}
			slot->chunk.blocks[block] = kind | first;
			slot->wanted &= slot->wanted - 1;
			slot->fresh |= (uint64_t)1 << block;
			slot->changed = true;
			batch->taken++;
			first++;
			got--;
			left--;
		}
	}
	return 0;
}

int overlay_batch_fresh(struct overlay_batch *batch, uint64_t kind,
			int (*take)(struct overlay_batch *batch, uint64_t first, uint64_t count))
{
	uint64_t first = 0, count = 0;

	for (unsigned int i = 0; i < batch->count; i++) {
		const struct overlay_batch_chunk *slot = &batch->chunks[i];

		for (uint64_t left = slot->fresh; left; left &= left - 1) {
			const uint64_t block = slot->chunk.blocks[__builtin_ctzll(left)];
			int err;

			if ((block & BLOCK_KIND) != kind)
				continue;
			if (count && (block & BLOCK_NUMBER) == first + count) {
				count++;
				continue;
			}
			err = count ? take(batch, first, count) : 0;
			if (err)
				return err;
			first = block & BLOCK_NUMBER;
			count = 1;
		}
	}
	return count ? take(batch, first, count) : 0;
}

static int return_run(struct overlay_batch *batch, uint64_t first, uint64_t count)
{
	store_blocks_return(batch->ov->store, first, count);
	return 0;
}

void overlay_batch_return(struct overlay_batch *batch)
{
	if (batch->taken == 0)
		return;
	overlay_batch_fresh(batch, BLOCK_DATA, return_run);
	overlay_batch_fresh(batch, BLOCK_UNWRITTEN, return_run);
	batch->taken = 0;
}

int overlay_batch_put(struct overlay_batch *batch, struct overlay_txn *txn)
{
	for (unsigned int i = 0; i < batch->count; i++) {
		const struct overlay_batch_chunk *slot = &batch->chunks[i];
		int err = 0;

		if (slot->changed)
			err = overlay_chunk_put(txn, batch->id, batch->first + i, &slot->chunk);
		if (err)
			return err;
	}
	return 0;
}
