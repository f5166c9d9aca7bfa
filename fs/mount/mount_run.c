/* SPDX-License-Identifier: MIT */
/*
 * One mount from its beginning to its end: checks, the background, the tree, the session. The process
 * forks before there is a tree or any thread; the parent waits until the child has mounted and shaken
 * hands with the kernel.
 */
#include "mount/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "mount/mount_check.h"
#include "mount/mount_end.h"
#include "mount/mount_info.h"
#include "mount/mount_namespace.h"
#include "mount/mount_ops.h"
#include "mount/mount_result.h"
#include "mount/mount_session.h"

static void on_background_log(void *ctx, enum log_level level, const char *line)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

	(void)ctx;
	syslog(LOG_DAEMON | priorities[level], "%s", line);
}

/*
 * Leaves the terminal and tells the parent, which waits at the other end of @ready, to end.
 * -EPIPE: it was ended before, by ^C perhaps, so that nobody wants the mount any more.
 */
static int enter_background(int ready)
{
	static const int done;
	int err = 0;
	CLEANUP(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir("/") < 0)
		log_debug("mount: chdir: %m");
	openlog("bramble", LOG_PID, LOG_DAEMON);
	log_set_sink(on_background_log, NULL);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	if (write(ready, &done, sizeof(done)) < 0)
		err = -errno;
	close(ready);
	return err;
}

struct place {
	const char *dir; /* as it was given */
	const struct mount_options *options;
	char path[PATH_MAX];
};

/* Where the directory is, if it may be mounted on. */
static int find_place(void *ctx)
{
	struct place *place = ctx;
	int err = mount_info_resolve(place->dir, place->path);

	if (!err)
		return mount_check_before(place->path, place->options);
	log_error("%s: %s%s", place->dir, strerror(-err),
		  err == -ENOENT ? ": create it with mkdir" : "");
	return err;
}

/* *@ready becomes -1 once the parent has been told. */
static int serve_tree(struct tree *tree, const char *result, struct place *place, int namespace,
		      struct mount_end *end, int *ready)
{
	const struct mount_options *options = place->options;
	struct mount_server server;
	int err = mount_server_init(&server, tree);

	if (err)
		return err;
	server.result = result;
	server.namespace = namespace;
	/* A private mount checks nothing; one that others may enter always does. */
	server.checked = options->default_permissions || options->allow_other;
	server.writable = options->writable && tree_is_writable(tree);
	server.writeback = options->writeback;
	err = mount_session_open(place->path, options, &server, end);
	if (err) {
		mount_server_finish(&server);
		return err;
	}
	if (*ready >= 0)
		err = enter_background(take_fd(ready));
	if (!err)
		err = mount_session_serve(&server);
	if (err)
		log_error("%s: serving the mount: %s", place->path, strerror(-err));
	mount_end_stop(end);
	mount_session_close(&server);
	mount_server_finish(&server);
	return err;
}

/*
 * All that the serving process does. In another namespace the place is still to be found. The tree is
 * opened, changed and closed in this process's own.
 */
static int serve(const struct mount_source *source, struct place *place, int *ready)
{
	const struct mount_options *options = place->options;
	char name[MOUNT_RESULT_NAME_BYTES];
	CLEANUP(closep) int result = -1;
	CLEANUP(closep) int namespace = MOUNT_NAMESPACE_OWN;
	struct mount_end end;
	struct tree *tree;
	int err = mount_end_start(&end), close_err;

	if (err)
		return err;
	if (options->namespace) {
		err = mount_namespace_open(options->namespace, &namespace);
		if (!err)
			err = mount_namespace_run(namespace, find_place, place);
		if (err) {
			mount_end_stop(&end);
			return err;
		}
	}
	err = source->open(source->ctx, &tree);
	if (err) {
		mount_end_stop(&end);
		return err;
	}
	if (options->writable && mount_result_listen(&result, name) < 0)
		log_debug("mount: umount will not be told how it ends: %m");
	err = serve_tree(tree, result >= 0 ? name : NULL, place, namespace, &end, ready);
	mount_end_stop(&end);
	close_err = source->close(source->ctx);
	if (!close_err)
		close_err = end.err;
	if (result >= 0)
		mount_result_tell(result, close_err);
	return err ? err : close_err;
}

/* Ends with the process where the mount is ready, else returns what the child reports. */
static int await_child(pid_t child, int ready)
{
	int err;
	ssize_t n;

	do {
		n = read(ready, &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	if (n == sizeof(err) && err == 0)
		_exit(0);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	if (n == sizeof(err))
		return err;
	log_error("mount: the process in the background ended unexpectedly");
	return -EIO;
}

static int serve_in_background(const struct mount_source *source, struct place *place)
{
	int ends[2], err;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0) {
		err = -errno;
		log_error("mount: fork: %s", strerror(-err));
		close(ends[0]);
		close(ends[1]);
		return err;
	}
	if (child > 0) {
		close(ends[1]);
		err = await_child(child, ends[0]);
		close(ends[0]);
		return err;
	}
	close(ends[0]);
	setsid();
	err = serve(source, place, &ends[1]);
	if (ends[1] < 0)
		return err; /* the parent is gone: this process goes on as the caller's */
	if (write(ends[1], &err, sizeof(err)) < 0)
		_exit(2);
	_exit(1);
}

int mount_run(const struct mount_source *source, const char *dir,
	      const struct mount_options *options)
{
	struct place place = {.dir = dir, .options = options};
	int nobody = -1;
	int err = options->namespace ? 0 : find_place(&place);

	if (err)
		return err;
	if (options->foreground || options->debug)
		return serve(source, &place, &nobody);
	return serve_in_background(source, &place);
}
