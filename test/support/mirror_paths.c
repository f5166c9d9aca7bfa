/* SPDX-License-Identifier: MIT */
/* The paths that actions are chosen among. Their order follows from the actions alone. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/mirror.h"

#define HOT 24u

struct list {
	char **paths; /* owned */
	size_t count;
	size_t room;
};

static struct list all, dirs, files;

/* What succeeded last: things that happen to one file one after the other find more. */
static char hot[HOT][MIRROR_PATH];
static size_t hot_count, hot_next;

static void clear(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->paths[i]);
	list->count = 0;
}

static void add(struct list *list, const char *path)
{
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 256;
		list->paths = reallocarray(list->paths, list->room, sizeof(*list->paths));
		if (!list->paths)
			err(2, "paths");
	}
	list->paths[list->count] = strdup(path);
	if (!list->paths[list->count++])
		err(2, "paths");
}

static void drop(struct list *list, const char *path)
{
	for (size_t i = 0; i < list->count;) {
		if (strcmp(list->paths[i], path) != 0) {
			i++;
			continue;
		}
		free(list->paths[i]);
		list->paths[i] = list->paths[--list->count];
	}
}

void mirror_paths_clear(void)
{
	clear(&all);
	clear(&dirs);
	clear(&files);
}

void mirror_paths_add(const char *path, mode_t mode)
{
	add(&all, path);
	if (S_ISDIR(mode))
		add(&dirs, path);
	if (S_ISREG(mode))
		add(&files, path);
}

void mirror_paths_remove(const char *path)
{
	drop(&all, path);
	drop(&dirs, path);
	drop(&files, path);
}

size_t mirror_paths_count(void)
{
	return all.count;
}

void mirror_paths_heat(const char *path)
{
	snprintf(hot[hot_next], MIRROR_PATH, "%s", path);
	hot_next = (hot_next + 1) % HOT;
	if (hot_count < HOT)
		hot_count++;
}

const char *mirror_paths_hot(void)
{
	return hot_count ? hot[mirror_draw(hot_count)] : ".";
}

const char *mirror_paths_file(void)
{
	return files.count ? files.paths[mirror_draw(files.count)] : mirror_paths_any();
}

const char *mirror_paths_any(void)
{
	return all.count ? all.paths[mirror_draw(all.count)] : ".";
}

const char *mirror_paths_dir(void)
{
	return dirs.count && !mirror_one_in(8) ? dirs.paths[mirror_draw(dirs.count)] : ".";
}
