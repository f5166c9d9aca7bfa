/* SPDX-License-Identifier: MIT */
/* Where the blocks of a file lie: by fast commits, by extents or by indirect blocks. */
#include "ext4/ext4_fs.h"

#include "base/checked.h"
#include "ext4/ext4_fastcommit.h"

static int map_on_disk(struct ext4 *fs, const struct ext4_inode *inode, uint64_t logical,
		       struct ext4_run *out)
{
	if (inode->flags & EXT4_FL_EXTENTS)
		return ext4_extent_map(fs, inode, logical, out);
	return ext4_indirect_map(fs, inode, logical, out);
}

int ext4_map(struct ext4 *fs, const struct ext4_inode *inode, uint64_t logical,
	     struct ext4_run *out)
{
	static const enum ext4_run_kind kinds[] = {
		[EXT4_FC_HOLE] = EXT4_RUN_HOLE,
		[EXT4_FC_MAPPED] = EXT4_RUN_MAPPED,
		[EXT4_FC_UNWRITTEN] = EXT4_RUN_UNWRITTEN,
	};
	struct ext4_fc_range range;
	int err;

	ext4_fc_map(fs->fast, inode->number, logical, &range);
	if (range.kind != EXT4_FC_UNCHANGED) {
		*out = (struct ext4_run){kinds[range.kind], range.physical, range.count};
		return 0;
	}
	err = map_on_disk(fs, inode, logical, out);
	if (err)
		return err;
	out->count = min_u64(out->count, range.count);
	return 0;
}
