/* SPDX-License-Identifier: MIT */
/*
 * Work for threads that may wait. To wake a thread costs both sides more than most work takes, so one
 * wakes as few as possible: whoever submits wakes one worker at most, which wakes the next one if
 * there is still more to do when it has got up; workers that are awake go on with whatever is there.
 * In the other direction the loop is told once, until it looks. Workers sleep at a semaphore, since
 * after pthread_cond_wait(3) each unlock of the mutex is a system call.
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
	atomic_init(&pool->finished, NULL);
	atomic_init(&pool->unfinished, 0);
	pool->threads_max = threads_max;
	pool->ids = calloc(threads_max, sizeof(*pool->ids));
	if (!pool->ids)
		return -ENOMEM;
	err = pthread_mutex_init(&pool->lock, NULL);
	if (err == 0 && sem_init(&pool->wake, 0, 0))
		err = errno;
	if (err)
		free(pool->ids);
	return -err;
}

void work_pool_finish(struct work_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	assert(!pool->waiting.first);
	pool->ending = true;
	pthread_mutex_unlock(&pool->lock);
	/* only the loop's thread, which is this one, starts others */
	for (unsigned int i = 0; i < pool->threads; i++)
		sem_post(&pool->wake);
	for (unsigned int i = 0; i < pool->threads; i++)
		pthread_join(pool->ids[i], NULL);
	sem_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool->ids);
}

/* Hands @work to the loop, which is told unless it was already. */
static void finish(struct loop *loop, struct loop_work *work)
{
	struct loop_work *before = atomic_load_explicit(&loop->pool.finished, memory_order_relaxed);

	do
		work->next = before;
	while (!atomic_compare_exchange_weak_explicit(&loop->pool.finished, &before, work,
						      memory_order_release, memory_order_relaxed));
	if (!before)
		ev_async_send(loop->ev, &loop->finished);
}

/* Whether one more worker is to get up, since there is more to do; the lock is held. */
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
		sem_post(&pool->wake);
	work->run(work);
	finish(loop, work);
	pthread_mutex_lock(&pool->lock);
}

/* Until there is something to do; the lock is held, and let go meanwhile. */
static void sleep_locked(struct work_pool *pool)
{
	pool->idle++;
	pthread_mutex_unlock(&pool->lock);
	while (sem_wait(&pool->wake))
		; /* EINTR: of a debugger, say */
	pthread_mutex_lock(&pool->lock);
	pool->idle--;
	pool->waking = false;
}

static void *serve(void *ctx)
{
	struct work_pool *pool = ctx;

	pthread_mutex_lock(&pool->lock);
	while (!pool->ending) {
		if (pool->waiting.first)
			serve_locked(pool);
		else
			sleep_locked(pool);
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
	atomic_fetch_add(&pool->unfinished, 1);
	pthread_mutex_lock(&pool->lock);
	queue_push(&pool->waiting, work);
	wake = wake_locked(pool);
	if (pool->waiting.count > pool->idle && pool->threads < pool->threads_max)
		start_thread(pool);
	if (pool->threads == 0) {
		log_warn("loop: no thread can be started: the loop waits itself");
		queue_pop(&pool->waiting);
		pthread_mutex_unlock(&pool->lock);
		work->run(work);
		finish(loop, work);
		return;
	}
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		sem_post(&pool->wake);
}

unsigned int loop_workers(const struct loop *loop)
{
	return loop->pool.threads_max;
}

void loop_post(struct loop *loop, struct loop_work *work, loop_work_fn run)
{
	work->loop = loop;
	work->done = run;
	atomic_fetch_add(&loop->pool.unfinished, 1);
	finish(loop, work);
}

void loop_run_finished(struct loop *loop)
{
	struct loop_work *last =
		atomic_exchange_explicit(&loop->pool.finished, NULL, memory_order_acquire);
	struct loop_work *work = NULL;
	struct loop_work *next;
	size_t count = 0;

	for (; last; last = next, count++) {
		next = last->next;
		last->next = work;
		work = last;
	}
	atomic_fetch_sub(&loop->pool.unfinished, count);
	for (; work; work = next) {
		next = work->next; /* its callback may free it */
		work->done(work);
	}
}

bool loop_is_idle(struct loop *loop)
{
	return atomic_load(&loop->pool.unfinished) == 0;
}
