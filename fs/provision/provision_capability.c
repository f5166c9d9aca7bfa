/* SPDX-License-Identifier: MIT */
/* Programs whose capabilities are lost over NFSv3, which has no extended attributes. */
#include "provision/provision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define ATTRIBUTE "security.capability"
#define DEPTH_MAX 64u

struct walk {
	struct tree *tree;
	provision_path_fn take;
	void *ctx;
	unsigned int depth;
	char path[TREE_LINK_MAX + 1];
	size_t len; /* of the directory that is being listed */
	int err;
};

static int list(struct walk *walk, uint64_t dir);

/* What @entry is; directories are entered, but not those of other volumes, which have no attributes. */
static int look(struct walk *walk, uint64_t id)
{
	struct tree_attr attr;
	ssize_t size;
	int err = tree_getattr(walk->tree, id, &attr);

	if (err)
		return err;
	if (S_ISDIR(attr.mode))
		return walk->depth < DEPTH_MAX ? list(walk, id) : 0;
	/* what nobody may execute has no use of them */
	if (!S_ISREG(attr.mode) || !(attr.mode & 0111))
		return 0;
	size = tree_getxattr(walk->tree, id, ATTRIBUTE, NULL, 0);
	if (size == -ENODATA || size == -EOPNOTSUPP)
		return 0;
	return size < 0 ? (int)size : walk->take(walk->ctx, walk->path);
}

static int on_entry(void *ctx, const struct tree_entry *entry)
{
	struct walk *walk = ctx;
	const size_t len = walk->len;

	if ((entry->name_len <= 2 && entry->name[0] == '.' &&
	     (entry->name_len == 1 || entry->name[1] == '.')) ||
	    (entry->type != DT_UNKNOWN && entry->type != DT_REG && entry->type != DT_DIR) ||
	    len + 1 + entry->name_len > TREE_LINK_MAX)
		return 0;
	walk->path[len] = '/';
	memcpy(walk->path + len + 1, entry->name, entry->name_len);
	walk->len = len + 1 + entry->name_len;
	walk->path[walk->len] = '\0';
	walk->err = look(walk, entry->id);
	walk->len = len;
	walk->path[len] = '\0';
	return walk->err;
}

static int list(struct walk *walk, uint64_t dir)
{
	int err;

	walk->depth++;
	walk->err = 0;
	err = tree_readdir(walk->tree, dir, 0, on_entry, walk);
	walk->depth--;
	return err ? err : walk->err;
}

int provision_capabilities(struct tree *tree, provision_path_fn take, void *ctx)
{
	CLEANUP(freep) struct walk *walk = NULL;

	if (tree_lacks_xattr(tree, ATTRIBUTE))
		return 0;
	walk = calloc(1, sizeof(*walk));
	if (!walk)
		return -ENOMEM;
	walk->tree = tree;
	walk->take = take;
	walk->ctx = ctx;
	return list(walk, TREE_ROOT);
}
