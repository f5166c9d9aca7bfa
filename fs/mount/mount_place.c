/* SPDX-License-Identifier: MIT */
/*
 * Where the server's threads run. The state is a guess that threads share without a lock: a lost
 * update costs a few requests at the wrong place.
 */
#include "mount/mount_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FOLLOW_AFTER 32u /* requests in a row, so that short visits move nobody */
#define LOCATE_EVERY 64u /* requests: the caller may be moved by the kernel */
#define BULK_BYTES 65536u /* reads of at least this are read-ahead of a large file */
#define BULK_AFTER 4u /* such reads in a row; a file of middle size is no bulk */
#define STAT_FIELD_PROCESSOR 39 /* of proc(5)'s list; the command's name is field 2 */

static int get(_Atomic int *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void set_anywhere(struct mount_place *place)
{
	if (get(&place->cpu) != MOUNT_PLACE_ANYWHERE)
		atomic_store_explicit(&place->cpu, MOUNT_PLACE_ANYWHERE, memory_order_relaxed);
}

void mount_place_init(struct mount_place *place)
{
	memset(place, 0, sizeof(*place));
	place->cpu = MOUNT_PLACE_ANYWHERE;
	place->enabled = sched_getaffinity(0, sizeof(place->allowed), &place->allowed) == 0 &&
			 CPU_COUNT(&place->allowed) > 1;
}

static bool is_bulk(struct mount_place *place, size_t bytes)
{
	unsigned int bulk = 0;

	if (bytes >= BULK_BYTES)
		bulk = atomic_load_explicit(&place->bulk, memory_order_relaxed) + 1;
	atomic_store_explicit(&place->bulk, bulk, memory_order_relaxed);
	return bulk >= BULK_AFTER;
}

int mount_place_note(struct mount_place *place, pid_t caller, size_t bytes,
		     int (*locate)(pid_t thread))
{
	unsigned int requests;
	int cpu;

	if (!place->enabled || caller <= 0)
		return MOUNT_PLACE_ANYWHERE;
	if (atomic_load_explicit(&place->caller, memory_order_relaxed) != caller) {
		atomic_store_explicit(&place->caller, caller, memory_order_relaxed);
		atomic_store_explicit(&place->requests, 0, memory_order_relaxed);
		atomic_store_explicit(&place->bulk, 0, memory_order_relaxed);
		set_anywhere(place);
	}
	if (is_bulk(place, bytes)) {
		atomic_store_explicit(&place->requests, 0, memory_order_relaxed);
		set_anywhere(place);
		return MOUNT_PLACE_ANYWHERE;
	}
	requests = atomic_fetch_add_explicit(&place->requests, 1, memory_order_relaxed) + 1;
	if (requests % LOCATE_EVERY == FOLLOW_AFTER) {
		cpu = locate(caller);
		if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, &place->allowed))
			cpu = MOUNT_PLACE_ANYWHERE;
		atomic_store_explicit(&place->cpu, cpu, memory_order_relaxed);
	}
	return get(&place->cpu);
}

int mount_place_locate(pid_t thread)
{
	char path[32], text[1024];
	CLEANUP(closep) int fd = -1;
	const char *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	/* The name may hold anything; behind its last parenthesis are words. */
	at = strrchr(text, ')');
	for (int field = 2; at && field < STAT_FIELD_PROCESSOR; field++)
		at = strchr(at + 1, ' ');
	return at ? atoi(at + 1) : -EINVAL;
}

void mount_place_move(const struct mount_place *place, int cpu, int *now)
{
	cpu_set_t one;

	if (cpu == *now)
		return;
	CPU_ZERO(&one);
	if (cpu != MOUNT_PLACE_ANYWHERE)
		CPU_SET((size_t)cpu, &one);
	/* Failing changes only the speed; asking again at each request would cost it as well. */
	*now = cpu;
	(void)sched_setaffinity(0, sizeof(one),
				cpu == MOUNT_PLACE_ANYWHERE ? &place->allowed : &one);
}
