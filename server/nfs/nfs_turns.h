/* SPDX-License-Identifier: MIT */
/*
 * Calls of one export take turns at some of the workers, so that one client which keeps many calls under
 * way leaves the others to the rest: what a worker does may take as long as a disk. The loop's alone.
 */
#ifndef BRAMBLE_NFS_TURNS_H
#define BRAMBLE_NFS_TURNS_H

#include <stdbool.h>

/* Embedded in what waits for its turn. */
struct nfs_turn {
	struct nfs_turn *next;
};

/* All zero: nobody has a worker. */
struct nfs_turns {
	unsigned int working; /* how many have one */
	struct nfs_turn *first, *last; /* of those that wait */
};

/* Whether @turn may go to a worker, of which its export has @max; else it waits. */
bool nfs_turns_take(struct nfs_turns *turns, struct nfs_turn *turn, unsigned int max);

/* A worker is done: whose turn it is then. NULL: nobody waits. */
struct nfs_turn *nfs_turns_end(struct nfs_turns *turns);

#endif
