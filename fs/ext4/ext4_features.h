/* SPDX-License-Identifier: MIT */
/* Private to the ext4 room: feature bits and their names. */
#ifndef BRAMBLE_EXT4_FEATURES_H
#define BRAMBLE_EXT4_FEATURES_H

#include <stddef.h>
#include <stdint.h>

/* Every incompatible feature that this reader understands. */
#define EXT4_INCOMPAT_READABLE                                                                     \
	(EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_RECOVER | EXT4_INCOMPAT_META_BG |                  \
	 EXT4_INCOMPAT_EXTENTS | EXT4_INCOMPAT_64BIT | EXT4_INCOMPAT_MMP | EXT4_INCOMPAT_FLEX_BG | \
	 EXT4_INCOMPAT_EA_INODE | EXT4_INCOMPAT_CSUM_SEED | EXT4_INCOMPAT_LARGEDIR |               \
	 EXT4_INCOMPAT_INLINE_DATA | EXT4_INCOMPAT_ENCRYPT | EXT4_INCOMPAT_CASEFOLD)

/*
 * Writes the names of the set bits, as dumpe2fs has them, separated by spaces; a bit without a name
 * as FEATURE_I18 (incompatible), FEATURE_C4 or FEATURE_R4. Cut at a whole name if @size is too small.
 */
void ext4_feature_names(uint32_t compat, uint32_t incompat, uint32_t ro_compat, char *out,
			size_t size);

#endif
