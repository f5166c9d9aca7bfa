/* SPDX-License-Identifier: MIT */
/*
 * Private to the ext4 room: replay of a journal in memory. Nothing is written; the result is an
 * image that reads a block from its place in the journal where the journal holds a newer one.
 */
#ifndef BRAMBLE_EXT4_JOURNAL_H
#define BRAMBLE_EXT4_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ext4/ext4_fastcommit.h"
#include "image/image.h"

/* Where a volume keeps its journal. */
struct ext4_journal_where {
	struct image *img; /* borrowed: the volume */
	uint32_t block_size; /* bytes, a power of two from 1024 to 65536 */
	uint64_t fs_blocks; /* of the volume */
	uint64_t journal_blocks; /* of the journal's file */
	uint32_t inode_size; /* bytes, of the volume */
	bool nocheck; /* a wrong checksum is a warning, not an error */

	/*
	 * Finds block @logical of the journal's file: *@out_physical is its place in the volume,
	 * and *@out_count - 1 further blocks follow it there. A hole is -EUCLEAN.
	 */
	int (*map)(void *ctx, uint64_t logical, uint64_t *out_physical, uint32_t *out_count);
	void *ctx; /* borrowed */
};

struct ext4_journal_replay {
	struct image *view; /* the volume as it is after the replay; NULL: nothing to replay */
	bool dirty; /* the journal is not empty */
	uint32_t error; /* positive errno that the kernel left in the journal, or 0 */
	uint32_t transactions; /* complete ones that were found */
	uint64_t blocks; /* that @view reads from the journal */
	struct ext4_fc_log fast_commits; /* for ext4_fc_open; bytes is NULL where there are none */
};

/*
 * Reads the journal and replays it as the kernel does (fs/jbd2/recovery.c). On success @out is
 * released by ext4_journal_replay_finish; its view borrows the volume but not @where.
 * -EOPNOTSUPP: an unknown feature; -EBADMSG: a wrong checksum where the kernel would refuse to
 * mount; -EUCLEAN: damage; each named in the log.
 */
int ext4_journal_open(const struct ext4_journal_where *where, struct ext4_journal_replay *out);

void ext4_journal_replay_finish(struct ext4_journal_replay *done);

/* One block of the volume whose newest contents lie in the journal. */
struct ext4_journal_entry {
	uint64_t fs_block;
	uint64_t
		place; /* the block of the volume to read instead, or EXT4_JOURNAL_ESCAPED with it */
};

/* The block begins with the journal's magic number, which the journal stores as zero. */
#define EXT4_JOURNAL_ESCAPED (UINT64_C(1) << 63)

/*
 * The image of kind "journal": @img with the blocks of @entries replaced. They are sorted by
 * fs_block without duplicates; the array becomes the view's, also on failure. @img is borrowed.
 */
int ext4_journal_view(struct image *img, uint32_t block_size, struct ext4_journal_entry *entries,
		      size_t count, struct image **out);

#endif
