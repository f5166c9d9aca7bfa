/* SPDX-License-Identifier: MIT */
/* What looking at all records of an overlay needs. */
#include "overlay/overlay_survey.h"

#include <errno.h>
#include <string.h>

int overlay_survey_fold(struct overlay *ov, uint64_t folds_like, const char *name, size_t len,
			struct survey_folded *out)
{
	ssize_t n = 0;

	if (folds_like)
		n = tree_fold(ov->lower, folds_like, name, len, out->bytes, sizeof(out->bytes));
	if (n < 0)
		return (int)n;
	if (n == 0)
		memcpy(out->bytes, name, len);
	out->len = n ? (size_t)n : len;
	out->hash = hash_short(ov->hash_key, out->bytes, out->len);
	return 0;
}

uint64_t overlay_survey_folds_like(struct overlay *ov, uint64_t dir)
{
	return tree_ignores_case(ov->lower, dir) ? dir : 0;
}

int overlay_survey_lower_name(struct overlay *ov, uint64_t dir, const char *name, size_t len,
			      struct survey_name *out)
{
	const uint64_t folds_like = overlay_survey_folds_like(ov, dir);
	struct survey_folded asked, listed;
	ssize_t n;
	int err;

	if (!folds_like) {
		memcpy(out->name, name, len);
		out->len = len;
		return tree_lookup(ov->lower, dir, name, len, &out->id);
	}
	n = tree_spelling(ov->lower, dir, name, len, out->name);
	if (n < 0)
		return (int)n;
	out->len = (size_t)n;
	err = overlay_survey_fold(ov, folds_like, name, len, &asked);
	if (!err)
		err = overlay_survey_fold(ov, folds_like, out->name, out->len, &listed);
	if (err)
		return err;
	/* a second name of an entry (a short one of FAT) hides nothing: the one that is listed counts */
	if (asked.len != listed.len || memcmp(asked.bytes, listed.bytes, asked.len) != 0)
		return -ENOENT;
	return tree_lookup(ov->lower, dir, out->name, out->len, &out->id);
}
