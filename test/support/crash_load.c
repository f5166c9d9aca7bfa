/* SPDX-License-Identifier: MIT */
/*
 * A load for file systems whose server is killed under it, and the proof of what must be there
 * afterwards:
 *
 *   crash_load run DIR LOG RUN SEED THREADS [OPERATIONS]
 *     Each thread changes a directory of its own, DIR/tN, by a sequence of operations that RUN and
 *     SEED decide, until one fails or there were enough. LOG, which is elsewhere, says how far each
 *     came and what was acknowledged. Says "ready" when it begins. Status 0: done; 3: an operation
 *     failed, and it is said which.
 *   crash_load verify DIR LOG [all]
 *     Whether DIR is what the contract of fsync allows after that; "all": there was no crash, so all
 *     that was done must be there. Status 1: it is not.
 *
 * RUN counts up: what is found is what the next run begins with.
 */
#include "crash_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define STATUS_STOPPED 3

_Noreturn void crash_die(const char *what)
{
	fprintf(stderr, "crash_load: %s: %s\n", what, strerror(errno));
	exit(2);
}

struct crash_log *crash_log_map(const char *path, bool create)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_TRUNC : 0), 0644);
	struct crash_log *log;

	if (fd < 0 || (create && ftruncate(fd, (off_t)sizeof(*log)) < 0))
		crash_die(path);
	log = mmap(NULL, sizeof(*log), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (log == MAP_FAILED)
		crash_die(path);
	close(fd);
	if (log->threads > CRASH_THREADS_MAX) {
		errno = EINVAL;
		crash_die(path);
	}
	return log;
}

static FILE *base_open(const char *log, const char *mode)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s.base", log);
	file = fopen(path, mode);
	if (!file)
		crash_die(path);
	return file;
}

void crash_base_save(const char *log, const struct crash_model *models, unsigned int threads)
{
	FILE *file = base_open(log, "w");

	for (unsigned int i = 0; i < threads; i++) {
		const struct crash_model *model = &models[i];

		fwrite(model, sizeof(*model), 1, file);
		fwrite(model->nodes, sizeof(*model->nodes), (size_t)model->count, file);
	}
	if (fclose(file) != 0)
		crash_die("writing the base");
}

void crash_base_load(const char *log, struct crash_model *models, unsigned int threads)
{
	FILE *file = base_open(log, "r");

	for (unsigned int i = 0; i < threads; i++) {
		struct crash_model saved;

		if (fread(&saved, sizeof(saved), 1, file) != 1)
			crash_die("reading the base");
		crash_model_init(&models[i], 0, 0);
		models[i].random = saved.random;
		models[i].stamp = saved.stamp;
		for (int j = 1; j < saved.count; j++)
			crash_model_add(&models[i], CRASH_NONE, 0);
		if (fread(models[i].nodes, sizeof(*saved.nodes), (size_t)saved.count, file) !=
		    (size_t)saved.count)
			crash_die("reading the base");
	}
	fclose(file);
}

int crash_plot_open(int root, unsigned int thread, bool create)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "t%u", thread);
	if (create && mkdirat(root, name, 0755) < 0 && errno != EEXIST)
		crash_die(name);
	fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		crash_die(name);
	return fd;
}

struct worker {
	pthread_t thread;
	struct crash_log *log; /* borrowed */
	struct crash_model model;
	unsigned int number;
	uint32_t operations;
	int plot;
	int held; /* the file that the model holds */
	unsigned char *bytes; /* owned: room for the longest write */
};

/* A descriptor of the file or directory @node. */
static int node_open(const struct worker *w, int node, int flags)
{
	char path[4096];
	uint32_t name;
	int dir;

	if (node == w->model.held)
		return fcntl(w->held, F_DUPFD_CLOEXEC, 0);
	if (node == 0)
		return openat(w->plot, ".", flags | O_CLOEXEC);
	if (!crash_model_find(&w->model, node, &dir, &name)) {
		errno = ENOENT;
		return -1;
	}
	crash_path(&w->model, dir, name, path, sizeof(path));
	return openat(w->plot, path, flags | O_CLOEXEC);
}

static int set_tag(const struct worker *w, int node, uint32_t tag)
{
	int fd = node_open(w, node, O_RDONLY);
	char text[32];
	int err;

	if (fd < 0)
		return -1;
	snprintf(text, sizeof(text), "%u", tag);
	err = fsetxattr(fd, "user.tag", text, strlen(text), 0);
	close(fd);
	return err;
}

static int change_names(struct worker *w, const struct crash_op *op)
{
	char path[4096], new_path[4096], target[32];
	int fd;

	crash_path(&w->model, op->dir, op->name, path, sizeof(path));
	crash_path(&w->model, op->new_dir, op->new_name, new_path, sizeof(new_path));
	switch (op->kind) {
	case CRASH_OP_CREATE:
		fd = openat(w->plot, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, op->value);
		return fd < 0 ? -1 : close(fd);
	case CRASH_OP_MKDIR:
		return mkdirat(w->plot, path, op->value);
	case CRASH_OP_SYMLINK:
		snprintf(target, sizeof(target), "%u", op->value);
		return symlinkat(target, w->plot, path);
	case CRASH_OP_MKFIFO:
		return mkfifoat(w->plot, path, op->value);
	case CRASH_OP_LINK:
		return linkat(w->plot, path, w->plot, new_path, 0);
	case CRASH_OP_UNLINK:
		return unlinkat(w->plot, path, 0);
	case CRASH_OP_RMDIR:
		return unlinkat(w->plot, path, AT_REMOVEDIR);
	case CRASH_OP_RENAME:
		return renameat(w->plot, path, w->plot, new_path);
	case CRASH_OP_EXCHANGE:
		return renameat2(w->plot, path, w->plot, new_path, RENAME_EXCHANGE);
	case CRASH_OP_CHMOD:
		fd = node_open(w, op->node, O_RDONLY);
		if (fd < 0 || fchmod(fd, op->value) < 0)
			return -1;
		return close(fd);
	default:
		return set_tag(w, op->node, op->value);
	}
}

static int write_all(int fd, const unsigned char *bytes, size_t len, off_t offset, bool append)
{
	ssize_t got = append ? write(fd, bytes, len) : pwrite(fd, bytes, len, offset);

	if (got < 0)
		return -1;
	if ((size_t)got == len)
		return 0;
	errno = EIO; /* there is room, so it is all or an error */
	return -1;
}

static int write_mapped(int fd, const unsigned char *bytes, size_t len, off_t offset)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (map == MAP_FAILED)
		return -1;
	memcpy(map, bytes, len);
	if (msync(map, len, MS_SYNC) < 0)
		return -1;
	return munmap(map, len);
}

static int append(struct worker *w, const struct crash_op *op, int fd)
{
	const struct crash_node *node = &w->model.nodes[op->node];
	uint32_t at = (uint32_t)(node->size % CRASH_BLOCK);
	uint32_t stamp = op->stamp;
	unsigned char *to = w->bytes;

	if (at) {
		crash_pattern(w->number, node->blocks[node->size / CRASH_BLOCK].stamp, to);
		to += CRASH_BLOCK;
	}
	for (; to < w->bytes + at + op->size; to += CRASH_BLOCK)
		crash_pattern(w->number, stamp++, to);
	return write_all(fd, w->bytes + at, op->size, 0, true);
}

static int copy(struct worker *w, const struct crash_op *op, int fd)
{
	int from = node_open(w, op->from, O_RDONLY);
	off_t in = (off_t)op->from_block * CRASH_BLOCK, out = (off_t)op->block * CRASH_BLOCK;
	size_t left = (size_t)op->blocks * CRASH_BLOCK;

	if (from < 0)
		return -1;
	while (left) {
		ssize_t got = copy_file_range(from, &in, fd, &out, left, 0);

		if (got == 0)
			errno = ENODATA;
		if (got <= 0) {
			close(from);
			return -1;
		}
		left -= (size_t)got;
	}
	return close(from);
}

static int change_data(struct worker *w, const struct crash_op *op)
{
	int flags = O_RDWR | (op->kind == CRASH_OP_APPEND ? O_APPEND : 0);
	off_t offset = (off_t)op->block * CRASH_BLOCK;
	off_t len = (off_t)op->blocks * CRASH_BLOCK;
	int fd = node_open(w, op->node, flags);
	int err = -1;

	if (fd < 0)
		return -1;
	for (uint32_t i = 0; i < op->blocks; i++)
		crash_pattern(w->number, op->stamp + i, w->bytes + (size_t)i * CRASH_BLOCK);
	switch (op->kind) {
	case CRASH_OP_WRITE:
		err = write_all(fd, w->bytes, (size_t)len, offset, false);
		break;
	case CRASH_OP_MMAP:
		err = write_mapped(fd, w->bytes, (size_t)len, offset);
		break;
	case CRASH_OP_APPEND:
		/* The held descriptor has no O_APPEND. */
		err = op->node == w->model.held && lseek(fd, 0, SEEK_END) < 0 ? -1
									      : append(w, op, fd);
		break;
	case CRASH_OP_TRUNCATE:
		err = ftruncate(fd, (off_t)op->size);
		break;
	case CRASH_OP_PUNCH:
		err = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len);
		break;
	case CRASH_OP_ZERO:
		err = fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, len);
		if (err < 0 && errno == EOPNOTSUPP) /* tmpfs, where the first tree is made */
			err = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
					len);
		break;
	default:
		err = copy(w, op, fd);
		break;
	}
	if (close(fd) < 0)
		return -1;
	return err;
}

static void raise_to(_Atomic uint32_t *value, uint32_t least)
{
	uint32_t seen = atomic_load(value);

	while (seen < least && !atomic_compare_exchange_weak(value, &seen, least))
		;
}

/* What anyone has done by now is durable when this returns. */
static int sync_node(struct worker *w, const struct crash_op *op)
{
	bool is_dir = w->model.nodes[op->node].type == CRASH_DIR;
	int fd = node_open(w, op->node, is_dir ? O_RDONLY | O_DIRECTORY : O_RDWR);
	uint32_t done[CRASH_THREADS_MAX];

	if (fd < 0)
		return -1;
	for (unsigned int i = 0; i < w->log->threads; i++)
		done[i] = atomic_load(&w->log->thread[i].done);
	if ((op->kind == CRASH_OP_FSYNC ? fsync(fd) : fdatasync(fd)) < 0)
		return -1;
	for (unsigned int i = 0; i < w->log->threads; i++)
		raise_to(&w->log->thread[i].durable, done[i]);
	return close(fd);
}

static int operate(struct worker *w, const struct crash_op *op)
{
	switch (op->kind) {
	case CRASH_OP_FSYNC:
	case CRASH_OP_FDATASYNC:
		return sync_node(w, op);
	case CRASH_OP_HOLD:
		w->held = node_open(w, op->node, O_RDWR);
		return w->held < 0 ? -1 : 0;
	case CRASH_OP_LET_GO:
		return close(w->held);
	default:
		return crash_op_changes_names(op) ? change_names(w, op) : change_data(w, op);
	}
}

static void *work(void *argument)
{
	struct worker *w = argument;
	struct crash_log_thread *notes = &w->log->thread[w->number];

	for (uint32_t i = 0; i < w->operations; i++) {
		struct crash_op op;
		struct stat st;
		char text[512];

		crash_model_next(&w->model, &op);
		notes->ops[i].begin = atomic_fetch_add(&w->log->clock, 1) + 1;
		atomic_store(&notes->started, i + 1);
		if (operate(w, &op) < 0) {
			fprintf(stderr, "crash_load: t%u: operation %u, %s: %s\n", w->number, i,
				crash_op_text(&op, text, sizeof(text)), strerror(errno));
			_exit(STATUS_STOPPED);
		}
		notes->ops[i].end = atomic_fetch_add(&w->log->clock, 1) + 1;
		atomic_store(&notes->done, i + 1);
		crash_model_apply(&w->model, &op);
		if (op.kind > CRASH_OP_MKFIFO)
			continue;
		crash_path(&w->model, op.dir, op.name, text, sizeof(text));
		if (fstatat(w->plot, text, &st, AT_SYMLINK_NOFOLLOW) == 0)
			notes->ops[i].ino = st.st_ino;
	}
	return NULL;
}

/* A mapped page of a file whose server is gone */
static void on_bus_error(int number)
{
	(void)number;
	_exit(STATUS_STOPPED);
}

static int run(int root, char **argv, uint32_t operations)
{
	struct worker workers[CRASH_THREADS_MAX] = {0};
	struct crash_model models[CRASH_THREADS_MAX];
	struct crash_log *log = crash_log_map(argv[0], true);
	unsigned int number = (unsigned int)strtoul(argv[1], NULL, 10);
	uint64_t seed = strtoull(argv[2], NULL, 10);
	unsigned int threads = (unsigned int)strtoul(argv[3], NULL, 10);
	unsigned int problems = 0;

	if (threads == 0 || threads > CRASH_THREADS_MAX || operations > CRASH_OPS_MAX) {
		errno = EINVAL;
		crash_die(argv[3]);
	}
	log->seed = seed;
	log->run = number;
	log->threads = threads;
	for (unsigned int i = 0; i < threads; i++) {
		struct worker *w = &workers[i];
		struct crash_model fresh;

		*w = (struct worker){.log = log, .number = i, .operations = operations};
		w->plot = crash_plot_open(root, i, true);
		w->bytes = malloc((size_t)CRASH_BLOCKS * CRASH_BLOCK);
		problems += crash_scan(w->plot, i, &models[i]);
		crash_model_init(&fresh, number, seed * CRASH_THREADS_MAX + i);
		models[i].random = fresh.random;
		models[i].stamp = fresh.stamp;
		crash_model_finish(&fresh);
		if (!w->bytes)
			crash_die("malloc");
	}
	if (problems || fsync(root) < 0)
		crash_die("cannot begin");
	crash_base_save(argv[0], models, threads);
	signal(SIGBUS, on_bus_error);
	puts("ready");
	fflush(stdout);
	for (unsigned int i = 0; i < threads; i++) {
		workers[i].model = models[i];
		errno = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		if (errno)
			crash_die("pthread_create");
	}
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		crash_model_finish(&workers[i].model);
		free(workers[i].bytes);
		close(workers[i].plot);
	}
	return 0;
}

static int verify(int root, const char *path, bool all)
{
	struct crash_log *log = crash_log_map(path, false);

	return crash_verify(root, log, path, all) ? 1 : 0;
}

int main(int argc, char **argv)
{
	int root = argc > 2 ? open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	umask(0);
	if (root >= 0 && (argc == 4 || argc == 5) && strcmp(argv[1], "verify") == 0)
		return verify(root, argv[3], argc == 5 && strcmp(argv[4], "all") == 0);
	if (root >= 0 && (argc == 7 || argc == 8) && strcmp(argv[1], "run") == 0)
		return run(root, argv + 3,
			   argc == 8 ? (uint32_t)strtoul(argv[7], NULL, 10) : CRASH_OPS_MAX);
	fprintf(stderr, "usage: crash_load run DIR LOG RUN SEED THREADS [OPERATIONS]\n"
			"       crash_load verify DIR LOG [all]\n");
	return 2;
}
