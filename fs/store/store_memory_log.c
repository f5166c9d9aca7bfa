/* SPDX-License-Identifier: MIT */
/* The log of a store in memory, which survives its power cuts as a file would. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "store/store_memory_medium.h"

static struct memory *memory_of(struct store *store)
{
	return container_of(store, struct memory, base);
}

static void logged_free(struct logged *logged)
{
	if (!logged)
		return;
	store_layer_destroy(logged->records);
	free(logged->ranges);
	free(logged->data);
	free(logged);
}

DEFINE_CLEANUP(logged_freep, struct logged *, logged_free)

/* Removes those up to @number. */
static void forget(struct memory *memory, uint64_t number)
{
	while (memory->log && memory->log->number <= number) {
		struct logged *gone = memory->log;

		memory->log = gone->next;
		logged_free(gone);
	}
}

void store_memory_log_applied(struct memory *memory, uint64_t number, enum store_log_use use)
{
	forget(memory, number);
	if (use == STORE_LOG_START)
		memory->has_log = true;
	else if (use == STORE_LOG_DROP)
		memory->has_log = false;
}

void store_memory_log_finish(struct memory *memory)
{
	forget(memory, UINT64_MAX);
}

static int copy_data(const struct memory *memory, const struct store_entry *entry,
		     struct logged *out)
{
	size_t bytes = 0;
	uint8_t *to;
	int err = 0;

	for (size_t i = 0; i < entry->ranges_count; i++)
		bytes += entry->ranges[i].len;
	out->ranges = calloc(entry->ranges_count + 1, sizeof(*out->ranges));
	out->data = malloc(bytes + 1);
	if (!out->ranges || !out->data)
		return -ENOMEM;
	out->ranges_count = entry->ranges_count;
	to = out->data;
	for (size_t i = 0; !err && i < entry->ranges_count; i++) {
		out->ranges[i] = entry->ranges[i];
		err = store_memory_copy_out(memory, to, entry->ranges[i].len,
					    entry->ranges[i].offset);
		to += entry->ranges[i].len;
	}
	return err;
}

int store_memory_log(struct store *store, const struct store_entry *entry, bool last)
{
	struct memory *memory = memory_of(store);
	CLEANUP(logged_freep) struct logged *logged = calloc(1, sizeof(*logged));
	struct logged **end;
	int err = store_memory_enter(memory, STORE_MEMORY_LOG);

	if (err || !logged)
		return err ? err : -ENOMEM;
	logged->number = entry->number;
	logged->data_synced = entry->data_synced;
	logged->data_blocks = entry->data_blocks;
	err = store_layer_create(&logged->records);
	if (!err)
		err = store_entry_replay(entry, logged->records);
	if (err)
		return err;
	pthread_rwlock_wrlock(&memory->lock);
	err = copy_data(memory, entry, logged);
	if (!err) {
		for (end = &memory->log; *end; end = &(*end)->next)
			;
		*end = TAKE(logged);
		if (last)
			memory->log_is_long = false;
	}
	pthread_rwlock_unlock(&memory->lock);
	return err;
}

enum store_log_state store_memory_log_state(struct store *store)
{
	struct memory *memory = memory_of(store);

	if (!memory->has_log)
		return STORE_LOG_NONE;
	return memory->log_is_long ? STORE_LOG_LONG : STORE_LOG_OPEN;
}

void store_memory_log_lengthen(struct store *store)
{
	memory_of(store)->log_is_long = true;
}

int store_memory_log_replay(const struct memory *from, struct memory *to)
{
	const struct logged *synced = from->log;
	bool data = false;
	int err = 0;

	for (const struct logged *at = from->log; at; at = at->next) {
		if (at->data_synced)
			synced = at;
	}
	for (const struct logged *at = from->log; at && !err; at = at->next) {
		const uint8_t *bytes = at->data;

		data = data || at == synced;
		err = store_layer_merge(to->records, at->records);
		if (!err && at->data_blocks > to->blocks_count)
			err = store_memory_resize(to, (size_t)at->data_blocks);
		for (size_t i = 0; data && !err && i < at->ranges_count; i++) {
			err = store_memory_copy_in(to, bytes, at->ranges[i].len,
						   at->ranges[i].offset);
			bytes += at->ranges[i].len;
		}
	}
	return err;
}
