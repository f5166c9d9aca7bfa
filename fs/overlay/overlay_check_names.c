/* SPDX-License-Identifier: MIT */
/*
 * Checking an overlay: its names. A node of the lower tree has the names that it has there, without
 * those that are hidden, and those in the store. That is compared only for nodes of which the store
 * says something, so what it costs does not grow with the lower tree.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "overlay/overlay_check.h"
#include "overlay/overlay_survey.h"

#define ull(number) ((unsigned long long)(number))

#define DEPTH_MAX 100000u /* directories above one another; more is a circle */

/* The directory whose names are passing by. */
struct naming {
	struct check *check;
	uint64_t dir;
	uint64_t folds_like;
	bool lower; /* the lower tree has such a directory */
	bool gone; /* it has no name: all its lower names are hidden */
	bool skip; /* it is no directory */
};

static void begin_dir(struct naming *n, uint64_t dir)
{
	struct check *check = n->check;
	const struct check_node *node = overlay_check_find(&check->nodes, dir);
	struct tree_attr attr;

	n->dir = dir;
	n->lower = overlay_is_lower(check->ov, dir);
	n->gone = node && node->nlink == 0;
	n->folds_like = n->lower ? overlay_survey_folds_like(check->ov, dir)
				 : (node ? node->folds_like : 0);
	if (node && node->recorded)
		attr.mode = node->removed ? 0 : node->mode;
	else if (!n->lower || tree_getattr(check->ov->lower, dir, &attr))
		attr.mode = 0;
	n->skip = !S_ISDIR(attr.mode);
	if (n->skip)
		check_problem(check, "node %llu has names, but is no directory", ull(dir));
}

/* What the name leads to. */
static int check_target(struct naming *n, const struct record_name *item)
{
	struct check *check = n->check;
	struct check_node *node = overlay_check_add(&check->nodes, item->id);
	struct check_node *dir;
	struct tree_attr attr;
	uint32_t mode = 0;

	if (!node)
		return -ENOMEM;
	if (node->recorded)
		mode = node->removed ? 0 : node->mode;
	else if (overlay_is_lower(check->ov, item->id) &&
		 tree_getattr(check->ov->lower, item->id, &attr) == 0)
		mode = attr.mode;
	node->added++;
	node->named_in = n->dir;
	if (mode == 0)
		check_problem(check,
			      "directory %llu: name %.*s leads to node %llu, which is not there",
			      ull(n->dir), (int)item->len, item->name, ull(item->id));
	else if (IFTODT(mode) != item->type)
		check_problem(check,
			      "directory %llu: name %.*s is of type %u, its node %llu has mode 0%o",
			      ull(n->dir), (int)item->len, item->name, item->type, ull(item->id),
			      mode);
	if (n->gone)
		check_problem(check, "directory %llu is removed, but has the name %.*s",
			      ull(n->dir), (int)item->len, item->name);
	dir = item->type == DT_DIR ? overlay_check_find(&check->nodes, n->dir) : NULL;
	if (dir)
		dir->subdirs++;
	return 0;
}

static int hide(struct check *check, uint64_t id)
{
	struct check_node *node = overlay_check_add(&check->nodes, id);

	if (!node)
		return -ENOMEM;
	node->hidden++;
	return 0;
}

/* Whether the lower directory has the name, and the item says so. */
static int check_hides(struct naming *n, const struct record_name *item)
{
	const bool hides = item->flags & NAME_HIDES;
	struct survey_name found;
	int err = -ENOENT;

	if (n->lower)
		err = overlay_survey_lower_name(n->check->ov, n->dir, item->name, item->len,
						&found);
	if (err && err != -ENOENT) {
		log_warn("overlay: name %.*s of directory %llu of the lower tree: %s",
			 (int)item->len, item->name, ull(n->dir), strerror(-err));
		return 0;
	}
	if (hides && err)
		check_problem(n->check, "directory %llu: name %.*s hides nothing", ull(n->dir),
			      (int)item->len, item->name);
	if (!hides && !err)
		check_problem(n->check, "directory %llu: name %.*s does not hide the lower one",
			      ull(n->dir), (int)item->len, item->name);
	return hides && !err && !n->gone ? hide(n->check, found.id) : 0;
}

static int check_item(struct naming *n, uint64_t hash, const struct record_name *item)
{
	struct survey_folded folded;
	int err = overlay_survey_fold(n->check->ov, n->folds_like, item->name, item->len, &folded);

	if (err || folded.hash != hash)
		check_problem(n->check, "directory %llu: name %.*s has hash %016llx, not %016llx",
			      ull(n->dir), (int)item->len, item->name,
			      err ? 0ull : ull(folded.hash), ull(hash));
	err = check_hides(n, item);
	if (!err && item->flags & NAME_PRESENT)
		err = check_target(n, item);
	return err;
}

/* Whether two items, the first at @value, are of the same name. */
static void check_twins(struct naming *n, const uint8_t *value, size_t len,
			const struct record_name *item)
{
	struct survey_folded wanted, folded;
	struct record_name each;

	if (overlay_survey_fold(n->check->ov, n->folds_like, item->name, item->len, &wanted))
		return;
	while (record_names_next(n->dir, &value, &len, &each) > 0 && each.name != item->name) {
		if (overlay_survey_fold(n->check->ov, n->folds_like, each.name, each.len, &folded))
			continue;
		if (folded.len == wanted.len && memcmp(folded.bytes, wanted.bytes, folded.len) == 0)
			check_problem(n->check, "directory %llu has the name %.*s twice",
				      ull(n->dir), (int)item->len, item->name);
	}
}

static int check_names(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct naming *n = ctx;
	const uint8_t *at = value;
	struct record_name item;
	struct record_key parsed;
	size_t left = len;
	int got;

	/* what does not parse was told of already */
	if (record_key_parse(key, &parsed) || parsed.kind != RECORD_NAMES)
		return 0;
	if (parsed.id != n->dir)
		begin_dir(n, parsed.id);
	if (n->skip)
		return 0;
	while ((got = record_names_next(n->dir, &at, &left, &item)) > 0) {
		int err = check_item(n, parsed.number, &item);

		if (err)
			return err;
		check_twins(n, value, len, &item);
	}
	if (got)
		n->check->problems++; /* logged */
	return 0;
}

/* Directories that are gone ---------------------------------------------------------------------- */

struct hiding {
	struct check *check;
	int err;
};

static int hide_entry(void *ctx, const struct tree_entry *entry)
{
	struct hiding *hiding = ctx;

	hiding->err = hide(hiding->check, entry->id);
	return hiding->err;
}

/* All names in directories of the lower tree that are gone are hidden. */
static int hide_gone(struct check *check)
{
	CLEANUP(freep) uint64_t *gone = NULL;
	size_t count = 0;

	gone = calloc(check->nodes.used + 1, sizeof(*gone));
	if (!gone)
		return -ENOMEM;
	for (size_t i = 0; i < check->nodes.size; i++) {
		const struct check_node *node = &check->nodes.slots[i];

		if (node->id && node->recorded && node->nlink == 0 && S_ISDIR(node->mode) &&
		    overlay_is_lower(check->ov, node->id))
			gone[count++] = node->id;
	}
	for (size_t i = 0; i < count; i++) {
		struct hiding hiding = {.check = check};
		int err = tree_readdir(check->ov->lower, gone[i], TREE_COOKIE_DOTS, hide_entry,
				       &hiding);

		if (hiding.err)
			return hiding.err;
		if (err)
			log_warn("overlay: directory %llu of the lower tree cannot be listed: %s",
				 ull(gone[i]), strerror(-err));
	}
	return 0;
}

/* Totals ----------------------------------------------------------------------------------------- */

static bool has_names(const struct check *check, const struct check_node *node)
{
	return node->recorded ? node->nlink > 0 && !node->removed
			      : overlay_is_lower(check->ov, node->id);
}

static void check_count(struct check *check, const struct check_node *node)
{
	struct tree_attr attr = {.mode = node->mode};
	uint32_t lower = 0, nlink = node->nlink;

	if (node->id == TREE_ROOT)
		return;
	if (overlay_is_lower(check->ov, node->id)) {
		/* one that is damaged or missing was told of already */
		if (tree_getattr(check->ov->lower, node->id, &attr))
			return;
		lower = S_ISDIR(attr.mode) ? 1 : attr.nlink;
		if (!node->recorded)
			nlink = lower;
	} else if (!node->recorded) {
		return; /* told of where it is named */
	}
	if (S_ISDIR(attr.mode))
		nlink = nlink > 0;
	if ((uint64_t)lower + node->added != (uint64_t)nlink + node->hidden)
		check_problem(
			check,
			"node %llu: %u names of the lower tree, of which %u are hidden, and %u "
			"others do not make %u",
			ull(node->id), lower, node->hidden, node->added, nlink);
}

static int parent_of(struct check *check, uint64_t dir, uint64_t *out)
{
	const struct check_node *node = overlay_check_find(&check->nodes, dir);

	if (node && node->recorded && (node->removed || node->nlink == 0 || !S_ISDIR(node->mode)))
		return -ESTALE;
	if (dir == TREE_ROOT || (node && node->parent)) {
		*out = dir == TREE_ROOT ? TREE_ROOT : node->parent;
		return 0;
	}
	if (!overlay_is_lower(check->ov, dir))
		return -ESTALE;
	return tree_parent(check->ov->lower, dir, out);
}

/* Where the directory says that it is must be where its name is. */
static void check_parent(struct check *check, const struct check_node *node)
{
	uint64_t parent, lower_parent;

	if (node->id == TREE_ROOT || parent_of(check, node->id, &parent))
		return;
	if (node->added) {
		if (parent != node->named_in)
			check_problem(check, "directory %llu lies in %llu, but its name in %llu",
				      ull(node->id), ull(parent), ull(node->named_in));
		return;
	}
	if (overlay_is_lower(check->ov, node->id) &&
	    tree_parent(check->ov->lower, node->id, &lower_parent) == 0 && parent != lower_parent)
		check_problem(check, "directory %llu lies in %llu, but its name in %llu",
			      ull(node->id), ull(parent), ull(lower_parent));
}

/* Whether the root is above it. What was found out, or told, of those on the way is kept. */
static void check_reached(struct check *check, uint64_t id)
{
	uint64_t dir = id, above = id;
	unsigned int depth = 0;
	int err = 0;

	while (above != TREE_ROOT && depth < DEPTH_MAX) {
		const struct check_node *node = overlay_check_find(&check->nodes, above);

		if (node && node->reached)
			break;
		err = parent_of(check, above, &above);
		if (err)
			break;
		depth++;
	}
	if (err)
		check_problem(check, "directory %llu: %llu above it is no directory with a name",
			      ull(id), ull(above));
	else if (depth == DEPTH_MAX)
		check_problem(check, "directory %llu lies in itself", ull(id));
	for (unsigned int i = 0; i < depth; i++) {
		struct check_node *node = overlay_check_find(&check->nodes, dir);

		if (node)
			node->reached = true;
		if (parent_of(check, dir, &dir))
			return;
	}
}

static void check_subdirs(struct check *check, const struct check_node *node)
{
	if (!overlay_is_lower(check->ov, node->id) && node->nlink != node->subdirs + 2)
		check_problem(check, "directory %llu has %u links, but %u directories in it",
			      ull(node->id), node->nlink, node->subdirs);
}

int overlay_check_names(struct check *check)
{
	const struct store_key all = {.len = 0};
	struct naming n = {.check = check};
	int err = store_scan(check->ov->store, &all, NULL, check_names, &n);

	if (!err)
		err = hide_gone(check);
	if (err)
		return err;
	for (size_t i = 0; i < check->nodes.size; i++) {
		const struct check_node *node = &check->nodes.slots[i];

		if (!node->id)
			continue;
		check_count(check, node);
		if (!node->recorded || !S_ISDIR(node->mode) || !has_names(check, node))
			continue;
		check_parent(check, node);
		check_reached(check, node->id);
		check_subdirs(check, node);
	}
	return 0;
}
