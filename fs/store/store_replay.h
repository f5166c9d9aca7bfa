/* SPDX-License-Identifier: MIT */
/* Reading a log that was not written to `meta`. Private to the store room. */
#ifndef BRAMBLE_STORE_STORE_REPLAY_H
#define BRAMBLE_STORE_STORE_REPLAY_H

#include "store/store_entry.h"
#include "store/store_verify.h"

/*
 * One entry to be done; @data: its ranges, too, which no later one makes void. Not 0: stop, and return
 * this. Pointers are valid during the call only.
 */
typedef int (*store_replay_fn)(void *ctx, const struct store_entry_parts *parts, bool data);

/*
 * Gives @take the entries of the log @id behind number @applied, in order, up to the one that a crash
 * has torn. *@out_last: the number of the last one. -EUCLEAN, logged: it is damaged, for instance
 * because there are later entries, too.
 */
int store_replay(const struct store_verify_source *log, const uint8_t *id, uint64_t applied,
		 store_replay_fn take, void *ctx, uint64_t *out_last);

#endif
