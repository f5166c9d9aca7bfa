/* SPDX-License-Identifier: MIT */
/*
 * Scans: the layers and the durable records merged, a batch at a time. A batch is copied under the
 * layers' lock and handed out without it, so whoever takes the records may do as it likes; the next
 * batch starts behind the last key that was looked at, with one seek each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"

/* A batch ends when it has so much, or when so many records were looked at (deleted ones count). */
#define BATCH_RECORDS 64u
#define BATCH_BYTES 65536u
#define BATCH_LOOKS 1024u

#define BUFFER_FIRST 4096u

/* Not an errno: the walk was stopped by us. */
#define STOPPED 1

/* In the buffer before the bytes of each record. */
struct item {
	size_t key_len;
	size_t len;
};

/* Where a scan is in one layer. */
struct place {
	const struct store_layer *layer; /* borrowed; NULL: none */
	bool valid; /* record is one with the prefix */
	struct store_layer_record record;
};

struct scan {
	struct store *store; /* borrowed */
	const struct store_key *prefix; /* borrowed */
	struct store_key at; /* where the next batch starts */
	bool full; /* the batch is */
	bool end; /* the batch is the last one */

	struct place active;
	struct place frozen;

	uint8_t *buffer; /* owned */
	size_t size;
	size_t used;
	unsigned int records;
	unsigned int looks;
};

static bool has_prefix(const struct scan *scan, const uint8_t *key, size_t len)
{
	return len >= scan->prefix->len && memcmp(key, scan->prefix->bytes, scan->prefix->len) == 0;
}

/* The least key above this one. False: there is none. */
static bool key_step(struct store_key *key)
{
	if (key->len < STORE_KEY_MAX) {
		key->bytes[key->len++] = 0;
		return true;
	}
	while (key->len && key->bytes[key->len - 1] == 0xff)
		key->len--;
	if (key->len == 0)
		return false;
	key->bytes[key->len - 1]++;
	return true;
}

/* A record was looked at: the scan goes on behind it, later if the batch is full. */
static void looked(struct scan *scan, const uint8_t *key, size_t len)
{
	scan->looks++;
	if (scan->records < BATCH_RECORDS && scan->used < BATCH_BYTES && scan->looks < BATCH_LOOKS)
		return;
	scan->full = true;
	scan->at.len = len;
	memcpy(scan->at.bytes, key, len);
	if (!key_step(&scan->at))
		scan->end = true;
}

static int collect(struct scan *scan, const uint8_t *key, size_t key_len, const void *value,
		   size_t len)
{
	struct item item = {key_len, len};
	size_t need = scan->used + sizeof(item) + key_len + len;

	if (need > scan->size) {
		size_t size = scan->size ? scan->size : BUFFER_FIRST;
		uint8_t *larger;

		while (size < need)
			size *= 2;
		larger = realloc(scan->buffer, size);
		if (!larger)
			return -ENOMEM;
		scan->buffer = larger;
		scan->size = size;
	}
	memcpy(scan->buffer + scan->used, &item, sizeof(item));
	memcpy(scan->buffer + scan->used + sizeof(item), key, key_len);
	if (len)
		memcpy(scan->buffer + scan->used + sizeof(item) + key_len, value, len);
	scan->used = need;
	scan->records++;
	return 0;
}

static void place_check(const struct scan *scan, struct place *place)
{
	place->valid = place->valid && has_prefix(scan, place->record.key, place->record.key_len);
}

static void place_start(const struct scan *scan, struct place *place,
			const struct store_layer *layer)
{
	place->layer = layer;
	place->valid = layer && store_layer_seek(layer, &scan->at, &place->record);
	place_check(scan, place);
}

static void place_next(const struct scan *scan, struct place *place)
{
	place->valid = store_layer_next(place->layer, &place->record);
	place_check(scan, place);
}

/* The place with the next record of both layers, the active one's where both have it; or NULL. */
static struct place *next_place(struct scan *scan)
{
	int order;

	if (!scan->frozen.valid)
		return scan->active.valid ? &scan->active : NULL;
	if (!scan->active.valid)
		return &scan->frozen;
	order = store_bytes_compare(scan->active.record.key, scan->active.record.key_len,
				    scan->frozen.record.key, scan->frozen.record.key_len);
	if (order == 0)
		place_next(scan, &scan->frozen);
	return order <= 0 ? &scan->active : &scan->frozen;
}

/* Collects what the layers have below @limit (NULL: all), and at it; @out_at: they had that. */
static int take_layers(struct scan *scan, const struct store_key *limit, bool *out_at)
{
	struct place *place;

	*out_at = false;
	while (!scan->full && !*out_at && (place = next_place(scan))) {
		struct store_layer_record record = place->record;
		int order = limit ? store_bytes_compare(record.key, record.key_len, limit->bytes,
							limit->len)
				  : -1;
		int err;

		if (order > 0)
			break;
		*out_at = order == 0;
		if (!record.deleted) {
			err = collect(scan, record.key, record.key_len, record.value,
				      record.len - STORE_CHECKSUM_BYTES);
			if (err)
				return err;
		}
		place_next(scan, place);
		looked(scan, record.key, record.key_len);
	}
	return 0;
}

/* One durable record, and all of the layers' before it. */
static int take_durable(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct scan *scan = ctx;
	bool replaced;
	int err;

	if (!has_prefix(scan, key->bytes, key->len))
		return STOPPED;
	err = take_layers(scan, key, &replaced);
	if (err == 0 && !scan->full && !replaced) {
		err = store_value_check(key, value, &len);
		if (err)
			return store_damaged(scan->store, key, err);
		err = collect(scan, key->bytes, key->len, value, len);
		looked(scan, key->bytes, key->len);
	}
	if (err)
		return err;
	return scan->full ? STOPPED : 0;
}

/* Fills the buffer. What was collected before an error is good. */
static int collect_batch(struct scan *scan)
{
	struct store *store = scan->store;
	bool at;
	int err;

	scan->full = false;
	scan->used = 0;
	scan->records = 0;
	scan->looks = 0;
	err = store_layers_read(store);
	if (err) {
		scan->end = true;
		return err;
	}
	place_start(scan, &scan->active, store->active);
	place_start(scan, &scan->frozen, store->frozen);
	err = store->ops->walk(store, scan->at.len ? &scan->at : NULL, take_durable, scan);
	if (err == STOPPED)
		err = 0;
	if (err == 0)
		err = take_layers(scan, NULL, &at);
	pthread_rwlock_unlock(&store->layers);
	if (!scan->full)
		scan->end = true;
	return err;
}

static int hand_out(const struct scan *scan, store_record_fn take, void *ctx)
{
	struct store_key key;
	struct item item;

	for (size_t at = 0; at < scan->used; at += item.key_len + item.len) {
		int stop;

		memcpy(&item, scan->buffer + at, sizeof(item));
		at += sizeof(item);
		key.len = item.key_len;
		memcpy(key.bytes, scan->buffer + at, item.key_len);
		stop = take(ctx, &key, scan->buffer + at + item.key_len, item.len);
		if (stop)
			return stop;
	}
	return 0;
}

int store_scan(struct store *store, const struct store_key *prefix, const struct store_key *from,
	       store_record_fn take, void *ctx)
{
	struct scan scan = {.store = store, .prefix = prefix};
	int err = 0;

	scan.at = from && store_key_compare(from, prefix) > 0 ? *from : *prefix;
	while (err == 0 && !scan.end) {
		int damage = collect_batch(&scan);

		err = hand_out(&scan, take, ctx);
		if (err == 0)
			err = damage;
	}
	free(scan.buffer);
	return err;
}
