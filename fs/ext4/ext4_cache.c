/* SPDX-License-Identifier: MIT */
/*
 * Three tables: an inode has one place, which its number says, a name one of a few, which its hash says,
 * a window of a file one, for the run that was asked for last. An entry is copied under a flag; whoever
 * finds that set does without the table, so nobody waits. Pages of the tables that are never used take no
 * memory.
 */
#include "ext4/ext4_cache.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ext4/ext4_fs.h"

#define INODES 16384u
#define NAME_SETS 4096u
#define NAME_WAYS 4u

#define RUNS 1024u
/* Blocks, less than most runs of large files have: several runs seldom share a window. */
#define RUN_WINDOW 512u

/* Longer names are looked for each time: with these a set is four lines of a CPU's cache. */
#define NAME_BYTES 54u

struct inode_entry {
	atomic_flag busy;
	struct ext4_inode inode; /* number 0: none */
};

struct name_entry {
	uint32_t dir;
	uint32_t inode; /* 0: there is no such name */
	uint8_t len; /* 0: none */
	char name[NAME_BYTES];
};

struct name_set {
	struct name_entry entries[NAME_WAYS];
	atomic_flag busy;
	uint8_t next; /* to be replaced */
};

struct run_entry {
	atomic_flag busy;
	uint32_t inode; /* 0: none */
	uint64_t start;
	struct ext4_run run;
};

struct ext4_cache {
	struct inode_entry inodes[INODES];
	struct name_set names[NAME_SETS];
	struct run_entry runs[RUNS];
};

int ext4_cache_create(struct ext4_cache **out)
{
	/* zeros are what ATOMIC_FLAG_INIT stands for */
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void ext4_cache_destroy(struct ext4_cache *cache)
{
	free(cache);
}

static bool take(atomic_flag *busy)
{
	return !atomic_flag_test_and_set_explicit(busy, memory_order_acquire);
}

static void give(atomic_flag *busy)
{
	atomic_flag_clear_explicit(busy, memory_order_release);
}

bool ext4_cache_inode(struct ext4_cache *cache, uint32_t number, struct ext4_inode *out)
{
	struct inode_entry *entry;
	bool found;

	if (!cache)
		return false;
	entry = &cache->inodes[number % INODES];
	if (!take(&entry->busy))
		return false;
	found = entry->inode.number == number;
	if (found)
		*out = entry->inode;
	give(&entry->busy);
	return found;
}

void ext4_cache_put_inode(struct ext4_cache *cache, const struct ext4_inode *inode)
{
	struct inode_entry *entry;

	if (!cache)
		return;
	entry = &cache->inodes[inode->number % INODES];
	if (!take(&entry->busy))
		return;
	entry->inode = *inode;
	give(&entry->busy);
}

/* Names that share a set only push each other out: this need not be safe from anybody. */
static struct name_set *set_of(struct ext4_cache *cache, uint32_t dir, const char *name, size_t len)
{
	const uint64_t prime = 0x9e3779b97f4a7c15u;
	uint64_t hash = dir + len * prime;

	while (len) {
		const size_t part = len < sizeof(uint64_t) ? len : sizeof(uint64_t);
		uint64_t word = 0;

		memcpy(&word, name, part);
		hash = (hash ^ word) * prime;
		hash ^= hash >> 29;
		name += part;
		len -= part;
	}
	return &cache->names[(hash * prime >> 40) % NAME_SETS];
}

/* NULL: the set has no such entry. */
static struct name_entry *find(struct name_set *set, uint32_t dir, const char *name, size_t len)
{
	for (unsigned int i = 0; i < NAME_WAYS; i++) {
		struct name_entry *entry = &set->entries[i];

		if (entry->dir == dir && entry->len == len && memcmp(entry->name, name, len) == 0)
			return entry;
	}
	return NULL;
}

bool ext4_cache_name(struct ext4_cache *cache, uint32_t dir, const char *name, size_t len,
		     uint32_t *out_inode)
{
	const struct name_entry *entry;
	struct name_set *set;

	if (!cache || len > NAME_BYTES)
		return false;
	set = set_of(cache, dir, name, len);
	if (!take(&set->busy))
		return false;
	entry = find(set, dir, name, len);
	if (entry)
		*out_inode = entry->inode;
	give(&set->busy);
	return entry;
}

void ext4_cache_put_name(struct ext4_cache *cache, uint32_t dir, const char *name, size_t len,
			 uint32_t inode)
{
	struct name_entry *entry;
	struct name_set *set;

	if (!cache || len > NAME_BYTES)
		return;
	set = set_of(cache, dir, name, len);
	if (!take(&set->busy))
		return;
	entry = find(set, dir, name, len);
	if (!entry) {
		entry = &set->entries[set->next];
		set->next = (set->next + 1) % NAME_WAYS;
	}
	entry->len = (uint8_t)len;
	entry->dir = dir;
	entry->inode = inode;
	memcpy(entry->name, name, len);
	give(&set->busy);
}

static struct run_entry *run_entry_of(struct ext4_cache *cache, uint32_t number, uint64_t logical)
{
	return &cache->runs[(logical / RUN_WINDOW + number * (uint64_t)0x9e3779b1u) % RUNS];
}

bool ext4_cache_run(struct ext4_cache *cache, uint32_t number, uint64_t logical,
		    struct ext4_run *out)
{
	struct run_entry *entry;
	bool found;

	if (!cache)
		return false;
	entry = run_entry_of(cache, number, logical);
	if (!take(&entry->busy))
		return false;
	found = entry->inode == number && logical >= entry->start &&
		logical - entry->start < entry->run.count;
	if (found)
		*out = ext4_run_behind(&entry->run, logical - entry->start);
	give(&entry->busy);
	return found;
}

void ext4_cache_put_run(struct ext4_cache *cache, uint32_t number, uint64_t logical, uint64_t start,
			const struct ext4_run *run)
{
	struct run_entry *entry;

	if (!cache)
		return;
	entry = run_entry_of(cache, number, logical);
	if (!take(&entry->busy))
		return;
	entry->inode = number;
	entry->start = start;
	entry->run = *run;
	give(&entry->busy);
}
