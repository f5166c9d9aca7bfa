/* SPDX-License-Identifier: MIT */
/* What is common to all kinds of image, and the two that are only arithmetic: slice and memory. */
#include "image/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/wait.h"

struct slice {
	struct image base;
	struct image *parent; /* borrowed */
	uint64_t start;
};

struct memory {
	struct image base;
	const uint8_t *data; /* borrowed */
};

int image_read_at(struct image *img, void *buf, size_t len, uint64_t offset)
{
	if (!range_fits(offset, len, img->size))
		return -ERANGE;
	if (len == 0)
		return 0;
	return img->ops->read_at(img, buf, len, offset);
}

int image_locate(struct image *img, uint64_t offset, size_t *len, int *out_fd, uint64_t *out_offset)
{
	if (*len == 0 || !range_fits(offset, *len, img->size))
		return -ERANGE;
	if (!img->ops->locate)
		return -EOPNOTSUPP;
	return img->ops->locate(img, offset, len, out_fd, out_offset);
}

void image_will_need(struct image *img, uint64_t offset, uint64_t len)
{
	/* to start reading may wait for memory, or for a disk that has enough to do */
	if (img->ops->will_need && offset < img->size && wait_allowed())
		img->ops->will_need(img, offset, min_u64(len, img->size - offset));
}

void image_close(struct image *img)
{
	if (img)
		img->ops->close(img);
}

static void free_image(struct image *img)
{
	free(img);
}

static int slice_read_at(struct image *img, void *buf, size_t len, uint64_t offset)
{
	struct slice *slice = container_of(img, struct slice, base);

	return image_read_at(slice->parent, buf, len, slice->start + offset);
}

static int slice_locate(struct image *img, uint64_t offset, size_t *len, int *out_fd,
			uint64_t *out_offset)
{
	struct slice *slice = container_of(img, struct slice, base);

	return image_locate(slice->parent, slice->start + offset, len, out_fd, out_offset);
}

static void slice_will_need(struct image *img, uint64_t offset, uint64_t len)
{
	struct slice *slice = container_of(img, struct slice, base);

	image_will_need(slice->parent, slice->start + offset, len);
}

static const struct image_ops slice_ops = {
	.kind = "slice",
	.read_at = slice_read_at,
	.locate = slice_locate,
	.will_need = slice_will_need,
	.close = free_image,
};

int image_slice(struct image *parent, uint64_t start, uint64_t size, struct image **out)
{
	struct slice *slice = calloc(1, sizeof(*slice));

	if (!slice)
		return -ENOMEM;
	if (start > parent->size)
		start = parent->size;
	slice->base.ops = &slice_ops;
	slice->base.size = min_u64(size, parent->size - start);
	slice->base.sector_size = parent->sector_size;
	slice->parent = parent;
	slice->start = start;
	*out = &slice->base;
	return 0;
}

static int memory_read_at(struct image *img, void *buf, size_t len, uint64_t offset)
{
	struct memory *memory = container_of(img, struct memory, base);

	memcpy(buf, memory->data + offset, len);
	return 0;
}

static const struct image_ops memory_ops = {
	.kind = "memory",
	.read_at = memory_read_at,
	.close = free_image,
};

int image_memory(const void *data, size_t size, struct image **out)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	memory->base.ops = &memory_ops;
	memory->base.size = size;
	memory->data = data;
	*out = &memory->base;
	return 0;
}
