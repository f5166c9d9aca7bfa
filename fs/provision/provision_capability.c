/* SPDX-License-Identifier: MIT */
/* Programs whose capabilities are lost over NFSv3, which has no extended attributes. */
#include "provision/provision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ATTRIBUTE "security.capability"

/* What is still to be looked at; a tree that needs more is made to exhaust us. */
#define PENDING_MAX (1u << 20)

struct pending {
	uint64_t id;
	char *path; /* owned */
};

struct walk {
	struct tree *tree;
	struct pending *pending; /* owned */
	size_t count;
	size_t size;
	const char *path; /* of the directory that is being listed */
	int err;
};

static int push(struct walk *walk, uint64_t id, char *path)
{
	if (walk->count == walk->size) {
		size_t size = walk->size * 2 + 64;
		struct pending *pending = size <= PENDING_MAX
						  ? realloc(walk->pending, size * sizeof(*pending))
						  : NULL;

		if (!pending) {
			free(path);
			return -ENOMEM;
		}
		walk->pending = pending;
		walk->size = size;
	}
	walk->pending[walk->count++] = (struct pending){.id = id, .path = path};
	return 0;
}

/* Nothing is asked of the tree while it lists. */
static int on_entry(void *ctx, const struct tree_entry *entry)
{
	struct walk *walk = ctx;
	char *path;

	if ((entry->name_len == 1 && entry->name[0] == '.') ||
	    (entry->name_len == 2 && memcmp(entry->name, "..", 2) == 0) ||
	    (entry->type != DT_UNKNOWN && entry->type != DT_REG && entry->type != DT_DIR) ||
	    strlen(walk->path) + 1 + entry->name_len > TREE_LINK_MAX)
		return 0;
	if (asprintf(&path, "%s/%.*s", walk->path, (int)entry->name_len, entry->name) < 0)
		walk->err = -ENOMEM;
	else
		walk->err = push(walk, entry->id, path);
	return walk->err;
}

static int list(struct walk *walk, const struct pending *dir)
{
	int err;

	walk->path = dir->path;
	walk->err = 0;
	err = tree_readdir(walk->tree, dir->id, 0, on_entry, walk);
	return err ? err : walk->err;
}

static int look(struct walk *walk, const struct pending *at, provision_path_fn take, void *ctx)
{
	struct tree_attr attr;
	ssize_t size;
	int err = tree_getattr(walk->tree, at->id, &attr);

	if (err)
		return err;
	if (S_ISDIR(attr.mode))
		return list(walk, at);
	/* what nobody may execute has no use of them */
	if (!S_ISREG(attr.mode) || !(attr.mode & 0111))
		return 0;
	size = tree_getxattr(walk->tree, at->id, ATTRIBUTE, NULL, 0);
	if (size == -ENODATA || size == -EOPNOTSUPP)
		return 0;
	return size < 0 ? (int)size : take(ctx, at->path);
}

int provision_capabilities(struct tree *tree, provision_path_fn take, void *ctx)
{
	struct walk walk = {.tree = tree};
	char *root;
	int err;

	if (tree_lacks_xattr(tree, ATTRIBUTE))
		return 0;
	root = strdup("");
	err = root ? push(&walk, TREE_ROOT, root) : -ENOMEM;
	while (!err && walk.count > 0) {
		struct pending at = walk.pending[--walk.count];

		err = look(&walk, &at, take, ctx);
		free(at.path);
	}
	while (walk.count > 0)
		free(walk.pending[--walk.count].path);
	free(walk.pending);
	return err;
}
