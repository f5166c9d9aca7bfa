/* SPDX-License-Identifier: MIT */
/*
 * What looking at all records of an overlay needs: which name of a lower directory one in the store
 * stands for, and where directories are. Private to the overlay room.
 */
#ifndef BRAMBLE_OVERLAY_OVERLAY_SURVEY_H
#define BRAMBLE_OVERLAY_OVERLAY_SURVEY_H

#include "overlay/overlay_fs.h"

/* A name as it is compared. */
struct survey_folded {
	size_t len;
	uint64_t hash;
	char bytes[TREE_FOLD_MAX];
};

/* @folds_like: as in struct record_node. */
int overlay_survey_fold(struct overlay *ov, uint64_t folds_like, const char *name, size_t len,
			struct survey_folded *out);

/* The directory of the lower tree whose names are compared as those of the lower directory @dir. */
uint64_t overlay_survey_folds_like(struct overlay *ov, uint64_t dir);

/* A name that a lower directory lists. */
struct survey_name {
	uint64_t id;
	size_t len;
	char name[TREE_NAME_MAX];
};

/* What an item of the store called @name hides in the lower directory @dir. -ENOENT: nothing. */
int overlay_survey_lower_name(struct overlay *ov, uint64_t dir, const char *name, size_t len,
			      struct survey_name *out);

#endif
