/* SPDX-License-Identifier: MIT */
/*
 * The file of leases. A worker replaces it as a whole; what changes meanwhile goes into the next one, so
 * that any number of clients wait for two writes at most. An address is confirmed when it is on the disk:
 * after a crash nobody else gets it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "dhcp/dhcp_private.h"

/* Bytes of the longest file that is read: more than the largest pool needs. */
#define FILE_MAX ((off_t)8 << 20)

struct dhcp_keep {
	struct loop *loop; /* borrowed */
	char *path; /* owned, as are the next two */
	char *new_path;
	char *folder;
	const struct dhcp_leases *leases; /* borrowed; NULL: nothing was to be saved so far */
	struct loop_work work;
	pthread_mutex_t lock; /* of @is_writing */
	pthread_cond_t idle;
	bool is_writing; /* a worker is at it */
	bool is_out; /* @work is with the loop */
	bool is_closed;
	bool is_changed; /* there is more to save than what is being written */
	char *text; /* what is being written; owned */
	size_t len;
	int error; /* of writing it */
	struct dhcp_waiting *waiting, *written; /* for the next one, for this one */
};

static void destroy(struct dhcp_keep *keep)
{
	pthread_cond_destroy(&keep->idle);
	pthread_mutex_destroy(&keep->lock);
	free(keep->text);
	free(keep->path);
	free(keep->new_path);
	free(keep->folder);
	free(keep);
}

static char *folder_of(const char *path)
{
	CLEANUP(freep) char *copy = strdup(path);

	return copy ? strdup(dirname(copy)) : NULL;
}

int dhcp_keep_open(struct loop *loop, const char *path, struct dhcp_keep **out)
{
	struct dhcp_keep *keep = calloc(1, sizeof(*keep));

	if (!keep)
		return -ENOMEM;
	keep->loop = loop;
	pthread_mutex_init(&keep->lock, NULL);
	pthread_cond_init(&keep->idle, NULL);
	keep->path = strdup(path);
	keep->folder = folder_of(path);
	if (!keep->path || !keep->folder || asprintf(&keep->new_path, "%s.new", path) < 0) {
		keep->new_path = NULL;
		destroy(keep);
		return -ENOMEM;
	}
	*out = keep;
	return 0;
}

int dhcp_keep_load(const struct dhcp_keep *keep, char **out, size_t *out_len)
{
	CLEANUP(closep) int fd = open(keep->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	CLEANUP(freep) char *text = NULL;
	struct stat st;
	size_t len = 0;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > FILE_MAX)
		return -EFBIG;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (len < (size_t)st.st_size) {
		ssize_t got = read(fd, text + len, (size_t)st.st_size - len);

		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		len += (size_t)got;
	}
	*out = TAKE(text);
	*out_len = len;
	return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, text, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		text += put;
		len -= (size_t)put;
	}
	return fsync(fd) ? -errno : 0;
}

static int sync_folder(const char *folder)
{
	CLEANUP(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

static int replace(const struct dhcp_keep *keep, const char *text, size_t len)
{
	CLEANUP(closep)
	int fd = open(keep->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int err = fd < 0 ? -errno : write_all(fd, text, len);

	if (err == 0 && rename(keep->new_path, keep->path))
		err = -errno;
	return err ? err : sync_folder(keep->folder);
}

static void write_by_worker(struct loop_work *work)
{
	struct dhcp_keep *keep = container_of(work, struct dhcp_keep, work);

	keep->error = replace(keep, keep->text, keep->len);
	pthread_mutex_lock(&keep->lock);
	keep->is_writing = false;
	pthread_cond_signal(&keep->idle);
	pthread_mutex_unlock(&keep->lock);
}

static void tell(struct dhcp_waiting **list)
{
	while (*list) {
		struct dhcp_waiting *first = *list;

		*list = first->next;
		first->saved(first);
	}
}

static void report(const struct dhcp_keep *keep, int err)
{
	if (err)
		log_error("dhcp: %s: leases cannot be saved: %s", keep->path, strerror(-err));
}

static int64_t wall_seconds(void)
{
	return (int64_t)time(NULL);
}

/* The present leases as text. */
static int describe(struct dhcp_keep *keep)
{
	free(keep->text);
	keep->text = NULL;
	return dhcp_leases_format(keep->leases, loop_now(keep->loop), wall_seconds(), &keep->text,
				  &keep->len);
}

static void on_written(struct loop_work *work);

static void start(struct dhcp_keep *keep)
{
	int err = describe(keep);

	keep->is_changed = false;
	keep->written = keep->waiting;
	keep->waiting = NULL;
	if (err) {
		report(keep, err);
		tell(&keep->written);
		return;
	}
	keep->is_writing = true;
	keep->is_out = true;
	loop_work_submit(keep->loop, &keep->work, write_by_worker, on_written);
}

static void on_written(struct loop_work *work)
{
	struct dhcp_keep *keep = container_of(work, struct dhcp_keep, work);

	keep->is_out = false;
	if (keep->is_closed) {
		destroy(keep);
		return;
	}
	report(keep, keep->error);
	tell(&keep->written);
	if (keep->is_changed && !keep->is_out)
		start(keep);
}

void dhcp_keep_save(struct dhcp_keep *keep, const struct dhcp_leases *leases,
		    struct dhcp_waiting *waiting)
{
	struct dhcp_waiting **end = &keep->waiting;

	keep->leases = leases;
	keep->is_changed = true;
	if (waiting) {
		while (*end)
			end = &(*end)->next;
		waiting->next = NULL;
		*end = waiting;
	}
	if (!keep->is_out)
		start(keep);
}

void dhcp_keep_close(struct dhcp_keep *keep)
{
	int err;

	if (!keep)
		return;
	pthread_mutex_lock(&keep->lock);
	while (keep->is_writing)
		pthread_cond_wait(&keep->idle, &keep->lock);
	pthread_mutex_unlock(&keep->lock);
	if (keep->leases) {
		err = describe(keep);
		report(keep, err ? err : replace(keep, keep->text, keep->len));
	}
	tell(&keep->written);
	tell(&keep->waiting);
	keep->is_closed = true;
	if (!keep->is_out)
		destroy(keep);
}
