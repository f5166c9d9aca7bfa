/* SPDX-License-Identifier: MIT */
/* What crash_load notes on the host while it works, and what it finds in a directory. */
#ifndef BRAMBLE_TEST_CRASH_LOG_H
#define BRAMBLE_TEST_CRASH_LOG_H

#include <stdatomic.h>

#include "crash_model.h"

struct crash_log_op {
	/* Moments on a clock that ticks at each; @end is 0 until it has succeeded. */
	uint32_t begin;
	uint32_t end;
	uint64_t ino; /* of what it made, if that is known */
};

struct crash_log_thread {
	_Atomic uint32_t started; /* operations */
	_Atomic uint32_t done;
	_Atomic uint32_t durable; /* so many are to be found after a crash */
	struct crash_log_op ops[CRASH_OPS_MAX];
};

/* Shared memory, backed by a file: what is written to it survives whatever kills the writer. */
struct crash_log {
	uint64_t seed;
	uint32_t threads;
	uint32_t run;
	_Atomic uint32_t clock;
	struct crash_log_thread thread[CRASH_THREADS_MAX];
};

/* Creates @path, or opens it for reading; ends the process if that fails. */
struct crash_log *crash_log_map(const char *path, bool create);

/* The states that the threads began with lie beside the log. */
void crash_base_save(const char *log, const struct crash_model *models, unsigned int threads);
void crash_base_load(const char *log, struct crash_model *models, unsigned int threads);

/* The directory of a thread below @root. */
int crash_plot_open(int root, unsigned int thread, bool create);

/*
 * Makes a model of the directory @fd. What can be no state of any sequence is said and counted:
 * strange names, wrong counts of links, blocks that nobody wrote or another thread.
 */
unsigned int crash_scan(int fd, unsigned int thread, struct crash_model *out);

/* Every thread of the log, as crash_load says; the number of problems, each of which was said. */
unsigned int crash_verify(int root, const struct crash_log *log, const char *path, bool all);

_Noreturn void crash_die(const char *what);

#endif
