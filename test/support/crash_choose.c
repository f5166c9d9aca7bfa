/* SPDX-License-Identifier: MIT */
/* The model of crash_load: which operation comes next. */
#include "crash_model.h"

#include <assert.h>
#include <string.h>

#define FILES_MAX 24
#define DIRS_MAX 8
#define OTHERS_MAX 6
#define DEPTH_MAX 4
#define WRITE_BLOCKS_MAX 8u
#define APPEND_BYTES_MAX 9000u
#define ATTEMPTS 40

/* A block must have enough of its pattern to be known by, or nothing. */
#define KNOWN_BYTES 64u

static uint32_t below(struct crash_model *model, uint32_t end)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return (uint32_t)((model->random >> 11) % end);
}

static int count(const struct crash_model *model, enum crash_type type)
{
	int found = 0;

	for (int i = 0; i < model->live_count; i++)
		found += model->nodes[model->live[i]].type == type;
	return found;
}

/* One of this type; held files without a name are among them. -1: none. */
static int pick(struct crash_model *model, enum crash_type type)
{
	int all = count(model, type);
	int at;

	if (all == 0)
		return -1;
	at = (int)below(model, (uint32_t)all);
	for (int i = 0;; i++) {
		if (model->nodes[model->live[i]].type == type && at-- == 0)
			return model->live[i];
	}
}

static bool pick_entry(struct crash_model *model, bool used, int *dir, uint32_t *name)
{
	*dir = pick(model, CRASH_DIR);
	*name = below(model, CRASH_NAMES);
	for (uint32_t i = 0; i < CRASH_NAMES; i++, *name = (*name + 1) % CRASH_NAMES) {
		if ((model->nodes[*dir].children[*name] >= 0) == used)
			return true;
	}
	return false;
}

static int depth(const struct crash_model *model, int dir)
{
	int steps = 0;

	for (; dir != 0; dir = model->nodes[dir].parent)
		steps++;
	return steps;
}

static bool is_within(const struct crash_model *model, int dir, int above)
{
	for (; dir >= 0; dir = model->nodes[dir].parent) {
		if (dir == above)
			return true;
	}
	return false;
}

static bool is_empty(const struct crash_model *model, int dir)
{
	for (uint32_t i = 0; i < CRASH_NAMES; i++) {
		if (model->nodes[dir].children[i] >= 0)
			return false;
	}
	return true;
}

static int child(const struct crash_model *model, int dir, uint32_t name)
{
	return model->nodes[dir].children[name];
}

static bool choose_new(struct crash_model *model, struct crash_op *op)
{
	int others = count(model, CRASH_SYMLINK) + count(model, CRASH_FIFO);

	if (op->kind == CRASH_OP_CREATE && count(model, CRASH_FILE) >= FILES_MAX)
		return false;
	if (op->kind == CRASH_OP_MKDIR && count(model, CRASH_DIR) >= DIRS_MAX)
		return false;
	if (op->kind >= CRASH_OP_SYMLINK && others >= OTHERS_MAX)
		return false;
	if (!pick_entry(model, false, &op->dir, &op->name))
		return false;
	if (op->kind == CRASH_OP_MKDIR && depth(model, op->dir) >= DEPTH_MAX)
		return false;
	op->node = model->count;
	op->value = op->kind == CRASH_OP_SYMLINK ? 1 + below(model, 1u << 30)
						 : 0700 | below(model, 0100);
	return true;
}

static bool choose_unlink(struct crash_model *model, struct crash_op *op)
{
	if (!pick_entry(model, true, &op->dir, &op->name))
		return false;
	op->node = child(model, op->dir, op->name);
	if (op->kind == CRASH_OP_RMDIR)
		return model->nodes[op->node].type == CRASH_DIR && is_empty(model, op->node);
	return model->nodes[op->node].type != CRASH_DIR;
}

/* A directory may not come below itself, nor too deep. */
static bool fits(const struct crash_model *model, int node, int dir)
{
	return model->nodes[node].type != CRASH_DIR ||
	       (!is_within(model, dir, node) && depth(model, dir) + 2 < DEPTH_MAX);
}

static bool choose_rename(struct crash_model *model, struct crash_op *op)
{
	bool over = op->kind == CRASH_OP_EXCHANGE || below(model, 3) == 0;
	int node, other;

	if (!pick_entry(model, true, &op->dir, &op->name) ||
	    !pick_entry(model, over, &op->new_dir, &op->new_name))
		return false;
	node = op->node = child(model, op->dir, op->name);
	other = child(model, op->new_dir, op->new_name);
	if (node == other || !fits(model, node, op->new_dir))
		return false;
	if (!over)
		return true;
	if (op->kind == CRASH_OP_EXCHANGE)
		return fits(model, other, op->dir);
	if (model->nodes[node].type == CRASH_DIR)
		return model->nodes[other].type == CRASH_DIR && is_empty(model, other);
	return model->nodes[other].type != CRASH_DIR;
}

static bool choose_attribute(struct crash_model *model, struct crash_op *op)
{
	op->node = pick(model, below(model, 4) ? CRASH_FILE : CRASH_DIR);
	if (op->node <= 0 || model->nodes[op->node].nlink == 0)
		return false;
	op->value =
		op->kind == CRASH_OP_CHMOD ? 0700 | below(model, 0100) : 1 + below(model, 1u << 30);
	return true;
}

/* A run of whole blocks that starts below @end, at most @most of them and below @end if @inside. */
static bool choose_blocks(struct crash_model *model, uint32_t end, bool inside, uint32_t *block,
			  uint32_t *blocks)
{
	if (end == 0)
		return false;
	*block = below(model, end);
	*blocks = 1 + below(model, WRITE_BLOCKS_MAX);
	if (inside && *blocks > end - *block)
		*blocks = end - *block;
	if (*blocks > CRASH_BLOCKS - *block)
		*blocks = CRASH_BLOCKS - *block;
	return true;
}

static bool choose_append(struct crash_model *model, struct crash_op *op)
{
	const struct crash_node *node = &model->nodes[op->node];
	uint32_t at = (uint32_t)(node->size % CRASH_BLOCK);

	op->size = KNOWN_BYTES + below(model, APPEND_BYTES_MAX);
	if ((node->size + op->size) % CRASH_BLOCK < KNOWN_BYTES)
		op->size += KNOWN_BYTES;
	if (node->size + op->size > (uint64_t)CRASH_BLOCKS * CRASH_BLOCK)
		return false;
	/* Behind a hole or a cut the block would be of two patterns. */
	if (at && node->blocks[node->size / CRASH_BLOCK].len != at)
		return false;
	model->stamp += 4;
	return true;
}

static bool choose_truncate(struct crash_model *model, struct crash_op *op)
{
	uint64_t most = model->nodes[op->node].size;

	/* To what is there, to more, and to nothing at all */
	switch (below(model, 4)) {
	case 0:
		most = (uint64_t)CRASH_BLOCKS * CRASH_BLOCK;
		break;
	case 1:
		op->size = 0;
		return true;
	default:
		break;
	}
	op->size = most ? below(model, (uint32_t)most) : 0;
	if (op->size % CRASH_BLOCK < KNOWN_BYTES)
		op->size -= op->size % CRASH_BLOCK;
	return true;
}

static bool choose_data(struct crash_model *model, struct crash_op *op)
{
	uint32_t end;

	op->node = pick(model, CRASH_FILE);
	if (op->node < 0)
		return false;
	op->stamp = model->stamp;
	end = (uint32_t)(model->nodes[op->node].size / CRASH_BLOCK);
	switch (op->kind) {
	case CRASH_OP_WRITE:
		model->stamp += WRITE_BLOCKS_MAX;
		/* Mostly where something is, or right behind it. */
		if (below(model, 8) && end + 1 < CRASH_BLOCKS)
			return choose_blocks(model, end + 1, false, &op->block, &op->blocks);
		return choose_blocks(model, CRASH_BLOCKS, false, &op->block, &op->blocks);
	case CRASH_OP_MMAP:
		model->stamp += WRITE_BLOCKS_MAX;
		return choose_blocks(model, end, true, &op->block, &op->blocks);
	case CRASH_OP_PUNCH:
	case CRASH_OP_ZERO:
		return choose_blocks(model, end, true, &op->block, &op->blocks);
	case CRASH_OP_APPEND:
		return choose_append(model, op);
	case CRASH_OP_TRUNCATE:
		return choose_truncate(model, op);
	default: /* COPY */
		op->from = pick(model, CRASH_FILE);
		end = (uint32_t)(model->nodes[op->from].size / CRASH_BLOCK);
		if (op->from == op->node ||
		    !choose_blocks(model, end, true, &op->from_block, &op->blocks))
			return false;
		op->block = below(model, CRASH_BLOCKS - op->blocks + 1);
		return true;
	}
}

static bool choose(struct crash_model *model, struct crash_op *op)
{
	switch (op->kind) {
	case CRASH_OP_CREATE:
	case CRASH_OP_MKDIR:
	case CRASH_OP_SYMLINK:
	case CRASH_OP_MKFIFO:
		return choose_new(model, op);
	case CRASH_OP_LINK:
		op->node = pick(model, CRASH_FILE);
		return op->node >= 0 && model->nodes[op->node].nlink > 0 &&
		       pick_entry(model, false, &op->new_dir, &op->new_name) &&
		       crash_model_find(model, op->node, &op->dir, &op->name);
	case CRASH_OP_UNLINK:
	case CRASH_OP_RMDIR:
		return choose_unlink(model, op);
	case CRASH_OP_RENAME:
	case CRASH_OP_EXCHANGE:
		return choose_rename(model, op);
	case CRASH_OP_CHMOD:
	case CRASH_OP_TAG:
		return choose_attribute(model, op);
	case CRASH_OP_FSYNC:
	case CRASH_OP_FDATASYNC:
		op->node = pick(model, below(model, 3) ? CRASH_FILE : CRASH_DIR);
		return op->node >= 0;
	case CRASH_OP_HOLD:
		op->node = pick(model, CRASH_FILE);
		return model->held < 0 && op->node >= 0;
	case CRASH_OP_LET_GO:
		op->node = model->held;
		return model->held >= 0;
	default:
		return choose_data(model, op);
	}
}

void crash_model_next(struct crash_model *model, struct crash_op *out)
{
	static const uint32_t weights[CRASH_OP_KINDS] = {
		[CRASH_OP_CREATE] = 10, [CRASH_OP_MKDIR] = 4,	  [CRASH_OP_SYMLINK] = 2,
		[CRASH_OP_MKFIFO] = 1,	[CRASH_OP_LINK] = 4,	  [CRASH_OP_UNLINK] = 9,
		[CRASH_OP_RMDIR] = 3,	[CRASH_OP_RENAME] = 9,	  [CRASH_OP_EXCHANGE] = 2,
		[CRASH_OP_CHMOD] = 3,	[CRASH_OP_TAG] = 3,	  [CRASH_OP_WRITE] = 22,
		[CRASH_OP_MMAP] = 2,	[CRASH_OP_APPEND] = 9,	  [CRASH_OP_TRUNCATE] = 5,
		[CRASH_OP_PUNCH] = 3,	[CRASH_OP_ZERO] = 1,	  [CRASH_OP_COPY] = 3,
		[CRASH_OP_FSYNC] = 3,	[CRASH_OP_FDATASYNC] = 1, [CRASH_OP_HOLD] = 2,
		[CRASH_OP_LET_GO] = 2,
	};
	uint32_t all = 0;

	for (int i = 0; i < CRASH_OP_KINDS; i++)
		all += weights[i];
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		uint32_t at = below(model, all);
		int kind = 0;

		while (at >= weights[kind])
			at -= weights[kind++];
		*out = (struct crash_op){.kind = (enum crash_kind)kind, .node = -1};
		if (choose(model, out))
			return;
	}
	*out = (struct crash_op){.kind = CRASH_OP_FSYNC, .node = 0};
}
