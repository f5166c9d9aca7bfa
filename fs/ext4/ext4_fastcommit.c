/* SPDX-License-Identifier: MIT */
/* The differences that fast commits make, as the readers of the volume ask for them. */
#include "ext4/ext4_fastcommit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/utf.h"
#include "ext4/ext4_fc_state.h"

uint32_t ext4_fc_hash(const struct ext4_fc *fc, uint32_t number, const void *key, size_t len)
{
	const uint8_t *p = key;
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (int shift = 0; shift < 32; shift += 8)
		hash = (hash ^ (number >> shift & 0xff)) * 16777619u;
	for (; len; len--)
		hash = (hash ^ *p++) * 16777619u;
	return (hash ^ hash >> 16) & (fc->buckets - 1);
}

struct fc_inode *ext4_fc_find_inode(const struct ext4_fc *fc, uint32_t number)
{
	uint32_t at = fc->inode_buckets[ext4_fc_hash(fc, number, NULL, 0)];

	while (at && fc->inodes[at - 1].number != number)
		at = fc->inodes[at - 1].next;
	return at ? &fc->inodes[at - 1] : NULL;
}

struct fc_name *ext4_fc_find_name(const struct ext4_fc *fc, uint32_t dir, const void *key,
				  size_t len)
{
	uint32_t at = fc->name_buckets[ext4_fc_hash(fc, dir, key, len)];

	for (; at; at = fc->names[at - 1].next) {
		struct fc_name *name = &fc->names[at - 1];
		const void *own = name->key ? (const void *)name->key : name->name;

		if (name->dir == dir && name->key_len == len && memcmp(own, key, len) == 0)
			return name;
	}
	return NULL;
}

void ext4_fc_close(struct ext4_fc *fc)
{
	if (!fc)
		return;
	for (uint32_t i = 0; i < fc->name_count; i++)
		free(fc->names[i].key);
	free(fc->log.bytes);
	free(fc->inode_buckets);
	free(fc->name_buckets);
	free(fc->inodes);
	free(fc->names);
	free(fc->ops);
	free(fc->ranges);
	free(fc);
}

bool ext4_fc_patch_inode(const struct ext4_fc *fc, uint32_t number, uint8_t *raw)
{
	static const uint8_t empty_tree[12] = {FC_EXTENT_MAGIC & 0xff, FC_EXTENT_MAGIC >> 8, 0, 0,
					       FC_EXTENT_ROOM};
	const struct fc_inode *inode = fc ? ext4_fc_find_inode(fc, number) : NULL;

	if (!inode || (!inode->record && !inode->links_changed && !inode->emptied))
		return false;
	if (inode->record) {
		memcpy(raw, inode->record, FC_INODE_MAP);
		memcpy(raw + FC_INODE_GENERATION, inode->record + FC_INODE_GENERATION,
		       inode->record_len - FC_INODE_GENERATION);
	}
	if (inode->map)
		memcpy(raw + FC_INODE_MAP, inode->map, FC_INODE_MAP_SIZE);
	if (inode->emptied && inode->flags & FC_FLAG_EXTENTS)
		memcpy(raw + FC_INODE_MAP, empty_tree, sizeof(empty_tree));
	/* The kernel does not count the block that it gives a directory during replay. */
	if (inode->new_dir) {
		memset(raw + FC_INODE_BLOCKS, 0, 4);
		memset(raw + FC_INODE_BLOCKS_HIGH, 0, 2);
	}
	if (inode->links_changed) {
		raw[FC_INODE_LINKS] = (uint8_t)inode->links;
		raw[FC_INODE_LINKS + 1] = (uint8_t)(inode->links >> 8);
	}
	return true;
}

void ext4_fc_map(const struct ext4_fc *fc, uint32_t number, uint64_t logical,
		 struct ext4_fc_range *out)
{
	const struct fc_inode *inode = fc ? ext4_fc_find_inode(fc, number) : NULL;
	uint32_t low = 0, high = inode ? inode->range_count : 0;
	const struct fc_range *range;

	*out = (struct ext4_fc_range){logical, UINT64_MAX - logical, 0, EXT4_FC_UNCHANGED};
	if (!high)
		return;
	/* The first range that ends behind the block. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (fc->ranges[inode->first_range + middle].end <= logical)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == inode->range_count)
		return;
	range = &fc->ranges[inode->first_range + low];
	if (logical < range->logical) {
		out->count = range->logical - logical;
		return;
	}
	out->count = range->end - logical;
	out->kind = range->kind;
	if (range->kind != EXT4_FC_HOLE)
		out->physical = range->physical + (logical - range->logical);
}

bool ext4_fc_lookup(const struct ext4_fc *fc, uint32_t dir, const char *name, size_t len,
		    uint32_t *out_inode)
{
	const struct fc_inode *inode = fc ? ext4_fc_find_inode(fc, dir) : NULL;
	const struct fc_name *found;
	CLEANUP(freep) char *key = NULL;

	if (!inode || (!inode->first_name && !inode->new_dir))
		return false;
	if (inode->flags & FC_FLAG_CASEFOLD && utf8_casefold(name, len, &key) == 0) {
		name = key;
		len = strlen(key);
	}
	found = ext4_fc_find_name(fc, dir, name, len);
	if (!found && !inode->new_dir)
		return false;
	*out_inode = found ? found->inode : 0;
	return true;
}

bool ext4_fc_new_dir(const struct ext4_fc *fc, uint32_t dir, uint32_t *out_parent)
{
	const struct fc_inode *inode = fc ? ext4_fc_find_inode(fc, dir) : NULL;

	if (!inode || !inode->new_dir)
		return false;
	*out_parent = inode->parent;
	return true;
}

bool ext4_fc_next_entry(const struct ext4_fc *fc, uint32_t dir, uint32_t cookie,
			struct ext4_fc_entry *out)
{
	const struct fc_inode *inode = fc ? ext4_fc_find_inode(fc, dir) : NULL;
	uint32_t at;

	if (!inode)
		return false;
	/* A cookie is the position of the entry before. */
	if (cookie > fc->name_count || (cookie && fc->names[cookie - 1].dir != dir))
		return false;
	at = cookie ? fc->names[cookie - 1].next_of_dir : inode->first_name;
	while (at && fc->names[at - 1].inode == 0)
		at = fc->names[at - 1].next_of_dir;
	if (!at)
		return false;
	*out = (struct ext4_fc_entry){
		.name = (const char *)fc->names[at - 1].name,
		.name_len = fc->names[at - 1].name_len,
		.inode = fc->names[at - 1].inode,
		.type = fc->names[at - 1].type,
		.cookie = at,
	};
	return true;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* The first piece from @at on that is not painted yet; @free_from skips what is. */
static size_t next_free(size_t *free_from, size_t at)
{
	size_t root = at;

	while (free_from[root] != root)
		root = free_from[root];
	while (free_from[at] != root) {
		size_t next = free_from[at];

		free_from[at] = root;
		at = next;
	}
	return root;
}

static size_t find_edge(const uint64_t *edges, size_t count, uint64_t edge)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (edges[middle] < edge)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Appends a piece, joined to the one before where they belong together. */
static void add_piece(struct ext4_fc *fc, struct fc_inode *inode, const struct fc_range *op,
		      uint64_t from, uint64_t to)
{
	uint64_t physical = op->physical + (from - op->logical);
	struct fc_range *last = NULL;

	if (inode->range_count)
		last = &fc->ranges[inode->first_range + inode->range_count - 1];
	if (last && last->end == from && last->kind == op->kind &&
	    (op->kind == EXT4_FC_HOLE ||
	     last->physical + (last->end - last->logical) == physical)) {
		last->end = to;
		return;
	}
	fc->ranges[fc->range_count++] =
		(struct fc_range){from, to, op->kind == EXT4_FC_HOLE ? 0 : physical, 0, op->kind};
	inode->range_count++;
}

/*
 * All edges cut the file into pieces. From the latest range to the earliest, each paints those of
 * its pieces that have no colour yet: every piece is painted once.
 */
static void sort_ranges_of(struct ext4_fc *fc, struct fc_inode *inode, uint64_t *edges,
			   size_t *free_from, uint32_t *colours)
{
	size_t count = 0, unique = 0;

	for (uint32_t i = inode->last_op; i; i = fc->ops[i - 1].next) {
		edges[count++] = fc->ops[i - 1].logical;
		edges[count++] = fc->ops[i - 1].end;
	}
	qsort(edges, count, sizeof(*edges), compare_u64);
	for (size_t i = 0; i < count; i++) {
		if (unique == 0 || edges[unique - 1] != edges[i])
			edges[unique++] = edges[i];
	}
	for (size_t i = 0; i < unique; i++) {
		free_from[i] = i;
		colours[i] = 0;
	}
	for (uint32_t i = inode->last_op; i; i = fc->ops[i - 1].next) {
		size_t end = find_edge(edges, unique, fc->ops[i - 1].end);
		size_t at = find_edge(edges, unique, fc->ops[i - 1].logical);

		for (at = next_free(free_from, at); at < end; at = next_free(free_from, at)) {
			colours[at] = i;
			free_from[at] = at + 1;
		}
	}
	inode->first_range = fc->range_count;
	for (size_t i = 0; i + 1 < unique; i++) {
		if (colours[i])
			add_piece(fc, inode, &fc->ops[colours[i] - 1], edges[i], edges[i + 1]);
	}
}

int ext4_fc_sort_ranges(struct ext4_fc *fc)
{
	size_t pieces = (size_t)fc->op_count * 2;
	CLEANUP(freep) uint64_t *edges = NULL;
	CLEANUP(freep) size_t *free_from = NULL;
	CLEANUP(freep) uint32_t *colours = NULL;

	if (pieces == 0)
		return 0;
	edges = calloc(pieces, sizeof(*edges));
	free_from = calloc(pieces, sizeof(*free_from));
	colours = calloc(pieces, sizeof(*colours));
	fc->ranges = calloc(pieces, sizeof(*fc->ranges));
	if (!edges || !free_from || !colours || !fc->ranges)
		return -ENOMEM;
	for (uint32_t i = 0; i < fc->inode_count; i++) {
		if (fc->inodes[i].last_op)
			sort_ranges_of(fc, &fc->inodes[i], edges, free_from, colours);
	}
	free(fc->ops);
	fc->ops = NULL;
	return 0;
}
