/* SPDX-License-Identifier: MIT */
/*
 * An image with some blocks read from elsewhere in the same image. The map is sorted once and
 * constant afterwards, so reading takes no lock.
 */
#include "ext4/ext4_journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "ext4/jbd2_disk.h"

struct view {
	struct image base;
	struct image *parent; /* borrowed */
	struct ext4_journal_entry *entries;
	size_t count;
	uint32_t block_size;
};

/* The first entry whose block is @block or behind it; the count if there is none. */
static size_t find(const struct view *view, uint64_t block)
{
	size_t low = 0, high = view->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (view->entries[middle].fs_block < block)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Reads @len bytes at @within of one mapped block. */
static int read_mapped(struct view *view, const struct ext4_journal_entry *entry, uint8_t *buf,
		       size_t len, uint32_t within)
{
	static const uint8_t magic[4] = {0xc0, 0x3b, 0x39, 0x98};
	uint64_t place = entry->place & ~EXT4_JOURNAL_ESCAPED;
	int err;

	err = image_read_at(view->parent, buf, len, place * view->block_size + within);
	if (err)
		return err == -ERANGE ? -EIO : err;
	if (!(entry->place & EXT4_JOURNAL_ESCAPED) || within >= sizeof(magic))
		return 0;
	memcpy(buf, magic + within, min_u64(len, sizeof(magic) - within));
	return 0;
}

static int view_read_at(struct image *img, void *buf, size_t len, uint64_t offset)
{
	struct view *view = container_of(img, struct view, base);
	size_t next = find(view, offset / view->block_size);
	uint8_t *p = buf;

	while (len) {
		uint64_t block = offset / view->block_size;
		size_t part = len;
		int err;

		if (next < view->count && view->entries[next].fs_block == block) {
			uint32_t within = (uint32_t)(offset % view->block_size);

			part = min_u64(len, view->block_size - within);
			err = read_mapped(view, &view->entries[next++], p, part, within);
		} else {
			/* fs_block * block_size does not wrap: the block lies inside the volume. */
			if (next < view->count)
				part = min_u64(len,
					       view->entries[next].fs_block * view->block_size -
						       offset);
			err = image_read_at(view->parent, p, part, offset);
		}
		if (err)
			return err;
		p += part;
		len -= part;
		offset += part;
	}
	return 0;
}

/* Blocks that the journal has are not where they belong. */
static int view_locate(struct image *img, uint64_t offset, size_t *len, int *out_fd,
		       uint64_t *out_offset)
{
	struct view *view = container_of(img, struct view, base);
	size_t next = find(view, offset / view->block_size);

	if (next < view->count) {
		const uint64_t start = view->entries[next].fs_block * view->block_size;

		if (start <= offset)
			return -EOPNOTSUPP;
		*len = (size_t)min_u64(*len, start - offset);
	}
	return image_locate(view->parent, offset, len, out_fd, out_offset);
}

/* Most of what will be read lies where it always did. */
static void view_will_need(struct image *img, uint64_t offset, uint64_t len)
{
	image_will_need(container_of(img, struct view, base)->parent, offset, len);
}

static void view_close(struct image *img)
{
	struct view *view = container_of(img, struct view, base);

	free(view->entries);
	free(view);
}

static const struct image_ops view_ops = {
	.kind = "journal",
	.read_at = view_read_at,
	.locate = view_locate,
	.will_need = view_will_need,
	.close = view_close,
};

int ext4_journal_view(struct image *img, uint32_t block_size, struct ext4_journal_entry *entries,
		      size_t count, struct image **out)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view) {
		free(entries);
		return -ENOMEM;
	}
	view->base.ops = &view_ops;
	view->base.size = img->size;
	view->base.sector_size = img->sector_size;
	view->parent = img;
	view->entries = entries;
	view->count = count;
	view->block_size = block_size;
	*out = &view->base;
	return 0;
}
