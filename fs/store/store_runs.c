/* SPDX-License-Identifier: MIT */
/* Lists of runs of blocks. */
#include "store/store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 16u

int store_runs_ensure(struct store_runs *runs, size_t count)
{
	size_t room = runs->room ? runs->room : ROOM_FIRST;
	struct store_run *larger;

	if (runs->room - runs->count >= count)
		return 0;
	while (room - runs->count < count)
		room *= 2;
	larger = realloc(runs->runs, room * sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	runs->runs = larger;
	runs->room = room;
	return 0;
}

void store_runs_add(struct store_runs *runs, uint64_t first, uint64_t count)
{
	struct store_run *last = runs->count ? &runs->runs[runs->count - 1] : NULL;

	if (last && last->first + last->count == first)
		last->count += count;
	else
		runs->runs[runs->count++] = (struct store_run){first, count};
}

int store_runs_move(struct store_runs *to, struct store_runs *from)
{
	int err;

	if (to->count == 0) {
		struct store_runs empty = *to;

		*to = *from;
		*from = empty;
		return 0;
	}
	err = store_runs_ensure(to, from->count);
	if (err)
		return err;
	for (size_t i = 0; i < from->count; i++)
		store_runs_add(to, from->runs[i].first, from->runs[i].count);
	store_runs_clear(from);
	return 0;
}

static int compare_first(const void *left, const void *right)
{
	const struct store_run *a = left;
	const struct store_run *b = right;

	return (a->first > b->first) - (a->first < b->first);
}

void store_runs_tidy(struct store_runs *runs)
{
	size_t count = runs->count;

	if (count < 2)
		return;
	qsort(runs->runs, count, sizeof(*runs->runs), compare_first);
	runs->count = 0;
	for (size_t i = 0; i < count; i++)
		store_runs_add(runs, runs->runs[i].first, runs->runs[i].count);
}

uint64_t store_runs_blocks(const struct store_runs *runs)
{
	uint64_t blocks = 0;

	for (size_t i = 0; i < runs->count; i++)
		blocks += runs->runs[i].count;
	return blocks;
}

void store_runs_clear(struct store_runs *runs)
{
	runs->count = 0;
	if (runs->room > ROOM_FIRST)
		store_runs_finish(runs);
}

void store_runs_finish(struct store_runs *runs)
{
	free(runs->runs);
	memset(runs, 0, sizeof(*runs));
}
