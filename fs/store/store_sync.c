/* SPDX-License-Identifier: MIT */
/*
 * Making durable. One thread at a time syncs; those that come meanwhile wait, and when it ends one
 * of them syncs for all. So a group waits for nothing but the disk.
 *
 * One sync: the active layer becomes the frozen one, and a fresh one takes commits; the data are
 * synced; the frozen layer is applied in one transaction of the medium, and dropped. When there is no
 * room the frozen layer stays, readable, and the next sync applies it together with what came after.
 *
 * The blocks that it freed are punched after that, by the writer if there is one, so that nobody who
 * waits for a sync waits for them; and then they may be taken again. Whoever finds the host's disk
 * full waits for all of this (store_relieve).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/store_private.h"

/* What one sync has made durable. */
struct outcome {
	uint64_t commits;
	uint64_t data_writes;
};

bool store_error_passes(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -ENOMEM;
}

/* The layers are locked. Nothing changed if it fails. */
static int freeze_locked(struct store *store, struct store_layer **fresh)
{
	int err;

	if (store->frozen) {
		err = store_layer_merge(store->frozen, store->active);
		if (err)
			return err;
		store_layer_clear(store->active);
	} else if (store_layer_count(store->active)) {
		store->frozen = store->active;
		store->active = TAKE(*fresh);
	}
	store->active_bytes = 0;
	store->frozen_bytes = store->frozen ? store_layer_bytes(store->frozen) : 0;
	return 0;
}

static int freeze(struct store *store, uint64_t *out_commits)
{
	struct store_layer *fresh;
	int err = store_layer_create(&fresh);

	if (err)
		return err;
	pthread_rwlock_wrlock(&store->layers);
	/* first what can fail: runs are freed together with the layer that frees them, not before */
	err = store_runs_ensure(&store->frozen_freed, store->active_freed.count);
	if (err == 0)
		err = freeze_locked(store, &fresh);
	if (err == 0) {
		store_runs_move(&store->frozen_freed, &store->active_freed);
		*out_commits = store->commits;
		store->dirty_since = 0;
		store->kicked = false;
	}
	pthread_rwlock_unlock(&store->layers);
	store_layer_destroy(fresh);
	return err;
}

/* What is frozen is durable. */
static void drop_frozen(struct store *store)
{
	struct store_layer *frozen;

	pthread_rwlock_wrlock(&store->layers);
	frozen = TAKE(store->frozen);
	store->frozen_bytes = 0;
	pthread_rwlock_unlock(&store->layers);
	store_layer_destroy(frozen);
}

static int sync_once(struct store *store, struct outcome *out)
{
	uint64_t commits;
	uint64_t data_writes;
	int err = freeze(store, &commits);

	if (err)
		return err;
	/* read after freezing: whatever the frozen records refer to was counted before */
	data_writes = store->data_writes;
	if (data_writes != out->data_writes) {
		err = store->ops->data_sync(store);
		if (err)
			return err;
		out->data_writes = data_writes;
	}
	if (store->frozen) {
		err = store->ops->apply(store, store->frozen);
		if (err)
			return err;
		drop_frozen(store);
	}
	out->commits = commits;
	return 0;
}

/* The sync that was numbered @number ended. */
static void record(struct store *store, uint64_t number, const struct outcome *outcome, int err)
{
	struct store_syncing *sync = &store->sync;

	sync->durable = outcome->commits;
	sync->data_durable = outcome->data_writes;
	if (err == 0) {
		uint64_t blocks = store_runs_blocks(&store->frozen_freed);

		/* without memory they wait for the next sync */
		if (blocks && store_runs_move(&sync->punchable, &store->frozen_freed) == 0) {
			store_blocks_leave(&store->blocks, blocks);
			store->punchable = true;
		}
		return;
	}
	sync->failed = number;
	sync->err = err;
	store_touch(store);
	if (!store_error_passes(err) && !store->broken) {
		store->broken = true;
		log_error("store: %s: cannot sync: %s; no more changes are taken", store->ops->kind,
			  strerror(-err));
	}
}

/* Syncs; sync.lock is held, and let go meanwhile. */
static void run(struct store *store)
{
	struct store_syncing *sync = &store->sync;
	struct outcome outcome = {sync->durable, sync->data_durable};
	uint64_t number = ++sync->started;
	int err;

	sync->running = true;
	pthread_mutex_unlock(&sync->lock);
	err = store->broken ? -EIO : sync_once(store, &outcome);
	pthread_mutex_lock(&sync->lock);
	sync->running = false;
	record(store, number, &outcome, err);
	pthread_cond_broadcast(&sync->ended);
}

/* Punched before they are cleared: afterwards they may be somebody's. */
static void punch_runs(struct store *store, struct store_runs *runs)
{
	store_runs_tidy(runs);
	for (size_t i = 0; i < runs->count; i++) {
		const struct store_run *run = &runs->runs[i];

		store->ops->data_punch(store, run->first * STORE_BLOCK, run->count * STORE_BLOCK);
		store_blocks_clear_left(&store->blocks, run->first, run->count);
		store->freeing -= run->count;
	}
	store_runs_finish(runs);
}

void store_punch(struct store *store)
{
	struct store_syncing *sync = &store->sync;

	pthread_mutex_lock(&sync->lock);
	while (sync->punching)
		pthread_cond_wait(&sync->ended, &sync->lock);
	if (sync->punchable.count) {
		struct store_runs runs = sync->punchable;

		memset(&sync->punchable, 0, sizeof(sync->punchable));
		store->punchable = false;
		sync->punching = true;
		pthread_mutex_unlock(&sync->lock);
		punch_runs(store, &runs);
		pthread_mutex_lock(&sync->lock);
		sync->punching = false;
		pthread_cond_broadcast(&sync->ended);
	}
	pthread_mutex_unlock(&sync->lock);
}

bool store_relieve(struct store *store, int err)
{
	if ((err != -ENOSPC && err != -EDQUOT) || store_sync(store))
		return false;
	store_punch(store);
	return true;
}

bool store_reclaim(struct store *store, int err)
{
	return store->freeing && store_relieve(store, err);
}

int store_sync(struct store *store)
{
	struct store_syncing *sync = &store->sync;
	uint64_t commits = store->commits;
	uint64_t data_writes = store->data_writes;
	bool ran = false;
	uint64_t number;
	int err;

	pthread_mutex_lock(&sync->lock);
	number = sync->started;
	for (;;) {
		err = 0;
		if (sync->durable >= commits && sync->data_durable >= data_writes)
			break;
		/* one that started after this call: its error is ours */
		err = sync->err;
		if (sync->failed > number)
			break;
		if (sync->running) {
			pthread_cond_wait(&sync->ended, &sync->lock);
			continue;
		}
		run(store);
		ran = true;
	}
	pthread_mutex_unlock(&sync->lock);
	if (ran && store->punchable && store->writer)
		store_writer_kick(store->writer, store);
	else if (ran && store->punchable)
		store_punch(store);
	return err;
}
