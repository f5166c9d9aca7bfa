/* SPDX-License-Identifier: MIT */
/*
 * A pool of read transactions. Why the moment between two commits is enough: the transaction that
 * makes state N+1 takes new pages, or such as were last part of state N-2, and readers are at N,
 * since they were renewed after N was committed and before N+1 was begun.
 */
#include "store/store_readers.h"

#include <assert.h>
#include <errno.h>

#include "base/wait.h"

int store_lmdb_error(int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return -ENOSPC;
	case MDB_PAGE_NOTFOUND:
	case MDB_CORRUPTED:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
		return -EUCLEAN;
	default:
		return rc > 0 ? -rc : -EIO;
	}
}

int store_readers_init(struct store_readers *readers)
{
	int err = -pthread_mutex_init(&readers->lock, NULL);

	if (err)
		return err;
	err = -pthread_cond_init(&readers->changed, NULL);
	if (err) {
		pthread_mutex_destroy(&readers->lock);
		return err;
	}
	readers->idle = 0;
	readers->count = 0;
	readers->paused = true;
	readers->err = 0;
	return 0;
}

/* Ends all, for nobody reads; the lock is held. */
static void end_all(struct store_readers *readers)
{
	assert(readers->idle == readers->count);
	while (readers->count)
		mdb_txn_abort(readers->txns[--readers->count]);
	readers->idle = 0;
}

/* Whoever waits may go on, or learn that there is nothing to wait for; the lock is held. */
static int open_up(struct store_readers *readers, int err)
{
	if (err)
		end_all(readers);
	readers->err = err;
	readers->paused = false;
	pthread_cond_broadcast(&readers->changed);
	return err;
}

int store_readers_start(struct store_readers *readers, MDB_env *env)
{
	int err = 0;

	pthread_mutex_lock(&readers->lock);
	assert(readers->paused && readers->count == 0);
	while (!err && readers->count < STORE_READERS) {
		err = store_lmdb_error(
			mdb_txn_begin(env, NULL, MDB_RDONLY, &readers->txns[readers->count]));
		if (!err)
			readers->idle = ++readers->count;
	}
	err = open_up(readers, err);
	pthread_mutex_unlock(&readers->lock);
	return err;
}

int store_readers_take(struct store_readers *readers, MDB_txn **out)
{
	int err;

	pthread_mutex_lock(&readers->lock);
	while (!readers->err && (readers->paused || !readers->idle) && wait_allowed())
		pthread_cond_wait(&readers->changed, &readers->lock);
	err = readers->err;
	if (!err && (readers->paused || !readers->idle))
		err = -EAGAIN;
	if (!err)
		*out = readers->txns[--readers->idle];
	pthread_mutex_unlock(&readers->lock);
	return err;
}

void store_readers_give(struct store_readers *readers, MDB_txn *txn)
{
	pthread_mutex_lock(&readers->lock);
	readers->txns[readers->idle++] = txn;
	/* Somebody waits only for the last that was taken, or for all to come back. */
	if (readers->idle == 1 || readers->paused)
		pthread_cond_broadcast(&readers->changed);
	pthread_mutex_unlock(&readers->lock);
}

void store_readers_pause(struct store_readers *readers)
{
	pthread_mutex_lock(&readers->lock);
	readers->paused = true;
	while (readers->idle < readers->count)
		pthread_cond_wait(&readers->changed, &readers->lock);
	for (unsigned int i = 0; i < readers->count; i++)
		mdb_txn_reset(readers->txns[i]);
	pthread_mutex_unlock(&readers->lock);
}

int store_readers_resume(struct store_readers *readers)
{
	int err = 0;

	pthread_mutex_lock(&readers->lock);
	for (unsigned int i = 0; i < readers->count && !err; i++)
		err = store_lmdb_error(mdb_txn_renew(readers->txns[i]));
	err = open_up(readers, err ? err : readers->err);
	pthread_mutex_unlock(&readers->lock);
	return err;
}

void store_readers_fail(struct store_readers *readers, int err)
{
	pthread_mutex_lock(&readers->lock);
	open_up(readers, err);
	pthread_mutex_unlock(&readers->lock);
}

void store_readers_stop(struct store_readers *readers)
{
	store_readers_pause(readers);
	pthread_mutex_lock(&readers->lock);
	end_all(readers);
	pthread_mutex_unlock(&readers->lock);
}

void store_readers_finish(struct store_readers *readers)
{
	end_all(readers);
	pthread_cond_destroy(&readers->changed);
	pthread_mutex_destroy(&readers->lock);
}
