/* SPDX-License-Identifier: MIT */
/*
 * The names of a directory: those of the lower tree that are not hidden, and those in the store. A
 * name of the store is found by the hash of its folded form; a name of the lower tree is hidden by an
 * item of the store with the same folded form.
 */
#include "overlay/overlay_fs.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/log.h"

/* Own entries are listed in the order of these bits of their hash, which make their cookies. */
#define BUCKET_SHIFT 6u
static_assert(((UINT64_MAX >> BUCKET_SHIFT) + 1) == TREE_COOKIES_LEVEL, "cookies of one level");

struct folded {
	const char *name;
	size_t len;
	char buf[TREE_FOLD_MAX];
};

static int fold(struct overlay *ov, const struct overlay_dir *dir, const char *name, size_t len,
		struct folded *out)
{
	ssize_t n = 0;

	if (dir->folds_like)
		n = tree_fold(ov->lower, dir->folds_like, name, len, out->buf, sizeof(out->buf));
	if (n < 0)
		return (int)n;
	out->name = n ? out->buf : name;
	out->len = n ? (size_t)n : len;
	return 0;
}

static bool is_same(const struct folded *a, const struct folded *b)
{
	return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

static uint64_t hash_of(const struct overlay *ov, const struct folded *folded)
{
	return hash_short(ov->hash_key, folded->name, folded->len);
}

/* As tree_ignores_case, but that a directory which cannot be read now is an error: -EAGAIN. */
static int lower_ignores_case(struct overlay *ov, uint64_t dir)
{
	char folded;

	return (int)tree_fold(ov->lower, dir, "a", 1, &folded, sizeof(folded));
}

int overlay_dir_get(struct overlay *ov, struct overlay_txn *txn, uint64_t id,
		    struct overlay_dir *out, struct record_node *node)
{
	struct record_node own;
	int err;

	*out = (struct overlay_dir){
		.id = id,
		.lower = overlay_is_lower(ov, id),
		.touched = overlay_is_touched(ov, id),
	};
	if (out->lower) {
		const int ignores = lower_ignores_case(ov, id);

		if (ignores == -EAGAIN)
			return ignores;
		if (ignores > 0)
			out->folds_like = id;
	}
	/* what was never changed says itself what it is, when it is asked for a name */
	if (!out->touched && !node)
		return 0;
	if (!node)
		node = &own;
	err = overlay_node_get(ov, txn, id, node);
	if (err)
		return err;
	if (!S_ISDIR(node->mode))
		return -ENOTDIR;
	out->gone = node->nlink == 0;
	if (!out->lower)
		out->folds_like = node->folds_like;
	return 0;
}

/* The names of one hash, as they are in the store. */
struct items {
	size_t len;
	uint8_t bytes[RECORD_NAMES_MAX_BYTES];
};

static int read_items(struct overlay *ov, struct overlay_txn *txn, uint64_t dir, uint64_t hash,
		      struct items *out)
{
	struct store_key key;
	int err;

	out->len = 0;
	if (!overlay_is_named(ov, dir, hash))
		return 0;
	record_key_names(&key, dir, hash);
	err = overlay_record_get(ov, txn, &key, out->bytes, sizeof(out->bytes), &out->len);
	if (err == -ENOENT) {
		out->len = 0;
		return 0;
	}
	if (err == -ERANGE) {
		log_error("overlay: node %llu: more names of one hash than there can be",
			  (unsigned long long)dir);
		return -EUCLEAN;
	}
	return err;
}

/* -ENOENT: the store has no item for this name. @out's name lies in @items. */
static int find_item(struct overlay *ov, const struct overlay_dir *dir, const struct items *items,
		     const struct folded *wanted, struct record_name *out)
{
	const uint8_t *at = items->bytes;
	size_t left = items->len;
	int got;

	while ((got = record_names_next(dir->id, &at, &left, out)) > 0) {
		struct folded folded;
		int err = fold(ov, dir, out->name, out->len, &folded);

		if (err)
			return err;
		if (is_same(&folded, wanted))
			return 0;
	}
	return got ? got : -ENOENT;
}

static void fill_from_item(const struct record_name *item, struct overlay_entry *out)
{
	out->present = item->flags & NAME_PRESENT;
	out->hides = item->flags & NAME_HIDES;
	out->type = item->type;
	out->id = item->id;
	/* an absent name may be made anew in another case */
	if (out->present) {
		memcpy(out->name, item->name, item->len);
		out->len = item->len;
	}
}

/*
 * In a directory that ignores case a name can lead to an entry that is listed by quite another one
 * (FAT: FOOBAR~1 to foobar.text). What counts is the one that is listed. -ENOENT: the lower
 * directory has none, or its entry is hidden.
 */
static int find_spelling(struct overlay *ov, struct overlay_txn *txn, const struct overlay_dir *dir,
			 const struct folded *asked, struct overlay_entry *entry)
{
	char spelled[TREE_NAME_MAX];
	struct record_name item;
	struct folded folded;
	struct items items;
	ssize_t n = tree_spelling(ov->lower, dir->id, entry->name, entry->len, spelled);
	int err;

	if (n < 0)
		return (int)n;
	err = fold(ov, dir, spelled, (size_t)n, &folded);
	if (err)
		return err;
	if (!is_same(&folded, asked)) {
		const uint64_t hash = hash_of(ov, &folded);

		err = read_items(ov, txn, dir->id, hash, &items);
		if (!err)
			err = find_item(ov, dir, &items, &folded, &item);
		if (err != -ENOENT)
			return err ? err : -ENOENT;
		entry->hash = hash;
		entry->alias = true;
	}
	memcpy(entry->name, spelled, (size_t)n);
	entry->len = (size_t)n;
	return 0;
}

int overlay_entry_find(struct overlay *ov, struct overlay_txn *txn, const struct overlay_dir *dir,
		       const char *name, size_t len, struct overlay_entry *out)
{
	struct record_name item;
	struct folded folded;
	struct items items;
	int err;

	out->present = out->hides = out->alias = false;
	out->type = DT_UNKNOWN;
	out->id = 0;
	out->len = len;
	memcpy(out->name, name, len);
	if (dir->gone)
		return 0;
	err = fold(ov, dir, name, len, &folded);
	if (err)
		return err;
	out->hash = hash_of(ov, &folded);
	if (dir->touched) {
		err = read_items(ov, txn, dir->id, out->hash, &items);
		if (!err)
			err = find_item(ov, dir, &items, &folded, &item);
		if (!err)
			fill_from_item(&item, out);
		if (err != -ENOENT)
			return err;
	}
	if (!dir->lower)
		return 0;
	if (dir->folds_like) {
		err = find_spelling(ov, txn, dir, &folded, out);
		if (err)
			return err == -ENOENT ? 0 : err;
	}
	err = tree_lookup(ov->lower, dir->id, out->name, out->len, &out->id);
	if (err)
		return err == -ENOENT ? 0 : err;
	out->present = out->hides = true;
	return 0;
}

/*
 * Puts the items of @entry's hash anew: all but those equal to its name, and @item if it is not NULL.
 */
static int replace_item(struct overlay_txn *txn, const struct overlay_dir *dir,
			const struct overlay_entry *entry, const struct record_name *item)
{
	struct items old, new;
	const uint8_t *at = old.bytes;
	struct record_name each;
	struct folded wanted;
	struct store_key key;
	unsigned int count = 0;
	size_t left;
	int got = fold(txn->ov, dir, entry->name, entry->len, &wanted);

	if (!got)
		got = read_items(txn->ov, txn, dir->id, entry->hash, &old);
	if (got)
		return got;
	left = old.len;
	new.len = 0;
	while ((got = record_names_next(dir->id, &at, &left, &each)) > 0) {
		struct folded folded;
		int err = fold(txn->ov, dir, each.name, each.len, &folded);

		if (err)
			return err;
		if (is_same(&folded, &wanted))
			continue;
		if (++count >= RECORD_NAMES_MAX)
			return -ENOSPC;
		new.len = record_names_append(new.bytes, new.len, &each);
	}
	if (got)
		return got;
	if (item)
		new.len = record_names_append(new.bytes, new.len, item);
	overlay_touch(txn->ov, dir->id);
	overlay_name(txn->ov, dir->id, entry->hash);
	record_key_names(&key, dir->id, entry->hash);
	if (new.len == 0)
		return store_delete(txn->store, &key);
	return store_put(txn->store, &key, new.bytes, new.len);
}

int overlay_entry_set(struct overlay_txn *txn, const struct overlay_dir *dir,
		      const struct overlay_entry *entry, const char *name, size_t len, uint64_t id,
		      uint32_t mode)
{
	const struct record_name item = {
		.flags = (uint8_t)(NAME_PRESENT | (entry->hides ? NAME_HIDES : 0)),
		.type = (uint8_t)IFTODT(mode & S_IFMT),
		.id = id,
		.name = name,
		.len = len,
	};

	return replace_item(txn, dir, entry, &item);
}

int overlay_entry_clear(struct overlay_txn *txn, const struct overlay_dir *dir,
			const struct overlay_entry *entry)
{
	const struct record_name item = {
		.flags = NAME_HIDES,
		.name = entry->name,
		.len = entry->len,
	};

	return replace_item(txn, dir, entry, entry->hides ? &item : NULL);
}

/* Listing ----------------------------------------------------------------------------------------- */

struct listing {
	struct overlay *ov;
	const struct overlay_dir *dir;
	uint64_t first_cookie; /* of own entries */
	tree_entry_fn take;
	void *ctx;
	int error;
	bool stopped;
};

static int take_lower(void *ctx, const struct tree_entry *entry)
{
	struct listing *list = ctx;

	if (list->dir->touched) {
		struct record_name item;
		struct folded folded;
		struct items items;
		int err = fold(list->ov, list->dir, entry->name, entry->name_len, &folded);

		if (!err)
			err = read_items(list->ov, NULL, list->dir->id, hash_of(list->ov, &folded),
					 &items);
		if (!err)
			err = find_item(list->ov, list->dir, &items, &folded, &item);
		if (!err)
			return 0; /* hidden, or listed below */
		if (err != -ENOENT) {
			list->error = err;
			return 1;
		}
	}
	list->stopped = list->take(list->ctx, entry);
	return list->stopped;
}

static int take_own(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct listing *list = ctx;
	const uint8_t *at = value;
	struct record_key parsed;
	struct record_name item;
	uint64_t behind;
	int got = record_key_parse(key, &parsed);

	if (got)
		return got;
	behind = list->first_cookie + (parsed.number >> BUCKET_SHIFT) + 1;
	while ((got = record_names_next(parsed.id, &at, &len, &item)) > 0) {
		const struct tree_entry entry = {
			.name = item.name,
			.name_len = item.len,
			.id = item.id,
			/* of names that share a hash the last leads on, others to them again */
			.next = len ? behind - 1 : behind,
			.type = item.type,
		};

		if (!(item.flags & NAME_PRESENT))
			continue;
		list->stopped = list->take(list->ctx, &entry);
		if (list->stopped)
			return 1;
	}
	return got;
}

int overlay_dir_list(struct overlay *ov, const struct overlay_dir *dir, uint64_t cookie,
		     tree_entry_fn take, void *ctx)
{
	struct listing list = {
		.ov = ov,
		.dir = dir,
		.first_cookie = TREE_COOKIES_END + ov->base.level * TREE_COOKIES_LEVEL,
		.take = take,
		.ctx = ctx,
	};
	struct store_key prefix, from;
	uint64_t bucket = 0;
	int err;

	if (dir->gone)
		return 0;
	if (cookie < list.first_cookie) {
		err = dir->lower
			      ? tree_readdir(ov->lower, dir->id, cookie ? cookie : TREE_COOKIE_DOTS,
					     take_lower, &list)
			      : 0;
		if (err || list.error || list.stopped)
			return err ? err : list.error;
	} else {
		bucket = cookie - list.first_cookie;
	}
	if (!dir->touched || bucket > UINT64_MAX >> BUCKET_SHIFT)
		return 0;
	record_prefix_kind(&prefix, dir->id, RECORD_NAMES);
	record_key_names(&from, dir->id, bucket << BUCKET_SHIFT);
	err = store_scan(ov->store, &prefix, &from, take_own, &list);
	return list.stopped ? 0 : err;
}

static int take_any(void *ctx, const struct tree_entry *entry)
{
	bool *found = ctx;

	(void)entry;
	*found = true;
	return 1;
}

int overlay_dir_is_empty(struct overlay *ov, const struct overlay_dir *dir)
{
	bool found = false;
	int err = overlay_dir_list(ov, dir, 0, take_any, &found);

	if (err)
		return err;
	return found ? -ENOTEMPTY : 0;
}

int overlay_dir_parent(struct overlay *ov, struct overlay_txn *txn, uint64_t id, uint64_t *out_id)
{
	struct record_node node;
	int err;

	if (id == TREE_ROOT) {
		*out_id = TREE_ROOT;
		return 0;
	}
	if (overlay_is_touched(ov, id)) {
		err = overlay_node_get(ov, txn, id, &node);
		if (err)
			return err;
		if (!S_ISDIR(node.mode))
			return -ENOTDIR;
		if (node.parent) {
			*out_id = node.parent;
			return 0;
		}
	}
	return tree_parent(ov->lower, id, out_id);
}
