/* SPDX-License-Identifier: MIT */
/* Calls of one export take turns at some of the workers, in the order in which they came. */
#include "nfs/nfs_turns.h"

#include <assert.h>
#include <stddef.h>

bool nfs_turns_take(struct nfs_turns *turns, struct nfs_turn *turn, unsigned int max)
{
	if (turns->working < max) {
		turns->working++;
		return true;
	}
	turn->next = NULL;
	if (turns->first)
		turns->last->next = turn;
	else
		turns->first = turn;
	turns->last = turn;
	return false;
}

struct nfs_turn *nfs_turns_end(struct nfs_turns *turns)
{
	struct nfs_turn *turn = turns->first;

	assert(turns->working > 0);
	if (turn)
		turns->first = turn->next;
	else
		turns->working--;
	return turn;
}
