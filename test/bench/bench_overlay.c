/* SPDX-License-Identifier: MIT */
/*
 * The loads of test/bench/overlay that change a tree, as one program so that no shell is measured.
 * Each prints one number: files, writes or megabytes per second, seconds, or milliseconds.
 */
#include "bench.h"

#include <ftw.h>
#include <stdbool.h>
#include <sys/stat.h>

#define CREATED_BYTES 2000u
#define CREATED_PER_DIR 500u
#define OVERWRITES_PER_SYNC 64u
#define STATUS_BYTES 100000u
#define WALK_DESCRIPTORS 32
#define WRITE_BYTES_MAX (1u << 20)

static void write_whole(int fd, const void *buf, size_t len, const char *path)
{
	if (write(fd, buf, len) != (ssize_t)len)
		die(path);
}

static void sync_or_die(int fd, const char *path)
{
	if (fsync(fd) < 0)
		die(path);
}

static void make_dir(int at, const char *path)
{
	if (mkdirat(at, path, 0755) < 0 && errno != EEXIST)
		die(path);
}

static void created_path(char *path, unsigned int index)
{
	snprintf(path, PATH_BYTES, "c%03u/f%05u", index / CREATED_PER_DIR, index);
}

static double create_files(int root, unsigned int count, bool synced)
{
	char *buf = buffer(CREATED_BYTES);
	double start = now();

	for (unsigned int i = 0; i < count; i++) {
		char path[PATH_BYTES];
		int fd;

		created_path(path, i);
		if (i % CREATED_PER_DIR == 0) {
			char dir[PATH_BYTES];

			snprintf(dir, sizeof(dir), "c%03u", i / CREATED_PER_DIR);
			make_dir(root, dir);
		}
		fd = open_or_die(root, path, O_WRONLY | O_CREAT | O_EXCL);
		write_whole(fd, buf, CREATED_BYTES, path);
		if (synced)
			sync_or_die(fd, path);
		close(fd);
	}
	free(buf);
	return count / (now() - start);
}

/* create DIR COUNT: makes files of 2,000 bytes; files/s */
static int run_create(char **argv)
{
	int root = open_or_die(AT_FDCWD, argv[0], O_RDONLY | O_DIRECTORY);

	printf("%.0f\n", create_files(root, number(argv[1], FILES_MAX), false));
	close(root);
	return 0;
}

/* durable DIR COUNT: the same with an fsync of each */
static int run_durable(char **argv)
{
	int root = open_or_die(AT_FDCWD, argv[0], O_RDONLY | O_DIRECTORY);

	printf("%.0f\n", create_files(root, number(argv[1], FILES_MAX), true));
	close(root);
	return 0;
}

/* unlink DIR COUNT: removes what create or durable made; files/s */
static int run_unlink(char **argv)
{
	int root = open_or_die(AT_FDCWD, argv[0], O_RDONLY | O_DIRECTORY);
	unsigned int count = number(argv[1], FILES_MAX);
	double start = now();

	for (unsigned int i = 0; i < count; i++) {
		char path[PATH_BYTES];

		created_path(path, i);
		if (unlinkat(root, path, 0) < 0)
			die(path);
	}
	printf("%.0f\n", count / (now() - start));
	close(root);
	return 0;
}

/* One file of a package, or the list of packages: written beside, to be renamed. */
static int write_beside(int root, const char *path, const char *suffix, const char *buf, size_t len)
{
	char beside[PATH_BYTES + 16];
	int fd;

	snprintf(beside, sizeof(beside), "%s%s", path, suffix);
	fd = open_or_die(root, beside, O_WRONLY | O_CREAT | O_TRUNC);
	write_whole(fd, buf, len, beside);
	return fd;
}

static void rename_into_place(int root, const char *path, const char *suffix)
{
	char beside[PATH_BYTES + 16];

	snprintf(beside, sizeof(beside), "%s%s", path, suffix);
	if (renameat(root, beside, root, path) < 0)
		die(path);
}

static void package_path(char *path, unsigned int package, unsigned int file)
{
	snprintf(path, PATH_BYTES, "usr/p%04u/d%u/f%04u", package, file % 4, file);
}

/* As dpkg unpacks: all files beside their names, then each made durable, then each renamed. */
static void unpack(int root, unsigned int package, unsigned int files, const char *buf, int *fds)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "usr/p%04u", package);
	make_dir(root, path);
	for (unsigned int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "usr/p%04u/d%u", package, i);
		make_dir(root, path);
	}
	for (unsigned int i = 0; i < files; i++) {
		package_path(path, package, i);
		fds[i] = write_beside(root, path, ".dpkg-new", buf, 500 + i * 977 % 30000);
	}
	for (unsigned int i = 0; i < files; i++) {
		package_path(path, package, i);
		sync_or_die(fds[i], path);
		close(fds[i]);
	}
	for (unsigned int i = 0; i < files; i++) {
		package_path(path, package, i);
		rename_into_place(root, path, ".dpkg-new");
	}
}

static void note_status(int root, const char *buf)
{
	int lib = open_or_die(root, "lib", O_RDONLY | O_DIRECTORY);
	int fd = write_beside(root, "lib/status", "-new", buf, STATUS_BYTES);

	sync_or_die(fd, "lib/status-new");
	close(fd);
	rename_into_place(root, "lib/status", "-new");
	sync_or_die(lib, "lib");
	close(lib);
}

/* dpkg DIR PACKAGES FILES: installs packages of FILES files, then upgrades each; files/s */
static int run_dpkg(char **argv)
{
	int root = open_or_die(AT_FDCWD, argv[0], O_RDONLY | O_DIRECTORY);
	unsigned int packages = number(argv[1], 10000);
	unsigned int files = number(argv[2], 1000);
	int *fds = calloc(files, sizeof(*fds));
	char *buf = buffer(STATUS_BYTES);
	double start;

	if (!fds)
		die("calloc");
	start = now();
	make_dir(root, "usr");
	make_dir(root, "lib");
	for (unsigned int i = 0; i < 2 * packages; i++) {
		unpack(root, i % packages, files, buf, fds);
		note_status(root, buf);
	}
	printf("%.0f\n", 2.0 * packages * files / (now() - start));
	free(buf);
	free(fds);
	close(root);
	return 0;
}

/* first FILE: opens it, writes 4 KiB into its middle, fsync; ms */
static int run_first(char **argv)
{
	char *buf = buffer(RANDOM_BYTES);
	struct stat st;
	double start;
	int fd;

	if (stat(argv[0], &st) < 0)
		die(argv[0]);
	start = now();
	fd = open_or_die(AT_FDCWD, argv[0], O_WRONLY);
	if (pwrite(fd, buf, RANDOM_BYTES, st.st_size / 2 / RANDOM_BYTES * RANDOM_BYTES) !=
	    (ssize_t)RANDOM_BYTES)
		die(argv[0]);
	sync_or_die(fd, argv[0]);
	printf("%.2f\n", (now() - start) * 1e3);
	close(fd);
	free(buf);
	return 0;
}

/* overwrite FILE COUNT SEED: writes of 4 KiB anywhere in it, an fsync after each 64; writes/s */
static int run_overwrite(char **argv)
{
	char *buf = buffer(RANDOM_BYTES);
	int fd = open_or_die(AT_FDCWD, argv[0], O_WRONLY);
	unsigned int count = number(argv[1], FILES_MAX);
	uint64_t state = random_seed(number(argv[2], FILES_MAX));
	struct stat st;
	double start;

	if (fstat(fd, &st) < 0)
		die(argv[0]);
	start = now();
	for (unsigned int i = 1; i <= count; i++) {
		uint64_t block = next_random(&state) % ((uint64_t)st.st_size / RANDOM_BYTES);

		if (pwrite(fd, buf, RANDOM_BYTES, (off_t)(block * RANDOM_BYTES)) !=
		    (ssize_t)RANDOM_BYTES)
			die(argv[0]);
		if (i % OVERWRITES_PER_SYNC == 0 || i == count)
			sync_or_die(fd, argv[0]);
	}
	printf("%.0f\n", count / (now() - start));
	close(fd);
	free(buf);
	return 0;
}

/* write FILE MEGABYTES BYTES: a new file in writes of BYTES, fsync at its end; MB/s */
static int run_write(char **argv)
{
	uint64_t left = (uint64_t)number(argv[1], 100000) * 1000000;
	size_t each = number(argv[2], WRITE_BYTES_MAX);
	uint64_t all = left;
	char *buf = buffer(each);
	double start = now();
	int fd = open_or_die(AT_FDCWD, argv[0], O_WRONLY | O_CREAT | O_TRUNC);

	while (left) {
		size_t len = left < each ? (size_t)left : each;

		write_whole(fd, buf, len, argv[0]);
		left -= len;
	}
	sync_or_die(fd, argv[0]);
	printf("%.1f\n", (double)all / 1e6 / (now() - start));
	close(fd);
	free(buf);
	return 0;
}

/* seconds COMMAND...: how long it takes */
static int run_seconds(char **argv)
{
	double start = now();

	wait_for_success(start_quietly(argv), argv[0]);
	printf("%.2f\n", now() - start);
	return 0;
}

static int evict_file(const char *path, const struct stat *st, int type, struct FTW *place)
{
	int fd;

	(void)place;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	fd = open_or_die(AT_FDCWD, path, O_RDONLY);
	fdatasync(fd);
	errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (errno)
		die(path);
	close(fd);
	return 0;
}

/* evict-all DIR: each file below it out of the page cache, as far as its owner may */
static int run_evict_all(char **argv)
{
	if (nftw(argv[0], evict_file, WALK_DESCRIPTORS, FTW_PHYS) < 0)
		die(argv[0]);
	return 0;
}

/* Sizes as in the root file system of a small Debian: about 15 KB on average. */
static uint64_t debian_size(uint64_t *state)
{
	static const struct {
		unsigned int below; /* of 10,000 */
		uint64_t min;
		uint64_t max;
	} sizes[] = {
		{3400, 20, 2000},     {7000, 2000, 7000},    {9200, 7000, 29000},
		{9850, 29000, 90000}, {9995, 90000, 410000}, {10000, 410000, 7500000},
	};
	uint64_t which = next_random(state) % 10000;
	size_t i = 0;

	while (which >= sizes[i].below)
		i++;
	return sizes[i].min + next_random(state) % (sizes[i].max - sizes[i].min);
}

static void debian_path(char *path, unsigned int file)
{
	snprintf(path, PATH_BYTES, "d%02u/d%02u/f%05u", file / 12 % 40, file / 12 % 1600 / 40,
		 file);
}

static void debian_file(int root, const char *path, uint64_t bytes, uint64_t *state)
{
	static uint64_t words[(64u << 10) / 8];
	int fd = open_or_die(root, path, O_WRONLY | O_CREAT | O_EXCL);

	while (bytes) {
		size_t len = bytes < sizeof(words) ? (size_t)bytes : sizeof(words);

		for (size_t i = 0; i < (len + 7) / 8; i++)
			words[i] = next_random(state);
		write_whole(fd, words, len, path);
		bytes -= len;
	}
	close(fd);
}

/*
 * debian DIR FILES: a tree like the root of a Debian, about 15 KB a file in 1,640 directories, with
 * a symbolic link for every tenth file and a hard link for every hundredth
 */
static int run_debian(char **argv)
{
	int root = open_or_die(AT_FDCWD, argv[0], O_RDONLY | O_DIRECTORY);
	unsigned int files = number(argv[1], 100000);
	uint64_t state = random_seed(1);

	for (unsigned int i = 0; i < 40 * 41; i++) {
		char path[PATH_BYTES];

		if (i < 40)
			snprintf(path, sizeof(path), "d%02u", i);
		else
			snprintf(path, sizeof(path), "d%02u/d%02u", i % 40, i / 40 - 1);
		make_dir(root, path);
	}
	for (unsigned int i = 0; i < files; i++) {
		char path[PATH_BYTES], other[PATH_BYTES + 16];

		debian_path(path, i);
		debian_file(root, path, debian_size(&state), &state);
		snprintf(other, sizeof(other), "%s.so.1", path);
		if (i % 10 == 0 && symlinkat(strrchr(path, '/') + 1, root, other) < 0)
			die(other);
		snprintf(other, sizeof(other), "%s.same", path);
		if (i % 100 == 0 && linkat(root, path, root, other, 0) < 0)
			die(other);
	}
	close(root);
	return 0;
}

static const struct load loads[] = {
	{"create", 2, run_create}, {"durable", 2, run_durable}, {"unlink", 2, run_unlink},
	{"dpkg", 3, run_dpkg},	   {"first", 1, run_first},	{"overwrite", 3, run_overwrite},
	{"write", 3, run_write},   {"seconds", 1, run_seconds}, {"evict-all", 1, run_evict_all},
	{"debian", 2, run_debian},
};

int main(int argc, char **argv)
{
	return run_load(loads, sizeof(loads) / sizeof(loads[0]), argc, argv);
}
