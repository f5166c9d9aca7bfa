/* SPDX-License-Identifier: MIT */
/* bramble ls: names in an image, as ls(1) prints them one per line. */
#include "tools.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/checked.h"
#include "base/log.h"
#include "format.h"
#include "base/json.h"
#include "ls_walk.h"
#include "view.h"

struct ls {
	struct tree *tree;
	bool all;
	bool details;
	bool recursive;
	struct json *json; /* NULL: text */
};

/* One line's facts. */
struct row {
	const char *name;
	struct tree_attr attr;
	int err; /* the attributes cannot be read */
	bool acl;
};

struct widths {
	int nlink, uid, gid, size;
};

static int digits(uint64_t value)
{
	return snprintf(NULL, 0, "%" PRIu64, value);
}

static void widen(int *width, int needed)
{
	if (needed > *width)
		*width = needed;
}

static bool is_device(const struct row *row)
{
	return S_ISCHR(row->attr.mode) || S_ISBLK(row->attr.mode);
}

/* "8, 1": as wide as ls makes it */
static void format_length(const struct row *row, char *out, size_t size)
{
	if (is_device(row))
		snprintf(out, size, "%u, %u", major(row->attr.rdev), minor(row->attr.rdev));
	else
		snprintf(out, size, "%" PRIu64, row->attr.size);
}

static void measure(const struct row *row, struct widths *widths)
{
	char length[64];

	if (row->err)
		return;
	format_length(row, length, sizeof(length));
	widen(&widths->nlink, digits(row->attr.nlink));
	widen(&widths->uid, digits(row->attr.uid));
	widen(&widths->gid, digits(row->attr.gid));
	widen(&widths->size, (int)strlen(length));
}

static void print_details(struct ls *ls, const struct row *row, const struct widths *widths)
{
	const struct tree_attr *attr = &row->attr;
	char mode[FORMAT_MODE_BYTES], time[FORMAT_TIME_BYTES], length[64];
	char target[TREE_LINK_MAX + 1];

	if (row->err) {
		printf("?????????? ? ? ? ? ? ");
		format_print_name(stdout, row->name);
		return;
	}
	format_mode(attr->mode, mode);
	format_time_short(&attr->mtime, time);
	format_length(row, length, sizeof(length));
	printf("%s%s %*" PRIu32 " %*" PRIu32 " %*" PRIu32 " %*s %s ", mode, row->acl ? "+" : "",
	       widths->nlink, attr->nlink, widths->uid, attr->uid, widths->gid, attr->gid,
	       widths->size, length, time);
	format_print_name(stdout, row->name);
	if (S_ISLNK(attr->mode) && view_readlink(ls->tree, attr->id, target) == 0) {
		printf(" -> ");
		format_print_name(stdout, target);
	}
}

static void print_json(struct ls *ls, const struct row *row)
{
	const struct tree_attr *attr = &row->attr;
	char text[FORMAT_TIME_BYTES], target[TREE_LINK_MAX + 1];

	json_object(ls->json, NULL);
	json_string(ls->json, "name", row->name);
	if (row->err) {
		json_string(ls->json, "error", strerror(-row->err));
		json_end(ls->json);
		return;
	}
	json_string(ls->json, "type", format_type_word(attr->mode));
	json_u64(ls->json, "id", attr->id);
	snprintf(text, sizeof(text), "%04o", attr->mode & 07777);
	json_string(ls->json, "mode", text);
	json_u64(ls->json, "nlink", attr->nlink);
	json_u64(ls->json, "uid", attr->uid);
	json_u64(ls->json, "gid", attr->gid);
	json_u64(ls->json, "size", attr->size);
	format_time_utc(&attr->mtime, text);
	json_string(ls->json, "mtime", text);
	if (is_device(row)) {
		json_u64(ls->json, "major", major(attr->rdev));
		json_u64(ls->json, "minor", minor(attr->rdev));
	}
	if (S_ISLNK(attr->mode) && view_readlink(ls->tree, attr->id, target) == 0)
		json_string(ls->json, "target", target);
	json_end(ls->json);
}

static void fill_row(struct ls *ls, const char *name, uint64_t id, struct row *out)
{
	*out = (struct row){.name = name};
	if (!ls->details && !ls->json)
		return;
	out->err = tree_getattr(ls->tree, id, &out->attr);
	if (!out->err && ls->details && !S_ISLNK(out->attr.mode))
		out->acl = tree_getxattr(ls->tree, id, "system.posix_acl_access", NULL, 0) > 0 ||
			   tree_getxattr(ls->tree, id, "system.posix_acl_default", NULL, 0) > 0;
}

static void print_row(struct ls *ls, const struct row *row, const struct widths *widths)
{
	if (ls->json) {
		print_json(ls, row);
		return;
	}
	if (ls->details)
		print_details(ls, row, widths);
	else
		format_print_name(stdout, row->name);
	putchar('\n');
}

static bool shown(const struct ls *ls, const char *name)
{
	return ls->all || name[0] != '.';
}

/* The blocks of all rows in KiB, as the line "total" of ls has them. */
static void print_total(const struct row *rows, size_t count)
{
	uint64_t blocks = 0;

	for (size_t i = 0; i < count; i++)
		blocks += rows[i].err ? 0 : rows[i].attr.blocks;
	printf("total %" PRIu64 "\n", div_round_up(blocks, 2));
}

static int print_entries(struct ls *ls, const char *path, const struct listing *listing)
{
	CLEANUP(freep) struct row *rows = calloc(listing->count + 1, sizeof(*rows));
	struct widths widths = {0};
	size_t count = 0;
	int err = 0;

	if (!rows)
		return view_error(path, -ENOMEM);
	for (size_t i = 0; i < listing->count; i++) {
		const struct listing_entry *entry = &listing->entries[i];
		struct row *row = &rows[count];

		if (!shown(ls, entry->name))
			continue;
		fill_row(ls, entry->name, entry->id, row);
		measure(row, &widths);
		count++;
		if (row->err) {
			log_error("%s%s%s: %s", path, path[strlen(path) - 1] == '/' ? "" : "/",
				  entry->name, strerror(-row->err));
			err = row->err;
		}
	}
	if (ls->details && !ls->json)
		print_total(rows, count);
	for (size_t i = 0; i < count; i++)
		print_row(ls, &rows[i], &widths);
	return err;
}

static int on_directory(void *ctx, const char *path, const struct listing *listing, bool first)
{
	struct ls *ls = ctx;
	int err;

	if (ls->json) {
		json_object(ls->json, NULL);
		json_string(ls->json, "path", path);
		json_array(ls->json, "entries");
		err = print_entries(ls, path, listing);
		json_end(ls->json);
		json_end(ls->json);
		return err;
	}
	if (ls->recursive) {
		if (!first)
			putchar('\n');
		format_print_name(stdout, path);
		printf(":\n");
	}
	return print_entries(ls, path, listing);
}

static int list_one(struct ls *ls, const char *path, uint64_t id)
{
	struct widths widths = {0};
	struct row row;

	fill_row(ls, path, id, &row);
	measure(&row, &widths);
	if (ls->json) {
		json_object(ls->json, NULL);
		json_string(ls->json, "path", path);
		json_array(ls->json, "entries");
	}
	print_row(ls, &row, &widths);
	if (ls->json) {
		json_end(ls->json);
		json_end(ls->json);
	}
	return 0;
}

static int list(struct ls *ls, const char *path)
{
	struct tree_attr attr;
	/* as ls(1): with -l a link itself is shown */
	int err = view_find(ls->tree, path, !ls->details, &attr);

	if (err)
		return err;
	if (!S_ISDIR(attr.mode))
		return list_one(ls, path, attr.id);
	return ls_walk(ls->tree, path, attr.id, ls->all, ls->recursive, on_directory, ls);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'},
		{"recursive", no_argument, NULL, 'R'},
		{0},
	};
	CLEANUP(stack_closep) struct stack *stack = NULL;
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	struct json json = {.out = stdout};
	struct ls ls = {0};
	int err;

	for (;;) {
		int got = options_next(&cmd_ls, argc, argv, "alR", options, &common);

		if (got == OPTIONS_END)
			break;
		if (got == OPTIONS_HELP)
			return STATUS_DONE;
		if (got == OPTIONS_WRONG)
			return STATUS_USAGE;
		ls.all |= got == 'a';
		ls.details |= got == 'l';
		ls.recursive |= got == 'R';
	}
	if (optind == argc)
		return usage_error(&cmd_ls, "an image is needed");
	if (argc - optind > 2)
		return usage_error(&cmd_ls, "%s: one path at a time", argv[optind + 2]);
	if (view_open(argv[optind], &common, &stack) < 0)
		return STATUS_FAILED;
	ls.tree = stack_tree(stack);
	if (common.json) {
		ls.json = &json;
		json_array(&json, NULL);
	}
	err = list(&ls, optind + 1 < argc ? argv[optind + 1] : "/");
	if (ls.json)
		json_end(&json);
	return err ? STATUS_FAILED : STATUS_DONE;
}

const struct command cmd_ls = {
	.name = "ls",
	.summary = "list a directory of an image",
	.arguments = "[OPTION...] IMAGE [PATH]",
	.help = "Lists PATH (the root if there is none), one name per line, sorted by bytes.\n"
		"\n"
		"  -a, --all        show names that begin with a dot, too\n"
		"  -l               show mode, links, owner, size, time and target as ls -ln does\n"
		"  -R, --recursive  list the directories below as well\n",
	.flags = COMMAND_IMAGE | COMMAND_OVERLAY | COMMAND_JSON,
	.run = run,
};
