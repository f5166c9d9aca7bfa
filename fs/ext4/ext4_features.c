/* SPDX-License-Identifier: MIT */
/* The names of feature bits, in the spelling of e2fsprogs. */
#include "ext4/ext4_features.h"

#include <stdio.h>
#include <string.h>

static const char *const compat_names[32] = {
	[0] = "dir_prealloc", [1] = "imagic_inodes",   [2] = "has_journal",
	[3] = "ext_attr",     [4] = "resize_inode",    [5] = "dir_index",
	[6] = "lazy_bg",      [8] = "snapshot_bitmap", [9] = "sparse_super2",
	[10] = "fast_commit", [11] = "stable_inodes",  [12] = "orphan_file",
};

static const char *const incompat_names[32] = {
	[0] = "compression", [1] = "filetype",	   [2] = "needs_recovery",
	[3] = "journal_dev", [4] = "meta_bg",	   [6] = "extent",
	[7] = "64bit",	     [8] = "mmp",	   [9] = "flex_bg",
	[10] = "ea_inode",   [12] = "dirdata",	   [13] = "metadata_csum_seed",
	[14] = "large_dir",  [15] = "inline_data", [16] = "encrypt",
	[17] = "casefold",
};

static const char *const ro_compat_names[32] = {
	[0] = "sparse_super",	 [1] = "large_file", [2] = "btree_dir",	     [3] = "huge_file",
	[4] = "uninit_bg",	 [5] = "dir_nlink",  [6] = "extra_isize",    [7] = "has_snapshot",
	[8] = "quota",		 [9] = "bigalloc",   [10] = "metadata_csum", [11] = "replica",
	[12] = "read-only",	 [13] = "project",   [14] = "shared_blocks", [15] = "verity",
	[16] = "orphan_present",
};

static void put_names(uint32_t bits, const char *const names[32], char kind, char *out, size_t size,
		      size_t *used)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		char unnamed[16];
		const char *name = names[bit];
		size_t len;

		if (!(bits >> bit & 1))
			continue;
		if (!name) {
			snprintf(unnamed, sizeof(unnamed), "FEATURE_%c%u", kind, bit);
			name = unnamed;
		}
		len = strlen(name);
		if (size - *used < len + 2)
			return;
		if (*used)
			out[(*used)++] = ' ';
		memcpy(out + *used, name, len + 1);
		*used += len;
	}
}

void ext4_feature_names(uint32_t compat, uint32_t incompat, uint32_t ro_compat, char *out,
			size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	put_names(compat, compat_names, 'C', out, size, &used);
	put_names(incompat, incompat_names, 'I', out, size, &used);
	put_names(ro_compat, ro_compat_names, 'R', out, size, &used);
}
