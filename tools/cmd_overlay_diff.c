/* SPDX-License-Identifier: MIT */
/* bramble overlay diff: what differs from what the overlay is made on. */
#include "cmd_overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format.h"
#include "base/json.h"
#include "overlay/overlay.h"
#include "remote.h"

struct diff {
	const char *below; /* without slashes at its ends; "": everything */
	bool stat;
	struct json *json; /* borrowed; NULL: text */
	uint64_t added;
	uint64_t modified;
	uint64_t deleted;
	uint64_t renamed;
	uint64_t stored;
};

/* Whether @path is @below, or lies below it. */
static bool is_below(const char *path, const char *below)
{
	size_t len = strlen(below);

	path += *path == '/';
	return len == 0 || (strncmp(path, below, len) == 0 && (path[len] == '/' || !path[len]));
}

static void count(struct diff *diff, const struct overlay_change *change)
{
	switch (change->kind) {
	case OVERLAY_ADDED:
		diff->added++;
		break;
	case OVERLAY_MODIFIED:
		diff->modified++;
		break;
	case OVERLAY_DELETED:
		diff->deleted++;
		break;
	case OVERLAY_RENAMED:
		diff->renamed++;
		break;
	}
	diff->stored += change->stored;
}

static void print_json(struct json *json, const struct overlay_change *change)
{
	static const struct {
		unsigned int flag;
		const char *word;
	} whats[] = {
		{OVERLAY_CHANGED_DATA, "data"},
		{OVERLAY_CHANGED_ATTR, "attributes"},
		{OVERLAY_CHANGED_XATTR, "xattrs"},
	};
	const char kind[2] = {(char)change->kind};

	json_object(json, NULL);
	json_string(json, "change", kind);
	json_string(json, "path", change->path);
	json_string_or_null(json, "old_path", change->old_path ? change->old_path : "");
	json_string(json, "type", format_type_word(change->attr.mode));
	json_array(json, "what");
	for (size_t i = 0; i < sizeof(whats) / sizeof(whats[0]); i++) {
		if (change->what & whats[i].flag)
			json_string(json, NULL, whats[i].word);
	}
	json_end(json);
	json_u64(json, "size", change->attr.size);
	json_u64(json, "stored", change->stored);
	json_end(json);
}

static int take(void *ctx, const struct overlay_change *change)
{
	struct diff *diff = ctx;

	if (!is_below(change->path, diff->below) &&
	    !(change->old_path && is_below(change->old_path, diff->below)))
		return 0;
	count(diff, change);
	if (diff->stat)
		return 0;
	if (diff->json) {
		print_json(diff->json, change);
		return 0;
	}
	printf("%c ", (char)change->kind);
	if (change->old_path) {
		format_print_name(stdout, change->old_path);
		printf(" -> ");
	}
	format_print_name(stdout, change->path);
	putchar('\n');
	return ferror(stdout) ? -EIO : 0;
}

static void print_stat(const struct diff *diff)
{
	char size[FORMAT_SIZE_BYTES];

	if (diff->json) {
		json_object(diff->json, NULL);
		json_u64(diff->json, "added", diff->added);
		json_u64(diff->json, "modified", diff->modified);
		json_u64(diff->json, "deleted", diff->deleted);
		json_u64(diff->json, "renamed", diff->renamed);
		json_u64(diff->json, "stored", diff->stored);
		json_end(diff->json);
		return;
	}
	format_size(diff->stored, size);
	printf("%llu added, %llu modified, %llu deleted, %llu renamed; %s of data stored\n",
	       (unsigned long long)diff->added, (unsigned long long)diff->modified,
	       (unsigned long long)diff->deleted, (unsigned long long)diff->renamed, size);
}

/* "/etc/" becomes "etc". */
static char *trim(const char *path)
{
	char *copy = strdup(path + strspn(path, "/"));
	size_t len = copy ? strlen(copy) : 0;

	while (len && copy[len - 1] == '/')
		copy[--len] = '\0';
	return copy;
}

/* Whether @path is in what the overlay of @stack is made on: 0, -ENOENT. */
static int find_below(const struct overlay_request *request, struct stack *stack, const char *path)
{
	CLEANUP(stack_closep) struct stack *base = NULL;
	const struct state_info *info = stack_overlay_info(stack);
	struct stack_options options = cmd_overlay_options(request, NULL);
	uint64_t id;
	int err;

	options.partition = info->partition;
	if (info->base[0])
		options.overlay = info->base;
	err = stack_open(stack_image_path(stack), &options, &base);
	return err ? err : tree_walk(stack_tree(base), path, false, &id);
}

/* That nothing is said of what exists on neither side could be taken for "unchanged". */
static int check_exists(const struct overlay_request *request, struct stack *stack,
			const char *path)
{
	uint64_t id;
	int err = tree_walk(stack_tree(stack), path, false, &id);

	if (err == -ENOENT || err == -ENOTDIR)
		err = find_below(request, stack, path);
	if (err == -ENOENT || err == -ENOTDIR)
		log_error("overlay %s: %s: neither there nor in what it is made on",
			  request->argv[0], request->argv[1]);
	else if (err)
		log_error("overlay %s: %s: %s", request->argv[0], request->argv[1], strerror(-err));
	return err;
}

static bool is_unchanged(const struct diff *diff)
{
	return !diff->added && !diff->modified && !diff->deleted && !diff->renamed;
}

int cmd_overlay_diff(const struct overlay_request *request)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	CLEANUP(freep) char *below = trim(request->argc > 1 ? request->argv[1] : "/");
	struct stack_options options = cmd_overlay_options(request, request->argv[0]);
	struct json json = {.out = stdout};
	struct diff diff = {
		.below = below,
		.stat = request->stat,
		.json = request->common.json ? &json : NULL,
	};
	int err;

	remote_lend(request->common.state, request->argv[0], false);
	if (!below || stack_open(request->image, &options, &stack) < 0)
		return STATUS_FAILED;
	if (diff.json && !diff.stat)
		json_array(&json, NULL);
	err = stack_overlay_tree(stack) ? overlay_diff(stack_overlay_tree(stack), take, &diff) : 0;
	if (diff.stat)
		print_stat(&diff);
	else if (diff.json)
		json_end(&json);
	if (err)
		log_error("overlay %s: %s", request->argv[0], strerror(-err));
	else if (*below && is_unchanged(&diff))
		err = check_exists(request, stack, below);
	return err ? STATUS_FAILED : STATUS_DONE;
}
