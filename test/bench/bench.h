/* SPDX-License-Identifier: MIT */
/*
 * What the loads of the benchmarks share. All in one header, so that each program can be compiled by
 * a bare `cc` on a machine where Bramble is not built.
 */
#ifndef BRAMBLE_BENCH_BENCH_H
#define BRAMBLE_BENCH_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>

#define RANDOM_BYTES 4096u
#define FILES_MAX 10000000u
#define PATH_BYTES 64

static inline _Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

static inline double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A state of next_random; @seed is small. */
static inline uint64_t random_seed(unsigned int seed)
{
	return (uint64_t)seed * 0x9e3779b97f4a7c15u;
}

static inline unsigned int number(const char *text, unsigned int max)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || value == 0 || value > max) {
		errno = EINVAL;
		die(text);
	}
	return (unsigned int)value;
}

static inline void *buffer(size_t bytes)
{
	void *buf = malloc(bytes);

	if (!buf)
		die("malloc");
	memset(buf, 1, bytes); /* its first touch is not the file system's */
	return buf;
}

static inline int open_or_die(int dir, const char *path, int flags)
{
	int fd = openat(dir, path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		die(path);
	return fd;
}

static inline pid_t start_quietly(char **command)
{
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (child == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
			_exit(126);
		execvp(command[0], command);
		_exit(127);
	}
	return child;
}

static inline void wait_for_success(pid_t child, const char *what)
{
	int status;

	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "%s: %s: failed\n", program_invocation_short_name, what);
		exit(1);
	}
}

/* A load: its arguments are those of the program behind its name. */
struct load {
	const char *name;
	int arguments; /* at least */
	int (*run)(char **argv);
};

static inline int run_load(const struct load *loads, size_t count, int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < count; i++) {
		if (strcmp(argv[1], loads[i].name) == 0 && argc - 2 >= loads[i].arguments)
			return loads[i].run(argv + 2);
	}
	fprintf(stderr, "%s: see the comments of its source for its loads\n",
		program_invocation_short_name);
	return 2;
}

#endif
