/* SPDX-License-Identifier: MIT */
/* The thread that waits for the signals which end a mount. */
#include "mount/mount_end.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "mount/mount_namespace.h"
#include "mount/mount_ops.h"

#define KNOCK_NS 20000000L
#define SILENCE_NS 100000000L
#define SILENCE_MAX 100 /* times; then the mount ends all the same */

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
 * Until the writes have come that the kernel has under way. What it collects itself, it does not wait
 * for, so that nothing but silence tells.
 */
static void await_silence(const struct mount_server *server)
{
	const struct timespec pause = {.tv_nsec = SILENCE_NS};
	uint64_t before;

	for (int i = 0; i < SILENCE_MAX; i++) {
		before = atomic_load(&server->writes_begun);
		nanosleep(&pause, NULL);
		if (atomic_load(&server->writes_begun) == before &&
		    atomic_load(&server->writes_done) == before)
			return;
	}
}

/*
 * Pages that were written by memory maps, or that the kernel collects, it has not sent yet. This
 * thread asks for it as any program would, and the server's threads take it in.
 */
static int write_back(void *ctx)
{
	const struct mount_end *end = ctx;
	CLEANUP(closep) int fd = open(end->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		log_warn("%s: what was written last may be lost: %m", end->path);
	else if (end->server->writeback)
		await_silence(end->server);
	return 0;
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
	if (end->server->writable)
		(void)mount_namespace_run(end->server->namespace, write_back, end);
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
