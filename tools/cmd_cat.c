/* SPDX-License-Identifier: MIT */
/* bramble cat: files of an image to standard output. */
#include "tools.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "copy.h"
#include "format.h"
#include "view.h"

#define BUFFER_BYTES (1u << 20)

/* Copies one file. *@out_broken: standard output takes no more. Errors are logged. */
static int cat(struct tree *tree, const char *path, char *buf, bool *out_broken)
{
	struct tree_attr attr;
	uint64_t offset = 0;
	int err = view_find(tree, path, true, &attr);

	if (err)
		return err;
	if (S_ISDIR(attr.mode))
		return view_error(path, -EISDIR);
	if (!S_ISREG(attr.mode)) {
		log_error("%s: %s, not a file", path, format_type(attr.mode));
		return -EINVAL;
	}
	for (;;) {
		ssize_t n = tree_read(tree, attr.id, buf, BUFFER_BYTES, offset);

		if (n < 0)
			return view_error(path, (int)n);
		if (n == 0)
			return 0;
		err = copy_write(STDOUT_FILENO, buf, (size_t)n, -1);
		if (err) {
			*out_broken = true;
			return view_error("standard output", err);
		}
		offset += (uint64_t)n;
	}
}

static int run(int argc, char **argv)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	CLEANUP(freep) char *buf = NULL;
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	int status = STATUS_DONE;
	bool broken = false;

	if (!options_common(&cmd_cat, argc, argv, &common, &status))
		return status;
	if (argc - optind < 2)
		return usage_error(&cmd_cat, "an image and a path are needed");
	buf = malloc(BUFFER_BYTES);
	if (!buf) {
		view_error("cat", -ENOMEM);
		return STATUS_FAILED;
	}
	if (view_open(argv[optind], &common, &stack) < 0)
		return STATUS_FAILED;
	for (int i = optind + 1; i < argc && !broken; i++) {
		if (cat(stack_tree(stack), argv[i], buf, &broken) < 0)
			status = STATUS_FAILED;
	}
	return status;
}

const struct command cmd_cat = {
	.name = "cat",
	.summary = "write files of an image to standard output",
	.arguments = "[OPTION...] IMAGE PATH...",
	.help = "Writes each PATH of the image, one after the other. Symbolic links are followed "
		"inside the\nimage.\n",
	.flags = COMMAND_IMAGE | COMMAND_OVERLAY,
	.run = run,
};
