/* SPDX-License-Identifier: MIT */
/* Inline data: the first 60 bytes lie in i_block, the rest is the hidden attribute system.data. */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ext4_inline_read(struct ext4 *fs, const struct ext4_inode *inode, uint8_t **out,
		     size_t *out_len)
{
	CLEANUP(freep) uint8_t *raw = NULL;
	CLEANUP(freep) uint8_t *data = NULL;
	struct ext4_inode again;
	const uint8_t *rest;
	size_t rest_len;
	int err;

	err = ext4_inode_read(fs, inode->number, &again, &raw);
	if (err)
		return err;
	err = ext4_xattr_inline_data(fs, &again, raw, &rest, &rest_len);
	if (err == -ENODATA)
		return ext4_corrupt("inode %u: inline data without system.data", inode->number);
	if (err)
		return err;
	data = malloc(EXT4_BLOCK_BYTES + rest_len);
	if (!data)
		return -ENOMEM;
	memcpy(data, again.block, EXT4_BLOCK_BYTES);
	if (rest_len)
		memcpy(data + EXT4_BLOCK_BYTES, rest, rest_len);
	*out = TAKE(data);
	*out_len = EXT4_BLOCK_BYTES + rest_len;
	return 0;
}
