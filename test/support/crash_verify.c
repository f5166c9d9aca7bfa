/* SPDX-License-Identifier: MIT */
/*
 * crash_load: compares what a crash left with all states that there were.
 *
 * Names, types, modes, links and tags of a thread are those of one moment, which is not before the
 * last acknowledged sync of anyone; and no thread's moment lies before an operation that had ended
 * when one began that another thread's moment has. Contents: each block of a file is as it was at the
 * file's last acknowledged fsync, or at any time afterwards.
 */
#include "crash_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBLEMS_MAX 20u

/* What a file may have been since its last fsync. */
struct history {
	uint64_t *sizes; /* owned */
	uint32_t size_count;
	struct crash_block *states[CRASH_BLOCKS]; /* owned */
	uint32_t counts[CRASH_BLOCKS];
};

struct verify {
	const struct crash_log *log;
	const struct crash_log_thread *thread;
	unsigned int number; /* of the thread */
	uint32_t durable; /* operations */
	bool all; /* what was written last must be there */
	struct crash_model found;
	struct history *histories; /* owned: by node */
	int history_count;
	int *found_of; /* owned: by node, at the last moment that fits */
	int found_of_count;
	uint32_t first; /* moments that fit: at least, and at most */
	uint32_t last;
	bool fits;
	unsigned int problems;
};

#define problem(v, ...)                                                                            \
	do {                                                                                       \
		if ((v)->problems++ < PROBLEMS_MAX)                                                \
			printf("t%u: ", (v)->number), printf(__VA_ARGS__), putchar('\n');          \
	} while (0)

static void *grown(void *old, size_t count, size_t each)
{
	void *got = realloc(old, (count ? count : 1) * each);

	if (!got)
		crash_die("realloc");
	return got;
}

/* Histories ----------------------------------------------------------------------------------- */

static void add_size(struct history *history, uint64_t size)
{
	for (uint32_t i = 0; i < history->size_count; i++) {
		if (history->sizes[i] == size)
			return;
	}
	history->sizes = grown(history->sizes, history->size_count + 1, sizeof(size));
	history->sizes[history->size_count++] = size;
}

static void add_state(struct history *history, uint32_t at, struct crash_block state)
{
	uint32_t count = history->counts[at];

	for (uint32_t i = 0; i < count; i++) {
		if (memcmp(&history->states[at][i], &state, sizeof(state)) == 0)
			return;
	}
	history->states[at] = grown(history->states[at], count + 1, sizeof(state));
	history->states[at][count] = state;
	history->counts[at]++;
}

static void add_all(struct history *history, const struct crash_node *node)
{
	add_size(history, node->size);
	for (uint32_t i = 0; i < CRASH_BLOCKS; i++)
		add_state(history, i, node->blocks[i]);
}

static void forget(struct history *history)
{
	history->size_count = 0;
	memset(history->counts, 0, sizeof(history->counts));
}

/* What is written late may be cut by a truncation that came after it, as may what was there before. */
static void add_cuts(struct history *history, uint64_t size)
{
	for (uint32_t i = (uint32_t)(size / CRASH_BLOCK); i < CRASH_BLOCKS; i++) {
		uint64_t start = (uint64_t)i * CRASH_BLOCK;
		uint32_t len = size > start ? (uint32_t)(size - start) : 0;
		uint32_t count = history->counts[i];

		for (uint32_t j = 0; j < count; j++) {
			struct crash_block state = history->states[i][j];

			if (state.len > len)
				state.len = len;
			if (len == 0)
				state.stamp = 0;
			add_state(history, i, state);
		}
	}
}

static struct history *history_of(struct verify *v, const struct crash_model *model, int node)
{
	if (node >= v->history_count) {
		v->histories = grown(v->histories, (size_t)model->room, sizeof(*v->histories));
		memset(v->histories + v->history_count, 0,
		       (size_t)(model->room - v->history_count) * sizeof(*v->histories));
		v->history_count = model->room;
	}
	return &v->histories[node];
}

static void apply(struct verify *v, struct crash_model *model, const struct crash_op *op,
		  uint32_t index)
{
	crash_model_apply(model, op);
	if (op->kind <= CRASH_OP_MKFIFO)
		model->nodes[op->node].ino = v->thread->ops[index].ino;
}

static void remember(struct verify *v, struct crash_model *model)
{
	for (int i = 0; i < model->count; i++)
		add_all(history_of(v, model, i), &model->nodes[i]);
	for (uint32_t i = 0; i < v->thread->started; i++) {
		struct history *history;
		struct crash_op op;

		crash_model_next(model, &op);
		apply(v, model, &op, i);
		history = history_of(v, model, op.node);
		if (op.kind == CRASH_OP_TRUNCATE)
			add_cuts(history, op.size);
		if (i < v->thread->done &&
		    (v->all || op.kind == CRASH_OP_FSYNC || op.kind == CRASH_OP_FDATASYNC))
			forget(history);
		add_all(history, &model->nodes[op.node]);
	}
}

/* Names --------------------------------------------------------------------------------------- */

static bool same_node(const struct crash_model *model, int node, const struct crash_model *found,
		      int other, int *found_of, bool say)
{
	const struct crash_node *a = &model->nodes[node];
	const struct crash_node *b = &found->nodes[other];

	if (found_of[node] >= 0 && found_of[node] != other) {
		if (say)
			printf("  node %d is two files\n", node);
		return false;
	}
	found_of[node] = other;
	if (a->type == b->type && a->mode == b->mode && a->nlink == b->nlink && a->tag == b->tag &&
	    (!a->ino || a->ino == b->ino))
		return true;
	if (say)
		printf("  node %d: type %d, mode %o, %u names, tag %u, inode %llu; but found: "
		       "%d, %o, %u, %u, %llu\n",
		       node, a->type, a->mode, a->nlink, a->tag, (unsigned long long)a->ino,
		       b->type, b->mode, b->nlink, b->tag, (unsigned long long)b->ino);
	return false;
}

static int differences(const struct crash_model *model, int dir, const struct crash_model *found,
		       int other, int *found_of, bool say)
{
	int count = 0;

	for (uint32_t i = 0; i < CRASH_NAMES; i++) {
		int a = model->nodes[dir].children[i];
		int b = found->nodes[other].children[i];
		char path[4096];

		if (a < 0 && b < 0)
			continue;
		if (a < 0 || b < 0) {
			crash_path(a < 0 ? found : model, a < 0 ? other : dir, i, path,
				   sizeof(path));
			if (say)
				printf("  %s is %s\n", path, a < 0 ? "too much" : "missing");
			count++;
			continue;
		}
		if (!same_node(model, a, found, b, found_of, say))
			count++;
		else if (model->nodes[a].type == CRASH_DIR)
			count += differences(model, a, found, b, found_of, say);
		if (count && !say)
			return count;
	}
	return count;
}

static int compare(struct verify *v, const struct crash_model *model, bool say)
{
	if (v->found_of_count < model->room) {
		v->found_of = grown(v->found_of, (size_t)model->room, sizeof(int));
		v->found_of_count = model->room;
	}
	for (int i = 0; i < v->found_of_count; i++)
		v->found_of[i] = -1;
	return differences(model, 0, &v->found, 0, v->found_of, say);
}

/*
 * Which of the moments from the last sync on fit. Leaves @model at the last of them; where none does
 * at the last of all.
 */
static void find_moment(struct verify *v, const char *path)
{
	struct crash_model models[CRASH_THREADS_MAX];
	struct crash_model *model = &models[v->number];
	bool changed = true;

	for (int pass = 0; pass < 2; pass++) {
		uint32_t end = pass ? v->last : v->thread->started;

		crash_base_load(path, models, v->log->threads);
		for (uint32_t k = 0; k <= end; k++) {
			struct crash_op op;

			if (pass == 0 && k >= v->durable && changed) {
				changed = compare(v, model, false) != 0;
				if (!changed && !v->fits)
					v->first = k;
				v->fits = v->fits || !changed;
			}
			if (pass == 0 && !changed)
				v->last = k;
			if (k == end)
				break;
			crash_model_next(model, &op);
			apply(v, model, &op, k);
			changed = changed || crash_op_changes_names(&op);
		}
		if (pass == 0 && !v->fits)
			v->last = v->durable;
		if (pass == 1 && compare(v, model, !v->fits) != 0)
			problem(v, "the names are those of no state after %u of %u operations",
				v->durable, v->thread->started);
		for (unsigned int i = 0; i < v->log->threads; i++)
			crash_model_finish(&models[i]);
	}
}

/* Contents ------------------------------------------------------------------------------------ */

static bool size_fits(const struct history *history, uint64_t size)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (uint32_t i = 0; i < history->size_count; i++) {
		if (history->sizes[i] == size)
			return true;
		least = history->sizes[i] < least ? history->sizes[i] : least;
		most = history->sizes[i] > most ? history->sizes[i] : most;
	}
	/* A long write may be taken in parts. */
	return size % CRASH_BLOCK == 0 && size >= least && size <= most;
}

static bool reads_as(unsigned int thread, struct crash_block state, struct crash_block found,
		     uint32_t visible)
{
	unsigned char a[CRASH_BLOCK], b[CRASH_BLOCK];

	if (found.stamp == UINT32_MAX)
		return false;
	crash_pattern(thread, state.stamp, a);
	crash_pattern(thread, found.stamp, b);
	if (state.len < CRASH_BLOCK || !state.stamp)
		memset(a + state.len, 0, CRASH_BLOCK - state.len);
	if (found.len < CRASH_BLOCK || !found.stamp)
		memset(b + found.len, 0, CRASH_BLOCK - found.len);
	return memcmp(a, b, visible) == 0;
}

static void check_file(struct verify *v, int node)
{
	const struct history *history = &v->histories[node];
	const struct crash_node *found = &v->found.nodes[v->found_of[node]];
	char path[4096] = "?";
	uint32_t name;
	int dir;

	if (crash_model_find(&v->found, v->found_of[node], &dir, &name))
		crash_path(&v->found, dir, name, path, sizeof(path));
	if (!size_fits(history, found->size))
		problem(v, "%s: %llu bytes, which it never had since its last fsync", path,
			(unsigned long long)found->size);
	for (uint32_t i = 0; i < CRASH_BLOCKS && (uint64_t)i * CRASH_BLOCK < found->size; i++) {
		uint64_t left = found->size - (uint64_t)i * CRASH_BLOCK;
		uint32_t visible = left < CRASH_BLOCK ? (uint32_t)left : CRASH_BLOCK;
		uint32_t j = 0;

		while (j < history->counts[i] &&
		       !reads_as(v->number, history->states[i][j], found->blocks[i], visible))
			j++;
		if (j < history->counts[i])
			continue;
		problem(v,
			"%s: block %u has stamp %u (%u bytes), none of the %u states since its "
			"last fsync, the last of which is %u (%u bytes)",
			path, i, found->blocks[i].stamp, found->blocks[i].len, history->counts[i],
			history->states[i][history->counts[i] - 1].stamp,
			history->states[i][history->counts[i] - 1].len);
	}
}

/* All together -------------------------------------------------------------------------------- */

static void verify_thread(struct verify *v, int root, const char *path)
{
	struct crash_model models[CRASH_THREADS_MAX];
	int fd = crash_plot_open(root, v->number, false);

	v->problems = crash_scan(fd, v->number, &v->found);
	close(fd);
	crash_base_load(path, models, v->log->threads);
	remember(v, &models[v->number]);
	find_moment(v, path);
	if (v->fits) {
		for (int i = 1; i < v->found_of_count && i < models[v->number].count; i++) {
			if (v->found_of[i] >= 0 && models[v->number].nodes[i].type == CRASH_FILE)
				check_file(v, i);
		}
	}
	for (unsigned int i = 0; i < v->log->threads; i++)
		crash_model_finish(&models[i]);
}

static void finish(struct verify *v)
{
	crash_model_finish(&v->found);
	for (int i = 0; i < v->history_count; i++) {
		free(v->histories[i].sizes);
		for (uint32_t j = 0; j < CRASH_BLOCKS; j++)
			free(v->histories[i].states[j]);
	}
	free(v->histories);
	free(v->found_of);
}

/* When the first operation ended that changed names and is not there; UINT32_MAX: none is missing. */
static uint32_t first_missing(const struct verify *v)
{
	uint32_t moment = UINT32_MAX;

	for (uint32_t i = v->last; i < v->thread->done; i++) {
		if (v->thread->ops[i].end && v->thread->ops[i].end < moment)
			moment = v->thread->ops[i].end;
	}
	return moment;
}

static uint32_t last_present(const struct verify *v)
{
	return v->first ? v->thread->ops[v->first - 1].begin : 0;
}

unsigned int crash_verify(int root, const struct crash_log *log, const char *path, bool everything)
{
	struct verify all[CRASH_THREADS_MAX] = {0};
	unsigned int problems = 0;

	for (unsigned int i = 0; i < log->threads; i++) {
		all[i].log = log;
		all[i].thread = &log->thread[i];
		all[i].number = i;
		all[i].all = everything;
		all[i].durable = everything ? log->thread[i].done : log->thread[i].durable;
		verify_thread(&all[i], root, path);
	}
	for (unsigned int i = 0; i < log->threads; i++) {
		for (unsigned int j = 0; j < log->threads; j++) {
			if (all[i].fits && all[j].fits &&
			    first_missing(&all[i]) < last_present(&all[j]))
				problem(&all[i],
					"operation %u is lost, and of t%u a later one is there",
					all[i].last, j);
		}
	}
	for (unsigned int i = 0; i < log->threads; i++) {
		printf("t%u: %u operations, %u done, %u durable, found after %u..%u: %u problems\n",
		       i, all[i].thread->started, all[i].thread->done, all[i].durable, all[i].first,
		       all[i].last, all[i].problems);
		problems += all[i].problems;
		finish(&all[i]);
	}
	return problems;
}
