/* SPDX-License-Identifier: MIT */
/* Checking an overlay: each node with what belongs to it, except its names. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "overlay/overlay_check.h"

#define ull(number) ((unsigned long long)(number))

/* The node whose records are passing by; its attributes come first. */
struct current {
	uint64_t id;
	bool recorded; /* its attributes are known */
	bool removed;
	struct record_node node; /* if recorded and not removed */
	uint64_t stored; /* blocks in its chunks */
	uint64_t link_bytes; /* of a symbolic link's target */
};

struct looking {
	struct check *check;
	struct current at;
};

/* Nodes ------------------------------------------------------------------------------------------ */

static int add_node(struct check *check, uint64_t id, const struct record_node *node)
{
	struct check_node *slot = overlay_check_add(&check->nodes, id);

	if (!slot)
		return -ENOMEM;
	slot->recorded = true;
	slot->removed = node->flags & NODE_REMOVED;
	slot->mode = node->mode;
	slot->nlink = node->nlink;
	slot->parent = node->parent;
	slot->folds_like = node->folds_like;
	return 0;
}

static void check_created(struct check *check, uint64_t id, const struct record_node *node)
{
	uint64_t root;

	if (!(node->flags & NODE_CREATED))
		check_problem(check, "node %llu is not of the lower tree, but not created either",
			      ull(id));
	if (node->lower_size)
		check_problem(check, "node %llu: %llu bytes of a lower file that there is not",
			      ull(id), ull(node->lower_size));
	if (S_ISDIR(node->mode) && node->parent == 0)
		check_problem(check, "directory %llu has no parent", ull(id));
	if (S_ISDIR(node->mode) && node->folds_like &&
	    (!overlay_is_lower(check->ov, node->folds_like) ||
	     !tree_ignores_case(check->ov->lower, node->folds_like)))
		check_problem(check,
			      "directory %llu compares names like %llu, which ignores no case",
			      ull(id), ull(node->folds_like));
	if (!overlay_is_lower(check->ov, node->volume) ||
	    tree_volume(check->ov->lower, node->volume, &root) || root != node->volume)
		check_problem(check, "node %llu lies on %llu, which is no volume", ull(id),
			      ull(node->volume));
}

static void check_lower(struct check *check, uint64_t id, const struct record_node *node)
{
	struct tree_attr attr;
	uint64_t volume;
	int err = tree_getattr(check->ov->lower, id, &attr);

	if (node->flags & NODE_CREATED)
		check_problem(check, "node %llu is of the lower tree, but created", ull(id));
	if (!err)
		err = tree_volume(check->ov->lower, id, &volume);
	if (err == -ESTALE)
		check_problem(check, "node %llu: the lower tree has none of this number", ull(id));
	else if (err)
		log_warn("overlay: node %llu of the lower tree cannot be looked at: %s", ull(id),
			 strerror(-err));
	if (err)
		return;
	if ((attr.mode ^ node->mode) & S_IFMT)
		check_problem(check, "node %llu has mode 0%o, in the lower tree 0%o", ull(id),
			      node->mode, attr.mode);
	if (node->flags & NODE_REMOVED)
		return;
	if (S_ISREG(attr.mode) && node->lower_size > attr.size)
		check_problem(check, "node %llu: %llu bytes of a lower file that has %llu", ull(id),
			      ull(node->lower_size), ull(attr.size));
	if (node->volume != volume)
		check_problem(check, "node %llu lies on volume %llu, in the lower tree on %llu",
			      ull(id), ull(node->volume), ull(volume));
}

static int check_node(struct looking *look, const void *value, size_t len)
{
	struct check *check = look->check;
	struct current *at = &look->at;
	struct record_node *node = &at->node;

	if (record_node_decode(at->id, value, len, node)) {
		check->problems++; /* logged */
		return 0;
	}
	at->recorded = true;
	at->removed = node->flags & NODE_REMOVED;
	if (overlay_is_lower(check->ov, at->id))
		check_lower(check, at->id, node);
	else
		check_created(check, at->id, node);
	if (!S_ISREG(node->mode) && !S_ISDIR(node->mode) && (node->own_blocks || node->lower_size))
		check_problem(check, "node %llu has data, but mode 0%o", ull(at->id), node->mode);
	if (at->removed && (node->nlink || !overlay_is_lower(check->ov, at->id)))
		check_problem(check, "node %llu is removed, but created or with %u names",
			      ull(at->id), node->nlink);
	/* what a crash left, which only an opening for writing can take away */
	if (!at->removed && node->nlink == 0 && !store_is_read_only(check->ov->store) &&
	    !overlay_is_held(&check->ov->held, at->id))
		check_problem(check, "node %llu has no name, and nobody holds it", ull(at->id));
	return add_node(check, at->id, node);
}

/* Chunks ----------------------------------------------------------------------------------------- */

/* Stored blocks that stand together: each has no other user, and the store knows of them. */
static int check_run(struct looking *look, uint64_t number, uint64_t first, uint64_t count)
{
	struct check *check = look->check;
	char byte;
	int err;

	for (uint64_t block = first; block < first + count; block++) {
		err = overlay_check_use(&check->blocks, block);
		if (err < 0)
			return err;
		if (err > 0)
			check_problem(check, "node %llu, chunk %llu: block %llu has another user",
				      ull(look->at.id), ull(number), ull(block));
	}
	look->at.stored += count;
	err = store_data_read(check->ov->store, &byte, 1, first * STORE_BLOCK);
	if (!err && count > 1)
		err = store_data_read(check->ov->store, &byte, 1,
				      (first + count) * STORE_BLOCK - 1);
	if (err)
		check_problem(check, "node %llu, chunk %llu: blocks %llu to %llu: %s",
			      ull(look->at.id), ull(number), ull(first), ull(first + count - 1),
			      err == -EUCLEAN ? "not taken" : strerror(-err));
	return 0;
}

static int check_blocks(struct looking *look, uint64_t number, const struct record_chunk *chunk)
{
	const uint64_t end = div_round_up(look->at.node.size, STORE_BLOCK);
	int err = 0;

	for (unsigned int i = 0; !err && i < CHUNK_BLOCKS;) {
		const uint64_t block = chunk->blocks[i];
		const uint64_t index = number * CHUNK_BLOCKS + i;
		unsigned int count = 1;

		if (index >= end && block != BLOCK_LOWER && (block & BLOCK_KIND) != BLOCK_UNWRITTEN)
			check_problem(look->check,
				      "node %llu: block %llu is behind the end of %llu bytes",
				      ull(look->at.id), ull(index), ull(look->at.node.size));
		if (block_is_stored(block)) {
			while (i + count < CHUNK_BLOCKS && index + count != end &&
			       chunk->blocks[i + count] == block + count)
				count++;
			err = check_run(look, number, block & BLOCK_NUMBER, count);
		}
		i += count;
	}
	return err;
}

static int check_chunk(struct looking *look, uint64_t number, const void *value, size_t len)
{
	struct record_chunk chunk;

	if (record_chunk_decode(look->at.id, value, len, &chunk)) {
		look->check->problems++; /* logged */
		return 0;
	}
	if (!look->at.recorded || look->at.removed || !S_ISREG(look->at.node.mode))
		check_problem(look->check, "node %llu has a chunk, but is no file with attributes",
			      ull(look->at.id));
	return check_blocks(look, number, &chunk);
}

/* The rest --------------------------------------------------------------------------------------- */

static void check_link(struct looking *look, const void *value, size_t len)
{
	if (!look->at.recorded || !S_ISLNK(look->at.node.mode) ||
	    !(look->at.node.flags & NODE_CREATED))
		check_problem(look->check, "node %llu has a target, but was not created as a link",
			      ull(look->at.id));
	else if (len == 0 || len > TREE_LINK_MAX || memchr(value, '\0', len))
		check_problem(look->check, "link %llu: %zu bytes are no target", ull(look->at.id),
			      len);
	look->at.link_bytes = len;
}

static void check_xattr(struct looking *look, const struct record_key *key, size_t len)
{
	const struct current *at = &look->at;

	if (len > TREE_XATTR_MAX)
		check_problem(look->check, "node %llu: attribute %.*s has %zu bytes", ull(at->id),
			      (int)key->name_len, key->name, len);
	if (!at->recorded || at->removed)
		check_problem(look->check, "node %llu has attribute %.*s, but does not exist",
			      ull(at->id), (int)key->name_len, key->name);
	else if (overlay_is_lower(look->check->ov, at->id) && !(at->node.flags & NODE_OWN_XATTRS))
		check_problem(look->check,
			      "node %llu has attribute %.*s, but shows those of the lower tree",
			      ull(at->id), (int)key->name_len, key->name);
}

/* What it is about may be gone since, but was there once. */
static void check_note(struct check *check, const struct record_key *key, const void *value,
		       size_t len)
{
	struct tree_note note;

	if (record_note_decode(key, value, len, &note))
		check->problems++; /* logged */
	else if (note.id >= check->next_id)
		check_problem(check, "note %u is about node %llu, but the next new one is %llu",
			      note.slot, ull(note.id), ull(check->next_id));
}

/* All records of a node were seen. */
static void end_node(struct looking *look)
{
	const struct current *at = &look->at;
	const struct record_node *node = &at->node;

	if (!at->recorded || at->removed)
		return;
	if (S_ISREG(node->mode) && at->stored != node->own_blocks)
		check_problem(look->check, "node %llu counts %llu blocks, but has %llu",
			      ull(at->id), ull(node->own_blocks), ull(at->stored));
	if (S_ISLNK(node->mode) && node->flags & NODE_CREATED && at->link_bytes != node->size)
		check_problem(look->check, "link %llu has %llu bytes, its target %llu", ull(at->id),
			      ull(node->size), ull(at->link_bytes));
}

static void begin_node(struct looking *look, uint64_t id)
{
	struct check *check = look->check;

	end_node(look);
	memset(&look->at, 0, sizeof(look->at));
	look->at.id = id;
	if (id >= check->next_id)
		check_problem(check, "node %llu has records, but the next new one is %llu", ull(id),
			      ull(check->next_id));
}

static int check_record(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct looking *look = ctx;
	struct record_key parsed;

	if (record_key_parse(key, &parsed)) {
		look->check->problems++; /* logged */
		return 0;
	}
	if (parsed.kind == RECORD_NOTE)
		check_note(look->check, &parsed, value, len);
	if (parsed.id == 0)
		return 0;
	if (parsed.id != look->at.id)
		begin_node(look, parsed.id);
	switch (parsed.kind) {
	case RECORD_NODE:
		return check_node(look, value, len);
	case RECORD_CHUNK:
		return check_chunk(look, parsed.number, value, len);
	case RECORD_LINK:
		check_link(look, value, len);
		return 0;
	case RECORD_XATTR:
		check_xattr(look, &parsed, len);
		return 0;
	case RECORD_NAMES:
	case RECORD_SUPER:
	case RECORD_NOTE:
		break;
	}
	/* its names make no sense without it; a directory of the lower tree is one without records */
	if (!look->at.recorded && !overlay_is_lower(look->check->ov, parsed.id))
		check_problem(look->check, "directory %llu has names, but no attributes",
			      ull(parsed.id));
	return 0;
}

int overlay_check_records(struct check *check)
{
	const struct store_key all = {.len = 0};
	struct looking look = {.check = check};
	int err = store_scan(check->ov->store, &all, NULL, check_record, &look);

	if (!err)
		end_node(&look);
	return err;
}
