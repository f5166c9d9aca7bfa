/* SPDX-License-Identifier: MIT */
/* Blocks over a file: an array that is searched. There are as many as fit in a log. */
#include "store/store_patch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "store/store.h"

#define ROOM_FIRST 16u

struct store_patch_block {
	uint64_t number;
	uint8_t *bytes; /* owned */
};

void store_patch_finish(struct store_patch *patch)
{
	for (size_t i = 0; i < patch->count; i++)
		free(patch->blocks[i].bytes);
	free(patch->blocks);
	memset(patch, 0, sizeof(*patch));
}

/* The place of the first block that is not below @number. */
static size_t find(const struct store_patch *patch, uint64_t number)
{
	size_t from = 0, to = patch->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (patch->blocks[middle].number < number)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static bool is_at(const struct store_patch *patch, size_t at, uint64_t number)
{
	return at < patch->count && patch->blocks[at].number == number;
}

/* The block as it is in @file; what lies behind its end are zeros. */
static int load(const struct store_datafile *file, uint64_t number, uint8_t *bytes)
{
	uint64_t start = number * STORE_BLOCK, size = 0;
	int err = store_datafile_size(file, &size);

	memset(bytes, 0, STORE_BLOCK);
	if (err || size <= start)
		return err;
	return store_datafile_read(file, bytes, min_u64(STORE_BLOCK, size - start), start);
}

static int insert(struct store_patch *patch, const struct store_datafile *file, size_t at,
		  uint64_t number)
{
	uint8_t *bytes;
	int err;

	if (patch->count == patch->room) {
		size_t room = patch->room ? 2 * patch->room : ROOM_FIRST;
		struct store_patch_block *larger =
			reallocarray(patch->blocks, room, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		patch->blocks = larger;
		patch->room = room;
	}
	bytes = malloc(STORE_BLOCK);
	err = bytes ? load(file, number, bytes) : -ENOMEM;
	if (err) {
		free(bytes);
		return err;
	}
	memmove(patch->blocks + at + 1, patch->blocks + at,
		(patch->count - at) * sizeof(*patch->blocks));
	patch->blocks[at] = (struct store_patch_block){number, bytes};
	patch->count++;
	return 0;
}

int store_patch_write(struct store_patch *patch, const struct store_datafile *file, const void *buf,
		      size_t len, uint64_t offset)
{
	const uint8_t *from = buf;

	while (len) {
		uint64_t number = offset / STORE_BLOCK;
		size_t into = (size_t)(offset % STORE_BLOCK), at = find(patch, number);
		size_t part = min_u64(len, STORE_BLOCK - into);
		int err = is_at(patch, at, number) ? 0 : insert(patch, file, at, number);

		if (err)
			return err;
		memcpy(patch->blocks[at].bytes + into, from, part);
		from += part;
		len -= part;
		offset += part;
	}
	return 0;
}

int store_patch_read(const struct store_patch *patch, const struct store_datafile *file, void *buf,
		     size_t len, uint64_t offset)
{
	uint8_t *to = buf;
	int err = 0;

	while (len && !err) {
		uint64_t number = offset / STORE_BLOCK, next;
		size_t into = (size_t)(offset % STORE_BLOCK), at = find(patch, number);
		size_t part = len;

		if (is_at(patch, at, number)) {
			part = min_u64(len, STORE_BLOCK - into);
			memcpy(to, patch->blocks[at].bytes + into, part);
		} else {
			next = at < patch->count ? patch->blocks[at].number * STORE_BLOCK
						 : UINT64_MAX;
			part = min_u64(len, next - offset);
			err = store_datafile_read(file, to, part, offset);
		}
		to += part;
		len -= part;
		offset += part;
	}
	return err;
}
