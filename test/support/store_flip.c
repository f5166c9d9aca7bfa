/* SPDX-License-Identifier: MIT */
/*
 * Damages the files of a store in COUNT ways, each time opens it in a child, and counts what came of
 * it:
 *
 *	store_flip DIR SEED COUNT
 *
 * Allowed are a refusal that says why, and the same content as before: then the child goes on with
 * transactions, closes, opens again and compares. After a flip in `data`, which has no checksums,
 * blocks may differ, and nothing else. The last entry of a `log`, damaged, is like one that a power cut
 * has torn: then, and only then, it may be the content that was synced before. Anything else is a
 * failure: it is printed how to repeat it, and the exit status is 1.
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
	EARLIER, /* what was synced one sync before */
	REFUSED,
	SILENT, /* refused without a word */
	OTHER, /* content */
	LATER, /* other content or an error after it went on */
	CRASHED,
	HANGING,
	OUTCOMES,
};

static const char *const outcome_names[OUTCOMES] = {
	[SAME] = "same",       [BLOCKS_DIFFER] = "blocks", [EARLIER] = "earlier",
	[REFUSED] = "refused", [SILENT] = "silent",	   [OTHER] = "other content",
	[LATER] = "later",     [CRASHED] = "crash",	   [HANGING] = "hang",
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
	LOG_BIT, /* this one and those behind it only if there is a log */
	LOG_BYTE,
	LOG_SECTOR, /* of 512 bytes: zeros */
	LOG_OTHER, /* a sector with the content of another one */
	LOG_CUT,
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
	[LOG_BIT] = "log: one bit",
	[LOG_BYTE] = "log: one byte",
	[LOG_SECTOR] = "log: a sector of zeros",
	[LOG_OTHER] = "log: a sector of another place",
	[LOG_CUT] = "log: cut off",
};

/* Of a hundred cases. */
static const unsigned int shares[DAMAGES] = {
	[BIT] = 22,	  [BITS] = 6,	    [BYTE] = 8,	      [SECTOR] = 4,    [WHOLE_PAGE] = 4,
	[OTHER_PAGE] = 5, [META_PAGE] = 16, [CUT] = 5,	      [DATA_BIT] = 4,  [DATA_CUT] = 4,
	[LOG_BIT] = 8,	  [LOG_BYTE] = 4,   [LOG_SECTOR] = 4, [LOG_OTHER] = 4, [LOG_CUT] = 2,
};

struct file {
	uint8_t *bytes; /* owned */
	size_t used; /* bytes of it; behind them there are zeros */
	size_t size;
};

/* The files of a store. */
struct files {
	struct file meta;
	struct file data;
	struct file log; /* no bytes: there is none */
};

static struct model model; /* all that was synced */
static struct model before; /* without what the last sync made durable */

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
	memset(out, 0, sizeof(*out));
	if (fd < 0 && errno == ENOENT)
		return;
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
	if (!file->bytes) {
		unlink(path);
		return;
	}
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

/* *@out is NULL unless it is SAME, BLOCKS_DIFFER or EARLIER: then @model is what it holds. */
static enum outcome open_and_compare(const char *folder, enum damage damage, struct store **out)
{
	const struct store_options options = {.read_only = false};
	struct model_difference difference;
	struct store *store;
	uint64_t done;
	bool earlier;

	*out = NULL;
	if (store_embedded_open(folder, &options, &store))
		return refusal();
	if (model_open(store, &done)) {
		store_close(store);
		return refusal();
	}
	earlier = damage >= LOG_BIT && done == before.done && done != model.done;
	if (earlier)
		model = before;
	if (done != model.done || model_compare(&model, store, &difference) || difference.records ||
	    (difference.blocks && damage != DATA_BIT))
		return OTHER;
	*out = store;
	if (earlier)
		return EARLIER;
	return difference.blocks ? BLOCKS_DIFFER : SAME;
}

static enum outcome try_store(const char *folder, enum damage damage)
{
	struct store *store;
	enum outcome outcome = open_and_compare(folder, damage, &store), again;

	if (!store)
		return outcome;
	for (unsigned int i = 0; i < MORE_TRANSACTIONS; i++) {
		if (model_step(&model, store, false) || (i % SYNC_EVERY == 0 && store_sync(store)))
			return LATER;
	}
	if (store_close(store))
		return LATER;
	again = open_and_compare(folder, damage, &store);
	store_close(store);
	return again == SAME || again == BLOCKS_DIFFER ? outcome : LATER;
}

static enum outcome run_child(const char *folder, enum damage damage)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (child == 0) {
		alarm(CHILD_SECONDS);
		log_set_sink(count_message, NULL);
		_exit((int)try_store(folder, damage));
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

static enum damage choose(uint64_t *state, bool log)
{
	enum damage damage;

	do {
		unsigned int share = (unsigned int)(model_random(state) % 100);

		for (damage = BIT; share >= shares[damage]; damage++)
			share -= shares[damage];
	} while (damage >= LOG_BIT && !log);
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

static void damage_log(enum damage damage, uint64_t *state, struct file *log)
{
	uint64_t at = place(state, log), sector = at / 512 * 512;
	uint64_t other = model_random(state) % (log->used / 512) * 512;
	size_t len = min_size(512, log->used - sector);

	switch (damage) {
	case LOG_BIT:
		flip(log, at * 8 + model_random(state) % 8);
		break;
	case LOG_BYTE:
		log->bytes[at] = (uint8_t)model_random(state);
		break;
	case LOG_SECTOR:
		memset(log->bytes + sector, 0, len);
		break;
	case LOG_OTHER:
		memmove(log->bytes + sector, log->bytes + other, min_size(len, log->used - other));
		break;
	default:
		cut(log, at);
		break;
	}
}

static void damage_files(enum damage damage, uint64_t *state, struct files *files)
{
	struct file *meta = &files->meta, *data = &files->data;
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
	default:
		damage_log(damage, state, &files->log);
		break;
	}
}

/* What is damaged ---------------------------------------------------------------------------------- */

/* The files of a store as its writer left them: closed, or not. */
static void make_store(const char *folder, uint64_t seed, bool close_it, struct files *out)
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
	read_file(folder, "meta", &out->meta);
	read_file(folder, "data", &out->data);
	read_file(folder, "log", &out->log);
	store_embedded_remove(folder);
}

static struct file copy(const struct file *file)
{
	struct file to = *file;

	if (!file->bytes)
		return to;
	to.bytes = malloc(file->size);
	if (!to.bytes)
		die("malloc");
	memcpy(to.bytes, file->bytes, file->used);
	return to;
}

static void release(struct files *files)
{
	free(files->meta.bytes);
	free(files->data.bytes);
	free(files->log.bytes);
}

/* Case @number: the same for the same seed, whichever others are run. */
static enum outcome run_case(const char *folder, uint64_t seed, uint64_t number,
			     const struct files stores[2], enum damage *out_damage)
{
	uint64_t state = seed * 1000003 + number;
	const struct files *from = &stores[number & 1];
	struct files damaged = {copy(&from->meta), copy(&from->data), copy(&from->log)};
	enum outcome outcome;

	*out_damage = choose(&state, from->log.bytes);
	damage_files(*out_damage, &state, &damaged);
	write_file(folder, "meta", &damaged.meta);
	write_file(folder, "data", &damaged.data);
	write_file(folder, "log", &damaged.log);
	release(&damaged);
	outcome = run_child(folder, *out_damage);
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
	struct files stores[2];
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
	make_store(argv[1], seed, true, &stores[0]);
	make_store(argv[1], seed, false, &stores[1]);
	if (!stores[1].log.bytes) {
		fputs("store_flip: there is no log\n", stderr);
		return 2;
	}
	model_init(&model, seed, KEYS);
	while (model.done < TRANSACTIONS) {
		model_skip(&model);
		if (model.done % SYNC_EVERY == 0 && model.done < TRANSACTIONS)
			before = model;
	}
	for (uint64_t i = first; i < end; i++) {
		enum damage damage;
		enum outcome outcome = run_case(argv[1], seed, i, stores, &damage);

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
	release(&stores[0]);
	release(&stores[1]);
	return bad ? 1 : 0;
}
