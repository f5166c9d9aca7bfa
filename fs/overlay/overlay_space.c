/* SPDX-License-Identifier: MIT */
/* Where files have space: setting it aside, giving it back, and telling data from holes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "overlay/overlay_data.h"

#define COPY_BLOCKS 32u
#define COPY_BYTES ((size_t)COPY_BLOCKS * STORE_BLOCK)

/* Looking ---------------------------------------------------------------------------------------- */

/*
 * Where the next data, or the next hole, of the lower file are from @offset on; @end: not before
 * that.
 */
static int seek_lower(struct overlay *ov, uint64_t id, uint64_t offset, uint64_t end, int whence,
		      uint64_t *out)
{
	uint64_t at;
	int err = tree_seek(ov->lower, id, offset, whence, &at);

	if (err && err != -ENXIO)
		return err;
	*out = err ? end : min_u64(at, end);
	return 0;
}

static int seek_locked(struct overlay *ov, uint64_t id, uint64_t offset, int whence, uint64_t *out)
{
	struct overlay_cursor cursor = OVERLAY_CURSOR_INIT(ov, id);
	struct overlay_segment segment;
	struct record_node node;
	int err = overlay_data_node(ov, id, &node);

	if (err)
		return err;
	if (offset >= node.size)
		return -ENXIO;
	for (; offset < node.size; offset = segment.end) {
		uint64_t at = offset;

		err = overlay_segment_at(&cursor, &node, offset, node.size, &segment);
		if (!err && segment.kind == SEGMENT_LOWER)
			err = seek_lower(ov, id, offset, segment.end, whence, &at);
		else if ((segment.kind == SEGMENT_STORED) != (whence == SEEK_DATA))
			at = segment.end;
		if (err)
			return err;
		if (at < segment.end) {
			*out = at;
			return 0;
		}
	}
	if (whence == SEEK_DATA)
		return -ENXIO;
	*out = node.size;
	return 0;
}

int overlay_seek(struct tree *tree, uint64_t id, uint64_t offset, int whence, uint64_t *out_offset)
{
	struct overlay *ov = overlay_of(tree);
	int err;

	if (!overlay_is_touched(ov, id))
		return tree_seek(ov->lower, id, offset, whence, out_offset);
	if (!overlay_file_lock_shared(ov, id))
		return -EAGAIN;
	err = seek_locked(ov, id, offset, whence, out_offset);
	overlay_file_unlock_shared(ov, id);
	return err;
}

/* Whether anything in the range may be other than zeros. */
static int has_data(struct overlay *ov, uint64_t id, const struct record_node *node,
		    uint64_t offset, uint64_t end, bool *out)
{
	struct overlay_cursor cursor = OVERLAY_CURSOR_INIT(ov, id);
	struct overlay_segment segment;

	*out = false;
	for (; offset < end; offset = segment.end) {
		uint64_t at = offset;
		int err = overlay_segment_at(&cursor, node, offset, end, &segment);

		if (!err && segment.kind == SEGMENT_LOWER)
			err = seek_lower(ov, id, offset, segment.end, SEEK_DATA, &at);
		if (err)
			return err;
		*out = segment.kind != SEGMENT_ZEROS && at < segment.end;
		if (*out)
			return 0;
	}
	return 0;
}

/* Changing --------------------------------------------------------------------------------------- */

struct spacing {
	struct overlay *ov;
	uint64_t id;
	struct record_node node; /* as it was before */
	unsigned int mode; /* TREE_FALLOC_* */
	uint64_t offset;
	uint64_t end;
	uint64_t whole; /* the blocks from here up to @whole_end lie in the range entirely */
	uint64_t whole_end;
	/* of the lower file: from @lower_from to @lower_data is a hole, from there to @lower_hole data */
	uint64_t lower_from;
	uint64_t lower_data;
	uint64_t lower_hole;
	char *copy; /* owned: COPY_BYTES, once it is needed */
	bool committed; /* something is done already, with times and all */
	struct overlay_batch batch;
};

/*
 * What all steps change of the node. The privilege bits stay: who may change a file this way is not
 * told.
 */
static int begin_change(struct spacing *s, struct overlay_txn *txn, struct record_node *node)
{
	int err = overlay_txn_begin(s->ov, txn);

	if (!err)
		err = overlay_node_get(s->ov, txn, s->id, node);
	if (err)
		return err;
	node->mtime = node->ctime = txn->now;
	return overlay_xattr_drop_capability(txn, s->id, node);
}

/* Zeros at an end of the range that is less than a block. */
static int clear_part(struct spacing *s, uint64_t offset, uint64_t end)
{
	static const char zeros[STORE_BLOCK];
	bool data;
	int err;

	end = min_u64(end, s->node.size); /* what is behind is nobody's */
	if (offset >= end)
		return 0;
	err = has_data(s->ov, s->id, &s->node, offset, end, &data);
	if (err || !data)
		return err;
	err = overlay_data_write(s->ov, s->id, zeros, end - offset, offset, 0);
	s->committed = !err;
	return err;
}

static int clear_parts(struct spacing *s)
{
	const uint64_t from = s->whole * STORE_BLOCK, to = s->whole_end * STORE_BLOCK;
	int err;

	if (s->whole > s->whole_end) /* both ends are in one block */
		return clear_part(s, s->offset, s->end);
	err = clear_part(s, s->offset, from);
	return err ? err : clear_part(s, to, s->end);
}

/* Giving back ------------------------------------------------------------------------------------ */

/* The first chunk from @number on in which there may be something to give back or to hide. */
static int next_to_punch(struct spacing *s, uint64_t number, uint64_t *out)
{
	struct overlay_cursor cursor = OVERLAY_CURSOR_INIT(s->ov, s->id);
	const uint64_t offset = max_u64(number * CHUNK_BYTES, s->whole * STORE_BLOCK);
	uint64_t data = UINT64_MAX;
	int err = overlay_cursor_find(&cursor, number, out);

	if (!err && offset < s->node.lower_size)
		err = seek_lower(s->ov, s->id, offset, s->node.lower_size, SEEK_DATA, &data);
	if (err)
		return err;
	if (data < s->node.lower_size)
		*out = min_u64(*out, data / CHUNK_BYTES);
	return 0;
}

/* Frees what is stored in the chunk, and hides what the lower file has there. */
static int punch_chunk(struct spacing *s, struct overlay_txn *txn, uint64_t number,
		       uint64_t lower_size, struct overlay_freed *freed)
{
	const uint64_t first = number * CHUNK_BLOCKS;
	struct record_chunk chunk;
	bool changed = false;
	int err = overlay_chunk_get(s->ov, s->id, number, &chunk);

	if (err && err != -ENOENT)
		return err;
	if (err)
		memset(&chunk, 0, sizeof(chunk));
	for (unsigned int i = 0; i < CHUNK_BLOCKS; i++) {
		const uint64_t index = first + i;
		const uint64_t old = chunk.blocks[i];

		if (index < s->whole || index >= s->whole_end)
			continue;
		chunk.blocks[i] = index * STORE_BLOCK < lower_size ? BLOCK_HOLE : BLOCK_LOWER;
		changed = changed || chunk.blocks[i] != old;
		err = overlay_freed_add(freed, old);
		if (err)
			return err;
	}
	return changed ? overlay_chunk_put(txn, s->id, number, &chunk) : 0;
}

/* One transaction: up to BATCH_CHUNKS chunks from *@number on, which becomes what comes behind. */
static int punch_some(struct spacing *s, uint64_t *number, uint64_t end)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct overlay_freed freed = {.txn = &txn};
	struct record_node node;
	int err = begin_change(s, &txn, &node);

	if (err)
		return err;
	node.lower_size = min_u64(node.lower_size, s->node.lower_size);
	for (unsigned int i = 0; !err && i < BATCH_CHUNKS && *number < end; i++) {
		err = punch_chunk(s, &txn, *number, node.lower_size, &freed);
		if (!err)
			err = next_to_punch(s, *number + 1, number);
	}
	if (!err)
		err = overlay_freed_finish(&freed);
	if (err)
		return err;
	overlay_node_own_less(&node, freed.total);
	err = overlay_node_put(&txn, s->id, &node);
	return err ? err : overlay_txn_commit(&txn, freed.total > 0);
}

static int punch(struct spacing *s)
{
	const uint64_t lower_size = s->node.lower_size;
	uint64_t number = UINT64_MAX, end;
	int err;

	/* what is behind the end of the file needs no zeros */
	if (s->end >= s->node.size)
		s->whole_end = div_round_up(s->end, STORE_BLOCK);
	/* so that to hide all the rest of a large file is one number */
	if (s->end >= s->node.lower_size)
		s->node.lower_size = min_u64(s->node.lower_size, s->offset);
	err = clear_parts(s);
	if (err)
		return err;
	if (s->whole >= s->whole_end && s->committed && s->node.lower_size == lower_size)
		return 0;
	end = div_round_up(s->whole_end, CHUNK_BLOCKS);
	if (s->whole < s->whole_end)
		err = next_to_punch(s, s->whole / CHUNK_BLOCKS, &number);
	do {
		if (!err)
			err = punch_some(s, &number, end);
	} while (!err && number < end);
	return err;
}

/* Setting aside ---------------------------------------------------------------------------------- */

/* Whether the lower file has data in the block, which is before lower_size at least in part. */
static int lower_has_data(struct spacing *s, uint64_t index, bool *out)
{
	const uint64_t offset = index * STORE_BLOCK;
	const uint64_t size = s->node.lower_size;
	int err = 0;

	if (offset < s->lower_from || offset >= s->lower_hole) {
		s->lower_from = offset;
		err = seek_lower(s->ov, s->id, offset, size, SEEK_DATA, &s->lower_data);
		s->lower_hole = size;
		if (!err && s->lower_data < size)
			err = seek_lower(s->ov, s->id, s->lower_data, size, SEEK_HOLE,
					 &s->lower_hole);
		if (err) {
			s->lower_hole = 0;
			return err;
		}
	}
	*out = s->lower_data < min_u64(offset + STORE_BLOCK, size);
	return 0;
}

/* Decides on one block. */
static int want_block(struct spacing *s, uint64_t index)
{
	const bool zero =
		s->mode & TREE_FALLOC_ZERO_RANGE && index >= s->whole && index < s->whole_end;
	struct overlay_batch_chunk *slot = overlay_batch_of(&s->batch, index);
	uint64_t *block = overlay_batch_block(&s->batch, index);
	bool data = false;
	int err;

	if (block_is_stored(*block)) {
		if (zero && (*block & BLOCK_KIND) == BLOCK_DATA) {
			*block = BLOCK_UNWRITTEN | (*block & BLOCK_NUMBER);
			slot->changed = true;
		}
		return 0;
	}
	slot->wanted |= overlay_batch_bit(index);
	if (!zero && *block == BLOCK_LOWER && index * STORE_BLOCK < s->node.lower_size) {
		err = lower_has_data(s, index, &data);
		if (err)
			return err;
	}
	/* from here on: those that are to be copied */
	if (!data)
		slot->lower &= ~overlay_batch_bit(index);
	return 0;
}

static int allocate_run(struct overlay_batch *batch, uint64_t first, uint64_t count)
{
	int err = store_data_allocate(batch->ov->store, first, count);

	return err == -EOPNOTSUPP ? 0 : err;
}

/* Copies @count blocks of the lower file from @index on to the store, where they stand together. */
static int copy_blocks(struct spacing *s, uint64_t index, uint64_t count)
{
	const size_t len = count * STORE_BLOCK;
	const uint64_t number = *overlay_batch_block(&s->batch, index) & BLOCK_NUMBER;
	int err;

	if (!s->copy)
		s->copy = malloc(COPY_BYTES);
	if (!s->copy)
		return -ENOMEM;
	err = overlay_data_read_lower(s->ov, s->id, &s->node, s->copy, len, index * STORE_BLOCK);
	if (!err)
		err = store_data_write(s->ov->store, s->copy, len, number * STORE_BLOCK);
	for (uint64_t i = index; !err && i < index + count; i++)
		*overlay_batch_block(&s->batch, i) = BLOCK_DATA | (number + (i - index));
	return err;
}

static int copy_lower(struct spacing *s, uint64_t index, uint64_t end)
{
	uint64_t count = 0, next = 0;

	for (; index < end; index++) {
		const struct overlay_batch_chunk *slot = overlay_batch_of(&s->batch, index);
		const bool copied = slot->fresh & slot->lower & overlay_batch_bit(index);
		const uint64_t number = *overlay_batch_block(&s->batch, index) & BLOCK_NUMBER;
		int err = 0;

		if (count && (!copied || number != next || count == COPY_BLOCKS)) {
			err = copy_blocks(s, index - count, count);
			count = 0;
		}
		if (err)
			return err;
		if (copied) {
			count++;
			next = number + 1;
		}
	}
	return count ? copy_blocks(s, end - count, count) : 0;
}

static int commit_allocated(struct spacing *s, bool last)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct record_node node;
	int err = begin_change(s, &txn, &node);

	if (err)
		return err;
	if (last && !(s->mode & TREE_FALLOC_KEEP_SIZE))
		node.size = max_u64(node.size, s->end);
	node.own_blocks += s->batch.taken;
	err = overlay_batch_put(&s->batch, &txn);
	if (!err)
		err = overlay_node_put(&txn, s->id, &node);
	return err ? err : overlay_txn_commit(&txn, false);
}

/* One transaction: the blocks from @index up to @end. */
static int allocate_batch(struct spacing *s, uint64_t index, uint64_t end, bool last)
{
	int err = overlay_batch_load(&s->batch, s->ov, s->id, index, end);

	if (err)
		return err;
	for (uint64_t i = index; !err && i < end; i++)
		err = want_block(s, i);
	if (!err)
		err = overlay_batch_take(&s->batch, BLOCK_UNWRITTEN);
	if (!err)
		err = overlay_batch_fresh(&s->batch, BLOCK_UNWRITTEN, allocate_run);
	if (!err)
		err = copy_lower(s, index, end);
	if (!err && last && !(s->mode & TREE_FALLOC_KEEP_SIZE))
		err = overlay_data_clear_tail(s->ov, s->id, s->node.size, s->end);
	if (!err)
		err = commit_allocated(s, last);
	if (err)
		overlay_batch_return(&s->batch);
	return err;
}

/* What surely does not fit is refused before it fills the disk. */
static int check_room(struct spacing *s, uint64_t blocks)
{
	struct store_usage usage;
	int err = store_usage(s->ov->store, &usage);

	if (err)
		return err;
	if (blocks <= s->node.own_blocks)
		return 0;
	return blocks - s->node.own_blocks > usage.available / STORE_BLOCK ? -ENOSPC : 0;
}

static int allocate(struct spacing *s)
{
	const uint64_t end = div_round_up(s->end, STORE_BLOCK);
	uint64_t index = s->offset / STORE_BLOCK;
	int err = check_room(s, end - index);

	if (!err && s->mode & TREE_FALLOC_ZERO_RANGE)
		err = clear_parts(s);
	while (!err && index < end) {
		const uint64_t stop = overlay_batch_end(index, end);

		err = allocate_batch(s, index, stop, stop == end);
		index = stop;
	}
	free(s->copy);
	return err;
}

static int fallocate_locked(struct overlay *ov, uint64_t id, unsigned int mode, uint64_t offset,
			    uint64_t end)
{
	struct spacing s;
	int err = overlay_node_get(ov, NULL, id, &s.node);

	if (err)
		return err;
	if (S_ISDIR(s.node.mode))
		return -EISDIR;
	if (S_ISFIFO(s.node.mode))
		return -ESPIPE;
	if (!S_ISREG(s.node.mode))
		return -ENODEV;
	s.ov = ov;
	s.id = id;
	s.mode = mode;
	s.offset = offset;
	s.end = end;
	s.whole = div_round_up(offset, STORE_BLOCK);
	s.whole_end = end / STORE_BLOCK;
	s.lower_from = s.lower_hole = 0;
	s.copy = NULL;
	s.committed = false;
	return mode & TREE_FALLOC_PUNCH_HOLE ? punch(&s) : allocate(&s);
}

int overlay_fallocate(struct tree *tree, uint64_t id, unsigned int mode, uint64_t offset,
		      uint64_t len)
{
	struct overlay *ov = overlay_of(tree);
	int err;

	if (store_is_read_only(ov->store))
		return -EROFS;
	overlay_file_lock(ov, id);
	err = fallocate_locked(ov, id, mode, offset, offset + len);
	overlay_file_unlock(ov, id);
	return err;
}
