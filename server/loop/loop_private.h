/* SPDX-License-Identifier: MIT */
/* What the files of the loop room share. */
#ifndef BRAMBLE_LOOP_PRIVATE_H
#define BRAMBLE_LOOP_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "loop/loop.h"

struct loop_batch;

/* Work in the order of its submission. */
struct work_queue {
	struct loop_work *first;
	struct loop_work **end; /* of the list: where the next one is linked */
	size_t count;
};

/* The worker threads and what they give back. */
struct work_pool {
	/* For the loop: work that is done and posts, the last one first. */
	_Atomic(struct loop_work *) finished;
	atomic_size_t unfinished; /* work and posts whose callback of the loop is still to come */
	sem_t wake; /* has one for each worker that was told to get up */
	pthread_mutex_t lock; /* of the following */
	struct work_queue urgent; /* for a worker, before all that is @waiting */
	struct work_queue waiting;
	bool ending;
	bool waking; /* a worker was told to get up and did not yet */
	unsigned int idle; /* workers that sleep, with the one that is getting up */
	unsigned int threads;
	unsigned int threads_max;
	pthread_t *ids;
};

struct loop {
	struct ev_loop *ev;
	ev_check round; /* begins a round */
	ev_prepare before_wait;
	ev_async finished;
	pthread_t thread;
	uint64_t now_ms;
	bool running;
	bool stopping;
	struct loop_later *later;
	struct loop_later **later_end;
	struct work_pool pool;
	struct loop_batch *batch; /* room for received datagrams; made when it is needed first */
	/*
	 * Whose callback is being called, of those that are called several times in a row: NULL after
	 * it was closed meanwhile.
	 */
	const void *current;
};

int work_pool_init(struct work_pool *pool, unsigned int threads_max);
void work_pool_finish(struct work_pool *pool);

/* Calls back for what is finished. */
void loop_run_finished(struct loop *loop);

#endif
