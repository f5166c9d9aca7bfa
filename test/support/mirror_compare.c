/* SPDX-License-Identifier: MIT */
/* Compares both sides: attributes, contents, extended attributes, links. Says what differs. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/checked.h"
#include "support/mirror.h"

#define BLOCK 4096u
#define CHUNK 65536u
#define DIFFERENCES_MAX 20u /* then the rest is not worth looking at */
#define LIST_MAX 65536u

/*
 * Times of our own days were not asked for, but are when something was done, first on one side and
 * then on the other: they are equal if not further apart than these seconds.
 */
#define OUR_DAYS_START 1700000000
#define OUR_DAYS_END 2200000000
#define APART_MAX 300

struct pair {
	dev_t dev[2];
	ino_t ino[2];
	char *path; /* owned */
};

struct comparison {
	const struct mirror_abilities *abilities;
	bool collect;
	unsigned int differences;
	struct pair *pairs;
	size_t pair_count;
	size_t pair_room;
};

unsigned int mirror_differ(const char *path, const char *what, int64_t a, int64_t b)
{
	char quoted[MIRROR_QUOTED];

	mirror_quote(path, quoted);
	printf("difference: '%s': %s: %lld, %lld\n", quoted, what, (long long)a, (long long)b);
	return 1;
}

static bool is_of_our_days(const struct timespec *time)
{
	return time->tv_sec > OUR_DAYS_START && time->tv_sec < OUR_DAYS_END;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec)
		return true;
	return is_of_our_days(a) && is_of_our_days(b) && llabs(a->tv_sec - b->tv_sec) <= APART_MAX;
}

unsigned int mirror_compare_stat(const struct mirror_abilities *abilities, const char *path,
				 const struct stat *a, const struct stat *b)
{
	unsigned int differences = 0;

	if (a->st_mode != b->st_mode)
		differences += mirror_differ(path, "mode", a->st_mode, b->st_mode);
	if (a->st_uid != b->st_uid)
		differences += mirror_differ(path, "owner", a->st_uid, b->st_uid);
	if (a->st_gid != b->st_gid)
		differences += mirror_differ(path, "group", a->st_gid, b->st_gid);
	if (a->st_nlink != b->st_nlink && (!S_ISDIR(a->st_mode) || abilities->counts_dirs))
		differences +=
			mirror_differ(path, "links", (int64_t)a->st_nlink, (int64_t)b->st_nlink);
	if (a->st_size != b->st_size && !S_ISDIR(a->st_mode))
		differences += mirror_differ(path, "size", a->st_size, b->st_size);
	if (a->st_rdev != b->st_rdev)
		differences +=
			mirror_differ(path, "device", (int64_t)a->st_rdev, (int64_t)b->st_rdev);
	if (!same_time(&a->st_mtim, &b->st_mtim)) {
		differences += mirror_differ(path, "time", a->st_mtim.tv_sec, b->st_mtim.tv_sec);
		mirror_differ(path, "nanoseconds", a->st_mtim.tv_nsec, b->st_mtim.tv_nsec);
	}
	return differences;
}

static bool is_zero(const uint8_t *data, size_t len)
{
	return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

/* Adds the blocks from @start on to the hash, those of zeros left out. */
static int hash_range(int fd, uint64_t start, uint64_t end, uint64_t *hash)
{
	static uint8_t data[CHUNK];

	for (uint64_t at = start; at < end;) {
		ssize_t n = pread(fd, data, min_u64(CHUNK, end - at), (off_t)at);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		for (size_t i = 0; i < (size_t)n; i += BLOCK) {
			size_t len = min_u64(BLOCK, (size_t)n - i);
			uint64_t where = at + i;

			if (is_zero(data + i, len))
				continue;
			*hash = mirror_hash(*hash, &where, sizeof(where));
			/* a block counts whole, wherever the file ends in it */
			memset(data + i + len, 0, len < BLOCK ? BLOCK - len : 0);
			*hash = mirror_hash(*hash, data + i, BLOCK);
		}
		at += (uint64_t)n;
	}
	return 0;
}

int mirror_hash_file(int fd, uint64_t size, uint64_t *out)
{
	off_t position = lseek(fd, 0, SEEK_CUR);
	uint64_t at = 0;
	int got = 0;

	*out = mirror_hash(0, &size, sizeof(size));
	while (at < size && got == 0) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;
		uint64_t start, end;

		if (data < 0 && errno == ENXIO)
			break;
		hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return -1;
		start = max_u64(at, (uint64_t)data & ~(uint64_t)(BLOCK - 1));
		end = min_u64(size, ((uint64_t)hole + BLOCK - 1) & ~(uint64_t)(BLOCK - 1));
		got = start < end ? hash_range(fd, start, end, out) : 0;
		at = max_u64(end, (uint64_t)hole);
	}
	if (position >= 0)
		lseek(fd, position, SEEK_SET);
	return got;
}

static unsigned int compare_contents(const char *path, const int fds[2], const struct stat st[2])
{
	uint64_t hash[2];

	for (int i = 0; i < 2; i++) {
		if (fds[i] < 0 || mirror_hash_file(fds[i], (uint64_t)st[i].st_size, &hash[i]) < 0)
			return mirror_differ(path, "errno of reading", i == 0 ? errno : 0,
					     i == 1 ? errno : 0);
	}
	return hash[0] == hash[1] ? 0 : mirror_differ(path, "contents", 0, 1);
}

unsigned int mirror_compare_handles(const struct mirror_abilities *abilities,
				    struct mirror_side sides[2])
{
	unsigned int differences = 0;

	for (int i = 0; i < MIRROR_HANDLES; i++) {
		const int fds[2] = {sides[0].handles[i], sides[1].handles[i]};
		char name[32];
		struct stat st[2];

		if (fds[0] < 0)
			continue;
		snprintf(name, sizeof(name), "(open file %d)", i);
		if (fstat(fds[0], &st[0]) < 0 || fstat(fds[1], &st[1]) < 0)
			err(2, "fstat");
		differences += mirror_compare_stat(abilities, name, &st[0], &st[1]);
		if (S_ISREG(st[0].st_mode) && S_ISREG(st[1].st_mode) &&
		    (fcntl(fds[0], F_GETFL) & O_ACCMODE) != O_WRONLY)
			differences += compare_contents(name, fds, st);
	}
	return differences;
}

static unsigned int compare_files(const char *path, const char *name, const int dirs[2],
				  const struct stat st[2])
{
	unsigned int differences;
	int fds[2];

	for (int i = 0; i < 2; i++)
		fds[i] = openat(dirs[i], name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	differences = compare_contents(path, fds, st);
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	return differences;
}

static unsigned int compare_targets(const char *path, const char *name, const int dirs[2])
{
	char targets[2][4096];
	ssize_t lens[2];

	for (int i = 0; i < 2; i++)
		lens[i] = readlinkat(dirs[i], name, targets[i], sizeof(targets[i]));
	if (lens[0] != lens[1] || lens[0] < 0 ||
	    memcmp(targets[0], targets[1], (size_t)lens[0]) != 0)
		return mirror_differ(path, "target", lens[0], lens[1]);
	return 0;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The attributes of a name in the current directory as text: names sorted, with hashes. */
static char *describe_attributes(const char *name)
{
	static char list[LIST_MAX], value[LIST_MAX], text[LIST_MAX];
	const char *names[LIST_MAX / 64];
	ssize_t len = llistxattr(name, list, sizeof(list));
	size_t count = 0, used = 0;

	text[0] = '\0';
	if (len < 0) {
		if (errno != EOPNOTSUPP)
			snprintf(text, sizeof(text), "errno %d", errno);
		return strdup(text);
	}
	for (ssize_t at = 0; at < len && count < ARRAY_SIZE(names);
	     at += (ssize_t)strlen(list + at) + 1)
		names[count++] = list + at;
	qsort(names, count, sizeof(*names), compare_strings);
	for (size_t i = 0; i < count && used < sizeof(text) - 400; i++) {
		ssize_t n = lgetxattr(name, names[i], value, sizeof(value));

		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%s:%zd:%llx ", names[i], n,
			n < 0 ? (unsigned long long)errno
			      : (unsigned long long)mirror_hash(0, value, (size_t)n));
	}
	return strdup(text);
}

static unsigned int compare_attributes(const char *path, const char *name, const int dirs[2])
{
	unsigned int differences = 0;
	char *texts[2];

	for (int i = 0; i < 2; i++) {
		if (fchdir(dirs[i]) < 0)
			err(2, "%s", path);
		texts[i] = describe_attributes(name);
		if (!texts[i])
			err(2, "memory");
	}
	if (strcmp(texts[0], texts[1]) != 0) {
		differences = mirror_differ(path, "attributes", 0, 1);
		printf("'%s'\n'%s'\n", texts[0], texts[1]);
	}
	free(texts[0]);
	free(texts[1]);
	return differences;
}

static void add_pair(struct comparison *c, const char *path, const struct stat st[2])
{
	struct pair *pair;

	if (c->pair_count == c->pair_room) {
		c->pair_room = c->pair_room ? 2 * c->pair_room : 1024;
		c->pairs = reallocarray(c->pairs, c->pair_room, sizeof(*c->pairs));
		if (!c->pairs)
			err(2, "memory");
	}
	pair = &c->pairs[c->pair_count++];
	for (int i = 0; i < 2; i++) {
		pair->dev[i] = st[i].st_dev;
		pair->ino[i] = st[i].st_ino;
	}
	pair->path = strdup(path);
	if (!pair->path)
		err(2, "memory");
}

static int compare_side(const struct pair *a, const struct pair *b, int side)
{
	if (a->dev[side] != b->dev[side])
		return a->dev[side] < b->dev[side] ? -1 : 1;
	if (a->ino[side] != b->ino[side])
		return a->ino[side] < b->ino[side] ? -1 : 1;
	return 0;
}

static int compare_first(const void *a, const void *b)
{
	return compare_side(a, b, 0);
}

static int compare_second(const void *a, const void *b)
{
	return compare_side(a, b, 1);
}

/* Two names of one file on one side are two names of one file on the other. */
static void compare_links(struct comparison *c)
{
	for (int side = 0; side < 2 && c->pair_count; side++) {
		qsort(c->pairs, c->pair_count, sizeof(*c->pairs),
		      side ? compare_second : compare_first);
		for (size_t i = 1; i < c->pair_count; i++) {
			const struct pair *a = &c->pairs[i - 1], *b = &c->pairs[i];

			if (compare_side(a, b, side) || !compare_side(a, b, !side))
				continue;
			c->differences += mirror_differ(a->path, "one file on one side only, with",
							side == 0, side == 1);
			mirror_differ(b->path, "this", side == 0, side == 1);
		}
	}
}

static void compare_dirs(struct comparison *c, const int dirs[2], const char *path);

static void compare_sub(struct comparison *c, const int dirs[2], const char *name, const char *path)
{
	int subs[2];

	for (int i = 0; i < 2; i++)
		subs[i] = openat(dirs[i], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (subs[0] < 0 || subs[1] < 0)
		c->differences += mirror_differ(path, "cannot be opened", subs[0], subs[1]);
	else
		compare_dirs(c, subs, path);
	for (int i = 0; i < 2; i++) {
		if (subs[i] >= 0)
			close(subs[i]);
	}
}

static void compare_nodes(struct comparison *c, const int dirs[2], const char *name,
			  const char *path)
{
	struct stat st[2];

	for (int i = 0; i < 2; i++) {
		if (fstatat(dirs[i], name, &st[i], AT_SYMLINK_NOFOLLOW) < 0) {
			c->differences +=
				mirror_differ(path, "errno of stat", i ? 0 : errno, i ? errno : 0);
			return;
		}
	}
	c->differences += mirror_compare_stat(c->abilities, path, &st[0], &st[1]);
	if ((st[0].st_mode & S_IFMT) != (st[1].st_mode & S_IFMT))
		return;
	c->differences += compare_attributes(path, name, dirs);
	add_pair(c, path, st);
	if (c->collect && strlen(path) < MIRROR_PATH)
		mirror_paths_add(path, st[0].st_mode);
	if (S_ISREG(st[0].st_mode))
		c->differences += compare_files(path, name, dirs, st);
	else if (S_ISLNK(st[0].st_mode))
		c->differences += compare_targets(path, name, dirs);
	else if (S_ISDIR(st[0].st_mode))
		compare_sub(c, dirs, name, path);
}

static void compare_dirs(struct comparison *c, const int dirs[2], const char *path)
{
	size_t counts[2], at[2] = {0, 0};
	char **names[2];

	for (int i = 0; i < 2; i++)
		names[i] = mirror_names(dirs[i], &counts[i]);
	while ((at[0] < counts[0] || at[1] < counts[1]) && c->differences < DIFFERENCES_MAX) {
		int order = at[0] == counts[0]	 ? 1
			    : at[1] == counts[1] ? -1
						 : strcmp(names[0][at[0]], names[1][at[1]]);
		int side = order > 0;
		char *below;

		if (asprintf(&below, "%s%s%s", path, *path ? "/" : "", names[side][at[side]]) < 0)
			err(2, "memory");
		if (order == 0) {
			compare_nodes(c, dirs, names[0][at[0]], below);
		} else {
			c->differences += mirror_differ(below, "there", !side, side);
		}
		free(below);
		at[0] += order <= 0;
		at[1] += order >= 0;
	}
	for (int i = 0; i < 2; i++)
		mirror_names_free(names[i], counts[i]);
}

unsigned int mirror_compare_trees(const struct mirror_abilities *abilities,
				  struct mirror_side sides[2], bool collect)
{
	struct comparison c = {.abilities = abilities, .collect = collect};
	const int dirs[2] = {sides[0].root, sides[1].root};
	struct stat st[2];

	if (collect)
		mirror_paths_clear();
	for (int i = 0; i < 2; i++) {
		if (fstat(dirs[i], &st[i]) < 0)
			err(2, "%s", sides[i].dir);
	}
	c.differences += mirror_compare_stat(abilities, ".", &st[0], &st[1]);
	c.differences += compare_attributes(".", ".", dirs);
	compare_dirs(&c, dirs, "");
	compare_links(&c);
	for (size_t i = 0; i < c.pair_count; i++)
		free(c.pairs[i].path);
	free(c.pairs);
	return c.differences + mirror_compare_handles(abilities, sides);
}
