/* SPDX-License-Identifier: MIT */
/*
 * How an overlay differs from its lower tree, by path.
 *
 * The records tell of each name that only one of the trees has, and of each node of the lower tree
 * that has other attributes. A node of the lower tree that lost one name and got another was renamed;
 * what is in a directory that was renamed did not change. A file that was only written to does not
 * know its names: for those the directories of the lower tree are walked, until all are found.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "overlay/overlay_diff.h"

#define ROOM_MIN 64u

void *overlay_diff_room(void *array, size_t count, size_t *room, size_t size)
{
	const size_t larger = *room ? 2 * *room : ROOM_MIN;
	void *moved;

	if (count < *room)
		return array;
	moved = reallocarray(array, larger, size);
	if (moved)
		*room = larger;
	return moved;
}

int overlay_diff_text(struct diff *diff, const char *bytes, size_t len, size_t *out)
{
	struct diff_text *text = &diff->text;

	while (text->room - text->used < len) {
		const size_t room = text->room ? 2 * text->room : 65536;
		char *larger = realloc(text->bytes, room);

		if (!larger)
			return -ENOMEM;
		text->bytes = larger;
		text->room = room;
	}
	if (bytes && len)
		memcpy(text->bytes + text->used, bytes, len);
	*out = text->used;
	text->used += len;
	return 0;
}

int overlay_diff_add_line(struct diff *diff, const struct diff_line *line)
{
	struct diff_lines *lines = &diff->lines;
	struct diff_line *all =
		overlay_diff_room(lines->all, lines->count, &lines->room, sizeof(*all));

	if (!all)
		return -ENOMEM;
	lines->all = all;
	lines->all[lines->count++] = *line;
	return 0;
}

/* One node ---------------------------------------------------------------------------------------- */

/* A node with its names that only one of the trees has: @all[0] to @all[lower - 1] are lower ones. */
struct looking {
	struct diff *diff;
	uint64_t id;
	bool alive;
	uint32_t mode;
	unsigned int what; /* of one of the lower tree that is alive */
	struct diff_name *all;
	size_t lower;
	size_t count;
};

static int find_node(struct looking *look)
{
	struct overlay *ov = look->diff->ov;
	struct record_node node;
	struct tree_attr attr;
	int err = overlay_node_get(ov, NULL, look->id, &node);

	look->alive = !err && node.nlink > 0;
	look->what = 0;
	look->mode = look->alive ? node.mode : 0;
	if (err && err != -ESTALE)
		return err;
	if (!overlay_is_lower(ov, look->id))
		return 0;
	if (look->alive)
		return overlay_diff_same_node(look->diff, look->id, &node, &look->what);
	err = tree_getattr(ov->lower, look->id, &attr);
	if (!err)
		look->mode = attr.mode;
	return err;
}

static int add_name_line(struct looking *look, enum overlay_change_kind kind,
			 const struct diff_name *name, const struct diff_name *old)
{
	struct diff_line line = {
		.kind = kind,
		.what = look->what,
		.id = look->id,
		.mode = look->mode,
		.old_path = DIFF_NO_TEXT,
	};
	int err = overlay_diff_path(look->diff, kind == OVERLAY_DELETED, name->dir, name->name,
				    name->len, &line.path);

	if (!err && old)
		err = overlay_diff_path(look->diff, true, old->dir, old->name, old->len,
					&line.old_path);
	return err ? err : overlay_diff_add_line(look->diff, &line);
}

/* The name that it has in the overlay, too. */
static struct diff_name *find_same_name(const struct looking *look, const struct diff_name *old)
{
	const char *text = look->diff->text.bytes;

	for (size_t i = look->lower; i < look->count; i++) {
		struct diff_name *new = &look->all[i];

		if (new->dir == old->dir &&new->len == old->len &&
		    memcmp(text + new->name, text + old->name, old->len) == 0)
			return new;
	}
	return NULL;
}

/* A name that went and came back is none that changed. */
static int pair_same_names(struct looking *look)
{
	int err = 0;

	for (size_t i = 0; i < look->lower; i++) {
		struct diff_name *old = &look->all[i];
		struct diff_name *new = find_same_name(look, old);

		if (!new)
			continue;
		old->done = new->done = true;
		if (look->what)
			err = add_name_line(look, OVERLAY_MODIFIED, new, NULL);
		if (err)
			return err;
	}
	return 0;
}

static struct diff_name *next_name(struct looking *look, size_t *at, size_t end)
{
	while (*at < end && look->all[*at].done)
		++*at;
	return *at < end ? &look->all[(*at)++] : NULL;
}

/* What it lost and what it got, as far as there is both; then the rest. */
static int tell_names(struct looking *look)
{
	size_t lower = 0, added = look->lower;
	int err = 0;

	while (!err) {
		struct diff_name *old = next_name(look, &lower, look->lower);
		struct diff_name *new = look->alive ? next_name(look, &added, look->count) : NULL;

		if (old && new)
			err = add_name_line(look, OVERLAY_RENAMED, new, old);
		else if (old)
			err = add_name_line(look, OVERLAY_DELETED, old, NULL);
		else if (new)
			err = add_name_line(look, OVERLAY_ADDED, new, NULL);
		else
			break;
	}
	return err;
}

static int want_names(struct looking *look)
{
	struct diff *diff = look->diff;
	struct diff_wanted *all;
	struct tree_attr attr;
	int err = tree_getattr(diff->ov->lower, look->id, &attr);

	if (err || attr.nlink <= look->lower)
		return err;
	all = overlay_diff_room(diff->wanted, diff->wanted_count, &diff->wanted_room, sizeof(*all));
	if (!all)
		return -ENOMEM;
	diff->wanted = all;
	all[diff->wanted_count++] = (struct diff_wanted){
		.id = look->id,
		.names = attr.nlink - (uint32_t)look->lower,
		.what = look->what,
		.mode = look->mode,
	};
	return 0;
}

/* Where a node that was changed, and has no new name, is. */
static int tell_changed(struct looking *look)
{
	struct diff_line line = {
		.kind = OVERLAY_MODIFIED,
		.what = look->what,
		.id = look->id,
		.mode = look->mode,
		.old_path = DIFF_NO_TEXT,
	};
	int err;

	if (!S_ISDIR(look->mode))
		return want_names(look);
	if (look->count)
		return 0;
	err = overlay_diff_dir_path(look->diff, false, look->id, &line.path);
	return err ? err : overlay_diff_add_line(look->diff, &line);
}

static int look_at(struct diff *diff, uint64_t id)
{
	struct looking look = {.diff = diff, .id = id};
	size_t first, end = overlay_diff_names_of(diff, id, &first);
	int err;

	look.count = end - first;
	look.all = look.count ? diff->names.all + first : NULL;
	while (look.lower < look.count && look.all[look.lower].lower)
		look.lower++;
	err = find_node(&look);
	if (!err && look.alive)
		err = pair_same_names(&look);
	if (!err)
		err = tell_names(&look);
	if (!err && look.what)
		err = tell_changed(&look);
	return err;
}

/* All nodes that names or attributes were collected of, ascending. */
static int look_at_all(struct diff *diff)
{
	size_t name = 0, changed = 0;
	int err = 0;

	while (!err && (name < diff->names.count || changed < diff->changed.count)) {
		uint64_t id = UINT64_MAX;

		if (name < diff->names.count)
			id = diff->names.all[name].id;
		if (changed < diff->changed.count && diff->changed.all[changed] <= id)
			id = diff->changed.all[changed++];
		while (name < diff->names.count && diff->names.all[name].id == id)
			name++;
		err = look_at(diff, id);
	}
	return err;
}

/* Result ------------------------------------------------------------------------------------------ */

static int compare_lines(const void *a, const void *b, void *ctx)
{
	const struct diff_line *x = a, *y = b;
	const char *text = ctx;
	int order = strcmp(text + x->path, text + y->path);

	/* what is gone comes before what took its place */
	return order ? order : (y->kind == OVERLAY_DELETED) - (x->kind == OVERLAY_DELETED);
}

static void sort(struct diff *diff)
{
	if (diff->lines.count)
		qsort_r(diff->lines.all, diff->lines.count, sizeof(*diff->lines.all), compare_lines,
			diff->text.bytes);
}

/*
 * What was deleted and made anew under the same path, as the same type of node, was modified: so
 * programs write files. False in @out_keep: there is no difference.
 */
static int merge(struct diff *diff, const struct diff_line *old, struct diff_line *new,
		 bool *out_keep)
{
	int err;

	*out_keep = true;
	if (new->kind != OVERLAY_ADDED)
		return 0;
	new->kind = OVERLAY_MODIFIED;
	err = overlay_diff_other_node(diff, old->id, new->id, &new->what);
	*out_keep = new->what;
	return err;
}

static int merge_all(struct diff *diff)
{
	struct diff_line *all = diff->lines.all;
	const char *text = diff->text.bytes;
	size_t kept = 0;

	for (size_t i = 0; i < diff->lines.count; i++) {
		struct diff_line *next = i + 1 < diff->lines.count ? &all[i + 1] : NULL;

		if (all[i].kind == OVERLAY_DELETED && next &&
		    strcmp(text + all[i].path, text + next->path) == 0 &&
		    ((all[i].mode ^ next->mode) & S_IFMT) == 0) {
			bool keep;
			int err = merge(diff, &all[i], next, &keep);

			if (err)
				return err;
			i += !keep;
			continue;
		}
		all[kept++] = all[i];
	}
	diff->lines.count = kept;
	return 0;
}

static int give(struct diff *diff, const struct diff_line *line, overlay_change_fn take, void *ctx)
{
	const char *text = diff->text.bytes;
	struct overlay_change change = {
		.kind = line->kind,
		.what = line->kind == OVERLAY_MODIFIED || line->kind == OVERLAY_RENAMED ? line->what
											: 0,
		.path = text + line->path,
		.old_path = line->old_path == DIFF_NO_TEXT ? NULL : text + line->old_path,
	};
	struct record_node node;
	int err;

	if (line->kind == OVERLAY_DELETED) {
		err = tree_getattr(diff->ov->lower, line->id, &change.attr);
		return err ? err : take(ctx, &change);
	}
	err = overlay_node_get(diff->ov, NULL, line->id, &node);
	if (!err)
		err = overlay_node_attr(diff->ov, line->id, &node, &change.attr);
	if (err == -ESTALE)
		return 0; /* gone since */
	if (err)
		return err;
	change.stored = node.own_blocks * STORE_BLOCK;
	return take(ctx, &change);
}

static void finish(struct diff *diff)
{
	free(diff->text.bytes);
	free(diff->names.all);
	free(diff->changed.all);
	free(diff->lines.all);
	free(diff->wanted);
	free(diff->paths);
}

int overlay_diff(struct tree *overlay, overlay_change_fn take, void *ctx)
{
	struct diff diff = {.ov = overlay_of(overlay)};
	int err = overlay_diff_collect(&diff);

	if (!err)
		err = look_at_all(&diff);
	if (!err)
		err = overlay_diff_find_wanted(&diff);
	if (!err) {
		sort(&diff);
		err = merge_all(&diff);
	}
	for (size_t i = 0; !err && i < diff.lines.count; i++)
		err = give(&diff, &diff.lines.all[i], take, ctx);
	finish(&diff);
	return err;
}
