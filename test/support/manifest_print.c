/* SPDX-License-Identifier: MIT */
/* The lines of a manifest, alike for every program that makes one; see manifest.h. */
#include "support/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define XATTR_WHOLE_MAX 64 /* bytes */

static const char *left_out = "";
static int status;

void manifest_names_add(struct manifest_names *list, const char *name, size_t len)
{
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 64;
		list->names = realloc(list->names, list->room * sizeof(*list->names));
	}
	if (!list->names || !(list->names[list->count] = strndup(name, len))) {
		perror("manifest");
		exit(2);
	}
	list->count++;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void manifest_names_sort(struct manifest_names *list)
{
	if (list->count)
		qsort(list->names, list->count, sizeof(*list->names), compare_names);
}

void manifest_names_finish(struct manifest_names *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
}

void manifest_leave_out(const char *fields)
{
	left_out = fields;
}

bool manifest_shows(const char *field)
{
	size_t len = strlen(field);
	const char *at = left_out;

	while ((at = strstr(at, field))) {
		if ((at == left_out || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return false;
		at += len;
	}
	return true;
}

uint64_t manifest_hash(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash;
}

char manifest_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	default:
		return '?';
	}
}

void manifest_escaped(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= ' ' || c > '~' || c == '\\')
			printf("\\%03o", c);
		else
			putchar(c);
	}
}

static void print_number(const char *field, uint64_t value)
{
	if (manifest_shows(field))
		printf(" %s=%" PRIu64, field, value);
}

static void print_time(const char *field, const struct timespec *t)
{
	if (manifest_shows(field))
		printf(" %s=%lld.%09ld", field, (long long)t->tv_sec, t->tv_nsec);
}

void manifest_node_print(const struct manifest_node *node)
{
	if (node->ino)
		print_number("ino", node->ino);
	else if (manifest_shows("ino"))
		fputs(" ino=root", stdout);
	printf(" type=%c mode=%04o", manifest_type(node->mode), node->mode & 07777);
	print_number("uid", node->uid);
	print_number("gid", node->gid);
	print_number("nlink", node->nlink);
	print_number("size", node->size);
	print_number("blocks", node->blocks);
	if (S_ISCHR(node->mode) || S_ISBLK(node->mode))
		printf(" rdev=%u:%u", node->major, node->minor);
	print_time("mtime", &node->mtime);
	print_time("atime", &node->atime);
	print_time("ctime", &node->ctime);
}

void manifest_text(const char *field, const char *text, size_t len)
{
	if (!manifest_shows(field))
		return;
	printf(" %s=", field);
	manifest_escaped(text, len);
}

void manifest_hash_print(uint64_t hash)
{
	if (manifest_shows("hash"))
		printf(" hash=%016" PRIx64, hash);
}

void manifest_xattr_print(const struct manifest_xattr *xattr)
{
	const uint8_t *bytes = xattr->value;
	char field[300];

	snprintf(field, sizeof(field), "xattr:%s", xattr->name);
	if (!manifest_shows("xattr") || !manifest_shows(field))
		return;
	fputs(" xattr:", stdout);
	manifest_escaped(xattr->name, strlen(xattr->name));
	if (xattr->error) {
		printf("=%s", strerrorname_np(xattr->error));
		status = 1;
		return;
	}
	putchar('=');
	if (xattr->size > XATTR_WHOLE_MAX) {
		printf("%zu/%016" PRIx64, xattr->size,
		       manifest_hash(MANIFEST_HASH_START, bytes, xattr->size));
		return;
	}
	for (size_t i = 0; i < xattr->size; i++)
		printf("%02x", bytes[i]);
}

void manifest_error(const char *field, int error)
{
	const char *name = strerrorname_np(error);

	status = 1;
	if (name)
		printf(" %s=%s", field, name);
	else
		printf(" %s=E%d", field, error);
}

int manifest_status(void)
{
	return status;
}

char *manifest_join(const char *dir, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", strcmp(dir, "/") ? dir : "", name) < 0) {
		perror("manifest");
		exit(2);
	}
	return path;
}
