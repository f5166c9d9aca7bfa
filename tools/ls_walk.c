/* SPDX-License-Identifier: MIT */
/* The walk of ls -R: a stack of directories that wait, in memory instead of a recursion. */
#include "ls_walk.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "idmap.h"
#include "view.h"

#define PATH_BYTES_MAX (16u * PATH_MAX)

struct waiting {
	char *path; /* owned */
	uint64_t id;
};

struct walk {
	struct tree *tree;
	bool all;
	bool recursive;
	struct waiting *stack;
	size_t count, capacity;
	struct idmap visited;
};

static int push(struct walk *walk, char *path, uint64_t id)
{
	if (walk->count == walk->capacity) {
		size_t capacity = walk->capacity ? walk->capacity * 2 : 64;
		struct waiting *larger = realloc(walk->stack, capacity * sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		walk->stack = larger;
		walk->capacity = capacity;
	}
	walk->stack[walk->count++] = (struct waiting){.path = path, .id = id};
	return 0;
}

static bool is_directory(struct tree *tree, const struct listing_entry *entry)
{
	struct tree_attr attr;

	if (entry->type != DT_UNKNOWN)
		return entry->type == DT_DIR;
	return tree_getattr(tree, entry->id, &attr) == 0 && S_ISDIR(attr.mode);
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Puts the directories of @listing on the stack, the last one first. */
static int push_children(struct walk *walk, const char *path, const struct listing *listing)
{
	size_t len = strlen(path);
	const char *slash = path[len - 1] == '/' ? "" : "/";

	for (size_t i = listing->count; i-- > 0;) {
		const struct listing_entry *entry = &listing->entries[i];
		char *child;

		if (is_dots(entry->name) || (entry->name[0] == '.' && !walk->all) ||
		    !is_directory(walk->tree, entry))
			continue;
		/* a hostile image is as deep as it has inodes; all these paths are kept and printed */
		if (len > PATH_BYTES_MAX)
			return -ENAMETOOLONG;
		if (asprintf(&child, "%s%s%s", path, slash, entry->name) < 0)
			return -ENOMEM;
		if (push(walk, child, entry->id) < 0) {
			free(child);
			return -ENOMEM;
		}
	}
	return 0;
}

static int visit_one(struct walk *walk, const char *path, uint64_t id, ls_walk_fn visit, void *ctx,
		     bool first)
{
	struct listing listing = {0};
	int err = idmap_add(&walk->visited, id, NULL);
	int visited;

	if (err == -EEXIST) {
		log_error("%s: a directory that was listed before: the image is damaged", path);
		return -EUCLEAN;
	}
	if (err)
		return view_error(path, err);
	err = listing_read(walk->tree, id, walk->all, &listing);
	if (err)
		view_error(path, err);
	visited = visit(ctx, path, &listing, first);
	if (visited)
		err = visited;
	visited = walk->recursive ? push_children(walk, path, &listing) : 0;
	if (visited)
		err = view_error(path, visited);
	listing_finish(&listing);
	return err;
}

int ls_walk(struct tree *tree, const char *path, uint64_t dir, bool all, bool recursive,
	    ls_walk_fn visit, void *ctx)
{
	struct walk walk = {.tree = tree, .all = all, .recursive = recursive};
	int result = visit_one(&walk, path, dir, visit, ctx, true);

	while (walk.count) {
		struct waiting next = walk.stack[--walk.count];
		int err = visit_one(&walk, next.path, next.id, visit, ctx, false);

		if (err)
			result = err;
		free(next.path);
	}
	free(walk.stack);
	idmap_finish(&walk.visited);
	return result;
}
