/* SPDX-License-Identifier: MIT */
/* Visits a directory and what lies below, in the order of ls -R, whatever a damaged image says. */
#ifndef BRAMBLE_TOOLS_LS_WALK_H
#define BRAMBLE_TOOLS_LS_WALK_H

#include "listing.h"

/* Called for each directory. A negative errno, logged by the callee, does not end the walk. */
typedef int (*ls_walk_fn)(void *ctx, const char *path, const struct listing *listing, bool first);

/*
 * Calls @visit for @dir, and if @recursive for all directories below, each at most once: one that is
 * found in a second place (damage: a loop, or a linked directory) is logged and left out. With @all,
 * names that begin with a dot are listed and visited, too. Returns the last error, all of which
 * were logged.
 */
int ls_walk(struct tree *tree, const char *path, uint64_t dir, bool all, bool recursive,
	    ls_walk_fn visit, void *ctx);

#endif
