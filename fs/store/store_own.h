/* SPDX-License-Identifier: MIT */
/*
 * The records of an embedded store that are its own: which version of the format it is, whether
 * somebody has it open, and which log belongs to it. Private to the store room.
 */
#ifndef BRAMBLE_STORE_STORE_OWN_H
#define BRAMBLE_STORE_STORE_OWN_H

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store_entry.h"
#include "store/store_layer.h"

#define STORE_BOOT_BYTES 16u

struct store_own {
	bool in_use; /* somebody has changed something, and has not closed it */
	bool has_log;
	uint8_t log_id[STORE_LOG_ID_BYTES];
	uint64_t applied; /* number of the last entry of the log that is in the records */
	uint64_t data_blocks; /* that the data had room for when they were synced last, at least */
	bool unflushed; /* somebody writes without flushing, since this start of the host: */
	uint8_t boot[STORE_BOOT_BYTES];
};

/* Whether @key is one of them; nobody else sees those. */
bool store_own_key(const void *key, size_t len);

/* Whether @layer says anything of them. */
bool store_own_in_layer(const struct store_layer *layer);

/* An error of LMDB, or 0. */
int store_own_put(MDB_txn *txn, MDB_dbi records, const struct store_own *own);

/* @path is for messages. -EUCLEAN: no store. -EOPNOTSUPP: of another version. */
int store_own_get(MDB_txn *txn, MDB_dbi records, const char *path, struct store_own *out);

/* Which start of the host this is. False: it does not say. */
bool store_own_boot(uint8_t out[STORE_BOOT_BYTES]);

#endif
