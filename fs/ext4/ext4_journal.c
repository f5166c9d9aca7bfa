/* SPDX-License-Identifier: MIT */
/*
 * Replay of a journal in memory. The kernel makes three passes: SCAN finds the last complete
 * transaction, REVOKE collects the blocks that must not be replayed, REPLAY writes. Here one walk
 * does the work of SCAN and checks all checksums, while it notes the place of every logged block
 * and of every revoke block. Then the revoke records of complete transactions are compared with
 * these notes, and what remains is sorted: for each block of the volume its latest place.
 */
#include "ext4/ext4_journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "base/log.h"
#include "ext4/ext4_journal_log.h"
#include "ext4/jbd2_disk.h"

/* A block in the log, as its tag in the descriptor says. */
struct logged {
	uint64_t fs_block;
	uint32_t order; /* in which the log has them */
	uint32_t sequence;
	uint32_t number; /* in the journal */
	uint32_t revoke_sequence;
	bool revoked; /* by a transaction up to revoke_sequence */
	bool escaped;
	bool bad_sum;
};

struct revoke_block {
	uint32_t number;
	uint32_t sequence;
};

struct replay {
	struct ext4_log log;
	uint8_t *scratch; /* one block */

	uint32_t position; /* in the log */
	uint32_t walked; /* blocks: a log is not longer than its area */
	uint32_t sequence; /* of the transaction at @position */
	bool suspicious; /* a wrong checksum was met in this transaction */
	uint32_t sum_v1; /* of this transaction's descriptors and blocks */
	uint64_t previous_seconds;

	struct logged *logged;
	size_t logged_count;
	size_t logged_room;
	size_t logged_complete; /* those of complete transactions */
	struct revoke_block *revokes;
	size_t revoke_count;
	size_t revoke_room;
	size_t revoke_complete;
	uint32_t transactions;
};

/* Returned inside this file only: the log ends here. */
#define LOG_ENDS 1

/* Sequence numbers wrap. */
static bool is_later(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

/* Makes room for one more of @count elements; the array is bounded by the blocks of the log. */
static int make_room(void **array, size_t count, size_t *room, size_t element)
{
	size_t wanted = *room ? *room * 2 : 64;
	void *larger;

	if (count < *room)
		return 0;
	larger = reallocarray(*array, wanted, element);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	*room = wanted;
	return 0;
}

/* Steps over one block of the log, around its end. */
static int step(struct replay *r, uint32_t *out_number)
{
	if (r->walked >= r->log.last - r->log.first)
		return ext4_log_corrupt("transaction %u does not end", r->sequence);
	r->walked++;
	*out_number = r->position++;
	if (r->position >= r->log.last)
		r->position = r->log.first;
	return 0;
}

/* CRC-32C of a whole block whose be32 at @hole counts as zero. */
static uint32_t block_sum(const struct ext4_log *log, const uint8_t *block, size_t hole)
{
	static const uint8_t zero[4];
	uint32_t crc = crc32c(log->seed, block, hole);

	crc = crc32c(crc, zero, sizeof(zero));
	return crc32c(crc, block + hole + sizeof(zero), log->block_size - hole - sizeof(zero));
}

/* The checksum at the end of descriptor and revoke blocks. */
static bool tail_is_right(const struct ext4_log *log, const uint8_t *block)
{
	size_t hole = log->block_size - sizeof(struct jbd2_disk_tail);

	return !ext4_log_block_sums(log) || block_sum(log, block, hole) == be32_at(block + hole);
}

static size_t tag_bytes(const struct ext4_log *log)
{
	if (log->checksum_v3)
		return sizeof(struct jbd2_disk_tag3);
	/* With version 2 every tag is two bytes longer than its fields. */
	return sizeof(struct jbd2_disk_tag) - (log->wide ? 0 : 4) + (log->checksum_v2 ? 2 : 0);
}

struct tag {
	uint64_t fs_block;
	uint32_t flags;
	uint32_t checksum;
};

/* Decodes the tag at @p, which has tag_bytes() bytes. */
static struct tag decode_tag(const struct ext4_log *log, const uint8_t *p)
{
	struct tag tag;
	struct jbd2_disk_tag disk = {0};
	struct jbd2_disk_tag3 disk3;

	if (log->checksum_v3) {
		memcpy(&disk3, p, sizeof(disk3));
		tag.fs_block = be32_get(disk3.block);
		if (log->wide)
			tag.fs_block |= (uint64_t)be32_get(disk3.block_high) << 32;
		tag.flags = be32_get(disk3.flags);
		tag.checksum = be32_get(disk3.checksum);
		return tag;
	}
	memcpy(&disk, p, log->wide ? sizeof(disk) : offsetof(struct jbd2_disk_tag, block_high));
	tag.fs_block = be32_get(disk.block);
	if (log->wide)
		tag.fs_block |= (uint64_t)be32_get(disk.block_high) << 32;
	tag.flags = be16_get(disk.flags);
	tag.checksum = be16_get(disk.checksum);
	return tag;
}

static bool data_is_right(const struct replay *r, const struct tag *tag, const uint8_t *data)
{
	uint8_t sequence[4] = {(uint8_t)(r->sequence >> 24), (uint8_t)(r->sequence >> 16),
			       (uint8_t)(r->sequence >> 8), (uint8_t)r->sequence};
	uint32_t crc = crc32c(r->log.seed, sequence, sizeof(sequence));

	crc = crc32c(crc, data, r->log.block_size);
	return tag->checksum == (r->log.checksum_v3 ? crc : (crc & 0xffff));
}

/* Notes one logged block; its data come next in the log. */
static int take_tag(struct replay *r, const struct tag *tag)
{
	struct logged *logged;
	uint32_t number = 0;
	bool bad = false;
	int err;

	err = step(r, &number);
	if (err)
		return err;
	if (r->log.checksum_v1 || (ext4_log_block_sums(&r->log) && !r->suspicious)) {
		const uint8_t *data;

		err = ext4_log_block(&r->log, number, &data);
		if (err)
			return err;
		if (r->log.checksum_v1)
			r->sum_v1 = crc32_be(r->sum_v1, data, r->log.block_size);
		else
			bad = !data_is_right(r, tag, data);
	}
	if (r->suspicious)
		return 0;
	err = make_room((void **)&r->logged, r->logged_count, &r->logged_room, sizeof(*r->logged));
	if (err)
		return err;
	logged = &r->logged[r->logged_count];
	memset(logged, 0, sizeof(*logged));
	logged->fs_block = tag->fs_block;
	logged->order = (uint32_t)r->logged_count++;
	logged->sequence = r->sequence;
	logged->number = number;
	logged->escaped = tag->flags & JBD2_TAG_ESCAPE;
	logged->bad_sum = bad;
	return 0;
}

static int take_descriptor(struct replay *r, const uint8_t *block)
{
	size_t size = r->log.block_size, tag_size = tag_bytes(&r->log);
	size_t offset = sizeof(struct jbd2_disk_header);
	int err;

	/* A wrong checksum may be a stale block of an older journal: the commit block decides. */
	if (!tail_is_right(&r->log, block))
		r->suspicious = true;
	if (ext4_log_block_sums(&r->log))
		size -= sizeof(struct jbd2_disk_tail);
	if (r->log.checksum_v1)
		r->sum_v1 = crc32_be(r->sum_v1, block, r->log.block_size);

	/* Reading the data moves the window under @block. */
	memcpy(r->scratch, block, size);
	while (offset <= size && tag_size <= size - offset) {
		struct tag tag = decode_tag(&r->log, r->scratch + offset);

		err = take_tag(r, &tag);
		if (err)
			return err;
		if (tag.flags & JBD2_TAG_LAST)
			break;
		offset += tag_size;
		if (!(tag.flags & JBD2_TAG_SAME_UUID))
			offset += JBD2_UUID_SIZE;
	}
	return 0;
}

static int take_revoke_block(struct replay *r, const uint8_t *block, uint32_t number)
{
	int err;

	if (!tail_is_right(&r->log, block))
		r->suspicious = true;
	err = make_room((void **)&r->revokes, r->revoke_count, &r->revoke_room,
			sizeof(*r->revokes));
	if (err)
		return err;
	r->revokes[r->revoke_count++] = (struct revoke_block){number, r->sequence};
	return 0;
}

static bool commit_is_right(struct replay *r, const uint8_t *block,
			    const struct jbd2_disk_commit *commit)
{
	size_t hole = offsetof(struct jbd2_disk_commit, checksum);
	uint32_t found = be32_get(commit->checksum[0]);

	if (r->log.checksum_v1) {
		if (commit->checksum_type == 0 && commit->checksum_size == 0 && found == 0)
			return true; /* written before checksums were switched on */
		return commit->checksum_type == JBD2_CHECKSUM_CRC32 &&
		       commit->checksum_size == JBD2_CHECKSUM_CRC32_SIZE && found == r->sum_v1;
	}
	if (!ext4_log_block_sums(&r->log) || block_sum(&r->log, block, hole) == found)
		return true;

	/* Only the first sector may have reached the disk: the rest counts as zero. */
	memset(r->scratch, 0, r->log.block_size);
	memcpy(r->scratch, commit, sizeof(*commit));
	return block_sum(&r->log, r->scratch, hole) == found;
}

/*
 * A complete transaction, or the end of the log. A block with a wrong checksum whose commit time is
 * older than the previous transaction's is a leftover of an earlier use of these blocks.
 */
static int take_commit(struct replay *r, const uint8_t *block)
{
	struct jbd2_disk_commit commit;
	uint64_t seconds;

	memcpy(&commit, block, sizeof(commit));
	seconds = be64_get(commit.seconds);
	if (r->suspicious) {
		if (seconds < r->previous_seconds)
			return LOG_ENDS;
		return ext4_log_bad_sum(&r->log, "a descriptor of transaction", r->sequence)
			       ? -EBADMSG
			       : LOG_ENDS;
	}
	if (!commit_is_right(r, block, &commit)) {
		log_warn("ext4: journal: transaction %u has a wrong checksum, the log ends there",
			 r->sequence);
		return LOG_ENDS;
	}
	r->previous_seconds = seconds;
	r->sum_v1 = ~0u;
	r->logged_complete = r->logged_count;
	r->revoke_complete = r->revoke_count;
	r->transactions++;
	r->sequence++;
	return 0;
}

/* Takes the next block that is no data. */
static int take_block(struct replay *r)
{
	struct jbd2_disk_header header;
	const uint8_t *block;
	uint32_t number = 0;
	int err;

	/* An area that is full of complete transactions ends where it began. */
	if (r->walked == r->log.last - r->log.first)
		return LOG_ENDS;
	err = step(r, &number);
	if (err)
		return err;
	err = ext4_log_block(&r->log, number, &block);
	if (err)
		return err;
	memcpy(&header, block, sizeof(header));
	if (be32_get(header.magic) != JBD2_MAGIC || be32_get(header.sequence) != r->sequence)
		return LOG_ENDS;
	switch (be32_get(header.type)) {
	case JBD2_DESCRIPTOR:
		return take_descriptor(r, block);
	case JBD2_REVOKE:
		return take_revoke_block(r, block, number);
	case JBD2_COMMIT:
		return take_commit(r, block);
	default:
		return LOG_ENDS;
	}
}

static int walk_log(struct replay *r)
{
	int err;

	r->position = r->log.start;
	r->sequence = r->log.sequence;
	r->sum_v1 = ~0u;
	do {
		err = take_block(r);
	} while (!err);
	return err == LOG_ENDS ? 0 : err;
}

static int compare_logged(const void *a, const void *b)
{
	const struct logged *x = a, *y = b;

	if (x->fs_block != y->fs_block)
		return x->fs_block < y->fs_block ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* The first note of @fs_block, or NULL. */
static struct logged *find_logged(struct replay *r, uint64_t fs_block)
{
	size_t low = 0, high = r->logged_complete;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->logged[middle].fs_block < fs_block)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == r->logged_complete || r->logged[low].fs_block != fs_block)
		return NULL;
	return &r->logged[low];
}

/* The first note of a block carries its latest revocation. */
static int apply_revoke_block(struct replay *r, const struct revoke_block *where)
{
	size_t record = r->log.wide ? 8 : 4, offset = sizeof(struct jbd2_disk_revoke);
	size_t room = r->log.block_size, used;
	struct jbd2_disk_revoke header;
	const uint8_t *block;
	int err;

	err = ext4_log_block(&r->log, where->number, &block);
	if (err)
		return err;
	if (ext4_log_block_sums(&r->log))
		room -= sizeof(struct jbd2_disk_tail);
	memcpy(&header, block, sizeof(header));
	used = be32_get(header.count);
	if (used > room)
		return ext4_log_corrupt("revoke block %u uses %zu of %zu bytes", where->number,
					used, room);
	for (; offset <= used && record <= used - offset; offset += record) {
		uint64_t fs_block = be32_at(block + offset);
		struct logged *logged;

		if (r->log.wide)
			fs_block = fs_block << 32 | be32_at(block + offset + 4);
		logged = find_logged(r, fs_block);
		if (!logged)
			continue;
		if (!logged->revoked || is_later(where->sequence, logged->revoke_sequence))
			logged->revoke_sequence = where->sequence;
		logged->revoked = true;
	}
	return 0;
}

/* Of the notes [@first, @end) of one block, the place that is valid after the replay, if any. */
static int choose(struct replay *r, size_t first, size_t end, struct ext4_journal_entry *out,
		  bool *out_found)
{
	const struct logged *group = &r->logged[first];

	*out_found = false;
	for (size_t i = first; i < end; i++) {
		const struct logged *logged = &r->logged[i];
		int err;

		/* A transaction's revocation also covers what it logged itself. */
		if (group->revoked && !is_later(logged->sequence, group->revoke_sequence))
			continue;
		if (logged->fs_block >= r->log.where->fs_blocks)
			return ext4_log_corrupt("transaction %u changes block %llu of %llu",
						logged->sequence,
						(unsigned long long)logged->fs_block,
						(unsigned long long)r->log.where->fs_blocks);
		if (logged->bad_sum) {
			err = ext4_log_bad_sum(&r->log, "the copy of block", logged->fs_block);
			if (err)
				return err;
			continue;
		}
		out->fs_block = logged->fs_block;
		out->place = ext4_log_physical(&r->log, logged->number);
		if (logged->escaped)
			out->place |= EXT4_JOURNAL_ESCAPED;
		*out_found = true;
	}
	return 0;
}

/* Makes the map and the view over it. */
static int finish_map(struct replay *r, struct ext4_journal_replay *out)
{
	struct ext4_journal_entry *entries;
	size_t count = 0, end;
	int err = 0;

	entries = calloc(r->logged_complete, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (size_t first = 0; !err && first < r->logged_complete; first = end) {
		bool found;

		end = first + 1;
		while (end < r->logged_complete &&
		       r->logged[end].fs_block == r->logged[first].fs_block)
			end++;
		err = choose(r, first, end, &entries[count], &found);
		if (!err && found)
			count++;
	}
	if (err || count == 0) {
		free(entries);
		return err;
	}
	out->blocks = count;
	return ext4_journal_view(r->log.where->img, r->log.block_size, entries, count, &out->view);
}

/* Fast commits belong to the first transaction that is not in the log. */
static int scan_fast_commits(struct replay *r, struct ext4_fc_log *out)
{
	struct ext4_fc_scan scan = {
		.tid = r->sequence,
		.inode_size = r->log.where->inode_size,
	};
	int err = 0;

	/* The area's first block is not in use: fs/jbd2/journal.c, j_fc_first. */
	for (uint32_t number = r->log.last + 1; !err && number < r->log.maxlen; number++) {
		const uint8_t *block;

		err = ext4_log_block(&r->log, number, &block);
		if (!err)
			err = ext4_fc_scan_block(&scan, block, r->log.block_size);
	}
	if (err < 0) {
		free(scan.log.bytes);
		return err;
	}
	ext4_fc_scan_end(&scan, out);
	return 0;
}

static int replay(struct replay *r, struct ext4_journal_replay *out)
{
	int err;

	r->scratch = malloc(r->log.block_size);
	if (!r->scratch)
		return -ENOMEM;
	err = walk_log(r);
	if (err)
		return err;
	out->transactions = r->transactions;
	if (r->log.fast_commits) {
		err = scan_fast_commits(r, &out->fast_commits);
		if (err)
			return err;
	}
	if (r->logged_complete == 0)
		return 0;
	qsort(r->logged, r->logged_complete, sizeof(*r->logged), compare_logged);
	for (size_t i = 0; i < r->revoke_complete; i++) {
		err = apply_revoke_block(r, &r->revokes[i]);
		if (err)
			return err;
	}
	return finish_map(r, out);
}

int ext4_journal_open(const struct ext4_journal_where *where, struct ext4_journal_replay *out)
{
	struct ext4_journal_replay found = {0};
	struct replay r = {0};
	int err;

	err = ext4_log_open(where, &r.log);
	if (err)
		return err;
	found.error = r.log.error;
	found.dirty = r.log.start != 0;
	if (found.dirty)
		err = replay(&r, &found);
	free(r.scratch);
	free(r.logged);
	free(r.revokes);
	ext4_log_finish(&r.log);
	if (err) {
		ext4_journal_replay_finish(&found);
		return err;
	}
	log_debug("ext4: journal: %u transactions replayed in memory, %llu blocks",
		  found.transactions, (unsigned long long)found.blocks);
	*out = found;
	return 0;
}

void ext4_journal_replay_finish(struct ext4_journal_replay *done)
{
	image_close(done->view);
	free(done->fast_commits.bytes);
	done->view = NULL;
	done->fast_commits = (struct ext4_fc_log){0};
}
