/* SPDX-License-Identifier: MIT */
/*
 * The copy-on-write tree: a lower tree that never changes, and a store that has what differs. The
 * front door of the overlay room.
 *
 * It is a file system of nodes, not a union of paths. A node of the lower tree keeps its id when it is
 * changed; a file shares all blocks with the lower one that were never written to.
 */
#ifndef BRAMBLE_OVERLAY_OVERLAY_H
#define BRAMBLE_OVERLAY_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"
#include "tree/tree.h"

/*
 * Makes the first records of an empty store for @lower. @first_id: ids of new nodes start at the
 * larger of this and lower->span, so that no id is used twice after a reset.
 */
int overlay_format(struct store *store, const struct tree *lower, uint64_t first_id);

/*
 * For a store that may have gone back to an earlier state, before overlay_open: no new node gets a
 * number below @first_id.
 */
int overlay_skip_ids(struct store *store, uint64_t first_id);

/*
 * Opens the overlay. Every record is looked at; damage is logged and gives -EUCLEAN or -EBADMSG.
 * Of what a crash left, the files without a name are removed. On success the overlay owns @lower and
 * @store. Its tree is read-only if the store is.
 */
int overlay_open(struct store *store, struct tree *lower, struct tree **out);

/* The number that the next new node will get: the first of an overlay above a frozen one. */
uint64_t overlay_next_id(struct tree *overlay);

/* How overlay_close went is returned here, where tree_close would drop it. */
int overlay_close(struct tree *overlay);

/*
 * Between the two, all who want to change the overlay wait, and reading goes on. By one thread, which
 * changes nothing meanwhile. For overlay_check, _diff and _summarize, and to copy the store.
 */
void overlay_pause(struct tree *overlay);
void overlay_resume(struct tree *overlay);

/* As tree_sync, while it is paused; and until it is resumed the files of its store do not change. */
int overlay_settle(struct tree *overlay);

/*
 * Checks every reference, range and count of an open overlay, logs what is wrong and counts it.
 * Changes nothing; nobody may change the overlay meanwhile.
 */
int overlay_check(struct tree *overlay, unsigned int *out_problems);

/* How a path differs from the lower tree. */
enum overlay_change_kind {
	OVERLAY_ADDED = 'A',
	OVERLAY_MODIFIED = 'M',
	OVERLAY_DELETED = 'D',
	OVERLAY_RENAMED = 'R',
};

/* What a change of kind 'M' (or 'R') is about. */
#define OVERLAY_CHANGED_DATA 0x1u
#define OVERLAY_CHANGED_ATTR 0x2u /* mode, owner, times asked for */
#define OVERLAY_CHANGED_XATTR 0x4u

struct overlay_change {
	enum overlay_change_kind kind;
	unsigned int what; /* OVERLAY_CHANGED_* */
	const char *path; /* from the root, starting with a slash */
	const char *old_path; /* of a renamed one; else NULL */
	struct tree_attr attr; /* as it is; of a deleted one: as it was */
	uint64_t stored; /* bytes of file data that the overlay holds for it */
};

typedef int (*overlay_change_fn)(void *ctx, const struct overlay_change *change);

/* Gives @take each change, sorted by path. A directory whose entries alone changed is no change. */
int overlay_diff(struct tree *overlay, overlay_change_fn take, void *ctx);

/* What an overlay holds, for `overlay show`. */
struct overlay_summary {
	uint64_t created; /* nodes that the lower tree does not have */
	uint64_t changed; /* nodes of the lower tree with other attributes, data or names */
	uint64_t removed; /* nodes of the lower tree without a name left */
	uint64_t blocks; /* STORE_BLOCK each: of file data */
};
int overlay_summarize(struct tree *overlay, struct overlay_summary *out);

#endif
