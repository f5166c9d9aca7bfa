/* SPDX-License-Identifier: MIT */
/* The thread that waits for the signals which end a mount. */
#include "mount/mount_end.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "mount/mount_info.h"
#include "mount/mount_namespace.h"
#include "mount/mount_ops.h"

#define KNOCK_NS 20000000L
#define STEP_MS 5
#define SILENCE_MS 200
#define BUSY_SILENCE_MS 1000 /* while the kernel has requests of another kind */
#define WAIT_MAX_MS 10000 /* then the mount ends all the same */

/* Interrupts what the server's thread waits in. */
static void on_knock(int number)
{
	(void)number;
}

static void die(const struct mount_end *end, int number)
{
	signal(number, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, &end->signals, NULL);
	raise(number);
}

/*
 * How many requests the kernel has that are not answered yet; -1: it does not say. The number in the
 * path is that of the mount's device, whose other part is 0.
 */
static long count_unanswered(const struct mount_info *info)
{
	const char *minor = strchr(info->device, ':');
	char name[128], text[32];
	CLEANUP(closep) int fd = -1;
	ssize_t n;

	if (!minor)
		return -1;
	snprintf(name, sizeof(name), "/sys/fs/fuse/connections/%s/waiting", minor + 1);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

/*
 * Until the writes are done that the kernel has under way: it does not wait for them itself. It knows
 * how many there are; where it does not say so, or others keep it busy with requests that do not
 * write, silence tells.
 */
static int await_writes(const struct mount_end *end)
{
	const struct timespec pause = {.tv_nsec = STEP_MS * 1000000L};
	const struct mount_server *server = end->server;
	uint64_t begun, before = atomic_load(&server->writes_begun);
	struct mount_info info = {0};
	long unanswered;
	int silent = 0;

	(void)mount_info_find(end->path, &info);
	for (int waited = 0; waited < WAIT_MAX_MS; waited += STEP_MS) {
		unanswered = count_unanswered(&info);
		if (unanswered == 0 || silent >= (unanswered < 0 ? SILENCE_MS : BUSY_SILENCE_MS))
			return 0;
		nanosleep(&pause, NULL);
		begun = atomic_load(&server->writes_begun);
		silent += STEP_MS;
		if (begun != before || atomic_load(&server->writes_done) != begun)
			silent = 0;
		before = begun;
	}
	log_warn("%s: what was written last may be lost: there was more in %d s", end->path,
		 WAIT_MAX_MS / 1000);
	return -ETIMEDOUT;
}

/* A file in the mount that this user may open. */
struct search {
	const struct mount_end *end;
	dev_t device;
	int fd;
};

static int try_entry(void *ctx, const struct tree_entry *entry)
{
	struct search *search = ctx;
	CLEANUP(closep) int fd = -1;
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%.*s", search->end->path, (int)entry->name_len,
			 entry->name);

	if ((entry->type != DT_DIR && entry->type != DT_REG) || n >= (int)sizeof(path))
		return 0;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	/* something else may be mounted there */
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != search->device)
		return 0;
	search->fd = take_fd(&fd);
	return 1;
}

/* Where the root is closed to this user, what is in it may be open. */
static int open_any(const struct mount_end *end)
{
	struct search search = {.end = end, .fd = -1};
	int fd = open(end->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 || stat(end->path, &st) < 0)
		return fd;
	search.device = st.st_dev;
	(void)tree_readdir(end->server->tree, TREE_ROOT, 0, try_entry, &search);
	return search.fd;
}

/*
 * Pages that were written by memory maps, or that the kernel collects, it has not sent yet. This
 * thread asks for it as any program would, and the server's threads take it in.
 */
static int write_back(void *ctx)
{
	const struct mount_end *end = ctx;
	CLEANUP(closep) int fd = open_any(end);
	int err = 0;

	if (fd < 0)
		sync(); /* all of the machine's, for want of something to name this mount by */
	else if (syncfs(fd) < 0)
		err = -errno;
	if (!err)
		err = await_writes(end);
	if (!err)
		err = atomic_load(&end->server->lost);
	if (err && err != -ETIMEDOUT)
		log_error("%s: what was written last is lost: %s", end->path, strerror(-err));
	return err;
}

static void on_signal(struct mount_end *end, int number)
{
	const struct timespec pause = {.tv_nsec = KNOCK_NS};
	struct fuse_session *session;

	pthread_mutex_lock(&end->lock);
	session = end->session;
	pthread_mutex_unlock(&end->lock);
	if (!session) {
		die(end, number);
		return;
	}
	if (end->server->writable) {
		end->server->ending = true;
		end->err = mount_namespace_run(end->server->namespace, write_back, end);
	}
	fuse_session_exit(session);
	/* Once would do, if it could not come just before the thread begins to wait. */
	while (!atomic_load(&end->over)) {
		pthread_kill(end->waiting, SIGUSR1);
		nanosleep(&pause, NULL);
	}
}

static void *wait_for_signals(void *ctx)
{
	struct mount_end *end = ctx;
	int number;

	while (sigwait(&end->signals, &number) == 0 && !atomic_load(&end->over))
		on_signal(end, number);
	return NULL;
}

int mount_end_start(struct mount_end *end)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
	struct sigaction action = {.sa_handler = on_knock};
	int err;

	*end = (struct mount_end){
		.waiting = pthread_self(),
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&end->signals);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		/* Blocked, one that is ignored would come all the same. */
		if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&end->signals, numbers[i]);
	}
	/* Always one, by which the thread is told to end. */
	sigaddset(&end->signals, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &end->signals, NULL);
	err = -pthread_create(&end->thread, NULL, wait_for_signals, end);
	if (err) {
		pthread_sigmask(SIG_UNBLOCK, &end->signals, NULL);
		log_error("mount: no thread for signals: %s", strerror(-err));
	}
	return err;
}

void mount_end_set(struct mount_end *end, struct fuse_session *session, struct mount_server *server,
		   const char *path)
{
	pthread_mutex_lock(&end->lock);
	end->session = session;
	end->server = server;
	end->path = path;
	pthread_mutex_unlock(&end->lock);
}

void mount_end_stop(struct mount_end *end)
{
	if (atomic_exchange(&end->over, true))
		return;
	pthread_kill(end->thread, SIGUSR2);
	pthread_join(end->thread, NULL);
	pthread_mutex_destroy(&end->lock);
}
