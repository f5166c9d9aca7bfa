/* SPDX-License-Identifier: MIT */
/*
 * Changes an overlay without a mount: overlay_edit STATE IMAGE NAME, where IMAGE "-" is the one that
 * is recorded. Carries out the lines of standard input, and says "ok" or an errno's name to each:
 *
 *     write PATH TEXT    makes the file if there is none, and replaces its contents
 *     fill PATH BYTES    the same with so many bytes that are not zero
 *     mkdir PATH         rm PATH         rmdir PATH        mv OLD NEW      chmod OCTAL PATH
 *     id PATH            says the number of the node
 *     sync               makes all of it durable
 *     crash              ends the process at once
 *
 * At the end of the input the overlay is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "stack/stack.h"

#define LINE_BYTES 8192
#define FILL_BYTES 65536u

struct place {
	uint64_t dir;
	const char *name;
	size_t len;
};

/* The directory that @path lies in, and its last name. @path is cut at its last slash. */
static int find_place(struct tree *tree, char *path, struct place *out)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return -EINVAL;
	*slash = '\0';
	out->name = slash + 1;
	out->len = strlen(out->name);
	return tree_walk(tree, *path ? path : "/", true, &out->dir);
}

static int make(struct tree *tree, char *path, uint32_t mode, uint64_t *out_id)
{
	const struct tree_new new = {.mode = mode};
	struct tree_attr attr;
	struct place place;
	int err = find_place(tree, path, &place);

	if (!err)
		err = tree_create(tree, place.dir, place.name, place.len, &new, &attr);
	if (!err && out_id)
		*out_id = attr.id;
	return err;
}

/* The empty file @path. */
static int open_file(struct tree *tree, char *path, uint64_t *out_id)
{
	const struct tree_setattr cut = {.valid = TREE_SET_SIZE};
	int err = tree_walk(tree, path, true, out_id);

	if (err == -ENOENT)
		return make(tree, path, S_IFREG | 0644, out_id);
	return err ? err : tree_setattr(tree, *out_id, &cut, NULL);
}

static int write_text(struct tree *tree, char *path, const char *text)
{
	uint64_t id;
	int err = open_file(tree, path, &id);

	return err ? err : tree_write(tree, id, text, strlen(text), 0, 0);
}

static int fill(struct tree *tree, char *path, const char *bytes)
{
	uint64_t size = strtoull(bytes, NULL, 10);
	static char buf[FILL_BYTES];
	uint64_t id;
	int err = open_file(tree, path, &id);

	memset(buf, 'x', sizeof(buf));
	for (uint64_t at = 0; !err && at < size; at += FILL_BYTES) {
		size_t len = size - at < FILL_BYTES ? (size_t)(size - at) : FILL_BYTES;

		err = tree_write(tree, id, buf, len, at, 0);
	}
	return err;
}

static int drop(struct tree *tree, char *path, bool dir)
{
	struct place place;
	int err = find_place(tree, path, &place);

	if (err)
		return err;
	return dir ? tree_rmdir(tree, place.dir, place.name, place.len)
		   : tree_unlink(tree, place.dir, place.name, place.len);
}

static int move(struct tree *tree, char *from, char *to)
{
	struct place old;
	struct place new;
	int err = find_place(tree, from, &old);

	if (!err)
		err = find_place(tree, to, &new);
	if (err)
		return err;
	return tree_rename(tree, old.dir, old.name, old.len, new.dir, new.name, new.len, 0);
}

static int change_mode(struct tree *tree, const char *mode, const char *path)
{
	const struct tree_setattr set = {
		.valid = TREE_SET_MODE,
		.mode = (uint32_t)strtoul(mode, NULL, 8),
	};
	uint64_t id;
	int err = tree_walk(tree, path, true, &id);

	return err ? err : tree_setattr(tree, id, &set, NULL);
}

static int say_id(struct tree *tree, const char *path)
{
	uint64_t id;
	int err = tree_walk(tree, path, true, &id);

	if (!err)
		printf("%llu\n", (unsigned long long)id);
	return err;
}

/* Two words at most; the second one is the rest of the line. */
static int carry_out(struct tree *tree, const char *word, char *first, char *second)
{
	if (strcmp(word, "sync") == 0)
		return tree_sync(tree);
	if (strcmp(word, "crash") == 0)
		raise(SIGKILL);
	if (!first)
		return -EINVAL;
	if (strcmp(word, "mkdir") == 0)
		return make(tree, first, S_IFDIR | 0755, NULL);
	if (strcmp(word, "rm") == 0)
		return drop(tree, first, false);
	if (strcmp(word, "rmdir") == 0)
		return drop(tree, first, true);
	if (strcmp(word, "id") == 0)
		return say_id(tree, first);
	if (!second)
		return -EINVAL;
	if (strcmp(word, "write") == 0)
		return write_text(tree, first, second);
	if (strcmp(word, "fill") == 0)
		return fill(tree, first, second);
	if (strcmp(word, "mv") == 0)
		return move(tree, first, second);
	if (strcmp(word, "chmod") == 0)
		return change_mode(tree, first, second);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct stack_options options = STACK_OPTIONS_DEFAULT;
	struct stack *stack;
	char line[LINE_BYTES];
	int failed = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: overlay_edit STATE IMAGE NAME\n");
		return 2;
	}
	options.state = argv[1];
	options.overlay = argv[3];
	if (stack_open(strcmp(argv[2], "-") == 0 ? NULL : argv[2], &options, &stack))
		return 1;
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		char *rest = line;
		char *word, *first;
		int err;

		line[strcspn(line, "\n")] = '\0';
		word = strsep(&rest, " ");
		first = rest ? strsep(&rest, " ") : NULL;
		err = carry_out(stack_tree(stack), word, first, rest);
		printf("%s\n", err ? strerrorname_np(-err) : "ok");
		fflush(stdout);
		failed |= err != 0;
	}
	return stack_close(stack) || failed;
}
