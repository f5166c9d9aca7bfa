/* SPDX-License-Identifier: MIT */
/*
 * Runs the load of store_model.h on an embedded store, for the tests of crashes and full disks:
 *
 *	store_run create DIR                    prints "acknowledged 0"
 *	store_run write DIR SEED COUNT [EVERY [writer]]
 *	                                        until it has done COUNT, syncing each EVERY; prints
 *	                                        "acknowledged N" when the first N are durable; with
 *	                                        a thread that writes, too
 *	store_run verify DIR SEED AT-LEAST      what is there is the state after N >= AT-LEAST, and
 *	                                        nothing else; prints "state N clean|unclean"
 *	store_run look DIR SEED AT-LEAST        the same, opened for reading only
 *	store_run survive SEED DIR LINE         as look, then verify, of what a power cut left; LINE is
 *	                                        the last that the writer printed, or empty
 *	store_run kill DIR SEED ROUNDS          kills a writer that often, and does the same
 *	store_run fill DIR SEED                 until the disk is full; then makes room, and goes on
 *	store_run clear DIR SEED                removes all, as the first thing after opening
 *	store_run scarce DIR                    much, while the process can open no more files
 *	store_run check DIR
 *	store_run copy FROM TO                  store_run remove DIR
 *	store_run many DIR COUNT                COUNT copies of the store in DIR, open at the same time
 *	store_run hold DIR exclusive|shared     has the lock until it reads the end of its input
 *	store_run holder DIR
 *
 * With STORE_RUN_NO_FLUSH in the environment, write and kill write without flushing.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store_model.h"

#define SYNC_EVERY 3u
#define KILL_MS_MAX 40u
#define KILL_COUNT 1000000u /* transactions: more than the writer gets to */
#define FULL_ROUNDS 3u
#define TRIES 3u /* when the disk is full */
#define SCARCE_RECORDS 1100u /* of that size: LMDB wants to be opened again, and mapped anew */
#define SCARCE_BYTES 20000u

static int fail(const char *what, int err)
{
	fprintf(stderr, "store_run: %s: %s\n", what, strerror(-err));
	return 1;
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 0);
}

/* Opens the store, and brings @model to what it holds. */
static int open_model_with(const char *path, const struct store_options *options,
			   struct model *model, struct store **out)
{
	struct store *store;
	uint64_t done;
	int err = store_embedded_open(path, options, &store);

	if (err)
		return err;
	err = model_open(store, &done);
	if (err) {
		store_close(store);
		return err;
	}
	while (model->done < done)
		model_skip(model);
	*out = store;
	return 0;
}

static int open_model(const char *path, bool read_only, struct model *model, struct store **out)
{
	const struct store_options options = {.read_only = read_only};

	return open_model_with(path, &options, model, out);
}

/* A writer that is killed has said what is durable; so this is written at once. */
static void acknowledge(uint64_t done)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "acknowledged %" PRIu64 "\n", done);

	if (write(STDOUT_FILENO, line, (size_t)len) != len)
		_exit(1);
}

static bool is_full(int err)
{
	return err == -ENOSPC || err == -EDQUOT;
}

/* A transaction or a sync; a disk that is full may have room a moment later. */
static int patiently(struct model *model, struct store *store, bool step)
{
	int err;

	for (unsigned int i = 0; i < TRIES; i++) {
		err = step ? model_step(model, store, false) : store_sync(store);
		if (!is_full(err))
			break;
	}
	return err;
}

static int run_write(const char *path, uint64_t seed, uint64_t count, uint64_t every, bool writer)
{
	static struct model model;
	struct store_options options = {.no_flush = getenv("STORE_RUN_NO_FLUSH") != NULL};
	struct store *store;
	int err = writer ? store_writer_create(&options.writer) : 0;

	model_init(&model, seed, MODEL_KEYS);
	if (!err)
		err = open_model_with(path, &options, &model, &store);
	if (err)
		return fail(path, err);
	while (!err && model.done < count) {
		err = patiently(&model, store, true);
		if (err || model.done % every)
			continue;
		err = patiently(&model, store, false);
		if (!err)
			acknowledge(model.done);
	}
	if (err)
		fail("write", err);
	if (store_close(store) || err)
		return 1;
	acknowledge(model.done);
	store_writer_destroy(options.writer);
	return 0;
}

static int verify(const char *path, uint64_t seed, uint64_t at_least, bool read_only,
		  uint64_t *out_done)
{
	static struct model model;
	struct model_difference difference;
	struct store *store;
	bool unclean;
	int err;

	model_init(&model, seed, MODEL_KEYS);
	err = open_model(path, read_only, &model, &store);
	if (err)
		return fail(path, err);
	unclean = store_was_unclean(store);
	err = model_compare(&model, store, &difference);
	store_close(store);
	if (err)
		return fail("compare", err);
	printf("state %" PRIu64 " %s\n", model.done, unclean ? "unclean" : "clean");
	if (model.done < at_least) {
		fprintf(stderr, "store_run: %" PRIu64 " transactions were acknowledged\n",
			at_least);
		return 1;
	}
	if (difference.records || difference.blocks) {
		fprintf(stderr, "store_run: %u records and %u blocks are not what they were\n",
			difference.records, difference.blocks);
		return 1;
	}
	*out_done = model.done;
	return 0;
}

static int run_verify(const char *path, uint64_t seed, uint64_t at_least, bool read_only)
{
	uint64_t done;

	return verify(path, seed, at_least, read_only, &done);
}

/* Whoever only reads must see the same as who comes later, and may write. */
static int verify_twice(const char *path, uint64_t seed, uint64_t at_least)
{
	uint64_t read, done;

	if (verify(path, seed, at_least, true, &read) || verify(path, seed, at_least, false, &done))
		return 1;
	if (read == done)
		return 0;
	fprintf(stderr, "store_run: %" PRIu64 " transactions when it is only read\n", read);
	return 1;
}

static int run_survive(uint64_t seed, const char *path, const char *line)
{
	char meta[4096];
	uint64_t done;

	snprintf(meta, sizeof(meta), "%s/meta", path);
	if (sscanf(line, "acknowledged %" SCNu64, &done) == 1)
		return verify_twice(path, seed, done);
	return access(meta, F_OK) ? 0 : verify_twice(path, seed, 0);
}

/* Kill --------------------------------------------------------------------------------------------- */

/* Reads what the writer says until it has ended, and returns the last that it acknowledged. */
static uint64_t last_acknowledged(int fd, uint64_t before)
{
	FILE *lines = fdopen(fd, "r");
	uint64_t done = before, said;
	char line[64];

	while (lines && fgets(line, sizeof(line), lines)) {
		if (sscanf(line, "acknowledged %" SCNu64, &said) == 1)
			done = said;
	}
	if (lines)
		fclose(lines);
	return done;
}

static int kill_once(const char *path, uint64_t seed, uint64_t micros, bool writer,
		     uint64_t *acknowledged)
{
	struct timespec pause = {.tv_sec = (time_t)(micros / 1000000),
				 .tv_nsec = (long)(micros % 1000000) * 1000};
	int pipes[2], status;
	pid_t child;

	if (pipe(pipes))
		return 1;
	child = fork();
	if (child == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		_exit(run_write(path, seed, KILL_COUNT, SYNC_EVERY, writer));
	}
	close(pipes[1]);
	nanosleep(&pause, NULL);
	kill(child, SIGKILL);
	*acknowledged = last_acknowledged(pipes[0], *acknowledged);
	waitpid(child, &status, 0);
	if (!WIFSIGNALED(status)) {
		fprintf(stderr, "store_run: the writer ended by itself\n");
		return 1;
	}
	child = fork();
	if (child == 0)
		_exit(verify_twice(path, seed, *acknowledged));
	waitpid(child, &status, 0);
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

static int run_kill(const char *path, uint64_t seed, uint64_t rounds)
{
	uint64_t state = seed, acknowledged = 0;

	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t micros = model_random(&state) % (KILL_MS_MAX * 1000);

		if (kill_once(path, seed, micros, i % 2, &acknowledged)) {
			fprintf(stderr, "store_run: round %" PRIu64 ", after %" PRIu64 " us\n", i,
				micros);
			return 1;
		}
	}
	printf("killed %" PRIu64 " times, %" PRIu64 " transactions\n", rounds, acknowledged);
	return 0;
}

/* Full --------------------------------------------------------------------------------------------- */

static int delete_one(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct store_txn *txn = ctx;
	int err = 0;

	if (key->bytes[8] == 'S')
		return 0;
	for (size_t i = 0; !err && key->bytes[8] == 'C' && i + 8 <= len; i += 8) {
		uint64_t block = 0;

		for (int b = 7; b >= 0; b--)
			block = block << 8 | ((const uint8_t *)value)[i + (size_t)b];
		err = store_free_blocks(txn, block, 1);
	}
	return err ? err : store_delete(txn, key);
}

/* Removes all records of one node after the other, as `rm -r` would. */
static int delete_all(struct store *store)
{
	for (unsigned int node = 1; node <= MODEL_KEYS / 4; node++) {
		struct store_key prefix = {.len = 8, .bytes = {0}};
		CLEANUP(store_abortp) struct store_txn *txn = NULL;
		int err = store_begin(store, &txn);

		prefix.bytes[6] = (uint8_t)(node >> 8);
		prefix.bytes[7] = (uint8_t)node;
		if (!err)
			err = store_scan(store, &prefix, NULL, delete_one, txn);
		if (!err)
			err = store_commit(&txn, true);
		if (!err && node % 16 == 0)
			err = store_sync(store);
		if (err) {
			fprintf(stderr, "store_run: removing node %u\n", node);
			return err;
		}
	}
	return store_sync(store);
}

/* Until the disk is full: what was acknowledged before must be there, and be removable. */
static int run_fill(const char *path, uint64_t seed)
{
	static struct model model;
	struct model_difference difference;
	struct store *store;
	int err;

	for (unsigned int round = 0; round < FULL_ROUNDS; round++) {
		uint64_t before;

		model_init(&model, seed, MODEL_KEYS);
		err = open_model(path, false, &model, &store);
		if (err)
			return fail("open", err);
		/* What was there was removed by the round before. */
		memset(model.records, 0, sizeof(model.records));
		before = model.done;
		while (!err) {
			err = model_step(&model, store, false);
			if (!err && model.done % 50 == 0)
				err = store_sync(store);
		}
		if (!is_full(err))
			return fail("not full", err);
		err = store_sync(store);
		if (err && !is_full(err))
			return fail("sync of a full store", err);
		err = model_compare(&model, store, &difference);
		if (err || difference.records || difference.blocks)
			return fail("what a full store holds", err);
		printf("full after %" PRIu64 " transactions\n", model.done - before);
		err = delete_all(store);
		if (err)
			return fail("removing from a full store", err);
		memset(model.records, 0, sizeof(model.records));
		for (unsigned int i = 0; !err && i < 10; i++)
			err = model_step(&model, store, false);
		if (err)
			return fail("writing after removing", err);
		err = store_sync(store);
		if (!err)
			err = model_compare(&model, store, &difference);
		if (err || difference.records || difference.blocks)
			return fail("what was written after removing", err);
		err = delete_all(store);
		if (err)
			return fail("removing again", err);
		err = store_close(store);
		if (err)
			return fail("close", err);
	}
	return 0;
}

static int run_clear(const char *path, uint64_t seed)
{
	static struct model model;
	struct store *store;
	int err;

	model_init(&model, seed, MODEL_KEYS);
	err = open_model(path, false, &model, &store);
	if (err)
		return fail("open", err);
	err = delete_all(store);
	if (err)
		return fail("removing from a full store", err);
	err = store_close(store);
	return err ? fail("close", err) : 0;
}

/* Many --------------------------------------------------------------------------------------------- */

/* Bytes of memory that are this process's own: /proc/self/statm counts in pages. */
static uint64_t own_memory(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long total = 0, resident = 0, shared = 0;

	if (file) {
		if (fscanf(file, "%lu %lu %lu", &total, &resident, &shared) != 3)
			resident = shared;
		fclose(file);
	}
	return (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int copy_store(const char *path, uint64_t i, char *to, size_t size)
{
	snprintf(to, size, "%s/%" PRIu64, path, i);
	if (mkdir(to, 0700))
		return -errno;
	return store_embedded_copy(path, to);
}

static int open_copies(const char *path, uint64_t count, struct store **stores)
{
	static struct model model;
	char to[4096];

	for (uint64_t i = 0; i < count; i++) {
		int err = copy_store(path, i, to, sizeof(to));

		model_init(&model, 0, MODEL_KEYS);
		if (!err)
			err = open_model(to, false, &model, &stores[i]);
		if (err)
			return err;
	}
	return 0;
}

static int run_many(const char *path, uint64_t count)
{
	CLEANUP(freep) struct store **stores = calloc(count + 1, sizeof(struct store *));
	struct rlimit files = {.rlim_cur = 4 * count + 64, .rlim_max = 4 * count + 64};
	uint64_t before = own_memory();
	int err, failed = 0;

	if (!stores || setrlimit(RLIMIT_NOFILE, &files))
		return fail("limits", -errno);
	err = open_copies(path, count, stores);
	if (!err)
		printf("%" PRIu64 " KiB each\n", (own_memory() - before) / 1024 / count);
	for (uint64_t i = 0; i < count; i++) {
		CLEANUP(store_abortp) struct store_txn *txn = NULL;
		const struct store_key key = {.len = 9, .bytes = {0, 0, 0, 0, 0, 0, 9, 9, 'Z'}};

		if (!stores[i])
			break;
		if (store_begin(stores[i], &txn) || store_put(txn, &key, "many", 4) ||
		    store_commit(&txn, false))
			failed = -EIO;
	}
	for (uint64_t i = 0; i < count; i++) {
		if (store_close(stores[i]))
			failed = -EIO;
	}
	return err || failed ? fail("many", err ? err : failed) : 0;
}

/* Scarce ------------------------------------------------------------------------------------------- */

static struct store_key scarce_key(unsigned int i)
{
	return (struct store_key){
		.len = 9,
		.bytes = {0, 0, 0, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i, 'A'},
	};
}

static int write_large(struct store *store, unsigned int i)
{
	static uint8_t value[SCARCE_BYTES];
	CLEANUP(store_abortp) struct store_txn *txn = NULL;
	const struct store_key key = scarce_key(i);
	int err = store_begin(store, &txn);

	memset(value, (int)i, sizeof(value));
	if (!err)
		err = store_put(txn, &key, value, sizeof(value));
	if (!err)
		err = store_commit(&txn, false);
	return err ? err : store_sync(store);
}

static int read_large(struct store *store, unsigned int i)
{
	static uint8_t value[SCARCE_BYTES];
	const struct store_key key = scarce_key(i);
	size_t len;
	int err = store_get(store, &key, value, sizeof(value), &len);

	if (err)
		return err;
	return len == sizeof(value) && value[len - 1] == (uint8_t)i ? 0 : -EBADMSG;
}

/* After an error that passes, once more with what files there may be. */
static int write_scarce(struct store *store, unsigned int i, const struct rlimit *files)
{
	const struct rlimit none = {.rlim_cur = 0, .rlim_max = files->rlim_max};
	int err;

	if (setrlimit(RLIMIT_NOFILE, &none))
		return -errno;
	err = write_large(store, i);
	setrlimit(RLIMIT_NOFILE, files);
	return is_full(err) ? write_large(store, i) : err;
}

static int run_scarce(const char *path)
{
	const struct store_options options = {.read_only = false};
	struct rlimit files;
	struct store *store;
	int err = store_embedded_open(path, &options, &store);

	if (err)
		return fail("open", err);
	err = store_blocks_ready(store);
	if (err || getrlimit(RLIMIT_NOFILE, &files))
		return fail("ready", err ? err : -errno);
	for (unsigned int i = 0; !err && i < SCARCE_RECORDS; i++)
		err = write_scarce(store, i, &files);
	if (err)
		return fail("write", err);
	for (unsigned int i = 0; !err && i < SCARCE_RECORDS; i++)
		err = read_large(store, i);
	if (!err)
		err = store_close(store);
	return err ? fail("what was written", err) : 0;
}

/* Folders ------------------------------------------------------------------------------------------ */

static int run_hold(const char *path, bool shared)
{
	CLEANUP(freep) char *holder = NULL;
	int lock, err = store_folder_lock(path, shared, &lock, &holder);
	char byte;

	if (err == -EBUSY) {
		printf("busy: %s\n", holder ? holder : "unknown");
		return 2;
	}
	if (err)
		return fail(path, err);
	puts("locked");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	close(lock);
	return 0;
}

static int run_holder(const char *path)
{
	CLEANUP(freep) char *holder = NULL;
	int err = store_folder_holder(path, &holder);

	if (err)
		return fail(path, err);
	puts(holder ? holder : "nobody");
	return 0;
}

static int run_check(const char *path)
{
	unsigned int problems = 0;
	int err = store_embedded_check(path, &problems);

	if (err)
		return fail(path, err);
	printf("%u problems\n", problems);
	return problems ? 1 : 0;
}

static int usage(void)
{
	fputs("usage: see the head of store_run.c\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	const char *path = argc > 2 ? argv[2] : "";
	int err;

	if (!strcmp(what, "create")) {
		err = store_embedded_create(path);
		if (!err)
			acknowledge(0);
		return err ? fail(path, err) : 0;
	}
	if (!strcmp(what, "remove")) {
		err = store_embedded_remove(path);
		return err ? fail(path, err) : 0;
	}
	if (!strcmp(what, "check"))
		return run_check(path);
	if (!strcmp(what, "scarce"))
		return run_scarce(path);
	if (!strcmp(what, "holder"))
		return run_holder(path);
	if (argc < 4)
		return usage();
	if (!strcmp(what, "copy")) {
		err = store_embedded_copy(path, argv[3]);
		return err ? fail(argv[3], err) : 0;
	}
	if (!strcmp(what, "hold"))
		return run_hold(path, !strcmp(argv[3], "shared"));
	if (!strcmp(what, "many"))
		return run_many(path, number(argv[3]));
	if (!strcmp(what, "fill"))
		return run_fill(path, number(argv[3]));
	if (!strcmp(what, "clear"))
		return run_clear(path, number(argv[3]));
	if (argc < 5)
		return usage();
	if (!strcmp(what, "write"))
		return run_write(path, number(argv[3]), number(argv[4]),
				 argc > 5 ? number(argv[5]) : SYNC_EVERY,
				 argc > 6 && !strcmp(argv[6], "writer"));
	if (!strcmp(what, "survive"))
		return run_survive(number(path), argv[3], argv[4]);
	if (!strcmp(what, "verify"))
		return run_verify(path, number(argv[3]), number(argv[4]), false);
	if (!strcmp(what, "look"))
		return run_verify(path, number(argv[3]), number(argv[4]), true);
	if (!strcmp(what, "kill"))
		return run_kill(path, number(argv[3]), number(argv[4]));
	return usage();
}
