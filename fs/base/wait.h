/* SPDX-License-Identifier: MIT */
/*
 * Whether the calling thread may wait: for a disk, or for a lock that others hold while they wait for
 * one. An event loop forbids it around a call of a tree, which then gives -EAGAIN instead, and lets a
 * worker make the same call again. A scope of the thread rather than an argument, as the kernel has
 * it for allocations (memalloc_noio_save): what must obey lies far below what knows.
 */
#ifndef BRAMBLE_BASE_WAIT_H
#define BRAMBLE_BASE_WAIT_H

#include <stdbool.h>

extern _Thread_local bool wait_is_forbidden;

/* Whether this thread may wait; whoever may not gives -EAGAIN and leaves everything as it was. */
static inline bool wait_allowed(void)
{
	return !wait_is_forbidden;
}

/* Until wait_allow, calls of this thread do not wait. Not to be nested. */
static inline void wait_forbid(void)
{
	wait_is_forbidden = true;
}

static inline void wait_allow(void)
{
	wait_is_forbidden = false;
}

#endif
