/* SPDX-License-Identifier: MIT */
/* Many threads in one overlay: what they see is right, and what they leave is whole. */
#include "support/overlay_fixture.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS 300

struct worker {
	struct fixture *f;
	unsigned int number;
	pthread_t thread;
	const char *wrong; /* the first thing that was not right */
};

static void expect_in(struct worker *w, bool right, const char *what)
{
	if (!right && !w->wrong)
		w->wrong = what;
}

/* A block that says whose it is. */
static void fill(char block[4096], unsigned int number, unsigned int round)
{
	memset(block, (int)('a' + number), 4096);
	snprintf(block, 32, "%u %u", number, round);
}

static int count_entry(void *ctx, const struct tree_entry *entry)
{
	(void)entry;
	++*(unsigned int *)ctx;
	return 0;
}

/* A file of its own is made, written, moved back and forth between shared directories, and read. */
static void own_file(struct worker *w, unsigned int round)
{
	const struct tree_new node = {.mode = S_IFREG | 0644};
	struct tree *tree = w->f->tree;
	char name[16], block[4096], got[4096];
	struct tree_attr attr;
	int err;

	snprintf(name, sizeof(name), "t%u", w->number);
	err = tree_create(tree, w->f->etc, name, strlen(name), &node, &attr);
	expect_in(w, err == 0, "create");
	fill(block, w->number, round);
	for (uint64_t i = 0; i < 3; i++)
		expect_in(w, tree_write(tree, attr.id, block, 4096, i * 300000, 0) == 0, "write");
	expect_in(w, fixture_rename(tree, w->f->etc, name, w->f->usr, name, 0) == 0, "rename");
	expect_in(w, fixture_lookup(tree, w->f->usr, name) == (int)attr.id, "lookup");
	expect_in(w, tree_read(tree, attr.id, got, 4096, 300000) == 4096, "read");
	expect_in(w, memcmp(block, got, 4096) == 0, "content");
	expect_in(w, fixture_unlink(tree, w->f->usr, name) == 0, "unlink");
	expect_in(w, tree_getattr(tree, attr.id, &attr) == -ESTALE, "the node is gone");
}

/* A file of the lower tree is written by all: each block is one thread's, whole. */
static void shared_file(struct worker *w, unsigned int round)
{
	struct tree *tree = w->f->tree;
	char block[4096];
	ssize_t n;

	fill(block, w->number, round);
	expect_in(w, tree_write(tree, w->f->tool, block, 4096, round % 4 * 4096, 0) == 0, "share");
	n = tree_read(tree, w->f->tool, block, 4096, (round + w->number) % 4 * 4096);
	expect_in(w, n == 0 || n == 4096, "a whole block");
	if (n == 4096 && block[100]) {
		for (unsigned int i = 32; i < 4096; i++)
			expect_in(w, block[i] == block[100], "one writer");
	}
}

static void *work(void *ctx)
{
	struct worker *w = ctx;
	struct tree_setattr set = {.valid = TREE_SET_MODE};

	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int count = 0;

		own_file(w, round);
		shared_file(w, round);
		set.mode = round % 0777;
		expect_in(w, tree_setattr(w->f->tree, w->f->fstab, &set, NULL) == 0, "chmod");
		expect_in(w, tree_readdir(w->f->tree, w->f->etc, 0, count_entry, &count) == 0,
			  "list");
		expect_in(w, count >= 4 && count <= 4 + 2 * THREADS, "entries");
		if (round % 64 == 63)
			expect_in(w, tree_sync(w->f->tree) == 0, "sync");
	}
	return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
	struct worker workers[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.f = *state, .number = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned int i = 0; i < THREADS; i++) {
		if (workers[i].wrong)
			print_message("thread %u: not so: %s\n", i, workers[i].wrong);
		assert_null(workers[i].wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(threads_do_not_disturb_each_other, fixture_set_up,
						fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
