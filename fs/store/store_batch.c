/* SPDX-License-Identifier: MIT */
/*
 * Collecting for the log. What is too much for one entry is not collected further: then applying it to
 * the medium is the better way anyway.
 */
#include "store/store_batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "store/store_private.h"

#define PENDING_FIRST 4096u

/* So much of what does not fit in an entry goes to the host's disk at a time, while more is written. */
#define START_BYTES ((size_t)4 << 20)

/* Transactions -------------------------------------------------------------------------------------- */

static bool pending_room(struct store_pending *pending, size_t bytes)
{
	size_t room = pending->room ? pending->room : PENDING_FIRST;
	uint8_t *larger;

	if (bytes > STORE_ENTRY_RECORDS - pending->len)
		return false;
	if (pending->room - pending->len >= bytes)
		return true;
	while (room - pending->len < bytes)
		room *= 2;
	larger = realloc(pending->bytes, room);
	if (!larger)
		return false;
	pending->bytes = larger;
	pending->room = room;
	return true;
}

void store_pending_add(struct store *store, const struct store_layer *layer)
{
	struct store_pending *pending = &store->pending;
	size_t bytes;

	if (!pending->whole)
		return;
	bytes = store_entry_records(layer);
	if (!pending_room(pending, bytes)) {
		store_pending_reset(store, false);
		return;
	}
	store_entry_add(layer, pending->bytes + pending->len);
	pending->len += bytes;
}

void store_pending_reset(struct store *store, bool collect)
{
	struct store_pending *pending = &store->pending;

	pending->whole = collect;
	pending->len = 0;
	if (collect && pending->room <= PENDING_FIRST)
		return;
	free(TAKE(pending->bytes));
	pending->room = 0;
}

void store_pending_finish(struct store_pending *pending)
{
	free(TAKE(pending->bytes));
	pending->room = 0;
	pending->len = 0;
	free(TAKE(pending->spare));
	pending->spare_room = 0;
}

/* Data ---------------------------------------------------------------------------------------------- */

/*
 * Whether the range is now in those that are known. Whole blocks: a part of one that comes back by a replay
 * would not go with what was written to the rest since, without a sync.
 */
static bool note(struct store_written *written, uint64_t from, size_t size)
{
	struct store_range *last = written->count ? &written->ranges[written->count - 1] : NULL;
	uint64_t offset = from / STORE_BLOCK * STORE_BLOCK;
	size_t len = (size_t)(div_round_up(from + size, STORE_BLOCK) * STORE_BLOCK - offset);

	/* again at the same place, or right behind it */
	if (last && offset >= last->offset && offset <= last->offset + last->len) {
		uint64_t end = max_u64(offset + len, last->offset + last->len);

		written->bytes += (size_t)(end - last->offset) - last->len;
		last->len = (uint32_t)(end - last->offset);
	} else if (written->count < STORE_ENTRY_RANGES) {
		written->ranges[written->count++] = (struct store_range){offset, (uint32_t)len};
		written->bytes += len;
	} else {
		return false;
	}
	return written->bytes <= STORE_ENTRY_DATA;
}

bool store_written_add(struct store *store, uint64_t offset, size_t len)
{
	struct store_written *written = &store->written;
	bool due;

	pthread_mutex_lock(&written->lock);
	if (!written->much && (len == 0 || len > STORE_ENTRY_DATA || !note(written, offset, len)))
		written->much = true;
	store->data_writes++;
	written->waiting += len;
	due = written->much && written->waiting >= START_BYTES;
	if (due)
		written->waiting = 0;
	pthread_mutex_unlock(&written->lock);
	return due;
}

void store_written_count(struct store *store)
{
	pthread_mutex_lock(&store->written.lock);
	store->data_writes++;
	pthread_mutex_unlock(&store->written.lock);
}

static void forget(struct store_written *written)
{
	written->much = false;
	written->waiting = 0;
	written->bytes = 0;
	written->count = 0;
}

uint64_t store_written_take(struct store *store)
{
	uint64_t data_writes;

	pthread_mutex_lock(&store->written.lock);
	data_writes = store->data_writes;
	forget(&store->written);
	pthread_mutex_unlock(&store->written.lock);
	return data_writes;
}

static void take_written(struct store *store, struct store_batch *batch)
{
	struct store_written *written = &store->written;

	pthread_mutex_lock(&written->lock);
	batch->data_writes = store->data_writes;
	batch->much = written->much;
	if (!written->much) {
		batch->entry.ranges_count = written->count;
		memcpy(batch->ranges, written->ranges, written->count * sizeof(*batch->ranges));
	}
	forget(written);
	pthread_mutex_unlock(&written->lock);
}

/* Batches ------------------------------------------------------------------------------------------- */

static void take_pending(struct store *store, struct store_batch *batch)
{
	struct store_pending *pending = &store->pending;

	batch->records = pending->bytes;
	batch->room = pending->room;
	batch->entry.records_len = pending->len;
	pending->bytes = TAKE(pending->spare);
	pending->room = pending->spare_room;
	pending->len = 0;
	pending->spare_room = 0;
}

int store_batch_take(struct store *store, bool turn, struct store_batch *out)
{
	struct store_layer *fresh = NULL;
	int err = turn ? store_layer_create(&fresh) : 0;

	if (err)
		return err;
	memset(&out->entry, 0, sizeof(out->entry));
	pthread_rwlock_wrlock(&store->layers);
	err = store->pending.whole
		      ? store_runs_ensure(&store->frozen_freed, store->active_freed.count)
		      : -EAGAIN;
	if (!err) {
		take_pending(store, out);
		store_runs_move(&store->frozen_freed, &store->active_freed);
		out->commits = store->commits;
		store->dirty_since = 0;
		store->kicked = false;
		out->turned = turn && !store->frozen;
		if (out->turned) {
			store->frozen = store->active;
			store->active = TAKE(fresh);
			store->frozen_bytes = store->active_bytes;
			store->active_bytes = 0;
		}
	}
	pthread_rwlock_unlock(&store->layers);
	store_layer_destroy(fresh);
	if (err)
		return err;
	/* after the records: whatever they refer to was written before */
	take_written(store, out);
	out->entry.records = out->records;
	out->entry.ranges = out->ranges;
	out->entry.data_blocks = store->data_blocks;
	return 0;
}

void store_batch_end(struct store *store, struct store_batch *batch, bool durable)
{
	struct store_pending *pending = &store->pending;

	if (!durable) {
		pthread_rwlock_wrlock(&store->layers);
		store_pending_reset(store, false);
		pthread_rwlock_unlock(&store->layers);
	}
	/* for the next one but one, if it is not large */
	if (!pending->spare && batch->room <= STORE_ENTRY_DATA) {
		pending->spare = TAKE(batch->records);
		pending->spare_room = batch->room;
	}
	free(TAKE(batch->records));
}
