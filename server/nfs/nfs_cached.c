/* SPDX-License-Identifier: MIT */
/*
 * Whether a range of a file is in the page cache. cachestat(2) counts pages that are there, also those that
 * are just being read from the disk; so a byte here and there is read besides, without waiting. The kernel
 * reads ahead in pieces of 128 KiB or more unless it is told otherwise: each has a step in it.
 */
#include "nfs/nfs_cached.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define CACHESTAT 451 /* of all architectures; younger than the headers of the C library may be */
#define STEP 131072u

struct range {
	uint64_t offset;
	uint64_t len;
};

struct counts {
	uint64_t cached; /* pages */
	uint64_t dirty;
	uint64_t writeback;
	uint64_t evicted;
	uint64_t recently_evicted;
};

static bool is_ready(int fd, uint64_t offset)
{
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};

	return preadv2(fd, &iov, 1, (off_t)offset, RWF_NOWAIT) == 1;
}

bool nfs_is_cached(int fd, uint64_t offset, size_t len)
{
	const uint64_t page = (uint64_t)getpagesize();
	struct range range = {.offset = offset, .len = len};
	struct counts counts;

	if (len == 0 || syscall(CACHESTAT, fd, &range, &counts, 0) < 0 ||
	    counts.cached < (offset + len - 1) / page - offset / page + 1)
		return false;
	for (size_t at = 0; at < len; at += STEP) {
		if (!is_ready(fd, offset + at))
			return false;
	}
	return is_ready(fd, offset + len - 1);
}
