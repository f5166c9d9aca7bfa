/* SPDX-License-Identifier: MIT */
/*
 * Comparing an overlay with its lower tree: a walk over the directories of the lower tree for the names
 * of files that were changed. Ends as soon as all are found.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/log.h"
#include "overlay/overlay_diff.h"

#define SEEN_MIN 1024u

struct walk {
	struct diff *diff;
	uint64_t dir; /* that is being listed */
	uint64_t left; /* names still to be found */
	uint64_t *stack; /* owned: directories to be listed */
	size_t count;
	size_t room;
	uint64_t *seen; /* owned: a hash table of all directories that were on the stack */
	size_t seen_size; /* a power of two */
	size_t seen_used;
	int err;
};

static uint64_t *seen_slot(uint64_t *seen, size_t size, uint64_t id)
{
	size_t at = (size_t)((id * 0x9e3779b97f4a7c15u) >> 32) & (size - 1);

	while (seen[at] && seen[at] != id)
		at = (at + 1) & (size - 1);
	return &seen[at];
}

/* Each directory once: in a damaged tree one may lie in itself. */
static int push(struct walk *walk, uint64_t dir)
{
	uint64_t *slot, *stack;

	if (walk->seen_used >= walk->seen_size / 4 * 3) {
		const size_t size = walk->seen_size ? walk->seen_size * 2 : SEEN_MIN;
		uint64_t *larger = calloc(size, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		for (size_t i = 0; i < walk->seen_size; i++) {
			if (walk->seen[i])
				*seen_slot(larger, size, walk->seen[i]) = walk->seen[i];
		}
		free(walk->seen);
		walk->seen = larger;
		walk->seen_size = size;
	}
	slot = seen_slot(walk->seen, walk->seen_size, dir);
	if (*slot)
		return 0;
	stack = overlay_diff_room(walk->stack, walk->count, &walk->room, sizeof(*stack));
	if (!stack)
		return -ENOMEM;
	*slot = dir;
	walk->seen_used++;
	walk->stack = stack;
	walk->stack[walk->count++] = dir;
	return 0;
}

static struct diff_wanted *find_wanted(const struct diff *diff, uint64_t id)
{
	size_t low = 0, high = diff->wanted_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (diff->wanted[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < diff->wanted_count && diff->wanted[low].id == id ? &diff->wanted[low] : NULL;
}

static int found(struct walk *walk, struct diff_wanted *wanted, const struct tree_entry *entry)
{
	struct diff *diff = walk->diff;
	struct diff_line line = {
		.kind = OVERLAY_MODIFIED,
		.what = wanted->what,
		.id = wanted->id,
		.mode = wanted->mode,
		.old_path = DIFF_NO_TEXT,
	};
	size_t name;
	int err;

	if (wanted->names == 0 ||
	    overlay_diff_is_hidden(diff, entry->id, walk->dir, entry->name, entry->name_len))
		return 0;
	wanted->names--;
	wanted->found = true;
	walk->left--;
	err = overlay_diff_text(diff, entry->name, entry->name_len, &name);
	if (!err)
		err = overlay_diff_path(diff, false, walk->dir, name, entry->name_len, &line.path);
	return err ? err : overlay_diff_add_line(diff, &line);
}

static int take_entry(void *ctx, const struct tree_entry *entry)
{
	struct walk *walk = ctx;
	struct diff_wanted *wanted = find_wanted(walk->diff, entry->id);
	bool dir = entry->type == DT_DIR;
	struct tree_attr attr;

	if (entry->type == DT_UNKNOWN && !wanted)
		dir = tree_getattr(walk->diff->ov->lower, entry->id, &attr) == 0 &&
		      S_ISDIR(attr.mode);
	if (dir)
		walk->err = push(walk, entry->id);
	else if (wanted)
		walk->err = found(walk, wanted, entry);
	return walk->err || walk->left == 0;
}

int overlay_diff_find_wanted(struct diff *diff)
{
	struct walk walk = {.diff = diff};

	for (size_t i = 0; i < diff->wanted_count; i++)
		walk.left += diff->wanted[i].names;
	if (walk.left == 0)
		return 0;
	walk.err = push(&walk, TREE_ROOT);
	while (!walk.err && walk.count && walk.left) {
		walk.dir = walk.stack[--walk.count];
		/* a damaged directory does not keep the others from being listed */
		tree_readdir(diff->ov->lower, walk.dir, TREE_COOKIE_DOTS, take_entry, &walk);
	}
	free(walk.stack);
	free(walk.seen);
	for (size_t i = 0; !walk.err && i < diff->wanted_count; i++) {
		if (!diff->wanted[i].found)
			log_warn("overlay: node %llu was changed, but no name of it was found",
				 (unsigned long long)diff->wanted[i].id);
	}
	return walk.err;
}
