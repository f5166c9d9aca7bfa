/* SPDX-License-Identifier: MIT */
/* The loads of nfs_load: which calls they make and what they expect. */
#include <pthread.h>
#include <sys/stat.h>

#include "bench.h"
#include "nfs_load.h"

#define FILE_BYTES ((uint64_t)1 << 20)
#define PIECE_BYTES (64u << 10)
#define LISTING_BYTES (64u << 10)
#define UNSTABLE 0u
#define PATHS_MAX 1024u

static uint8_t payload[PIECE_BYTES];

void check_reply(const uint8_t *reply, size_t len)
{
	if (len < REPLY_HEADER || get32_at(reply + 4) != 1 || get32_at(reply + 8) != 0 ||
	    get32_at(reply + 20) != 0) {
		errno = EPROTO;
		die("the call was refused");
	}
}

void check_status(const uint8_t *reply, const char *what)
{
	uint32_t status = get32_at(reply + REPLY_HEADER);

	if (status) {
		fprintf(stderr, "nfs_load: %s: status %u\n", what, status);
		exit(1);
	}
}

void slot_init(struct slot *slot, unsigned int number, const struct target *target)
{
	memset(slot, 0, sizeof(*slot));
	slot->xid = number;
	slot->number = number;
	slot->target = target;
	slot->random = random_seed(number + 1);
}

static void begin(struct slot *slot, struct writer *w, uint8_t *buf, uint32_t procedure)
{
	begin_call(w, buf, slot->xid, NFS_PROGRAM, 3, procedure);
}

static void copy_handle(struct handle *to, const uint8_t *at)
{
	to->len = get32_at(at);
	if (to->len > HANDLE_MAX) {
		errno = EPROTO;
		die("handle");
	}
	memcpy(to->bytes, at + 4, to->len);
}

/* Calls before the load ----------------------------------------------------------------------- */

static uint32_t lookup(int fd, const struct handle *dir, const char *name, struct handle *out)
{
	uint8_t buf[1024];
	struct writer w;

	begin_call(&w, buf, 1, NFS_PROGRAM, 3, NFS_LOOKUP);
	put_handle(&w, dir);
	put_name(&w, name);
	call_once(fd, &w, buf, sizeof(buf));
	if (get32_at(buf + REPLY_HEADER) == 0)
		copy_handle(out, buf + REPLY_HEADER + 4);
	return get32_at(buf + REPLY_HEADER);
}

/* @out, its directory, and its name there. */
static void walk(int fd, const struct target *target, const char *path, struct handle *out,
		 struct handle *dir, char name[256])
{
	char copy[PATHS_MAX];
	char *rest = NULL;

	snprintf(copy, sizeof(copy), "%s", path);
	*out = target->root;
	for (char *word = strtok_r(copy, "/", &rest); word; word = strtok_r(NULL, "/", &rest)) {
		*dir = *out;
		snprintf(name, 256, "%s", word);
		if (lookup(fd, dir, word, out)) {
			errno = ENOENT;
			die(path);
		}
	}
}

static void prepare_file(const struct options *options, struct target *target)
{
	uint8_t buf[1024];
	struct writer w;
	int fd = connect_to(options->port);

	walk(fd, target, options->file, &target->file, &target->dir, target->name);
	begin_call(&w, buf, 1, NFS_PROGRAM, 3, NFS_GETATTR);
	put_handle(&w, &target->file);
	call_once(fd, &w, buf, sizeof(buf));
	check_status(buf, "GETATTR");
	target->file_size = (uint64_t)get32_at(buf + REPLY_HEADER + 24) << 32 |
			    get32_at(buf + REPLY_HEADER + 28);
	if (target->file_size < SETUP_BYTES)
		target->file_size = SETUP_BYTES; /* rpc_limit has no sizes */
	close(fd);
}

static void prepare_many(const struct options *options, struct target *target)
{
	struct handle dir;
	char name[256];
	int fd = connect_to(options->port);

	walk(fd, target, options->dir, &target->many, &dir, name);
	close(fd);
}

/* Reading ------------------------------------------------------------------------------------- */

static void ask_null(struct slot *slot, struct writer *w, uint8_t *buf)
{
	begin(slot, w, buf, NFS_NULL);
}

static void take_null(struct slot *slot, const uint8_t *reply, size_t len)
{
	(void)slot;
	(void)reply;
	(void)len;
	count_done(1);
}

static void ask_getattr(struct slot *slot, struct writer *w, uint8_t *buf)
{
	begin(slot, w, buf, NFS_GETATTR);
	put_handle(w, &slot->target->file);
}

static void take_one(struct slot *slot, const uint8_t *reply, size_t len)
{
	(void)slot;
	(void)len;
	check_status(reply, "call");
	count_done(1);
}

static void ask_lookup(struct slot *slot, struct writer *w, uint8_t *buf)
{
	begin(slot, w, buf, NFS_LOOKUP);
	put_handle(w, &slot->target->dir);
	put_name(w, slot->target->name);
}

static void ask_read(struct slot *slot, struct writer *w, uint8_t *buf, uint64_t offset,
		     uint32_t count)
{
	begin(slot, w, buf, NFS_READ);
	put_handle(w, &slot->target->file);
	put64(w, offset);
	put32(w, count);
}

static void ask_read4k(struct slot *slot, struct writer *w, uint8_t *buf)
{
	uint64_t blocks = slot->target->file_size / 4096;

	ask_read(slot, w, buf, next_random(&slot->random) % blocks * 4096, 4096);
}

static void ask_in_a_row(struct slot *slot, struct writer *w, uint8_t *buf, uint32_t count)
{
	if (slot->round++ == 0)
		slot->offset = slot->number * FILE_BYTES;
	if (slot->offset + count > slot->target->file_size)
		slot->offset = 0;
	ask_read(slot, w, buf, slot->offset, count);
	slot->offset += count;
}

static void ask_read64k(struct slot *slot, struct writer *w, uint8_t *buf)
{
	ask_in_a_row(slot, w, buf, 64u << 10);
}

static void ask_read1m(struct slot *slot, struct writer *w, uint8_t *buf)
{
	ask_in_a_row(slot, w, buf, 1u << 20);
}

static uint32_t read_bytes(const uint8_t *reply)
{
	const uint8_t *at = reply + REPLY_HEADER + 4;

	check_status(reply, "READ");
	return get32_at(at + (get32_at(at) ? POST_OP : 4u));
}

static void take_read4k(struct slot *slot, const uint8_t *reply, size_t len)
{
	(void)slot;
	(void)len;
	if (read_bytes(reply) != 4096) {
		errno = EPROTO;
		die("READ is short");
	}
	count_done(1);
}

static void take_read(struct slot *slot, const uint8_t *reply, size_t len)
{
	(void)slot;
	(void)len;
	count_done(read_bytes(reply));
}

static void ask_readdirplus(struct slot *slot, struct writer *w, uint8_t *buf)
{
	begin(slot, w, buf, NFS_READDIRPLUS);
	put_handle(w, &slot->target->many);
	put64(w, slot->cookie);
	put_bytes(w, slot->verifier, 8);
	put32(w, LISTING_BYTES);
	put32(w, LISTING_BYTES);
}

static void take_readdirplus(struct slot *slot, const uint8_t *reply, size_t len)
{
	const uint8_t *at = reply + REPLY_HEADER + 4;
	const uint8_t *end = reply + len;
	uint64_t entries = 0;

	check_status(reply, "READDIRPLUS");
	at += get32_at(at) ? POST_OP : 4;
	memcpy(slot->verifier, at, 8);
	at += 8;
	while (at + 24 <= end && get32_at(at)) {
		at += 12;
		at += 4 + ((get32_at(at) + 3) & ~3u);
		slot->cookie = (uint64_t)get32_at(at) << 32 | get32_at(at + 4);
		at += 8;
		at += get32_at(at) ? POST_OP : 4;
		if (get32_at(at))
			at += 4 + get32_at(at + 4);
		at += 4;
		entries++;
	}
	if (get32_at(at + 4)) {
		slot->cookie = 0;
		memset(slot->verifier, 0, 8);
	}
	count_done(entries);
}

/* Writing ------------------------------------------------------------------------------------- */

static void put_create(struct writer *w, const struct handle *dir, const char *name)
{
	put_handle(w, dir);
	put_name(w, name);
	put32(w, 0); /* UNCHECKED */
	put32(w, 1);
	put32(w, 0644);
	put32(w, 0);
	put32(w, 0);
	put32(w, 1);
	put64(w, 0);
	put32(w, 0);
	put32(w, 0);
}

static void put_write(struct writer *w, const struct handle *file, uint64_t offset, uint32_t count)
{
	put_handle(w, file);
	put64(w, offset);
	put32(w, count);
	put32(w, UNSTABLE);
	put_opaque(w, payload, count);
}

static void put_commit(struct writer *w, const struct handle *file)
{
	put_handle(w, file);
	put64(w, 0);
	put32(w, 0);
}

static void own_name(const struct slot *slot, const char *what, char name[64])
{
	snprintf(name, 64, "bench-%s-%u-%u", what, slot->number, slot->round);
}

/* The file of a slot: made by step 0, and what its handle is. */
static void ask_create(struct slot *slot, struct writer *w, uint8_t *buf, const char *what)
{
	char name[64];

	own_name(slot, what, name);
	begin(slot, w, buf, NFS_CREATE);
	put_create(w, &slot->target->root, name);
}

static void take_create(struct slot *slot, const uint8_t *reply)
{
	check_status(reply, "CREATE");
	if (!get32_at(reply + REPLY_HEADER + 4)) {
		errno = EPROTO;
		die("CREATE without a handle");
	}
	copy_handle(&slot->handle, reply + REPLY_HEADER + 8);
}

static void ask_remove(struct slot *slot, struct writer *w, uint8_t *buf, const char *what)
{
	char name[64];

	own_name(slot, what, name);
	begin(slot, w, buf, NFS_REMOVE);
	put_handle(w, &slot->target->root);
	put_name(w, name);
}

/* CREATE once, then 16 times WRITE and COMMIT again and again. */
static void ask_file(struct slot *slot, struct writer *w, uint8_t *buf)
{
	if (slot->step == 0) {
		ask_create(slot, w, buf, "write");
	} else if (slot->step <= FILE_BYTES / PIECE_BYTES) {
		begin(slot, w, buf, NFS_WRITE);
		put_write(w, &slot->handle, (slot->step - 1) * PIECE_BYTES, PIECE_BYTES);
	} else {
		begin(slot, w, buf, NFS_COMMIT);
		put_commit(w, &slot->handle);
	}
}

static void take_file(struct slot *slot, const uint8_t *reply, size_t len)
{
	(void)len;
	if (slot->step == 0)
		take_create(slot, reply);
	else
		check_status(reply, "WRITE or COMMIT");
	if (slot->step <= FILE_BYTES / PIECE_BYTES) {
		slot->step++;
		return;
	}
	slot->step = 1;
	count_done(1);
}

/* CREATE, WRITE of 4 KiB, COMMIT, REMOVE. */
static void ask_small(struct slot *slot, struct writer *w, uint8_t *buf)
{
	if (slot->step == 0) {
		ask_create(slot, w, buf, "create");
	} else if (slot->step == 1) {
		begin(slot, w, buf, NFS_WRITE);
		put_write(w, &slot->handle, 0, 4096);
	} else if (slot->step == 2) {
		begin(slot, w, buf, NFS_COMMIT);
		put_commit(w, &slot->handle);
	} else {
		ask_remove(slot, w, buf, "create");
	}
}

static void take_small(struct slot *slot, const uint8_t *reply, size_t len)
{
	(void)len;
	if (slot->step == 0)
		take_create(slot, reply);
	else
		check_status(reply, "WRITE, COMMIT or REMOVE");
	if (slot->step < 3) {
		slot->step++;
		return;
	}
	slot->step = 0;
	slot->round++;
	count_done(1);
}

static const struct kind kinds[] = {
	{"null", "calls", 1, NULL, ask_null, take_null},
	{"getattr", "calls", 1, prepare_file, ask_getattr, take_one},
	{"lookup", "calls", 1, prepare_file, ask_lookup, take_one},
	{"read4k", "calls", 1, prepare_file, ask_read4k, take_read4k},
	{"read64k", "MB", 1e6, prepare_file, ask_read64k, take_read},
	{"read1m", "MB", 1e6, prepare_file, ask_read1m, take_read},
	{"readdirplus", "entries", 1, prepare_many, ask_readdirplus, take_readdirplus},
	{"write", "files", 1, NULL, ask_file, take_file},
	{"create", "files", 1, NULL, ask_small, take_small},
};

const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

/* Preparation --------------------------------------------------------------------------------- */

/* A file or directory in @dir, which may be there already. */
static void make(int fd, const struct handle *dir, const char *name, uint32_t procedure,
		 struct handle *out)
{
	uint8_t buf[1024];
	struct writer w;

	begin_call(&w, buf, 1, NFS_PROGRAM, 3, procedure);
	if (procedure == NFS_CREATE) {
		put_create(&w, dir, name);
	} else {
		put_handle(&w, dir);
		put_name(&w, name);
		put32(&w, 1);
		put32(&w, 0755);
		for (int i = 0; i < 5; i++)
			put32(&w, 0);
	}
	call_once(fd, &w, buf, sizeof(buf));
	if (lookup(fd, dir, name, out)) {
		errno = EIO;
		die(name);
	}
}

/* The last name of @path is @name; *@out the directory that it is in, which is made. */
static void make_parents(int fd, const struct target *target, const char *path, struct handle *out,
			 char name[256])
{
	char copy[PATHS_MAX];
	char *rest = NULL;
	char *word;
	char *next;

	snprintf(copy, sizeof(copy), "%s", path);
	*out = target->root;
	word = strtok_r(copy, "/", &rest);
	while (word && (next = strtok_r(NULL, "/", &rest))) {
		struct handle dir = *out;

		make(fd, &dir, word, NFS_MKDIR, out);
		word = next;
	}
	snprintf(name, 256, "%s", word ? word : "");
}

int set_up(const struct options *options, const struct target *target)
{
	uint8_t *buf = buffer(PIECE_BYTES + 1024);
	struct writer w;
	struct handle dir;
	struct handle file;
	char name[256];
	int fd = connect_to(options->port);

	make_parents(fd, target, options->file, &dir, name);
	make(fd, &dir, name, NFS_CREATE, &file);
	for (uint64_t offset = 0; offset < SETUP_BYTES; offset += PIECE_BYTES) {
		begin_call(&w, buf, 1, NFS_PROGRAM, 3, NFS_WRITE);
		put_write(&w, &file, offset, PIECE_BYTES);
		call_once(fd, &w, buf, PIECE_BYTES);
		check_status(buf, "WRITE");
	}
	begin_call(&w, buf, 1, NFS_PROGRAM, 3, NFS_COMMIT);
	put_commit(&w, &file);
	call_once(fd, &w, buf, PIECE_BYTES);
	check_status(buf, "COMMIT");
	make_parents(fd, target, options->dir, &dir, name);
	make(fd, &dir, name, NFS_MKDIR, &file);
	for (unsigned int i = 0; i < SETUP_FILES; i++) {
		snprintf(name, sizeof(name), "file%05u", i);
		make(fd, &file, name, NFS_CREATE, &dir);
	}
	free(buf);
	close(fd);
	return 0;
}

/* The same on a local file system ------------------------------------------------------------- */

struct local {
	pthread_t thread;
	int dir;
	unsigned int number;
	bool small;
	bool names; /* are made durable, too */
	double end;
	uint64_t files;
};

static void put_piece(int fd, size_t len, uint64_t offset)
{
	if (pwrite(fd, payload, len, (off_t)offset) != (ssize_t)len)
		die("pwrite");
}

static void sync_or_die(int fd)
{
	if (fsync(fd))
		die("fsync");
}

/* CREATE and REMOVE are durable when they are answered. */
static void sync_names(const struct local *local)
{
	if (local->names)
		sync_or_die(local->dir);
}

static void *local_load(void *ctx)
{
	struct local *local = ctx;
	char name[64];
	int fd = -1;

	for (unsigned int round = 0; now() < local->end; round++) {
		if (local->small || round == 0) {
			snprintf(name, sizeof(name), "bench-%u-%u", local->number, round);
			fd = open_or_die(local->dir, name, O_RDWR | O_CREAT | O_TRUNC);
			sync_names(local);
		}
		if (local->small) {
			put_piece(fd, 4096, 0);
		} else {
			for (uint64_t at = 0; at < FILE_BYTES; at += PIECE_BYTES)
				put_piece(fd, PIECE_BYTES, at);
		}
		sync_or_die(fd);
		if (local->small) {
			if (close(fd) || unlinkat(local->dir, name, 0))
				die(name);
			sync_names(local);
		}
		local->files++;
	}
	return NULL;
}

int local_run(const struct options *options, const char *load, const char *dir)
{
	unsigned int threads = options->conns * options->depth;
	struct local *locals = buffer(threads * sizeof(*locals));
	int dir_fd = open_or_die(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY);
	double start = now();
	double used = options->cpu_of ? -cpu_time() : -start;
	uint64_t files = 0;

	for (unsigned int i = 0; i < threads; i++) {
		locals[i] = (struct local){.dir = dir_fd,
					   .number = i,
					   .small = strncmp(load, "create", 6) == 0,
					   .names = strcmp(load, "create-file") != 0,
					   .end = start + options->seconds};
		if (pthread_create(&locals[i].thread, NULL, local_load, &locals[i]))
			die("pthread_create");
	}
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(locals[i].thread, NULL);
		files += locals[i].files;
	}
	used += options->cpu_of ? cpu_time() : now();
	printf("%.0f\n", (double)files / used);
	return 0;
}
