/* SPDX-License-Identifier: MIT */
/*
 * Where the blocks of a file are: its chunks, a cursor over them, and the stretches of bytes that
 * they make. Private to the overlay room.
 *
 * Chunks of a file change under its lock alone. So whoever holds it may read them as they are
 * committed, also while a transaction is open.
 */
#ifndef BRAMBLE_OVERLAY_OVERLAY_CHUNK_H
#define BRAMBLE_OVERLAY_OVERLAY_CHUNK_H

#include "overlay/overlay_fs.h"

/* -ENOENT: there is no record, all its blocks are BLOCK_LOWER. -EUCLEAN, -EBADMSG: damaged. */
int overlay_chunk_get(struct overlay *ov, uint64_t id, uint64_t number, struct record_chunk *out);

/* Deletes the record where there is nothing to say. */
int overlay_chunk_put(struct overlay_txn *txn, uint64_t id, uint64_t number,
		      const struct record_chunk *chunk);

/* Blocks that a transaction no longer needs, given to the store in runs. */
struct overlay_freed {
	struct overlay_txn *txn;
	uint64_t first; /* of the run at hand */
	uint64_t count;
	uint64_t total; /* of all blocks */
};

/* Nothing happens to a block that is not stored. */
int overlay_freed_add(struct overlay_freed *freed, uint64_t block);
int overlay_freed_finish(struct overlay_freed *freed);

/* Takes note of the blocks that are gone. */
void overlay_node_own_less(struct record_node *node, uint64_t count);

/* Walks over the chunks of one file. */
struct overlay_cursor {
	struct overlay *ov;
	uint64_t id;
	uint64_t number; /* of the chunk at hand; UINT64_MAX: none yet */
	bool present; /* it has a record: @chunk */
	uint64_t next; /* if it is not present: no chunk from @number up to here has a record */
	struct record_chunk chunk;
};

#define OVERLAY_CURSOR_INIT(overlay, node)                                                         \
	{                                                                                          \
		.ov = (overlay), .id = (node), .number = UINT64_MAX                                \
	}

int overlay_cursor_load(struct overlay_cursor *cursor, uint64_t number);

/* The first chunk with a record, from @number on; UINT64_MAX: there is none. */
int overlay_cursor_find(struct overlay_cursor *cursor, uint64_t number, uint64_t *out_number);

enum overlay_segment_kind {
	SEGMENT_STORED,
	SEGMENT_ZEROS,
	SEGMENT_LOWER,
};

/* A stretch of a file of one kind. */
struct overlay_segment {
	enum overlay_segment_kind kind;
	uint64_t end; /* of the stretch, in the file */
	uint64_t data; /* where it starts in the data of the store, if it is stored */
};

/*
 * What is at @offset, and how far it is the same: at most up to @end, which lies behind @offset.
 * Stored bytes are one behind the other. The next stretch may be of the same kind.
 */
int overlay_segment_at(struct overlay_cursor *cursor, const struct record_node *node,
		       uint64_t offset, uint64_t end, struct overlay_segment *out);

#endif
