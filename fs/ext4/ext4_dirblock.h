/* SPDX-License-Identifier: MIT */
/* Private to the ext4 room: single blocks of a directory, their checksums and their entries. */
#ifndef BRAMBLE_EXT4_DIRBLOCK_H
#define BRAMBLE_EXT4_DIRBLOCK_H

#include "ext4/ext4_fs.h"

/* Reads blocks of one directory; remembers the last run, so that listing maps each run once. */
struct ext4_dir_reader {
	struct ext4 *fs;
	const struct ext4_inode *dir;
	uint8_t *block; /* block_size bytes: the block that was read last */
	uint64_t run_start;
	struct ext4_run run;
	bool met_hole; /* was logged */
};

struct ext4_dirent {
	uint32_t inode; /* 0: unused */
	uint32_t rec_len;
	uint8_t type; /* DT_* */
	const char *name; /* in the block */
	size_t name_len;
};

int ext4_dir_reader_init(struct ext4_dir_reader *reader, struct ext4 *fs,
			 const struct ext4_inode *dir);
void ext4_dir_reader_finish(struct ext4_dir_reader *reader);

/* Blocks of the directory by its size. */
uint64_t ext4_dir_blocks(const struct ext4 *fs, const struct ext4_inode *dir);

/* Whether the directory has an index that is to be used. */
bool ext4_dir_is_indexed(const struct ext4 *fs, const struct ext4_inode *dir);

/* Whether the kernel lists it by hash (is_dx_dir), and so reports each damaged block. */
bool ext4_dir_lists_by_hash(const struct ext4 *fs, const struct ext4_inode *dir);

/* Finds the run of @logical, so that a hole can be passed over whole. */
int ext4_dir_find_run(struct ext4_dir_reader *reader, uint64_t logical);

/* Reads block @logical into reader->block and verifies its checksum. -EUCLEAN for a hole. */
int ext4_dir_read_block(struct ext4_dir_reader *reader, uint64_t logical);

/* Whether the block is one of the index: it looks like one unused entry as large as the block. */
bool ext4_dir_is_index_node(const struct ext4 *fs, const uint8_t *block);

/*
 * Decodes the entry at @offset of @size bytes; -EUCLEAN (logged) where it leads to no next one.
 * @offset is below @size. @inode is the directory's, for the log.
 */
int ext4_dirent_frame(const struct ext4 *fs, uint32_t inode, const uint8_t *bytes, uint32_t size,
		      uint32_t offset, struct ext4_dirent *out);

/* Whether the name lies inside the entry, and the inode in the volume. */
bool ext4_dirent_is_sound(const struct ext4 *fs, const struct ext4_dirent *entry);

/* Both: -EUCLEAN (logged) also for an entry that is not sound. */
int ext4_dirent_parse(const struct ext4 *fs, uint32_t inode, const uint8_t *bytes, uint32_t size,
		      uint32_t offset, struct ext4_dirent *out);

#endif
