/* SPDX-License-Identifier: MIT */
/*
 * Blocks of the data that are not in the file `data`: what a log has for a store that is only read.
 * Private to the store room.
 */
#ifndef BRAMBLE_STORE_STORE_PATCH_H
#define BRAMBLE_STORE_STORE_PATCH_H

#include "store/store_datafile.h"

struct store_patch_block;

struct store_patch {
	size_t count;
	size_t room;
	struct store_patch_block *blocks; /* owned; in the order of their numbers */
};

void store_patch_finish(struct store_patch *patch);

/* Puts @len bytes at @offset over what is there, which is @file at first. -ENOMEM, -EIO. */
int store_patch_write(struct store_patch *patch, const struct store_datafile *file, const void *buf,
		      size_t len, uint64_t offset);

/* As store_datafile_read, of @file with the patch over it. */
int store_patch_read(const struct store_patch *patch, const struct store_datafile *file, void *buf,
		     size_t len, uint64_t offset);

#endif
