/* SPDX-License-Identifier: MIT */
/* The model of crash_load: states, and what operations make of them. */
#include "crash_model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL_BYTES 32u
#define MAGIC 0x6873617263u

static void *grown(void *old, size_t bytes)
{
	void *got = realloc(old, bytes);

	assert(got);
	return got;
}

void crash_model_init(struct crash_model *model, unsigned int run, uint64_t seed)
{
	*model = (struct crash_model){
		.held = -1,
		.random = (seed + 1) * 0x9e3779b97f4a7c15u,
		.stamp = run * CRASH_STAMPS_PER_RUN + 1,
	};
	model->nodes = NULL;
	crash_model_add(model, CRASH_DIR, 0755);
	model->nodes[0].nlink = 1;
	model->nodes[0].parent = -1;
}

void crash_model_finish(struct crash_model *model)
{
	free(model->nodes);
	free(model->live);
	*model = (struct crash_model){0};
}

int crash_model_add(struct crash_model *model, enum crash_type type, uint32_t mode)
{
	struct crash_node *node;

	if (model->count == model->room) {
		model->room = model->room ? 2 * model->room : 64;
		model->nodes = grown(model->nodes, (size_t)model->room * sizeof(*model->nodes));
		model->live = grown(model->live, (size_t)model->room * sizeof(*model->live));
	}
	node = &model->nodes[model->count];
	memset(node, 0, sizeof(*node));
	node->type = type;
	node->mode = mode;
	for (uint32_t i = 0; i < CRASH_NAMES; i++)
		node->children[i] = -1;
	model->live[model->live_count++] = model->count;
	return model->count++;
}

void crash_model_name(struct crash_model *model, int dir, uint32_t name, int node)
{
	assert(model->nodes[dir].children[name] < 0);
	model->nodes[dir].children[name] = node;
	model->nodes[node].nlink++;
	model->nodes[node].parent = dir;
}

static void unname(struct crash_model *model, int dir, uint32_t name)
{
	int node = model->nodes[dir].children[name];

	assert(node > 0);
	model->nodes[dir].children[name] = -1;
	model->nodes[node].nlink--;
}

/* Forgets those that have neither a name nor a holder. */
static void bury(struct crash_model *model)
{
	int kept = 0;

	for (int i = 0; i < model->live_count; i++) {
		int node = model->live[i];

		if (model->nodes[node].nlink || node == model->held)
			model->live[kept++] = node;
	}
	model->live_count = kept;
}

bool crash_model_find(const struct crash_model *model, int node, int *out_dir, uint32_t *out_name)
{
	for (int i = 0; i < model->live_count; i++) {
		const struct crash_node *dir = &model->nodes[model->live[i]];

		for (uint32_t name = 0; dir->type == CRASH_DIR && name < CRASH_NAMES; name++) {
			if (dir->children[name] == node) {
				*out_dir = model->live[i];
				*out_name = name;
				return true;
			}
		}
	}
	return false;
}

/* Short names, and some so long that few fit into a record. */
void crash_name(char *out, uint32_t number)
{
	int len = snprintf(out, CRASH_NAME_BYTES, "n%02u", number);

	if (number % 5 == 4) {
		memset(out + len, 'x', (size_t)(CRASH_NAME_BYTES - 1 - len));
		out[CRASH_NAME_BYTES - 1] = 0;
	}
}

uint32_t crash_name_number(const char *name)
{
	char want[CRASH_NAME_BYTES];

	for (uint32_t i = 0; i < CRASH_NAMES; i++) {
		crash_name(want, i);
		if (strcmp(want, name) == 0)
			return i;
	}
	return CRASH_NAMES;
}

void crash_path(const struct crash_model *model, int dir, uint32_t name, char *out, size_t size)
{
	char last[CRASH_NAME_BYTES + 1] = "";
	char above[4096];
	int upper_dir;
	uint32_t upper_name;

	if (name < CRASH_NAMES) {
		last[0] = '/';
		crash_name(last + 1, name);
	}
	if (dir == 0) {
		snprintf(out, size, ".%s", last);
		return;
	}
	upper_dir = model->nodes[dir].parent;
	for (upper_name = 0; model->nodes[upper_dir].children[upper_name] != dir; upper_name++)
		assert(upper_name + 1 < CRASH_NAMES);
	crash_path(model, upper_dir, upper_name, above, sizeof(above));
	snprintf(out, size, "%s%s", above, last);
}

static uint64_t mixed(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* Each cell: what it is and where it lies, and 16 bytes that only this cell has. */
void crash_pattern(unsigned int thread, uint32_t stamp, unsigned char *out)
{
	uint64_t cell[CELL_BYTES / 8];

	for (uint64_t i = 0; i < CRASH_BLOCK / CELL_BYTES; i++) {
		cell[0] = MAGIC << 8 | thread;
		cell[1] = (uint64_t)stamp << 32 | i;
		cell[2] = mixed(cell[0] ^ cell[1]);
		cell[3] = mixed(cell[2]);
		memcpy(out + i * CELL_BYTES, cell, CELL_BYTES);
	}
}

uint32_t crash_pattern_stamp(const unsigned char *block, size_t len, unsigned int *out_thread)
{
	uint64_t cell[2];

	if (len < sizeof(cell))
		return 0;
	memcpy(cell, block, sizeof(cell));
	if (cell[0] >> 8 != MAGIC || (cell[1] & UINT32_MAX) != 0)
		return 0;
	*out_thread = cell[0] & 0xff;
	return (uint32_t)(cell[1] >> 32);
}

bool crash_op_changes_names(const struct crash_op *op)
{
	return op->kind <= CRASH_OP_TAG;
}

static void write_blocks(struct crash_node *node, uint32_t block, uint32_t count, uint32_t stamp)
{
	for (uint32_t i = 0; i < count; i++)
		node->blocks[block + i] = (struct crash_block){stamp + i, CRASH_BLOCK};
	if (node->size < (uint64_t)(block + count) * CRASH_BLOCK)
		node->size = (uint64_t)(block + count) * CRASH_BLOCK;
}

static void append(struct crash_node *node, uint64_t bytes, uint32_t stamp)
{
	while (bytes) {
		struct crash_block *block = &node->blocks[node->size / CRASH_BLOCK];
		uint32_t at = (uint32_t)(node->size % CRASH_BLOCK);
		uint32_t part = CRASH_BLOCK - at;

		if (part > bytes)
			part = (uint32_t)bytes;
		if (at == 0)
			*block = (struct crash_block){stamp++, 0};
		assert(block->len == at);
		block->len += part;
		node->size += part;
		bytes -= part;
	}
}

static void cut(struct crash_node *node, uint64_t size)
{
	for (uint32_t i = 0; i < CRASH_BLOCKS; i++) {
		uint64_t start = (uint64_t)i * CRASH_BLOCK;

		if (size <= start)
			node->blocks[i] = (struct crash_block){0, 0};
		else if (node->blocks[i].len > size - start)
			node->blocks[i].len = (uint32_t)(size - start);
	}
	node->size = size;
}

static void apply_rename(struct crash_model *model, const struct crash_op *op)
{
	int node = model->nodes[op->dir].children[op->name];
	int other = model->nodes[op->new_dir].children[op->new_name];

	if (other >= 0)
		unname(model, op->new_dir, op->new_name);
	unname(model, op->dir, op->name);
	crash_model_name(model, op->new_dir, op->new_name, node);
	if (op->kind == CRASH_OP_EXCHANGE)
		crash_model_name(model, op->dir, op->name, other);
}

static void apply_new(struct crash_model *model, const struct crash_op *op)
{
	static const enum crash_type types[] = {
		[CRASH_OP_CREATE] = CRASH_FILE,
		[CRASH_OP_MKDIR] = CRASH_DIR,
		[CRASH_OP_SYMLINK] = CRASH_SYMLINK,
		[CRASH_OP_MKFIFO] = CRASH_FIFO,
	};
	bool link = op->kind == CRASH_OP_SYMLINK;
	int node = crash_model_add(model, types[op->kind], link ? 0777 : op->value);

	assert(node == op->node);
	if (link)
		model->nodes[node].tag = op->value;
	crash_model_name(model, op->dir, op->name, node);
}

static void apply_data(struct crash_model *model, const struct crash_op *op)
{
	struct crash_node *node = &model->nodes[op->node];
	struct crash_block moved[CRASH_BLOCKS];

	switch (op->kind) {
	case CRASH_OP_WRITE:
	case CRASH_OP_MMAP:
		write_blocks(node, op->block, op->blocks, op->stamp);
		break;
	case CRASH_OP_APPEND:
		append(node, op->size, op->stamp);
		break;
	case CRASH_OP_TRUNCATE:
		cut(node, op->size);
		break;
	case CRASH_OP_PUNCH:
	case CRASH_OP_ZERO:
		memset(&node->blocks[op->block], 0, op->blocks * sizeof(node->blocks[0]));
		break;
	case CRASH_OP_COPY:
		memcpy(moved, &model->nodes[op->from].blocks[op->from_block],
		       op->blocks * sizeof(moved[0]));
		write_blocks(node, op->block, op->blocks, 0);
		memcpy(&node->blocks[op->block], moved, op->blocks * sizeof(moved[0]));
		break;
	default:
		break;
	}
}

void crash_model_apply(struct crash_model *model, const struct crash_op *op)
{
	switch (op->kind) {
	case CRASH_OP_CREATE:
	case CRASH_OP_MKDIR:
	case CRASH_OP_SYMLINK:
	case CRASH_OP_MKFIFO:
		apply_new(model, op);
		break;
	case CRASH_OP_LINK:
		crash_model_name(model, op->new_dir, op->new_name, op->node);
		break;
	case CRASH_OP_UNLINK:
	case CRASH_OP_RMDIR:
		unname(model, op->dir, op->name);
		break;
	case CRASH_OP_RENAME:
	case CRASH_OP_EXCHANGE:
		apply_rename(model, op);
		break;
	case CRASH_OP_CHMOD:
		model->nodes[op->node].mode = op->value;
		break;
	case CRASH_OP_TAG:
		model->nodes[op->node].tag = op->value;
		break;
	case CRASH_OP_HOLD:
		model->held = op->node;
		break;
	case CRASH_OP_LET_GO:
		model->held = -1;
		break;
	default:
		apply_data(model, op);
		return;
	}
	bury(model);
}

const char *crash_op_text(const struct crash_op *op, char *buf, size_t size)
{
	static const char *const kinds[CRASH_OP_KINDS] = {
		"create",     "mkdir",	   "symlink",  "mkfifo", "link",       "unlink",
		"rmdir",      "rename",	   "exchange", "chmod",	 "setxattr",   "write",
		"mmap write", "append",	   "truncate", "punch",	 "zero range", "copy_file_range",
		"fsync",      "fdatasync", "open",     "close",
	};

	snprintf(buf, size,
		 "%s of node %d (%d/n%02u to %d/n%02u, value %u, blocks %u+%u, from %d:%u, "
		 "size %llu, stamp %u)",
		 kinds[op->kind], op->node, op->dir, op->name, op->new_dir, op->new_name, op->value,
		 op->block, op->blocks, op->from, op->from_block, (unsigned long long)op->size,
		 op->stamp);
	return buf;
}
