/* SPDX-License-Identifier: MIT */
/* bramble stat: everything that an image says about a file. */
#include "tools.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "format.h"
#include "base/json.h"
#include "view.h"

/* Calls @print for each extended attribute. Errors are logged with @path. */
typedef void (*xattr_fn)(void *ctx, const char *name, const char *value, size_t len);

static int each_xattr(struct tree *tree, const char *path, uint64_t id, xattr_fn print, void *ctx)
{
	CLEANUP(freep) char *names = NULL;
	size_t names_len;
	int result = 0;
	int err = view_xattr_names(tree, id, &names, &names_len);

	if (err)
		return view_error(path, err);
	for (size_t i = 0; i < names_len; i += strlen(names + i) + 1) {
		CLEANUP(freep) char *value = NULL;
		size_t len;

		err = view_xattr_value(tree, id, names + i, &value, &len);
		if (err) {
			result = view_error(path, err);
			continue;
		}
		print(ctx, names + i, value, len);
	}
	return result;
}

/* A value as getfattr(1) shows it: as text where it is text, else in hexadecimal. */
static bool is_text(const char *value, size_t len)
{
	if (len && value[len - 1] == '\0')
		len--;
	return format_is_printable(value, len);
}

static void print_xattr(void *ctx, const char *name, const char *value, size_t len)
{
	(void)ctx;
	printf(" Xattr: ");
	format_print_name(stdout, name);
	putchar('=');
	if (is_text(value, len)) {
		printf("\"%.*s\"\n", (int)strnlen(value, len), value);
		return;
	}
	printf("0x");
	for (size_t i = 0; i < len; i++)
		printf("%02x", (unsigned char)value[i]);
	putchar('\n');
}

static void json_xattr(void *ctx, const char *name, const char *value, size_t len)
{
	CLEANUP(freep) char *hex = malloc(2 * len + 1);
	struct json *json = ctx;

	json_object(json, NULL);
	json_string(json, "name", name);
	if (is_text(value, len))
		json_bytes(json, "text", value, strnlen(value, len));
	for (size_t i = 0; hex && i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)value[i]);
	if (hex)
		json_bytes(json, "hex", hex, 2 * len);
	json_end(json);
}

static bool is_device(const struct tree_attr *attr)
{
	return S_ISCHR(attr->mode) || S_ISBLK(attr->mode);
}

static int print_text(struct tree *tree, const char *path, const struct tree_attr *attr)
{
	char mode[FORMAT_MODE_BYTES], time[FORMAT_TIME_BYTES], target[TREE_LINK_MAX + 1];
	const struct {
		const char *label;
		const struct timespec *time;
	} times[] = {
		{"Access", &attr->atime},
		{"Modify", &attr->mtime},
		{"Change", &attr->ctime},
		{" Birth", &attr->btime},
	};
	bool empty = S_ISREG(attr->mode) && attr->size == 0;
	int err = 0;

	printf("  File: ");
	format_print_name(stdout, path);
	if (S_ISLNK(attr->mode)) {
		err = view_readlink(tree, attr->id, target);
		if (err)
			view_error(path, err);
		else {
			printf(" -> ");
			format_print_name(stdout, target);
		}
	}
	printf("\n  Size: %-10" PRIu64 "\tBlocks: %-10" PRIu64 " IO Block: %-6" PRIu32 " %s%s\n",
	       attr->size, attr->blocks, attr->block_size, empty ? "regular empty file" : "",
	       empty ? "" : format_type(attr->mode));
	printf(" Inode: %-11" PRIu64 " Links: %" PRIu32, attr->id, attr->nlink);
	if (is_device(attr))
		printf("     Device type: %u,%u", major(attr->rdev), minor(attr->rdev));
	if (attr->project)
		printf("     Project: %" PRIu32, attr->project);
	format_mode(attr->mode, mode);
	printf("\nAccess: (%04o/%s)  Uid: %5" PRIu32 "   Gid: %5" PRIu32 "\n", attr->mode & 07777,
	       mode, attr->uid, attr->gid);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		format_time_full(times[i].time, time);
		printf("%s: %s\n", times[i].label, time);
	}
	return each_xattr(tree, path, attr->id, print_xattr, NULL) < 0 ? -1 : err;
}

static int print_json(struct tree *tree, const char *path, const struct tree_attr *attr,
		      struct json *json)
{
	char text[FORMAT_TIME_BYTES], target[TREE_LINK_MAX + 1];
	const struct {
		const char *key;
		const struct timespec *time;
	} times[] = {
		{"atime", &attr->atime},
		{"mtime", &attr->mtime},
		{"ctime", &attr->ctime},
		{"btime", &attr->btime},
	};
	int err;

	json_object(json, NULL);
	json_string(json, "path", path);
	json_string(json, "type", format_type_word(attr->mode));
	json_u64(json, "id", attr->id);
	snprintf(text, sizeof(text), "%04o", attr->mode & 07777);
	json_string(json, "mode", text);
	json_u64(json, "nlink", attr->nlink);
	json_u64(json, "uid", attr->uid);
	json_u64(json, "gid", attr->gid);
	json_u64(json, "size", attr->size);
	json_u64(json, "blocks", attr->blocks);
	json_u64(json, "block_size", attr->block_size);
	json_u64(json, "project", attr->project);
	if (is_device(attr)) {
		json_u64(json, "major", major(attr->rdev));
		json_u64(json, "minor", minor(attr->rdev));
	}
	if (S_ISLNK(attr->mode) && view_readlink(tree, attr->id, target) == 0)
		json_string(json, "target", target);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		format_time_utc(times[i].time, text);
		json_string(json, times[i].key, text);
	}
	json_array(json, "xattrs");
	err = each_xattr(tree, path, attr->id, json_xattr, json);
	json_end(json);
	json_end(json);
	return err;
}

static int run(int argc, char **argv)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	struct json json = {.out = stdout};
	int status = STATUS_DONE;

	if (!options_common(&cmd_stat, argc, argv, &common, &status))
		return status;
	if (argc - optind < 2)
		return usage_error(&cmd_stat, "an image and a path are needed");
	if (view_open(argv[optind], &common, &stack) < 0)
		return STATUS_FAILED;
	if (common.json)
		json_array(&json, NULL);
	for (int i = optind + 1; i < argc; i++) {
		struct tree *tree = stack_tree(stack);
		struct tree_attr attr;
		int err = view_find(tree, argv[i], false, &attr);

		if (!err)
			err = common.json ? print_json(tree, argv[i], &attr, &json)
					  : print_text(tree, argv[i], &attr);
		if (err)
			status = STATUS_FAILED;
	}
	if (common.json)
		json_end(&json);
	return status;
}

const struct command cmd_stat = {
	.name = "stat",
	.summary = "show everything about a file of an image",
	.arguments = "[OPTION...] IMAGE PATH...",
	.help = "Shows what stat(1) shows, times to the nanosecond, and extended attributes. A "
		"symbolic link\nis shown itself.\n",
	.flags = COMMAND_IMAGE | COMMAND_OVERLAY | COMMAND_JSON,
	.run = run,
};
