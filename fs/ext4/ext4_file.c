/* SPDX-License-Identifier: MIT */
/* The contents of regular files and symbolic links. */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "ext4/ext4_nokey.h"

static ssize_t read_inline(struct ext4 *fs, const struct ext4_inode *inode, void *buf, size_t len,
			   uint64_t offset)
{
	CLEANUP(freep) uint8_t *data = NULL;
	size_t have;
	int err = ext4_inline_read(fs, inode, &data, &have);

	if (err)
		return err;
	/* a file that is a hole behind its inline bytes may say a larger size */
	memset(buf, 0, len);
	if (offset < have)
		memcpy(buf, data + offset, min_u64(len, have - offset));
	return (ssize_t)len;
}

/* All of [@offset, @offset + @len), which lies inside the file. */
static int read_runs(struct ext4 *fs, const struct ext4_inode *inode, uint8_t *buf, size_t len,
		     uint64_t offset)
{
	while (len) {
		uint64_t logical = offset / fs->block_size;
		uint32_t into = (uint32_t)(offset % fs->block_size);
		struct ext4_run run;
		size_t part;
		int err;

		err = ext4_map(fs, inode, logical, &run);
		if (err)
			return err;
		part = (size_t)min_u64(len, run.count * fs->block_size - into);
		if (run.kind == EXT4_RUN_MAPPED)
			err = ext4_read_data(fs, run.physical, into, buf, part);
		else
			memset(buf, 0, part);
		if (err)
			return err;
		buf += part;
		len -= part;
		offset += part;
	}
	return 0;
}

ssize_t ext4_file_read(struct ext4 *fs, const struct ext4_inode *inode, void *buf, size_t len,
		       uint64_t offset)
{
	int err;

	if (offset >= inode->size)
		return 0;
	len = (size_t)min_u64(len, inode->size - offset);
	if (inode->flags & EXT4_FL_INLINE_DATA)
		return read_inline(fs, inode, buf, len, offset);
	err = read_runs(fs, inode, buf, len, offset);
	return err ? err : (ssize_t)len;
}

int ext4_file_locate(struct ext4 *fs, const struct ext4_inode *inode, uint64_t offset, size_t len,
		     struct tree_extent *out)
{
	uint64_t into = offset % fs->block_size;
	struct tree_extent extent;
	struct ext4_run run;
	int err;

	if (offset >= inode->size || inode->flags & EXT4_FL_INLINE_DATA)
		return -EOPNOTSUPP;
	err = ext4_map(fs, inode, offset / fs->block_size, &run);
	if (err)
		return err;
	if (run.kind != EXT4_RUN_MAPPED)
		return -EOPNOTSUPP;
	extent.len = (size_t)min_u64(min_u64(len, inode->size - offset),
				     run.count * fs->block_size - into);
	err = image_locate(fs->img, run.physical * fs->block_size + into, &extent.len, &extent.fd,
			   &extent.offset);
	if (err)
		return err == -ERANGE ? -EOPNOTSUPP : err; /* cut off: reading says so */
	*out = extent;
	return 0;
}

int ext4_file_seek(struct ext4 *fs, const struct ext4_inode *inode, uint64_t offset, int whence,
		   uint64_t *out_offset)
{
	/* so many blocks can be mapped one by one, and as many holes lie between them */
	uint64_t steps = 2 * fs->held_blocks + 1;
	uint64_t at = offset;

	if (offset >= inode->size)
		return -ENXIO;
	if (inode->flags & EXT4_FL_INLINE_DATA) {
		*out_offset = whence == SEEK_DATA ? offset : inode->size;
		return 0;
	}
	while (at < inode->size) {
		uint64_t logical = at / fs->block_size;
		struct ext4_run run;
		bool is_data;
		int err = ext4_map(fs, inode, logical, &run);

		if (err)
			return err;
		is_data = run.kind == EXT4_RUN_MAPPED;
		if (is_data == (whence == SEEK_DATA)) {
			*out_offset = at;
			return 0;
		}
		if (steps-- == 0)
			return ext4_corrupt("inode %u has more blocks than the volume",
					    inode->number);
		at = (logical + run.count) * fs->block_size;
	}
	if (whence == SEEK_DATA)
		return -ENXIO;
	*out_offset = inode->size;
	return 0;
}

/* As the kernel's ext4_inode_is_fast_symlink: no block but perhaps one of attributes. */
bool ext4_link_is_fast(const struct ext4 *fs, const struct ext4_inode *inode)
{
	uint64_t xattr_sectors = 0;

	if (inode->flags & EXT4_FL_INLINE_DATA)
		return false;
	if (inode->xattr_block)
		xattr_sectors = (uint64_t)(fs->block_size / 512) << fs->cluster_bits;
	return inode->sectors == xattr_sectors;
}

ssize_t ext4_link_read(struct ext4 *fs, const struct ext4_inode *inode, char *buf, size_t size)
{
	char target[TREE_LINK_MAX + 1];
	size_t len = (size_t)inode->size;
	ssize_t n;

	if (!S_ISLNK(inode->mode))
		return -EINVAL;
	if (inode->size == 0 || inode->size > TREE_LINK_MAX)
		return ext4_corrupt("inode %u: symbolic link of %llu bytes", inode->number,
				    (unsigned long long)inode->size);
	if (ext4_link_is_fast(fs, inode)) {
		if (len >= EXT4_BLOCK_BYTES)
			return ext4_corrupt("inode %u: fast symbolic link of %zu bytes",
					    inode->number, len);
		memcpy(target, inode->block, len);
	} else {
		n = ext4_file_read(fs, inode, target, len, 0);
		if (n < 0)
			return n;
	}
	if (inode->flags & EXT4_FL_ENCRYPT)
		return ext4_nokey_link(target, len, buf, size);
	len = strnlen(target, len);
	memcpy(buf, target, min_u64(len, size));
	return (ssize_t)min_u64(len, size);
}
