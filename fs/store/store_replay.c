/* SPDX-License-Identifier: MIT */
/*
 * Replay. Each half of a log begins with the entries that were written to it last, and what lies behind
 * them is older. They are numbered without gaps, across both halves. One entry at a time was on its way
 * to the disk, so the first one that is not whole is the one that a crash has torn, and no later one
 * can exist: if there is one, what is before it was damaged, and going on would lose what was durable.
 */
#include "store/store_replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "store/store_log_disk.h"

/* Places that look like a later entry, and are none; a log that we wrote has a few at most. */
#define LOOKALIKES_MAX 64u

/* The entries at the start of one half. */
struct chain {
	uint64_t start; /* in the file */
	uint64_t end; /* behind the last one */
	uint64_t limit; /* of the half */
	uint64_t count;
	uint64_t first; /* number, if there are any */
};

struct replay {
	const struct store_verify_source *log;
	const uint8_t *id;
	struct chain chains[LOG_HALVES];
	uint64_t synced; /* the last entry, of those to be done, after which older data are void */
	uint8_t *bytes; /* owned: of one entry */
	struct store_entry_parts *parts; /* owned */
};

/* The entry at @offset, below @limit. 0: none; -EIO. */
static int read_entry(struct replay *replay, uint64_t offset, uint64_t limit, size_t *out_size,
		      uint64_t *out_number)
{
	int err;

	*out_size = 0;
	if (limit - offset < STORE_ENTRY_ALIGN)
		return 0;
	err = replay->log->read_at(replay->log->ctx, replay->bytes, STORE_ENTRY_ALIGN, offset);
	if (err || !store_entry_begins(replay->bytes, replay->id, out_size, out_number))
		return err;
	if (*out_size > limit - offset) {
		*out_size = 0;
		return 0;
	}
	return replay->log->read_at(replay->log->ctx, replay->bytes, *out_size, offset);
}

/* The entry in the buffer. */
static int parse(struct replay *replay, uint64_t offset, size_t size)
{
	const char *why;

	if (!store_entry_parse(replay->bytes, size, replay->parts, &why))
		return 0;
	log_error("store: %s: the entry at byte %llu: wrong: %s", replay->log->name,
		  (unsigned long long)offset, why);
	return -EUCLEAN;
}

/*
 * Goes through the entries of @chain, which is as long as known, or not known yet (@find). *@expected is
 * the number of the next one to be given to @take; NULL: none is.
 */
static int walk(struct replay *replay, struct chain *chain, bool find, uint64_t *expected,
		store_replay_fn take, void *ctx)
{
	uint64_t offset = chain->start, end = find ? chain->limit : chain->end;
	uint64_t count = 0;

	while (offset < end) {
		uint64_t number = 0;
		size_t size = 0;
		int err = read_entry(replay, offset, end, &size, &number);

		if (err)
			return err;
		if (!size || (count && number != chain->first + count) ||
		    !store_entry_is_whole(replay->bytes, size))
			break;
		err = parse(replay, offset, size);
		if (err)
			return err;
		if (count == 0)
			chain->first = number;
		count++;
		offset += size;
		if (!expected || number != *expected)
			continue;
		++*expected;
		if (take)
			err = take(ctx, replay->parts, number >= replay->synced);
		else if (replay->parts->entry.data_synced)
			replay->synced = number;
		if (err)
			return err;
	}
	if (find) {
		chain->end = offset;
		chain->count = count;
	}
	return 0;
}

static bool has(const struct chain *chain, uint64_t number)
{
	return chain->count && number - chain->first < chain->count;
}

/* From @applied on, from one half to the other. @take NULL: only finds replay->synced. */
static int walk_all(struct replay *replay, uint64_t applied, store_replay_fn take, void *ctx,
		    uint64_t *out_last)
{
	uint64_t expected = applied + 1;

	for (unsigned int turn = 0; turn < LOG_HALVES; turn++) {
		struct chain *chain = NULL;
		int err;

		for (unsigned int i = 0; i < LOG_HALVES; i++) {
			if (has(&replay->chains[i], expected))
				chain = &replay->chains[i];
		}
		if (!chain)
			break;
		err = walk(replay, chain, false, &expected, take, ctx);
		if (err)
			return err;
	}
	*out_last = expected - 1;
	return 0;
}

static int missing(const struct replay *replay, uint64_t number, uint64_t offset, uint64_t expected)
{
	log_error("store: %s: damaged: entry %llu is at byte %llu, entry %llu is nowhere",
		  replay->log->name, (unsigned long long)number, (unsigned long long)offset,
		  (unsigned long long)expected);
	return -EUCLEAN;
}

/* Whether at the start of @chain or behind it there is an entry from number @expected on. */
static int look_beyond(struct replay *replay, const struct chain *chain, uint64_t expected)
{
	unsigned int lookalikes = 0;

	if (chain->count && chain->first >= expected)
		return missing(replay, chain->first, chain->start, expected);
	for (uint64_t offset = chain->end; offset < chain->limit; offset += STORE_ENTRY_ALIGN) {
		uint64_t number = 0;
		size_t size = 0;
		int err = read_entry(replay, offset, chain->limit, &size, &number);

		if (err)
			return err;
		if (!size || number < expected)
			continue;
		if (!store_entry_is_whole(replay->bytes, size) && ++lookalikes < LOOKALIKES_MAX)
			continue;
		return missing(replay, number, offset, expected);
	}
	return 0;
}

static int replay_log(struct replay *replay, uint64_t applied, store_replay_fn take, void *ctx,
		      uint64_t *out_last)
{
	uint64_t last;
	int err = 0;

	for (unsigned int i = 0; !err && i < LOG_HALVES; i++) {
		struct chain *chain = &replay->chains[i];

		chain->start = min_u64(i * LOG_HALF, replay->log->size);
		chain->end = chain->start;
		chain->limit = min_u64((i + 1) * LOG_HALF, replay->log->size);
		err = walk(replay, chain, true, NULL, NULL, NULL);
	}
	if (!err)
		err = walk_all(replay, applied, NULL, NULL, &last);
	for (unsigned int i = 0; !err && i < LOG_HALVES; i++)
		err = look_beyond(replay, &replay->chains[i], last + 1);
	return err ? err : walk_all(replay, applied, take, ctx, out_last);
}

int store_replay(const struct store_verify_source *log, const uint8_t *id, uint64_t applied,
		 store_replay_fn take, void *ctx, uint64_t *out_last)
{
	struct replay replay = {
		.log = log,
		.id = id,
		.bytes = malloc(STORE_ENTRY_MAX),
		.parts = malloc(sizeof(*replay.parts)),
	};
	int err = -ENOMEM;

	if (replay.bytes && replay.parts)
		err = replay_log(&replay, applied, take, ctx, out_last);
	free(replay.bytes);
	free(replay.parts);
	return err;
}
