/* SPDX-License-Identifier: MIT */
/*
 * Where the server's threads run. A caller that asks one small thing after the other waits for each
 * answer: most of that time is spent on waking an idle CPU, and on a virtual machine that is most of
 * all. On the caller's own CPU an answer comes 3 to 6 times as fast, so that the threads follow
 * such a caller. Several callers, or one that reads in bulk, gain by CPUs that work side by side:
 * for them the threads may run anywhere. Private to the mount room.
 */
#ifndef BRAMBLE_MOUNT_MOUNT_PLACE_H
#define BRAMBLE_MOUNT_MOUNT_PLACE_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define MOUNT_PLACE_ANYWHERE -1

struct mount_place {
	bool enabled;
	cpu_set_t allowed; /* what the process started with */
	_Atomic int cpu; /* where threads are to run, or MOUNT_PLACE_ANYWHERE */
	_Atomic pid_t caller; /* of the last request */
	_Atomic unsigned int requests; /* it has sent in a row */
	_Atomic unsigned int bulk; /* of these, large ones at the end */
};

void mount_place_init(struct mount_place *place);

/*
 * Notes a request for @bytes by the thread @caller. @locate tells on which CPU a thread is, or
 * a negative errno; it is asked now and then. Returns where the request's thread is to run.
 */
int mount_place_note(struct mount_place *place, pid_t caller, size_t bytes,
		     int (*locate)(pid_t thread));

/* As /proc tells it. */
int mount_place_locate(pid_t thread);

/* Moves the calling thread. *@now: where it is bound to, MOUNT_PLACE_ANYWHERE at first. */
void mount_place_move(const struct mount_place *place, int cpu, int *now);

#endif
