/* SPDX-License-Identifier: MIT */
/* The input is a volume: every directory and file that can be reached is looked at in every way. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "fat/fat.h"

#define NODES_MAX 300 /* per input, counted each time they are met */
#define NAMES_MAX 64 /* per directory */
#define DEPTH_MAX 8
#define READ_BYTES 65536u

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
	uint64_t cookie;
};

static int take_name(void *ctx, const struct tree_entry *entry)
{
	struct names *list = ctx;
	struct name *name;

	if (list->count == NAMES_MAX)
		return 1;
	if (entry->next <= list->cookie || entry->name_len == 0 ||
	    entry->name_len > TREE_NAME_MAX || memchr(entry->name, '/', entry->name_len) ||
	    memchr(entry->name, '\0', entry->name_len))
		abort();
	list->cookie = entry->next;
	name = &list->names[list->count++];
	memcpy(name->text, entry->name, entry->name_len);
	name->len = entry->name_len;
	name->id = entry->id;
	return 0;
}

static void read_file(struct tree *tree, const struct tree_attr *attr)
{
	char *buffer = malloc(READ_BYTES);
	uint64_t places[] = {0, attr->size / 2, attr->size - attr->size % 7, attr->size};

	if (!buffer)
		return;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		ssize_t n = tree_read(tree, attr->id, buffer, READ_BYTES, places[i]);

		if (n > (ssize_t)READ_BYTES || (n == 0 && places[i] < attr->size))
			abort();
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
	if (attr.id != id || id >= walk->tree->span)
		abort();
	if (!S_ISDIR(attr.mode)) {
		read_file(walk->tree, &attr);
		return;
	}
	(void)tree_parent(walk->tree, id, &other);
	list.names = malloc(NAMES_MAX * sizeof(*list.names));
	if (!list.names || depth == DEPTH_MAX)
		goto done;
	(void)tree_readdir(walk->tree, id, 0, take_name, &list);
	for (size_t i = 2; i < list.count; i++) {
		const struct name *name = &list.names[i];

		/* Another entry may have the same name, but one of them must be found. */
		if (tree_lookup(walk->tree, id, name->text, name->len, &other) == -ENOENT)
			abort();
		look(walk, name->id, depth + 1);
	}
done:
	free(list.names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fat_options options = {0};
	struct walk walk = {0};
	struct tree_statfs statfs;
	struct fat_info info;
	struct tree_attr attr;
	struct image *img;

	log_set_level(LOG_LEVEL_ERROR);
	if (image_memory(data, size, &img))
		return 0;
	(void)fat_info_read(img, true, &info);
	if (fat_open(img, &options, &walk.tree) == 0) {
		if (fat_probe(img))
			abort();
		look(&walk, TREE_ROOT, 0);
		(void)tree_statfs(walk.tree, TREE_ROOT, &statfs);
		/* ids that were never handed out */
		for (uint64_t id = 0; id < size / 32 && id < 4096; id += 5)
			(void)tree_getattr(walk.tree, id, &attr);
		(void)tree_getattr(walk.tree, UINT64_MAX, &attr);
		tree_close(walk.tree);
	}
	image_close(img);
	return 0;
}
