/* SPDX-License-Identifier: MIT */
/*
 * Private to the ext4 room: fast commits, the records that the kernel writes behind the log when
 * it need not write whole blocks. The kernel replays them by changing the file system; here they
 * become a list of differences that the readers of inodes, files and directories consult.
 */
#ifndef BRAMBLE_EXT4_FASTCOMMIT_H
#define BRAMBLE_EXT4_FASTCOMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Records of complete fast commits, each as on disk, without heads, tails and padding. */
struct ext4_fc_log {
	uint8_t *bytes;
	size_t len;
};

/* Reads the blocks of the fast commit area one after the other. */
struct ext4_fc_scan {
	struct ext4_fc_log log;
	size_t room;
	size_t complete; /* bytes of the log up to the last right tail */
	uint32_t tid; /* expected: the first transaction that is not in the log */
	uint32_t inode_size; /* bytes */
	uint32_t crc;
	bool started;
};

/* Takes one block. 1: no further block is wanted; -EOPNOTSUPP, -EFBIG (logged), -ENOMEM. */
int ext4_fc_scan_block(struct ext4_fc_scan *scan, const uint8_t *block, uint32_t block_size);

/* Hands over what is complete and releases the rest; out->bytes is NULL if there is nothing. */
void ext4_fc_scan_end(struct ext4_fc_scan *scan, struct ext4_fc_log *out);

/* The volume without fast commits, for ext4_fc_open. */
struct ext4_fc_base {
	void *ctx; /* borrowed */
	uint32_t inode_size; /* bytes */
	uint32_t inodes; /* highest inode number */
	uint32_t first_inode; /* lowest that is not reserved */
	uint64_t fs_blocks;

	/* The inode's bytes from the inode table, inode_size of them, of a right checksum. */
	int (*read_inode)(void *ctx, uint32_t number, uint8_t *raw);

	/* Finds a name of a directory; -ENOENT where it is absent. */
	int (*lookup)(void *ctx, uint32_t dir, const char *name, size_t len, uint32_t *out_inode);
};

struct ext4_fc;

/*
 * Applies the records of @log in order, as the kernel does. @log->bytes becomes owned by the
 * result, also on failure. A record that does not fit the volume is left out with a warning.
 */
int ext4_fc_open(struct ext4_fc_log *log, const struct ext4_fc_base *base, struct ext4_fc **out);

/* Accepts NULL. */
void ext4_fc_close(struct ext4_fc *fc);

/* All that follows accepts NULL for @fc: no differences. */

/*
 * Changes @raw, the bytes of inode @number from the inode table. True if there was anything to
 * change: the inode's checksum is then not that of its bytes.
 */
bool ext4_fc_patch_inode(const struct ext4_fc *fc, uint32_t number, uint8_t *raw);

enum ext4_fc_kind {
	EXT4_FC_UNCHANGED, /* as the inode's own map says */
	EXT4_FC_HOLE,
	EXT4_FC_MAPPED,
	EXT4_FC_UNWRITTEN,
};

struct ext4_fc_range {
	uint64_t logical;
	uint64_t count; /* blocks; of EXT4_FC_UNCHANGED: until the next difference */
	uint64_t physical; /* of EXT4_FC_MAPPED and EXT4_FC_UNWRITTEN */
	enum ext4_fc_kind kind;
};

/* What the fast commits say about block @logical of a file and those behind it. */
void ext4_fc_map(const struct ext4_fc *fc, uint32_t number, uint64_t logical,
		 struct ext4_fc_range *out);

/*
 * Whether fast commits decide about a name: *@out_inode is its inode, or 0 where it was removed.
 */
bool ext4_fc_lookup(const struct ext4_fc *fc, uint32_t dir, const char *name, size_t len,
		    uint32_t *out_inode);

/* Whether nothing is to be read from the directory's own blocks; its parent is *@out_parent. */
bool ext4_fc_new_dir(const struct ext4_fc *fc, uint32_t dir, uint32_t *out_parent);

struct ext4_fc_entry {
	const char *name;
	size_t name_len;
	uint32_t inode;
	uint8_t type; /* DT_* */
	uint32_t cookie; /* of the entry behind */
};

/* The names added to a directory, from @cookie (0: the start) on. False: no more. */
bool ext4_fc_next_entry(const struct ext4_fc *fc, uint32_t dir, uint32_t cookie,
			struct ext4_fc_entry *out);

#endif
