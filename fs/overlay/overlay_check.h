/* SPDX-License-Identifier: MIT */
/* What overlay_check keeps while it looks. Private to the overlay room. */
#ifndef BRAMBLE_OVERLAY_OVERLAY_CHECK_H
#define BRAMBLE_OVERLAY_OVERLAY_CHECK_H

#include "base/log.h"
#include "overlay/overlay_fs.h"

#define CHECK_LINES_MAX 100u

/* A node that has records, or that a name of the store leads to or hides. */
struct check_node {
	uint64_t id; /* 0: an empty slot */
	uint64_t parent; /* of a directory, as in its record */
	uint64_t named_in; /* the directory of the last name in the store */
	uint64_t folds_like; /* of a directory that was created */
	uint32_t mode;
	uint32_t nlink;
	uint32_t added; /* names in the store */
	uint32_t hidden; /* names of the lower tree that do not count */
	uint32_t subdirs; /* in the store */
	bool recorded; /* has a record: mode, nlink and parent are from there */
	bool removed;
	bool reached; /* a directory: the root is above it */
};

/* A hash table. */
struct check_nodes {
	struct check_node *slots; /* owned */
	size_t size; /* 0 or a power of two */
	size_t used;
};

/* Which blocks of the store have a user: pages of a bitmap, in a hash table. */
struct check_page;
struct check_blocks {
	struct check_page **slots; /* owned, as are the pages */
	size_t size; /* 0 or a power of two */
	size_t used;
	uint64_t count; /* of blocks that have one */
};

struct check {
	struct overlay *ov;
	unsigned int problems;
	uint64_t next_id;
	struct check_nodes nodes;
	struct check_blocks blocks;
};

/* Whether the next problem is to be logged, too. */
bool overlay_check_counts(struct check *check);

#define check_problem(check, ...)                                                                  \
	do {                                                                                       \
		if (overlay_check_counts(check))                                                   \
			log_error("overlay: " __VA_ARGS__);                                        \
	} while (0)

/* NULL: not there. */
struct check_node *overlay_check_find(const struct check_nodes *nodes, uint64_t id);

/* Makes one if need be; others move then. NULL: no memory. */
struct check_node *overlay_check_add(struct check_nodes *nodes, uint64_t id);

/* 1: @block had a user before; -ENOMEM. */
int overlay_check_use(struct check_blocks *blocks, uint64_t block);

void overlay_check_finish(struct check *check);

/* All records but those of names. */
int overlay_check_records(struct check *check);

/* The names, once the nodes are known. */
int overlay_check_names(struct check *check);

#endif
