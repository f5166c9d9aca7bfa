/* SPDX-License-Identifier: MIT */
/*
 * Work for threads that may wait. To wake a thread costs both sides more than most work takes, so one
 * wakes as few as possible: whoever submits wakes one worker at most, which wakes the next one if
 * there is still more to do when it has got up; workers that are awake go on with whatever is there.
 * In the other direction the loop is told once, until it looks. Of those that wait for the same disk one
 * worker is enough: a group. Workers sleep at a semaphore, since after pthread_cond_wait(3) each unlock of
 * the mutex is a system call.
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

static bool has_work(const struct work_pool *pool)
{
	return pool->urgent.first || pool->waiting.first;
}

static struct loop_work *next_work(struct work_pool *pool)
{
	return queue_pop(pool->urgent.first ? &pool->urgent : &pool->waiting);
}

int work_pool_init(struct work_pool *pool, unsigned int threads_max)
{
	int err;

	queue_init(&pool->urgent);
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
	assert(!has_work(pool));
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

/* Hands work, from @newest by next to @oldest, to the loop, which is told unless it was already. */
static void finish(struct loop *loop, struct loop_work *newest, struct loop_work *oldest)
{
	struct loop_work *before = atomic_load_explicit(&loop->pool.finished, memory_order_relaxed);

	do
		oldest->next = before;
	while (!atomic_compare_exchange_weak_explicit(&loop->pool.finished, &before, newest,
						      memory_order_release, memory_order_relaxed));
	if (!before)
		ev_async_send(loop->ev, &loop->finished);
}

/* Groups -------------------------------------------------------------------------------------- */

void loop_group_init(struct loop_group *group, loop_group_fn end)
{
	memset(group, 0, sizeof(*group));
	group->end = end;
	pthread_mutex_init(&group->lock, NULL);
}

void loop_group_finish(struct loop_group *group)
{
	assert(!group->newest && !group->busy);
	pthread_mutex_destroy(&group->lock);
}

/*
 * Ends what is in @group, which is busy. True: there is more by now; else it may be gone as soon as its last
 * work is finished.
 */
static bool end_lot(struct loop *loop, struct loop_group *group)
{
	struct loop_work *newest, *oldest;
	bool more;

	pthread_mutex_lock(&group->lock);
	newest = TAKE(group->newest);
	oldest = group->oldest;
	pthread_mutex_unlock(&group->lock);
	group->end(newest);
	pthread_mutex_lock(&group->lock);
	more = group->newest;
	group->busy = more;
	pthread_mutex_unlock(&group->lock);
	finish(loop, newest, oldest);
	return more;
}

/* One more for @group. If nobody ends what is in it, this worker does. */
static void join(struct loop *loop, struct loop_group *group, struct loop_work *work)
{
	bool leads;

	pthread_mutex_lock(&group->lock);
	work->next = group->newest;
	group->newest = work;
	if (!work->next)
		group->oldest = work;
	leads = !group->busy;
	group->busy = true;
	pthread_mutex_unlock(&group->lock);
	while (leads)
		leads = end_lot(loop, group);
}

/* Whether one more worker is to get up, since there is more to do; the lock is held. */
static bool wake_locked(struct work_pool *pool)
{
	if (!has_work(pool) || pool->waking || pool->idle == 0)
		return false;
	pool->waking = true;
	return true;
}

static void do_work(struct loop_work *work)
{
	struct loop *loop = work->loop;

	work->run(work);
	if (work->group)
		join(loop, work->group, work);
	else
		finish(loop, work, work);
}

/* Does one piece of work; the lock is held, and let go meanwhile. */
static void serve_locked(struct work_pool *pool)
{
	struct loop_work *work = next_work(pool);
	bool wake = wake_locked(pool);

	pthread_mutex_unlock(&pool->lock);
	if (wake)
		sem_post(&pool->wake);
	do_work(work);
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
		if (has_work(pool))
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

static void submit(struct loop *loop, struct loop_work *work, struct work_queue *queue,
		   loop_work_fn run, loop_work_fn done)
{
	struct work_pool *pool = &loop->pool;
	bool wake;

	work->loop = loop;
	work->group = NULL;
	work->run = run;
	work->done = done;
	atomic_fetch_add(&pool->unfinished, 1);
	pthread_mutex_lock(&pool->lock);
	queue_push(queue, work);
	wake = wake_locked(pool);
	if (pool->urgent.count + pool->waiting.count > pool->idle &&
	    pool->threads < pool->threads_max)
		start_thread(pool);
	if (pool->threads == 0) {
		log_warn("loop: no thread can be started: the loop waits itself");
		queue_pop(queue);
		pthread_mutex_unlock(&pool->lock);
		do_work(work);
		return;
	}
	pthread_mutex_unlock(&pool->lock);
	if (wake)
		sem_post(&pool->wake);
}

void loop_work_submit(struct loop *loop, struct loop_work *work, loop_work_fn run,
		      loop_work_fn done)
{
	submit(loop, work, &loop->pool.waiting, run, done);
}

void loop_work_submit_urgent(struct loop *loop, struct loop_work *work, loop_work_fn run,
			     loop_work_fn done)
{
	submit(loop, work, &loop->pool.urgent, run, done);
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
	finish(loop, work, work);
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
