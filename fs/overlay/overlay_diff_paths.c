/* SPDX-License-Identifier: MIT */
/*
 * Comparing an overlay with its lower tree: paths. A directory knows the one above it; its own name
 * is among those that were collected, or is looked for in the lower directory above.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "overlay/overlay_diff.h"

#define DEPTH_MAX 100000u /* directories above one another; more is a circle */
#define PATHS_MIN 256u

/* Longer ones are made again each time, so that deep trees do not take memory by the square. */
#define KEPT_BYTES 4096u

/* Paths that are known ---------------------------------------------------------------------------- */

static uint64_t key_of(bool lower, uint64_t dir)
{
	return dir << 1 | lower;
}

static struct diff_path *slot_of(struct diff_path *paths, size_t size, uint64_t key)
{
	size_t at = (size_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (size - 1);

	while (paths[at].key && paths[at].key != key)
		at = (at + 1) & (size - 1);
	return &paths[at];
}

static const struct diff_path *known(struct diff *diff, bool lower, uint64_t dir)
{
	const struct diff_path *slot;

	if (!diff->paths_size)
		return NULL;
	slot = slot_of(diff->paths, diff->paths_size, key_of(lower, dir));
	return slot->key ? slot : NULL;
}

static int keep(struct diff *diff, bool lower, uint64_t dir, size_t path, size_t len)
{
	struct diff_path *slot;

	if (len > KEPT_BYTES)
		return 0;
	if (diff->paths_used >= diff->paths_size / 4 * 3) {
		const size_t size = diff->paths_size ? diff->paths_size * 2 : PATHS_MIN;
		struct diff_path *larger = calloc(size, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		for (size_t i = 0; i < diff->paths_size; i++) {
			if (diff->paths[i].key)
				*slot_of(larger, size, diff->paths[i].key) = diff->paths[i];
		}
		free(diff->paths);
		diff->paths = larger;
		diff->paths_size = size;
	}
	slot = slot_of(diff->paths, diff->paths_size, key_of(lower, dir));
	if (!slot->key)
		diff->paths_used++;
	*slot = (struct diff_path){.key = key_of(lower, dir), .path = path, .len = len};
	return 0;
}

/* One step up ------------------------------------------------------------------------------------- */

struct searching {
	struct diff *diff;
	uint64_t id;
	size_t name;
	size_t len;
	int err; /* 1: found */
};

static int take_entry(void *ctx, const struct tree_entry *entry)
{
	struct searching *search = ctx;

	if (entry->id != search->id)
		return 0;
	search->len = entry->name_len;
	search->err = overlay_diff_text(search->diff, entry->name, entry->name_len, &search->name);
	if (!search->err)
		search->err = 1;
	return 1;
}

/* A step of a path: one directory and its name. */
struct step {
	uint64_t dir;
	size_t name; /* text */
	size_t len;
};

/* What the lower tree says, with or without a name that was collected. */
static int lower_step(struct diff *diff, struct step *step, uint64_t *out_parent)
{
	struct searching search = {.diff = diff, .id = step->dir};
	int err = tree_parent(diff->ov->lower, step->dir, out_parent);

	if (!err)
		err = tree_readdir(diff->ov->lower, *out_parent, TREE_COOKIE_DOTS, take_entry,
				   &search);
	if (!err && search.err != 1)
		err = search.err ? search.err : -EUCLEAN;
	if (err)
		return err;
	step->name = search.name;
	step->len = search.len;
	return 0;
}

static int step_up(struct diff *diff, bool lower, struct step *step, uint64_t *out_parent)
{
	size_t i, end = overlay_diff_names_of(diff, step->dir, &i);

	for (; i < end; i++) {
		const struct diff_name *each = &diff->names.all[i];

		if (each->lower != lower)
			continue;
		step->name = each->name;
		step->len = each->len;
		*out_parent = each->dir;
		return 0;
	}
	if (!overlay_is_lower(diff->ov, step->dir))
		return -EUCLEAN;
	return lower_step(diff, step, out_parent);
}

/* Whole paths ------------------------------------------------------------------------------------- */

struct steps {
	struct step *all; /* owned */
	size_t count;
	size_t room;
};

/* Goes up until a path is known; *@out_base has that, NULL: the root. */
static int climb(struct diff *diff, bool lower, uint64_t dir, struct steps *steps,
		 const struct diff_path **out_base)
{
	for (; dir != TREE_ROOT; steps->count++) {
		const struct diff_path *base = known(diff, lower, dir);
		struct step *all;
		int err;

		if (base) {
			*out_base = base;
			return 0;
		}
		if (steps->count == DEPTH_MAX)
			return -EUCLEAN;
		all = overlay_diff_room(steps->all, steps->count, &steps->room, sizeof(*all));
		if (!all)
			return -ENOMEM;
		steps->all = all;
		all[steps->count].dir = dir;
		err = step_up(diff, lower, &all[steps->count], &dir);
		if (err)
			return err;
	}
	*out_base = NULL;
	return 0;
}

/* Copies text that is there already behind all text, with more bytes to follow. */
static int append(struct diff *diff, size_t from, size_t len)
{
	size_t unused;
	int err = overlay_diff_text(diff, NULL, len, &unused);

	if (!err)
		memcpy(diff->text.bytes + unused, diff->text.bytes + from, len);
	return err;
}

/* The path of a directory as fresh text at the end, without a slash at its end. */
static int dir_path(struct diff *diff, bool lower, uint64_t dir, size_t *out, size_t *out_len)
{
	const struct diff_path *base;
	struct steps steps = {0};
	size_t start;
	int err = climb(diff, lower, dir, &steps, &base);

	start = diff->text.used;
	if (!err && base)
		err = append(diff, base->path, base->len);
	while (!err && steps.count) {
		const struct step *step = &steps.all[--steps.count];
		size_t unused;

		err = overlay_diff_text(diff, "/", 1, &unused);
		if (!err)
			err = append(diff, step->name, step->len);
	}
	free(steps.all);
	if (err)
		return err;
	*out = start;
	*out_len = diff->text.used - start;
	return 0;
}

int overlay_diff_path(struct diff *diff, bool lower, uint64_t dir, size_t name, size_t len,
		      size_t *out)
{
	const struct diff_path *base = known(diff, lower, dir);
	size_t start, unused, path, path_len;
	int err;

	if (!base && dir != TREE_ROOT) {
		err = dir_path(diff, lower, dir, &path, &path_len);
		if (!err)
			err = keep(diff, lower, dir, path, path_len);
		if (err)
			return err;
	} else {
		path = base ? base->path : 0;
		path_len = base ? base->len : 0;
	}
	start = diff->text.used;
	err = append(diff, path, path_len);
	if (!err)
		err = overlay_diff_text(diff, "/", 1, &unused);
	if (!err)
		err = append(diff, name, len);
	if (!err)
		err = overlay_diff_text(diff, "", 1, &unused);
	if (!err)
		*out = start;
	return err;
}

int overlay_diff_dir_path(struct diff *diff, bool lower, uint64_t dir, size_t *out)
{
	size_t len, unused;
	int err;

	if (dir == TREE_ROOT)
		return overlay_diff_text(diff, "/", 2, out);
	err = dir_path(diff, lower, dir, out, &len);
	return err ? err : overlay_diff_text(diff, "", 1, &unused);
}
