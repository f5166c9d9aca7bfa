/* SPDX-License-Identifier: MIT */
/*
 * Listings: what is in a directory, and whether a listing stays right while names come and go: each
 * name that stays is given once, and a position leads to the same names again.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "support/mirror.h"

#define ADDED 16u /* names that come during a listing; each second goes again at once */
#define GONE 2u /* names that were there before and go */

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

char **mirror_names(int fd, size_t *out_count)
{
	/* not opened again, for which it would have to be searchable; so the position is shared */
	DIR *dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	char **names = NULL;
	size_t count = 0, room = 0;
	const struct dirent *entry;

	if (!dir)
		err(2, "a directory cannot be listed");
	rewinddir(dir);
	while ((errno = 0, entry = readdir(dir))) {
		if (is_dot(entry->d_name))
			continue;
		if (count == room) {
			room = room ? 2 * room : 16;
			names = reallocarray(names, room, sizeof(*names));
		}
		if (!names || !(names[count++] = strdup(entry->d_name)))
			err(2, "memory");
	}
	if (errno)
		err(2, "readdir");
	rewinddir(dir);
	closedir(dir);
	if (count)
		qsort(names, count, sizeof(*names), compare_names);
	*out_count = count;
	return names;
}

void mirror_names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static void refuse(struct mirror_outcome *out)
{
	out->ret = -1;
	out->error = errno;
}

/* Whether the number in the listing is the file's; of what is mounted there it need not be. */
static bool lies_about_number(int fd, const struct stat *dir, const struct dirent *entry)
{
	struct stat st;

	return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == dir->st_dev && st.st_ino != entry->d_ino;
}

void mirror_list(const struct mirror_action *action, struct mirror_outcome *out)
{
	DIR *dir = opendir(action->path);
	const struct dirent *entry;
	struct stat st;

	if (!dir) {
		refuse(out);
		return;
	}
	if (fstat(dirfd(dir), &st) < 0)
		err(2, "fstat");
	while ((errno = 0, entry = readdir(dir))) {
		const uint8_t type = entry->d_type;

		out->ret++;
		/* a sum, as the order is the file system's */
		out->hash +=
			mirror_hash(mirror_hash(1, entry->d_name, strlen(entry->d_name)), &type, 1);
		if (!is_dot(entry->d_name) && lies_about_number(dirfd(dir), &st, entry))
			snprintf(out->note, sizeof(out->note), "%.100s has another number",
				 entry->d_name);
	}
	if (errno)
		refuse(out);
	closedir(dir);
}

/* A listing under way, with the names that were there before and what became of them. */
struct watch {
	DIR *dir;
	char **names; /* sorted */
	size_t count;
	bool *gone;
	unsigned int *seen;
	size_t *first; /* those given in the first half, as places in @names */
	long *positions; /* behind each of them */
	size_t first_count;
};

static size_t place_of(const struct watch *watch, const char *name)
{
	char **found = watch->count ? bsearch(&name, watch->names, watch->count,
					      sizeof(*watch->names), compare_names)
				    : NULL;

	return found ? (size_t)(found - watch->names) : SIZE_MAX;
}

static void *need(void *memory)
{
	if (!memory)
		err(2, "memory");
	return memory;
}

static void watch_start(struct watch *watch)
{
	watch->names = mirror_names(dirfd(watch->dir), &watch->count);
	watch->gone = need(calloc(watch->count + 1, sizeof(*watch->gone)));
	watch->seen = need(calloc(watch->count + 1, sizeof(*watch->seen)));
	watch->first = need(calloc(watch->count + 1, sizeof(*watch->first)));
	watch->positions = need(calloc(watch->count + 1, sizeof(*watch->positions)));
}

static void watch_end(struct watch *watch)
{
	mirror_names_free(watch->names, watch->count);
	free(watch->gone);
	free(watch->seen);
	free(watch->first);
	free(watch->positions);
	closedir(watch->dir);
}

static void read_first_half(struct watch *watch)
{
	const struct dirent *entry;

	while (watch->first_count < watch->count / 2 && (entry = readdir(watch->dir))) {
		size_t place = place_of(watch, entry->d_name);

		if (place == SIZE_MAX)
			continue;
		watch->seen[place]++;
		watch->first[watch->first_count] = place;
		watch->positions[watch->first_count++] = telldir(watch->dir);
	}
}

static void read_rest(struct watch *watch)
{
	const struct dirent *entry;

	while ((entry = readdir(watch->dir))) {
		size_t place = place_of(watch, entry->d_name);

		if (place != SIZE_MAX)
			watch->seen[place]++;
	}
}

static void name_added(uint64_t seed, unsigned int i, char out[40])
{
	snprintf(out, 40, "added-%x-%u", (unsigned int)(seed & 0xffff), i);
}

/* Names come and go; what was possible is part of the outcome. */
static void change(struct watch *watch, const struct mirror_action *action,
		   struct mirror_outcome *out)
{
	int fd = dirfd(watch->dir);
	char name[40];

	for (unsigned int i = 0; i < ADDED; i++) {
		int added;

		name_added(action->seed, i, name);
		added = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		out->hash = out->hash * 3 + (uint64_t)(added >= 0);
		if (added >= 0)
			close(added);
		if (i % 2)
			out->hash = out->hash * 3 + (uint64_t)(unlinkat(fd, name, 0) == 0);
	}
	for (unsigned int i = 0; i < GONE && watch->count; i++) {
		size_t place = (size_t)(action->seed >> (8 * i)) % watch->count;

		if (watch->gone[place] || unlinkat(fd, watch->names[place], 0) < 0)
			continue;
		watch->gone[place] = true;
		out->hash = out->hash * 3 + 2;
	}
}

/* Each name that stays has to be @seen as often as @want says. */
static void check(const struct watch *watch, const bool *before, const char *what,
		  struct mirror_outcome *out)
{
	for (size_t i = 0; i < watch->count; i++) {
		unsigned int want = before && before[i] ? 0 : 1;

		if (watch->gone[i] || watch->seen[i] == want)
			continue;
		out->ret++;
		snprintf(out->note, sizeof(out->note), "%s: %.100s was given %u times", what,
			 watch->names[i], watch->seen[i]);
	}
}

static void check_position(struct watch *watch, size_t index, struct mirror_outcome *out)
{
	bool *before = need(calloc(watch->count + 1, sizeof(*before)));

	for (size_t i = 0; i <= index; i++)
		before[watch->first[i]] = true;
	memset(watch->seen, 0, watch->count * sizeof(*watch->seen));
	seekdir(watch->dir, watch->positions[index]);
	read_rest(watch);
	check(watch, before, "behind a position", out);
	free(before);
}

void mirror_list_changing(const struct mirror_action *action, struct mirror_outcome *out)
{
	struct watch watch = {.dir = opendir(action->path)};
	char name[40];

	if (!watch.dir) {
		refuse(out);
		return;
	}
	watch_start(&watch);
	read_first_half(&watch);
	change(&watch, action, out);
	read_rest(&watch);
	check(&watch, NULL, "in one pass", out);
	if (watch.first_count)
		check_position(&watch, (size_t)(action->seed >> 20) % watch.first_count, out);
	rewinddir(watch.dir);
	memset(watch.seen, 0, watch.count * sizeof(*watch.seen));
	read_rest(&watch);
	check(&watch, NULL, "from the start", out);
	for (unsigned int i = 0; i < ADDED; i += 2) {
		name_added(action->seed, i, name);
		unlinkat(dirfd(watch.dir), name, 0);
	}
	watch_end(&watch);
}
