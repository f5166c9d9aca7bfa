/* SPDX-License-Identifier: MIT */
/*
 * What it costs to make something durable, in the embedded store and by fsync on the host's file system:
 *
 *	bench_store_sync DIR [SECONDS [ROUNDS [ROW [THREADS]]]]
 *
 * Each of 1, 8 and 32 threads makes a change and waits until it is durable, again and again: a file that
 * is created (three records, or an empty file), one that gets 4 KiB or 1 MiB in fresh blocks and loses
 * what it had. On the host these are files of a folder, made anew each time. Store and host take turns,
 * SECONDS each, ROUNDS times. With BENCH_NO_FLUSH in the environment the store does not flush. Prints a
 * Markdown table; never gates.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

#define THREADS_MAX 32u
#define LARGE (1u << 20)
#define RUNS_MAX 256u /* no more: that many blocks it has */
#define PART 65536u /* of a large file that is written at once */

static const char *folder;
static struct store *store;
static struct store_writer *writer;
static pthread_mutex_t committing = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool stop;
static uint8_t content[LARGE];

static void check(const char *what, int err)
{
	if (!err)
		return;
	fprintf(stderr, "bench_store_sync: %s: %s\n", what, strerror(-err));
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The store ---------------------------------------------------------------------------------------- */

struct run {
	uint64_t first, count;
};

struct worker {
	unsigned int number;
	size_t bytes; /* of each file */
	bool on_host;
	uint64_t done;
	struct run runs[RUNS_MAX]; /* of blocks that its file has */
	unsigned int runs_count;
};

static struct store_key key_of(uint64_t node, char kind, uint64_t hash)
{
	struct store_key key = {.len = kind == 'E' ? 17 : 9};

	for (int i = 0; i < 8; i++) {
		key.bytes[i] = (uint8_t)(node >> (56 - 8 * i));
		key.bytes[9 + i] = (uint8_t)(hash >> (56 - 8 * i));
	}
	key.bytes[8] = (uint8_t)kind;
	return key;
}

static void put(struct store_txn *txn, uint64_t node, char kind, uint64_t hash, size_t len)
{
	const struct store_key key = key_of(node, kind, hash);

	check("put", store_put(txn, &key, content, len));
}

static void create_in_store(struct worker *worker)
{
	uint64_t node = 1000 + worker->number + worker->done * THREADS_MAX;
	struct store_txn *txn;

	pthread_mutex_lock(&committing);
	check("begin", store_begin(store, &txn));
	put(txn, node, 'A', 0, 128);
	put(txn, 10 + worker->number, 'E', node * 0x9e3779b97f4a7c15u, 24);
	put(txn, 10 + worker->number, 'A', 0, 128);
	check("commit", store_commit(&txn, false));
	pthread_mutex_unlock(&committing);
	check("sync", store_sync(store));
}

/* @txn gives back what the worker's file has. */
static void free_runs(struct worker *worker, struct store_txn *txn)
{
	for (unsigned int i = 0; i < worker->runs_count; i++)
		check("free", store_free_blocks(txn, worker->runs[i].first, worker->runs[i].count));
	worker->runs_count = 0;
}

/* Takes blocks for a file and writes to them. */
static unsigned int write_runs(size_t bytes, struct run runs[RUNS_MAX])
{
	uint64_t left = bytes / STORE_BLOCK;
	unsigned int count = 0;

	for (; left; left -= runs[count++].count) {
		struct run *run = &runs[count];
		uint64_t end;

		check("take", store_blocks_take(store, left, &run->first, &run->count));
		end = (run->first + run->count) * STORE_BLOCK;
		for (uint64_t at = run->first * STORE_BLOCK; at < end; at += PART) {
			size_t len = end - at < PART ? end - at : PART;

			check("write", store_data_write(store, content, len, at));
		}
	}
	return count;
}

static void write_in_store(struct worker *worker)
{
	struct run runs[RUNS_MAX];
	unsigned int count = write_runs(worker->bytes, runs);
	struct store_txn *txn;

	pthread_mutex_lock(&committing);
	check("begin", store_begin(store, &txn));
	put(txn, 1000 + worker->number, 'A', 0, 128);
	put(txn, 1000 + worker->number, 'C', 0, 10);
	free_runs(worker, txn);
	check("commit", store_commit(&txn, false));
	pthread_mutex_unlock(&committing);
	memcpy(worker->runs, runs, count * sizeof(*runs));
	worker->runs_count = count;
	check("sync", store_sync(store));
}

static void free_in_store(struct worker *worker)
{
	struct store_txn *txn;

	pthread_mutex_lock(&committing);
	check("begin", store_begin(store, &txn));
	free_runs(worker, txn);
	put(txn, 1000 + worker->number, 'A', 0, 128);
	check("commit", store_commit(&txn, false));
	pthread_mutex_unlock(&committing);
}

/* The host ----------------------------------------------------------------------------------------- */

static void write_on_host(struct worker *worker)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/host/%u.%u", folder, worker->number,
		 worker->bytes ? 0 : (unsigned int)worker->done);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	check(path, fd < 0 ? -errno : 0);
	for (size_t at = 0; at < worker->bytes; at += PART) {
		size_t len = worker->bytes - at < PART ? worker->bytes - at : PART;

		check(path, pwrite(fd, content, len, (off_t)at) == (ssize_t)len ? 0 : -EIO);
	}
	check(path, fsync(fd) ? -errno : 0);
	close(fd);
	if (worker->bytes && worker->done % 2)
		unlink(path);
}

/* Measuring ---------------------------------------------------------------------------------------- */

static void *work(void *ctx)
{
	struct worker *worker = ctx;

	for (; !stop; worker->done++) {
		if (worker->on_host)
			write_on_host(worker);
		else if (worker->bytes)
			write_in_store(worker);
		else
			create_in_store(worker);
	}
	return NULL;
}

/* Changes per second; *@out_us: time of the processors for one. */
static double run(unsigned int threads, size_t bytes, bool on_host, double seconds, double *out_us)
{
	static struct worker workers[THREADS_MAX];
	pthread_t ids[THREADS_MAX];
	struct timespec pause = {.tv_sec = (time_t)seconds,
				 .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
	double start = now(), before = cpu();
	uint64_t done = 0;

	stop = false;
	for (unsigned int i = 0; i < threads; i++) {
		workers[i] = (struct worker){.number = i, .bytes = bytes, .on_host = on_host};
		check("thread", -pthread_create(&ids[i], NULL, work, &workers[i]));
	}
	nanosleep(&pause, NULL);
	stop = true;
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		done += workers[i].done;
		if (!on_host)
			free_in_store(&workers[i]);
	}
	*out_us = (cpu() - before) * 1e6 / (double)done;
	return (double)done / (now() - start);
}

struct row {
	const char *name;
	size_t bytes;
};

/* One line of the table. */
static void measure(const struct row *row, unsigned int threads, double seconds,
		    unsigned int rounds)
{
	double stored = 0, host = 0, store_us = 0, host_us = 0, us;

	for (unsigned int i = 0; i < rounds; i++) {
		host += run(threads, row->bytes, true, seconds, &us) / rounds;
		host_us += us / rounds;
		stored += run(threads, row->bytes, false, seconds, &us) / rounds;
		store_us += us / rounds;
	}
	printf("| %s | %u | %.0f (%.0f) | %.0f (%.0f) | %.2f |\n", row->name, threads, stored,
	       store_us, host, host_us, stored / host);
	fflush(stdout);
}

static void open_all(void)
{
	struct store_options options = {.no_flush = getenv("BENCH_NO_FLUSH") != NULL};
	char path[4096];

	snprintf(path, sizeof(path), "%s/host", folder);
	check(path, mkdir(path, 0700) ? -errno : 0);
	snprintf(path, sizeof(path), "%s/store", folder);
	check(path, mkdir(path, 0700) ? -errno : 0);
	check("create", store_embedded_create(path));
	check("writer", store_writer_create(&writer));
	options.writer = writer;
	check("open", store_embedded_open(path, &options, &store));
	check("ready", store_blocks_ready(store));
}

int main(int argc, char **argv)
{
	static const struct row rows[] = {{"create", 0}, {"4 KiB", STORE_BLOCK}, {"1 MiB", LARGE}};
	static const unsigned int threads[] = {1, 8, 32};
	double seconds = argc > 2 ? atof(argv[2]) : 2;
	int rounds = argc > 3 ? atoi(argv[3]) : 1;

	if (argc < 2 || rounds < 1) {
		fputs("usage: bench_store_sync DIR [SECONDS [ROUNDS [ROW [THREADS]]]]\n", stderr);
		return 2;
	}
	folder = argv[1];
	memset(content, 'x', sizeof(content));
	open_all();
	puts("| durable changes/s (us of processor each) | threads | store | host | ratio |");
	puts("|---|---:|---:|---:|---:|");
	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		if (argc > 4 && strcmp(argv[4], rows[r].name) != 0)
			continue;
		for (size_t t = 0; t < sizeof(threads) / sizeof(*threads); t++) {
			if (argc <= 5 || (unsigned int)atoi(argv[5]) == threads[t])
				measure(&rows[r], threads[t], seconds, (unsigned int)rounds);
		}
	}
	check("close", store_close(store));
	store_writer_destroy(writer);
	return 0;
}
