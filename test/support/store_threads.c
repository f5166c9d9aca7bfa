/* SPDX-License-Identifier: MIT */
/*
 * Reads a store by many threads, more than it has transactions for them, while some write and sync, and
 * the store's writer works in the background:
 *
 *	store_threads DIR SECONDS
 *
 * Every record holds a number that only grows; all of a transaction have the same. No reader may see a
 * number that is less than what it saw before, nor keys out of order.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/le.h"
#include "store/store.h"

#define READERS 24u
#define WRITERS 4u
#define KEYS 400u
#define VALUE 300u
#define PER_TRANSACTION 8u
#define PER_SYNC 5u /* of the first writer; the others sync each time */

static struct store *store;
static _Atomic bool stop, failed;
static _Atomic uint64_t reads, commits;
static pthread_mutex_t committing = PTHREAD_MUTEX_INITIALIZER;

static void fail(const char *what)
{
	fprintf(stderr, "store_threads: %s\n", what);
	atomic_store(&failed, true);
	atomic_store(&stop, true);
}

static void make_key(unsigned int number, struct store_key *key)
{
	memset(key->bytes, 0, 9);
	key->bytes[6] = (uint8_t)((number + 1) >> 8);
	key->bytes[7] = (uint8_t)(number + 1);
	key->bytes[8] = 'A';
	key->len = 9;
}

static unsigned int number_of(const struct store_key *key)
{
	return ((unsigned int)key->bytes[6] << 8 | key->bytes[7]) - 1;
}

/* Transaction @n of all; *@next: the key that comes next. @committing is locked. */
static int write_one(uint64_t n, unsigned int *next)
{
	uint8_t value[VALUE] = {0};
	struct store_txn *txn;

	if (store_begin(store, &txn))
		return -EIO;
	for (int i = 0; i < 8; i++)
		value[i] = (uint8_t)(n >> 8 * i);
	for (unsigned int i = 0; i < PER_TRANSACTION; i++, *next = (*next + 7) % KEYS) {
		struct store_key key;

		make_key(*next, &key);
		if (store_put(txn, &key, value, sizeof(value)))
			fail("put");
	}
	return store_commit(&txn, false);
}

/* Data that nobody reads, so that there are some to be synced, too. */
static int write_data(uint64_t block)
{
	return store_data_write(store, &block, sizeof(block), block * STORE_BLOCK);
}

static void *write_all(void *ctx)
{
	static unsigned int next;
	const bool *often = ctx;
	uint64_t block, got;

	if (store_blocks_take(store, 1, &block, &got))
		fail("blocks");
	while (!atomic_load(&stop)) {
		uint64_t n;
		int err;

		pthread_mutex_lock(&committing);
		n = atomic_fetch_add(&commits, 1) + 1;
		err = write_one(n, &next);
		pthread_mutex_unlock(&committing);
		if (!err)
			err = write_data(block);
		if (!err && (*often || n % PER_SYNC == 0))
			err = store_sync(store);
		if (err)
			fail("commit");
	}
	return NULL;
}

struct reader {
	uint64_t seen[KEYS];
	int last; /* of the scan */
};

static int look(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct reader *reader = ctx;
	unsigned int number = number_of(key);

	if (len != VALUE || number >= KEYS || (int)number <= reader->last)
		return -EUCLEAN;
	if (le64_at(value) < reader->seen[number])
		return -EUCLEAN;
	reader->seen[number] = le64_at(value);
	reader->last = (int)number;
	return 0;
}

static void *read_all(void *unused)
{
	static const struct store_key all = {.len = 0};
	struct reader reader = {.last = -1};

	for (unsigned int i = 0; !atomic_load(&stop); i++) {
		uint8_t value[VALUE];
		struct store_key key;
		size_t len;
		int err;

		make_key(i * 31 % KEYS, &key);
		err = store_get(store, &key, value, sizeof(value), &len);
		reader.last = -1;
		if (!err)
			err = look(&reader, &key, value, len);
		if (err && err != -ENOENT)
			fail("get");
		reader.last = -1;
		if (i % 64 == 0 && store_scan(store, &all, NULL, look, &reader))
			fail("scan");
		atomic_fetch_add(&reads, 1);
	}
	return unused;
}

int main(int argc, char **argv)
{
	static const bool often[WRITERS] = {false, true, true, true};
	struct store_options options = {.read_only = false};
	pthread_t threads[READERS + WRITERS];
	struct timespec pause = {0};

	if (argc < 3) {
		fputs("usage: store_threads DIR SECONDS\n", stderr);
		return 2;
	}
	pause.tv_sec = atoi(argv[2]);
	if (store_writer_create(&options.writer) || store_embedded_create(argv[1]) ||
	    store_embedded_open(argv[1], &options, &store) || store_blocks_ready(store))
		return 1;
	for (unsigned int i = 0; i < READERS + WRITERS; i++) {
		void *ctx = i < WRITERS ? (void *)(uintptr_t)&often[i] : NULL;

		if (pthread_create(&threads[i], NULL, i < WRITERS ? write_all : read_all, ctx))
			return 1;
	}
	nanosleep(&pause, NULL);
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < READERS + WRITERS; i++)
		pthread_join(threads[i], NULL);
	if (store_close(store))
		fail("close");
	store_writer_destroy(options.writer);
	printf("%llu transactions, %llu reads\n", (unsigned long long)commits,
	       (unsigned long long)reads);
	return failed ? 1 : 0;
}
