/* SPDX-License-Identifier: MIT */
/* Private to the tree room: what its files share. */
#ifndef BRAMBLE_TREE_PRIVATE_H
#define BRAMBLE_TREE_PRIVATE_H

#include <stdint.h>
#include <sys/types.h>

struct tree;
struct tree_attr;
struct tree_caller;

/* -ERANGE, as the kernel, where no attribute can have this name: empty or too long. */
int tree_xattr_name_check(const char *name);

/*
 * The access ACL of a node, to be freed, as far as it says anything about @caller: its length, 0 where
 * there is none.
 */
ssize_t tree_access_acl(struct tree *tree, const struct tree_attr *attr,
			const struct tree_caller *caller, uint8_t **out);

#endif
