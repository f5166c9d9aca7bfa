/* SPDX-License-Identifier: MIT */
/* The skip list of the store, beside a sorted array that is told the same. */
#include <stdbool.h>
#include <stdlib.h>

#include "support/unit.h"

#include "store/store_layer.h"

#define MODEL_MAX 4096u

struct model_record {
	struct store_key key;
	bool deleted;
	size_t len;
	uint8_t value[96];
};

struct model {
	size_t count;
	struct model_record *records; /* sorted */
};

static uint32_t random_state;

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)random_state * below >> 32);
}

static struct store_key key_of(const char *text)
{
	struct store_key key = {.len = strlen(text)};

	memcpy(key.bytes, text, key.len);
	return key;
}

/* Few different bytes and lengths around 16, so that keys are equal and prefixes of each other. */
static struct store_key random_key(void)
{
	struct store_key key = {.len = 1 + next_random(20)};

	if (next_random(3))
		key.len = 15 + next_random(3);
	memset(key.bytes, 0, key.len);
	for (int i = 0; i < 3; i++)
		key.bytes[next_random((uint32_t)key.len)] = (uint8_t)(next_random(3) * 127);
	return key;
}

/* Where @key is, or belongs. */
static size_t model_find(const struct model *model, const struct store_key *key)
{
	size_t low = 0;
	size_t high = model->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (store_key_compare(&model->records[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool model_has(const struct model *model, size_t at, const struct store_key *key)
{
	return at < model->count && store_key_compare(&model->records[at].key, key) == 0;
}

static void model_put(struct model *model, const struct store_key *key, const uint8_t *value,
		      size_t len)
{
	size_t at = model_find(model, key);
	struct model_record *record = &model->records[at];

	if (!model_has(model, at, key)) {
		assert_true(model->count < MODEL_MAX);
		memmove(record + 1, record, (model->count - at) * sizeof(*record));
		model->count++;
	}
	record->key = *key;
	record->deleted = !value;
	record->len = len;
	if (value)
		memcpy(record->value, value, len);
}

static void assert_record(const struct store_layer_record *is, const struct model_record *want)
{
	assert_int_equal(is->key_len, want->key.len);
	assert_memory_equal(is->key, want->key.bytes, is->key_len);
	assert_int_equal(is->deleted, want->deleted);
	assert_int_equal(is->len, want->len);
	if (want->deleted)
		assert_null(is->value);
	else
		assert_memory_equal(is->value, want->value, is->len);
}

static void assert_same(const struct store_layer *layer, const struct model *model)
{
	struct store_layer_record record;
	bool more = store_layer_seek(layer, NULL, &record);

	assert_int_equal(store_layer_count(layer), model->count);
	for (size_t i = 0; i < model->count; i++) {
		assert_true(more);
		assert_record(&record, &model->records[i]);
		more = store_layer_next(layer, &record);
	}
	assert_false(more);
}

/* A random record into both. */
static void put_both(struct store_layer *layer, struct model *model)
{
	struct store_key key = random_key();
	uint8_t value[96];
	size_t len = next_random(sizeof(value));

	for (size_t i = 0; i < len; i++)
		value[i] = (uint8_t)next_random(256);
	if (next_random(4) == 0) {
		assert_int_equal(store_layer_put(layer, &key, NULL, 0), 0);
		model_put(model, &key, NULL, 0);
	} else {
		assert_int_equal(store_layer_put(layer, &key, value, len), 0);
		model_put(model, &key, value, len);
	}
}

static void look_up_both(const struct store_layer *layer, const struct model *model)
{
	struct store_key key = random_key();
	size_t at = model_find(model, &key);
	struct store_layer_record record;

	assert_int_equal(store_layer_get(layer, &key, &record), model_has(model, at, &key));
	if (model_has(model, at, &key))
		assert_record(&record, &model->records[at]);
	assert_int_equal(store_layer_seek(layer, &key, &record), at < model->count);
	if (at < model->count)
		assert_record(&record, &model->records[at]);
}

static void layer_equals_a_sorted_array(void **state)
{
	struct model model = {.records = calloc(MODEL_MAX, sizeof(struct model_record))};
	struct store_layer *layer;

	(void)state;
	random_state = 1;
	assert_non_null(model.records);
	assert_int_equal(store_layer_create(&layer), 0);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 3000; i++) {
			put_both(layer, &model);
			look_up_both(layer, &model);
		}
		assert_same(layer, &model);
		store_layer_clear(layer);
		model.count = 0;
		assert_same(layer, &model);
	}
	store_layer_destroy(layer);
	free(model.records);
}

static void merged_layers_equal_one_that_took_all(void **state)
{
	struct model all = {.records = calloc(MODEL_MAX, sizeof(struct model_record))};
	struct model part = {.records = calloc(MODEL_MAX, sizeof(struct model_record))};
	struct store_layer *into;
	struct store_layer *newer;

	(void)state;
	random_state = 2;
	assert_non_null(all.records);
	assert_non_null(part.records);
	assert_int_equal(store_layer_create(&into), 0);
	assert_int_equal(store_layer_create(&newer), 0);
	for (int round = 0; round < 300; round++) {
		for (uint32_t i = next_random(30); i > 0; i--)
			put_both(newer, &part);
		assert_int_equal(store_layer_merge(into, newer), 0);
		for (size_t i = 0; i < part.count; i++) {
			const struct model_record *record = &part.records[i];

			model_put(&all, &record->key, record->deleted ? NULL : record->value,
				  record->len);
		}
		assert_same(newer, &part);
		assert_same(into, &all);
		store_layer_clear(newer);
		part.count = 0;
	}
	store_layer_destroy(newer);
	store_layer_destroy(into);
	free(part.records);
	free(all.records);
}

static void shorter_key_comes_first(void **state)
{
	struct store_key keys[] = {
		key_of(""),
		key_of("a"),
		{.len = 2, .bytes = "a\0"},
		{.len = 3, .bytes = "a\0b"},
		key_of("ab"),
		{.len = 17, .bytes = "ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"},
		key_of("b"),
		{.len = 1, .bytes = {0xff}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		for (size_t j = 0; j < ARRAY_SIZE(keys); j++) {
			int order = store_key_compare(&keys[i], &keys[j]);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

static void empty_value_is_not_a_deleted_one(void **state)
{
	struct store_key key = key_of("k");
	struct store_layer_record record;
	struct store_layer *layer;

	(void)state;
	assert_int_equal(store_layer_create(&layer), 0);
	assert_int_equal(store_layer_put(layer, &key, "", 0), 0);
	assert_true(store_layer_get(layer, &key, &record));
	assert_false(record.deleted);
	assert_non_null(record.value);
	assert_int_equal(record.len, 0);
	assert_int_equal(store_layer_put(layer, &key, NULL, 0), 0);
	assert_true(store_layer_get(layer, &key, &record));
	assert_true(record.deleted);
	assert_int_equal(store_layer_count(layer), 1);
	store_layer_destroy(layer);
}

static void largest_records_fit(void **state)
{
	struct store_key key = {.len = STORE_KEY_MAX};
	struct store_layer_record record;
	struct store_layer *layer;
	struct store_layer *into;
	void *value;

	(void)state;
	memset(key.bytes, 7, sizeof(key.bytes));
	assert_int_equal(store_layer_create(&layer), 0);
	assert_int_equal(store_layer_create(&into), 0);
	for (uint8_t i = 0; i < 40; i++) {
		key.bytes[STORE_KEY_MAX - 1] = i;
		assert_int_equal(store_layer_place(layer, &key, STORE_VALUE_MAX, &value), 0);
		memset(value, i, STORE_VALUE_MAX);
	}
	assert_int_equal(store_layer_merge(into, layer), 0);
	assert_int_equal(store_layer_merge(into, layer), 0);
	assert_int_equal(store_layer_count(into), 40);
	assert_true(store_layer_bytes(into) >= 40 * STORE_VALUE_MAX);
	key.bytes[STORE_KEY_MAX - 1] = 17;
	assert_true(store_layer_get(into, &key, &record));
	assert_int_equal(record.len, STORE_VALUE_MAX);
	assert_int_equal(((const uint8_t *)record.value)[STORE_VALUE_MAX - 1], 17);
	store_layer_destroy(into);
	store_layer_destroy(layer);
}

static void value_that_grows_step_by_step_takes_little(void **state)
{
	static uint8_t value[4096];
	struct store_key key = key_of("k");
	struct store_layer *layer;

	(void)state;
	assert_int_equal(store_layer_create(&layer), 0);
	for (size_t len = 1; len <= sizeof(value); len++)
		assert_int_equal(store_layer_put(layer, &key, value, len), 0);
	assert_true(store_layer_bytes(layer) < 8 * sizeof(value));
	store_layer_destroy(layer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layer_equals_a_sorted_array),
		cmocka_unit_test(merged_layers_equal_one_that_took_all),
		cmocka_unit_test(shorter_key_comes_first),
		cmocka_unit_test(empty_value_is_not_a_deleted_one),
		cmocka_unit_test(largest_records_fit),
		cmocka_unit_test(value_that_grows_step_by_step_takes_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
