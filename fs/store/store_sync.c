/* SPDX-License-Identifier: MIT */
/*
 * Making durable. One thread at a time syncs; those that come meanwhile wait, and when it ends one
 * of them syncs for all. So a group waits for nothing but the disk.
 *
 * A sync goes one of two ways. By the log, if the kind has one and what is to be synced is not much: one
 * entry, with one flush, and the active layer stays as it is. Else by applying: the active layer becomes
 * the frozen one, and a fresh one takes commits; the data are synced; the frozen layer is applied in one
 * transaction of the medium, and dropped. When there is no room the frozen layer stays, readable, and the
 * next sync applies it together with what came after.
 *
 * What is in the log is applied when that is long, by the writer while others go on to sync (a
 * checkpoint), or when the store had nothing to do for a while, is closed, or needs room.
 *
 * The blocks that a sync freed are punched after that, by the writer if there is one, so that nobody who
 * waits for a sync waits for them; and then they may be taken again. Whoever finds the host's disk
 * full waits for all of this (store_relieve).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/store_batch.h"
#include "store/store_private.h"

/* So many syncs of less than so much, one soon after the other, and a log is made. */
#define SMALL_SYNCS 4u
#define SMALL_BYTES ((uint64_t)256 << 10)

/* The writer punches what was freed when it looks; when it is more than this, at once. */
#define FREED_BLOCKS 4096u

/* What one sync has made durable. */
struct outcome {
	uint64_t commits;
	uint64_t data_writes;
	bool logged; /* by an entry of the log */
};

enum how {
	SYNC, /* by log or by applying */
	SETTLE, /* nothing is left in the log */
	DROP, /* and there is none any more */
};

bool store_error_passes(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -ENOMEM;
}

static void break_store(struct store *store, int err)
{
	if (atomic_exchange(&store->broken, true))
		return;
	log_error("store: %s: cannot sync: %s; no more changes are taken", store->ops->kind,
		  strerror(-err));
}

/*
 * An error is told to one of those who sync the data at the same time: the other one, who would take
 * that for success, finds the store broken.
 */
static int sync_data(struct store *store)
{
	int err;

	pthread_mutex_lock(&store->sync.flushing);
	err = store->broken ? -EIO : store->ops->data_sync(store);
	if (err && !store_error_passes(err))
		break_store(store, err);
	pthread_mutex_unlock(&store->sync.flushing);
	return err;
}

/* By the log --------------------------------------------------------------------------------------- */

static bool may_log(struct store *store)
{
	return store->ops->log && !store->sync.gap &&
	       store->ops->log_state(store) != STORE_LOG_NONE;
}

static void logged(struct store *store, const struct store_batch *batch)
{
	uint64_t none = 0;
	uint64_t now = store_now_ms();

	store->logged_at = now;
	atomic_compare_exchange_strong(&store->logged_since, &none, now);
	if (!batch->turned)
		return;
	store->sync.turned_number = batch->entry.number;
	store->turned = true;
}

/* -EAGAIN and errors that pass: to be applied instead. */
static int sync_log(struct store *store, struct outcome *out)
{
	struct store_syncing *sync = &store->sync;
	bool is_long = store->ops->log_state(store) == STORE_LOG_LONG;
	struct store_batch batch;
	/* without a writer nobody else would apply it */
	int err = is_long && !store->writer ? -EAGAIN : store_batch_take(store, is_long, &batch);

	if (err)
		return err;
	if (batch.much) {
		err = sync_data(store);
		batch.entry.data_synced = true;
	}
	if (err == 0) {
		if (batch.much)
			sync->flushed = batch.data_writes;
		batch.entry.number = ++sync->number;
		err = store->ops->log(store, &batch.entry, batch.turned);
	}
	store_batch_end(store, &batch, err == 0);
	if (err) {
		sync->gap = true;
		return err;
	}
	logged(store, &batch);
	out->commits = batch.commits;
	out->data_writes = batch.data_writes;
	out->logged = true;
	return 0;
}

/* By applying -------------------------------------------------------------------------------------- */

/* The layers are locked. Nothing changed if it fails. @always: freezes a layer without records, too. */
static int freeze_locked(struct store *store, bool always, struct store_layer **fresh)
{
	int err;

	if (store->frozen) {
		err = store_layer_merge(store->frozen, store->active);
		if (err)
			return err;
		store_layer_clear(store->active);
	} else if (always || store_layer_count(store->active)) {
		store->frozen = store->active;
		store->active = TAKE(*fresh);
	}
	store->active_bytes = 0;
	store->frozen_bytes = store->frozen ? store_layer_bytes(store->frozen) : 0;
	return 0;
}

/* @collect: what is committed from here on may go to the log. */
static int freeze(struct store *store, bool always, bool collect, uint64_t *out_commits)
{
	struct store_layer *fresh;
	int err = store_layer_create(&fresh);

	if (err)
		return err;
	pthread_rwlock_wrlock(&store->layers);
	/* first what can fail: runs are freed together with the layer that frees them, not before */
	err = store_runs_ensure(&store->frozen_freed, store->active_freed.count);
	if (err == 0)
		err = freeze_locked(store, always, &fresh);
	if (err == 0) {
		store_runs_move(&store->frozen_freed, &store->active_freed);
		store_pending_reset(store, collect);
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

/* From here on nobody else applies, until this sync is done. */
static void stop_checkpoints(struct store *store)
{
	struct store_syncing *sync = &store->sync;

	pthread_mutex_lock(&sync->lock);
	sync->applying = true;
	while (sync->checkpointing)
		pthread_cond_wait(&sync->ended, &sync->lock);
	store->turned = false;
	pthread_mutex_unlock(&sync->lock);
}

static enum store_log_use choose_use(struct store *store, enum how how)
{
	struct store_syncing *sync = &store->sync;

	if (!store->ops->log)
		return STORE_LOG_KEEP;
	if (how == DROP)
		return STORE_LOG_DROP;
	if (how != SYNC || store->ops->log_state(store) != STORE_LOG_NONE ||
	    store->active_bytes + store->frozen_bytes > SMALL_BYTES)
		return STORE_LOG_KEEP;
	if (++sync->small < SMALL_SYNCS)
		return STORE_LOG_KEEP;
	sync->small = 0;
	return STORE_LOG_START;
}

static bool has_log(struct store *store)
{
	return store->ops->log && store->ops->log_state(store) != STORE_LOG_NONE;
}

/* Applies what is frozen. */
static int apply_frozen(struct store *store, enum store_log_use use)
{
	struct store_syncing *sync = &store->sync;
	int err = store->ops->apply(store, store->frozen, sync->number, use);

	if (err)
		return err;
	drop_frozen(store);
	sync->applied = sync->number;
	store->logged_since = 0;
	if (use == STORE_LOG_DROP) {
		sync->small = 0;
		free(TAKE(store->pending.spare));
		store->pending.spare_room = 0;
	}
	if (use != STORE_LOG_KEEP)
		store->logged_at = has_log(store) ? store_now_ms() : 0;
	return 0;
}

static int sync_apply(struct store *store, enum how how, struct outcome *out)
{
	struct store_syncing *sync = &store->sync;
	enum store_log_use use = choose_use(store, how);
	bool collect = use == STORE_LOG_START || (use == STORE_LOG_KEEP && has_log(store));
	uint64_t data_writes;
	uint64_t commits;
	bool always;
	int err;

	stop_checkpoints(store);
	sync->gap = true;
	/* what an entry has of the data must not come back over what is newer */
	always = use == STORE_LOG_START || sync->number != sync->applied ||
		 (use == STORE_LOG_DROP && has_log(store));
	err = freeze(store, always, collect, &commits);
	if (err)
		return err;
	/* taken after freezing: whatever the frozen records refer to was counted before */
	data_writes = store_written_take(store);
	if (data_writes != sync->flushed) {
		err = sync_data(store);
		if (err)
			return err;
		sync->flushed = data_writes;
		out->data_writes = data_writes;
	}
	if (store->frozen) {
		err = apply_frozen(store, use);
		if (err)
			return err;
	}
	out->commits = commits;
	out->data_writes = data_writes;
	sync->gap = !collect || !has_log(store);
	return 0;
}

static int sync_once(struct store *store, enum how how, struct outcome *out)
{
	if (how == SYNC && may_log(store)) {
		int err = sync_log(store, out);

		if (err != -EAGAIN && !store_error_passes(err))
			return err;
	}
	return sync_apply(store, how, out);
}

/* Blocks that may be punched. Without memory they wait for a later sync; sync.lock is held. */
static void let_go(struct store *store, struct store_runs *freed)
{
	if (freed->count && store_runs_move(&store->sync.punchable, freed) == 0)
		store->punchable = true;
}

void store_checkpoint(struct store *store)
{
	struct store_syncing *sync = &store->sync;
	uint64_t number;
	int err;

	pthread_mutex_lock(&sync->lock);
	if (!store->turned || sync->applying || sync->checkpointing || store->broken) {
		pthread_mutex_unlock(&sync->lock);
		return;
	}
	sync->checkpointing = true;
	number = sync->turned_number;
	pthread_mutex_unlock(&sync->lock);
	err = sync_data(store);
	if (err == 0)
		err = store->ops->apply(store, store->frozen, number, STORE_LOG_KEEP);
	/* before the layer is dropped, which lets the next one turn */
	store->turned = false;
	if (err == 0) {
		store->logged_since = sync->number == number ? 0 : store_now_ms();
		drop_frozen(store);
	} else if (store_error_passes(err)) {
		sync->gap = true; /* the next sync applies all */
	} else {
		break_store(store, err);
	}
	pthread_mutex_lock(&sync->lock);
	if (err == 0) {
		sync->applied = number;
		/* those that were freed by the last entry, if that is applied */
		if (sync->logged_number <= number)
			let_go(store, &sync->logged_freed);
	}
	sync->checkpointing = false;
	pthread_cond_broadcast(&sync->ended);
	pthread_mutex_unlock(&sync->lock);
}

/* Whoever syncs ------------------------------------------------------------------------------------ */

/*
 * What a sync freed is free. But damage of the last entry of a log cannot be told from a crash that tore
 * it: until there is another one behind it, or it is applied, the blocks keep what they had before it.
 */
static void free_durably(struct store *store, bool logged)
{
	struct store_syncing *sync = &store->sync;
	uint64_t blocks = store_runs_blocks(&store->frozen_freed);

	let_go(store, &sync->logged_freed);
	if (blocks && store_runs_move(&sync->logged_freed, &store->frozen_freed) == 0)
		store_blocks_leave(&store->blocks, blocks);
	if (!logged)
		let_go(store, &sync->logged_freed);
}

/* The sync that was numbered @number ended. */
static void record(struct store *store, uint64_t number, const struct outcome *outcome, int err)
{
	struct store_syncing *sync = &store->sync;

	sync->durable = outcome->commits;
	sync->data_durable = outcome->data_writes;
	if (err == 0) {
		free_durably(store, outcome->logged);
		sync->logged_number = sync->number;
		return;
	}
	sync->failed = number;
	sync->err = err;
	store_touch(store);
	if (!store_error_passes(err))
		break_store(store, err);
}

/* Syncs; sync.lock is held, and let go meanwhile. */
static void run(struct store *store, enum how how)
{
	struct store_syncing *sync = &store->sync;
	struct outcome outcome = {sync->durable, sync->data_durable, false};
	uint64_t number = ++sync->started;
	int err;

	sync->running = true;
	pthread_mutex_unlock(&sync->lock);
	err = store->broken ? -EIO : sync_once(store, how, &outcome);
	pthread_mutex_lock(&sync->lock);
	sync->running = false;
	sync->applying = false;
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

/* Nobody syncs. */
static bool is_settled(struct store *store, enum how how)
{
	return store->sync.number == store->sync.applied && (how == SETTLE || !has_log(store));
}

/*
 * Somebody else syncs, which takes what was there before. Meanwhile the host can write much data that the
 * next sync waits for; sync.lock is held, and let go.
 */
static void wait_for_sync(struct store *store)
{
	struct store_syncing *sync = &store->sync;

	if (!store->ops->data_start || !store->written.much || sync->starting) {
		pthread_cond_wait(&sync->ended, &sync->lock);
		return;
	}
	sync->starting = true;
	pthread_mutex_unlock(&sync->lock);
	store->ops->data_start(store);
	pthread_mutex_lock(&sync->lock);
	sync->starting = false;
	if (sync->running)
		pthread_cond_wait(&sync->ended, &sync->lock);
}

static int sync_all(struct store *store, enum how how)
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
		if (sync->durable >= commits && sync->data_durable >= data_writes &&
		    (how == SYNC || ran || (!sync->running && is_settled(store, how))))
			break;
		/* one that started after this call: its error is ours */
		err = sync->err;
		if (sync->failed > number)
			break;
		if (sync->running) {
			wait_for_sync(store);
			continue;
		}
		run(store, how);
		ran = true;
	}
	pthread_mutex_unlock(&sync->lock);
	if (ran && store->writer && (store->turned || store->freeing > FREED_BLOCKS))
		store_writer_kick(store->writer, store);
	else if (ran && !store->writer && store->punchable)
		store_punch(store);
	return err;
}

int store_sync(struct store *store)
{
	return sync_all(store, SYNC);
}

int store_settle(struct store *store, bool drop)
{
	return sync_all(store, drop ? DROP : SETTLE);
}

bool store_relieve(struct store *store, int err)
{
	if ((err != -ENOSPC && err != -EDQUOT) || sync_all(store, DROP))
		return false;
	store_punch(store);
	return true;
}

bool store_reclaim(struct store *store, int err)
{
	return store->freeing && store_relieve(store, err);
}
