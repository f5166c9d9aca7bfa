/* SPDX-License-Identifier: MIT */
/*
 * Which image it is: a hash over what is small and changes with everything that programs write into
 * an image, independent of where it lies and when it was copied; and what is shown of it where. What
 * escapes it is told in docs/store-format.md.
 */
#include "stack/stack_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/checked.h"
#include "base/hash.h"

static_assert(STATE_FINGERPRINT_BYTES == HASH_BLAKE2B_BYTES, "fingerprint");

#define LABEL "bramble base 1"

/* A file that was written to so shortly ago may be written to again without a later time. */
#define SETTLED_SECONDS 2

static bool is_at_or_after(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec >= b->tv_nsec;
}

void stack_see(struct image *img, struct state_seen *out)
{
	struct timespec settled;
	struct stat st;

	*out = (struct state_seen){0};
	/* the times of a device's node say nothing of what is on it */
	if (image_stat(img, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	clock_gettime(CLOCK_REALTIME, &settled);
	settled.tv_sec -= SETTLED_SECONDS;
	if (is_at_or_after(&st.st_mtim, &settled) || is_at_or_after(&st.st_ctim, &settled))
		return;
	out->size = (uint64_t)st.st_size;
	out->device = st.st_dev;
	out->inode = st.st_ino;
	out->mtime = st.st_mtim;
	out->ctime = st.st_ctim;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool stack_is_same_file(const struct state_seen *a, const struct state_seen *b)
{
	return a->size && a->size == b->size && a->device == b->device && a->inode == b->inode &&
	       is_same_time(&a->mtime, &b->mtime) && is_same_time(&a->ctime, &b->ctime);
}

static int add_volume(struct stack *stack, size_t i, struct hash *hash)
{
	const struct stack_volume *volume = &stack->volumes[i];

	hash_add_u64(hash, volume->kind);
	/* where it is shown is part of what nodes are numbered by */
	hash_add_text(hash, volume->mount_point);
	if (volume->error)
		return 0;
	switch (volume->kind) {
	case STACK_VOLUME_EXT4:
		return ext4_fingerprint(stack->slots[i].slice, hash);
	case STACK_VOLUME_FAT:
		return fat_fingerprint(stack->slots[i].slice, hash);
	default:
		return 0;
	}
}

int stack_fingerprint(struct stack *stack, uint8_t out[STATE_FINGERPRINT_BYTES])
{
	struct hash hash;

	hash_start(&hash);
	hash_add_text(&hash, LABEL);
	hash_add_u64(&hash, stack->img->size);
	partition_fingerprint(&stack->table, &hash);
	for (size_t i = 0; i < stack->count; i++) {
		int err = add_volume(stack, i, &hash);

		if (err)
			return err;
	}
	hash_finish(&hash, out);
	return 0;
}
