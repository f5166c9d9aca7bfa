/* SPDX-License-Identifier: MIT */
/*
 * Opens COUNT overlays of one image in one process, makes a file in each and syncs it:
 *
 *	bench_many IMAGE STATE COUNT
 *
 * Prints how many KiB of memory each of them keeps while it is idle, beyond what opening the image
 * alone takes, which is done as often for comparison. The first ones are not counted: what is there
 * once for the whole process came with them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack/stack.h"

#define COUNT_MAX 10000u

/* Bytes that are this process's own. */
static long own_memory(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long total = 0, resident = 0, shared = 0;

	if (!file || fscanf(file, "%ld %ld %ld", &total, &resident, &shared) != 3) {
		fprintf(stderr, "bench_many: cannot read /proc/self/statm\n");
		exit(1);
	}
	fclose(file);
	return (resident - shared) * sysconf(_SC_PAGESIZE);
}

static void change(struct stack *stack, const char *name)
{
	struct tree_new node = {.mode = S_IFREG | 0644};
	int err = tree_create(stack_tree(stack), TREE_ROOT, name, strlen(name), &node, NULL);

	if (err == 0)
		err = tree_sync(stack_tree(stack));
	if (err) {
		fprintf(stderr, "bench_many: %s: %s\n", name, strerror(-err));
		exit(1);
	}
}

/* @state NULL: the image alone. */
static struct stack *open_one(const char *image, const char *state, unsigned long number)
{
	struct stack_options options = STACK_OPTIONS_DEFAULT;
	struct stack *stack;
	char name[32];

	snprintf(name, sizeof(name), "many-%lu", number);
	options.state = state;
	options.overlay = state ? name : NULL;
	if (stack_open(image, &options, &stack) < 0)
		exit(1);
	if (state)
		change(stack, name);
	return stack;
}

/* Bytes that each of @count takes. */
static long memory_of_each(const char *image, const char *state, unsigned long count)
{
	struct stack **stacks = calloc(count + 1, sizeof(struct stack *));
	long before, after;

	if (!stacks)
		exit(1);
	stacks[0] = open_one(image, state, 0);
	before = own_memory();
	for (unsigned long i = 1; i <= count; i++)
		stacks[i] = open_one(image, state, i);
	after = own_memory();
	for (unsigned long i = 0; i <= count; i++)
		stack_close(stacks[i]);
	free(stacks);
	return (after - before) / (long)count;
}

/* As above, in a process that has freed nothing before. */
static long in_child(const char *image, const char *state, unsigned long count)
{
	long bytes = -1;
	int ends[2];
	pid_t child;

	if (pipe(ends) < 0 || (child = fork()) < 0)
		exit(1);
	if (child == 0) {
		bytes = memory_of_each(image, state, count);
		_exit(write(ends[1], &bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes));
	}
	close(ends[1]);
	if (read(ends[0], &bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
		exit(1);
	close(ends[0]);
	waitpid(child, NULL, 0);
	return bytes;
}

int main(int argc, char **argv)
{
	unsigned long count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	long alone;

	if (count == 0 || count > COUNT_MAX) {
		fprintf(stderr, "usage: bench_many IMAGE STATE COUNT\n");
		return 2;
	}
	alone = in_child(argv[1], NULL, count);
	printf("%ld\n", (in_child(argv[1], argv[2], count) - alone) / 1024);
	return 0;
}
