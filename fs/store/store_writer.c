/* SPDX-License-Identifier: MIT */
/*
 * The writer: a few threads that sync the stores of the process in the background. One of those that
 * have nothing to do wakes up now and then to look for stores with changes that are old enough; when
 * it goes off to sync one and there are more stores, another one is started to look in its place, so
 * that a slow disk holds up few others.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "store/store_memory.h"
#include "store/store_private.h"

#define THREADS_MAX 4u

/* How old a change may become, and how often one looks for old ones. */
#define OLD_MS 2000u
#define LOOK_MS 500u

/* A log is dropped when nothing went to it for so long, and applied when it is that old. */
#define IDLE_FACTOR 3u /* times old_ms */
#define AGE_FACTOR 15u

struct store_writer {
	unsigned int old_ms;
	unsigned int look_ms;
	pthread_mutex_t lock;
	pthread_cond_t work; /* a store was kicked, the one that looks is gone, or the end */
	pthread_cond_t done; /* a store is not busy any more */
	bool ending;
	bool looking; /* a thread wakes up by itself */
	unsigned int idle; /* threads that wait */
	unsigned int threads;
	pthread_t ids[THREADS_MAX];
	struct store *first; /* borrowed */
};

static bool is_older(uint64_t since, uint64_t ms, uint64_t now)
{
	return since && now >= since + ms;
}

static bool is_idle(const struct store_writer *writer, const struct store *store, uint64_t now)
{
	return is_older(store->logged_at, (uint64_t)IDLE_FACTOR * writer->old_ms, now);
}

static bool is_full(const struct store_writer *writer, const struct store *store, uint64_t now)
{
	return store->active_bytes > STORE_LAYER_LARGE ||
	       is_older(store->logged_since, (uint64_t)AGE_FACTOR * writer->old_ms, now);
}

static bool is_due(const struct store_writer *writer, const struct store *store, uint64_t now)
{
	if (store->writing.busy)
		return false;
	return store->kicked || store->punchable || store->turned ||
	       is_older(store->dirty_since, writer->old_ms, now) || is_idle(writer, store, now) ||
	       is_older(store->logged_since, (uint64_t)AGE_FACTOR * writer->old_ms, now);
}

/* The store that waits the longest, of those that are due. */
static struct store *find_due(const struct store_writer *writer)
{
	uint64_t now = store_now_ms();
	struct store *found = NULL;

	for (struct store *store = writer->first; store; store = store->writing.next)
		if (is_due(writer, store, now) &&
		    (!found || store->dirty_since < found->dirty_since))
			found = store;
	return found;
}

/* Waits for something to do; the lock is held. */
static void wait_locked(struct store_writer *writer)
{
	struct timespec until;

	writer->idle++;
	if (writer->looking) {
		pthread_cond_wait(&writer->work, &writer->lock);
	} else {
		writer->looking = true;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += writer->look_ms / 1000;
		until.tv_nsec += writer->look_ms % 1000 * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&writer->work, &writer->lock, &until);
		writer->looking = false;
	}
	writer->idle--;
}

static void *work(void *ctx);

/* The lock is held. No matter if it fails: there is one thread at least. */
static void start_thread(struct store_writer *writer)
{
	sigset_t all;
	sigset_t before;

	/* signals are for the threads of the program */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&writer->ids[writer->threads], NULL, work, writer) == 0)
		writer->threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* This thread goes off to sync: somebody else has to look, if there is more than one store. */
static void leave_watch(struct store_writer *writer)
{
	if (writer->idle)
		pthread_cond_signal(&writer->work);
	else if (writer->first->writing.next && writer->threads < THREADS_MAX)
		start_thread(writer);
}

/* Does for a store what there is to do; the lock is held, and let go meanwhile. */
static void serve_locked(struct store_writer *writer, struct store *store)
{
	uint64_t now = store_now_ms();
	bool idle = is_idle(writer, store, now);
	bool settle = idle || is_full(writer, store, now);
	bool sync = settle || store->kicked || is_older(store->dirty_since, writer->old_ms, now);
	int err = store->writing.err;

	store->writing.busy = true;
	leave_watch(writer);
	/* whatever is changed from here on counts as new; this sync takes what was before */
	if (sync) {
		store->dirty_since = 0;
		store->kicked = false;
	}
	/* should it fail: not again at once */
	if (idle)
		store->logged_at = now;
	if (settle && store->logged_since)
		store->logged_since = now;
	pthread_mutex_unlock(&writer->lock);
	store_checkpoint(store);
	if (sync)
		err = settle ? store_settle(store, idle) : store_sync(store);
	store_punch(store);
	pthread_mutex_lock(&writer->lock);
	if (err != store->writing.err && err && !store->broken)
		log_warn("store: %s: cannot write back: %s", store->ops->kind, strerror(-err));
	else if (err != store->writing.err && !err)
		log_warn("store: %s: writing back works again", store->ops->kind);
	store->writing.err = err;
	store->writing.busy = false;
	pthread_cond_broadcast(&writer->done);
}

static void *work(void *ctx)
{
	struct store_writer *writer = ctx;

	pthread_mutex_lock(&writer->lock);
	while (!writer->ending) {
		struct store *due = find_due(writer);

		if (due)
			serve_locked(writer, due);
		else
			wait_locked(writer);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

static int init_conditions(struct store_writer *writer)
{
	pthread_condattr_t monotonic;
	int err = pthread_condattr_init(&monotonic);

	if (err)
		return -err;
	err = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	if (err == 0)
		err = pthread_cond_init(&writer->work, &monotonic);
	if (err == 0)
		err = pthread_cond_init(&writer->done, NULL);
	pthread_condattr_destroy(&monotonic);
	return -err;
}

int store_writer_start(unsigned int old_ms, unsigned int look_ms, struct store_writer **out)
{
	CLEANUP(freep) struct store_writer *writer = calloc(1, sizeof(*writer));
	int err;

	if (!writer)
		return -ENOMEM;
	writer->old_ms = old_ms;
	writer->look_ms = look_ms;
	err = -pthread_mutex_init(&writer->lock, NULL);
	if (err == 0)
		err = init_conditions(writer);
	if (err)
		return err;
	pthread_mutex_lock(&writer->lock);
	start_thread(writer);
	pthread_mutex_unlock(&writer->lock);
	if (writer->threads == 0)
		return -EAGAIN;
	*out = TAKE(writer);
	return 0;
}

int store_writer_create(struct store_writer **out)
{
	return store_writer_start(OLD_MS, LOOK_MS, out);
}

void store_writer_destroy(struct store_writer *writer)
{
	if (!writer)
		return;
	assert(!writer->first);
	pthread_mutex_lock(&writer->lock);
	writer->ending = true;
	pthread_cond_broadcast(&writer->work);
	pthread_mutex_unlock(&writer->lock);
	/* no thread starts another one any more: there is no store */
	for (unsigned int i = 0; i < writer->threads; i++)
		pthread_join(writer->ids[i], NULL);
	pthread_cond_destroy(&writer->done);
	pthread_cond_destroy(&writer->work);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}

void store_writer_add(struct store_writer *writer, struct store *store)
{
	struct store_writing *place = &store->writing;

	pthread_mutex_lock(&writer->lock);
	place->listed = true;
	place->next = writer->first;
	if (place->next)
		place->next->writing.previous = store;
	writer->first = store;
	pthread_mutex_unlock(&writer->lock);
}

void store_writer_remove(struct store_writer *writer, struct store *store)
{
	struct store_writing *place = &store->writing;

	pthread_mutex_lock(&writer->lock);
	while (place->busy)
		pthread_cond_wait(&writer->done, &writer->lock);
	if (place->listed) {
		if (place->next)
			place->next->writing.previous = place->previous;
		if (place->previous)
			place->previous->writing.next = place->next;
		else
			writer->first = place->next;
		place->listed = false;
	}
	pthread_mutex_unlock(&writer->lock);
}

void store_writer_kick(struct store_writer *writer, struct store *store)
{
	pthread_mutex_lock(&writer->lock);
	if (!store->writing.busy)
		pthread_cond_signal(&writer->work);
	pthread_mutex_unlock(&writer->lock);
}
