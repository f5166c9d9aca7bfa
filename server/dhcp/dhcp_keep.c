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
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "dhcp/dhcp_private.h"
#include "keyfile/keyfile.h"

/* Bytes of the longest file that is read: more than the largest pool needs. */
#define FILE_MAX ((size_t)8 << 20)

struct dhcp_keep {
	struct loop *loop; /* borrowed */
	char *path; /* owned, as are the next two */
	char *folder;
	char *name; /* in @folder */
	const struct dhcp_leases *leases; /* borrowed; NULL: nothing was to be saved so far */
	struct loop_work work;
	pthread_mutex_t lock; /* of @is_writing */
	pthread_cond_t idle;
	bool is_writing; /* a worker is at it */
	bool is_out; /* @work is with the loop */
	bool is_closed;
	bool is_changed; /* there is more to save than what is being written */
	char *text; /* what is being written; owned */
	int error; /* of writing it */
	struct dhcp_waiting *waiting, *written; /* for the next one, for this one */
};

static void destroy(struct dhcp_keep *keep)
{
	pthread_cond_destroy(&keep->idle);
	pthread_mutex_destroy(&keep->lock);
	free(keep->text);
	free(keep->path);
	free(keep->folder);
	free(keep->name);
	free(keep);
}

static char *folder_of(const char *path)
{
	CLEANUP(freep) char *copy = strdup(path);

	return copy ? strdup(dirname(copy)) : NULL;
}

static char *name_of(const char *path)
{
	CLEANUP(freep) char *copy = strdup(path);

	return copy ? strdup(basename(copy)) : NULL;
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
	keep->name = name_of(path);
	if (!keep->path || !keep->folder || !keep->name) {
		destroy(keep);
		return -ENOMEM;
	}
	*out = keep;
	return 0;
}

int dhcp_keep_load(const struct dhcp_keep *keep, char **out, size_t *out_len)
{
	return keyfile_read(AT_FDCWD, keep->path, FILE_MAX, out, out_len);
}

static int replace(const struct dhcp_keep *keep)
{
	CLEANUP(closep) int folder = open(keep->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return folder < 0 ? -errno : keyfile_replace(folder, keep->name, keep->text);
}

static void write_by_worker(struct loop_work *work)
{
	struct dhcp_keep *keep = container_of(work, struct dhcp_keep, work);

	keep->error = replace(keep);
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
	size_t len;

	free(keep->text);
	keep->text = NULL;
	return dhcp_leases_format(keep->leases, loop_now(keep->loop), wall_seconds(), &keep->text,
				  &len);
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
		report(keep, err ? err : replace(keep));
	}
	tell(&keep->written);
	tell(&keep->waiting);
	keep->is_closed = true;
	if (!keep->is_out)
		destroy(keep);
}
