/* SPDX-License-Identifier: MIT */
/*
 * Whether a `meta` file may be given to LMDB, which maps it and follows its numbers unchecked.
 * Private to the store room.
 */
#ifndef BRAMBLE_STORE_STORE_VERIFY_H
#define BRAMBLE_STORE_STORE_VERIFY_H

#include <stdint.h>
#include <stddef.h>

/* Where the bytes come from. */
struct store_verify_source {
	const char *name; /* borrowed: in messages, a path */
	uint64_t size; /* bytes */

	/* Fills all of @buf; the range lies inside of the size. */
	int (*read_at)(void *ctx, void *buf, size_t len, uint64_t offset);
	void *ctx;
};

struct store_verify_result {
	uint32_t page_size;
	uint64_t last_page;
	uint64_t transaction; /* the newest */
	uint64_t records;
	uint64_t used_pages;
	uint64_t free_pages;
	uint64_t lost_pages; /* neither used nor free: harmless */
	unsigned int problems;
};

/*
 * Looks at everything that LMDB would use: both meta pages, every page of both trees, every free
 * page, and every record and its checksum. Each page is read once; memory is bounded by the size of
 * the file, by a 32,768th and some pages. Each problem is logged, and after @limit of them the rest
 * is not looked at. -EUCLEAN or -EBADMSG: the first problem; @out is written anyway. -EIO, -ENOMEM:
 * could not look.
 */
int store_verify(const struct store_verify_source *source, unsigned int limit,
		 struct store_verify_result *out);

/* The same for the open file @fd, which is @path. */
int store_verify_fd(int fd, const char *path, unsigned int limit, struct store_verify_result *out);

#endif
