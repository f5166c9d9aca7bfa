/* SPDX-License-Identifier: MIT */
/*
 * Resources that release themselves at the end of their scope.
 *
 *     CLEANUP(freep) char *text = strdup("...");
 *     CLEANUP(closep) int fd = open(...);
 *     *out = TAKE(text);          hands ownership on: text becomes NULL, nothing is freed
 *
 * CLEANUP(name) calls name(&variable). DEFINE_CLEANUP makes such a function from a release function.
 */
#ifndef BRAMBLE_BASE_CLEANUP_H
#define BRAMBLE_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

#define TAKE(pointer)                                                                              \
	__extension__({                                                                            \
		__auto_type taken_ = (pointer);                                                    \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})

#define DEFINE_CLEANUP(name, type, release)                                                        \
	static inline void name(type *variable)                                                    \
	{                                                                                          \
		release(*variable);                                                                \
	}

static inline void freep(void *variable)
{
	free(*(void **)variable);
}

static inline void closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Hands a file descriptor on; the variable becomes -1. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
