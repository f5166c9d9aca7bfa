/* SPDX-License-Identifier: MIT */
/* Private to the ext4 room: the volume as a struct tree. */
#ifndef BRAMBLE_EXT4_TREE_H
#define BRAMBLE_EXT4_TREE_H

#include "ext4/ext4_fs.h"

/* Makes @fs->base usable; the volume is open. */
void ext4_tree_init(struct ext4 *fs);

/* Ends the volume. Accepts NULL. */
void ext4_close(struct ext4 *fs);

#endif
