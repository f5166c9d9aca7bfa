/* SPDX-License-Identifier: MIT */
/*
 * Private to the ext4 room: the journal's superblock, decoded, and its blocks by their number in
 * the journal.
 */
#ifndef BRAMBLE_EXT4_JOURNAL_LOG_H
#define BRAMBLE_EXT4_JOURNAL_LOG_H

#include "ext4/ext4_journal.h"

/* Blocks of the journal that follow each other in the volume. */
struct ext4_log_run {
	uint32_t logical;
	uint32_t count;
	uint64_t physical;
};

struct ext4_log {
	const struct ext4_journal_where *where; /* borrowed */
	uint32_t block_size; /* bytes */

	/* The superblock. The log area is [first, last), the fast commits are in (last, maxlen). */
	uint32_t maxlen;
	uint32_t first;
	uint32_t last;
	uint32_t start; /* 0: the journal is empty */
	uint32_t sequence;
	uint32_t error;
	bool checksum_v1;
	bool checksum_v2;
	bool checksum_v3;
	bool wide; /* 64-bit block numbers */
	bool fast_commits;
	uint32_t seed; /* of the checksums of versions 2 and 3 */

	struct ext4_log_run *runs;
	size_t run_count;

	/* The log is read front to back in large pieces: blocks from window_start on. */
	uint8_t *window;
	uint32_t window_start;
	uint32_t window_count;
	uint32_t window_blocks; /* room */
};

/*
 * Reads and checks the superblock, and, unless the journal is empty, finds out where its blocks
 * are. @log is released by ext4_log_finish on success. Errors as ext4_journal_open.
 */
int ext4_log_open(const struct ext4_journal_where *where, struct ext4_log *log);
void ext4_log_finish(struct ext4_log *log);

/* Block @number of the journal; valid until the next call. */
int ext4_log_block(struct ext4_log *log, uint32_t number, const uint8_t **out);

/* The block of the volume that block @number of the journal is. */
uint64_t ext4_log_physical(const struct ext4_log *log, uint32_t number);

/* Whether blocks carry checksums of their own (versions 2 and 3). */
static inline bool ext4_log_block_sums(const struct ext4_log *log)
{
	return log->checksum_v2 || log->checksum_v3;
}

/* Logs "ext4: corrupt journal: ..." and returns -EUCLEAN. */
__attribute__((format(printf, 1, 2))) int ext4_log_corrupt(const char *format, ...);

/* Logs a wrong checksum of @what; -EBADMSG, or 0 where checksums are not to be checked. */
int ext4_log_bad_sum(const struct ext4_log *log, const char *what, uint64_t number);

#endif
