/* SPDX-License-Identifier: MIT */
/* Rules of NFSv3 that a server has to keep. Each is a function that is named for what is true. */
#ifndef BRAMBLE_TEST_NFS_RULES_H
#define BRAMBLE_TEST_NFS_RULES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/nfs_client.h"

struct rules {
	uint16_t port;
	struct client *root; /* uid 0 */
	struct handle export; /* "/" of the tree */
	struct handle dir; /* the rule's own, empty at its beginning */
};

struct rule {
	const char *name;
	void (*run)(struct rules *r);
};

#define RULE(function)                                                                             \
	{                                                                                          \
#function, function                                                                \
	}

void rules_failed(const char *file, int line, const char *what, long long got, long long wanted);

/* Every check goes on: a rule tells all that is wrong with it. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			rules_failed(__FILE__, __LINE__, #condition, 0, 1);                        \
	} while (0)

#define CHECK_IS(expression, wanted)                                                               \
	do {                                                                                       \
		const long long got_ = (long long)(expression);                                    \
		if (got_ != (long long)(wanted))                                                   \
			rules_failed(__FILE__, __LINE__, #expression, got_, (long long)(wanted));  \
	} while (0)

/* Times of nodes come from a clock that ticks some hundred times in a second: until it has ticked. */
static inline void wait_for_tick(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static inline int same_time(const nfstime3 *a, const nfstime3 *b)
{
	return a->seconds == b->seconds && a->nseconds == b->nseconds;
}

extern const struct rule rules_names[], rules_files[], rules_lists[], rules_wire[], rules_again[];

#endif
