/* SPDX-License-Identifier: MIT */
/*
 * Which blocks of the data are taken: a bitmap in memory, made from the records at each opening.
 * Has a lock of its own. Private to the store room.
 */
#ifndef BRAMBLE_STORE_STORE_BLOCKS_H
#define BRAMBLE_STORE_STORE_BLOCKS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_blocks_group;

struct store_blocks {
	pthread_mutex_t lock;
	struct store_blocks_group *groups; /* owned */
	uint16_t *lacks; /* owned: a tree over the groups; see store_blocks.c */
	size_t groups_count; /* a power of two, or 0 */
	uint64_t end; /* no block from here on is taken */
	uint64_t taken; /* how many are */
	uint64_t left; /* of them: nobody's any more, see store_blocks_leave */
};

int store_blocks_init(struct store_blocks *blocks);
void store_blocks_finish(struct store_blocks *blocks);

/*
 * A run of free blocks becomes taken, up to @want long: the first run that has a good length, if
 * need be behind all that is taken. -ENOSPC: numbers have run out; -ENOMEM.
 */
int store_blocks_find(struct store_blocks *blocks, uint64_t want, uint64_t *out_first,
		      uint64_t *out_got);

/* -EUCLEAN: beyond STORE_BLOCKS_END, or one of them was taken before; -ENOMEM. */
int store_blocks_set(struct store_blocks *blocks, uint64_t first, uint64_t count);

/* Taken blocks become free. */
void store_blocks_clear(struct store_blocks *blocks, uint64_t first, uint64_t count);

/* @count taken blocks are counted no more. They become free by store_blocks_clear_left. */
void store_blocks_leave(struct store_blocks *blocks, uint64_t count);
void store_blocks_clear_left(struct store_blocks *blocks, uint64_t first, uint64_t count);

/* Whether all of them are taken. */
bool store_blocks_are_taken(struct store_blocks *blocks, uint64_t first, uint64_t count);

/* The first run of free blocks at or behind @from and below blocks->end. False: none. */
bool store_blocks_next_free(struct store_blocks *blocks, uint64_t from, uint64_t *out_first,
			    uint64_t *out_count);

/* Without those that were left. */
uint64_t store_blocks_taken(struct store_blocks *blocks);
uint64_t store_blocks_end(struct store_blocks *blocks);

#endif
