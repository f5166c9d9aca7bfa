/* SPDX-License-Identifier: MIT */
/* Names come, go and move: create, link, unlink, rmdir. Renaming is in overlay_rename.c. */
#include "overlay/overlay_namespace.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"

#define NAME_BYTES_MAX 255u /* NAME_MAX */
#define NAME_UNITS_MAX 255u /* UTF-16 code units of a FAT long name */
#define LINKS_MAX 0x7fffffffu

/* Code units that UTF-8 becomes as UTF-16: as many as it has first bytes, twice for the longest. */
static size_t utf16_units(const char *name, size_t len)
{
	size_t units = 0;

	for (size_t i = 0; i < len; i++) {
		const uint8_t byte = (uint8_t)name[i];

		if ((byte & 0xc0) != 0x80)
			units += byte >= 0xf0 ? 2 : 1;
	}
	return units;
}

int overlay_name_fits(struct overlay *ov, const struct overlay_dir *dir, const char *name,
		      size_t len)
{
	struct tree_statfs st;
	int err;

	if (len <= NAME_BYTES_MAX)
		return 0;
	if (!dir->folds_like)
		return -ENAMETOOLONG;
	err = tree_statfs(ov->lower, dir->folds_like, &st);
	if (err)
		return err;
	return st.name_max > NAME_BYTES_MAX && utf16_units(name, len) <= NAME_UNITS_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

int overlay_place_find(struct overlay_txn *txn, uint64_t dir, const char *name, size_t len,
		       struct overlay_place *out)
{
	int err = overlay_dir_get(txn->ov, txn, dir, &out->dir, &out->node);

	if (err)
		return err;
	if (out->dir.gone)
		return -ENOENT;
	err = overlay_name_fits(txn->ov, &out->dir, name, len);
	return err ? err : overlay_entry_find(txn->ov, txn, &out->dir, name, len, &out->entry);
}

void overlay_count_subdir(struct record_node *dir, int by)
{
	/* 1: the count was given up (ext4 with more than 65,000 subdirectories), or never kept */
	if (dir->nlink < 2)
		return;
	if (by > 0)
		dir->nlink++;
	else if (dir->nlink > 2)
		dir->nlink--;
}

int overlay_place_put(struct overlay_txn *txn, struct overlay_place *place)
{
	place->node.mtime = place->node.ctime = txn->now;
	return overlay_node_put(txn, place->dir.id, &place->node);
}

static int put_target(struct overlay_txn *txn, uint64_t id, const char *target,
		      struct record_node *node)
{
	struct store_key key;

	node->size = strlen(target);
	record_key_link(&key, id);
	return store_put(txn->store, &key, target, node->size);
}

/* The record of a new node that so many names will lead to, and all that belongs to it. */
static int make_node(struct overlay_txn *txn, const struct overlay_place *place,
		     const struct tree_new *new, uint32_t names, uint64_t *out_id,
		     struct record_node *out)
{
	const bool dir = S_ISDIR(new->mode);
	struct record_node node = {
		.flags = NODE_CREATED,
		.mode = new->mode,
		.nlink = dir ? 2 : names,
		.uid = new->uid,
		.gid = new->gid,
		.parent = dir ? place->dir.id : 0,
		.volume = place->node.volume,
		.folds_like = dir ? place->dir.folds_like : 0,
		.atime = txn->now,
		.mtime = txn->now,
		.ctime = txn->now,
		.btime = txn->now,
	};
	int err = overlay_txn_new_id(txn, out_id);

	if (err)
		return err;
	if (S_ISCHR(new->mode) || S_ISBLK(new->mode))
		node.rdev = new->rdev;
	if (place->node.mode & S_ISGID) {
		node.gid = place->node.gid;
		if (dir)
			node.mode |= S_ISGID;
	}
	if (S_ISLNK(new->mode))
		err = put_target(txn, *out_id, new->target, &node);
	else
		err = overlay_acl_inherit(txn, place->dir.id, new->umask, *out_id, &node);
	if (!err)
		err = overlay_node_put(txn, *out_id, &node);
	if (!err)
		*out = node;
	return err;
}

int overlay_create(struct tree *tree, uint64_t dir, const char *name, size_t len,
		   const struct tree_new *new, struct tree_attr *out)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct overlay *ov = overlay_of(tree);
	struct overlay_place place;
	struct record_node node;
	uint64_t id;
	int err = overlay_txn_begin(ov, &txn);

	if (!err)
		err = overlay_place_find(&txn, dir, name, len, &place);
	if (!err && place.entry.present)
		err = -EEXIST;
	if (!err)
		err = make_node(&txn, &place, new, 1, &id, &node);
	if (!err)
		err = overlay_entry_set(&txn, &place.dir, &place.entry, name, len, id, node.mode);
	if (!err && S_ISDIR(node.mode))
		overlay_count_subdir(&place.node, 1);
	if (!err)
		err = overlay_place_put(&txn, &place);
	if (!err)
		err = overlay_txn_note(&txn, id);
	if (!err)
		err = overlay_txn_commit(&txn, false);
	return err ? err : overlay_node_attr(ov, id, &node, out);
}

int overlay_create_nameless(struct tree *tree, uint64_t dir, const struct tree_new *new,
			    struct tree_attr *out)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct overlay *ov = overlay_of(tree);
	struct overlay_place place;
	struct record_node node;
	uint64_t id;
	int err = overlay_txn_begin(ov, &txn);

	if (!err)
		err = overlay_dir_get(ov, &txn, dir, &place.dir, &place.node);
	if (!err && place.dir.gone)
		err = -ENOENT;
	if (!err)
		err = make_node(&txn, &place, new, 0, &id, &node);
	if (!err)
		err = overlay_held_add_nameless(&ov->held, id);
	if (err)
		return err;
	err = overlay_txn_commit(&txn, false);
	if (!err)
		err = overlay_node_attr(ov, id, &node, out);
	if (err) {
		overlay_held_named(&ov->held, id);
		overlay_release(tree, id, 1);
	}
	return err;
}

int overlay_link(struct tree *tree, uint64_t id, uint64_t dir, const char *name, size_t len,
		 struct tree_attr *out)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct overlay *ov = overlay_of(tree);
	struct overlay_place place;
	struct record_node node;
	int err = overlay_txn_begin(ov, &txn);

	if (!err)
		err = overlay_node_get(ov, &txn, id, &node);
	if (!err)
		err = overlay_place_find(&txn, dir, name, len, &place);
	if (err)
		return err;
	if (S_ISDIR(node.mode))
		return -EPERM;
	if (place.entry.present)
		return -EEXIST;
	if (node.volume != place.node.volume)
		return -EXDEV;
	if (node.nlink == 0 && !overlay_held_is_nameless(&ov->held, id))
		return -ENOENT;
	if (node.nlink >= LINKS_MAX)
		return -EMLINK;
	node.nlink++;
	node.ctime = txn.now;
	err = overlay_entry_set(&txn, &place.dir, &place.entry, name, len, id, node.mode);
	if (!err)
		err = overlay_node_put(&txn, id, &node);
	if (!err)
		err = overlay_place_put(&txn, &place);
	if (!err)
		err = overlay_txn_note(&txn, id);
	if (!err)
		err = overlay_txn_commit(&txn, false);
	if (err)
		return err;
	if (node.nlink == 1)
		overlay_held_named(&ov->held, id);
	return overlay_node_attr(ov, id, &node, out);
}

int overlay_drop_name(struct overlay_txn *txn, uint64_t id, struct record_node *node)
{
	if (S_ISDIR(node->mode))
		node->nlink = 0;
	else if (node->nlink > 0)
		node->nlink--;
	node->ctime = txn->now;
	return overlay_node_put(txn, id, node);
}

int overlay_check_removable(struct overlay *ov, uint64_t id, const struct record_node *node)
{
	struct overlay_dir dir;
	int err;

	if (!S_ISDIR(node->mode))
		return 0;
	if (overlay_is_mount_point(id, node))
		return -EBUSY;
	err = overlay_dir_get(ov, NULL, id, &dir, NULL);
	return err ? err : overlay_dir_is_empty(ov, &dir);
}

static int remove_name(struct overlay *ov, uint64_t dir, const char *name, size_t len, bool is_dir,
		       uint64_t *out_gone)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct overlay_place place;
	struct record_node node;
	int err = overlay_txn_begin(ov, &txn);

	if (!err)
		err = overlay_place_find(&txn, dir, name, len, &place);
	if (!err && !place.entry.present)
		err = -ENOENT;
	if (!err)
		err = overlay_node_get(ov, &txn, place.entry.id, &node);
	if (err)
		return err;
	if (S_ISDIR(node.mode) != is_dir)
		return is_dir ? -ENOTDIR : -EISDIR;
	err = overlay_check_removable(ov, place.entry.id, &node);
	if (!err)
		err = overlay_entry_clear(&txn, &place.dir, &place.entry);
	if (!err)
		err = overlay_drop_name(&txn, place.entry.id, &node);
	if (!err && is_dir)
		overlay_count_subdir(&place.node, -1);
	if (!err)
		err = overlay_place_put(&txn, &place);
	if (!err)
		err = overlay_txn_note(&txn, place.entry.id);
	if (!err)
		err = overlay_txn_commit(&txn, true);
	if (!err)
		*out_gone = node.nlink == 0 ? place.entry.id : 0;
	return err;
}

/* Its node goes in a transaction of its own: with many blocks, or later if somebody holds it. */
static int remove_and_discard(struct tree *tree, uint64_t dir, const char *name, size_t len,
			      bool is_dir)
{
	struct overlay *ov = overlay_of(tree);
	uint64_t gone;
	int err = remove_name(ov, dir, name, len, is_dir, &gone);

	if (!err && gone)
		overlay_node_discard(ov, gone);
	return err;
}

int overlay_unlink(struct tree *tree, uint64_t dir, const char *name, size_t len)
{
	return remove_and_discard(tree, dir, name, len, false);
}

int overlay_rmdir(struct tree *tree, uint64_t dir, const char *name, size_t len)
{
	return remove_and_discard(tree, dir, name, len, true);
}
