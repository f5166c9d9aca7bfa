/* SPDX-License-Identifier: MIT */
/*
 * The file `log` of an embedded store: entries, each durable with one flush. Private to the store room.
 *
 * Two halves take turns: while what is in one of them is written to `meta`, syncs go on in the other.
 * Space is set aside and written to before it is used, so that writing an entry changes nothing else on
 * the host's disk. Both are small at first, and larger as long as there is much to do.
 */
#ifndef BRAMBLE_STORE_STORE_LOG_H
#define BRAMBLE_STORE_STORE_LOG_H

#include <pthread.h>

#include "store/store_entry.h"
#include "store/store_log_disk.h"
#include "store/store_ops.h"

struct store_log_half {
	uint64_t size; /* bytes that can be written to */
	uint64_t used;
	uint64_t last; /* number of its last entry, if it has one */
};

struct store_log {
	int fd; /* -1: there is none */
	char *path; /* owned; of what there is or would be */
	bool no_flush;
	uint8_t id[STORE_LOG_ID_BYTES];
	pthread_mutex_t lock; /* of the halves */
	struct store_log_half halves[LOG_HALVES];
	unsigned int current;
	bool turned; /* since store_log_grow */
	uint8_t *buffer; /* owned: for one entry */
	size_t buffer_size;
};

int store_log_init(struct store_log *log, const char *folder, bool no_flush);
void store_log_finish(struct store_log *log);

/*
 * Makes the file, durably, with a fresh id; what has this name is not needed any more. It counts when
 * `meta` has the id. -ENOSPC, -EDQUOT, ...: there is none.
 */
int store_log_create(struct store_log *log, const char *folder);

/* Removes it; `meta` does not need it any more. */
void store_log_remove(struct store_log *log);

/* Whether the current half is full: the next entry shall be its last one. */
bool store_log_is_long(struct store_log *log);

/*
 * Makes @entry durable, with what its ranges have in the data of @store now. @last: those behind it go to
 * the other half. -EAGAIN: there is no room, nothing was done. One thread at a time.
 */
int store_log_write(struct store_log *log, const struct store_entry *entry, bool last,
		    struct store *store);

/* The entries up to @number are durable in `meta`. */
void store_log_forget(struct store_log *log, uint64_t number);

/*
 * Makes the half that is not in use larger, if the other one had to take over. Not while entries are
 * written to both; no matter if there is no room.
 */
void store_log_grow(struct store_log *log);

/* Bytes that it takes on the host. */
uint64_t store_log_used(const struct store_log *log);

#endif
