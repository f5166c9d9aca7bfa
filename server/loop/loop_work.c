/* SPDX-License-Identifier: MIT */
/*
 * Work for threads that may wait. To wake a thread costs both sides more than most work takes, so one
 * wakes as few as possible: whoever submits wakes one worker at most, which wakes the next one if
 * there is still more to do when it has got up; workers that are awake go on with whatever is there.
 * In the other direction the loop is told once, until it looks.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "loop/loop_private.h"

/* Bytes; the deepest users are directory walks of a tree, whose buffers are a few pages each. */
#define STACK_SIZE ((size_t)512 << 10)

static void queue_init(struct work_queue *queue)
{
	queue->first = NULL;
	queue->end = &queue->first;
	queue->count = 0;
}

static void queue_push(struct work_queue *queue, struct loop_work *work)
{
	work->next = NULL;
	*queue->end = work;
	queue->end = &work->next;
	queue->count++;
}

static struct loop_work *queue_pop(struct work_queue *queue)
{
	struct loop_work *work = queue->first;

	queue->first = work->next;
	if (!queue->first)
		queue->end = &queue->first;
	queue->count--;
	return work;
}

int work_pool_init(struct work_pool *pool, unsigned int threads_max)
{
	int err;

	queue_init(&pool->waiting);
	queue_init(&pool->finished);
	pool->threads_max = threads_max;
	pool->ids = calloc(threads_max, sizeof(*pool->ids));
	if (!pool->ids)
		return -ENOMEM;
	err = pthread_mutex_init(&pool->lock, NULL);
	if (err == 0)
		err = pthread_cond_init(&pool->wake, NULL);
	if (err)
		free(pool->ids);
	return -err;
}

void work_pool_finish(struct work_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	assert(!pool->waiting.first);
	pool->ending = true;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	/* only the loop's thread, which is this one, starts others */
	for (unsigned int i = 0; i < pool->threads; i++)
		pthread_join(pool->ids[i], NULL);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool->ids);
}

/* Hands @work to the loop; the lock is held. Whether the loop has to be told. */
static bool finish_locked(struct work_pool *pool, struct loop_work *work)
{
	bool tell = !pool->notified;

	queue_push(&pool->finished, work);
	pool->notified = true;
	return tell;
}

/* Wakes one more worker if there is more to do; the lock is held. Whether to signal. */
static bool wake_locked(struct work_pool *pool)
{
	if (!pool->waiting.first || pool->waking || pool->idle == 0)
		return false;
	pool->waking = true;
	return true;
}

/* Does one piece of work; the lock is held, and let go meanwhile. */
static void serve_locked(struct work_pool *pool)
{
	struct loop_work *work = queue_pop(&pool->waiting);
	struct loop *loop = work->loop;
	bool wake = wake_locked(pool);

	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pthread_cond_signal(&pool->wake);
	work->run(work);
	pthread_mutex_lock(&pool->lock);
	if (finish_locked(pool, work)) {
		pthread_mutex_unlock(&pool->lock);
		ev_async_send(loop->ev, &loop->finished);
		pthread_mutex_lock(&pool->lock);
	}
}

static void *serve(void *ctx)
{
	struct work_pool *pool = ctx;

	pthread_mutex_lock(&pool->lock);
	while (!pool->ending) {
		if (pool->waiting.first) {
			serve_locked(pool);
			continue;
		}
		pool->idle++;
		pthread_cond_wait(&pool->wake, &pool->lock);
		pool->idle--;
		pool->waking = false;
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* One more worker, which finds what there is to do by itself. The lock is held. */
static void start_thread(struct work_pool *pool)
{
	pthread_attr_t attributes;
	sigset_t all;
	sigset_t before;
	char name[16];

	if (pthread_attr_init(&attributes))
		return;
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	/* signals are for the loop */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&pool->ids[pool->threads], &attributes, serve, pool) == 0) {
		snprintf(name, sizeof(name), "work-%u", pool->threads);
		pthread_setname_np(pool->ids[pool->threads], name);
		pool->threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
}

void loop_work_submit(struct loop *loop, struct loop_work *work, loop_work_fn run,
		      loop_work_fn done)
{
	struct work_pool *pool = &loop->pool;
	bool wake;

	work->loop = loop;
	work->run = run;
	work->done = done;
	pthread_mutex_lock(&pool->lock);
	queue_push(&pool->waiting, work);
	pool->unfinished++;
	wake = wake_locked(pool);
	if (pool->waiting.count > pool->idle && pool->threads < pool->threads_max)
		start_thread(pool);
	if (pool->threads == 0) {
		log_warn("loop: no thread can be started: the loop waits itself");
		queue_pop(&pool->waiting);
		pool->unfinished--; /* the post counts */
		pthread_mutex_unlock(&pool->lock);
		work->run(work);
		loop_post(loop, work, done);
		return;
	}
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		pthread_cond_signal(&pool->wake);
}

void loop_post(struct loop *loop, struct loop_work *work, loop_work_fn run)
{
	bool tell;

	work->loop = loop;
	work->done = run;
	pthread_mutex_lock(&loop->pool.lock);
	loop->pool.unfinished++;
	tell = finish_locked(&loop->pool, work);
	pthread_mutex_unlock(&loop->pool.lock);
	if (tell)
		ev_async_send(loop->ev, &loop->finished);
}

void loop_run_finished(struct loop *loop)
{
	struct work_pool *pool = &loop->pool;
	struct loop_work *work;
	struct loop_work *next;

	pthread_mutex_lock(&pool->lock);
	work = pool->finished.first;
	pool->unfinished -= pool->finished.count;
	queue_init(&pool->finished);
	pool->notified = false;
	pthread_mutex_unlock(&pool->lock);
	for (; work; work = next) {
		next = work->next; /* its callback may free it */
		work->done(work);
	}
}

bool loop_is_idle(struct loop *loop)
{
	struct work_pool *pool = &loop->pool;
	bool idle;

	pthread_mutex_lock(&pool->lock);
	idle = pool->unfinished == 0;
	pthread_mutex_unlock(&pool->lock);
	return idle;
}
