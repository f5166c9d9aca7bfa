/* SPDX-License-Identifier: MIT */
/*
 * Finding a name in a directory. A small directory is read through. Of a larger one an index is
 * made at the first lookup: the hash of each long and short name and the slot where its entry
 * begins, sorted. Indexes never change; the least recently used ones are dropped when all of them
 * together exceed their budget. A reader holds a reference, so no lock is held while searching.
 */
#include "fat/fat_index.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/utf.h"
#include "fat/fat_name.h"

#define LINEAR_BYTES_MAX 8192u
#define INDEX_BYTES_MAX (4u << 20) /* of all indexes together */

struct mark {
	uint32_t hash;
	uint32_t slot;
};

struct fat_index {
	uint32_t start; /* first cluster of the directory, 0: the fixed root: its key */
	uint64_t used;
	atomic_uint references;
	int damage; /* what reading the directory ended with */
	size_t count;
	size_t room;
	struct mark *marks; /* sorted by hash, then slot */
};

void fat_indexes_init(struct fat_volume *v)
{
	pthread_mutex_init(&v->indexes.lock, NULL);
}

static void release(struct fat_index *index)
{
	if (!index || atomic_fetch_sub(&index->references, 1) != 1)
		return;
	free(index->marks);
	free(index);
}

DEFINE_CLEANUP(releasep, struct fat_index *, release)

void fat_indexes_finish(struct fat_volume *v)
{
	for (size_t i = 0; i < FAT_INDEX_SLOTS; i++)
		release(v->indexes.slots[i]);
	pthread_mutex_destroy(&v->indexes.lock);
}

static uint32_t hash_name(const char *name, size_t len)
{
	char folded[2 * TREE_NAME_MAX];
	uint32_t hash = 2166136261u; /* FNV-1a */

	len = utf8_fold_simple(name, len, folded);
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)folded[i]) * 16777619u;
	return hash;
}

static int add_mark(struct fat_index *index, uint32_t hash, uint32_t slot)
{
	if (index->count == index->room) {
		size_t room = index->room ? index->room * 2 : 1024;
		struct mark *marks = realloc(index->marks, room * sizeof(*marks));

		if (!marks)
			return -ENOMEM;
		index->marks = marks;
		index->room = room;
	}
	index->marks[index->count++] = (struct mark){hash, slot};
	return 0;
}

static int compare_marks(const void *left, const void *right)
{
	const struct mark *a = left, *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->slot < b->slot ? -1 : a->slot > b->slot;
}

static int add_entry(struct fat_volume *v, struct fat_index *index, const struct fat_entry *entry,
		     uint32_t slot)
{
	char name[TREE_NAME_MAX + 1];
	size_t len = fat_entry_name(v, entry, name);
	uint32_t hash;
	int err;

	if (len == 0)
		return 0;
	hash = hash_name(name, len);
	err = add_mark(index, hash, slot);
	if (err || entry->long_units == 0)
		return err;
	len = fat_name_short(entry->short_name, entry->case_flags, name);
	if (len == 0 || hash_name(name, len) == hash)
		return 0;
	return add_mark(index, hash_name(name, len), slot);
}

static int build(struct fat_volume *v, const struct fat_node *node, struct fat_index **out)
{
	CLEANUP(releasep) struct fat_index *index = calloc(1, sizeof(*index));
	struct fat_entry entry;
	struct fat_dir dir;
	uint32_t slot = 0;
	int got;

	if (!index)
		return -ENOMEM;
	atomic_init(&index->references, 1);
	index->start = node->start;
	got = fat_dir_open(v, node, 0, &dir);
	if (got)
		return got;
	while ((got = fat_dir_next(&dir, &entry)) > 0) {
		int err = add_entry(v, index, &entry, slot);

		if (err)
			return err;
		slot = entry.next_slot;
	}
	if (got == -EAGAIN)
		return got;
	index->damage = got;
	if (index->count)
		qsort(index->marks, index->count, sizeof(*index->marks), compare_marks);
	*out = TAKE(index);
	return 0;
}

static size_t index_bytes(const struct fat_index *index)
{
	return sizeof(*index) + index->room * sizeof(*index->marks);
}

/* The index of the directory that starts at @start, or NULL. The lock is held. */
static struct fat_index *find_cached(struct fat_index_cache *cache, uint32_t start)
{
	for (size_t i = 0; i < FAT_INDEX_SLOTS; i++) {
		struct fat_index *index = cache->slots[i];

		if (index && index->start == start) {
			index->used = ++cache->clock;
			return index;
		}
	}
	return NULL;
}

static size_t find_oldest(const struct fat_index_cache *cache)
{
	size_t oldest = FAT_INDEX_SLOTS;

	for (size_t i = 0; i < FAT_INDEX_SLOTS; i++) {
		if (cache->slots[i] && (oldest == FAT_INDEX_SLOTS ||
					cache->slots[i]->used < cache->slots[oldest]->used))
			oldest = i;
	}
	return oldest;
}

static void drop(struct fat_index_cache *cache, size_t slot)
{
	cache->bytes -= index_bytes(cache->slots[slot]);
	release(cache->slots[slot]);
	cache->slots[slot] = NULL;
}

/* Puts @index, to which the caller keeps its reference, into the cache. */
static void keep(struct fat_index_cache *cache, struct fat_index *index)
{
	size_t slot = 0;

	pthread_mutex_lock(&cache->lock);
	if (!find_cached(cache, index->start)) {
		while (cache->bytes && cache->bytes + index_bytes(index) > INDEX_BYTES_MAX)
			drop(cache, find_oldest(cache));
		while (slot < FAT_INDEX_SLOTS && cache->slots[slot])
			slot++;
		if (slot == FAT_INDEX_SLOTS) {
			slot = find_oldest(cache);
			drop(cache, slot);
		}
		index->used = ++cache->clock;
		atomic_fetch_add(&index->references, 1);
		cache->slots[slot] = index;
		cache->bytes += index_bytes(index);
	}
	pthread_mutex_unlock(&cache->lock);
}

/* A reference to the index of @node, from the cache or made for it. */
static int get_index(struct fat_volume *v, const struct fat_node *node, struct fat_index **out)
{
	struct fat_index *index;
	int err;

	pthread_mutex_lock(&v->indexes.lock);
	index = find_cached(&v->indexes, node->start);
	if (index)
		atomic_fetch_add(&index->references, 1);
	pthread_mutex_unlock(&v->indexes.lock);
	if (!index) {
		err = build(v, node, &index);
		if (err)
			return err;
		keep(&v->indexes, index);
	}
	*out = index;
	return 0;
}

static size_t lower_bound(const struct fat_index *index, uint32_t hash)
{
	size_t low = 0, high = index->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->marks[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int find_indexed(struct fat_volume *v, const struct fat_node *node, struct fat_dir *dir,
			const char *name, size_t len, struct fat_entry *out)
{
	CLEANUP(releasep) struct fat_index *index = NULL;
	uint32_t hash = hash_name(name, len);
	int err = get_index(v, node, &index);

	if (err)
		return err;
	for (size_t i = lower_bound(index, hash); i < index->count && index->marks[i].hash == hash;
	     i++) {
		int got;

		dir->slot = index->marks[i].slot;
		got = fat_dir_next(dir, out);
		if (got < 0)
			return got;
		if (got && fat_entry_matches(v, out, name, len))
			return 0;
	}
	return index->damage ? index->damage : -ENOENT;
}

int fat_find(struct fat_volume *v, const struct fat_node *node, const char *name, size_t len,
	     struct fat_entry *out)
{
	struct fat_dir dir;
	int got = fat_dir_open(v, node, 0, &dir);

	if (got)
		return got;
	if (dir.slots > LINEAR_BYTES_MAX / FAT_ENTRY_BYTES)
		return find_indexed(v, node, &dir, name, len, out);
	while ((got = fat_dir_next(&dir, out)) > 0) {
		if (fat_entry_matches(v, out, name, len))
			return 0;
	}
	return got ? got : -ENOENT;
}
