/* SPDX-License-Identifier: MIT */
/* What the parts of the verifier share: what is being verified, and one tree of it. */
#ifndef BRAMBLE_STORE_STORE_VERIFY_TREE_H
#define BRAMBLE_STORE_STORE_VERIFY_TREE_H

#include <stdbool.h>

#include "store/store_lmdb_disk.h"
#include "store/store_verify.h"

struct verify {
	const struct store_verify_source *source; /* borrowed */
	struct store_verify_result *result; /* borrowed */
	unsigned int limit;
	int err; /* the first problem */
	bool stop; /* enough problems, or one that ends the looking */

	size_t page_size;
	uint64_t file_pages; /* whole pages that the file has */
	uint64_t last_page;
	uint8_t *seen; /* owned: a bit for each page up to the last */
	uint8_t *levels[LMDB_DEPTH_MAX]; /* owned: a page for each level of a tree */
	uint8_t *value; /* owned: a header and the longest value */
};

/* A node of a leaf, decoded; it lies inside of its page. */
struct verify_node {
	uint64_t page; /* where it is */
	const uint8_t *key;
	size_t key_size;
	size_t size; /* of the value */
	const uint8_t *inside; /* the value, or NULL: it is in the run */
	uint64_t run; /* the first of overflow pages */
};

struct verify_db {
	uint16_t depth;
	uint64_t branch_pages;
	uint64_t leaf_pages;
	uint64_t overflow_pages;
	uint64_t entries;
	uint64_t root;
};

struct verify_tree {
	const char *name; /* "records", "free list": in messages */
	bool integer_keys;
	size_t key_min;
	size_t key_max;
	size_t value_max;
	unsigned int branch_min; /* nodes of a branch */
	struct verify_db db; /* as the meta page says */
	struct verify_db found;

	/* Looks at one record. */
	void (*take)(struct verify *v, struct verify_tree *tree, const struct verify_node *node);
};

/* Logs a problem, counts it, and stops where there are enough. */
__attribute__((format(printf, 3, 4))) void verify_complain(struct verify *v, int err,
							   const char *format, ...);

/* Inside of the file; what cannot be read ends it all: false. */
bool verify_read(struct verify *v, void *buf, size_t len, uint64_t offset);

/* Takes pages for @what, once. False: complained, they are not there or were taken. */
bool verify_claim(struct verify *v, const char *what, uint64_t first, uint64_t count);

/* The same for pages without content, which may lie beyond the end of the file. */
bool verify_claim_free(struct verify *v, const char *what, uint64_t first, uint64_t count);

/* Reads page @number to the buffer of @level and checks its header. NULL: complained. */
const uint8_t *verify_page(struct verify *v, const char *what, uint64_t number, unsigned int level,
			   uint16_t flags);

/* Every page and node of a tree, and that their counts are those of the meta page. */
void verify_tree(struct verify *v, struct verify_tree *tree);

/* The number of the last transaction in the free list @db. False: complained. */
bool verify_last_key(struct verify *v, const char *what, const struct verify_db *db, uint64_t *out);

#endif
