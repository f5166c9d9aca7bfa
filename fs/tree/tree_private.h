/* SPDX-License-Identifier: MIT */
/* Private to the tree room: what its files share. */
#ifndef BRAMBLE_TREE_PRIVATE_H
#define BRAMBLE_TREE_PRIVATE_H

/* -ERANGE, as the kernel, where no attribute can have this name: empty or too long. */
int tree_xattr_name_check(const char *name);

#endif
