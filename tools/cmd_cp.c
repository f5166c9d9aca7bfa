/* SPDX-License-Identifier: MIT */
/* bramble cp: copies files and directories out of an image. */
#include "tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "copy.h"
#include "view.h"

/* The last part of @path without final slashes: "" for the root. */
static char *last_part(const char *path)
{
	size_t end = strlen(path);
	size_t start;

	while (end && path[end - 1] == '/')
		end--;
	start = end;
	while (start && path[start - 1] != '/')
		start--;
	return strndup(path + start, end - start);
}

static bool is_no_name(const char *part)
{
	return part[0] == '\0' || strcmp(part, ".") == 0 || strcmp(part, "..") == 0;
}

/* Copies @path to @name in the destination, or under its own name if that is NULL. */
static void copy_path(struct copy *copy, const char *path, const char *name, bool recursive)
{
	CLEANUP(freep) char *own_name = NULL;
	struct tree_attr attr;

	/* as cp(1): -r copies links, without it what they point to is copied */
	if (view_find(copy->tree, path, !recursive, &attr) < 0) {
		copy->failed = true;
		return;
	}
	if (S_ISDIR(attr.mode) && !recursive) {
		log_error("%s: a directory: use -r to copy it with all that it holds", path);
		copy->failed = true;
		return;
	}
	/* "NAME/" can only become a directory */
	if (name && !S_ISDIR(attr.mode) && copy->dest[strlen(copy->dest) - 1] == '/') {
		view_error(copy->dest, -ENOTDIR);
		copy->failed = true;
		return;
	}
	if (!name) {
		own_name = last_part(path);
		if (!own_name) {
			copy_failed(copy, path, -ENOMEM);
			return;
		}
		/* "/", "dir/." : its contents go into the destination itself */
		name = is_no_name(own_name) ? "." : own_name;
	}
	copy_node(copy, attr.id, name);
}

/* cp IMAGE FILE NAME: the name is taken as the user gave it, links and devices included. */
static void copy_to_name(struct copy *copy, const char *path, const char *dest)
{
	CLEANUP(closep) int fd = -1;
	struct tree_attr attr;
	struct stat st;

	if (view_find(copy->tree, path, true, &attr) < 0) {
		copy->failed = true;
		return;
	}
	if (!S_ISREG(attr.mode)) {
		log_error("%s: not a file: use -r to copy it", path);
		copy->failed = true;
		return;
	}
	/* emptied only when it is known what it is */
	fd = open(dest, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0) {
		copy_failed(copy, "", -errno);
		return;
	}
	if (copy_is_image(copy, &st)) {
		copy_failed(copy, "", -ETXTBSY);
		return;
	}
	if (S_ISREG(st.st_mode) && ftruncate(fd, 0) < 0) {
		copy_failed(copy, "", -errno);
		return;
	}
	copy_to_fd(copy, &attr, fd, "");
	if (close(take_fd(&fd)) < 0)
		copy_failed(copy, "", -errno);
}

/*
 * Opens the directory to copy into. A destination that is no directory gives the one above it and the
 * name to be created there; else that stays NULL.
 */
static int open_dest(const char *dest, bool must_be_directory, int *out_fd, char **out_name)
{
	CLEANUP(freep) char *name = NULL;
	CLEANUP(freep) char *above = NULL;
	size_t len;

	*out_fd = open(dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*out_fd >= 0)
		return 0;
	if (must_be_directory || (errno != ENOENT && errno != ENOTDIR))
		return view_error(dest, -errno);
	name = last_part(dest);
	if (!name)
		return view_error(dest, -ENOMEM);
	if (is_no_name(name))
		return view_error(dest, -ENOENT);
	for (len = strlen(dest); len && dest[len - 1] == '/'; len--)
		;
	len -= strlen(name);
	above = len ? strndup(dest, len) : strdup(".");
	if (!above)
		return view_error(dest, -ENOMEM);
	*out_fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*out_fd < 0)
		return view_error(above, -errno);
	*out_name = TAKE(name);
	return 0;
}

static int copy_all(struct tree *tree, const struct stat *image, char **paths, int count,
		    const char *dest, bool recursive, bool quiet)
{
	CLEANUP(closep) int dest_fd = -1;
	CLEANUP(freep) char *name = NULL;
	struct copy copy;
	bool failed;

	if (!*dest) {
		view_error(dest, -ENOENT);
		return STATUS_FAILED;
	}
	if (open_dest(dest, count > 1, &dest_fd, &name) < 0)
		return STATUS_FAILED;
	if (copy_init(&copy, tree, dest, dest_fd) < 0) {
		view_error(dest, -ENOMEM);
		return STATUS_FAILED;
	}
	copy.image = image;
	copy.progress = copy.progress && !quiet;
	if (name && !recursive) {
		copy_to_name(&copy, paths[0], dest);
	} else {
		/* what is copied is named by the destination already */
		copy.dest_named = name != NULL;
		for (int i = 0; i < count && !copy.stop; i++)
			copy_path(&copy, paths[i], name, recursive);
	}
	failed = copy.failed;
	copy_finish(&copy);
	return failed ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"recursive", no_argument, NULL, 'r'},
		{0},
	};
	CLEANUP(stack_closep) struct stack *stack = NULL;
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	bool recursive = false, known;
	struct stat image;

	for (;;) {
		int got = options_next(&cmd_cp, argc, argv, "rRa", options, &common);

		if (got == OPTIONS_END)
			break;
		if (got == OPTIONS_HELP)
			return STATUS_DONE;
		if (got == OPTIONS_WRONG)
			return STATUS_USAGE;
		recursive = true;
	}
	if (argc - optind < 3)
		return usage_error(&cmd_cp, "an image, a path and a destination are needed");
	if (view_open(argv[optind], &common, &stack) < 0)
		return STATUS_FAILED;
	known = stat(argv[optind], &image) == 0;
	return copy_all(stack_tree(stack), known ? &image : NULL, argv + optind + 1,
			argc - optind - 2, argv[argc - 1], recursive, common.verbosity < 0);
}

const struct command cmd_cp = {
	.name = "cp",
	.summary = "copy files and directories out of an image",
	.arguments = "[OPTION...] IMAGE PATH... DEST",
	.help = "Copies each PATH of the image into the directory DEST, or one PATH to the name "
		"DEST. Mode,\ntimes, hard links, symbolic links, holes and extended attributes are "
		"kept; owner and devices\nas far as the user may. \"/\" or \"DIR/.\" copies the "
		"contents into DEST itself.\n"
		"\n"
		"  -r, --recursive  copy directories with all that they hold, and links as links\n",
	.flags = COMMAND_IMAGE | COMMAND_OVERLAY,
	.run = run,
};
