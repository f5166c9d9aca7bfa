/* SPDX-License-Identifier: MIT */
/* The journal as a sequence of blocks: its superblock, where its blocks lie, reading them. */
#include "ext4/ext4_journal_log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/crc.h"
#include "base/log.h"
#include "ext4/jbd2_disk.h"

#define WINDOW_BYTES (256u * 1024)

/*
 * mke2fs and tune2fs make none larger. What is noted about a journal is bounded by its length, which
 * the image must hold; blocks of a block map could be shared.
 */
#define JOURNAL_BLOCKS_MAX 10240000u

int ext4_log_corrupt(const char *format, ...)
{
	char text[160];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_error("ext4: corrupt journal: %s", text);
	return -EUCLEAN;
}

int ext4_log_bad_sum(const struct ext4_log *log, const char *what, uint64_t number)
{
	if (log->where->nocheck) {
		log_warn("ext4: journal: wrong checksum of %s %llu, ignored", what,
			 (unsigned long long)number);
		return 0;
	}
	log_error("ext4: journal: wrong checksum of %s %llu", what, (unsigned long long)number);
	return -EBADMSG;
}

/* One step of the caller's map, checked: the blocks lie inside the volume. */
static int map_run(const struct ext4_journal_where *where, uint32_t logical, uint32_t wanted,
		   struct ext4_log_run *out)
{
	uint64_t physical;
	uint32_t count;
	int err;

	err = where->map(where->ctx, logical, &physical, &count);
	if (err)
		return err;
	if (count == 0 || physical == 0)
		return ext4_log_corrupt("block %u is a hole", logical);
	if (count > wanted)
		count = wanted;
	if (!range_fits(physical, count, where->fs_blocks))
		return ext4_log_corrupt("block %u lies at %llu, the volume has %llu", logical,
					(unsigned long long)physical,
					(unsigned long long)where->fs_blocks);
	*out = (struct ext4_log_run){logical, count, physical};
	return 0;
}

static int add_run(struct ext4_log *log, const struct ext4_log_run *run)
{
	struct ext4_log_run *last = log->run_count ? &log->runs[log->run_count - 1] : NULL;

	if (last && last->physical + last->count == run->physical) {
		last->count += run->count;
		return 0;
	}
	if (is_power_of_two(log->run_count) || log->run_count == 0) {
		size_t room = log->run_count ? log->run_count * 2 : 1;
		struct ext4_log_run *runs = reallocarray(log->runs, room, sizeof(*runs));

		if (!runs)
			return -ENOMEM;
		log->runs = runs;
	}
	log->runs[log->run_count++] = *run;
	return 0;
}

static int compare_physical(const void *a, const void *b)
{
	const struct ext4_log_run *x = a, *y = b;

	return x->physical < y->physical ? -1 : x->physical > y->physical;
}

/*
 * A block of the volume is one block of the journal: a few extents that show the same blocks again
 * and again would make a log without end out of them.
 */
static int check_overlaps(const struct ext4_log *log)
{
	CLEANUP(freep) struct ext4_log_run *runs = calloc(log->run_count, sizeof(*runs));

	if (!runs)
		return -ENOMEM;
	memcpy(runs, log->runs, log->run_count * sizeof(*runs));
	qsort(runs, log->run_count, sizeof(*runs), compare_physical);
	for (size_t i = 1; i < log->run_count; i++) {
		if (runs[i].physical - runs[i - 1].physical < runs[i - 1].count)
			return ext4_log_corrupt("blocks %u and %u lie in the same place",
						runs[i - 1].logical, runs[i].logical);
	}
	return 0;
}

static int map_journal(struct ext4_log *log)
{
	uint32_t logical = 0;
	int err;

	while (logical < log->maxlen) {
		struct ext4_log_run run;

		err = map_run(log->where, logical, log->maxlen - logical, &run);
		if (!err)
			err = add_run(log, &run);
		if (err)
			return err;
		logical += run.count;
	}
	err = check_overlaps(log);
	if (err)
		return err;
	log->window_blocks = (uint32_t)min_u64(WINDOW_BYTES / log->block_size, log->maxlen);
	log->window = malloc((size_t)log->window_blocks * log->block_size);
	return log->window ? 0 : -ENOMEM;
}

static const struct ext4_log_run *find_run(const struct ext4_log *log, uint32_t number)
{
	size_t low = 0, high = log->run_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (log->runs[middle].logical <= number)
			low = middle;
		else
			high = middle;
	}
	return &log->runs[low];
}

uint64_t ext4_log_physical(const struct ext4_log *log, uint32_t number)
{
	const struct ext4_log_run *run = find_run(log, number);

	return run->physical + (number - run->logical);
}

static int fill_window(struct ext4_log *log, uint32_t number)
{
	uint32_t count = (uint32_t)min_u64(log->window_blocks, log->maxlen - number);
	uint32_t done = 0;

	log->window_count = 0;
	while (done < count) {
		const struct ext4_log_run *run = find_run(log, number + done);
		uint32_t within = number + done - run->logical;
		uint32_t part = (uint32_t)min_u64(run->count - within, count - done);
		int err;

		err = image_read_at(log->where->img, log->window + (size_t)done * log->block_size,
				    (size_t)part * log->block_size,
				    (run->physical + within) * log->block_size);
		if (err && done)
			break; /* perhaps nobody asks for the rest */
		if (err) {
			log_error("ext4: journal: cannot read block %u of %u", number, log->maxlen);
			return err == -ERANGE ? -EIO : err;
		}
		done += part;
	}
	log->window_start = number;
	log->window_count = done;
	return 0;
}

int ext4_log_block(struct ext4_log *log, uint32_t number, const uint8_t **out)
{
	if (number < log->window_start || number - log->window_start >= log->window_count) {
		int err = fill_window(log, number);

		if (err)
			return err;
	}
	*out = log->window + (size_t)(number - log->window_start) * log->block_size;
	return 0;
}

static int check_superblock_sum(struct ext4_log *log, struct jbd2_disk_superblock *sb)
{
	uint32_t found = be32_get(sb->checksum);

	if (sb->checksum_type != JBD2_CHECKSUM_CRC32C) {
		log_error("ext4: journal: unknown checksum type %u", sb->checksum_type);
		return -EOPNOTSUPP;
	}
	memset(&sb->checksum, 0, sizeof(sb->checksum));
	if (crc32c(~0u, sb, sizeof(*sb)) != found)
		return ext4_log_bad_sum(log, "the superblock, sequence", log->sequence);
	return 0;
}

/* What a version 2 superblock says beyond version 1. */
static int decode_features(struct ext4_log *log, struct jbd2_disk_superblock *sb)
{
	uint32_t incompat = be32_get(sb->incompat);
	uint32_t ro_compat = be32_get(sb->ro_compat);
	uint32_t fast = 0;

	if (incompat & ~JBD2_INCOMPAT_KNOWN || ro_compat) {
		log_error("ext4: journal: unknown features: incompatible 0x%x, read-only 0x%x",
			  incompat & ~JBD2_INCOMPAT_KNOWN, ro_compat);
		return -EOPNOTSUPP;
	}
	log->checksum_v1 = be32_get(sb->compat) & JBD2_COMPAT_CHECKSUM;
	log->checksum_v2 = incompat & JBD2_INCOMPAT_CSUM_V2;
	log->checksum_v3 = incompat & JBD2_INCOMPAT_CSUM_V3;
	log->wide = incompat & JBD2_INCOMPAT_64BIT;
	log->fast_commits = incompat & JBD2_INCOMPAT_FAST_COMMIT;
	if (log->checksum_v1 + log->checksum_v2 + log->checksum_v3 > 1)
		return ext4_log_corrupt("more than one kind of checksum");
	if (log->fast_commits) {
		fast = be32_get(sb->fast_commit_blocks);
		if (fast == 0)
			fast = JBD2_DEFAULT_FAST_COMMIT_BLOCKS;
		if (fast >= log->maxlen)
			return ext4_log_corrupt("%u of %u blocks are for fast commits", fast,
						log->maxlen);
	}
	log->last = log->maxlen - fast;
	if (!ext4_log_block_sums(log))
		return 0;
	log->seed = crc32c(~0u, sb->uuid, sizeof(sb->uuid));
	return check_superblock_sum(log, sb);
}

static int decode_superblock(struct ext4_log *log, struct jbd2_disk_superblock *sb)
{
	uint32_t type = be32_get(sb->header.type);
	int err;

	if (be32_get(sb->header.magic) != JBD2_MAGIC ||
	    (type != JBD2_SUPERBLOCK_V1 && type != JBD2_SUPERBLOCK_V2))
		return ext4_log_corrupt("no superblock: magic 0x%08x, type %u",
					be32_get(sb->header.magic), type);
	if (be32_get(sb->block_size) != log->block_size)
		return ext4_log_corrupt("blocks of %u bytes, the volume's have %u",
					be32_get(sb->block_size), log->block_size);
	log->maxlen = be32_get(sb->maxlen);
	log->first = be32_get(sb->first);
	log->start = be32_get(sb->start);
	log->sequence = be32_get(sb->sequence);
	log->error = be32_get(sb->error);
	log->last = log->maxlen;
	if (log->maxlen > log->where->journal_blocks || log->maxlen > JOURNAL_BLOCKS_MAX)
		return ext4_log_corrupt("%u blocks in a file of %llu", log->maxlen,
					(unsigned long long)log->where->journal_blocks);
	if (log->maxlen > log->where->img->size / log->block_size)
		return ext4_log_corrupt("%u blocks in an image of %llu bytes", log->maxlen,
					(unsigned long long)log->where->img->size);
	if (type == JBD2_SUPERBLOCK_V2) {
		err = decode_features(log, sb);
		if (err)
			return err;
	}
	if (log->first == 0 || log->first >= log->last)
		return ext4_log_corrupt("the log starts at block %u of %u", log->first, log->last);
	if (log->start && (log->start < log->first || log->start >= log->last))
		return ext4_log_corrupt(
			"the oldest transaction is at block %u, the log is %u to %u", log->start,
			log->first, log->last);
	return 0;
}

int ext4_log_open(const struct ext4_journal_where *where, struct ext4_log *log)
{
	struct jbd2_disk_superblock sb;
	struct ext4_log_run run;
	int err;

	memset(log, 0, sizeof(*log));
	log->where = where;
	log->block_size = where->block_size;
	if (where->fs_blocks > UINT64_MAX / 2 / where->block_size ||
	    where->journal_blocks > where->fs_blocks ||
	    where->journal_blocks > where->img->size / where->block_size)
		return ext4_log_corrupt("%llu blocks in a volume of %llu",
					(unsigned long long)where->journal_blocks,
					(unsigned long long)where->fs_blocks);
	err = map_run(where, 0, 1, &run);
	if (err)
		return err;
	err = image_read_at(where->img, &sb, sizeof(sb), run.physical * where->block_size);
	if (err) {
		log_error("ext4: journal: cannot read the superblock at block %llu",
			  (unsigned long long)run.physical);
		return err == -ERANGE ? -EIO : err;
	}
	err = decode_superblock(log, &sb);
	if (err)
		return err;
	if (log->start == 0)
		return 0;
	err = map_journal(log);
	if (err)
		ext4_log_finish(log);
	return err;
}

void ext4_log_finish(struct ext4_log *log)
{
	free(log->runs);
	free(log->window);
	log->runs = NULL;
	log->window = NULL;
}
