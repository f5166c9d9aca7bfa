/* SPDX-License-Identifier: MIT */
/* What the loop room promises of its workers, of what other threads post, and of signals. */
#include "support/loop_probe.h"

#include <assert.h>
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"

#define MANY 2000u

static unsigned int count;

/* Work ----------------------------------------------------------------------------------------- */

struct job {
	struct loop_work work;
	unsigned int number;
};

static struct job jobs[MANY];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int wanted;
static unsigned int begun;
static unsigned int at_once;
static unsigned int most_at_once;
static unsigned int out_of_order;

/* A line of the status of each thread of the process, by @look; whether it held for how many. */
static unsigned int look_at_threads(const char *file_name, bool (*look)(const char *line))
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int threads = 0;

	assert(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[300];
		char line[200];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/%s", entry->d_name, file_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		while (file && fgets(line, sizeof(line), file))
			threads += look(line);
		if (file)
			fclose(file);
	}
	closedir(dir);
	return threads;
}

static bool is_worker(const char *name)
{
	return strncmp(name, "work-", 5) == 0;
}

static unsigned int count_workers(void)
{
	return look_at_threads("comm", is_worker);
}

static void run_slowly(struct loop_work *work)
{
	assert(!loop_is_here(loop));
	pthread_mutex_lock(&lock);
	begun++;
	if (++at_once > most_at_once)
		most_at_once = at_once;
	pthread_mutex_unlock(&lock);
	usleep(20000);
	pthread_mutex_lock(&lock);
	at_once--;
	pthread_mutex_unlock(&lock);
	(void)work;
}

static void run_quickly(struct loop_work *work)
{
	struct job *job = container_of(work, struct job, work);

	pthread_mutex_lock(&lock);
	out_of_order += job->number != begun++;
	pthread_mutex_unlock(&lock);
}

static void count_done(struct loop_work *work)
{
	(void)work;
	assert(loop_is_here(loop));
	if (++count == wanted)
		loop_stop(loop);
}

static void submit(unsigned int jobs_count, loop_work_fn run)
{
	count = 0;
	wanted = jobs_count;
	for (unsigned int i = 0; i < jobs_count; i++) {
		jobs[i].number = i;
		loop_work_submit(loop, &jobs[i].work, run, count_done);
	}
}

static void workers_start_when_they_are_needed(void)
{
	assert(count_workers() == 0);
	submit(1, run_slowly);
	assert(count_workers() == 1);
	loop_run(loop);
	/* one that has nothing to do takes the next one */
	usleep(20000);
	submit(1, run_slowly);
	assert(count_workers() == 1);
	loop_run(loop);
}

static void all_workers_work_where_all_are_needed(void)
{
	/* and once more, when they have slept */
	for (int round = 0; round < 2; round++) {
		most_at_once = 0;
		submit(4 * WORKERS, run_slowly);
		assert(count_workers() == WORKERS);
		loop_run(loop);
		assert(most_at_once == WORKERS);
		usleep(20000);
	}
}

static void work_begins_in_the_order_of_its_submission(void)
{
	loop_destroy(loop);
	assert(loop_create(1, &loop) == 0);
	submit(MANY, run_quickly);
	loop_run(loop);
	assert(begun == MANY && out_of_order == 0);
}

static unsigned int begun_before;

static void run_urgently(struct loop_work *work)
{
	(void)work;
	pthread_mutex_lock(&lock);
	begun_before = begun;
	pthread_mutex_unlock(&lock);
}

static void urgent_work_does_not_wait_for_the_rest(void)
{
	static struct loop_work urgent;

	loop_destroy(loop);
	assert(loop_create(1, &loop) == 0);
	/* the only worker gets no further than to the first */
	pthread_mutex_lock(&lock);
	submit(MANY, run_quickly);
	loop_work_submit_urgent(loop, &urgent, run_urgently, count_done);
	wanted++;
	pthread_mutex_unlock(&lock);
	loop_run(loop);
	assert(begun == MANY && out_of_order == 0 && begun_before <= 1);
}

/* Groups: the first lot ends when all others have run, which wait for no worker meanwhile. */
static struct loop_group group;
static unsigned int lots;
static unsigned int ended;

static void end_lot(struct loop_work *newest)
{
	bool all = false;

	assert(!loop_is_here(loop));
	lots++;
	for (struct loop_work *work = newest; work; work = work->next)
		ended++;
	while (!all) {
		pthread_mutex_lock(&lock);
		all = begun == MANY;
		pthread_mutex_unlock(&lock);
		sched_yield();
	}
}

static void run_in_group(struct loop_work *work)
{
	run_quickly(work);
	work->group = &group;
}

static void work_of_a_group_waits_for_one_worker_alone(void)
{
	loop_group_init(&group, end_lot);
	submit(MANY, run_in_group);
	loop_run(loop);
	assert(begun == MANY && ended == MANY);
	/* a few may be between their run and the group when the first lot ends */
	assert(lots <= 1 + WORKERS);
	loop_group_finish(&group);
}

static void resubmit(struct loop_work *work)
{
	if (++count < MANY)
		loop_work_submit(loop, work, run_quickly, resubmit);
	else
		loop_stop(loop);
}

static void work_may_be_submitted_again_when_it_is_done(void)
{
	loop_work_submit(loop, &jobs[0].work, run_quickly, resubmit);
	loop_run(loop);
	assert(begun == MANY);
}

static void count_post(struct loop_work *work)
{
	(void)work;
	assert(loop_is_here(loop));
	if (++count == MANY)
		loop_stop(loop);
}

static void *post_some(void *ctx)
{
	struct job *mine = ctx;

	for (unsigned int i = 0; i < MANY / 4; i++) {
		loop_post(loop, &mine[i].work, count_post);
		if (i % 50 == 0)
			usleep(100); /* the loop falls asleep now and then */
	}
	return NULL;
}

static void posts_arrive_from_any_thread(void)
{
	pthread_t threads[4];

	for (unsigned int i = 0; i < 4; i++)
		assert(pthread_create(&threads[i], NULL, post_some, &jobs[i * MANY / 4]) == 0);
	loop_run(loop);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert(count == MANY);
}

/* Signals -------------------------------------------------------------------------------------- */

static struct loop_signal watched;

static void note_signal(struct loop_signal *signal, int number)
{
	assert(signal == &watched && number == SIGUSR1);
	count++;
	loop_stop(loop);
}

/* Whether it is the line of the signals that are blocked, and SIGUSR1 is not. */
static bool takes_signals(const char *line)
{
	return strncmp(line, "SigBlk:", 7) == 0 &&
	       !(strtoull(line + 7, NULL, 16) >> (SIGUSR1 - 1) & 1);
}

static void signals_come_to_the_loop_alone(void)
{
	loop_signal_start(loop, &watched, SIGUSR1, note_signal);
	submit(4 * WORKERS, run_slowly);
	assert(count_workers() == WORKERS);
	assert(look_at_threads("status", takes_signals) == 0);
	loop_run(loop);
	count = 0;
	kill(getpid(), SIGUSR1);
	loop_run(loop);
	assert(count == 1);
	loop_signal_stop(loop, &watched);
}

const struct check checks_of_threads[] = {
	CHECK(workers_start_when_they_are_needed),
	CHECK(all_workers_work_where_all_are_needed),
	CHECK(work_begins_in_the_order_of_its_submission),
	CHECK(urgent_work_does_not_wait_for_the_rest),
	CHECK(work_of_a_group_waits_for_one_worker_alone),
	CHECK(work_may_be_submitted_again_when_it_is_done),
	CHECK(posts_arrive_from_any_thread),
	CHECK(signals_come_to_the_loop_alone),
	{0},
};
