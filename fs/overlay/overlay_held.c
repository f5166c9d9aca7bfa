/* SPDX-License-Identifier: MIT */
/* How often front ends hold each node: a hash table with linear probing. */
#include "overlay/overlay_held.h"

#include <errno.h>
#include <stdlib.h>

#define SIZE_MIN 64u
#define COUNT_MAX (UINT64_MAX >> 1)

static size_t home_of(const struct overlay_held *held, uint64_t id)
{
	return (size_t)((id * 0x9e3779b97f4a7c15u) >> 32) & (held->size - 1);
}

/* Where @id is, or the empty slot where it would be. The table is not empty and not full. */
static size_t find(const struct overlay_held *held, uint64_t id)
{
	size_t at = home_of(held, id);

	while (held->slots[at].id && held->slots[at].id != id)
		at = (at + 1) & (held->size - 1);
	return at;
}

static int resize(struct overlay_held *held, size_t size)
{
	struct overlay_held old = *held;
	struct overlay_held_slot *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	held->slots = slots;
	held->size = size;
	for (size_t i = 0; i < old.size; i++) {
		if (old.slots[i].id)
			held->slots[find(held, old.slots[i].id)] = old.slots[i];
	}
	free(old.slots);
	return 0;
}

/* Empties the slot @at, and moves up what stands behind it only because that was taken. */
static void empty(struct overlay_held *held, size_t at)
{
	size_t next = at;

	held->used--;
	for (;;) {
		size_t home;

		next = (next + 1) & (held->size - 1);
		if (!held->slots[next].id)
			break;
		home = home_of(held, held->slots[next].id);
		/* it may move if its home is not between the gap and itself */
		if (((next - home) & (held->size - 1)) >= ((next - at) & (held->size - 1))) {
			held->slots[at] = held->slots[next];
			at = next;
		}
	}
	held->slots[at] = (struct overlay_held_slot){0};
}

int overlay_held_init(struct overlay_held *held)
{
	*held = (struct overlay_held){0};
	return -pthread_mutex_init(&held->lock, NULL);
}

void overlay_held_finish(struct overlay_held *held)
{
	free(held->slots);
	pthread_mutex_destroy(&held->lock);
}

static int add(struct overlay_held *held, uint64_t id, bool nameless)
{
	struct overlay_held_slot *slot;
	int err = 0;

	pthread_mutex_lock(&held->lock);
	if (held->used >= held->size / 4 * 3)
		err = resize(held, held->size ? held->size * 2 : SIZE_MIN);
	if (!err) {
		slot = &held->slots[find(held, id)];
		if (!slot->id) {
			slot->id = id;
			held->used++;
		}
		slot->count++;
		if (nameless)
			slot->nameless = 1;
	}
	pthread_mutex_unlock(&held->lock);
	return err;
}

int overlay_held_add(struct overlay_held *held, uint64_t id)
{
	return add(held, id, false);
}

int overlay_held_add_nameless(struct overlay_held *held, uint64_t id)
{
	return add(held, id, true);
}

bool overlay_held_is_nameless(struct overlay_held *held, uint64_t id)
{
	bool is;

	pthread_mutex_lock(&held->lock);
	is = held->size && held->slots[find(held, id)].nameless;
	pthread_mutex_unlock(&held->lock);
	return is;
}

void overlay_held_named(struct overlay_held *held, uint64_t id)
{
	pthread_mutex_lock(&held->lock);
	if (held->size)
		held->slots[find(held, id)].nameless = 0;
	pthread_mutex_unlock(&held->lock);
}

bool overlay_held_drop(struct overlay_held *held, uint64_t id, uint64_t count)
{
	bool last = false;

	pthread_mutex_lock(&held->lock);
	if (held->size) {
		size_t at = find(held, id);
		struct overlay_held_slot *slot = &held->slots[at];

		if (slot->id) {
			slot->count = (slot->count > count ? slot->count - count : 0) & COUNT_MAX;
			last = slot->count == 0;
		}
		if (last)
			empty(held, at);
		/* what a large table costs is given back; where that fails it stays large */
		if (held->used == 0) {
			free(held->slots);
			held->slots = NULL;
			held->size = 0;
		} else if (last && held->size > SIZE_MIN && held->used < held->size / 8) {
			resize(held, held->size / 2);
		}
	}
	pthread_mutex_unlock(&held->lock);
	return last;
}

bool overlay_is_held(struct overlay_held *held, uint64_t id)
{
	bool is;

	pthread_mutex_lock(&held->lock);
	is = held->size && held->slots[find(held, id)].id;
	pthread_mutex_unlock(&held->lock);
	return is;
}
