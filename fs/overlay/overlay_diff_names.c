/* SPDX-License-Identifier: MIT */
/* Comparing an overlay with its lower tree: the names and nodes that the records tell of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "overlay/overlay_diff.h"
#include "overlay/overlay_survey.h"

struct collecting {
	struct diff *diff;
	struct diff_ids gone; /* directories of the lower tree without a name */
	uint64_t id; /* of the node whose records are passing by */
	bool is_gone;
};

static int add_id(struct diff_ids *ids, uint64_t id)
{
	uint64_t *all = overlay_diff_room(ids->all, ids->count, &ids->room, sizeof(*all));

	if (!all)
		return -ENOMEM;
	ids->all = all;
	ids->all[ids->count++] = id;
	return 0;
}

static int add_name(struct diff *diff, bool lower, uint64_t id, uint64_t dir, const char *name,
		    size_t len)
{
	struct diff_names *names = &diff->names;
	struct diff_name *all =
		overlay_diff_room(names->all, names->count, &names->room, sizeof(*all));
	size_t text;
	int err;

	if (!all)
		return -ENOMEM;
	names->all = all;
	err = overlay_diff_text(diff, name, len, &text);
	if (err)
		return err;
	names->all[names->count++] = (struct diff_name){
		.id = id,
		.dir = dir,
		.name = text,
		.len = (uint16_t)len,
		.lower = lower,
	};
	return 0;
}

static int take_node(struct collecting *c, const void *value, size_t len)
{
	struct diff *diff = c->diff;
	struct record_node node;
	int err = record_node_decode(c->id, value, len, &node);

	if (err || !overlay_is_lower(diff->ov, c->id))
		return err;
	c->is_gone = node.nlink == 0;
	if (!c->is_gone)
		return add_id(&diff->changed, c->id);
	return S_ISDIR(node.mode) ? add_id(&c->gone, c->id) : 0;
}

static int take_item(struct collecting *c, const struct record_name *item)
{
	struct diff *diff = c->diff;
	struct survey_name found;
	int err;

	/* of a directory that is gone all lower names are taken below */
	if (item->flags & NAME_HIDES && !c->is_gone) {
		err = overlay_survey_lower_name(diff->ov, c->id, item->name, item->len, &found);
		if (err && err != -ENOENT)
			return err;
		if (!err)
			err = add_name(diff, true, found.id, c->id, found.name, found.len);
		if (err && err != -ENOENT)
			return err;
	}
	if (item->flags & NAME_PRESENT)
		return add_name(diff, false, item->id, c->id, item->name, item->len);
	return 0;
}

static int take_record(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct collecting *c = ctx;
	const uint8_t *at = value;
	struct record_name item;
	struct record_key parsed;
	int got = record_key_parse(key, &parsed);

	if (got)
		return got;
	if (parsed.id != c->id) {
		c->id = parsed.id;
		c->is_gone = false;
	}
	if (parsed.kind == RECORD_NODE)
		return take_node(c, value, len);
	if (parsed.kind != RECORD_NAMES)
		return 0;
	while ((got = record_names_next(c->id, &at, &len, &item)) > 0) {
		int err = take_item(c, &item);

		if (err)
			return err;
	}
	return got;
}

struct listing {
	struct diff *diff;
	uint64_t dir;
	int err;
};

static int take_gone(void *ctx, const struct tree_entry *entry)
{
	struct listing *list = ctx;

	list->err = add_name(list->diff, true, entry->id, list->dir, entry->name, entry->name_len);
	return list->err;
}

static int list_gone(struct collecting *c)
{
	for (size_t i = 0; i < c->gone.count; i++) {
		struct listing list = {.diff = c->diff, .dir = c->gone.all[i]};
		int err = tree_readdir(c->diff->ov->lower, list.dir, TREE_COOKIE_DOTS, take_gone,
				       &list);

		if (list.err)
			return list.err;
		if (err)
			log_warn("overlay: directory %llu of the lower tree cannot be listed: %s",
				 (unsigned long long)list.dir, strerror(-err));
	}
	return 0;
}

static int compare_names(const void *a, const void *b, void *ctx)
{
	const struct diff_name *x = a, *y = b;
	const char *text = ctx;
	int order;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	if (x->lower != y->lower)
		return x->lower ? -1 : 1;
	if (x->dir != y->dir)
		return x->dir < y->dir ? -1 : 1;
	order = memcmp(text + x->name, text + y->name, x->len < y->len ? x->len : y->len);
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

int overlay_diff_collect(struct diff *diff)
{
	const struct store_key all = {.len = 0};
	struct collecting c = {.diff = diff};
	int err = store_scan(diff->ov->store, &all, NULL, take_record, &c);

	if (!err)
		err = list_gone(&c);
	free(c.gone.all);
	if (!err && diff->names.count)
		qsort_r(diff->names.all, diff->names.count, sizeof(*diff->names.all), compare_names,
			diff->text.bytes);
	return err;
}

size_t overlay_diff_names_of(const struct diff *diff, uint64_t id, size_t *out_first)
{
	size_t low = 0, high = diff->names.count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (diff->names.all[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	*out_first = low;
	while (low < diff->names.count && diff->names.all[low].id == id)
		low++;
	return low;
}

bool overlay_diff_is_hidden(const struct diff *diff, uint64_t id, uint64_t dir, const char *name,
			    size_t len)
{
	size_t i, end = overlay_diff_names_of(diff, id, &i);

	for (; i < end; i++) {
		const struct diff_name *each = &diff->names.all[i];

		if (each->lower && each->dir == dir && each->len == len &&
		    memcmp(diff->text.bytes + each->name, name, len) == 0)
			return true;
	}
	return false;
}
