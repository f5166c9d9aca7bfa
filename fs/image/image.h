/* SPDX-License-Identifier: MIT */
/*
 * struct image: a fixed number of bytes, readable at any offset. The front door of the image room.
 * Reads are safe from any number of threads at once. Nothing is ever written. A thread that may not
 * wait (base/wait.h) gets -EAGAIN for what is not in memory.
 */
#ifndef BRAMBLE_IMAGE_IMAGE_H
#define BRAMBLE_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct image;

struct image_ops {
	const char *kind; /* "raw", "slice": appears in logs */

	/* Fills all of @buf. The range is already known to lie inside the image. */
	int (*read_at)(struct image *img, void *buf, size_t len, uint64_t offset);

	/* See image_locate. NULL: -EOPNOTSUPP. */
	int (*locate)(struct image *img, uint64_t offset, size_t *len, int *out_fd,
		      uint64_t *out_offset);

	/* The range, which lies inside the image, will be read soon. NULL: nothing to be done. */
	void (*will_need)(struct image *img, uint64_t offset, uint64_t len);

	/* Releases @img itself and everything it owns. */
	void (*close)(struct image *img);
};

/* Embedded first in every kind. Set once at opening, constant afterwards. */
struct image {
	const struct image_ops *ops;
	uint64_t size; /* bytes */
	uint32_t sector_size; /* bytes per logical sector of the device; 0 for a file: not known */
};

/*
 * Opens a regular file or block device for reading. A container that is not a raw image
 * (xz, gzip, zstd, bzip2, zip, qcow2, ...) is refused with -EMEDIUMTYPE after an error that says
 * what it is and what to do. Other errors: those of open(2); -EISDIR, -ENODEV for what is neither
 * a file nor a block device. *@out is closed by image_close.
 */
int image_open(const char *path, struct image **out);

/* What fstat(2) says of the file that image_open has opened as @img. */
struct stat;
int image_stat(struct image *img, struct stat *out);

/*
 * Shows @size bytes of @parent from @start on as an image of its own. A slice that reaches beyond
 * the end of @parent is cut there; one that starts beyond has size 0. @parent is borrowed.
 */
int image_slice(struct image *parent, uint64_t start, uint64_t size, struct image **out);

/*
 * Shows @parent, which is borrowed, through a cache of 1 MiB for structures of up to 4 KiB; longer
 * reads go past it. What was read once may be served again after the file has changed.
 */
int image_cache(struct image *parent, struct image **out);

/* Shows @size bytes at @data, which are borrowed, as an image: for tests and fuzz targets. */
int image_memory(const void *data, size_t size, struct image **out);

/*
 * Reads exactly @len bytes: 0, -ERANGE outside the image, or -EIO (also where the file has become
 * shorter since it was opened). Never a short read.
 */
int image_read_at(struct image *img, void *buf, size_t len, uint64_t offset);

/*
 * Where the first bytes of the range, which lies inside the image, are in a file of the host: at
 * *@out_offset of *@out_fd, which is open as long as the image. *@len becomes how many of them are there
 * in one piece, at least 1. -EOPNOTSUPP: they are to be read. -ERANGE: outside the image.
 */
int image_locate(struct image *img, uint64_t offset, size_t *len, int *out_fd,
		 uint64_t *out_offset);

/* A hint: the part of the range that lies inside the image is worth reading ahead. */
void image_will_need(struct image *img, uint64_t offset, uint64_t len);

/* Accepts NULL. */
void image_close(struct image *img);

DEFINE_CLEANUP(image_closep, struct image *, image_close)

#endif
