/* SPDX-License-Identifier: MIT */
/* The tree in memory, as it is read. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/utf.h"
#include "tree/tree_memory_private.h"

#define FIRST_COOKIE 3u

static int find(struct tree *tree, uint64_t id, struct node **out)
{
	struct node *node = node_of(memory_of(tree), id);

	if (!node)
		return -ESTALE;
	if (node->error)
		return node->error;
	*out = node;
	return 0;
}

size_t tree_memory_key(const struct node *dir, const char *name, size_t len,
		       char out[TREE_FOLD_MAX])
{
	if (dir->ignores_case)
		return utf8_fold_simple(name, len, out);
	memcpy(out, name, len);
	return len;
}

struct entry **tree_memory_bucket(struct memory *mem, uint64_t dir, const char *key, size_t len)
{
	uint64_t hash = dir * 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)key[i]) * 0x100000001b3u;
	return &mem->buckets[(hash ^ hash >> 32) % BUCKETS];
}

struct entry *tree_memory_find(struct memory *mem, uint64_t dir, const char *name, size_t len)
{
	char key[TREE_FOLD_MAX];
	size_t key_len = tree_memory_key(node_of(mem, dir), name, len, key);
	struct entry *entry = *tree_memory_bucket(mem, dir, key, key_len);

	while (entry && (entry->dir != dir || entry->key_len != key_len ||
			 memcmp(entry->key, key, key_len) != 0))
		entry = entry->next;
	return entry;
}

static int memory_getattr(struct tree *tree, uint64_t id, struct tree_attr *out)
{
	struct node *node;
	int err = find(tree, id, &node);

	if (err)
		return err;
	*out = node->attr;
	return 0;
}

static int find_dir(struct tree *tree, uint64_t id, struct node **out)
{
	struct node *node;
	int err = find(tree, id, &node);

	if (err)
		return err;
	if (!S_ISDIR(node->attr.mode))
		return -ENOTDIR;
	*out = node;
	return 0;
}

static int memory_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len,
			 uint64_t *out_id)
{
	struct entry *entry;
	struct node *node;
	int err = find_dir(tree, dir, &node);

	if (err)
		return err;
	entry = tree_memory_find(memory_of(tree), dir, name, len);
	if (!entry)
		return -ENOENT;
	*out_id = entry->id;
	return 0;
}

static int memory_parent(struct tree *tree, uint64_t dir, uint64_t *out_id)
{
	struct node *node;
	int err = find_dir(tree, dir, &node);

	if (err)
		return err;
	*out_id = node->parent;
	return 0;
}

static int memory_readdir(struct tree *tree, uint64_t dir, uint64_t cookie, tree_entry_fn take,
			  void *ctx)
{
	struct memory *mem = memory_of(tree);
	struct node *node;
	int err = find_dir(tree, dir, &node);

	if (err)
		return err;
	for (uint64_t i = cookie ? cookie - FIRST_COOKIE + 1 : 0; i < node->entry_count; i++) {
		const struct entry *found = node->entries[i];
		struct tree_entry entry = {
			.name = found->name,
			.name_len = found->len,
			.id = found->id,
			.next = i + FIRST_COOKIE,
			.type = (uint8_t)IFTODT(node_of(mem, found->id)->attr.mode),
		};

		if (!found->alias_of && take(ctx, &entry))
			return 0;
	}
	return 0;
}

static ssize_t memory_read(struct tree *tree, uint64_t id, void *buf, size_t len, uint64_t offset)
{
	struct node *node;
	int err = find(tree, id, &node);

	if (err)
		return err;
	if (S_ISDIR(node->attr.mode))
		return -EISDIR;
	if (offset >= node->attr.size)
		return 0;
	len = min_u64(len, node->attr.size - offset);
	memset(buf, 0, len);
	for (size_t i = 0; i < node->extent_count; i++) {
		const struct extent *extent = &node->extents[i];
		uint64_t start = max_u64(extent->offset, offset);
		uint64_t end = min_u64(extent->offset + extent->len, offset + len);

		if (start < end)
			memcpy((char *)buf + (start - offset),
			       extent->data + (start - extent->offset), end - start);
	}
	return (ssize_t)len;
}

static int memory_seek(struct tree *tree, uint64_t id, uint64_t offset, int whence,
		       uint64_t *out_offset)
{
	struct node *node;
	int err = find(tree, id, &node);

	if (err)
		return err;
	if (offset >= node->attr.size)
		return -ENXIO;
	for (size_t i = 0; i < node->extent_count; i++) {
		const struct extent *extent = &node->extents[i];

		if (offset >= extent->offset + extent->len)
			continue;
		if (offset < extent->offset) {
			*out_offset = whence == SEEK_DATA ? extent->offset : offset;
			return 0;
		}
		if (whence == SEEK_DATA) {
			*out_offset = offset;
			return 0;
		}
		offset = extent->offset + extent->len; /* a hole or the next extent */
	}
	if (whence == SEEK_DATA)
		return -ENXIO;
	*out_offset = offset;
	return 0;
}

static ssize_t memory_readlink(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	struct node *node;
	int err = find(tree, id, &node);

	if (err)
		return err;
	if (!node->target)
		return -EINVAL;
	size = min_u64(size, node->attr.size);
	memcpy(buf, node->target, size);
	return (ssize_t)size;
}

static ssize_t give(void *buf, size_t size, const void *value, size_t len)
{
	if (size == 0)
		return (ssize_t)len;
	if (len > size)
		return -ERANGE;
	memcpy(buf, value, len);
	return (ssize_t)len;
}

static ssize_t memory_getxattr(struct tree *tree, uint64_t id, const char *name, void *buf,
			       size_t size)
{
	struct node *node;
	int err = find(tree, id, &node);

	if (err)
		return err;
	for (size_t i = 0; i < node->attribute_count; i++) {
		const struct attribute *found = &node->attributes[i];

		if (strcmp(found->name, name) == 0)
			return give(buf, size, found->value, found->len);
	}
	return -ENODATA;
}

static ssize_t memory_listxattr(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	size_t used = 0;
	struct node *node;
	int err = find(tree, id, &node);

	if (err)
		return err;
	for (size_t i = 0; i < node->attribute_count; i++) {
		size_t len = strlen(node->attributes[i].name) + 1;

		if (size && len > size - used)
			return -ERANGE;
		if (size)
			memcpy(buf + used, node->attributes[i].name, len);
		used += len;
	}
	return (ssize_t)used;
}

static int memory_statfs(struct tree *tree, uint64_t id, struct tree_statfs *out)
{
	struct memory *mem = memory_of(tree);

	(void)id;
	*out = (struct tree_statfs){
		.blocks = 1000,
		.blocks_free = 300,
		.blocks_available = 200,
		.files = mem->node_count,
		.block_size = BLOCK_BYTES,
		.name_max = 255,
		.fsid = 42,
	};
	return 0;
}

static ssize_t memory_fold(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out,
			   size_t size)
{
	char folded[TREE_FOLD_MAX];
	struct node *node;
	int err = find(tree, dir, &node);

	if (err)
		return err;
	if (!node->ignores_case)
		return 0;
	len = tree_memory_key(node, name, len, folded);
	if (len > size)
		return -ERANGE;
	memcpy(out, folded, len);
	return (ssize_t)len;
}

static ssize_t memory_spelling(struct tree *tree, uint64_t dir, const char *name, size_t len,
			       char *out)
{
	const struct entry *entry;
	struct node *node;
	int err = find_dir(tree, dir, &node);

	if (err)
		return err;
	entry = tree_memory_find(memory_of(tree), dir, name, len);
	if (!entry)
		return -ENOENT;
	if (entry->alias_of)
		entry = entry->alias_of;
	memcpy(out, entry->name, entry->len);
	return (ssize_t)entry->len;
}

static void free_node(struct node *node)
{
	for (size_t i = 0; i < node->entry_count; i++)
		free(node->entries[i]);
	for (size_t i = 0; i < node->extent_count; i++)
		free(node->extents[i].data);
	for (size_t i = 0; i < node->attribute_count; i++) {
		free(node->attributes[i].name);
		free(node->attributes[i].value);
	}
	free(node->entries);
	free(node->extents);
	free(node->attributes);
	free(node->target);
	free(node);
}

static void memory_close(struct tree *tree)
{
	struct memory *mem = memory_of(tree);

	for (size_t i = 0; i < mem->node_count; i++)
		free_node(mem->nodes[i]);
	free(mem->nodes);
	free(mem);
}

const struct tree_ops tree_memory_ops = {
	.kind = "memory",
	.getattr = memory_getattr,
	.lookup = memory_lookup,
	.parent = memory_parent,
	.readdir = memory_readdir,
	.read = memory_read,
	.seek = memory_seek,
	.readlink = memory_readlink,
	.getxattr = memory_getxattr,
	.listxattr = memory_listxattr,
	.statfs = memory_statfs,
	.fold = memory_fold,
	.spelling = memory_spelling,
	.close = memory_close,
};
