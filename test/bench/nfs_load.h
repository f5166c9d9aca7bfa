/* SPDX-License-Identifier: MIT */
/* What the files of nfs_load share: nfs_load.c moves records, nfs_loads.c says which. */
#ifndef BRAMBLE_BENCH_NFS_LOAD_H
#define BRAMBLE_BENCH_NFS_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "nfs_wire.h"

#define SETUP_FILES 10000u
#define SETUP_BYTES ((uint64_t)64 << 20)

struct options {
	const char *host;
	const char *export;
	const char *file;
	const char *dir;
	unsigned int port;
	bool mount_asked;
	unsigned int mount_port;
	unsigned int conns;
	unsigned int depth;
	unsigned int seconds;
	pid_t cpu_of; /* 0: by the clock */
	bool words;
};

/* What a load works on. */
struct target {
	struct handle root;
	struct handle file;
	struct handle dir; /* of the file */
	char name[256]; /* of the file in it */
	struct handle many;
	uint64_t file_size;
};

/* One of the calls that are under way all the time, and what it is about. */
struct slot {
	uint32_t xid; /* of its call; modulo options.depth its place in its connection */
	unsigned int number; /* of all */
	const struct target *target;
	double since; /* when it was asked */
	uint64_t random;
	uint64_t offset;
	unsigned int step;
	unsigned int round;
	struct handle handle; /* of its own file */
	uint64_t cookie;
	uint8_t verifier[8];
};

struct kind {
	const char *name;
	const char *unit_name;
	double unit; /* how many of what count_done counts make one */
	void (*prepare)(const struct options *options, struct target *target);
	void (*ask)(struct slot *slot, struct writer *w, uint8_t *buf);
	void (*take)(struct slot *slot, const uint8_t *reply, size_t len);
};

void slot_init(struct slot *slot, unsigned int number, const struct target *target);
const struct kind *find_kind(const char *name);
int set_up(const struct options *options, const struct target *target);
int local_run(const struct options *options, const char *load, const char *dir);

/* Of nfs_load.c. */
void count_done(uint64_t amount);

/* Seconds that this process and options.cpu_of were on a CPU. */
double cpu_time(void);
int connect_to(unsigned int port);
void send_all(int fd, const uint8_t *from, size_t len);
size_t call_once(int fd, struct writer *w, uint8_t *reply, size_t size);

/* Die where the reply is none, or its status is not OK. */
void check_reply(const uint8_t *reply, size_t len);
void check_status(const uint8_t *reply, const char *what);

#endif
