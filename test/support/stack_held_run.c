/* SPDX-License-Identifier: MIT */
/*
 * An overlay that this process has open.
 *
 *     stack_held_run copy IMAGE STATE NAME COUNT   takes COUNT snapshots (s0, s1, ...) and makes the overlay
 *                                                  NAME-clone, while threads change and read the overlay
 *     stack_held_run show IMAGE STATE NAME         the numbers in the files that those threads wrote
 *     stack_held_run verifier IMAGE STATE NAME WHAT...
 *                                                  prints the verifier, then does WHAT: write, sync, kill
 *                                                  (ends without closing)
 *
 * A writer writes a number to the file aN, then to bN: b has the same number or the one before.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "overlay/overlay.h"
#include "stack/stack.h"

#define WRITERS 2

static void die(const char *what, int err)
{
	fprintf(stderr, "stack_held_run: %s: %s\n", what, strerror(-err));
	exit(2);
}

static uint64_t open_file(struct tree *tree, const char *name)
{
	const struct tree_new node = {.mode = S_IFREG | 0644};
	struct tree_attr attr;
	int err = tree_lookup(tree, TREE_ROOT, name, strlen(name), &attr.id);

	if (err == -ENOENT)
		err = tree_create(tree, TREE_ROOT, name, strlen(name), &node, &attr);
	if (err)
		die(name, err);
	return attr.id;
}

static void write_number(struct tree *tree, uint64_t id, uint64_t number)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%020" PRIu64, number);
	int err = tree_write(tree, id, text, (size_t)len, 0, 0);

	if (err)
		die("cannot write", err);
}

static uint64_t read_number(struct tree *tree, const char *name)
{
	char text[32] = "";
	uint64_t id;
	int err = tree_lookup(tree, TREE_ROOT, name, strlen(name), &id);
	ssize_t n = err ? err : tree_read(tree, id, text, sizeof(text) - 1, 0);

	if (n < 0)
		die(name, (int)n);
	return strtoull(text, NULL, 10);
}

struct work {
	struct tree *tree;
	unsigned int number;
	atomic_bool *end;
	uint64_t done;
};

static void *change(void *ctx)
{
	struct work *work = ctx;
	char a[8], b[8], old[16], new[16];
	uint64_t ids[2];

	snprintf(a, sizeof(a), "a%u", work->number);
	snprintf(b, sizeof(b), "b%u", work->number);
	ids[0] = open_file(work->tree, a);
	ids[1] = open_file(work->tree, b);
	while (!*work->end) {
		work->done++;
		write_number(work->tree, ids[0], work->done);
		write_number(work->tree, ids[1], work->done);
		/* names and blocks come and go, too */
		snprintf(new, sizeof(new), "n%u-%u", work->number, (unsigned int)(work->done % 50));
		snprintf(old, sizeof(old), "n%u-%u", work->number,
			 (unsigned int)((work->done + 25) % 50));
		write_number(work->tree, open_file(work->tree, new), work->done);
		tree_unlink(work->tree, TREE_ROOT, old, strlen(old));
	}
	return NULL;
}

static void *look(void *ctx)
{
	struct work *work = ctx;

	while (!*work->end) {
		char name[8];

		snprintf(name, sizeof(name), "a%u", (unsigned int)(work->done % WRITERS));
		read_number(work->tree, name);
		work->done++;
	}
	return NULL;
}

static int copy(struct stack *stack, const char *name, unsigned int count)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	atomic_bool end = false;
	struct work works[WRITERS + 1];
	pthread_t threads[WRITERS + 1];
	struct overlay_summary sum;
	char text[80];
	int err = 0;

	for (unsigned int i = 0; i < WRITERS; i++) {
		snprintf(text, sizeof(text), "a%u", i);
		write_number(stack_tree(stack), open_file(stack_tree(stack), text), 0);
		snprintf(text, sizeof(text), "b%u", i);
		write_number(stack_tree(stack), open_file(stack_tree(stack), text), 0);
	}
	for (unsigned int i = 0; i <= WRITERS; i++) {
		works[i] = (struct work){stack_tree(stack), i, &end, 0};
		pthread_create(&threads[i], NULL, i < WRITERS ? change : look, &works[i]);
	}
	for (unsigned int i = 0; i < count && !err; i++) {
		nanosleep(&pause, NULL);
		snprintf(text, sizeof(text), "s%u", i);
		err = stack_snapshot(stack, text);
	}
	if (!err) {
		snprintf(text, sizeof(text), "%s-clone", name);
		err = stack_clone(stack, text);
	}
	if (!err) {
		overlay_pause(stack_overlay_tree(stack));
		err = overlay_summarize(stack_overlay_tree(stack), &sum);
		overlay_resume(stack_overlay_tree(stack));
	}
	end = true;
	for (unsigned int i = 0; i <= WRITERS; i++) {
		pthread_join(threads[i], NULL);
		printf("%" PRIu64 " ", works[i].done);
	}
	printf("done, %" PRIu64 " nodes created\n", sum.created);
	if (err)
		die("cannot copy", err);
	return 0;
}

static int show(struct stack *stack)
{
	for (unsigned int i = 0; i < WRITERS; i++) {
		char a[8], b[8];

		snprintf(a, sizeof(a), "a%u", i);
		snprintf(b, sizeof(b), "b%u", i);
		uint64_t first = read_number(stack_tree(stack), a);
		uint64_t second = read_number(stack_tree(stack), b);

		printf("%" PRIu64 " %" PRIu64 "\n", first, second);
		if (second > first || first - second > 1)
			return 1;
	}
	return 0;
}

static int verifier(struct stack *stack, int argc, char **argv)
{
	printf("%016" PRIx64 "\n", stack_verifier(stack));
	fflush(stdout);
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "write") == 0)
			write_number(stack_tree(stack), open_file(stack_tree(stack), "own"), 1);
		if (strcmp(argv[i], "sync") == 0 && tree_sync(stack_tree(stack)))
			return 1;
		if (strcmp(argv[i], "kill") == 0)
			_exit(0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct stack_options options = STACK_OPTIONS_DEFAULT;
	struct stack *stack;
	int status = 2;

	if (argc < 5)
		return 2;
	if (strcmp(argv[1], "copy") == 0 && store_writer_create(&options.writer))
		return 2;
	options.state = argv[3];
	options.overlay = argv[4];
	if (stack_open(argv[2], &options, &stack))
		return 2;
	if (strcmp(argv[1], "copy") == 0)
		status = copy(stack, argv[4], argc > 5 ? (unsigned int)atoi(argv[5]) : 1);
	if (strcmp(argv[1], "show") == 0)
		status = show(stack);
	if (strcmp(argv[1], "verifier") == 0)
		status = verifier(stack, argc - 5, argv + 5);
	if (stack_close(stack))
		status = 1;
	store_writer_destroy(options.writer);
	return status;
}
