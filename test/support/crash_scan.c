/* SPDX-License-Identifier: MIT */
/* crash_load: makes a model of what a directory holds, and says what cannot be. */
#include "crash_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PROBLEMS_MAX 20u

struct scan {
	struct crash_model *model;
	unsigned int thread;
	unsigned int problems;
};

#define problem(scan, ...)                                                                         \
	do {                                                                                       \
		if ((scan)->problems++ < PROBLEMS_MAX)                                             \
			printf("t%u: ", (scan)->thread), printf(__VA_ARGS__), putchar('\n');       \
	} while (0)

static bool is_zero(const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

static struct crash_block identify(struct scan *scan, const char *name, uint32_t number,
				   const unsigned char *bytes, size_t len)
{
	unsigned char pattern[CRASH_BLOCK];
	struct crash_block block = {0, 0};
	unsigned int thread = 0;

	if (is_zero(bytes, len))
		return block;
	block.stamp = crash_pattern_stamp(bytes, len, &thread);
	if (!block.stamp || thread != scan->thread) {
		problem(scan, "%s: block %u is %s (stamp %u of t%u)", name, number,
			block.stamp ? "another thread's" : "nothing that was written", block.stamp,
			thread);
		return (struct crash_block){UINT32_MAX, 0};
	}
	crash_pattern(thread, block.stamp, pattern);
	while (block.len < len && bytes[block.len] == pattern[block.len])
		block.len++;
	if (!is_zero(bytes + block.len, len - block.len)) {
		problem(scan, "%s: block %u begins with stamp %u and is torn at byte %u", name,
			number, block.stamp, block.len);
		return (struct crash_block){UINT32_MAX, 0};
	}
	return block;
}

static void scan_tag(struct scan *scan, int fd, const char *name, struct crash_node *node)
{
	char tag[32];
	ssize_t got = fgetxattr(fd, "user.tag", tag, sizeof(tag) - 1);

	if (got >= 0) {
		tag[got] = 0;
		node->tag = (uint32_t)strtoul(tag, NULL, 10);
	} else if (errno != ENODATA && errno != EOPNOTSUPP) {
		problem(scan, "%s: user.tag: %s", name, strerror(errno));
	}
}

static void scan_file(struct scan *scan, int dir, const char *name, struct crash_node *node)
{
	static _Thread_local unsigned char bytes[CRASH_BLOCKS * CRASH_BLOCK + 1];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got;
	size_t all = 0;

	if (fd < 0) {
		problem(scan, "%s: cannot be opened: %s", name, strerror(errno));
		return;
	}
	while (all < sizeof(bytes) && (got = read(fd, bytes + all, sizeof(bytes) - all)) != 0) {
		if (got < 0) {
			problem(scan, "%s: cannot be read: %s", name, strerror(errno));
			break;
		}
		all += (size_t)got;
	}
	if (all != node->size)
		problem(scan, "%s: %zu bytes were read of %llu", name, all,
			(unsigned long long)node->size);
	for (uint32_t i = 0; i < CRASH_BLOCKS && (size_t)i * CRASH_BLOCK < all; i++) {
		size_t start = (size_t)i * CRASH_BLOCK;
		size_t len = all - start < CRASH_BLOCK ? all - start : CRASH_BLOCK;

		node->blocks[i] = identify(scan, name, i, bytes + start, len);
	}
	scan_tag(scan, fd, name, node);
	close(fd);
}

static void scan_link(struct scan *scan, int dir, const char *name, struct crash_node *node)
{
	char target[64];
	ssize_t got = readlinkat(dir, name, target, sizeof(target) - 1);

	if (got < 0) {
		problem(scan, "%s: cannot be read: %s", name, strerror(errno));
		return;
	}
	target[got] = 0;
	node->tag = (uint32_t)strtoul(target, NULL, 10);
	node->mode = 0777; /* some systems have others */
}

static enum crash_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return CRASH_FILE;
	case S_IFDIR:
		return CRASH_DIR;
	case S_IFLNK:
		return CRASH_SYMLINK;
	case S_IFIFO:
		return CRASH_FIFO;
	default:
		return CRASH_NONE;
	}
}

static int known(const struct crash_model *model, uint64_t ino)
{
	for (int i = 0; i < model->count; i++) {
		if (model->nodes[i].ino == ino)
			return i;
	}
	return -1;
}

static void scan_dir(struct scan *scan, int fd, int number, nlink_t nlink);

static void scan_entry(struct scan *scan, int fd, int dir, const char *name)
{
	struct crash_model *model = scan->model;
	uint32_t number = crash_name_number(name);
	struct stat st;
	int node, child;

	if (number == CRASH_NAMES || model->nodes[dir].children[number] >= 0) {
		problem(scan, "%s: a name that nobody gave, or that is there twice", name);
		return;
	}
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		problem(scan, "%s: is listed, but: %s", name, strerror(errno));
		return;
	}
	node = known(model, st.st_ino);
	if (node >= 0) {
		crash_model_name(model, dir, number, node);
		return;
	}
	node = crash_model_add(model, type_of(st.st_mode), st.st_mode & 07777);
	model->nodes[node].ino = st.st_ino;
	crash_model_name(model, dir, number, node);
	switch (model->nodes[node].type) {
	case CRASH_FILE:
		model->nodes[node].size = (uint64_t)st.st_size;
		scan_file(scan, fd, name, &model->nodes[node]);
		break;
	case CRASH_SYMLINK:
		scan_link(scan, fd, name, &model->nodes[node]);
		break;
	case CRASH_DIR:
		child = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (child < 0) {
			problem(scan, "%s: cannot be opened: %s", name, strerror(errno));
			break;
		}
		scan_tag(scan, child, name, &model->nodes[node]);
		scan_dir(scan, child, node, st.st_nlink);
		break;
	default:
		break;
	}
	if (model->nodes[node].type == CRASH_NONE)
		problem(scan, "%s: of a type that nobody made: %o", name, st.st_mode);
}

/* Closes @fd. */
static void scan_dir(struct scan *scan, int fd, int number, nlink_t nlink)
{
	DIR *dir = fdopendir(fd);
	nlink_t wanted = 2;
	struct dirent *entry;

	if (!dir)
		crash_die("fdopendir");
	errno = 0;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			scan_entry(scan, fd, number, entry->d_name);
		errno = 0;
	}
	if (errno)
		problem(scan, "directory %d: cannot be listed: %s", number, strerror(errno));
	for (uint32_t i = 0; i < CRASH_NAMES; i++) {
		int child = scan->model->nodes[number].children[i];

		wanted += child >= 0 && scan->model->nodes[child].type == CRASH_DIR;
	}
	if (nlink != wanted)
		problem(scan, "directory %d: %lu links, not %lu", number, (unsigned long)nlink,
			(unsigned long)wanted);
	closedir(dir);
}

static void check_links(struct scan *scan, int fd)
{
	const struct crash_model *model = scan->model;

	for (int i = 1; i < model->count; i++) {
		char path[4096];
		struct stat st;
		uint32_t name;
		int dir;

		if (model->nodes[i].type == CRASH_DIR || !crash_model_find(model, i, &dir, &name))
			continue;
		crash_path(model, dir, name, path, sizeof(path));
		if (fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_nlink != model->nodes[i].nlink)
			problem(scan, "%s: %lu links, and %u names", path,
				(unsigned long)st.st_nlink, model->nodes[i].nlink);
	}
}

unsigned int crash_scan(int fd, unsigned int thread, struct crash_model *out)
{
	struct scan scan = {out, thread, 0};
	struct stat st;

	crash_model_init(out, 0, 0);
	if (fstat(fd, &st) < 0)
		crash_die("fstat");
	out->nodes[0].ino = st.st_ino;
	scan_dir(&scan, openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0, st.st_nlink);
	check_links(&scan, fd);
	return scan.problems;
}
