/* SPDX-License-Identifier: MIT */
/* The tree in memory, as it is filled. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tree/tree_memory_private.h"

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
	mem->base.ops = &tree_memory_ops;
	err = new_node(mem, &root, &node);
	if (err) {
		tree_close(&mem->base);
		return err;
	}
	node->parent = TREE_ROOT;
	*out = &mem->base;
	return 0;
}

/* A name whose id is still to be set. */
static int new_entry(struct memory *mem, uint64_t dir, const char *name, struct entry **out)
{
	size_t len = strlen(name), key_len;
	struct node *parent = node_of(mem, dir);
	char key[TREE_FOLD_MAX];
	struct entry *entry, **bucket;

	if (!parent)
		return -ENOENT;
	if (!S_ISDIR(parent->attr.mode))
		return -ENOTDIR;
	if (len == 0 || len > TREE_NAME_MAX)
		return -EINVAL;
	if (tree_memory_find(mem, dir, name, len))
		return -EEXIST;
	if (grow(&parent->entries, parent->entry_count, sizeof(struct entry *)) < 0)
		return -ENOMEM;
	key_len = tree_memory_key(parent, name, len, key);
	entry = calloc(1, sizeof(*entry) + len + key_len);
	if (!entry)
		return -ENOMEM;
	bucket = tree_memory_bucket(mem, dir, key, key_len);
	entry->next = *bucket;
	entry->dir = dir;
	entry->len = len;
	entry->key_len = key_len;
	entry->key = entry->name + len;
	memcpy(entry->name, name, len);
	memcpy(entry->key, key, key_len);
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

int tree_memory_ignore_case(struct tree *tree, uint64_t dir)
{
	struct node *node = node_of(memory_of(tree), dir);

	if (!node || !S_ISDIR(node->attr.mode))
		return -ENOTDIR;
	if (node->entry_count)
		return -ENOTEMPTY;
	node->ignores_case = true;
	tree->mixes_case = true;
	return 0;
}

int tree_memory_alias(struct tree *tree, uint64_t dir, const char *alias, const char *name)
{
	struct memory *mem = memory_of(tree);
	struct entry *entry;
	const struct entry *listed;
	int err;

	if (!node_of(mem, dir))
		return -ENOENT;
	listed = tree_memory_find(mem, dir, name, strlen(name));
	if (!listed || listed->alias_of)
		return -ENOENT;
	err = new_entry(mem, dir, alias, &entry);
	if (err)
		return err;
	entry->id = listed->id;
	entry->alias_of = listed;
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
