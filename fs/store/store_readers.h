/* SPDX-License-Identifier: MIT */
/*
 * The read transactions of one LMDB environment, for any number of threads. LMDB's own table of
 * readers is switched off (MDB_NOLOCK), so this is what keeps it from using pages again that
 * somebody still reads: nobody reads while the transactions move on. Private to the store room.
 */
#ifndef BRAMBLE_STORE_STORE_READERS_H
#define BRAMBLE_STORE_STORE_READERS_H

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>

/* That many threads read at the same time; more of them wait, which takes microseconds. */
#define STORE_READERS 16u

struct store_readers {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	MDB_txn *txns[STORE_READERS]; /* owned; the first @idle of them are not in use */
	unsigned int idle;
	unsigned int count; /* of all */
	bool paused;
	int err; /* there are none, and this is why */
};

int store_readers_init(struct store_readers *readers);

/* Begins the transactions. -EIO or -ENOMEM: then there are none, and each take gives this error. */
int store_readers_start(struct store_readers *readers, MDB_env *env);

/* A transaction to read with, until store_readers_give. -EAGAIN: one would have to wait for it. */
int store_readers_take(struct store_readers *readers, MDB_txn **out);
void store_readers_give(struct store_readers *readers, MDB_txn *txn);

/*
 * Waits until nobody reads, and lets nobody begin until store_readers_resume. In between, no read
 * transaction is active; resume makes all of them see the newest state. stop ends them all instead,
 * so that the environment can be closed; store_readers_start then resumes.
 */
void store_readers_pause(struct store_readers *readers);
int store_readers_resume(struct store_readers *readers);
void store_readers_stop(struct store_readers *readers);

/* After pause or stop: there is nothing to read, and each take gives @err, until the next start. */
void store_readers_fail(struct store_readers *readers, int err);

/* Nobody reads any more. */
void store_readers_finish(struct store_readers *readers);

/* An error of LMDB, or a positive errno, as a negative errno. */
int store_lmdb_error(int rc);

#endif
