/* SPDX-License-Identifier: MIT */
/* Single blocks of a directory: reading, checksums, entries. */
#include "ext4/ext4_dirblock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"

#define REC_LEN_64K 65535u /* 64 KiB do not fit into 16 bits: this or 0 stands for it */

static const uint8_t types[] = {DT_UNKNOWN, DT_REG,  DT_DIR,  DT_CHR,
				DT_BLK,	    DT_FIFO, DT_SOCK, DT_LNK};

int ext4_dir_reader_init(struct ext4_dir_reader *reader, struct ext4 *fs,
			 const struct ext4_inode *dir)
{
	*reader = (struct ext4_dir_reader){.fs = fs, .dir = dir, .block = malloc(fs->block_size)};
	return reader->block ? 0 : -ENOMEM;
}

void ext4_dir_reader_finish(struct ext4_dir_reader *reader)
{
	free(reader->block);
}

uint64_t ext4_dir_blocks(const struct ext4 *fs, const struct ext4_inode *dir)
{
	return div_round_up(dir->size, fs->block_size);
}

bool ext4_dir_is_indexed(const struct ext4 *fs, const struct ext4_inode *dir)
{
	return (fs->compat & EXT4_COMPAT_DIR_INDEX) && (dir->flags & EXT4_FL_INDEX) &&
	       !(dir->flags & EXT4_FL_INLINE_DATA);
}

bool ext4_dir_lists_by_hash(const struct ext4 *fs, const struct ext4_inode *dir)
{
	return (fs->compat & EXT4_COMPAT_DIR_INDEX) &&
	       ((dir->flags & (EXT4_FL_INDEX | EXT4_FL_INLINE_DATA)) ||
		dir->size / fs->block_size == 1);
}

int ext4_dir_find_run(struct ext4_dir_reader *reader, uint64_t logical)
{
	int err;

	if (logical >= reader->run_start && logical - reader->run_start < reader->run.count)
		return 0;
	err = ext4_map(reader->fs, reader->dir, logical, &reader->run);
	if (err)
		return err;
	reader->run_start = logical;
	return 0;
}

bool ext4_dir_is_index_node(const struct ext4 *fs, const uint8_t *block)
{
	struct ext4_disk_dirent disk;
	uint32_t rec_len;

	memcpy(&disk, block, sizeof(disk));
	rec_len = le16_get(disk.rec_len);
	return le32_get(disk.inode) == 0 && disk.name_len == 0 &&
	       (rec_len == fs->block_size ||
		(fs->block_size == 65536 && (rec_len == REC_LEN_64K || rec_len == 0)));
}

/* Where limit and count of the index begin in the block. */
static uint32_t index_offset(const uint8_t *block, bool is_root)
{
	struct ext4_disk_dx_info info;

	if (!is_root)
		return EXT4_DX_NODE_OFFSET;
	memcpy(&info, block + EXT4_DX_INFO_OFFSET, sizeof(info));
	return EXT4_DX_INFO_OFFSET + info.info_length;
}

/* Over the entries in use, then over the tail with zeros for its checksum. */
static int check_index_checksum(const struct ext4_dir_reader *reader, uint64_t logical)
{
	const struct ext4 *fs = reader->fs;
	uint32_t offset = index_offset(reader->block, logical == 0);
	const size_t entry = sizeof(struct ext4_disk_dx_entry);
	struct ext4_disk_dx_tail tail;
	const uint8_t zero[4] = {0};
	uint32_t limit, count, crc;

	limit = le16_at(reader->block + offset);
	count = le16_at(reader->block + offset + 2);
	if (count > limit || !range_fits(offset, limit * entry + sizeof(tail), fs->block_size))
		return ext4_bad_checksum(fs, "index block %llu of directory %u: %u of %u entries",
					 (unsigned long long)logical, reader->dir->number, count,
					 limit);
	memcpy(&tail, reader->block + offset + limit * entry, sizeof(tail));
	crc = crc32c(reader->dir->csum_seed, reader->block, offset + count * entry);
	crc = crc32c(crc, &tail.reserved, sizeof(tail.reserved));
	crc = crc32c(crc, zero, sizeof(zero));
	if (crc != le32_get(tail.checksum))
		return ext4_bad_checksum(fs, "index block %llu of directory %u",
					 (unsigned long long)logical, reader->dir->number);
	return 0;
}

static int check_leaf_checksum(const struct ext4_dir_reader *reader, uint64_t logical)
{
	const struct ext4 *fs = reader->fs;
	struct ext4_disk_dirent_tail tail;
	size_t end = fs->block_size - sizeof(tail);

	memcpy(&tail, reader->block + end, sizeof(tail));
	if (le32_get(tail.zero_inode) != 0 || le16_get(tail.rec_len) != sizeof(tail) ||
	    tail.zero != 0 || tail.file_type != EXT4_DIRENT_TAIL_TYPE ||
	    crc32c(reader->dir->csum_seed, reader->block, end) != le32_get(tail.checksum))
		return ext4_bad_checksum(fs, "block %llu of directory %u",
					 (unsigned long long)logical, reader->dir->number);
	return 0;
}

int ext4_dir_read_block(struct ext4_dir_reader *reader, uint64_t logical)
{
	struct ext4 *fs = reader->fs;
	int err;

	err = ext4_dir_find_run(reader, logical);
	if (err)
		return err;
	if (reader->run.kind != EXT4_RUN_MAPPED)
		return ext4_corrupt("directory %u has a hole at block %llu", reader->dir->number,
				    (unsigned long long)logical);
	err = ext4_read_block(fs, reader->run.physical + (logical - reader->run_start),
			      reader->block);
	if (err)
		return err;
	if (!ext4_has_csum(fs))
		return 0;
	if (ext4_dir_is_indexed(fs, reader->dir) &&
	    (logical == 0 || ext4_dir_is_index_node(fs, reader->block)))
		return check_index_checksum(reader, logical);
	return check_leaf_checksum(reader, logical);
}

int ext4_dirent_frame(const struct ext4 *fs, uint32_t inode, const uint8_t *bytes, uint32_t size,
		      uint32_t offset, struct ext4_dirent *out)
{
	struct ext4_disk_dirent disk;
	struct ext4_dirent entry;

	if (size - offset < sizeof(disk))
		return ext4_corrupt("directory %u: %u bytes left for an entry", inode,
				    size - offset);
	memcpy(&disk, bytes + offset, sizeof(disk));
	entry.inode = le32_get(disk.inode);
	entry.rec_len = le16_get(disk.rec_len);
	if (fs->block_size == 65536 && (entry.rec_len == REC_LEN_64K || entry.rec_len == 0))
		entry.rec_len = 65536;
	entry.name = (const char *)bytes + offset + sizeof(disk);
	/* 8 bits with and without the feature, as the kernel reads it: the tail's type is no length */
	entry.name_len = disk.name_len;
	entry.type = DT_UNKNOWN;
	if ((fs->incompat & EXT4_INCOMPAT_FILETYPE) && disk.file_type < ARRAY_SIZE(types))
		entry.type = types[disk.file_type];
	/* what follows is another entry or nothing */
	if (entry.rec_len < EXT4_DIRENT_MIN || entry.rec_len % 4 || entry.rec_len > size - offset ||
	    (size - offset > entry.rec_len && size - offset - entry.rec_len < EXT4_DIRENT_MIN))
		return ext4_corrupt("directory %u: entry of %u bytes at offset %u of %u", inode,
				    entry.rec_len, offset, size);
	*out = entry;
	return 0;
}

bool ext4_dirent_is_sound(const struct ext4 *fs, const struct ext4_dirent *entry)
{
	return entry->name_len <= entry->rec_len - EXT4_DIRENT_HEAD &&
	       entry->inode <= fs->inodes_count;
}

int ext4_dirent_parse(const struct ext4 *fs, uint32_t inode, const uint8_t *bytes, uint32_t size,
		      uint32_t offset, struct ext4_dirent *out)
{
	struct ext4_dirent entry;
	int err = ext4_dirent_frame(fs, inode, bytes, size, offset, &entry);

	if (err)
		return err;
	if (!ext4_dirent_is_sound(fs, &entry))
		return ext4_corrupt("directory %u: entry of %u bytes for inode %u, name of %zu",
				    inode, entry.rec_len, entry.inode, entry.name_len);
	*out = entry;
	return 0;
}
