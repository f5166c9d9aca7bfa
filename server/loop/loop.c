/* SPDX-License-Identifier: MIT */
/* The loop itself: rounds, timers, file descriptors, signals, and what a round puts off to its end. */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loop/loop_private.h"

static uint64_t read_clock(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t clock_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static void on_round(struct ev_loop *ev, ev_check *watcher, int events)
{
	struct loop *loop = watcher->data;

	(void)ev;
	(void)events;
	loop->now_ms = clock_ms();
}

static void on_before_wait(struct ev_loop *ev, ev_prepare *watcher, int events)
{
	struct loop *loop = watcher->data;
	struct loop_later *later;

	(void)ev;
	(void)events;
	while ((later = loop->later)) {
		loop_later_stop(later);
		later->run(later);
	}
}

static void on_finished(struct ev_loop *ev, ev_async *watcher, int events)
{
	(void)ev;
	(void)events;
	loop_run_finished(watcher->data);
}

int loop_create(unsigned int workers, struct loop **out)
{
	CLEANUP(freep) struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	assert(workers > 0);
	if (!loop)
		return -ENOMEM;
	signal(SIGPIPE, SIG_IGN);
	loop->thread = pthread_self();
	loop->later_end = &loop->later;
	loop->now_ms = clock_ms();
	/* by signalfd, since signals are blocked in all threads */
	loop->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_SIGNALFD | EVFLAG_NOENV);
	if (!loop->ev)
		return -ENOMEM;
	err = work_pool_init(&loop->pool, workers);
	if (err) {
		ev_loop_destroy(loop->ev);
		return err;
	}
	ev_check_init(&loop->round, on_round);
	ev_set_priority(&loop->round, EV_MAXPRI);
	loop->round.data = loop;
	ev_check_start(loop->ev, &loop->round);
	ev_prepare_init(&loop->before_wait, on_before_wait);
	loop->before_wait.data = loop;
	ev_prepare_start(loop->ev, &loop->before_wait);
	ev_async_init(&loop->finished, on_finished);
	loop->finished.data = loop;
	ev_async_start(loop->ev, &loop->finished);
	*out = TAKE(loop);
	return 0;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	work_pool_finish(&loop->pool);
	ev_async_stop(loop->ev, &loop->finished);
	ev_prepare_stop(loop->ev, &loop->before_wait);
	ev_check_stop(loop->ev, &loop->round);
	ev_loop_destroy(loop->ev);
	free(loop->batch);
	free(loop);
}

void loop_run(struct loop *loop)
{
	loop->running = true;
	/* workers read it, which there are none of if another thread has made the loop */
	if (!loop_is_here(loop))
		loop->thread = pthread_self();
	loop->now_ms = clock_ms();
	if (!loop->stopping)
		ev_run(loop->ev, 0);
	loop->stopping = false;
	loop->running = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
	ev_break(loop->ev, EVBREAK_ALL);
}

bool loop_is_here(const struct loop *loop)
{
	return pthread_equal(loop->thread, pthread_self());
}

uint64_t loop_now(const struct loop *loop)
{
	return loop->running ? loop->now_ms : clock_ms();
}

uint64_t loop_clock(void)
{
	return read_clock(CLOCK_MONOTONIC_COARSE);
}

/* Timers ------------------------------------------------------------------------------------- */

static void on_timer(struct ev_loop *ev, ev_timer *watcher, int events)
{
	struct loop_timer *timer = watcher->data;

	(void)ev;
	(void)events;
	timer->fire(timer);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_ms,
		      loop_timer_fn fire)
{
	if (timer->loop)
		ev_timer_stop(loop->ev, &timer->watcher);
	/* libev counts from its last round, which may be long ago */
	if (!loop->running)
		ev_now_update(loop->ev);
	timer->loop = loop;
	timer->fire = fire;
	ev_timer_init(&timer->watcher, on_timer, (double)after_ms / 1000, 0);
	timer->watcher.data = timer;
	ev_timer_start(loop->ev, &timer->watcher);
}

void loop_timer_stop(struct loop_timer *timer)
{
	if (timer->loop)
		ev_timer_stop(timer->loop->ev, &timer->watcher);
}

bool loop_timer_runs(const struct loop_timer *timer)
{
	return timer->loop && ev_is_active(&timer->watcher);
}

/* File descriptors --------------------------------------------------------------------------- */

static int to_ev(unsigned int events)
{
	return (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0);
}

static void on_io(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct loop_io *io = watcher->data;

	(void)ev;
	io->ready(io, (events & EV_READ ? LOOP_READ : 0) | (events & EV_WRITE ? LOOP_WRITE : 0));
}

void loop_io_start(struct loop *loop, struct loop_io *io, int fd, unsigned int events,
		   loop_io_fn ready)
{
	io->loop = loop;
	io->ready = ready;
	ev_io_init(&io->watcher, on_io, fd, to_ev(events));
	io->watcher.data = io;
	if (events)
		ev_io_start(loop->ev, &io->watcher);
}

void loop_io_change(struct loop_io *io, unsigned int events)
{
	bool active = ev_is_active(&io->watcher);

	if (active && to_ev(events) == (io->watcher.events & (EV_READ | EV_WRITE)))
		return;
	ev_io_stop(io->loop->ev, &io->watcher);
	ev_io_set(&io->watcher, io->watcher.fd, to_ev(events));
	if (events)
		ev_io_start(io->loop->ev, &io->watcher);
}

void loop_io_stop(struct loop_io *io)
{
	if (io->loop)
		ev_io_stop(io->loop->ev, &io->watcher);
}

/* Later in the round -------------------------------------------------------------------------- */

void loop_later_start(struct loop *loop, struct loop_later *later, loop_later_fn run)
{
	later->run = run;
	if (later->link)
		return;
	later->loop = loop;
	later->next = NULL;
	later->link = loop->later_end;
	*loop->later_end = later;
	loop->later_end = &later->next;
}

void loop_later_stop(struct loop_later *later)
{
	if (!later->link)
		return;
	*later->link = later->next;
	if (later->next)
		later->next->link = later->link;
	else
		later->loop->later_end = later->link;
	later->next = NULL;
	later->link = NULL;
}

/* Signals ------------------------------------------------------------------------------------ */

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct loop_signal *signal = watcher->data;

	(void)ev;
	(void)events;
	signal->arrived(signal, watcher->signum);
}

void loop_signal_start(struct loop *loop, struct loop_signal *signal, int number,
		       loop_signal_fn arrived)
{
	signal->arrived = arrived;
	ev_signal_init(&signal->watcher, on_signal, number);
	signal->watcher.data = signal;
	ev_signal_start(loop->ev, &signal->watcher);
}

void loop_signal_stop(struct loop *loop, struct loop_signal *signal)
{
	ev_signal_stop(loop->ev, &signal->watcher);
}
