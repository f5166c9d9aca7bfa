/* SPDX-License-Identifier: MIT */
/* The tree in memory: an array of nodes, and one hash table of the names of all directories. */
#include "tree/tree_memory.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"

#define BUCKETS 65536u
#define FIRST_COOKIE 3u
#define BLOCK_BYTES 4096u

struct entry {
	struct entry *next; /* of the same bucket */
	uint64_t dir;
	uint64_t id;
	size_t len;
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

static struct memory *memory_of(struct tree *tree)
{
	return container_of(tree, struct memory, base);
}

/* Makes room for one more of @size bytes each; doubles at powers of two. */
static int grow(void *array, size_t count, size_t size)
{
	void *old, *more;

	if (count && !is_power_of_two(count))
		return 0;
	memcpy(&old, array, sizeof(old));
	more = reallocarray(old, count ? 2 * count : 1, size);
	if (!more)
		return -ENOMEM;
	memcpy(array, &more, sizeof(more));
	return 0;
}

static struct node *node_of(struct memory *mem, uint64_t id)
{
	return id && id <= mem->node_count ? mem->nodes[id - 1] : NULL;
}

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

static struct entry **bucket_of(struct memory *mem, uint64_t dir, const char *name, size_t len)
{
	uint64_t hash = dir * 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
	return &mem->buckets[(hash ^ hash >> 32) % BUCKETS];
}

static struct entry *find_entry(struct memory *mem, uint64_t dir, const char *name, size_t len)
{
	struct entry *entry = *bucket_of(mem, dir, name, len);

	while (entry &&
	       (entry->dir != dir || entry->len != len || memcmp(entry->name, name, len) != 0))
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
	entry = find_entry(memory_of(tree), dir, name, len);
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

		if (take(ctx, &entry))
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

static const struct tree_ops memory_ops = {
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
	.close = memory_close,
};

static int new_node(struct memory *mem, const struct tree_memory_node *from, struct node **out)
{
	struct node *node;

	if (grow(&mem->nodes, mem->node_count, sizeof(*mem->nodes)) < 0)
		return -ENOMEM;
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	if (S_ISLNK(from->mode)) {
		node->target = strdup(from->target);
		if (!node->target) {
			free(node);
			return -ENOMEM;
		}
	}
	node->attr = (struct tree_attr){
		.id = mem->node_count + 1,
		.size = node->target ? strlen(node->target) : from->size,
		.mode = from->mode,
		.nlink = S_ISDIR(from->mode) ? 2 : 1,
		.uid = from->uid,
		.gid = from->gid,
		.rdev = from->rdev,
		.block_size = BLOCK_BYTES,
		.atime = from->time,
		.mtime = from->time,
		.ctime = from->time,
		.btime = from->time,
	};
	mem->nodes[mem->node_count++] = node;
	mem->base.span = mem->node_count + 1;
	*out = node;
	return 0;
}

int tree_memory_create(struct tree **out)
{
	static const struct tree_memory_node root = {.mode = S_IFDIR | 0755};
	struct memory *mem = calloc(1, sizeof(*mem));
	struct node *node;
	int err;

	if (!mem)
		return -ENOMEM;
	mem->base.ops = &memory_ops;
	err = new_node(mem, &root, &node);
	if (err) {
		memory_close(&mem->base);
		return err;
	}
	node->parent = TREE_ROOT;
	*out = &mem->base;
	return 0;
}

/* A name whose id is still to be set. */
static int new_entry(struct memory *mem, uint64_t dir, const char *name, struct entry **out)
{
	size_t len = strlen(name);
	struct node *parent = node_of(mem, dir);
	struct entry *entry, **bucket;

	if (!parent)
		return -ENOENT;
	if (!S_ISDIR(parent->attr.mode))
		return -ENOTDIR;
	if (len == 0 || len > TREE_NAME_MAX)
		return -EINVAL;
	if (find_entry(mem, dir, name, len))
		return -EEXIST;
	if (grow(&parent->entries, parent->entry_count, sizeof(struct entry *)) < 0)
		return -ENOMEM;
	entry = malloc(sizeof(*entry) + len);
	if (!entry)
		return -ENOMEM;
	bucket = bucket_of(mem, dir, name, len);
	entry->next = *bucket;
	entry->dir = dir;
	entry->len = len;
	memcpy(entry->name, name, len);
	*bucket = entry;
	parent->entries[parent->entry_count++] = entry;
	*out = entry;
	return 0;
}

int tree_memory_add(struct tree *tree, uint64_t dir, const char *name,
		    const struct tree_memory_node *from, uint64_t *out_id)
{
	struct memory *mem = memory_of(tree);
	struct entry *entry;
	struct node *node;
	int err;

	if (S_ISLNK(from->mode) != (from->target != NULL))
		return -EINVAL;
	err = new_entry(mem, dir, name, &entry);
	if (err)
		return err;
	entry->id = dir; /* harmless should there be no memory for the node */
	err = new_node(mem, from, &node);
	if (err)
		return err;
	entry->id = node->attr.id;
	if (S_ISDIR(from->mode)) {
		node->parent = dir;
		node_of(mem, dir)->attr.nlink++;
	}
	if (out_id)
		*out_id = node->attr.id;
	return 0;
}

int tree_memory_link(struct tree *tree, uint64_t dir, const char *name, uint64_t id)
{
	struct memory *mem = memory_of(tree);
	struct node *node = node_of(mem, id);
	struct entry *entry;
	int err;

	if (!node || S_ISDIR(node->attr.mode))
		return -EINVAL;
	err = new_entry(mem, dir, name, &entry);
	if (err)
		return err;
	entry->id = id;
	node->attr.nlink++;
	return 0;
}

int tree_memory_put(struct tree *tree, uint64_t id, uint64_t offset, const void *data, size_t len)
{
	struct node *node = node_of(memory_of(tree), id);
	const struct extent *last;
	char *copy;

	if (!node || !S_ISREG(node->attr.mode) || len > UINT64_MAX - offset || len == 0)
		return -EINVAL;
	last = node->extent_count ? &node->extents[node->extent_count - 1] : NULL;
	if (last && offset < last->offset + last->len)
		return -EINVAL;
	if (grow(&node->extents, node->extent_count, sizeof(*node->extents)) < 0)
		return -ENOMEM;
	copy = malloc(len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, len);
	node->extents[node->extent_count++] =
		(struct extent){.offset = offset, .len = len, .data = copy};
	node->attr.size = max_u64(node->attr.size, offset + len);
	node->attr.blocks += div_round_up(len, 512);
	return 0;
}

int tree_memory_set_xattr(struct tree *tree, uint64_t id, const char *name, const void *value,
			  size_t len)
{
	struct node *node = node_of(memory_of(tree), id);
	struct attribute added = {.len = len};

	if (!node || len > TREE_XATTR_MAX)
		return -EINVAL;
	if (grow(&node->attributes, node->attribute_count, sizeof(*node->attributes)) < 0)
		return -ENOMEM;
	added.name = strdup(name);
	added.value = malloc(len + 1);
	if (!added.name || !added.value) {
		free(added.name);
		free(added.value);
		return -ENOMEM;
	}
	memcpy(added.value, value, len);
	node->attributes[node->attribute_count++] = added;
	return 0;
}

int tree_memory_damage(struct tree *tree, uint64_t id, int error)
{
	struct node *node = node_of(memory_of(tree), id);

	if (!node)
		return -EINVAL;
	node->error = error;
	return 0;
}
