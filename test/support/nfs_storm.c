/* SPDX-License-Identifier: MIT */
/*
 * What many Pis do by NFS when their kernels start: each mounts its own tree, finds and reads files as an
 * init does, and creates, writes and commits some. Each is a thread that has one call under way, from an address of its
 * own that need not be the host's (IP_TRANSPARENT).
 *
 *     nfs_storm COUNT SERVER <LINES
 *
 * LINES are "SERIAL ADDRESS", as rom_client --tell writes them: that Pi begins as soon as its line comes. When COUNT
 * have come to their end, tells how long each step took, and keeps their connections until LINES end. Fails if
 * anything is not as it must be; no answer within 20 seconds is one reason.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "support/nfs_client.h"

#define PORT 2049
#define PIS_MAX 10000u
#define STACK_BYTES ((size_t)256 << 10)
#define FILES_WRITTEN 8u
#define WRITES 4u
#define WRITE_BYTES (16u << 10)
#define READ_BYTES (64u << 10)
#define READ_MOST (1u << 20) /* of one file */
#define FIRST_PORT 700u

/* What every image of a Linux has: programs, libraries, lists. Symbolic links are looked at only. */
static const char *const read_paths[] = {
	"etc/fstab",	   "etc/passwd",   "etc/group",	 "etc/nsswitch.conf",  "etc/os-release",
	"etc/ld.so.cache", "usr/bin/bash", "usr/bin/ls", "usr/lib/os-release", "etc/hostname",
};

enum step {
	STEP_MOUNT,
	STEP_LOOK,
	STEP_READ,
	STEP_CREATE,
	STEP_WRITE,
	STEP_COMMIT,
	STEP_ALL,
	STEPS
};

static const char *const step_names[STEPS] = {"mount", "look",	 "read", "create",
					      "write", "commit", "nfs"};

struct samples {
	pthread_mutex_t lock;
	uint32_t *us;
	size_t count, room;
};

static struct samples samples[STEPS];
static struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = 0};
static atomic_uint finished;

struct pi {
	struct client client;
	char serial[32];
	struct sockaddr_in address;
	pthread_t thread;
};

static _Noreturn void die(const struct pi *pi, const char *what, int status)
{
	fprintf(stderr, "nfs_storm: %s: %s: %d\n", pi ? pi->serial : "", what, status);
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Notes what began at @begun; returns the present time. */
static uint64_t sample(enum step step, uint64_t begun)
{
	struct samples *to = &samples[step];
	uint64_t now = now_us();

	pthread_mutex_lock(&to->lock);
	if (to->count == to->room) {
		to->room = to->room ? to->room * 2 : 4096;
		to->us = realloc(to->us, to->room * sizeof(*to->us));
		if (!to->us)
			die(NULL, "no memory", 0);
	}
	to->us[to->count++] = (uint32_t)(now - begun);
	pthread_mutex_unlock(&to->lock);
	return now;
}

/* The node of @path, a step at a time; false if there is none. */
static bool look_up(struct pi *pi, struct handle *from, const char *path, struct handle *out)
{
	char copy[128], *rest = copy, *name;

	strcpy(copy, path);
	*out = *from;
	while ((name = strsep(&rest, "/"))) {
		uint64_t begun = now_us();
		struct handle dir = *out;
		nfsstat3 status = do_lookup(&pi->client, &dir, name, out);

		sample(STEP_LOOK, begun);
		if (status == NFS3ERR_NOENT || status == NFS3ERR_NOTDIR)
			return false;
		if (status != NFS3_OK)
			die(pi, path, (int)status);
	}
	return true;
}

static void read_file(struct pi *pi, struct handle *root, const char *path)
{
	struct handle file;
	fattr3 attributes;
	uint64_t at = 0, begun = now_us();
	nfsstat3 status;
	bool eof = false;

	if (!look_up(pi, root, path, &file))
		return;
	begun = now_us();
	status = do_getattr(&pi->client, &file, &attributes);
	sample(STEP_LOOK, begun);
	if (status != NFS3_OK)
		die(pi, path, (int)status);
	if (attributes.type != NF3REG)
		return;
	while (!eof && at < READ_MOST) {
		uint32_t got;

		begun = now_us();
		status = do_read(&pi->client, &file, at, READ_BYTES, NULL, &got, &eof);
		sample(STEP_READ, begun);
		if (status != NFS3_OK)
			die(pi, path, (int)status);
		at += got;
	}
	if (eof && at != attributes.size)
		die(pi, path, (int)at);
}

static void fill(const struct pi *pi, unsigned int file, unsigned int block, char *out)
{
	unsigned int seed = (unsigned int)strtoul(pi->serial, NULL, 16) + file * 131 + block;

	for (unsigned int i = 0; i < WRITE_BYTES; i++) {
		seed = seed * 1103515245u + 12345u;
		out[i] = (char)(seed >> 16);
	}
}

static void write_file(struct pi *pi, struct handle *dir, unsigned int number)
{
	char name[32], data[WRITE_BYTES];
	struct handle file;
	sattr3 set = set_mode(0644);
	WRITE3resok written;
	COMMIT3resok committed;
	uint64_t begun = now_us();
	nfsstat3 status;

	snprintf(name, sizeof(name), "storm-%u", number);
	status = do_create(&pi->client, dir, name, GUARDED, &set, NULL, &file);
	begun = sample(STEP_CREATE, begun);
	if (status != NFS3_OK)
		die(pi, "CREATE", (int)status);
	for (unsigned int i = 0; i < WRITES; i++) {
		fill(pi, number, i, data);
		begun = now_us();
		status = do_write(&pi->client, &file, (uint64_t)i * WRITE_BYTES, data, WRITE_BYTES,
				  UNSTABLE, &written);
		begun = sample(STEP_WRITE, begun);
		if (status != NFS3_OK || written.count != WRITE_BYTES)
			die(pi, "WRITE", (int)status);
	}
	status = do_commit(&pi->client, &file, &committed);
	sample(STEP_COMMIT, begun);
	if (status != NFS3_OK)
		die(pi, "COMMIT", (int)status);
	if (memcmp(written.verf, committed.verf, sizeof(written.verf)) != 0)
		die(pi, "the verifier has changed", 0);
}

/* Nobody else's bytes, and none are missing. */
static void check_file(struct pi *pi, struct handle *dir, unsigned int number)
{
	char name[32], data[WRITE_BYTES], *got = malloc(WRITES * WRITE_BYTES);
	struct handle file;
	uint32_t len;
	bool eof;

	if (!got)
		die(pi, "no memory", 0);
	snprintf(name, sizeof(name), "storm-%u", number);
	if (do_lookup(&pi->client, dir, name, &file) != NFS3_OK ||
	    do_read(&pi->client, &file, 0, WRITES * WRITE_BYTES, got, &len, &eof) != NFS3_OK ||
	    len != WRITES * WRITE_BYTES || !eof)
		die(pi, "a file that was written cannot be read", 0);
	for (unsigned int i = 0; i < WRITES; i++) {
		fill(pi, number, i, data);
		if (memcmp(got + i * WRITE_BYTES, data, WRITE_BYTES) != 0)
			die(pi, "what was written is not what is read", (int)number);
	}
	free(got);
}

static void *run(void *argument)
{
	struct pi *pi = argument;
	uint64_t begun = now_us();
	struct handle root, dir;
	char path[40];
	mountstat3 mounted;

	client_open_from(&pi->client, &server, &pi->address);
	snprintf(path, sizeof(path), "/%s", pi->serial);
	mounted = do_mount(&pi->client, path, &root);
	sample(STEP_MOUNT, begun);
	if (mounted != MNT3_OK)
		die(pi, "MNT", (int)mounted);
	for (size_t i = 0; i < sizeof(read_paths) / sizeof(read_paths[0]); i++)
		read_file(pi, &root, read_paths[i]);
	if (!look_up(pi, &root, "var/log", &dir))
		die(pi, "there is no /var/log", 0);
	for (unsigned int i = 0; i < FILES_WRITTEN; i++)
		write_file(pi, &dir, i);
	for (unsigned int i = 0; i < FILES_WRITTEN; i++)
		check_file(pi, &dir, i);
	sample(STEP_ALL, begun);
	finished++;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void report(void)
{
	printf("mixed %u\n", atomic_load(&finished));
	for (unsigned int i = 0; i < STEPS; i++) {
		struct samples *s = &samples[i];

		if (s->count == 0)
			continue;
		qsort(s->us, s->count, sizeof(*s->us), compare);
		printf("%-8s %9zu times, us: p50 %u, p99 %u, max %u\n", step_names[i], s->count,
		       s->us[(s->count - 1) / 2], s->us[(s->count - 1) * 99 / 100],
		       s->us[s->count - 1]);
	}
	fflush(stdout);
}

/* One thread for the Pi of @line, which stays connected until finish. */
static struct pi *start(const char *line, unsigned int number)
{
	struct pi *pi = calloc(1, sizeof(*pi));
	char address[INET_ADDRSTRLEN];
	pthread_attr_t attributes;

	if (!pi || sscanf(line, "%31s %15s", pi->serial, address) != 2 ||
	    inet_pton(AF_INET, address, &pi->address.sin_addr) != 1)
		die(NULL, "a line is none", (int)number);
	pi->address.sin_family = AF_INET;
	pi->address.sin_port = htons(FIRST_PORT);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(&pi->thread, &attributes, run, pi))
		die(pi, "no thread", (int)number);
	pthread_attr_destroy(&attributes);
	return pi;
}

static void finish(struct pi *pi)
{
	client_close(&pi->client);
	free(pi);
}

int main(int argc, char **argv)
{
	struct rlimit files = {.rlim_cur = PIS_MAX + 100, .rlim_max = PIS_MAX + 100};
	static struct pi *pis[PIS_MAX];
	unsigned long count = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned int started = 0;
	char line[128];

	if (count == 0 || count > PIS_MAX || inet_pton(AF_INET, argv[2], &server.sin_addr) != 1)
		return 2;
	server.sin_port = htons(PORT);
	setrlimit(RLIMIT_NOFILE, &files);
	for (unsigned int i = 0; i < STEPS; i++)
		pthread_mutex_init(&samples[i].lock, NULL);
	while (started < count && fgets(line, sizeof(line), stdin)) {
		pis[started] = start(line, started);
		started++;
	}
	for (unsigned int i = 0; i < started; i++)
		pthread_join(pis[i]->thread, NULL);
	report();
	while (fgets(line, sizeof(line), stdin))
		;
	for (unsigned int i = 0; i < started; i++)
		finish(pis[i]);
	return started == count ? 0 : 1;
}
