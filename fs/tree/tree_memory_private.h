/* SPDX-License-Identifier: MIT */
/* Private to the tree in memory: an array of nodes, and one hash table of the names of all directories. */
#ifndef BRAMBLE_TREE_MEMORY_PRIVATE_H
#define BRAMBLE_TREE_MEMORY_PRIVATE_H

#include <stdbool.h>

#include "base/checked.h"
#include "tree/tree_memory.h"

#define BUCKETS 65536u
#define BLOCK_BYTES 4096u

struct entry {
	struct entry *next; /* of the same bucket */
	uint64_t dir;
	uint64_t id;
	const struct entry *alias_of; /* of a name that is not listed; else NULL */
	size_t len;
	size_t key_len;
	char *key; /* in @name, behind it: the name folded, where the directory ignores case */
	char name[];
};

struct extent {
	uint64_t offset;
	size_t len;
	char *data;
};

struct attribute {
	char *name;
	char *value;
	size_t len;
};

struct node {
	struct tree_attr attr;
	uint64_t parent; /* of a directory */
	bool ignores_case;
	int error;
	char *target;
	struct entry **entries;
	size_t entry_count;
	struct extent *extents;
	size_t extent_count;
	struct attribute *attributes;
	size_t attribute_count;
};

struct memory {
	struct tree base;
	struct node **nodes; /* of id i at i - 1 */
	size_t node_count;
	struct entry *buckets[BUCKETS];
};

extern const struct tree_ops tree_memory_ops;

static inline struct memory *memory_of(struct tree *tree)
{
	return container_of(tree, struct memory, base);
}

static inline struct node *node_of(struct memory *mem, uint64_t id)
{
	return id && id <= mem->node_count ? mem->nodes[id - 1] : NULL;
}

/* What names that are equal in @dir have in common; its length. */
size_t tree_memory_key(const struct node *dir, const char *name, size_t len,
		       char out[TREE_FOLD_MAX]);
struct entry **tree_memory_bucket(struct memory *mem, uint64_t dir, const char *key, size_t len);

/* The entry of @dir that @name leads to, or an alias of it; or NULL. */
struct entry *tree_memory_find(struct memory *mem, uint64_t dir, const char *name, size_t len);

#endif
