/* SPDX-License-Identifier: MIT */
/* A volume of fat_maker.h, opened as a tree, with its log lines counted; listing and finding in it. */
#ifndef BRAMBLE_TEST_FAT_OPEN_H
#define BRAMBLE_TEST_FAT_OPEN_H

#include "support/unit.h"

#include <stdio.h>

#include "base/log.h"
#include "fat/fat.h"
#include "support/fat_maker.h"

struct open_volume {
	struct maker m;
	struct image *img;
	struct tree *tree;
};

static int logged;

static inline void count_line(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
	logged++;
}

static inline int quiet(void **state)
{
	(void)state;
	logged = 0;
	log_set_sink(count_line, NULL);
	return 0;
}

static inline int loud(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	return 0;
}

static inline void open_as(struct open_volume *o, size_t size, const struct fat_options *options)
{
	assert_int_equal(image_memory(o->m.data, size, &o->img), 0);
	assert_int_equal(fat_open(o->img, options, &o->tree), 0);
}

static inline void open_made(struct open_volume *o)
{
	const struct fat_options options = {0};

	open_as(o, o->m.size, &options);
}

static inline void shut(struct open_volume *o)
{
	tree_close(o->tree);
	image_close(o->img);
	free(o->m.data);
}

struct listing {
	char text[4096];
	int count;
};

static inline int take(void *ctx, const struct tree_entry *entry)
{
	struct listing *listing = ctx;
	size_t used = strlen(listing->text);

	listing->count++;
	if (used + entry->name_len + 2 < sizeof(listing->text))
		snprintf(listing->text + used, sizeof(listing->text) - used, "%.*s|",
			 (int)entry->name_len, entry->name);
	return 0;
}

/* Names without "." and "..", each followed by "|". */
static inline int list(struct open_volume *o, uint64_t dir, struct listing *listing)
{
	memset(listing, 0, sizeof(*listing));
	return tree_readdir(o->tree, dir, 2, take, listing);
}

static inline uint64_t find(struct open_volume *o, const char *path)
{
	uint64_t id;

	assert_int_equal(tree_walk(o->tree, path, false, &id), 0);
	return id;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, quiet, loud)

#endif
