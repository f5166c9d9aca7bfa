/* SPDX-License-Identifier: MIT */
/*
 * A tree in memory, for tests of what stands on trees. It is filled by one thread; afterwards it is
 * read like any other tree.
 */
#ifndef BRAMBLE_TREE_TREE_MEMORY_H
#define BRAMBLE_TREE_TREE_MEMORY_H

#include "tree/tree.h"

/* A new node. Zero-initialised but for the mode: root's, empty, dated 1970. */
struct tree_memory_node {
	mode_t mode; /* type and permissions */
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	struct timespec time; /* all four times */
	const char *target; /* of a symbolic link */
	uint64_t size; /* of a file: a hole at first */
};

/* A root directory, mode 0755, and nothing in it. Closed by tree_close. */
int tree_memory_create(struct tree **out);

/* -EEXIST, -ENOTDIR, -ENOENT (no such @dir), -EINVAL, -ENOMEM. @out_id may be NULL. */
int tree_memory_add(struct tree *tree, uint64_t dir, const char *name,
		    const struct tree_memory_node *node, uint64_t *out_id);

/* One more name for @id, which is not a directory. */
int tree_memory_link(struct tree *tree, uint64_t dir, const char *name, uint64_t id);

/* Lets names in @dir, which is empty, be compared without case, as FAT does. -ENOTEMPTY, -ENOTDIR. */
int tree_memory_ignore_case(struct tree *tree, uint64_t dir);

/* One more name that leads to the entry @name and is not listed, like a short name on FAT. */
int tree_memory_alias(struct tree *tree, uint64_t dir, const char *alias, const char *name);

/* Puts data into a file, behind all that was put there before; what lies between is a hole. */
int tree_memory_put(struct tree *tree, uint64_t id, uint64_t offset, const void *data, size_t len);

int tree_memory_set_xattr(struct tree *tree, uint64_t id, const char *name, const void *value,
			  size_t len);

/* Lets @id look damaged: what would read its attributes, data or entries gives @error. */
int tree_memory_damage(struct tree *tree, uint64_t id, int error);

#endif
