/* SPDX-License-Identifier: MIT */
/*
 * What tells a volume from others, and from itself after a change: the boot sector, the FAT that is
 * current, and the root directory. What is damaged is taken as far as it can be read.
 */
#include <errno.h>

#include "base/checked.h"
#include "fat/fat_chain.h"
#include "fat/fat_volume.h"

#define PIECE_BYTES 65536u

/* A directory has at most 65536 entries (fatgen103, section 6.5). */
#define ROOT_BYTES_MAX (65536u * FAT_ENTRY_BYTES)

/* A range of the volume, or what the image has of it. */
static int add_range(struct fat_volume *v, uint64_t start, uint64_t len, struct hash *hash)
{
	CLEANUP(freep) uint8_t *piece = malloc(PIECE_BYTES);

	if (!piece)
		return -ENOMEM;
	while (len && start < v->img->size) {
		size_t n = (size_t)min_u64(min_u64(len, PIECE_BYTES), v->img->size - start);
		int err = image_read_at(v->img, piece, n, start);

		if (err)
			return err;
		hash_add(hash, piece, n);
		start += n;
		len -= n;
	}
	return 0;
}

/* The root directory of FAT32, a chain of clusters. */
static int add_chain(struct fat_volume *v, struct hash *hash)
{
	CLEANUP(freep) uint8_t *root = NULL;
	uint32_t clusters;
	uint64_t size;
	ssize_t n;
	int err;

	err = fat_chain_measure(v, v->geo.root_cluster, ROOT_BYTES_MAX >> v->geo.cluster_shift,
				&clusters);
	hash_add_u64(hash, clusters);
	if (err && err != -EUCLEAN && err != -EIO)
		return err;
	size = (uint64_t)clusters << v->geo.cluster_shift;
	root = malloc((size_t)size + 1);
	if (!root)
		return -ENOMEM;
	n = fat_chain_read(v, v->geo.root_cluster, size, root, (size_t)size, 0);
	if (n > 0)
		hash_add(hash, root, (size_t)n);
	return 0;
}

int fat_fingerprint(struct image *img, struct hash *hash)
{
	CLEANUP(fat_volume_closep) struct fat_volume *v = NULL;
	int err = fat_volume_open(img, NULL, &v);

	if (err)
		return err;
	err = add_range(v, 0, sizeof(struct fat_disk_boot), hash);
	if (!err)
		err = add_range(v, v->geo.fat_start, v->geo.fat_bytes, hash);
	if (err)
		return err;
	if (v->geo.root_cluster)
		return add_chain(v, hash);
	return add_range(v, v->geo.root_start, v->geo.root_bytes, hash);
}
