/* SPDX-License-Identifier: MIT */
/*
 * Reads a store by many threads, more than it has transactions for them, while one writes and syncs:
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
#define KEYS 400u
#define VALUE 300u
#define PER_TRANSACTION 8u
#define PER_SYNC 5u

static struct store *store;
static _Atomic bool stop, failed;
static _Atomic uint64_t reads, commits;

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

static void *write_all(void *unused)
{
	uint8_t value[VALUE] = {0};
	unsigned int next = 0;

	for (uint64_t n = 1; !atomic_load(&stop); n++) {
		struct store_txn *txn;

		if (store_begin(store, &txn)) {
			fail("begin");
			break;
		}
		for (int i = 0; i < 8; i++)
			value[i] = (uint8_t)(n >> 8 * i);
		for (unsigned int i = 0; i < PER_TRANSACTION; i++, next = (next + 7) % KEYS) {
			struct store_key key;

			make_key(next, &key);
			if (store_put(txn, &key, value, sizeof(value)))
				fail("put");
		}
		if (store_commit(&txn, false) || (n % PER_SYNC == 0 && store_sync(store)))
			fail("commit");
		atomic_fetch_add(&commits, 1);
	}
	return unused;
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
	const struct store_options options = {.read_only = false};
	pthread_t threads[READERS + 1];
	struct timespec pause = {0};

	if (argc < 3) {
		fputs("usage: store_threads DIR SECONDS\n", stderr);
		return 2;
	}
	pause.tv_sec = atoi(argv[2]);
	if (store_embedded_create(argv[1]) || store_embedded_open(argv[1], &options, &store) ||
	    store_blocks_ready(store))
		return 1;
	for (unsigned int i = 0; i <= READERS; i++) {
		if (pthread_create(&threads[i], NULL, i ? read_all : write_all, NULL))
			return 1;
	}
	nanosleep(&pause, NULL);
	atomic_store(&stop, true);
	for (unsigned int i = 0; i <= READERS; i++)
		pthread_join(threads[i], NULL);
	if (store_close(store))
		fail("close");
	printf("%llu transactions, %llu reads\n", (unsigned long long)commits,
	       (unsigned long long)reads);
	return failed ? 1 : 0;
}
