/* SPDX-License-Identifier: MIT */
/* What is common to all kinds of tree: argument checks, "." and "..", defaults. */
#include "tree/tree.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "tree/tree_private.h"

#define COOKIE_DOT 1u /* behind "." */
#define COOKIE_DOT_DOT 2u /* behind ".." */

int tree_getattr(struct tree *tree, uint64_t id, struct tree_attr *out)
{
	return tree->ops->getattr(tree, id, out);
}

int tree_parent(struct tree *tree, uint64_t dir, uint64_t *out_id)
{
	if (dir == TREE_ROOT) {
		*out_id = TREE_ROOT;
		return 0;
	}
	return tree->ops->parent(tree, dir, out_id);
}

int tree_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len, uint64_t *out_id)
{
	if (len == 0)
		return -ENOENT;
	if (len > TREE_NAME_MAX)
		return -ENAMETOOLONG;
	if (memchr(name, '/', len) || memchr(name, '\0', len))
		return -ENOENT;
	if (len == 1 && name[0] == '.') {
		*out_id = dir;
		return 0;
	}
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return tree_parent(tree, dir, out_id);
	return tree->ops->lookup(tree, dir, name, len, out_id);
}

int tree_readdir(struct tree *tree, uint64_t dir, uint64_t cookie, tree_entry_fn take, void *ctx)
{
	struct tree_entry entry = {.name = "..", .type = DT_DIR};

	if (cookie == 0) {
		entry.name_len = 1;
		entry.id = dir;
		entry.next = COOKIE_DOT;
		if (take(ctx, &entry))
			return 0;
		cookie = COOKIE_DOT;
	}
	if (cookie == COOKIE_DOT) {
		int err = tree_parent(tree, dir, &entry.id);

		if (err == -EAGAIN)
			return err;
		/* A directory whose ".." is damaged is still worth listing. */
		if (err)
			entry.id = dir;
		entry.name_len = 2;
		entry.next = COOKIE_DOT_DOT;
		if (take(ctx, &entry))
			return 0;
		cookie = COOKIE_DOT_DOT;
	}
	return tree->ops->readdir(tree, dir, cookie == COOKIE_DOT_DOT ? 0 : cookie, take, ctx);
}

ssize_t tree_read(struct tree *tree, uint64_t id, void *buf, size_t len, uint64_t offset)
{
	if (len > SSIZE_MAX)
		len = SSIZE_MAX;
	return tree->ops->read(tree, id, buf, len, offset);
}

static int seek_all_data(struct tree *tree, uint64_t id, uint64_t offset, int whence,
			 uint64_t *out_offset)
{
	struct tree_attr attr;
	int err = tree_getattr(tree, id, &attr);

	if (err)
		return err;
	if (offset >= attr.size)
		return -ENXIO;
	*out_offset = whence == SEEK_DATA ? offset : attr.size;
	return 0;
}

int tree_map(struct tree *tree, uint64_t id, uint64_t offset, size_t len, struct tree_extent *out)
{
	if (!tree->ops->map || len == 0)
		return -EOPNOTSUPP;
	return tree->ops->map(tree, id, offset, len, out);
}

int tree_seek(struct tree *tree, uint64_t id, uint64_t offset, int whence, uint64_t *out_offset)
{
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (!tree->ops->seek)
		return seek_all_data(tree, id, offset, whence, out_offset);
	return tree->ops->seek(tree, id, offset, whence, out_offset);
}

ssize_t tree_readlink(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	return tree->ops->readlink ? tree->ops->readlink(tree, id, buf, size) : -EINVAL;
}

/* Whether there can be attributes of this name: other ones have no handler in the kernel's ext4. */
static bool is_known_namespace(const char *name)
{
	static const char *const prefixes[] = {"user.", "trusted.", "security.", "system."};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

ssize_t tree_getxattr(struct tree *tree, uint64_t id, const char *name, void *buf, size_t size)
{
	if (tree_xattr_name_check(name))
		return -ERANGE;
	if (!is_known_namespace(name))
		return -EOPNOTSUPP;
	return tree->ops->getxattr ? tree->ops->getxattr(tree, id, name, buf, size) : -ENODATA;
}

ssize_t tree_listxattr(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	return tree->ops->listxattr ? tree->ops->listxattr(tree, id, buf, size) : 0;
}

bool tree_lacks_xattr(struct tree *tree, const char *name)
{
	if (!tree->ops->lacks_xattr)
		return !tree->ops->getxattr;
	return tree->ops->lacks_xattr(tree, name);
}

int tree_statfs(struct tree *tree, uint64_t id, struct tree_statfs *out)
{
	return tree->ops->statfs(tree, id, out);
}

int tree_volume(struct tree *tree, uint64_t id, uint64_t *out_root)
{
	if (tree->ops->volume)
		return tree->ops->volume(tree, id, out_root);
	*out_root = TREE_ROOT;
	return 0;
}

ssize_t tree_fold(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out,
		  size_t size)
{
	if (len == 0)
		return -ENOENT;
	if (len > TREE_NAME_MAX)
		return -ENAMETOOLONG;
	return tree->ops->fold ? tree->ops->fold(tree, dir, name, len, out, size) : 0;
}

bool tree_ignores_case(struct tree *tree, uint64_t dir)
{
	char folded;

	return tree_fold(tree, dir, "a", 1, &folded, sizeof(folded)) > 0;
}

ssize_t tree_spelling(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out)
{
	uint64_t id;
	int err;

	if (tree->ops->spelling && len && len <= TREE_NAME_MAX)
		return tree->ops->spelling(tree, dir, name, len, out);
	err = tree_lookup(tree, dir, name, len, &id);
	if (err)
		return err;
	memcpy(out, name, len);
	return (ssize_t)len;
}

struct tree *tree_share(struct tree *tree)
{
	atomic_fetch_add(&tree->shares, 1);
	return tree;
}

void tree_close(struct tree *tree)
{
	if (tree && atomic_fetch_sub(&tree->shares, 1) == 0)
		tree->ops->close(tree);
}
