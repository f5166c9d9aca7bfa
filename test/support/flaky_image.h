/* SPDX-License-Identifier: MIT */
/*
 * An image of which not everything is in memory: while a thread may not wait, its reads give -EAGAIN
 * now and then. For tests that compare what is answered without waiting to what is true.
 */
#ifndef BRAMBLE_TEST_FLAKY_IMAGE_H
#define BRAMBLE_TEST_FLAKY_IMAGE_H

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/wait.h"
#include "image/image.h"

struct flaky_image {
	struct image base;
	struct image *parent; /* borrowed */
	uint64_t random;
	unsigned int one_of; /* so many reads fails; 0: none */
	uint64_t failed; /* how many have */
};

static inline struct flaky_image *flaky_of(struct image *img)
{
	return container_of(img, struct flaky_image, base);
}

/* xorshift64: the same for the same start. */
static inline bool flaky_fails(struct flaky_image *flaky)
{
	if (wait_allowed() || flaky->one_of == 0)
		return false;
	flaky->random ^= flaky->random << 13;
	flaky->random ^= flaky->random >> 7;
	flaky->random ^= flaky->random << 17;
	if ((flaky->random >> 20) % flaky->one_of)
		return false;
	flaky->failed++;
	return true;
}

static inline int flaky_read_at(struct image *img, void *buf, size_t len, uint64_t offset)
{
	struct flaky_image *flaky = flaky_of(img);

	return flaky_fails(flaky) ? -EAGAIN : image_read_at(flaky->parent, buf, len, offset);
}

static inline int flaky_locate(struct image *img, uint64_t offset, size_t *len, int *out_fd,
			       uint64_t *out_offset)
{
	return image_locate(flaky_of(img)->parent, offset, len, out_fd, out_offset);
}

static inline void flaky_close(struct image *img)
{
	free(flaky_of(img));
}

/* @parent is borrowed. Not for more than one thread. */
static inline struct image *flaky_open(struct image *parent, unsigned int one_of)
{
	static const struct image_ops ops = {
		.kind = "flaky",
		.read_at = flaky_read_at,
		.locate = flaky_locate,
		.close = flaky_close,
	};
	struct flaky_image *flaky = calloc(1, sizeof(*flaky));

	if (!flaky)
		return NULL;
	flaky->base.ops = &ops;
	flaky->base.size = parent->size;
	flaky->base.sector_size = parent->sector_size;
	flaky->parent = parent;
	flaky->random = 0x9e3779b97f4a7c15u;
	flaky->one_of = one_of;
	return &flaky->base;
}

#endif
