/* SPDX-License-Identifier: MIT */
/* An open volume: its parts put together, reading from it, and reports of damage. */
#include "fat/fat_volume.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/log.h"
#include "fat/fat_chain.h"
#include "fat/fat_index.h"
#include "fat/fat_table.h"

int fat_volume_open(struct image *img, const struct fat_options *options, struct fat_volume **out)
{
	struct fat_geometry geo;
	struct fat_volume *v;
	int err = fat_boot_read(img, &geo);

	if (err)
		return err;
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->img = img;
	v->geo = geo;
	if (options)
		v->options = *options;
	atomic_init(&v->free_clusters, -1);
	fat_trails_init(v);
	fat_indexes_init(v);
	err = image_cache(img, &v->meta);
	if (!err)
		err = fat_table_init(v);
	if (err) {
		fat_volume_close(v);
		return err;
	}
	if (fat_table_dirty(v))
		v->geo.dirty = true;
	*out = v;
	return 0;
}

void fat_volume_close(struct fat_volume *v)
{
	if (!v)
		return;
	fat_indexes_finish(v);
	fat_trails_finish(v);
	fat_table_finish(v);
	image_close(v->meta);
	free(v);
}

/* Whether @key is reported for the first time. Two keys may share a bit: then one is enough. */
static bool first_report(struct fat_volume *v, uint64_t key)
{
	uint64_t hash = key * 0x9e3779b97f4a7c15u >> 55;
	uint64_t bit = UINT64_C(1) << (hash % 64);
	_Atomic uint64_t *word = &v->reported[hash / 64 % FAT_REPORTED_WORDS];

	if (atomic_load_explicit(word, memory_order_relaxed) & bit)
		return false;
	return !(atomic_fetch_or(word, bit) & bit);
}

int fat_damaged(struct fat_volume *v, uint64_t key, const char *format, ...)
{
	char line[160];
	va_list args;

	if (!first_report(v, key))
		return -EUCLEAN;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log_warn("fat: corrupt volume: %s", line);
	return -EUCLEAN;
}

static int read_from(struct fat_volume *v, struct image *img, void *buf, size_t len,
		     uint64_t position)
{
	int err = image_read_at(img, buf, len, position);

	if (err != -ERANGE)
		return err;
	if (first_report(v, v->img->size))
		log_warn("fat: truncated volume: %zu bytes at %" PRIu64
			 ", the image ends at %" PRIu64,
			 len, position, v->img->size);
	return -EIO;
}

int fat_read_at(struct fat_volume *v, void *buf, size_t len, uint64_t position)
{
	return read_from(v, v->meta, buf, len, position);
}

int fat_read_data(struct fat_volume *v, void *buf, size_t len, uint64_t position)
{
	return read_from(v, v->img, buf, len, position);
}
