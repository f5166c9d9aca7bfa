/* SPDX-License-Identifier: MIT */
/* Private to the ext4 room: an open volume, an inode in host order, and what the files share. */
#ifndef BRAMBLE_EXT4_FS_H
#define BRAMBLE_EXT4_FS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "ext4/ext4.h"
#include "ext4/ext4_cache.h"
#include "ext4/ext4_disk.h"
#include "image/image.h"
#include "tree/tree.h"

/* Descriptors of this many groups are remembered; those behind are read each time. */
#define EXT4_GROUP_CACHE 16384u

/*
 * Blocks of an inode table that are read ahead together, as the kernel's inode_readahead_blks, and
 * how many such windows are remembered as asked for.
 */
#define EXT4_INODE_WINDOW 32u
#define EXT4_INODE_WINDOWS 256u

struct ext4_fc;

/* Set while opening, constant afterwards but for the caches, which are atomic. */
struct ext4 {
	struct tree base;
	struct image
		*img; /* borrowed: the volume, or @replayed, which shows it through its journal */
	struct image *meta; /* owned: the same through a cache, for all but file data */
	struct image *replayed; /* owned; NULL: the journal was clean */
	struct ext4_fc *fast; /* owned: what fast commits changed; or NULL */
	struct ext4_cache *cache; /* owned; NULL while it is opened, for then it changes */

	uint32_t block_size; /* bytes */
	uint32_t cluster_bits; /* log2 of blocks per cluster */
	uint32_t inode_size; /* bytes */
	uint32_t desc_size; /* bytes */
	uint64_t blocks_count;
	uint64_t held_blocks; /* those that the image has: loops over blocks are bounded by it */
	uint64_t reserved_blocks;
	uint64_t said_free_blocks; /* by the superblock, not kept up while mounted */
	uint32_t said_free_inodes;
	uint32_t first_data_block;
	uint32_t blocks_per_group;
	uint32_t inodes_count;
	uint32_t inodes_per_group;
	uint32_t groups_count;
	uint32_t first_inode; /* lower numbers are reserved */
	uint32_t first_meta_bg;
	uint32_t backup_bgs[2];
	uint32_t journal_inode;
	uint32_t compat, incompat, ro_compat;
	uint32_t csum_seed;
	uint32_t hash_seed[4];
	uint8_t default_hash;
	bool hash_unsigned;
	bool nocheck;
	bool wrote_by_linux;
	uint8_t uuid[16];

	uint32_t group_cache_count;
	_Atomic uint64_t *group_tables; /* first block of the inode table; 0: not read yet */
	_Atomic uint64_t windows[EXT4_INODE_WINDOWS]; /* of inode tables, plus 1 */
	_Atomic uint64_t overhead_blocks; /* for statfs; 0: not counted yet */
	_Atomic uint64_t free_clusters; /* likewise, plus 1 */
	_Atomic uint64_t free_inodes; /* likewise, plus 1 */
	_Atomic uint32_t xattr_census; /* what ext4_census.c knows */
};

struct ext4_inode {
	uint32_t number;
	uint32_t generation;
	uint32_t csum_seed;
	uint32_t flags;
	uint16_t mode;
	uint16_t links;
	uint32_t uid, gid;
	uint32_t project;
	uint64_t size; /* bytes */
	uint64_t sectors; /* units of 512 bytes */
	uint64_t xattr_block;
	bool has_xattrs; /* in the inode, or in a block */
	uint32_t
		extra_start; /* bytes: where attributes inside the inode begin; inode_size if nowhere */
	uint32_t atime_seconds; /* raw: an attribute inode keeps its value's hash here */
	struct timespec atime, mtime, ctime, btime;
	uint8_t block[EXT4_BLOCK_BYTES];
};

enum ext4_run_kind {
	EXT4_RUN_HOLE,
	EXT4_RUN_MAPPED,
	EXT4_RUN_UNWRITTEN, /* allocated, reads as zeros */
};

/* Some blocks of a file, one behind the other, that lie one behind the other on the volume too. */
struct ext4_run {
	enum ext4_run_kind kind;
	uint64_t physical; /* block of the volume, if not a hole */
	uint64_t count; /* blocks, at least 1 */
};

/* What is left of @run behind its first @blocks. */
static inline struct ext4_run ext4_run_behind(const struct ext4_run *run, uint64_t blocks)
{
	return (struct ext4_run){
		.kind = run->kind,
		.physical = run->kind == EXT4_RUN_HOLE ? 0 : run->physical + blocks,
		.count = run->count - blocks,
	};
}

/* "ext4: corrupt volume: ..." as a warning; is -EUCLEAN. */
#define ext4_corrupt(...) (log_warn("ext4: corrupt volume: " __VA_ARGS__), -EUCLEAN)

static inline bool ext4_has_csum(const struct ext4 *fs)
{
	return fs->ro_compat & EXT4_RO_COMPAT_METADATA_CSUM;
}

/* ext4_super.c */

/* Reads the superblock of @fs->img, checks it and fills in what it says. Errors as ext4_open. */
int ext4_super_load(struct ext4 *fs);

/*
 * Reads metadata inside the volume: -EUCLEAN beyond its last block, -EIO where the image ends before.
 * File data are read by ext4_read_data: they go past the cache.
 */
int ext4_read_bytes(const struct ext4 *fs, uint64_t block, uint32_t offset, void *buf, size_t len);
int ext4_read_data(const struct ext4 *fs, uint64_t block, uint32_t offset, void *buf, size_t len);

static inline int ext4_read_block(const struct ext4 *fs, uint64_t block, void *buf)
{
	return ext4_read_bytes(fs, block, 0, buf, fs->block_size);
}

/*
 * What a wrong checksum of @what (a sentence part with its numbers) means: -EBADMSG with a warning,
 * or 0 with a warning under nocheck.
 */
__attribute__((format(printf, 2, 3))) int ext4_bad_checksum(const struct ext4 *fs, const char *what,
							    ...);

/* ext4_group.c */
int ext4_group_inode_table(struct ext4 *fs, uint32_t group, uint64_t *out_block);

/* How many inodes at the start of the group's table may be in use. */
int ext4_group_inodes(struct ext4 *fs, uint32_t group, uint32_t *out_count);
int ext4_statfs(struct ext4 *fs, struct tree_statfs *out);

/* ext4_inode.c */

/*
 * Reads and checks an inode. @out_raw, if not NULL, gets the inode_size bytes as they lie on disk,
 * to be freed by the caller. -EUCLEAN also where the inode is not in use.
 */
int ext4_inode_read(struct ext4 *fs, uint32_t number, struct ext4_inode *out, uint8_t **out_raw);

/* The inode_size bytes of an inode in the inode table; checked only if it is in use. */
int ext4_inode_read_table(struct ext4 *fs, uint32_t number, uint8_t *raw);
void ext4_inode_attr(const struct ext4 *fs, const struct ext4_inode *inode, struct tree_attr *out);

/* ext4_map.c: where the blocks of a file lie. */

/* The run that starts at block @logical of the file; holes reach at least one block. */
int ext4_map(struct ext4 *fs, const struct ext4_inode *inode, uint64_t logical,
	     struct ext4_run *out);

/* ext4_extent.c and ext4_indirect.c: the two ways to do so. */
int ext4_extent_map(struct ext4 *fs, const struct ext4_inode *inode, uint64_t logical,
		    struct ext4_run *out);
int ext4_indirect_map(struct ext4 *fs, const struct ext4_inode *inode, uint64_t logical,
		      struct ext4_run *out);

/* The part of the map that lies in the inode is checked when that is read, as the kernel does. */
int ext4_extent_check_root(struct ext4 *fs, const struct ext4_inode *inode);
int ext4_indirect_check_root(struct ext4 *fs, const struct ext4_inode *inode);

/* ext4_file.c */
ssize_t ext4_file_read(struct ext4 *fs, const struct ext4_inode *inode, void *buf, size_t len,
		       uint64_t offset);

/* See tree_map. */
int ext4_file_locate(struct ext4 *fs, const struct ext4_inode *inode, uint64_t offset, size_t len,
		     struct tree_extent *out);
int ext4_file_seek(struct ext4 *fs, const struct ext4_inode *inode, uint64_t offset, int whence,
		   uint64_t *out_offset);

/* Whether the target of a symbolic link lies in i_block as it is. */
bool ext4_link_is_fast(const struct ext4 *fs, const struct ext4_inode *inode);
ssize_t ext4_link_read(struct ext4 *fs, const struct ext4_inode *inode, char *buf, size_t size);

/* ext4_inline.c: data inside the inode. */

/*
 * All inline bytes of @inode: i_block, then the value of system.data. *@out is malloc'd, to be
 * freed by the caller; *@out_len is at least EXT4_BLOCK_BYTES.
 */
int ext4_inline_read(struct ext4 *fs, const struct ext4_inode *inode, uint8_t **out,
		     size_t *out_len);

/* ext4_dir.c */
int ext4_dir_lookup(struct ext4 *fs, const struct ext4_inode *dir, const char *name, size_t len,
		    uint32_t *out_inode);
int ext4_dir_parent(struct ext4 *fs, const struct ext4_inode *dir, uint32_t *out_inode);
int ext4_dir_list(struct ext4 *fs, const struct ext4_inode *dir, uint64_t cookie,
		  tree_entry_fn take, void *ctx);

/* Whether names in @dir are compared by ext4_dir_fold. */
bool ext4_dir_ignores_case(const struct ext4 *fs, const struct ext4_inode *dir);

/* See tree_ops: spelling and fold. Both return a length. */
ssize_t ext4_dir_spelling(struct ext4 *fs, const struct ext4_inode *dir, const char *name,
			  size_t len, char out[EXT4_NAME_MAX]);
ssize_t ext4_dir_fold(const char *name, size_t len, char *out, size_t size);

/* ext4_xattr.c */
ssize_t ext4_xattr_get(struct ext4 *fs, uint32_t number, const char *name, void *buf, size_t size);
ssize_t ext4_xattr_list(struct ext4 *fs, uint32_t number, char *buf, size_t size);

/*
 * Whether the attributes inside the inode are sound: the kernel looks at them when it reads one. Says in
 * @inode whether it has any at all.
 */
int ext4_xattr_check_inode(const struct ext4 *fs, struct ext4_inode *inode, const uint8_t *raw);

/* Looks for attributes of @name in all inodes; what was found is remembered. */
bool ext4_xattr_lacks(struct ext4 *fs, const char *name);

/* The value of the hidden attribute system.data in the inode's own space: -ENODATA if there is none. */
int ext4_xattr_inline_data(const struct ext4 *fs, const struct ext4_inode *inode,
			   const uint8_t *raw, const uint8_t **out, size_t *out_len);

/* Ids of the tree: the root directory is TREE_ROOT, everything else its inode number. */
static inline uint64_t ext4_id(uint32_t number)
{
	return number == EXT4_ROOT_INODE ? TREE_ROOT : number;
}

#endif
