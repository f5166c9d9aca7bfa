/* SPDX-License-Identifier: MIT */
/*
 * Where the blocks of a file are. A file of exabytes may have two chunks: what has no record is
 * passed over by asking the store for the next record, not chunk by chunk.
 */
#include "overlay/overlay_chunk.h"

#include <errno.h>

#include "base/checked.h"

#define NO_CHUNK UINT64_MAX

/* Up to so many chunks are asked for one by one, which is cheaper than to search for the next. */
#define NEAR_CHUNKS 8u

int overlay_chunk_get(struct overlay *ov, uint64_t id, uint64_t number, struct record_chunk *out)
{
	uint8_t value[RECORD_CHUNK_MAX_BYTES];
	struct store_key key;
	size_t len;
	int err;

	record_key_chunk(&key, id, number);
	err = overlay_record_get(ov, NULL, &key, value, sizeof(value), &len);
	if (err == -ERANGE)
		return -EUCLEAN;
	return err ? err : record_chunk_decode(id, value, len, out);
}

int overlay_chunk_put(struct overlay_txn *txn, uint64_t id, uint64_t number,
		      const struct record_chunk *chunk)
{
	uint8_t value[RECORD_CHUNK_MAX_BYTES];
	size_t len = record_chunk_encode(chunk, value);
	struct store_key key;

	record_key_chunk(&key, id, number);
	if (len == 0)
		return store_delete(txn->store, &key);
	return store_put(txn->store, &key, value, len);
}

/* Blocks that go --------------------------------------------------------------------------------- */

int overlay_freed_finish(struct overlay_freed *freed)
{
	uint64_t count = freed->count;

	freed->count = 0;
	return count ? store_free_blocks(freed->txn->store, freed->first, count) : 0;
}

int overlay_freed_add(struct overlay_freed *freed, uint64_t block)
{
	const uint64_t number = block & BLOCK_NUMBER;
	int err;

	if (!block_is_stored(block))
		return 0;
	freed->total++;
	if (freed->count && number == freed->first + freed->count) {
		freed->count++;
		return 0;
	}
	err = overlay_freed_finish(freed);
	if (err)
		return err;
	freed->first = number;
	freed->count = 1;
	return 0;
}

void overlay_node_own_less(struct record_node *node, uint64_t count)
{
	/* the number in the record may be wrong: overlay_check tells */
	node->own_blocks -= min_u64(node->own_blocks, count);
}

/* The cursor ------------------------------------------------------------------------------------- */

int overlay_cursor_load(struct overlay_cursor *cursor, uint64_t number)
{
	int err;

	if (cursor->number == number)
		return 0;
	if (cursor->number != NO_CHUNK && !cursor->present && number > cursor->number &&
	    number < cursor->next) {
		cursor->number = number;
		return 0;
	}
	cursor->number = NO_CHUNK;
	err = overlay_chunk_get(cursor->ov, cursor->id, number, &cursor->chunk);
	if (err && err != -ENOENT)
		return err;
	cursor->number = number;
	cursor->present = !err;
	cursor->next = number + 1;
	return 0;
}

/* Takes the number of one chunk, and stops. */
static int take_number(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct record_key parsed;
	int err = record_key_parse(key, &parsed);

	(void)value;
	(void)len;
	if (err)
		return err;
	*(uint64_t *)ctx = parsed.number;
	return 1;
}

int overlay_cursor_find(struct overlay_cursor *cursor, uint64_t number, uint64_t *out_number)
{
	uint64_t found = NO_CHUNK;
	struct store_key prefix, from;
	int err;

	record_prefix_kind(&prefix, cursor->id, RECORD_CHUNK);
	record_key_chunk(&from, cursor->id, number);
	err = store_scan(cursor->ov->store, &prefix, &from, take_number, &found);
	if (err < 0)
		return err;
	*out_number = found;
	return 0;
}

/* Stretches -------------------------------------------------------------------------------------- */

/* Whether a block of kind @next continues what @block is. */
static bool joins(uint64_t block, uint64_t next)
{
	switch (block & BLOCK_KIND) {
	case BLOCK_DATA:
		return next == block + 1;
	case BLOCK_LOWER:
		return next == BLOCK_LOWER;
	default:
		return (next & BLOCK_KIND) == BLOCK_HOLE || (next & BLOCK_KIND) == BLOCK_UNWRITTEN;
	}
}

/*
 * How far the blocks from number @index on continue what *@block is, which becomes the last of them.
 * May end early, but not before the chunk at hand does.
 */
static uint64_t run_end(struct overlay_cursor *cursor, uint64_t index, uint64_t end,
			uint64_t *block)
{
	while (index < end) {
		uint64_t found = NO_CHUNK;

		/* what is damaged there is an error of who asks for that place */
		if (overlay_cursor_load(cursor, index / CHUNK_BLOCKS) < 0)
			break;
		if (cursor->present) {
			if (!joins(*block, cursor->chunk.blocks[index % CHUNK_BLOCKS]))
				break;
			*block = cursor->chunk.blocks[index % CHUNK_BLOCKS];
			index++;
			continue;
		}
		if (*block != BLOCK_LOWER)
			break;
		if (cursor->next >= div_round_up(end, CHUNK_BLOCKS))
			return end;
		index = cursor->next * CHUNK_BLOCKS;
		if (end - index <= NEAR_CHUNKS * CHUNK_BLOCKS)
			continue;
		if (overlay_cursor_find(cursor, cursor->next, &found) < 0)
			break;
		cursor->next = found;
		if (found == NO_CHUNK)
			return end;
		index = found * CHUNK_BLOCKS;
	}
	return min_u64(index, end);
}

int overlay_segment_at(struct overlay_cursor *cursor, const struct record_node *node,
		       uint64_t offset, uint64_t end, struct overlay_segment *out)
{
	const uint64_t index = offset / STORE_BLOCK;
	struct overlay_segment segment;
	uint64_t block = BLOCK_LOWER, last;
	int err;

	err = overlay_cursor_load(cursor, index / CHUNK_BLOCKS);
	if (err)
		return err;
	if (cursor->present)
		block = cursor->chunk.blocks[index % CHUNK_BLOCKS];
	last = block;
	segment.kind = SEGMENT_ZEROS;
	segment.data = 0;
	segment.end = run_end(cursor, index + (block != BLOCK_LOWER || cursor->present),
			      div_round_up(end, STORE_BLOCK), &last) *
		      STORE_BLOCK;
	segment.end = min_u64(segment.end, end);
	if ((block & BLOCK_KIND) == BLOCK_DATA) {
		segment.kind = SEGMENT_STORED;
		segment.data = (block & BLOCK_NUMBER) * STORE_BLOCK + offset % STORE_BLOCK;
	}
	if (block == BLOCK_LOWER && offset < node->lower_size) {
		segment.kind = SEGMENT_LOWER;
		segment.end = min_u64(segment.end, node->lower_size);
	}
	*out = segment;
	return 0;
}
