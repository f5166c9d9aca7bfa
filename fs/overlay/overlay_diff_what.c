/* SPDX-License-Identifier: MIT */
/* Comparing an overlay with its lower tree: two nodes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "overlay/overlay_chunk.h"
#include "overlay/overlay_diff.h"

/* One node's extended attributes. */
struct attributes {
	struct tree *tree; /* borrowed */
	uint64_t id;
	char *names; /* owned */
	size_t len;
};

static int list(struct attributes *a)
{
	ssize_t n = tree_listxattr(a->tree, a->id, NULL, 0);

	a->names = NULL;
	a->len = 0;
	if (n <= 0)
		return (int)n;
	a->names = malloc((size_t)n);
	if (!a->names)
		return -ENOMEM;
	n = tree_listxattr(a->tree, a->id, a->names, (size_t)n);
	if (n < 0)
		return (int)n;
	a->len = (size_t)n;
	return 0;
}

/* Whether @b has all that @a has, of the same value. */
static int compare_values(const struct attributes *a, const struct attributes *b, bool *out_same)
{
	CLEANUP(freep) char *values = malloc(2 * (size_t)TREE_XATTR_MAX);

	if (!values)
		return -ENOMEM;
	*out_same = true;
	for (size_t at = 0; at < a->len && *out_same; at += strlen(a->names + at) + 1) {
		const char *name = a->names + at;
		ssize_t n = tree_getxattr(a->tree, a->id, name, values, TREE_XATTR_MAX);
		ssize_t m = tree_getxattr(b->tree, b->id, name, values + TREE_XATTR_MAX,
					  TREE_XATTR_MAX);

		if (n < 0)
			return (int)n;
		if (m < 0 && m != -ENODATA)
			return (int)m;
		*out_same = n == m && memcmp(values, values + TREE_XATTR_MAX, (size_t)n) == 0;
	}
	return 0;
}

static int compare_xattrs(struct diff *diff, uint64_t lower_id, uint64_t id, bool *out_same)
{
	struct attributes lower = {.tree = diff->ov->lower, .id = lower_id};
	struct attributes upper = {.tree = &diff->ov->base, .id = id};
	int err = list(&lower);

	if (!err)
		err = list(&upper);
	/* of the same names in all, so that one has all of the other and no more */
	*out_same = lower.len == upper.len;
	if (!err && *out_same && lower.len)
		err = compare_values(&lower, &upper, out_same);
	free(lower.names);
	free(upper.names);
	return err;
}

static bool is_same_owner(const struct tree_attr *a, const struct tree_attr *b)
{
	return ((a->mode ^ b->mode) & ALLPERMS) == 0 && a->uid == b->uid && a->gid == b->gid &&
	       a->rdev == b->rdev && a->project == b->project;
}

static bool is_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static int has_own_data(struct diff *diff, uint64_t id, const struct record_node *node,
			uint64_t lower_size, bool *out)
{
	struct overlay_cursor cursor = OVERLAY_CURSOR_INIT(diff->ov, id);
	uint64_t number;
	int err;

	*out = node->size != lower_size || node->lower_size != lower_size || node->own_blocks;
	if (*out)
		return 0;
	err = overlay_cursor_find(&cursor, 0, &number); /* holes alone */
	if (!err)
		*out = number != UINT64_MAX;
	return err;
}

int overlay_diff_same_node(struct diff *diff, uint64_t id, const struct record_node *node,
			   unsigned int *out)
{
	const struct tree_attr upper = {
		.mode = node->mode,
		.uid = node->uid,
		.gid = node->gid,
		.rdev = (dev_t)node->rdev,
		.project = node->project,
	};
	struct tree_attr lower;
	unsigned int what = 0;
	bool same = true, data = false;
	int err = tree_getattr(diff->ov->lower, id, &lower);

	if (!err && S_ISREG(node->mode))
		err = has_own_data(diff, id, node, lower.size, &data);
	if (!err && node->flags & NODE_OWN_XATTRS)
		err = compare_xattrs(diff, id, id, &same);
	if (err)
		return err;
	if (data)
		what |= OVERLAY_CHANGED_DATA;
	if (!same)
		what |= OVERLAY_CHANGED_XATTR;
	if (!is_same_owner(&lower, &upper))
		what |= OVERLAY_CHANGED_ATTR;
	/* entries that come and go, and writing, change the time, too: nobody asked for that */
	if (!data && !S_ISDIR(node->mode) && !is_same_time(lower.mtime, node->mtime))
		what |= OVERLAY_CHANGED_ATTR;
	*out = what;
	return 0;
}

static int compare_targets(struct diff *diff, uint64_t lower_id, uint64_t id, bool *out_same)
{
	char lower[TREE_LINK_MAX], upper[TREE_LINK_MAX];
	ssize_t n = tree_readlink(diff->ov->lower, lower_id, lower, sizeof(lower));
	ssize_t m = tree_readlink(&diff->ov->base, id, upper, sizeof(upper));

	if (n < 0 || m < 0)
		return (int)(n < 0 ? n : m);
	*out_same = n == m && memcmp(lower, upper, (size_t)n) == 0;
	return 0;
}

int overlay_diff_other_node(struct diff *diff, uint64_t lower_id, uint64_t id, unsigned int *out)
{
	struct tree_attr lower, upper;
	bool same_data = true, xattrs = true;
	unsigned int what = 0;
	int err = tree_getattr(diff->ov->lower, lower_id, &lower);

	if (!err)
		err = tree_getattr(&diff->ov->base, id, &upper);
	if (err)
		return err;
	if (S_ISLNK(upper.mode))
		err = compare_targets(diff, lower_id, id, &same_data);
	else if (S_ISREG(upper.mode))
		same_data =
			lower.size == 0 && upper.size == 0; /* what is in them is not looked at */
	if (!err)
		err = compare_xattrs(diff, lower_id, id, &xattrs);
	if (err)
		return err;
	if (!same_data)
		what |= OVERLAY_CHANGED_DATA;
	if (!xattrs)
		what |= OVERLAY_CHANGED_XATTR;
	if (!is_same_owner(&lower, &upper))
		what |= OVERLAY_CHANGED_ATTR;
	*out = what;
	return 0;
}
