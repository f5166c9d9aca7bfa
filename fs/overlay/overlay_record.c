/* SPDX-License-Identifier: MIT */
/* Records of an overlay: between bytes and structs. */
#include "overlay/overlay_record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/be.h"
#include "base/le.h"
#include "base/log.h"

#define NANOSECONDS 1000000000u

#define damaged(id, format, ...)                                                                   \
	(log_error("overlay: node %llu: damaged record: " format,                                  \
		   (unsigned long long)(id)__VA_OPT__(, ) __VA_ARGS__),                            \
	 -EUCLEAN)

/* Keys -------------------------------------------------------------------------------------------- */

static void put_be64(struct store_key *key, uint64_t value)
{
	be64 field = be64_make(value);

	memcpy(key->bytes + key->len, &field, sizeof(field));
	key->len += sizeof(field);
}

void record_prefix(struct store_key *key, uint64_t id)
{
	key->len = 0;
	put_be64(key, id);
}

void record_prefix_kind(struct store_key *key, uint64_t id, enum record_kind kind)
{
	record_prefix(key, id);
	key->bytes[key->len++] = (uint8_t)kind;
}

void record_key_super(struct store_key *key)
{
	record_prefix_kind(key, 0, RECORD_SUPER);
}

void record_key_node(struct store_key *key, uint64_t id)
{
	record_prefix_kind(key, id, RECORD_NODE);
}

void record_key_chunk(struct store_key *key, uint64_t id, uint64_t number)
{
	record_prefix_kind(key, id, RECORD_CHUNK);
	put_be64(key, number);
}

void record_key_link(struct store_key *key, uint64_t id)
{
	record_prefix_kind(key, id, RECORD_LINK);
}

void record_key_names(struct store_key *key, uint64_t dir, uint64_t hash)
{
	record_prefix_kind(key, dir, RECORD_NAMES);
	put_be64(key, hash);
}

void record_key_note(struct store_key *key, uint16_t slot)
{
	record_prefix_kind(key, 0, RECORD_NOTE);
	put_be64(key, slot);
}

void record_key_xattr(struct store_key *key, uint64_t id, const char *name, size_t len)
{
	record_prefix_kind(key, id, RECORD_XATTR);
	assert(len <= sizeof(key->bytes) - key->len);
	memcpy(key->bytes + key->len, name, len);
	key->len += len;
}

static int parse_slot(const uint8_t *sub, struct record_key *out)
{
	out->number = be64_at(sub);
	return out->number < TREE_NOTES
		       ? 0
		       : damaged(0, "a note in slot %llu", (unsigned long long)out->number);
}

int record_key_parse(const struct store_key *key, struct record_key *out)
{
	const size_t rest = key->len - sizeof(be64) - 1;
	const uint8_t *sub = key->bytes + sizeof(be64) + 1;

	if (key->len <= sizeof(be64))
		return damaged(0, "a key of %zu bytes", key->len);
	*out = (struct record_key){
		.id = be64_at(key->bytes),
		.kind = (enum record_kind)key->bytes[sizeof(be64)],
	};
	if (out->id >= RECORD_IDS_END)
		return damaged(out->id, "beyond all ids");
	if (out->id == 0) {
		if (out->kind == RECORD_NOTE && rest == sizeof(be64))
			return parse_slot(sub, out);
		if (out->kind != RECORD_SUPER || rest != 0)
			out->kind = (enum record_kind)0;
		return 0;
	}
	switch (out->kind) {
	case RECORD_NODE:
	case RECORD_LINK:
		if (rest != 0)
			break;
		return 0;
	case RECORD_CHUNK:
		if (rest != sizeof(be64) || be64_at(sub) > INT64_MAX / CHUNK_BYTES)
			break;
		out->number = be64_at(sub);
		return 0;
	case RECORD_NAMES:
		if (rest != sizeof(be64))
			break;
		out->number = be64_at(sub);
		return 0;
	case RECORD_XATTR:
		if (rest < 1 || rest > 255 || memchr(sub, '\0', rest))
			break;
		out->name = (const char *)sub;
		out->name_len = rest;
		return 0;
	case RECORD_SUPER:
	case RECORD_NOTE:
		break;
	}
	return damaged(out->id, "a key of kind 0x%02x with %zu bytes", (unsigned int)out->kind,
		       rest);
}

/* The overlay itself ------------------------------------------------------------------------------ */

struct disk_super {
	le32 format; /* 0x00 */
	le32 unused_04;
	le64 base_span; /* 0x08 */
	le64 next_id; /* 0x10 */
	uint8_t hash_key[HASH_SHORT_KEY_BYTES]; /* 0x18 */
	le64 unused_28;
};
static_assert(sizeof(struct disk_super) == RECORD_SUPER_BYTES, "super record");

size_t record_super_encode(const struct record_super *super, uint8_t out[RECORD_SUPER_BYTES])
{
	struct disk_super disk = {
		.format = le32_make(super->format),
		.base_span = le64_make(super->base_span),
		.next_id = le64_make(super->next_id),
	};

	memcpy(disk.hash_key, super->hash_key, sizeof(disk.hash_key));
	memcpy(out, &disk, sizeof(disk));
	return sizeof(disk);
}

int record_super_decode(const void *value, size_t len, struct record_super *out)
{
	struct disk_super disk;

	if (len != sizeof(disk))
		return damaged(0, "the overlay's own has %zu bytes", len);
	memcpy(&disk, value, sizeof(disk));
	out->format = le32_get(disk.format);
	out->base_span = le64_get(disk.base_span);
	out->next_id = le64_get(disk.next_id);
	memcpy(out->hash_key, disk.hash_key, sizeof(out->hash_key));
	if (out->format != RECORD_FORMAT) {
		log_error("overlay: format %u: this version of bramble knows %u", out->format,
			  RECORD_FORMAT);
		return -EPROTONOSUPPORT;
	}
	if (out->base_span > out->next_id || out->next_id > RECORD_IDS_END)
		return damaged(0, "next node %llu, lower tree below %llu",
			       (unsigned long long)out->next_id,
			       (unsigned long long)out->base_span);
	return 0;
}

/* A note ------------------------------------------------------------------------------------------ */

struct disk_note {
	le64 id; /* 0x00 */
	uint8_t bytes[TREE_NOTE_BYTES]; /* 0x08 */
};
static_assert(sizeof(struct disk_note) == RECORD_NOTE_BYTES, "note record");

size_t record_note_encode(const struct tree_note *note, uint8_t out[RECORD_NOTE_BYTES])
{
	struct disk_note disk = {.id = le64_make(note->id)};

	memcpy(disk.bytes, note->bytes, sizeof(disk.bytes));
	memcpy(out, &disk, sizeof(disk));
	return sizeof(disk);
}

int record_note_decode(const struct record_key *key, const void *value, size_t len,
		       struct tree_note *out)
{
	struct disk_note disk;

	if (len != sizeof(disk))
		return damaged(0, "note %llu has %zu bytes", (unsigned long long)key->number, len);
	memcpy(&disk, value, sizeof(disk));
	out->slot = (uint16_t)key->number;
	out->id = le64_get(disk.id);
	memcpy(out->bytes, disk.bytes, sizeof(out->bytes));
	if (out->id >= RECORD_IDS_END)
		return damaged(0, "note %llu is of node %llu", (unsigned long long)key->number,
			       (unsigned long long)out->id);
	return 0;
}

/* A node ------------------------------------------------------------------------------------------ */

struct disk_time {
	le64 seconds; /* signed */
	le32 nanoseconds;
};

struct disk_node {
	le16 flags; /* 0x00 */
	le16 unused_02;
	le32 mode; /* 0x04 */
	le32 nlink; /* 0x08 */
	le32 uid; /* 0x0c */
	le32 gid; /* 0x10 */
	le32 project; /* 0x14 */
	le64 size; /* 0x18: of a device: its numbers */
	le64 lower_size; /* 0x20: of a directory: folds_like */
	le64 own_blocks; /* 0x28: of a directory: parent */
	le64 volume; /* 0x30 */
	struct disk_time atime; /* 0x38 */
	struct disk_time mtime; /* 0x44 */
	struct disk_time ctime; /* 0x50 */
	struct disk_time btime; /* 0x5c */
	uint8_t unused_68[0x18];
};
static_assert(sizeof(struct disk_node) == RECORD_NODE_BYTES, "node record");
static_assert(offsetof(struct disk_node, btime) == 0x5c, "node record");

static struct disk_time encode_time(struct timespec t)
{
	return (struct disk_time){
		.seconds = le64_make((uint64_t)t.tv_sec),
		.nanoseconds = le32_make((uint32_t)t.tv_nsec),
	};
}

static bool decode_time(struct disk_time disk, struct timespec *out)
{
	out->tv_sec = (time_t)le64_get(disk.seconds);
	out->tv_nsec = (long)le32_get(disk.nanoseconds);
	return le32_get(disk.nanoseconds) < NANOSECONDS;
}

static bool is_device(uint32_t mode)
{
	return S_ISCHR(mode) || S_ISBLK(mode);
}

size_t record_node_encode(const struct record_node *node, uint8_t out[RECORD_NODE_BYTES])
{
	const bool dir = S_ISDIR(node->mode);
	struct disk_node disk = {
		.flags = le16_make((uint16_t)node->flags),
		.mode = le32_make(node->mode),
		.nlink = le32_make(node->nlink),
		.uid = le32_make(node->uid),
		.gid = le32_make(node->gid),
		.project = le32_make(node->project),
		.size = le64_make(is_device(node->mode) ? node->rdev : node->size),
		.lower_size = le64_make(dir ? node->folds_like : node->lower_size),
		.own_blocks = le64_make(dir ? node->parent : node->own_blocks),
		.volume = le64_make(node->volume),
		.atime = encode_time(node->atime),
		.mtime = encode_time(node->mtime),
		.ctime = encode_time(node->ctime),
		.btime = encode_time(node->btime),
	};

	memcpy(out, &disk, sizeof(disk));
	return sizeof(disk);
}

static bool is_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return mode <= (S_IFMT | 07777);
	default:
		return false;
	}
}

static bool decode_times(const struct disk_node *disk, struct record_node *node)
{
	return decode_time(disk->atime, &node->atime) && decode_time(disk->mtime, &node->mtime) &&
	       decode_time(disk->ctime, &node->ctime) && decode_time(disk->btime, &node->btime);
}

int record_node_decode(uint64_t id, const void *value, size_t len, struct record_node *out)
{
	struct record_node node;
	struct disk_node disk;

	if (len != sizeof(disk))
		return damaged(id, "a node's has %zu bytes", len);
	memcpy(&disk, value, sizeof(disk));
	node = (struct record_node){
		.flags = le16_get(disk.flags),
		.mode = le32_get(disk.mode),
		.nlink = le32_get(disk.nlink),
		.uid = le32_get(disk.uid),
		.gid = le32_get(disk.gid),
		.project = le32_get(disk.project),
		.volume = le64_get(disk.volume),
	};
	if (S_ISDIR(node.mode)) {
		node.folds_like = le64_get(disk.lower_size);
		node.parent = le64_get(disk.own_blocks);
	} else {
		node.lower_size = le64_get(disk.lower_size);
		node.own_blocks = le64_get(disk.own_blocks);
	}
	if (is_device(node.mode))
		node.rdev = le64_get(disk.size);
	else
		node.size = le64_get(disk.size);
	if (node.flags & ~NODE_FLAGS || !is_type(node.mode) || node.size > INT64_MAX ||
	    node.lower_size > node.size || node.own_blocks > STORE_BLOCKS_END ||
	    node.parent >= RECORD_IDS_END || node.volume >= RECORD_IDS_END ||
	    node.folds_like >= RECORD_IDS_END || !decode_times(&disk, &node))
		return damaged(id, "a node's: flags 0x%x, mode 0%o, size %llu", node.flags,
			       node.mode, (unsigned long long)node.size);
	*out = node;
	return 0;
}

/* A chunk of a file ------------------------------------------------------------------------------- */

/* Blocks of one kind, one behind the other in the file and in the store. */
struct disk_run {
	uint8_t first; /* block of the chunk */
	uint8_t last;
	uint8_t block[6]; /* le48 of the store's block, 0 of a hole */
	uint8_t kind; /* BLOCK_KIND >> 62 */
	uint8_t unused;
};
static_assert(sizeof(struct disk_run) * CHUNK_BLOCKS == RECORD_CHUNK_MAX_BYTES, "chunk record");

/* What the block behind @block is if both belong to one run. */
static uint64_t successor(uint64_t block)
{
	return block_is_stored(block) ? block + 1 : block;
}

size_t record_chunk_encode(const struct record_chunk *chunk, uint8_t out[RECORD_CHUNK_MAX_BYTES])
{
	size_t used = 0;

	for (unsigned int i = 0; i < CHUNK_BLOCKS;) {
		const uint64_t block = chunk->blocks[i];
		struct disk_run run = {.first = (uint8_t)i, .kind = (uint8_t)(block >> 62)};
		unsigned int last = i;
		le64 number = le64_make(block & BLOCK_NUMBER);

		while (last + 1 < CHUNK_BLOCKS &&
		       chunk->blocks[last + 1] == successor(chunk->blocks[last]))
			last++;
		i = last + 1;
		if ((block & BLOCK_KIND) == BLOCK_LOWER)
			continue;
		run.last = (uint8_t)last;
		memcpy(run.block, number.bytes, sizeof(run.block));
		memcpy(out + used, &run, sizeof(run));
		used += sizeof(run);
	}
	return used;
}

int record_chunk_decode(uint64_t id, const void *value, size_t len, struct record_chunk *out)
{
	const uint8_t *at = value;
	unsigned int next = 0;

	if (len == 0 || len % sizeof(struct disk_run) || len > RECORD_CHUNK_MAX_BYTES)
		return damaged(id, "a chunk's has %zu bytes", len);
	memset(out, 0, sizeof(*out));
	for (; len; len -= sizeof(struct disk_run), at += sizeof(struct disk_run)) {
		struct disk_run run;
		le64 number = {0};
		uint64_t block;

		memcpy(&run, at, sizeof(run));
		memcpy(number.bytes, run.block, sizeof(run.block));
		block = (uint64_t)run.kind << 62 | le64_get(number);
		if (run.first < next || run.last < run.first || run.last >= CHUNK_BLOCKS ||
		    run.kind < 1 || run.kind > 3 ||
		    (block_is_stored(block) ? le64_get(number) >= STORE_BLOCKS_END - CHUNK_BLOCKS
					    : le64_get(number) != 0))
			return damaged(id, "a chunk's: blocks %u-%u of kind %u at %llu", run.first,
				       run.last, run.kind, (unsigned long long)le64_get(number));
		for (unsigned int i = run.first; i <= run.last; i++, block = successor(block))
			out->blocks[i] = block;
		next = run.last + 1u;
	}
	return 0;
}

/* Entries of a directory -------------------------------------------------------------------------- */

struct disk_name {
	uint8_t flags; /* 0x0 */
	uint8_t type; /* 0x1 */
	le16 len; /* 0x2: the name follows */
	le64 id; /* 0x4 */
};
static_assert(sizeof(struct disk_name) == RECORD_NAME_OVERHEAD, "name record");

/* "." and "..", which no directory holds. */
static bool is_dots(const struct record_name *name)
{
	return name->name[0] == '.' && (name->len == 1 || (name->len == 2 && name->name[1] == '.'));
}

int record_names_next(uint64_t dir, const uint8_t **value, size_t *len, struct record_name *out)
{
	struct disk_name disk;

	if (*len == 0)
		return 0;
	if (*len < sizeof(disk))
		return damaged(dir, "a name's is cut off");
	memcpy(&disk, *value, sizeof(disk));
	*value += sizeof(disk);
	*len -= sizeof(disk);
	*out = (struct record_name){
		.flags = disk.flags,
		.type = disk.type,
		.id = le64_get(disk.id),
		.name = (const char *)*value,
		.len = le16_get(disk.len),
	};
	if (out->flags & ~NAME_FLAGS || out->flags == 0 || out->len == 0 ||
	    out->len > TREE_NAME_MAX || out->len > *len ||
	    !(out->flags & NAME_PRESENT) != !out->id || out->id >= RECORD_IDS_END ||
	    memchr(out->name, '/', out->len) || memchr(out->name, '\0', out->len) || is_dots(out))
		return damaged(dir, "a name's: flags 0x%x, %zu bytes of %zu, node %llu", out->flags,
			       out->len, *len, (unsigned long long)out->id);
	*value += out->len;
	*len -= out->len;
	return 1;
}

size_t record_names_append(uint8_t *out, size_t used, const struct record_name *name)
{
	struct disk_name disk = {
		.flags = name->flags,
		.type = name->type,
		.len = le16_make((uint16_t)name->len),
		.id = le64_make(name->id),
	};

	memcpy(out + used, &disk, sizeof(disk));
	memcpy(out + used + sizeof(disk), name->name, name->len);
	return used + sizeof(disk) + name->len;
}
