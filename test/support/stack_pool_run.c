/* SPDX-License-Identifier: MIT */
/*
 * Many stacks of one process above one image.
 *
 *     stack_pool_run many IMAGE STATE COUNT [BASE]   opens COUNT overlays (above the overlay BASE), writes
 *                                                    to each, and prints what one costs
 *     stack_pool_run threads IMAGE STATE SECONDS     opens and closes them from several threads
 *     stack_pool_run watch IMAGE                     prints what became of the image at each line of stdin
 *
 * Exits 1 where one overlay shows what another one has.
 */
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "stack/stack.h"

#define THREADS 4
#define THREAD_OVERLAYS 6

static void die(const char *what, int err)
{
	fprintf(stderr, "stack_pool_run: %s: %s\n", what, strerror(-err));
	exit(2);
}

static unsigned int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* Anonymous memory of this process: bytes. Pages of files are shared with everybody. */
static unsigned long anonymous(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "RssAnon: %lu", &kib) == 1)
			break;
	}
	if (file)
		fclose(file);
	return kib * 1024;
}

static void write_own(struct stack *stack, const char *text)
{
	struct tree *tree = stack_tree(stack);
	const struct tree_new node = {.mode = S_IFREG | 0644};
	struct tree_attr attr;
	uint64_t id;
	int err = tree_walk(tree, "/own", true, &id);

	if (err == -ENOENT) {
		err = tree_create(tree, TREE_ROOT, "own", 3, &node, &attr);
		id = attr.id;
	}
	if (!err)
		err = tree_write(tree, id, text, strlen(text), 0, 0);
	if (err)
		die("cannot write", err);
}

static void check_own(struct stack *stack, const char *text)
{
	char found[64] = "";
	uint64_t id;
	int err = tree_walk(stack_tree(stack), "/own", true, &id);
	ssize_t n = err ? err : tree_read(stack_tree(stack), id, found, sizeof(found) - 1, 0);

	if (n < 0)
		die("cannot read", (int)n);
	if (strcmp(found, text) != 0) {
		fprintf(stderr, "%s shows what belongs to %s\n", text, found);
		exit(1);
	}
}

static int many(const char *image, struct stack_options options, unsigned int count,
		const char *base)
{
	struct stack **stacks = calloc(count, sizeof(struct stack *));
	unsigned long memory = 0;
	unsigned int files = 0;
	char name[32];

	if (!stacks)
		die("stacks", -ENOMEM);
	for (unsigned int i = 0; i < count; i++) {
		int err = 0;

		/* what the first one costs is for all */
		if (i == 1) {
			malloc_trim(0);
			memory = anonymous();
			files = open_files();
		}
		snprintf(name, sizeof(name), "pi%u", i);
		options.overlay = name;
		if (base)
			err = stack_overlay_create(NULL, base, &options);
		if (!err)
			err = stack_open(image, &options, &stacks[i]);
		if (err)
			die(name, err);
		write_own(stacks[i], name);
		if ((err = tree_sync(stack_tree(stacks[i]))))
			die(name, err);
	}
	malloc_trim(0);
	if (count > 1)
		printf("each further overlay: %lu bytes of memory, %.2f files\n",
		       (anonymous() - memory) / (count - 1),
		       (double)(open_files() - files) / (count - 1));
	for (unsigned int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "pi%u", i);
		check_own(stacks[i], name);
	}
	for (unsigned int i = 0; i < count; i++) {
		if (stack_close(stacks[i]))
			die("cannot close", -EIO);
	}
	free(stacks);
	return 0;
}

struct worker {
	const char *image;
	struct stack_options options;
	unsigned int number;
	time_t end;
	unsigned int opened;
};

static void *work(void *ctx)
{
	struct worker *worker = ctx;
	unsigned int random = worker->number + 1;
	char name[32];

	while (time(NULL) < worker->end) {
		struct stack_options options = worker->options;
		struct stack *stack;
		int err;

		random = random * 1103515245u + 12345u;
		/* overlays of its own, and the image, which all show */
		if (random >> 16 & 1) {
			snprintf(name, sizeof(name), "pi%u-%u", worker->number,
				 (random >> 20) % THREAD_OVERLAYS);
			options.overlay = name;
		}
		err = stack_open(worker->image, &options, &stack);
		if (err)
			die("cannot open", err);
		if (options.overlay) {
			write_own(stack, name);
			check_own(stack, name);
		}
		if (stack_close(stack))
			die("cannot close", -EIO);
		worker->opened++;
	}
	return NULL;
}

static int threads(const char *image, const struct stack_options *options, unsigned int seconds)
{
	struct worker workers[THREADS];
	pthread_t ids[THREADS];
	unsigned int opened = 0;

	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){image, *options, i, time(NULL) + (time_t)seconds, 0};
		pthread_create(&ids[i], NULL, work, &workers[i]);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(ids[i], NULL);
		opened += workers[i].opened;
	}
	printf("%u stacks were opened\n", opened);
	return opened ? 0 : 1;
}

static int watch(const char *image, const struct stack_options *options)
{
	static const char *const words[] = {
		[STACK_IMAGE_SAME] = "same",
		[STACK_IMAGE_WRITTEN] = "written",
		[STACK_IMAGE_REPLACED] = "replaced",
		[STACK_IMAGE_GONE] = "gone",
	};
	struct stack *stack;
	char line[64];
	int err = stack_open(image, options, &stack);

	if (err)
		die(image, err);
	while (fgets(line, sizeof(line), stdin)) {
		puts(words[stack_image_state(stack)]);
		fflush(stdout);
	}
	return stack_close(stack);
}

int main(int argc, char **argv)
{
	struct stack_options options = STACK_OPTIONS_DEFAULT;
	int status = 2;

	if (argc < 3 || stack_pool_create(&options.pool))
		return 2;
	if (strcmp(argv[1], "watch") == 0)
		status = watch(argv[2], &options);
	if (argc < 5) {
		stack_pool_destroy(options.pool);
		return status;
	}
	if (store_writer_create(&options.writer))
		return 2;
	options.state = argv[3];
	if (strcmp(argv[1], "many") == 0)
		status = many(argv[2], options, (unsigned int)atoi(argv[4]),
			      argc > 5 ? argv[5] : NULL);
	if (strcmp(argv[1], "threads") == 0)
		status = threads(argv[2], &options, (unsigned int)atoi(argv[4]));
	store_writer_destroy(options.writer);
	stack_pool_destroy(options.pool);
	return status;
}
