/* SPDX-License-Identifier: MIT */
/*
 * The records of an overlay: keys, and values between bytes and structs. Everything decoded has been
 * bounded; what is damaged is logged with the node's id. docs/store-format.md describes the format.
 * Private to the overlay room.
 *
 * A key is the node's id (be64), one letter for the kind, and for most kinds something more, so that
 * all records of a node stand together. Node 0 is the overlay itself.
 */
#ifndef BRAMBLE_OVERLAY_OVERLAY_RECORD_H
#define BRAMBLE_OVERLAY_OVERLAY_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/hash.h"
#include "store/store.h"
#include "tree/tree.h"

#define RECORD_FORMAT 1u

enum record_kind {
	RECORD_SUPER = 'S', /* node 0: format, counter, key of the name hash */
	RECORD_NODE = 'A', /* attributes */
	RECORD_CHUNK = 'C', /* + be64 number: where CHUNK_BLOCKS blocks of a file are */
	RECORD_NAMES = 'E', /* + be64 hash: the entries of a directory whose names have this hash */
	RECORD_LINK = 'L', /* the target of a symbolic link that was created */
	RECORD_XATTR = 'X', /* + name: the value of an extended attribute */
	RECORD_NOTE = 'N', /* node 0, + be64 slot: a note (tree_note.h) */
};

/* Ids are below this: FUSE and NFS give them to programs as signed 64 bits. */
#define RECORD_IDS_END ((uint64_t)1 << 62)

/* Keys -------------------------------------------------------------------------------------------- */

void record_key_super(struct store_key *key);
void record_key_node(struct store_key *key, uint64_t id);
void record_key_chunk(struct store_key *key, uint64_t id, uint64_t number);
void record_key_link(struct store_key *key, uint64_t id);
void record_key_names(struct store_key *key, uint64_t dir, uint64_t hash);

void record_key_note(struct store_key *key, uint16_t slot);

/* @len is at most 255. */
void record_key_xattr(struct store_key *key, uint64_t id, const char *name, size_t len);

/* What all records of @id, or all of one kind, begin with. */
void record_prefix(struct store_key *key, uint64_t id);
void record_prefix_kind(struct store_key *key, uint64_t id, enum record_kind kind);

struct record_key {
	uint64_t id;
	enum record_kind kind;
	uint64_t number; /* of a chunk; the hash of names; the slot of a note */
	const char *name; /* of an extended attribute: in the key, not NUL-terminated */
	size_t name_len;
};

/* -EUCLEAN: not a key of an overlay. Keys of the store's own at node 0 give kind 0. */
int record_key_parse(const struct store_key *key, struct record_key *out);

/* The overlay itself ------------------------------------------------------------------------------ */

struct record_super {
	uint32_t format;
	uint64_t base_span; /* ids below are the lower tree's */
	uint64_t next_id;
	uint8_t hash_key[HASH_SHORT_KEY_BYTES];
};

#define RECORD_SUPER_BYTES 48u
size_t record_super_encode(const struct record_super *super, uint8_t out[RECORD_SUPER_BYTES]);
int record_super_decode(const void *value, size_t len, struct record_super *out);

/* A note ------------------------------------------------------------------------------------------ */

#define RECORD_NOTE_BYTES (8u + TREE_NOTE_BYTES)
size_t record_note_encode(const struct tree_note *note, uint8_t out[RECORD_NOTE_BYTES]);
int record_note_decode(const struct record_key *key, const void *value, size_t len,
		       struct tree_note *out);

/* A node ------------------------------------------------------------------------------------------ */

#define NODE_REMOVED 0x1u /* of the lower tree: gone, its id names nothing any more */
#define NODE_OWN_XATTRS 0x2u /* the lower tree's extended attributes no longer count */
#define NODE_CREATED 0x4u /* not of the lower tree */
#define NODE_FLAGS 0x7u

struct record_node {
	uint32_t flags; /* NODE_* */
	uint32_t mode;
	uint32_t nlink; /* 0: without a name, kept while it is held */
	uint32_t uid;
	uint32_t gid;
	uint32_t project;
	uint64_t rdev;
	uint64_t size;
	uint64_t lower_size; /* of a file: bytes from its start that the lower file still gives */
	uint64_t own_blocks; /* STORE_BLOCK each: in the store, for this file */
	uint64_t parent; /* of a directory; 0: as in the lower tree */
	uint64_t volume; /* root of the volume that it lies on */
	uint64_t
		folds_like; /* of a directory that was created: one of the lower tree whose names are
				compared alike; 0: byte by byte */
	struct timespec atime;
	struct timespec mtime;
	struct timespec ctime;
	struct timespec btime;
};

#define RECORD_NODE_BYTES 128u
size_t record_node_encode(const struct record_node *node, uint8_t out[RECORD_NODE_BYTES]);
int record_node_decode(uint64_t id, const void *value, size_t len, struct record_node *out);

/* A chunk of a file ------------------------------------------------------------------------------- */

#define CHUNK_BLOCKS 64u
#define CHUNK_BYTES ((uint64_t)CHUNK_BLOCKS * STORE_BLOCK)

/* Where one block of a file is: one of these, with a block number of the store in the low bits. */
#define BLOCK_LOWER 0u /* as in the lower tree, up to lower_size; a hole behind that */
#define BLOCK_HOLE ((uint64_t)1 << 62)
#define BLOCK_DATA ((uint64_t)2 << 62)
#define BLOCK_UNWRITTEN ((uint64_t)3 << 62) /* set aside; reads as zeros */
#define BLOCK_KIND ((uint64_t)3 << 62)
#define BLOCK_NUMBER (~BLOCK_KIND)

struct record_chunk {
	uint64_t blocks[CHUNK_BLOCKS];
};

static inline bool block_is_stored(uint64_t block)
{
	return (block & BLOCK_KIND) == BLOCK_DATA || (block & BLOCK_KIND) == BLOCK_UNWRITTEN;
}

#define RECORD_CHUNK_MAX_BYTES (CHUNK_BLOCKS * 10u)

/* 0: nothing to say, all blocks are BLOCK_LOWER. */
size_t record_chunk_encode(const struct record_chunk *chunk, uint8_t out[RECORD_CHUNK_MAX_BYTES]);
int record_chunk_decode(uint64_t id, const void *value, size_t len, struct record_chunk *out);

/* Entries of a directory -------------------------------------------------------------------------- */

#define NAME_PRESENT 0x1u /* leads to a node; else the name is absent */
#define NAME_HIDES 0x2u /* the lower directory has this name: it does not count */
#define NAME_FLAGS 0x3u

/*
 * Names of one hash: more would be an attack on the hash. So few that any buffer a listing is asked
 * for takes all of them, for a listing can go on only behind them.
 */
#define RECORD_NAMES_MAX 4u
#define RECORD_NAME_OVERHEAD 12u
#define RECORD_NAMES_MAX_BYTES (RECORD_NAMES_MAX * (RECORD_NAME_OVERHEAD + TREE_NAME_MAX))

struct record_name {
	uint8_t flags; /* NAME_* */
	uint8_t type; /* DT_* */
	uint64_t id; /* 0 if it is not present */
	const char *name; /* not NUL-terminated */
	size_t len; /* 1 to TREE_NAME_MAX */
};

/* The next of the names of @dir in *@value, which moves behind it. 1: one; 0: no more; -EUCLEAN. */
int record_names_next(uint64_t dir, const uint8_t **value, size_t *len, struct record_name *out);

/* Appends to @out at @used; the caller ensures room. Returns the new length. */
size_t record_names_append(uint8_t *out, size_t used, const struct record_name *name);

#endif
