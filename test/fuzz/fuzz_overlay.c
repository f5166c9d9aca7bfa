/* SPDX-License-Identifier: MIT */
/*
 * The input is a store's records, one after the other: u8 length of the key, le16 of the value, both.
 * An overlay is opened over a small tree, looked at in every way, checked, listed as changes, and
 * changed. Checksums are right: what is tried is what stands behind them.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/le.h"
#include "base/log.h"
#include "overlay/overlay.h"
#include "overlay/overlay_record.h"
#include "store/store.h"
#include "tree/tree_memory.h"

#define NODES_MAX 200 /* per input, counted each time they are met */
#define NAMES_MAX 64 /* per directory */
#define DEPTH_MAX 8
#define READ_BYTES 65536u
#define BLOCKS 256u /* of the store's data */

struct walk {
	struct tree *tree;
	int nodes;
};

struct name {
	char text[TREE_NAME_MAX];
	size_t len;
	uint64_t id;
};

struct names {
	struct name *names;
	size_t count;
};

static int take_name(void *ctx, const struct tree_entry *entry)
{
	struct names *list = ctx;
	struct name *name;

	if (list->count == NAMES_MAX)
		return 1;
	if (entry->name_len == 0 || entry->name_len > TREE_NAME_MAX ||
	    memchr(entry->name, '/', entry->name_len))
		abort();
	name = &list->names[list->count++];
	memcpy(name->text, entry->name, entry->name_len);
	name->len = entry->name_len;
	name->id = entry->id;
	return 0;
}

static int take_note(void *ctx, const struct tree_note *note)
{
	(void)ctx;
	if (note->slot >= TREE_NOTES)
		abort();
	return 0;
}

static void look_at_file(struct tree *tree, const struct tree_attr *attr)
{
	char *buffer = malloc(READ_BYTES);
	const uint64_t places[] = {0, attr->size / 2, attr->size ? attr->size - 1 : 0, attr->size};
	uint64_t at;

	for (size_t i = 0; buffer && i < sizeof(places) / sizeof(places[0]); i++) {
		if (tree_read(tree, attr->id, buffer, READ_BYTES, places[i]) > (ssize_t)READ_BYTES)
			abort();
		(void)tree_seek(tree, attr->id, places[i], SEEK_DATA, &at);
		(void)tree_seek(tree, attr->id, places[i], SEEK_HOLE, &at);
	}
	if (buffer) {
		(void)tree_readlink(tree, attr->id, buffer, TREE_LINK_MAX);
		(void)tree_listxattr(tree, attr->id, buffer, READ_BYTES);
		(void)tree_getxattr(tree, attr->id, "user.a", buffer, READ_BYTES);
	}
	free(buffer);
}

static void look(struct walk *walk, uint64_t id, int depth)
{
	struct names list = {0};
	struct tree_attr attr;
	uint64_t other;

	if (walk->nodes++ >= NODES_MAX || tree_getattr(walk->tree, id, &attr))
		return;
	if (attr.id != id)
		abort();
	look_at_file(walk->tree, &attr);
	if (!S_ISDIR(attr.mode) || depth == DEPTH_MAX)
		return;
	(void)tree_parent(walk->tree, id, &other);
	list.names = malloc(NAMES_MAX * sizeof(*list.names));
	if (list.names)
		(void)tree_readdir(walk->tree, id, 0, take_name, &list);
	for (size_t i = 0; i < list.count; i++) {
		const struct name *name = &list.names[i];

		if (name->text[0] == '.')
			continue;
		(void)tree_lookup(walk->tree, id, name->text, name->len, &other);
		look(walk, name->id, depth + 1);
	}
	free(list.names);
}

/* Whatever the store says: changes succeed or fail, and what is new is there. */
static void change(struct tree *tree)
{
	const struct tree_new dir = {.mode = S_IFDIR | 0755}, file = {.mode = S_IFREG | 0644};
	const struct tree_setattr cut = {.valid = TREE_SET_SIZE, .size = 5000};
	struct tree_attr attr;
	uint64_t id;

	(void)tree_rename(tree, TREE_ROOT, "a", 1, TREE_ROOT, "b", 1, 0);
	(void)tree_rename(tree, TREE_ROOT, "d", 1, TREE_ROOT, "f", 1, TREE_RENAME_EXCHANGE);
	(void)tree_unlink(tree, TREE_ROOT, "f", 1);
	(void)tree_rmdir(tree, TREE_ROOT, "d", 1);
	if (tree_lookup(tree, TREE_ROOT, "f", 1, &id) == 0) {
		(void)tree_write(tree, id, "data", 4, 4094, 0);
		(void)tree_setattr(tree, id, &cut, NULL);
		(void)tree_fallocate(tree, id, TREE_FALLOC_PUNCH_HOLE | TREE_FALLOC_KEEP_SIZE, 0,
				     4096);
		(void)tree_setxattr(tree, id, "user.a", "1", 1, 0);
		(void)tree_removexattr(tree, id, "user.a");
		(void)tree_link(tree, id, TREE_ROOT, "l", 1, NULL);
	}
	if (tree_create(tree, TREE_ROOT, "new", 3, &dir, &attr) == 0 &&
	    tree_create(tree, attr.id, "file", 4, &file, NULL))
		abort();
}

static int ignore_change(void *ctx, const struct overlay_change *change)
{
	(void)ctx;
	return change->path[0] == '/' ? 0 : -EINVAL;
}

static struct tree *make_lower(void)
{
	const struct tree_memory_node dir = {.mode = S_IFDIR | 0755};
	const struct tree_memory_node file = {.mode = S_IFREG | 0644, .size = 10000};
	struct tree *tree;
	uint64_t id;

	if (tree_memory_create(&tree) || tree_memory_add(tree, TREE_ROOT, "d", &dir, &id) ||
	    tree_memory_add(tree, id, "x", &file, NULL) ||
	    tree_memory_add(tree, TREE_ROOT, "f", &file, &id) ||
	    tree_memory_put(tree, id, 5000, "lower", 5))
		abort();
	return tree;
}

static void put_records(struct store *store, const uint8_t *data, size_t size)
{
	struct store_txn *txn;

	if (store_begin(store, &txn))
		abort();
	while (size >= 3) {
		const size_t key_len = data[0], len = le16_at(data + 1);
		struct store_key key;

		data += 3;
		size -= 3;
		if (key_len > size || len > size - key_len)
			break;
		key.len = key_len;
		memcpy(key.bytes, data, key_len);
		(void)store_put(txn, &key, data + key_len, len);
		data += key_len + len;
		size -= key_len + len;
	}
	(void)store_commit(&txn, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tree *lower = make_lower();
	struct walk walk = {0};
	struct tree_statfs statfs;
	struct overlay_summary summary;
	unsigned int problems;
	struct store *store;
	uint64_t first, got;

	log_set_level(LOG_LEVEL_ERROR);
	if (store_memory_create(&store) || overlay_format(store, lower, 1000))
		abort();
	/* data that records may refer to */
	if (store_blocks_take(store, BLOCKS, &first, &got) == 0)
		store_blocks_return(store, first, got);
	put_records(store, data, size);
	if (overlay_open(store, lower, &walk.tree)) {
		store_close(store);
		tree_close(lower);
		return 0;
	}
	look(&walk, TREE_ROOT, 0);
	(void)tree_statfs(walk.tree, TREE_ROOT, &statfs);
	(void)overlay_check(walk.tree, &problems);
	(void)overlay_diff(walk.tree, ignore_change, NULL);
	(void)overlay_summarize(walk.tree, &summary);
	(void)tree_notes(walk.tree, take_note, NULL);
	change(walk.tree);
	(void)tree_sync(walk.tree);
	walk.nodes = 0;
	look(&walk, TREE_ROOT, 0);
	(void)overlay_close(walk.tree);
	return 0;
}
