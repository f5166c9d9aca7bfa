/* SPDX-License-Identifier: MIT */
/*
 * A volume as text, for comparison with what other programs see.
 *
 *     tree_dump fat|ext4 IMAGE          one line for every path, in the order of the names' bytes
 *     tree_dump fat|ext4 IMAGE PATH     that file's bytes
 *     tree_dump host PATH...            "/PATH type size mtime content" of files outside any image
 *
 * Fields of a line, separated by spaces:
 *
 *     path type mode nlink uid gid size blocks mtime atime ctime btime rdev id content
 *
 * type is one of f d l c b p s; times are seconds.nanoseconds; content is the CRC-32C of a file, the
 * target of a symbolic link, else "-". Bytes of paths and targets that are no visible ASCII, and the
 * backslash, are written as \ooo. Exits 1 where anything could not be read ("error" in its line).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/crc.h"
#include "fat/fat.h"
#include "image/image.h"
#include "tree/tree.h"
#ifdef WITH_EXT4
#include "ext4/ext4.h"
#endif

#define DEPTH_MAX 128
#define BUFFER_BYTES (1u << 17)

static bool failed;

struct names {
	char **names;
	size_t count;
	size_t room;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "tree_dump: %s: %s\n", what, strerror(-err));
	exit(2);
}

static int take_name(void *ctx, const struct tree_entry *entry)
{
	struct names *list = ctx;

	if (entry->name[0] == '.' &&
	    (entry->name_len == 1 || (entry->name_len == 2 && entry->name[1] == '.')))
		return 0;
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 64;
		list->names = realloc(list->names, list->room * sizeof(*list->names));
		if (!list->names)
			die("names", -ENOMEM);
	}
	list->names[list->count] = strndup(entry->name, entry->name_len);
	if (!list->names[list->count++])
		die("names", -ENOMEM);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_escaped(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= ' ' || c > '~' || c == '\\')
			printf("\\%03o", c);
		else
			putchar(c);
	}
}

static char type_letter(uint32_t mode)
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

static void print_error(ssize_t err)
{
	printf(" error:%s", strerrorname_np((int)-err));
	failed = true;
}

/* Feeds the whole file to the checksum, or to stdout. */
static ssize_t read_whole(struct tree *tree, uint64_t id, uint32_t *crc, FILE *out)
{
	CLEANUP(freep) char *buffer = malloc(BUFFER_BYTES);
	uint64_t offset = 0;
	ssize_t n;

	if (!buffer)
		return -ENOMEM;
	while ((n = tree_read(tree, id, buffer, BUFFER_BYTES, offset)) > 0) {
		if (out && fwrite(buffer, 1, (size_t)n, out) != (size_t)n)
			return -EIO;
		*crc = crc32c(*crc, buffer, (size_t)n);
		offset += (uint64_t)n;
	}
	return n;
}

static void print_content(struct tree *tree, const struct tree_attr *attr)
{
	char target[TREE_LINK_MAX];
	uint32_t crc = ~0u;
	ssize_t n;

	if (S_ISREG(attr->mode)) {
		n = read_whole(tree, attr->id, &crc, NULL);
		if (n < 0)
			print_error(n);
		else
			printf(" %08x", ~crc);
	} else if (S_ISLNK(attr->mode)) {
		n = tree_readlink(tree, attr->id, target, sizeof(target));
		if (n < 0) {
			print_error(n);
		} else {
			putchar(' ');
			print_escaped(target, (size_t)n);
		}
	} else {
		fputs(" -", stdout);
	}
}

static void print_time(struct timespec t)
{
	printf(" %lld.%09ld", (long long)t.tv_sec, t.tv_nsec);
}

static int print_node(struct tree *tree, uint64_t id, const char *path, struct tree_attr *attr)
{
	int err = tree_getattr(tree, id, attr);

	print_escaped(path, strlen(path));
	if (err) {
		print_error(err);
		putchar('\n');
		return err;
	}
	printf(" %c %04o %u %u %u %" PRIu64 " %" PRIu64, type_letter(attr->mode),
	       attr->mode & 07777, attr->nlink, attr->uid, attr->gid, attr->size, attr->blocks);
	print_time(attr->mtime);
	print_time(attr->atime);
	print_time(attr->ctime);
	print_time(attr->btime);
	printf(" %u:%u %" PRIu64, major(attr->rdev), minor(attr->rdev), id);
	print_content(tree, attr);
	putchar('\n');
	return 0;
}

static void dump(struct tree *tree, uint64_t id, const char *path, int depth)
{
	struct names list = {0};
	struct tree_attr attr;
	int err;

	if (print_node(tree, id, path, &attr) || !S_ISDIR(attr.mode))
		return;
	err = depth < DEPTH_MAX ? tree_readdir(tree, id, 0, take_name, &list) : -ELOOP;
	if (list.count)
		qsort(list.names, list.count, sizeof(*list.names), compare_names);
	for (size_t i = 0; i < list.count; i++) {
		CLEANUP(freep) char *child = NULL;
		uint64_t child_id;
		int missing;

		if (asprintf(&child, "%s/%s", strcmp(path, "/") ? path : "", list.names[i]) < 0)
			die("names", -ENOMEM);
		missing = tree_lookup(tree, id, list.names[i], strlen(list.names[i]), &child_id);
		if (missing) {
			print_escaped(child, strlen(child));
			print_error(missing);
			putchar('\n');
		} else {
			dump(tree, child_id, child, depth + 1);
		}
		free(list.names[i]);
	}
	free(list.names);
	if (err) {
		print_escaped(path, strlen(path));
		print_error(err);
		putchar('\n');
	}
}

static int dump_host(char **paths)
{
	for (; *paths; paths++) {
		CLEANUP(closep) int fd = -1;
		char buffer[65536];
		uint32_t crc = ~0u;
		struct stat st;
		ssize_t n;

		fd = open(*paths, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			die(*paths, -errno);
		putchar('/');
		print_escaped(*paths, strlen(*paths));
		printf(" %c %llu", type_letter(st.st_mode), (unsigned long long)st.st_size);
		print_time(st.st_mtim);
		if (S_ISDIR(st.st_mode)) {
			puts(" -");
			continue;
		}
		while ((n = read(fd, buffer, sizeof(buffer))) > 0)
			crc = crc32c(crc, buffer, (size_t)n);
		if (n < 0)
			die(*paths, -errno);
		printf(" %08x\n", ~crc);
	}
	return 0;
}

static int open_volume(const char *kind, struct image *img, struct tree **out)
{
	const struct fat_options fat = {0};

	if (strcmp(kind, "fat") == 0)
		return fat_open(img, &fat, out);
#ifdef WITH_EXT4
	if (strcmp(kind, "ext4") == 0) {
		const struct ext4_options ext4 = {0};

		return ext4_open(img, &ext4, out);
	}
#endif
	return -EOPNOTSUPP;
}

int main(int argc, char **argv)
{
	CLEANUP(image_closep) struct image *img = NULL;
	CLEANUP(tree_closep) struct tree *tree = NULL;
	uint32_t crc = 0;
	uint64_t id;
	ssize_t err;

	if (argc >= 3 && strcmp(argv[1], "host") == 0)
		return dump_host(argv + 2);
	if (argc != 3 && argc != 4) {
		fputs("usage: tree_dump fat|ext4 IMAGE [PATH], tree_dump host PATH...\n", stderr);
		return 2;
	}
	err = image_open(argv[2], &img);
	if (err)
		die(argv[2], (int)err);
	err = open_volume(argv[1], img, &tree);
	if (err)
		die(argv[2], (int)err);
	if (argc == 3) {
		dump(tree, TREE_ROOT, "/", 0);
		return failed;
	}
	err = tree_walk(tree, argv[3], true, &id);
	if (!err)
		err = read_whole(tree, id, &crc, stdout);
	if (err)
		die(argv[3], (int)err);
	return 0;
}
