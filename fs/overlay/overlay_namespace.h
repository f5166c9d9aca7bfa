/* SPDX-License-Identifier: MIT */
/* What creating, removing and renaming have in common. Private to the overlay room. */
#ifndef BRAMBLE_OVERLAY_OVERLAY_NAMESPACE_H
#define BRAMBLE_OVERLAY_OVERLAY_NAMESPACE_H

#include "base/checked.h"
#include "overlay/overlay_fs.h"

/* A name in a directory, as a transaction finds it. */
struct overlay_place {
	struct overlay_dir dir;
	struct record_node node; /* of the directory */
	struct overlay_entry entry;
};

/* -ENOENT: the directory has no name any more. -ENAMETOOLONG, -ENOTDIR, -ESTALE. */
int overlay_place_find(struct overlay_txn *txn, uint64_t dir, const char *name, size_t len,
		       struct overlay_place *out);

/* Puts the directory's node, changed just now. */
int overlay_place_put(struct overlay_txn *txn, struct overlay_place *place);

/* -ENAMETOOLONG. */
int overlay_name_fits(struct overlay *ov, const struct overlay_dir *dir, const char *name,
		      size_t len);

/* Whether another volume is shown there, or it is the root: it can neither go nor move. */
static inline bool overlay_is_mount_point(uint64_t id, const struct record_node *node)
{
	return id == node->volume || id == TREE_ROOT;
}

/* One subdirectory more (1) or less (-1). */
void overlay_count_subdir(struct record_node *dir, int by);

/* A node loses one of its names. */
int overlay_drop_name(struct overlay_txn *txn, uint64_t id, struct record_node *node);

/* -EBUSY, -ENOTEMPTY: a directory that cannot go. */
int overlay_check_removable(struct overlay *ov, uint64_t id, const struct record_node *node);

#endif
