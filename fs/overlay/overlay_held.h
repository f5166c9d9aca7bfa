/* SPDX-License-Identifier: MIT */
/* How often front ends hold each node. Private to the overlay room. */
#ifndef BRAMBLE_OVERLAY_OVERLAY_HELD_H
#define BRAMBLE_OVERLAY_OVERLAY_HELD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct overlay_held_slot {
	uint64_t id; /* 0: empty */
	uint64_t count : 63;
	uint64_t nameless : 1; /* it never had a name, and may get one */
};

/* A hash table with open addressing; nothing is allocated while nothing is held. */
struct overlay_held {
	pthread_mutex_t lock;
	struct overlay_held_slot *slots; /* owned */
	size_t size; /* 0 or a power of two */
	size_t used;
};

int overlay_held_init(struct overlay_held *held);
void overlay_held_finish(struct overlay_held *held);

/* -ENOMEM. */
int overlay_held_add(struct overlay_held *held, uint64_t id);

/* The same of a node that never had a name; and the end of that. */
int overlay_held_add_nameless(struct overlay_held *held, uint64_t id);
bool overlay_held_is_nameless(struct overlay_held *held, uint64_t id);
void overlay_held_named(struct overlay_held *held, uint64_t id);

/* Whether that was the last. Less than @count are taken for all. */
bool overlay_held_drop(struct overlay_held *held, uint64_t id, uint64_t count);

bool overlay_is_held(struct overlay_held *held, uint64_t id);

#endif
