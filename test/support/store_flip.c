/* SPDX-License-Identifier: MIT */
/*
 * Damages the files of a store in COUNT ways, each time opens it in a child, and counts what came of
 * it:
 *
 *	store_flip DIR SEED COUNT
 *
 * Allowed are a refusal that says why, and the same content as before: then the child goes on with
 * transactions, closes, opens again and compares. After a flip in `data`, which has no checksums,
 * blocks may differ, and nothing else. Anything else is a failure: it is printed how to repeat it,
 * and the exit status is 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "store_model.h"

#define KEYS 700u
#define TRANSACTIONS 500u
#define SYNC_EVERY 3u
#define MORE_TRANSACTIONS 12u /* after an opening that went well */
#define CHILD_SECONDS 30u
#define PAGE 4096u
#define META_USED 152u /* bytes of a meta page that mean something */

/* What came of one case; the exit status of the child. */
enum outcome {
	SAME,
	BLOCKS_DIFFER,
	REFUSED,
	SILENT, /* refused without a word */
	OTHER, /* content */
	LATER, /* other content or an error after it went on */
	CRASHED,
	HANGING,
	OUTCOMES,
};

static const char *const outcome_names[OUTCOMES] = {
	[SAME] = "same",     [BLOCKS_DIFFER] = "blocks", [REFUSED] = "refused",
	[SILENT] = "silent", [OTHER] = "other content",	 [LATER] = "later",
	[CRASHED] = "crash", [HANGING] = "hang",
};

enum damage {
	BIT,
	BITS, /* some, close to each other */
	BYTE,
	SECTOR, /* of 512 bytes: zeros */
	WHOLE_PAGE, /* zeros */
	OTHER_PAGE, /* with its content */
	META_PAGE, /* a bit of what a meta page says */
	CUT, /* truncated */
	DATA_BIT,
	DATA_CUT,
	DAMAGES,
};

static const char *const damage_names[DAMAGES] = {
	[BIT] = "meta: one bit",
	[BITS] = "meta: some bits",
	[BYTE] = "meta: one byte",
	[SECTOR] = "meta: a sector of zeros",
	[WHOLE_PAGE] = "meta: a page of zeros",
	[OTHER_PAGE] = "meta: a page of another place",
	[META_PAGE] = "meta: one bit of what the meta pages say",
	[CUT] = "meta: cut off",
	[DATA_BIT] = "data: one bit",
	[DATA_CUT] = "data: cut off",
};

/* Of a hundred cases. */
static const unsigned int shares[DAMAGES] = {
	[BIT] = 30,	  [BITS] = 8,	    [BYTE] = 10, [SECTOR] = 5,	 [WHOLE_PAGE] = 4,
	[OTHER_PAGE] = 6, [META_PAGE] = 20, [CUT] = 7,	 [DATA_BIT] = 5, [DATA_CUT] = 5,
};

struct file {
	uint8_t *bytes; /* owned */
	size_t used; /* bytes of it; behind them there are zeros */
	size_t size;
};

static struct model model;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void read_file(const char *folder, const char *name, struct file *out)
{
	char path[4096];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		die(path);
	out->size = (size_t)st.st_size;
	out->bytes = malloc(out->size + 1);
	if (!out->bytes || read(fd, out->bytes, out->size) != st.st_size)
		die(path);
	for (out->used = out->size; out->used > 1 && !out->bytes[out->used - 1]; out->used--)
		;
	close(fd);
}

static void write_file(const char *folder, const char *name, const struct file *file)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, file->bytes, file->used) != (ssize_t)file->used ||
	    ftruncate(fd, (off_t)file->size))
		die(path);
	close(fd);
}

/* The child ---------------------------------------------------------------------------------------- */

static unsigned int messages;

static void count_message(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	messages++;
	if (getenv("STORE_FLIP_VERBOSE"))
		fprintf(stderr, "%s\n", line);
}

static enum outcome refusal(void)
{
	return messages ? REFUSED : SILENT;
}

/* *@out is NULL unless it is SAME or BLOCKS_DIFFER. */
static enum outcome open_and_compare(const char *folder, bool data_damaged, struct store **out)
{
	const struct store_options options = {.read_only = false};
	struct model_difference difference;
	struct store *store;
	uint64_t done;

	*out = NULL;
	if (store_embedded_open(folder, &options, &store))
		return refusal();
	if (model_open(store, &done)) {
		store_close(store);
		return refusal();
	}
	if (done != model.done || model_compare(&model, store, &difference) || difference.records ||
	    (difference.blocks && !data_damaged))
		return OTHER;
	*out = store;
	return difference.blocks ? BLOCKS_DIFFER : SAME;
}

static enum outcome try_store(const char *folder, bool data_damaged)
{
	struct store *store;
	enum outcome outcome = open_and_compare(folder, data_damaged, &store), again;

	if (!store)
		return outcome;
	for (unsigned int i = 0; i < MORE_TRANSACTIONS; i++) {
		if (model_step(&model, store, false) || (i % SYNC_EVERY == 0 && store_sync(store)))
			return LATER;
	}
	if (store_close(store))
		return LATER;
	again = open_and_compare(folder, data_damaged, &store);
	store_close(store);
	return again == SAME || again == BLOCKS_DIFFER ? outcome : LATER;
}

static enum outcome run_child(const char *folder, bool data_damaged)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (child == 0) {
		alarm(CHILD_SECONDS);
		log_set_sink(count_message, NULL);
		_exit((int)try_store(folder, data_damaged));
	}
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGALRM ? HANGING : CRASHED;
	return WEXITSTATUS(status) < OUTCOMES ? (enum outcome)WEXITSTATUS(status) : CRASHED;
}

/* Damage ------------------------------------------------------------------------------------------- */

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void flip(struct file *file, uint64_t bit)
{
	file->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static enum damage choose(uint64_t *state)
{
	unsigned int share = (unsigned int)(model_random(state) % 100);
	enum damage damage = BIT;

	while (share >= shares[damage])
		share -= shares[damage++];
	return damage;
}

static void cut(struct file *file, size_t size)
{
	file->size = size;
	if (file->used > size)
		file->used = size;
}

/* A byte of what is used, not in a page of zeros if that can be helped. */
static uint64_t place(uint64_t *state, const struct file *file)
{
	uint64_t at = 0;

	for (unsigned int i = 0; i < 20; i++) {
		at = model_random(state) % file->used;
		for (uint64_t near = at; near < file->used && near < at + 64; near++) {
			if (file->bytes[near])
				return at;
		}
	}
	return at;
}

static void damage_files(enum damage damage, uint64_t *state, struct file *meta, struct file *data)
{
	uint64_t at = place(state, meta), page = at / PAGE * PAGE;
	uint64_t other = model_random(state) % (meta->used / PAGE) * PAGE;

	switch (damage) {
	case BIT:
		flip(meta, at * 8 + model_random(state) % 8);
		break;
	case BITS:
		for (unsigned int i = 0; i < 4; i++)
			flip(meta, (at + model_random(state) % 64) % meta->used * 8 +
					   model_random(state) % 8);
		break;
	case BYTE:
		meta->bytes[at] = (uint8_t)model_random(state);
		break;
	case SECTOR:
		memset(meta->bytes + at / 512 * 512, 0, min_size(512, meta->used - at / 512 * 512));
		break;
	case WHOLE_PAGE:
		memset(meta->bytes + page, 0, min_size(PAGE, meta->used - page));
		break;
	case OTHER_PAGE:
		memmove(meta->bytes + page, meta->bytes + other,
			min_size(PAGE, meta->used - (page > other ? page : other)));
		break;
	case META_PAGE:
		at = model_random(state) % (2 * META_USED * 8);
		flip(meta, at < META_USED * 8 ? at : at - META_USED * 8 + (uint64_t)PAGE * 8);
		break;
	case CUT:
		cut(meta, at);
		break;
	case DATA_BIT:
		flip(data, model_random(state) % (data->used * 8));
		break;
	case DATA_CUT:
		cut(data, model_random(state) % data->used);
		break;
	case DAMAGES:
		break;
	}
}

/* What is damaged ---------------------------------------------------------------------------------- */

/* Both files of a store as its writer left them: closed, or not. */
static void make_store(const char *folder, uint64_t seed, bool close_it, struct file *meta,
		       struct file *data)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		const struct store_options options = {.read_only = false};
		struct store *store;
		uint64_t done;

		if (store_embedded_create(folder) ||
		    store_embedded_open(folder, &options, &store) || model_open(store, &done))
			_exit(1);
		model_init(&model, seed, KEYS);
		while (model.done < TRANSACTIONS) {
			if (model_step(&model, store, false) ||
			    (model.done % SYNC_EVERY == 0 && store_sync(store)))
				_exit(1);
		}
		_exit(store_sync(store) || (close_it && store_close(store)));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status) {
		fprintf(stderr, "store_flip: cannot make a store in %s\n", folder);
		exit(2);
	}
	read_file(folder, "meta", meta);
	read_file(folder, "data", data);
	store_embedded_remove(folder);
}

static struct file copy(const struct file *file)
{
	struct file to = *file;

	to.bytes = malloc(file->size);
	if (!to.bytes)
		die("malloc");
	memcpy(to.bytes, file->bytes, file->used);
	return to;
}

/* Case @number: the same for the same seed, whichever others are run. */
static enum outcome run_case(const char *folder, uint64_t seed, uint64_t number,
			     const struct file meta[2], const struct file data[2],
			     enum damage *out_damage)
{
	uint64_t state = seed * 1000003 + number;
	const struct file *from_meta = &meta[number & 1], *from_data = &data[number & 1];
	struct file damaged_meta = copy(from_meta), damaged_data = copy(from_data);
	enum outcome outcome;

	*out_damage = choose(&state);
	damage_files(*out_damage, &state, &damaged_meta, &damaged_data);
	write_file(folder, "meta", &damaged_meta);
	write_file(folder, "data", &damaged_data);
	free(damaged_meta.bytes);
	free(damaged_data.bytes);
	outcome = run_child(folder, *out_damage == DATA_BIT);
	if (outcome == BLOCKS_DIFFER && *out_damage != DATA_BIT)
		outcome = OTHER;
	return outcome;
}

static void print_counts(unsigned int counts[DAMAGES][OUTCOMES])
{
	printf("%-42s", "");
	for (unsigned int o = 0; o < OUTCOMES; o++)
		printf(" %13s", outcome_names[o]);
	for (unsigned int d = 0; d < DAMAGES; d++) {
		printf("\n%-42s", damage_names[d]);
		for (unsigned int o = 0; o < OUTCOMES; o++)
			printf(" %13u", counts[d][o]);
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	unsigned int counts[DAMAGES][OUTCOMES] = {0};
	struct file meta[2], data[2];
	unsigned int bad = 0;
	uint64_t seed, first = 0, end;

	if (argc < 4) {
		fputs("usage: store_flip DIR SEED COUNT [FIRST]\n", stderr);
		return 2;
	}
	seed = strtoull(argv[2], NULL, 0);
	if (argc > 4)
		first = strtoull(argv[4], NULL, 0);
	end = first + strtoull(argv[3], NULL, 0);
	make_store(argv[1], seed, true, &meta[0], &data[0]);
	make_store(argv[1], seed, false, &meta[1], &data[1]);
	model_init(&model, seed, KEYS);
	while (model.done < TRANSACTIONS)
		model_skip(&model);
	for (uint64_t i = first; i < end; i++) {
		enum damage damage;
		enum outcome outcome = run_case(argv[1], seed, i, meta, data, &damage);

		counts[damage][outcome]++;
		if (outcome <= REFUSED)
			continue;
		bad++;
		fprintf(stderr,
			"store_flip: %s: %s: STORE_FLIP_VERBOSE=1 store_flip DIR %s 1 %" PRIu64
			"\n",
			damage_names[damage], outcome_names[outcome], argv[2], i);
	}
	print_counts(counts);
	store_embedded_remove(argv[1]);
	for (unsigned int i = 0; i < 2; i++) {
		free(meta[i].bytes);
		free(data[i].bytes);
	}
	return bad ? 1 : 0;
}
