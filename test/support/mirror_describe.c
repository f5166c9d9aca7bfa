/* SPDX-License-Identifier: MIT */
/* Actions and paths in words. */
#include <stdarg.h>
#include <stdio.h>

#include "support/mirror.h"

static const char *const names[MIRROR_KINDS] = {
	[MIRROR_CREATE] = "create",
	[MIRROR_OPEN] = "open",
	[MIRROR_CLOSE] = "close",
	[MIRROR_MKDIR] = "mkdir",
	[MIRROR_MKNOD] = "mknod",
	[MIRROR_SYMLINK] = "symlink",
	[MIRROR_LINK] = "link",
	[MIRROR_TMPFILE] = "tmpfile",
	[MIRROR_UNLINK] = "unlink",
	[MIRROR_RMDIR] = "rmdir",
	[MIRROR_REMOVE_ALL] = "remove-all",
	[MIRROR_RENAME] = "rename",
	[MIRROR_CHMOD] = "chmod",
	[MIRROR_CHOWN] = "chown",
	[MIRROR_UTIMENS] = "utimens",
	[MIRROR_TRUNCATE] = "truncate",
	[MIRROR_WRITE] = "write",
	[MIRROR_APPEND] = "append",
	[MIRROR_MMAP_WRITE] = "mmap-write",
	[MIRROR_FALLOCATE] = "fallocate",
	[MIRROR_COPY] = "copy",
	[MIRROR_SETXATTR] = "setxattr",
	[MIRROR_REMOVEXATTR] = "removexattr",
	[MIRROR_SETACL] = "setacl",
	[MIRROR_READ] = "read",
	[MIRROR_MMAP_READ] = "mmap-read",
	[MIRROR_READLINK] = "readlink",
	[MIRROR_GETXATTR] = "getxattr",
	[MIRROR_ACCESS] = "access",
	[MIRROR_FSYNC] = "fsync",
	[MIRROR_LIST] = "list",
	[MIRROR_LIST_CHANGING] = "list-changing",
};

const char *mirror_kind_name(enum mirror_kind kind)
{
	return names[kind];
}

struct text {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->at, text->left, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= text->left)
		return;
	text->at += n;
	text->left -= (size_t)n;
}

void mirror_quote(const char *path, char out[MIRROR_QUOTED])
{
	struct text text = {.at = out, .left = MIRROR_QUOTED};

	out[0] = '\0';
	while (*path && text.left > 20) {
		const char *start = path;

		while (*path == *start)
			path++;
		if (*start < ' ' || *start == 0x7f || *start == '\\')
			add(&text, "\\%03o", (unsigned int)(unsigned char)*start);
		else
			add(&text, "%c", *start);
		if (path - start > 8)
			add(&text, "*%td", path - start);
		else
			path = start + 1;
	}
	if (*path)
		add(&text, "...");
}

static void add_path(struct text *text, const char *path)
{
	char quoted[MIRROR_QUOTED];

	mirror_quote(path, quoted);
	add(text, " '%s'", quoted);
}

void mirror_describe(const struct mirror_action *action, char *out, size_t size)
{
	struct text text = {.at = out, .left = size};

	add(&text, "%llu", (unsigned long long)action->number);
	if (action->user)
		add(&text, " user %u", action->user);
	add(&text, " %s", names[action->kind]);
	if (action->handle >= 0)
		add(&text, " handle %d or", action->handle);
	if (action->kind == MIRROR_OPEN || action->kind == MIRROR_CLOSE)
		add(&text, " handle %d", action->slot);
	add_path(&text, action->path);
	if (action->other[0])
		add_path(&text, action->other);
	if (action->flags)
		add(&text, " flags %#x", (unsigned int)action->flags);
	if (action->mode)
		add(&text, " mode %o umask %o", action->mode, action->umask);
	if (action->rdev)
		add(&text, " device %#llx", (unsigned long long)action->rdev);
	if (action->kind == MIRROR_CHOWN)
		add(&text, " owner %d:%d", (int)action->uid, (int)action->gid);
	if (action->offset || action->len)
		add(&text, " at %llu, %llu bytes", (unsigned long long)action->offset,
		    (unsigned long long)action->len);
	if (action->other_offset)
		add(&text, " to %llu", (unsigned long long)action->other_offset);
	if (action->kind == MIRROR_UTIMENS)
		add(&text, " times %lld.%ld %lld.%ld", (long long)action->times[0].tv_sec,
		    action->times[0].tv_nsec, (long long)action->times[1].tv_sec,
		    action->times[1].tv_nsec);
	if (action->name)
		add(&text, " %s", action->name);
}
