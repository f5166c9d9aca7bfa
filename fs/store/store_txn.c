/* SPDX-License-Identifier: MIT */
/*
 * Transactions. What one changes is collected in a layer of its own, with the checksums already at
 * the end of the values, and copied to the active layer when it is committed. The memory is used
 * again by the next transaction: a small one allocates nothing.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_batch.h"
#include "store/store_private.h"

int store_txn_create(struct store *store, struct store_txn **out)
{
	struct store_txn *txn = calloc(1, sizeof(*txn));
	int err;

	if (!txn)
		return -ENOMEM;
	txn->store = store;
	err = store_layer_create(&txn->layer);
	if (err) {
		free(txn);
		return err;
	}
	*out = txn;
	return 0;
}

void store_txn_destroy(struct store_txn *txn)
{
	if (!txn)
		return;
	store_layer_destroy(txn->layer);
	store_runs_finish(&txn->freed);
	free(txn);
}

int store_begin(struct store *store, struct store_txn **out)
{
	int err = store_may_change(store);

	if (err)
		return err;
	assert(!store->txn->open);
	store->txn->open = true;
	*out = store->txn;
	return 0;
}

void store_abort(struct store_txn *txn)
{
	if (!txn)
		return;
	store_layer_clear(txn->layer);
	store_runs_clear(&txn->freed);
	txn->open = false;
}

int store_put(struct store_txn *txn, const struct store_key *key, const void *value, size_t len)
{
	void *place;
	int err;

	if (key->len == 0)
		return -EINVAL;
	if (key->len > STORE_KEY_MAX || len > STORE_VALUE_MAX)
		return -E2BIG;
	err = store_layer_place(txn->layer, key, len + STORE_CHECKSUM_BYTES, &place);
	if (err)
		return err;
	if (len)
		memcpy(place, value, len);
	store_value_seal(key, place, len);
	return 0;
}

int store_delete(struct store_txn *txn, const struct store_key *key)
{
	if (key->len == 0)
		return -EINVAL;
	if (key->len > STORE_KEY_MAX)
		return -E2BIG;
	return store_layer_put(txn->layer, key, NULL, 0);
}

int store_free_blocks(struct store_txn *txn, uint64_t first, uint64_t count)
{
	int err;

	if (count == 0)
		return 0;
	err = store_check_blocks(txn->store, "freeing", first, count);
	if (err == 0)
		err = store_runs_ensure(&txn->freed, 1);
	if (err)
		return err;
	store_runs_add(&txn->freed, first, count);
	return 0;
}

static uint64_t layers_bytes(const struct store *store)
{
	return store->active_bytes + store->frozen_bytes;
}

/* The layers may not grow without end while the disk is slow, or full. */
static int wait_for_layers(struct store *store, bool frees)
{
	int err;

	if (layers_bytes(store) <= STORE_LAYERS_FULL)
		return 0;
	err = store_settle(store, false);
	/* a full disk has to be cleaned up, and that takes commits */
	if (err && frees && store_error_passes(err) &&
	    layers_bytes(store) <= STORE_LAYERS_FULL + STORE_LAYERS_RESERVE)
		return 0;
	return err;
}

static int make_room(struct store *store, const struct store_txn *txn, bool frees)
{
	uint64_t bytes = store_layer_bytes(txn->layer);
	int err = wait_for_layers(store, frees);

	if (err)
		return err;
	err = store->ops->reserve(store, layers_bytes(store) + bytes, frees);
	/* when the layers are empty much less room is needed */
	if (err && (layers_bytes(store) || store->freeing) && store_relieve(store, err))
		err = store->ops->reserve(store, layers_bytes(store) + bytes, frees);
	return err;
}

/* Puts @txn over the active layer: all of it, or -ENOMEM. The layers are locked. */
static int merge(struct store *store, struct store_txn *txn)
{
	int err = store_runs_ensure(&store->active_freed, txn->freed.count);

	if (err)
		return err;
	err = store_layer_merge(store->active, txn->layer);
	if (err)
		return err;
	store_pending_add(store, txn->layer);
	for (size_t i = 0; i < txn->freed.count; i++)
		store_runs_add(&store->active_freed, txn->freed.runs[i].first,
			       txn->freed.runs[i].count);
	store->freeing += store_runs_blocks(&txn->freed);
	store->active_bytes = store_layer_bytes(store->active);
	store->commits++;
	return 0;
}

static int commit(struct store *store, struct store_txn *txn, bool frees)
{
	int err = store_may_change(store);

	if (err)
		return err;
	if (store_layer_count(txn->layer) == 0 && txn->freed.count == 0)
		return 0;
	err = make_room(store, txn, frees);
	if (err == 0)
		err = store_use(store);
	if (err)
		return err;
	pthread_rwlock_wrlock(&store->layers);
	err = merge(store, txn);
	pthread_rwlock_unlock(&store->layers);
	if (err)
		return err;
	store_touch(store);
	if (store->writer && store->active_bytes > STORE_LAYER_LARGE &&
	    !atomic_exchange(&store->kicked, true))
		store_writer_kick(store->writer, store);
	return 0;
}

int store_commit(struct store_txn **txn, bool frees)
{
	struct store_txn *taken = TAKE(*txn);
	int err = commit(taken->store, taken, frees);

	store_abort(taken);
	return err;
}
