/* SPDX-License-Identifier: MIT */
/*
 * Making durable: layers in one transaction of LMDB each, with what the store says of its log in the same
 * one, and entries of that log.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "store/store_embedded.h"

static struct store_embedded *embedded(struct store *store)
{
	return container_of(store, struct store_embedded, base);
}

static MDB_val val(const void *data, size_t len)
{
	return (MDB_val){.mv_size = len, .mv_data = (void *)(uintptr_t)data};
}

static int write_layer(MDB_txn *txn, MDB_dbi records, const struct store_layer *layer)
{
	struct store_layer_record record;
	bool more = store_layer_seek(layer, NULL, &record);
	int rc = 0;

	for (; more && !rc; more = store_layer_next(layer, &record)) {
		MDB_val k = val(record.key, record.key_len), v = val(record.value, record.len);

		if (record.deleted)
			rc = mdb_del(txn, records, &k, NULL);
		else
			rc = mdb_put(txn, records, &k, &v, 0);
		if (rc == MDB_NOTFOUND)
			rc = 0;
	}
	return rc;
}

/* A layer, and with it what the store says of itself. */
struct change {
	const struct store_layer *layer;
	const struct store_own *own; /* NULL: stays */
};

static int write_change(void *ctx, MDB_txn *txn, MDB_dbi records)
{
	const struct change *change = ctx;
	int rc = write_layer(txn, records, change->layer);

	if (!rc && change->own)
		rc = store_own_put(txn, records, change->own);
	return rc;
}

int store_embedded_write(struct store_embedded *store, const struct store_layer *layer,
			 const struct store_own *own)
{
	struct change change = {layer, own};

	return store_env_write(store, store_layer_count(layer), write_change, &change);
}

/* Where there is no room for a log, it goes without. */
static bool start_log(struct store_embedded *store, struct store_own *own)
{
	if (own->has_log)
		return false;
	/* one that was made for an apply that failed may be known already: to be used, not replaced */
	if (store->log.fd < 0 && store_log_create(&store->log, store->folder))
		return false;
	own->has_log = true;
	memcpy(own->log_id, store->log.id, sizeof(own->log_id));
	return true;
}

int store_embedded_apply(struct store *base, const struct store_layer *layer, uint64_t number,
			 enum store_log_use use)
{
	struct store_embedded *store = embedded(base);
	struct store_own own = store->own;
	bool started, ended;
	int err;

	if (store->log_left)
		use = STORE_LOG_DROP;
	started = use == STORE_LOG_START && start_log(store, &own);
	ended = use == STORE_LOG_DROP && own.has_log;
	if (ended)
		own.has_log = false;
	own.applied = number;
	own.data_blocks = store->synced_blocks;
	err = store_embedded_write(store, layer, own.has_log || ended ? &own : NULL);
	/* with -ENOMEM it may count already */
	if (err && err != -ENOMEM && started)
		store_log_remove(&store->log);
	if (err)
		return err;
	if (started || ended)
		store->own = own;
	if (ended) {
		store_log_remove(&store->log);
		store->log_left = false;
	} else if (own.has_log) {
		store_log_forget(&store->log, number);
		store_log_grow(&store->log);
	}
	return 0;
}

int store_embedded_log(struct store *base, const struct store_entry *entry, bool last)
{
	struct store_embedded *store = embedded(base);

	return store_log_write(&store->log, entry, last, base);
}

enum store_log_state store_embedded_log_state(struct store *base)
{
	struct store_embedded *store = embedded(base);

	if (!store->own.has_log || store->log_left)
		return STORE_LOG_NONE;
	return store_log_is_long(&store->log) ? STORE_LOG_LONG : STORE_LOG_OPEN;
}
