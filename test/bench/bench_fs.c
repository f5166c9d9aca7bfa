/* SPDX-License-Identifier: MIT */
/*
 * The loads of test/bench/run, as one program so that no shell is measured. Each prints one number:
 * operations, names or megabytes per second, or milliseconds.
 */
#include "bench.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#define SEQUENTIAL_BYTES (1u << 20)
#define THREADS_MAX 64u
#define SMALL_BYTES_MIN 1500u
#define SMALL_BYTES_MAX 4000u

/* seq FILE: all of it in reads of 1 MiB; MB/s */
static int run_sequential(char **argv)
{
	char *buf = buffer(SEQUENTIAL_BYTES);
	int fd = open_or_die(AT_FDCWD, argv[0], O_RDONLY);
	uint64_t total = 0;
	double start = now();
	ssize_t got;

	while ((got = pread(fd, buf, SEQUENTIAL_BYTES, (off_t)total)) > 0)
		total += (uint64_t)got;
	if (got < 0)
		die(argv[0]);
	printf("%.1f\n", (double)total / 1e6 / (now() - start));
	close(fd);
	free(buf);
	return 0;
}

struct random_job {
	pthread_t thread;
	int fd; /* borrowed */
	uint64_t blocks;
	unsigned int count;
	uint64_t seed;
};

static void *random_reads(void *argument)
{
	struct random_job *job = argument;
	char *buf = buffer(RANDOM_BYTES);

	for (unsigned int i = 0; i < job->count; i++) {
		uint64_t block = next_random(&job->seed) % job->blocks;

		if (pread(job->fd, buf, RANDOM_BYTES, (off_t)(block * RANDOM_BYTES)) !=
		    (ssize_t)RANDOM_BYTES)
			die("random read");
	}
	free(buf);
	return NULL;
}

/* rand FILE THREADS COUNT SEED: COUNT reads of 4 KiB, shared by the threads; reads/s */
static int run_random(char **argv)
{
	struct random_job jobs[THREADS_MAX];
	unsigned int threads = number(argv[1], THREADS_MAX);
	unsigned int count = number(argv[2], FILES_MAX);
	unsigned int seed = number(argv[3], FILES_MAX);
	int fd = open_or_die(AT_FDCWD, argv[0], O_RDONLY);
	struct stat st;
	double start;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)RANDOM_BYTES)
		die(argv[0]);
	start = now();
	for (unsigned int i = 0; i < threads; i++) {
		jobs[i] = (struct random_job){
			.fd = fd,
			.blocks = (uint64_t)st.st_size / RANDOM_BYTES,
			.count = count / threads,
			.seed = random_seed(seed) + i + 1,
		};
		errno = pthread_create(&jobs[i].thread, NULL, random_reads, &jobs[i]);
		if (errno)
			die("pthread_create");
	}
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(jobs[i].thread, NULL);
	printf("%.0f\n", count / threads * threads / (now() - start));
	close(fd);
	return 0;
}

/* What `make` makes and the small-file loads read: DIRS directories of FILES files each. */
static void small_path(char *path, unsigned int index, unsigned int files)
{
	snprintf(path, PATH_BYTES, "d%03u/f%05u", index / files, index % files);
}

/* @count different files of all, in an order that depends on @seed alone. */
static unsigned int *shuffled(unsigned int all, unsigned int count, unsigned int seed)
{
	unsigned int *order = calloc(all, sizeof(*order));
	uint64_t state = random_seed(seed);

	if (!order)
		die("calloc");
	if (count > all) {
		errno = ERANGE;
		die("more files asked for than there are");
	}
	for (unsigned int i = 0; i < all; i++)
		order[i] = i;
	for (unsigned int i = 0; i < count; i++) {
		unsigned int j = i + (unsigned int)(next_random(&state) % (all - i));
		unsigned int taken = order[j];

		order[j] = order[i];
		order[i] = taken;
	}
	return order;
}

static void read_small(int root, const char *path, char *buf)
{
	int fd = open_or_die(root, path, O_RDONLY);

	if (read(fd, buf, SMALL_BYTES_MAX) < (ssize_t)SMALL_BYTES_MIN)
		die(path);
	close(fd);
}

static void stat_small(int root, const char *path, char *buf)
{
	struct stat st;

	(void)buf;
	if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		die(path);
}

static int small_files(char **argv, void (*touch)(int root, const char *path, char *buf))
{
	int root = open_or_die(AT_FDCWD, argv[0], O_RDONLY | O_DIRECTORY);
	unsigned int dirs = number(argv[1], 1000);
	unsigned int files = number(argv[2], FILES_MAX / 1000);
	unsigned int count = number(argv[3], FILES_MAX);
	unsigned int *order = shuffled(dirs * files, count, number(argv[4], FILES_MAX));
	char *buf = buffer(SMALL_BYTES_MAX);
	double start = now();

	for (unsigned int i = 0; i < count; i++) {
		char path[PATH_BYTES];

		small_path(path, order[i], files);
		touch(root, path, buf);
	}
	printf("%.0f\n", count / (now() - start));
	free(buf);
	free(order);
	close(root);
	return 0;
}

/* small DIR DIRS FILES COUNT SEED: open, read, close; files/s */
static int run_small(char **argv)
{
	return small_files(argv, read_small);
}

/* stat DIR DIRS FILES COUNT SEED: fstatat; files/s */
static int run_stat(char **argv)
{
	return small_files(argv, stat_small);
}

static bool on_another_device(const char *dir, dev_t before)
{
	struct stat st;

	return stat(dir, &st) == 0 && st.st_dev != before;
}

/* time COUNT COMMAND...: what COMMAND, which deals with COUNT things, does per second */
static int run_time(char **argv)
{
	unsigned int count = number(argv[0], FILES_MAX);
	double start = now();

	wait_for_success(start_quietly(argv + 1), argv[1]);
	printf("%.0f\n", count / (now() - start));
	return 0;
}

/* mounted DIR COMMAND...: until COMMAND has returned and DIR is another file system; ms */
static int run_mounted(char **argv)
{
	struct stat st;
	double start;

	if (stat(argv[0], &st) < 0)
		die(argv[0]);
	start = now();
	wait_for_success(start_quietly(argv + 1), argv[1]);
	while (!on_another_device(argv[0], st.st_dev)) {
		if (now() - start > 30) {
			errno = ETIMEDOUT;
			die(argv[0]);
		}
		usleep(200);
	}
	printf("%.2f\n", (now() - start) * 1e3);
	return 0;
}

/* evict FILE: out of the page cache as far as its owner may */
static int run_evict(char **argv)
{
	int fd = open_or_die(AT_FDCWD, argv[0], O_RDONLY);

	fdatasync(fd);
	errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (errno)
		die(argv[0]);
	close(fd);
	return 0;
}

static void write_random(int dir, const char *path, uint64_t bytes, uint64_t *state)
{
	static uint64_t block[SEQUENTIAL_BYTES / 8];
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		die(path);
	while (bytes) {
		size_t len = bytes < sizeof(block) ? (size_t)bytes : sizeof(block);

		for (size_t i = 0; i < (len + 7) / 8; i++)
			block[i] = next_random(state);
		if (write(fd, block, len) != (ssize_t)len)
			die(path);
		bytes -= len;
	}
	close(fd);
}

/* make DIR DIRS FILES MEGABYTES: DIR/big and DIR/small/dNNN/fNNNNN */
static int run_make(char **argv)
{
	unsigned int dirs = number(argv[1], 1000);
	unsigned int files = number(argv[2], FILES_MAX / 1000);
	unsigned int megabytes = number(argv[3], 100000);
	int root = open_or_die(AT_FDCWD, argv[0], O_RDONLY | O_DIRECTORY);
	uint64_t state = 1;
	int small;

	write_random(root, "big", (uint64_t)megabytes * 1000000, &state);
	if (mkdirat(root, "small", 0755) < 0)
		die("small");
	small = open_or_die(root, "small", O_RDONLY | O_DIRECTORY);
	for (unsigned int i = 0; i < dirs * files; i++) {
		uint64_t spread = SMALL_BYTES_MAX - SMALL_BYTES_MIN + 1;
		char path[PATH_BYTES];

		small_path(path, i, files);
		if (i % files == 0) {
			char dir[PATH_BYTES];

			snprintf(dir, sizeof(dir), "d%03u", i / files);
			if (mkdirat(small, dir, 0755) < 0)
				die(dir);
		}
		write_random(small, path, SMALL_BYTES_MIN + next_random(&state) % spread, &state);
	}
	close(small);
	close(root);
	return 0;
}

static const struct load loads[] = {
	{"make", 4, run_make},	     {"seq", 1, run_sequential}, {"rand", 4, run_random},
	{"small", 5, run_small},     {"stat", 5, run_stat},	 {"time", 2, run_time},
	{"mounted", 2, run_mounted}, {"evict", 1, run_evict},
};

int main(int argc, char **argv)
{
	return run_load(loads, sizeof(loads) / sizeof(loads[0]), argc, argv);
}
