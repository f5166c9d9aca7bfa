/* SPDX-License-Identifier: MIT */
/*
 * The file allocation table, read in chunks. The image never changes, so a chunk that was read once
 * is published in an array and found there by all later readers without a lock. What does not fit
 * into the budget is read through the walker's own window.
 */
#include "fat/fat_table.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/wait.h"
#include "fat/fat_disk.h"

#define CHUNKS_HELD_MAX 256u /* 4 MiB: the table of 4 GiB in clusters of 4 KiB */
#define COUNT_BYTES_MAX (16u << 20)

struct fat_chunk {
	uint32_t len;
	uint8_t bytes[FAT_CHUNK_BYTES];
};

int fat_table_init(struct fat_volume *v)
{
	uint64_t there = 0;

	if (v->img->size > v->geo.fat_start)
		there = min_u64(v->geo.fat_bytes, v->img->size - v->geo.fat_start);
	v->chunk_count = (size_t)div_round_up(there, FAT_CHUNK_BYTES);
	v->chunks = calloc(v->chunk_count + 1, sizeof(*v->chunks));
	return v->chunks ? 0 : -ENOMEM;
}

void fat_table_finish(struct fat_volume *v)
{
	if (!v->chunks)
		return;
	for (size_t i = 0; i < v->chunk_count; i++)
		free(atomic_load_explicit(&v->chunks[i], memory_order_relaxed));
	free(v->chunks);
}

/* Reads what there is of the @size bytes of the table from @start on. */
static int read_table(struct fat_volume *v, void *buf, uint32_t size, uint64_t start,
		      uint32_t *out_len)
{
	uint64_t position = v->geo.fat_start + start;
	uint64_t len = min_u64(size, v->geo.fat_bytes - start);
	int err;

	if (position >= v->img->size)
		return -EIO;
	len = min_u64(len, v->img->size - position);
	err = fat_read_at(v, buf, (size_t)len, position);
	if (err)
		return err;
	*out_len = (uint32_t)len;
	return 0;
}

/* The chunk, or NULL where the budget is used up or it cannot be read as a whole. */
static const struct fat_chunk *load_chunk(struct fat_volume *v, size_t number)
{
	struct fat_chunk *chunk, *other = NULL;

	if (atomic_fetch_add(&v->chunks_held, 1) >= CHUNKS_HELD_MAX)
		goto fail;
	chunk = malloc(sizeof(*chunk));
	if (!chunk)
		goto fail;
	if (read_table(v, chunk->bytes, FAT_CHUNK_BYTES, (uint64_t)number * FAT_CHUNK_BYTES,
		       &chunk->len) < 0) {
		free(chunk);
		goto fail;
	}
	if (atomic_compare_exchange_strong(&v->chunks[number], &other, chunk))
		return chunk;
	free(chunk);
	atomic_fetch_sub(&v->chunks_held, 1);
	return other;
fail:
	atomic_fetch_sub(&v->chunks_held, 1);
	return NULL;
}

static const struct fat_chunk *find_chunk(struct fat_volume *v, size_t number)
{
	const struct fat_chunk *chunk;

	if (number >= v->chunk_count)
		return NULL;
	chunk = atomic_load_explicit(&v->chunks[number], memory_order_acquire);
	if (chunk || atomic_load_explicit(&v->chunks_held, memory_order_relaxed) >= CHUNKS_HELD_MAX)
		return chunk;
	return load_chunk(v, number);
}

/*
 * @len (at most 4) bytes of the table at @at. They never straddle two chunks or windows: entries of
 * 2 and 4 bytes are aligned, and the whole table of FAT12 fits into one chunk.
 */
static int table_bytes(struct fat_volume *v, struct fat_window *w, uint64_t at, uint32_t len,
		       const uint8_t **out)
{
	const struct fat_chunk *chunk = find_chunk(v, (size_t)(at / FAT_CHUNK_BYTES));
	uint64_t start;
	int err;

	if (chunk) {
		uint32_t in = (uint32_t)(at % FAT_CHUNK_BYTES);

		if (!range_fits(in, len, chunk->len))
			return -EIO;
		*out = chunk->bytes + in;
		return 0;
	}
	if (at >= w->start && range_fits(at - w->start, len, w->len)) {
		*out = w->bytes + (at - w->start);
		return 0;
	}
	start = v->geo.bits == 12 ? at : at - at % FAT_WINDOW_BYTES;
	err = read_table(v, w->bytes, FAT_WINDOW_BYTES, start, &w->len);
	if (err && err != -EAGAIN) {
		/* one sector of these may be unreadable, and another one */
		start = at;
		err = read_table(v, w->bytes, len, start, &w->len);
	}
	if (err) {
		w->len = 0;
		return err;
	}
	w->start = start;
	if (!range_fits(at - start, len, w->len))
		return -EIO;
	*out = w->bytes + (at - start);
	return 0;
}

int fat_table_get(struct fat_volume *v, struct fat_window *w, uint32_t index, uint32_t *out)
{
	const uint8_t *p;
	int err;

	switch (v->geo.bits) {
	case 12:
		err = table_bytes(v, w, index + index / 2, 2, &p);
		if (err)
			return err;
		*out = index & 1 ? le16_at(p) >> 4 : le16_at(p) & 0xfff;
		return 0;
	case 16:
		err = table_bytes(v, w, (uint64_t)index * 2, 2, &p);
		if (err)
			return err;
		*out = le16_at(p);
		return 0;
	default:
		err = table_bytes(v, w, (uint64_t)index * 4, 4, &p);
		if (err)
			return err;
		*out = le32_at(p) & 0x0fffffff;
		return 0;
	}
}

int fat_table_next(struct fat_volume *v, struct fat_window *w, uint32_t cluster, uint32_t *out_next)
{
	/* ...f8 to ...ff end a chain, ...f7 is a bad cluster */
	uint32_t end = v->geo.bits == 32 ? 0x0ffffff8 : (1u << v->geo.bits) - 8;
	uint32_t next;
	int err = fat_table_get(v, w, cluster, &next);

	if (err)
		return err;
	if (next >= end) {
		*out_next = FAT_CHAIN_END;
		return 0;
	}
	if (!fat_cluster_valid(&v->geo, next))
		return fat_damaged(v, cluster, "cluster %u is followed by %s cluster %u", cluster,
				   next == 0	     ? "free"
				   : next == end - 1 ? "bad"
						     : "impossible",
				   next);
	*out_next = next;
	return 0;
}

/* FSINFO's count, or -1: it is a hint that many systems do not keep up to date. */
static int64_t hinted_free(struct fat_volume *v)
{
	struct fat_disk_info info;
	uint32_t free_clusters;

	if (!v->geo.info_start || fat_read_at(v, &info, sizeof(info), v->geo.info_start) < 0)
		return -1;
	free_clusters = le32_get(info.free);
	if (le32_get(info.signature) != FAT_INFO_SIGNATURE ||
	    le32_get(info.signature_2) != FAT_INFO_SIGNATURE_2 ||
	    free_clusters > v->geo.cluster_end - FAT_FIRST_CLUSTER)
		return -1;
	return free_clusters;
}

/* What cannot be read counts as used. */
static int64_t counted_free(struct fat_volume *v)
{
	struct fat_window window = {0};
	int64_t count = 0;

	for (uint32_t i = FAT_FIRST_CLUSTER; i < v->geo.cluster_end; i++) {
		uint32_t next;

		if (fat_table_get(v, &window, i, &next) < 0) {
			/* the table ends with the image */
			if (v->geo.fat_start >= v->img->size ||
			    (uint64_t)i * v->geo.bits / 8 >= v->img->size - v->geo.fat_start)
				break;
			continue;
		}
		count += next == 0;
	}
	return count;
}

int fat_table_free(struct fat_volume *v, uint64_t *out)
{
	int64_t count = atomic_load_explicit(&v->free_clusters, memory_order_relaxed);

	if (count >= 0) {
		*out = (uint64_t)count;
		return 0;
	}
	/* counting reads the whole table */
	if (!wait_allowed())
		return -EAGAIN;
	count = v->geo.fat_bytes > COUNT_BYTES_MAX ? hinted_free(v) : -1;
	if (count < 0)
		count = counted_free(v);
	atomic_store_explicit(&v->free_clusters, count, memory_order_relaxed);
	*out = (uint64_t)count;
	return 0;
}

bool fat_table_dirty(struct fat_volume *v)
{
	uint32_t clean = v->geo.bits == 32 ? 0x0c000000 : 0xc000;
	struct fat_window window = {0};
	uint32_t marks;

	if (v->geo.bits == 12 || fat_table_get(v, &window, 1, &marks) < 0)
		return false;
	return (marks & clean) != clean;
}
