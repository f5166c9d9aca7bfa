/* SPDX-License-Identifier: MIT */
/* Private to the fat room: an open volume and the parts that it is made of. */
#ifndef BRAMBLE_FAT_VOLUME_H
#define BRAMBLE_FAT_VOLUME_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fat/fat.h"
#include "fat/fat_disk.h"
#include "image/image.h"
#include "tree/tree.h"

/* The boot sector, checked: every range lies inside @size, which itself may exceed the image. */
struct fat_geometry {
	unsigned int bits; /* 12, 16 or 32 */
	unsigned int cluster_shift;
	uint32_t sector_size; /* bytes */
	uint32_t cluster_size; /* bytes */
	uint64_t size; /* bytes */
	uint64_t fat_start; /* byte position of the FAT that is current */
	uint64_t fat_bytes;
	uint64_t root_start; /* byte position of the fixed root directory of FAT12 and FAT16 */
	uint32_t root_bytes;
	uint32_t root_cluster; /* of FAT32, else 0 */
	uint64_t data_start; /* byte position of cluster 2 */
	uint32_t cluster_end; /* the number behind the last cluster's */
	uint64_t info_start; /* byte position of FSINFO of FAT32, else 0 */
	uint32_t serial;
	uint8_t label[11];
	bool has_label;
	bool dirty;
};

/*
 * Whether @img begins with a FAT boot sector at all: -EINVAL if not. Then, by fat_boot_read, whether
 * it makes sense: -EUCLEAN, logged. Neither logs that something is not FAT.
 */
int fat_boot_probe(struct image *img);
int fat_boot_read(struct image *img, struct fat_geometry *out);

#define FAT_CHUNK_BYTES 16384u
#define FAT_REPORTED_WORDS 8u

struct fat_chunk;

/* Chains that were followed far: where each 64th cluster (or 128th, ...) of a file lies. */
struct fat_trail;
#define FAT_TRAIL_SETS 16u
#define FAT_TRAIL_WAYS 4u

struct fat_trail_set {
	pthread_mutex_t lock;
	uint64_t clock;
	struct fat_trail *ways[FAT_TRAIL_WAYS]; /* NULL: free */
};

struct fat_index;
#define FAT_INDEX_SLOTS 32u

struct fat_index_cache {
	pthread_mutex_t lock;
	uint64_t clock;
	size_t bytes;
	struct fat_index *slots[FAT_INDEX_SLOTS]; /* NULL: free */
};

struct fat_volume {
	struct tree base;
	struct image *img; /* borrowed */
	struct image *meta; /* owned: the same through a cache, for all but file data */
	struct fat_geometry geo;
	struct fat_options options;

	_Atomic(struct fat_chunk *) *chunks; /* the FAT, as far as it was needed; see fat_table.c */
	size_t chunk_count;
	atomic_size_t chunks_held;
	_Atomic int64_t free_clusters; /* -1: not counted yet */

	struct fat_trail_set trails[FAT_TRAIL_SETS];
	struct fat_index_cache indexes;

	_Atomic uint64_t
		reported[FAT_REPORTED_WORDS]; /* which damage was logged; see fat_damaged */
};

/* Opens @img without its tree operations: for fat_open and fat_info_read. */
int fat_volume_open(struct image *img, const struct fat_options *options, struct fat_volume **out);
void fat_volume_close(struct fat_volume *v);

DEFINE_CLEANUP(fat_volume_closep, struct fat_volume *, fat_volume_close)

/*
 * Logs a broken structure once for each @key (what it is about: a cluster or a position), however
 * often it is met. Returns -EUCLEAN.
 */
__attribute__((format(printf, 3, 4))) int fat_damaged(struct fat_volume *v, uint64_t key,
						      const char *format, ...);

/*
 * As image_read_at, with -EIO for what lies beyond the end of a truncated image. File data are read by
 * fat_read_data: they go past the cache.
 */
int fat_read_at(struct fat_volume *v, void *buf, size_t len, uint64_t position);
int fat_read_data(struct fat_volume *v, void *buf, size_t len, uint64_t position);

static inline uint64_t fat_cluster_position(const struct fat_geometry *geo, uint32_t cluster)
{
	return geo->data_start + ((uint64_t)(cluster - FAT_FIRST_CLUSTER) << geo->cluster_shift);
}

static inline bool fat_cluster_valid(const struct fat_geometry *geo, uint32_t cluster)
{
	return cluster >= FAT_FIRST_CLUSTER && cluster < geo->cluster_end;
}

#endif
