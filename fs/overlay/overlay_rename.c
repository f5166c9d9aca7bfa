/* SPDX-License-Identifier: MIT */
/*
 * Renaming. A node keeps its id and all its records: what moves is one name, so that a directory with
 * a million files moves as fast as an empty one.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "overlay/overlay_namespace.h"

#define DEPTH_MAX 100000u /* directories above one another; more is a circle */

struct renaming {
	struct overlay_txn *txn;
	struct overlay_place from;
	struct overlay_place to; /* its node does not count if both are in one directory */
	bool same_dir;
	struct record_node node; /* of what moves */
	struct record_node other; /* of what is replaced or exchanged, if to.entry.present */
	const char *new_name;
	size_t new_len;
	unsigned int flags;
};

/* Whether @dir is @above or lies somewhere below it. */
static int is_below(struct overlay_txn *txn, uint64_t dir, uint64_t above, bool *out)
{
	for (unsigned int depth = 0; depth < DEPTH_MAX; depth++) {
		int err;

		*out = dir == above;
		if (*out || dir == TREE_ROOT)
			return 0;
		err = overlay_dir_parent(txn->ov, txn, dir, &dir);
		if (err)
			return err;
	}
	return -EUCLEAN;
}

static int check_not_into_itself(struct renaming *r)
{
	bool below = false;
	int err = 0;

	if (r->same_dir)
		return 0;
	if (S_ISDIR(r->node.mode))
		err = is_below(r->txn, r->to.dir.id, r->from.entry.id, &below);
	if (!err && !below && r->to.entry.present && S_ISDIR(r->other.mode)) {
		err = is_below(r->txn, r->from.dir.id, r->to.entry.id, &below);
		if (!err && below && !(r->flags & TREE_RENAME_EXCHANGE))
			return -ENOTEMPTY;
	}
	if (err)
		return err;
	return below ? -EINVAL : 0;
}

static int check_replaced(struct renaming *r)
{
	if (S_ISDIR(r->node.mode) && !S_ISDIR(r->other.mode))
		return -ENOTDIR;
	if (!S_ISDIR(r->node.mode) && S_ISDIR(r->other.mode))
		return -EISDIR;
	return overlay_check_removable(r->txn->ov, r->to.entry.id, &r->other);
}

static int check(struct renaming *r)
{
	const bool exchange = r->flags & TREE_RENAME_EXCHANGE;
	const struct overlay_entry *to = &r->to.entry;
	int err;

	if (overlay_is_mount_point(r->from.entry.id, &r->node))
		return -EBUSY;
	if (to->present && overlay_is_mount_point(to->id, &r->other))
		return -EBUSY;
	if (r->node.volume != r->to.node.volume)
		return -EXDEV;
	if (exchange && !to->present)
		return -ENOENT;
	err = check_not_into_itself(r);
	if (err || exchange || !to->present)
		return err;
	return check_replaced(r);
}

static int put_moved(struct renaming *r, uint64_t id, struct record_node *node, uint64_t new_dir)
{
	node->ctime = r->txn->now;
	if (S_ISDIR(node->mode))
		node->parent = new_dir;
	return overlay_node_put(r->txn, id, node);
}

/* The directory that the new name is in, as one record where both are the same. */
static struct overlay_place *to_place(struct renaming *r)
{
	return r->same_dir ? &r->from : &r->to;
}

static int exchange(struct renaming *r)
{
	const struct overlay_entry *from = &r->from.entry, *to = &r->to.entry;
	const int subdirs = S_ISDIR(r->other.mode) - S_ISDIR(r->node.mode);
	int err = overlay_entry_set(r->txn, &r->from.dir, from, from->name, from->len, to->id,
				    r->other.mode);

	if (!err)
		err = overlay_entry_set(r->txn, &r->to.dir, to, to->name, to->len, from->id,
					r->node.mode);
	if (!err)
		err = put_moved(r, from->id, &r->node, r->to.dir.id);
	if (!err)
		err = put_moved(r, to->id, &r->other, r->from.dir.id);
	if (!err && !r->same_dir && subdirs) {
		overlay_count_subdir(&r->from.node, subdirs);
		overlay_count_subdir(&r->to.node, -subdirs);
	}
	return err;
}

static int move(struct renaming *r)
{
	const struct overlay_entry *from = &r->from.entry, *to = &r->to.entry;
	const bool dir = S_ISDIR(r->node.mode);
	/* what is replaced keeps its spelling, as on vfat: it may have been asked for by an alias */
	const char *name = to->present ? to->name : r->new_name;
	const size_t len = to->present ? to->len : r->new_len;
	int err = overlay_entry_clear(r->txn, &r->from.dir, from);

	if (!err)
		err = overlay_entry_set(r->txn, &r->to.dir, to, name, len, from->id, r->node.mode);
	if (!err && to->present)
		err = overlay_drop_name(r->txn, to->id, &r->other);
	if (!err)
		err = put_moved(r, from->id, &r->node, r->to.dir.id);
	if (!err && dir) {
		overlay_count_subdir(&r->from.node, -1);
		if (!to->present)
			overlay_count_subdir(&to_place(r)->node, 1);
	}
	return err;
}

/* Another spelling of the same name, in a directory that ignores case. */
static int respell(struct renaming *r)
{
	const struct overlay_entry *from = &r->from.entry;
	int err = overlay_entry_set(r->txn, &r->from.dir, from, r->new_name, r->new_len, from->id,
				    r->node.mode);

	return err ? err : put_moved(r, from->id, &r->node, r->from.dir.id);
}

static bool is_same_entry(const struct renaming *r)
{
	const struct overlay_entry *from = &r->from.entry, *to = &r->to.entry;

	return r->same_dir && to->present && from->hash == to->hash && from->len == to->len &&
	       memcmp(from->name, to->name, from->len) == 0;
}

static int apply(struct renaming *r)
{
	int err = check(r);

	if (err)
		return err;
	if (r->flags & TREE_RENAME_EXCHANGE)
		err = exchange(r);
	else
		err = move(r);
	if (!err)
		err = overlay_place_put(r->txn, &r->from);
	if (!err && !r->same_dir)
		err = overlay_place_put(r->txn, &r->to);
	return err;
}

static int find(struct renaming *r, uint64_t dir, const char *name, size_t len, uint64_t new_dir)
{
	struct overlay *ov = r->txn->ov;
	int err = overlay_place_find(r->txn, dir, name, len, &r->from);

	if (!err)
		err = overlay_place_find(r->txn, new_dir, r->new_name, r->new_len, &r->to);
	if (!err && !r->from.entry.present)
		err = -ENOENT;
	if (!err)
		err = overlay_node_get(ov, r->txn, r->from.entry.id, &r->node);
	if (!err && r->to.entry.present)
		err = overlay_node_get(ov, r->txn, r->to.entry.id, &r->other);
	return err;
}

/* What is left of a rename once both places are known. @out_done: there is something to commit. */
static int rename_found(struct renaming *r, bool *out_done)
{
	const struct overlay_entry *from = &r->from.entry, *to = &r->to.entry;
	int err;

	*out_done = true;
	if (is_same_entry(r) && !to->alias && !(r->flags & TREE_RENAME_EXCHANGE) &&
	    (from->len != r->new_len || memcmp(from->name, r->new_name, from->len) != 0)) {
		err = respell(r);
		return err ? err : overlay_place_put(r->txn, &r->from);
	}
	if (to->present && r->flags & TREE_RENAME_NOREPLACE)
		return -EEXIST;
	/* two names of one file: POSIX has nothing happen */
	if (to->present && to->id == from->id) {
		*out_done = false;
		return 0;
	}
	return apply(r);
}

static int rename_in(struct renaming *r, uint64_t dir, const char *name, size_t len,
		     uint64_t new_dir, uint64_t *out_gone)
{
	bool done;
	int err = find(r, dir, name, len, new_dir);

	*out_gone = 0;
	if (!err)
		err = rename_found(r, &done);
	if (!err)
		err = overlay_txn_note(r->txn, r->from.entry.id);
	/* a note is stored also where there was nothing else to do */
	if (!err && (done || tree_note_current()))
		err = overlay_txn_commit(r->txn, false);
	if (!err && done && r->to.entry.present && r->other.nlink == 0)
		*out_gone = r->to.entry.id;
	return err;
}

int overlay_rename(struct tree *tree, uint64_t dir, const char *name, size_t len, uint64_t new_dir,
		   const char *new_name, size_t new_len, unsigned int flags)
{
	struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct overlay *ov = overlay_of(tree);
	struct renaming r = {
		.txn = &txn,
		.same_dir = dir == new_dir,
		.new_name = new_name,
		.new_len = new_len,
		.flags = flags,
	};
	uint64_t gone = 0;
	int err = overlay_txn_begin(ov, &txn);

	if (!err)
		err = rename_in(&r, dir, name, len, new_dir, &gone);
	overlay_txn_end(&txn);
	if (!err && gone)
		overlay_node_discard(ov, gone);
	return err;
}
