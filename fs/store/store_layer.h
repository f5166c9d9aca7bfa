/* SPDX-License-Identifier: MIT */
/*
 * Records in memory, ordered by key, each with a value or deleted: what was committed and is not yet
 * durable. Not locked; the store does that. Private to the store room.
 */
#ifndef BRAMBLE_STORE_STORE_LAYER_H
#define BRAMBLE_STORE_STORE_LAYER_H

#include "store/store.h"

struct store_layer;

/* One record of a layer; owned by it. */
struct store_layer_record {
	const uint8_t *key; /* no struct store_key: just these bytes */
	size_t key_len;
	bool deleted;
	const void *value; /* NULL if deleted */
	size_t len;
	const void *node; /* for store_layer_next */
};

int store_layer_create(struct store_layer **out);
void store_layer_destroy(struct store_layer *layer);

/* Forgets all records, and keeps a little memory for those to come. */
void store_layer_clear(struct store_layer *layer);

/* Replaces what was there. @value NULL: deleted. -ENOMEM: nothing changed. */
int store_layer_put(struct store_layer *layer, const struct store_key *key, const void *value,
		    size_t len);

/* As store_layer_put, for a value of @len bytes that the caller then writes to *@out_value. */
int store_layer_place(struct store_layer *layer, const struct store_key *key, size_t len,
		      void **out_value);

/* False: the layer says nothing of @key. */
bool store_layer_get(const struct store_layer *layer, const struct store_key *key,
		     struct store_layer_record *out);

/* The first record not below @key (NULL: of all). False: none. */
bool store_layer_seek(const struct store_layer *layer, const struct store_key *key,
		      struct store_layer_record *out);

/* The record behind the one that @record shows. False: none. */
bool store_layer_next(const struct store_layer *layer, struct store_layer_record *record);

/* Puts all of @newer over @into. -ENOMEM: nothing changed. */
int store_layer_merge(struct store_layer *into, const struct store_layer *newer);

size_t store_layer_count(const struct store_layer *layer);

/* Bytes of memory that the records take, about: not less than what they take in a file. */
size_t store_layer_bytes(const struct store_layer *layer);

/* As memcmp over the common length, then the shorter one first. */
int store_bytes_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
int store_key_compare(const struct store_key *a, const struct store_key *b);

#endif
