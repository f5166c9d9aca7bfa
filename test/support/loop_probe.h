/* SPDX-License-Identifier: MIT */
/* Of loop_probe: a check has a name, and a process of its own, in which it ends by assert if it does not hold. */
#ifndef BRAMBLE_TEST_LOOP_PROBE_H
#define BRAMBLE_TEST_LOOP_PROBE_H

#include <stddef.h>

#include "loop/loop.h"

/* Threads that work for the loop, at most. */
#define WORKERS 4u

struct check {
	const char *name; /* NULL: there are no more */
	void (*run)(void);
};

#define CHECK(name)                                                                                \
	{                                                                                          \
#name, name                                                                        \
	}

/* The loop of the check that runs. */
extern struct loop *loop;

/* loop_probe_threads.c */
extern const struct check checks_of_threads[];

#endif
