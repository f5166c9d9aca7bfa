/* SPDX-License-Identifier: MIT */
/* What tests of the store have in common: records that are numbers, blocks that are a byte, threads. */
#ifndef BRAMBLE_TEST_STORE_FIXTURE_H
#define BRAMBLE_TEST_STORE_FIXTURE_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/unit.h"

#include "base/log.h"
#include "store/store.h"
#include "store/store_memory.h"

static inline struct store_key key_number(const char *prefix, unsigned int number)
{
	struct store_key key;

	key.len = (size_t)snprintf((char *)key.bytes, sizeof(key.bytes), "%s%06u", prefix, number);
	return key;
}

static inline int try_put(struct store *store, unsigned int number, unsigned int value)
{
	struct store_key key = key_number("n", number);
	struct store_txn *txn;
	int err = store_begin(store, &txn);

	if (err)
		return err;
	assert_int_equal(store_put(txn, &key, &value, sizeof(value)), 0);
	return store_commit(&txn, false);
}

static inline void put(struct store *store, unsigned int number, unsigned int value)
{
	assert_int_equal(try_put(store, number, value), 0);
}

static inline void assert_has(struct store *store, unsigned int number, unsigned int value)
{
	struct store_key key = key_number("n", number);
	unsigned int found;
	size_t len;

	assert_int_equal(store_get(store, &key, &found, sizeof(found), &len), 0);
	assert_int_equal(len, sizeof(found));
	assert_int_equal(found, value);
}

static inline void assert_has_not(struct store *store, unsigned int number)
{
	struct store_key key = key_number("n", number);
	unsigned int found;
	size_t len;

	assert_int_equal(store_get(store, &key, &found, sizeof(found), &len), -ENOENT);
}

/* What a power cut would leave. */
static inline struct store *survivor(struct store *store)
{
	struct store *found;

	assert_int_equal(store_memory_cut_power(store, NULL, 0, &found), 0);
	return found;
}

static inline void assert_durable(struct store *store, unsigned int number, unsigned int value)
{
	struct store *found = survivor(store);

	assert_has(found, number, value);
	store_close(found);
}

static inline uint64_t take_block(struct store *store)
{
	uint64_t first;
	uint64_t got;

	assert_int_equal(store_blocks_take(store, 1, &first, &got), 0);
	return first;
}

/* A transaction that frees; what referred to them is changed, as it should be. */
static inline void free_blocks(struct store *store, uint64_t first, uint64_t count)
{
	struct store_key key = key_number("freed", 0);
	struct store_txn *txn;

	assert_int_equal(store_begin(store, &txn), 0);
	assert_int_equal(store_free_blocks(txn, first, count), 0);
	assert_int_equal(store_put(txn, &key, "", 0), 0);
	assert_int_equal(store_commit(&txn, true), 0);
}

static inline void write_byte(struct store *store, uint64_t block, char byte)
{
	assert_int_equal(store_data_write(store, &byte, 1, block * STORE_BLOCK), 0);
}

static inline char read_byte(struct store *store, uint64_t block)
{
	char byte;

	assert_int_equal(store_data_read(store, &byte, 1, block * STORE_BLOCK), 0);
	return byte;
}

static inline void assert_durable_byte(struct store *store, uint64_t block, char byte)
{
	struct store *found = survivor(store);

	assert_int_equal(store_blocks_mark(found, block, 1), 0);
	assert_int_equal(read_byte(found, block), byte);
	store_close(found);
}

static inline int open_store(void **state)
{
	struct store *store;

	if (store_memory_create(&store))
		return -1;
	*state = store;
	return 0;
}

static inline int close_store(void **state)
{
	log_set_sink(NULL, NULL);
	store_close(*state);
	return 0;
}

/* Warnings that a test provokes; watch_log forgets those before. */
struct watched_log {
	unsigned int lines;
	char last[512];
};

static inline struct watched_log *watched(void)
{
	static struct watched_log log;

	return &log;
}

static inline void remember(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	watched()->lines++;
	snprintf(watched()->last, sizeof(watched()->last), "%s", line);
}

static inline void watch_log(void)
{
	memset(watched(), 0, sizeof(*watched()));
	log_set_sink(remember, NULL);
}

/* A medium that stops at one kind of call until it is let go ------------------------------------- */

struct gate {
	enum store_memory_call call;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closed;
	unsigned int arrived;
};

static inline int gate_pass(void *ctx, enum store_memory_call call)
{
	struct gate *gate = ctx;

	if (call != gate->call)
		return 0;
	pthread_mutex_lock(&gate->lock);
	gate->arrived++;
	pthread_cond_broadcast(&gate->changed);
	while (gate->closed)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
	return 0;
}

static inline void gate_close(struct gate *gate, struct store *store, enum store_memory_call call)
{
	gate->call = call;
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
	gate->closed = true;
	gate->arrived = 0;
	store_memory_set_hook(store, gate_pass, gate);
}

/* Until somebody stands there. */
static inline void gate_wait(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	while (gate->arrived == 0)
		pthread_cond_wait(&gate->changed, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

static inline void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->closed = false;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

static inline void *sync_in_thread(void *ctx)
{
	return (void *)(intptr_t)store_sync(ctx);
}

static inline pthread_t start_sync(struct store *store)
{
	pthread_t id;

	assert_int_equal(pthread_create(&id, NULL, sync_in_thread, store), 0);
	return id;
}

static inline int end_sync(pthread_t id)
{
	void *err;

	assert_int_equal(pthread_join(id, &err), 0);
	return (int)(intptr_t)err;
}

#endif
