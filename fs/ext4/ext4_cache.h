/* SPDX-License-Identifier: MIT */
/*
 * What was read and checked already: inodes, names that were looked for, and where files lie. The volume
 * never changes, so nothing has to be thrown away but for room. Private to the ext4 room.
 */
#ifndef BRAMBLE_EXT4_CACHE_H
#define BRAMBLE_EXT4_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ext4_inode;
struct ext4_run;
struct ext4_cache;

int ext4_cache_create(struct ext4_cache **out);

/* Accepts NULL. */
void ext4_cache_destroy(struct ext4_cache *cache);

/* Of all below: @cache NULL knows nothing and remembers nothing. */

bool ext4_cache_inode(struct ext4_cache *cache, uint32_t number, struct ext4_inode *out);
void ext4_cache_put_inode(struct ext4_cache *cache, const struct ext4_inode *inode);

/* *@out_inode: 0 where the directory has no such name. */
bool ext4_cache_name(struct ext4_cache *cache, uint32_t dir, const char *name, size_t len,
		     uint32_t *out_inode);
void ext4_cache_put_name(struct ext4_cache *cache, uint32_t dir, const char *name, size_t len,
			 uint32_t inode);

/* Of the file @number, the run at block @logical; @run is all of it, which begins at block @start. */
bool ext4_cache_run(struct ext4_cache *cache, uint32_t number, uint64_t logical,
		    struct ext4_run *out);
void ext4_cache_put_run(struct ext4_cache *cache, uint32_t number, uint64_t logical, uint64_t start,
			const struct ext4_run *run);

#endif
