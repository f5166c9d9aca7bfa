/* SPDX-License-Identifier: MIT */
/* Where the blocks of a file lie: by extents or by indirect blocks. */
#include "ext4/ext4_fs.h"

int ext4_map(struct ext4 *fs, const struct ext4_inode *inode, uint64_t logical,
	     struct ext4_run *out)
{
	if (inode->flags & EXT4_FL_EXTENTS)
		return ext4_extent_map(fs, inode, logical, out);
	return ext4_indirect_map(fs, inode, logical, out);
}
