/* SPDX-License-Identifier: MIT */
/* What the commands that look into an image share: opening it, and finding paths in it. */
#ifndef BRAMBLE_TOOLS_VIEW_H
#define BRAMBLE_TOOLS_VIEW_H

#include "stack/stack.h"
#include "tools.h"

/* Opens @image as the options say. Errors are logged. */
int view_open(const char *image, const struct common_options *common, struct stack **out);

/* Logs "@path: why" and returns @err. */
int view_error(const char *path, int err);

/* Finds @path and its attributes. Errors are logged. */
int view_find(struct tree *tree, const char *path, bool follow, struct tree_attr *out);

/* The target of a symbolic link, NUL-terminated. Errors are not logged. */
int view_readlink(struct tree *tree, uint64_t id, char out[TREE_LINK_MAX + 1]);

/*
 * The names of all extended attributes, each NUL-terminated, as listxattr(2) has them. *@out is
 * owned by the caller; NULL where there are none. -E2BIG where the list is longer than Linux allows.
 */
int view_xattr_names(struct tree *tree, uint64_t id, char **out, size_t *out_len);

/* One attribute's value; *@out is owned by the caller and never NULL. */
int view_xattr_value(struct tree *tree, uint64_t id, const char *name, char **out, size_t *out_len);

#endif
