/* SPDX-License-Identifier: MIT */
/*
 * A tree that would have to wait now and then: while a thread may not, some of its answers are -EAGAIN.
 * For tests of what stands above it.
 */
#ifndef BRAMBLE_TEST_FLAKY_TREE_H
#define BRAMBLE_TEST_FLAKY_TREE_H

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/wait.h"
#include "tree/tree.h"

struct flaky_tree {
	struct tree base;
	struct tree *lower; /* owned */
	uint64_t random;
	unsigned int one_of; /* so many answers is -EAGAIN; 0: none */
};

static inline struct flaky_tree *flaky_tree_of(struct tree *tree)
{
	return container_of(tree, struct flaky_tree, base);
}

/* xorshift64: the same for the same start. */
static inline bool flaky_tree_fails(struct tree *tree)
{
	struct flaky_tree *flaky = flaky_tree_of(tree);

	if (wait_allowed() || flaky->one_of == 0)
		return false;
	flaky->random ^= flaky->random << 13;
	flaky->random ^= flaky->random >> 7;
	flaky->random ^= flaky->random << 17;
	return (flaky->random >> 20) % flaky->one_of == 0;
}

#define FLAKY_ASK(tree, call) (flaky_tree_fails(tree) ? -EAGAIN : (call))

static inline int flaky_getattr(struct tree *tree, uint64_t id, struct tree_attr *out)
{
	return FLAKY_ASK(tree, tree_getattr(flaky_tree_of(tree)->lower, id, out));
}

static inline int flaky_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len,
			       uint64_t *out_id)
{
	return FLAKY_ASK(tree, tree_lookup(flaky_tree_of(tree)->lower, dir, name, len, out_id));
}

static inline int flaky_parent(struct tree *tree, uint64_t dir, uint64_t *out_id)
{
	return FLAKY_ASK(tree, tree_parent(flaky_tree_of(tree)->lower, dir, out_id));
}

static inline int flaky_readdir(struct tree *tree, uint64_t dir, uint64_t cookie,
				tree_entry_fn take, void *ctx)
{
	struct tree *lower = flaky_tree_of(tree)->lower;
	int err = flaky_tree_fails(tree) ? -EAGAIN : 0;

	if (err)
		return err;
	err = lower->ops->readdir(lower, dir, cookie, take, ctx);
	/* also after some entries were given */
	return err ? err : FLAKY_ASK(tree, 0);
}

static inline ssize_t flaky_read(struct tree *tree, uint64_t id, void *buf, size_t len,
				 uint64_t offset)
{
	return FLAKY_ASK(tree, tree_read(flaky_tree_of(tree)->lower, id, buf, len, offset));
}

static inline int flaky_map(struct tree *tree, uint64_t id, uint64_t offset, size_t len,
			    struct tree_extent *out)
{
	return FLAKY_ASK(tree, tree_map(flaky_tree_of(tree)->lower, id, offset, len, out));
}

static inline int flaky_seek(struct tree *tree, uint64_t id, uint64_t offset, int whence,
			     uint64_t *out_offset)
{
	return FLAKY_ASK(tree,
			 tree_seek(flaky_tree_of(tree)->lower, id, offset, whence, out_offset));
}

static inline ssize_t flaky_readlink(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	return FLAKY_ASK(tree, tree_readlink(flaky_tree_of(tree)->lower, id, buf, size));
}

static inline ssize_t flaky_getxattr(struct tree *tree, uint64_t id, const char *name, void *buf,
				     size_t size)
{
	return FLAKY_ASK(tree, tree_getxattr(flaky_tree_of(tree)->lower, id, name, buf, size));
}

static inline ssize_t flaky_listxattr(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	return FLAKY_ASK(tree, tree_listxattr(flaky_tree_of(tree)->lower, id, buf, size));
}

static inline int flaky_statfs(struct tree *tree, uint64_t id, struct tree_statfs *out)
{
	return FLAKY_ASK(tree, tree_statfs(flaky_tree_of(tree)->lower, id, out));
}

static inline int flaky_volume(struct tree *tree, uint64_t id, uint64_t *out_root)
{
	return FLAKY_ASK(tree, tree_volume(flaky_tree_of(tree)->lower, id, out_root));
}

static inline ssize_t flaky_fold(struct tree *tree, uint64_t dir, const char *name, size_t len,
				 char *out, size_t size)
{
	return FLAKY_ASK(tree, tree_fold(flaky_tree_of(tree)->lower, dir, name, len, out, size));
}

static inline ssize_t flaky_spelling(struct tree *tree, uint64_t dir, const char *name, size_t len,
				     char *out)
{
	return FLAKY_ASK(tree, tree_spelling(flaky_tree_of(tree)->lower, dir, name, len, out));
}

static inline void flaky_tree_close(struct tree *tree)
{
	tree_close(flaky_tree_of(tree)->lower);
	free(flaky_tree_of(tree));
}

/* Takes @lower, on success; NULL: no memory. Not for more than one thread. */
static inline struct tree *flaky_tree_open(struct tree *lower, unsigned int one_of)
{
	static const struct tree_ops ops = {
		.kind = "flaky",
		.getattr = flaky_getattr,
		.lookup = flaky_lookup,
		.parent = flaky_parent,
		.readdir = flaky_readdir,
		.read = flaky_read,
		.map = flaky_map,
		.seek = flaky_seek,
		.readlink = flaky_readlink,
		.getxattr = flaky_getxattr,
		.listxattr = flaky_listxattr,
		.statfs = flaky_statfs,
		.volume = flaky_volume,
		.fold = flaky_fold,
		.spelling = flaky_spelling,
		.close = flaky_tree_close,
	};
	struct flaky_tree *flaky = calloc(1, sizeof(*flaky));

	if (!flaky)
		return NULL;
	flaky->base.ops = &ops;
	flaky->base.span = lower->span;
	flaky->base.level = lower->level;
	flaky->base.mixes_case = lower->mixes_case;
	flaky->lower = lower;
	flaky->random = 0x9e3779b97f4a7c15u;
	flaky->one_of = one_of;
	return &flaky->base;
}

#endif
