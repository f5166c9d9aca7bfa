/* SPDX-License-Identifier: MIT */
/*
 * The model behind crash_load: what a directory must look like after each of a sequence of
 * operations that a seed decides. Whoever knows where the sequence began and how far it came can tell
 * every state that it went through.
 *
 * Each block that is ever written has a stamp of its own, and a content that only this stamp has. So
 * a block tells which write it is from, whichever file it is found in.
 */
#ifndef BRAMBLE_TEST_CRASH_MODEL_H
#define BRAMBLE_TEST_CRASH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_THREADS_MAX 8u
#define CRASH_NAMES 14u /* in each directory */
#define CRASH_BLOCK 4096u
#define CRASH_BLOCKS 80u /* of the longest file: more than one record maps */
#define CRASH_OPS_MAX 30000u /* of one thread in one run */
#define CRASH_STAMPS_PER_RUN (1u << 20)
#define CRASH_NAME_BYTES 256

/* What a block reads as: the first @len bytes of what @stamp says, then zeros. 0: all is zero. */
struct crash_block {
	uint32_t stamp;
	uint32_t len;
};

enum crash_type {
	CRASH_NONE,
	CRASH_FILE,
	CRASH_DIR,
	CRASH_SYMLINK,
	CRASH_FIFO,
};

struct crash_node {
	enum crash_type type;
	uint32_t mode;
	uint32_t nlink; /* names; of a directory: 1 while it has its name */
	uint32_t tag; /* of the attribute user.tag, 0: none; of a symbolic link: its target */
	uint64_t ino; /* 0: not known */
	int parent; /* of a directory */
	int children[CRASH_NAMES]; /* of a directory: nodes; -1: none */
	uint64_t size;
	struct crash_block blocks[CRASH_BLOCKS];
};

struct crash_model {
	struct crash_node *nodes; /* owned; node 0 is the thread's directory */
	int count;
	int room;
	int *live; /* owned: those with a name, or held */
	int live_count;
	int held; /* the file that is kept open; -1: none */
	uint64_t random;
	uint32_t stamp; /* the next one */
};

enum crash_kind {
	CRASH_OP_CREATE,
	CRASH_OP_MKDIR,
	CRASH_OP_SYMLINK,
	CRASH_OP_MKFIFO,
	CRASH_OP_LINK,
	CRASH_OP_UNLINK,
	CRASH_OP_RMDIR,
	CRASH_OP_RENAME, /* to a name that is free, or over a file or an empty directory */
	CRASH_OP_EXCHANGE,
	CRASH_OP_CHMOD,
	CRASH_OP_TAG,
	CRASH_OP_WRITE,
	CRASH_OP_MMAP,
	CRASH_OP_APPEND,
	CRASH_OP_TRUNCATE,
	CRASH_OP_PUNCH,
	CRASH_OP_ZERO,
	CRASH_OP_COPY,
	CRASH_OP_FSYNC, /* of a file or a directory */
	CRASH_OP_FDATASYNC,
	CRASH_OP_HOLD,
	CRASH_OP_LET_GO,
	CRASH_OP_KINDS,
};

struct crash_op {
	enum crash_kind kind;
	int node; /* that it is about; of an operation that makes one: the number it gets */
	int dir;
	uint32_t name;
	int new_dir;
	uint32_t new_name;
	uint32_t value; /* mode, tag */
	uint32_t block;
	uint32_t blocks;
	int from; /* of COPY */
	uint32_t from_block;
	uint64_t size; /* of TRUNCATE: the new one; of APPEND: bytes */
	uint32_t stamp; /* of the first block that is written; those that follow count on */
};

/* An empty directory; stamps and choices depend on @thread, @run and @seed. */
void crash_model_init(struct crash_model *model, unsigned int run, uint64_t seed);
void crash_model_finish(struct crash_model *model);

/* Adds a node without a name; its number. */
int crash_model_add(struct crash_model *model, enum crash_type type, uint32_t mode);
void crash_model_name(struct crash_model *model, int dir, uint32_t name, int node);

/* The next operation of the sequence, which will succeed. Changes nothing but random and stamp. */
void crash_model_next(struct crash_model *model, struct crash_op *out);
void crash_model_apply(struct crash_model *model, const struct crash_op *op);

/* Whether names, types, modes, links or tags are others after it. */
bool crash_op_changes_names(const struct crash_op *op);

/* A directory and name that lead to @node. */
bool crash_model_find(const struct crash_model *model, int node, int *out_dir, uint32_t *out_name);

/* Names and their numbers; the number of what is no such name is CRASH_NAMES. */
void crash_name(char *out, uint32_t number);
uint32_t crash_name_number(const char *name);

/* The path of @node (with @name in it, unless it is CRASH_NAMES), from the thread's directory. */
void crash_path(const struct crash_model *model, int dir, uint32_t name, char *out, size_t size);

void crash_pattern(unsigned int thread, uint32_t stamp, unsigned char *out);

/* The stamp that the beginning of a block has, and its thread; 0: it is none of ours. */
uint32_t crash_pattern_stamp(const unsigned char *block, size_t len, unsigned int *out_thread);

const char *crash_op_text(const struct crash_op *op, char *buf, size_t size);

#endif
