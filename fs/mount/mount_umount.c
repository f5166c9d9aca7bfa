/* SPDX-License-Identifier: MIT */
/*
 * Unmounting, and waiting for the process that served the mount: it is done when that has saved all
 * and ended. The mount itself tells which process it is, so that there is no pid file to become stale.
 */
#include "mount/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "mount/mount_check.h"
#include "mount/mount_info.h"
#include "mount/mount_ops.h"
#include "mount/mount_result.h"

#define ANSWER_MS 2000
#define KILL_MS 1000
#define END_MS 10000
#define SAID_BYTES 1024

extern char **environ;

enum asked {
	ASKED_AND_ANSWERED,
	ASKED_IN_VAIN, /* it says nothing, and need not be ours */
	ASKED_THE_DEAD, /* its process has ended already */
	ASKED_TOO_LONG, /* no answer */
	ASKED_FOR_EVER, /* no answer, and who asked cannot be ended: it keeps the directory in use */
};

/*
 * In a process of its own, since a server that hangs would keep it for ever, and with the owner's
 * identity, since a private mount lets not even root in.
 */
static void ask_and_exit(const char *path, const struct mount_info *info, int answer)
{
	char name[64], text[MOUNT_SERVER_XATTR_BYTES];
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		_exit(ASKED_IN_VAIN);
	if (geteuid() == 0 && info->user != 0 &&
	    (setresgid(info->group, info->group, info->group) < 0 ||
	     setresuid(info->user, info->user, info->user) < 0))
		_exit(ASKED_IN_VAIN);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = getxattr(name, MOUNT_SERVER_XATTR_ANY, text, sizeof(text));
	if (n < 0 && (errno == ENOTCONN || errno == ECONNABORTED))
		_exit(ASKED_THE_DEAD);
	if (n < 0 || write(answer, text, (size_t)n) != n)
		_exit(ASKED_IN_VAIN);
	_exit(ASKED_AND_ANSWERED);
}

/*
 * Kills @child, which must end before anything can be unmounted: it holds the directory open. Not waited
 * for without end, since a request that the server has taken cannot be killed.
 */
static bool end_child(pid_t child)
{
	struct pollfd wait = {.fd = pidfd_open(child, 0), .events = POLLIN};

	kill(child, SIGKILL);
	(void)poll(&wait, 1, KILL_MS);
	closep(&wait.fd);
	return waitpid(child, NULL, WNOHANG) == child;
}

/* @text becomes the answer, which may be empty. */
static enum asked ask(const char *path, const struct mount_info *info, char *text, size_t size)
{
	struct pollfd wait = {.events = POLLIN};
	enum asked asked = ASKED_IN_VAIN;
	int ends[2], status;
	ssize_t n = 0;
	pid_t child;

	text[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return asked;
	child = fork();
	if (child == 0)
		ask_and_exit(path, info, ends[1]);
	close(ends[1]);
	wait.fd = ends[0];
	if (child > 0 && poll(&wait, 1, ANSWER_MS) == 1) {
		n = read(ends[0], text, size - 1);
		text[n > 0 ? n : 0] = '\0';
		if (waitpid(child, &status, 0) == child && WIFEXITED(status))
			asked = (enum asked)WEXITSTATUS(status);
	} else if (child > 0) {
		asked = end_child(child) ? ASKED_TOO_LONG : ASKED_FOR_EVER;
	}
	close(ends[0]);
	return asked;
}

/* What is known of the process that serves a mount; -1: nothing. */
struct server {
	enum asked asked;
	int process; /* a pidfd */
	int result; /* where it tells how it ended */
};

static void server_finish(struct server *server)
{
	closep(&server->process);
	closep(&server->result);
}

/* "PID NAMESPACE [RESULT]", see MOUNT_SERVER_XATTR. */
static void find_server(const char *path, const struct mount_info *info, struct server *out)
{
	char text[MOUNT_SERVER_XATTR_BYTES + 1], ours[MOUNT_SERVER_XATTR_BYTES];
	enum asked asked = ask(path, info, text, sizeof(text));
	ssize_t ours_len = mount_server_describe(NULL, ours, sizeof(ours));
	char *rest = text;
	const char *number, *namespace, *our_namespace;
	long pid;

	*out = (struct server){.asked = asked, .process = -1, .result = -1};
	number = strsep(&rest, " ");
	namespace = strsep(&rest, " ");
	our_namespace = ours_len > 0 ? strchr(ours, ' ') : NULL;
	/* Of another pid namespace: the number would mean another process here. */
	if (!namespace || !our_namespace || strcmp(namespace, our_namespace + 1) != 0)
		return;
	pid = strtol(number, NULL, 10);
	if (pid > 0 && pid <= INT_MAX)
		out->process = pidfd_open((pid_t)pid, 0);
	if (out->process >= 0 && rest)
		(void)mount_result_connect(rest, (pid_t)pid, &out->result);
}

static int run_helper(const char *path, bool lazy, char *said, size_t size)
{
	char name[] = "fusermount3", unmount[] = "-u", detach[] = "-z", end[] = "--";
	char *copy = strdup(path);
	char *argv[] = {name, unmount, lazy ? detach : end, lazy ? end : copy, lazy ? copy : NULL,
			NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], status, err;
	size_t used = 0;
	ssize_t n;
	pid_t child;

	if (!copy || pipe2(ends, O_CLOEXEC) < 0) {
		free(copy);
		return -ENOMEM;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
	err = posix_spawnp(&child, name, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	free(copy);
	close(ends[1]);
	while (!err && used < size - 1 && (n = read(ends[0], said + used, size - 1 - used)) > 0)
		used += (size_t)n;
	said[used] = '\0';
	close(ends[0]);
	if (err)
		return -err;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return strstr(said, strerror(EBUSY)) ? -EBUSY : -EPERM;
}

static int unmount(const char *path, bool lazy, enum asked asked)
{
	char said[SAID_BYTES] = "";
	int err = 0;

	if (geteuid() != 0)
		err = run_helper(path, lazy, said, sizeof(said));
	else if (umount2(path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) < 0)
		err = -errno;
	if (err == -EBUSY && asked == ASKED_FOR_EVER)
		log_error("%s: in use by a question to that process: end it, or detach %s with "
			  "--lazy",
			  path, path);
	else if (err == -EBUSY)
		log_error("%s: in use: end what uses it (\"fuser -vm %s\" shows it), or detach it "
			  "with --lazy",
			  path, path);
	else if (err == -ENOENT && geteuid() != 0)
		log_error("fusermount3: not found: install it with \"apt install fuse3\"");
	else if (err && said[0])
		mount_check_quote(path, "cannot be unmounted", said);
	else if (err)
		log_error("%s: cannot be unmounted: %s", path, strerror(-err));
	return err;
}

/*
 * Waits for the end of the process that served @path, as far as it can be seen from here: in another pid
 * namespace it cannot, and in another network namespace it cannot tell how it went.
 */
static int await_end(const char *path, const struct mount_info *info, const struct server *server)
{
	struct pollfd wait = {.fd = server->process, .events = POLLIN};
	char why[MOUNT_RESULT_BYTES];
	int err = 0;

	/* As long as it takes: a large overlay on a slow disk is saved in its own time. */
	if (server->result >= 0)
		err = mount_result_await(server->result, why);
	if (err == -EIO)
		log_error("%s: not everything could be saved: %s", path, why);
	else if (err)
		log_error("%s: the process that served it has died: what was written last may be "
			  "lost",
			  path);
	if (server->process >= 0 && poll(&wait, 1, END_MS) != 1) {
		log_error("%s: unmounted, but its process has not ended in %d s", path,
			  END_MS / 1000);
		return -ETIMEDOUT;
	}
	if (info->writable && server->result < 0) {
		log_error("%s: unmounted; whether all is saved is not known", path);
		return -EIO;
	}
	return err ? -EIO : 0;
}

int mount_umount(const char *dir, bool lazy)
{
	CLEANUP(server_finish)
	struct server server = {.asked = ASKED_IN_VAIN, .process = -1, .result = -1};
	struct mount_info info;
	char path[PATH_MAX];
	int err = mount_info_resolve(dir, path);

	if (err) {
		log_error("%s: %s", dir, strerror(-err));
		return err;
	}
	err = mount_info_find(path, &info);
	if (!err && strncmp(info.type, "fuse", strlen("fuse")) == 0)
		find_server(path, &info, &server);
	/* With another subtype it is ours if it answers. */
	if (err || (server.asked != ASKED_AND_ANSWERED && strcmp(info.type, MOUNT_TYPE) != 0)) {
		log_error("%s: not a mount point of bramble", path);
		return -EINVAL;
	}
	if (server.asked == ASKED_TOO_LONG || server.asked == ASKED_FOR_EVER)
		log_error("%s: the process that serves it does not answer", path);
	err = unmount(path, lazy, server.asked);
	if (err || lazy || server.asked == ASKED_THE_DEAD)
		return err;
	return await_end(path, &info, &server);
}
