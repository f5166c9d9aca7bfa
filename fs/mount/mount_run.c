/* SPDX-License-Identifier: MIT */
/*
 * One mount from its beginning to its end: checks, the background, the FUSE session and its
 * threads. The process forks before there is any thread; the parent waits until the child has
 * mounted and shaken hands with the kernel.
 */
#include "mount/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "mount/mount_check.h"
#include "mount/mount_info.h"
#include "mount/mount_ops.h"

#define THREADS_MAX 10
#define THREADS_IDLE 10 /* threads that come and go would cost more than they hold */
#define READ_AHEAD_KIB 1024
#define SAID_BYTES 1024

/* What is written to stderr meanwhile: libfuse and fusermount3 explain themselves only there. */
struct capture {
	int old; /* the real stderr; -1: nothing is captured */
	int from;
};

static void capture_start(struct capture *capture)
{
	int ends[2];

	*capture = (struct capture){.old = -1, .from = -1};
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	capture->old = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (capture->old < 0 || dup2(ends[1], STDERR_FILENO) < 0) {
		closep(&capture->old);
		close(ends[0]);
		capture->old = -1;
	} else {
		capture->from = ends[0];
	}
	close(ends[1]);
}

static void capture_end(struct capture *capture, char *said, size_t size)
{
	ssize_t n;

	said[0] = '\0';
	if (capture->old < 0)
		return;
	n = read(capture->from, said, size - 1);
	said[n > 0 ? n : 0] = '\0';
	dup2(capture->old, STDERR_FILENO);
	close(capture->old);
	close(capture->from);
}

__attribute__((format(printf, 2, 0))) static void on_fuse_log(enum fuse_log_level level,
							      const char *format, va_list args)
{
	char text[256];
	int n = vsnprintf(text, sizeof(text), format, args);

	if (n <= 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	if (level <= FUSE_LOG_ERR)
		log_warn("mount: libfuse: %s", text);
	else
		log_debug("mount: libfuse: %s", text);
}

static void on_background_log(void *ctx, enum log_level level, const char *line)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

	(void)ctx;
	syslog(LOG_DAEMON | priorities[level], "%s", line);
}

static int add_argument(struct fuse_args *args, const char *argument)
{
	return fuse_opt_add_arg(args, argument) < 0 ? -ENOMEM : 0;
}

/* "-o" and NAME=VALUE, where commas and backslashes of the value end nothing. */
static int add_option(struct fuse_args *args, const char *name, const char *value)
{
	CLEANUP(freep) char *option = NULL;
	CLEANUP(freep) char *escaped = NULL;
	int err;

	if (asprintf(&option, "%s=%s", name, value) < 0)
		return -ENOMEM;
	if (fuse_opt_add_opt_escaped(&escaped, option) < 0)
		return -ENOMEM;
	err = add_argument(args, "-o");
	return err ? err : add_argument(args, escaped);
}

/* A private mount checks nothing; one that others may enter always does. */
static bool is_checked(const struct mount_options *options)
{
	return options->default_permissions || options->allow_other;
}

static int build_arguments(const struct mount_options *options, struct fuse_args *args)
{
	int err = add_argument(args, "bramble");

	if (!err)
		err = add_argument(args, "-oro");
	if (!err && options->allow_other)
		err = add_argument(args, "-oallow_other");
	if (!err && is_checked(options))
		err = add_argument(args, "-odefault_permissions");
	if (!err && options->debug)
		err = add_argument(args, "-d");
	if (!err && options->fsname)
		err = add_option(args, "fsname", options->fsname);
	if (!err)
		err = add_option(args, "subtype", options->subtype ? options->subtype : "bramble");
	if (!err && options->fuse_options && *options->fuse_options)
		err = add_argument(args, "-o");
	if (!err && options->fuse_options && *options->fuse_options)
		err = add_argument(args, options->fuse_options);
	return err;
}

static int open_session(const char *path, const struct mount_options *options,
			struct mount_server *server, struct fuse_session **out)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *session = NULL;
	struct capture capture;
	char said[SAID_BYTES];
	int err = build_arguments(options, &args);

	if (err) {
		fuse_opt_free_args(&args);
		return err;
	}
	capture_start(&capture);
	session = fuse_session_new(&args, &mount_ops, sizeof(mount_ops), server);
	fuse_opt_free_args(&args);
	if (!session) {
		capture_end(&capture, said, sizeof(said));
		mount_check_quote(path, "cannot be mounted", said);
		return -EINVAL;
	}
	/* before the mount: a signal between the two would leave a dead one behind */
	err = fuse_set_signal_handlers(session);
	if (!err)
		err = fuse_session_mount(session, path);
	capture_end(&capture, said, sizeof(said));
	if (err < 0) {
		fuse_remove_signal_handlers(session);
		fuse_session_destroy(session);
		return mount_check_after(path, options, said);
	}
	*out = session;
	return 0;
}

/* Answers the kernel's first request, so that the mount's properties are settled. */
static int shake_hands(struct fuse_session *session)
{
	struct fuse_buf buf = {0};
	int n;

	do {
		n = fuse_session_receive_buf(session, &buf);
	} while (n == -EINTR && !fuse_session_exited(session));
	if (n > 0)
		fuse_session_process_buf(session, &buf);
	free(buf.mem);
	return n < 0 ? n : 0;
}

/*
 * The kernel offers FUSE 128 KiB of read-ahead; a MiB makes cold sequential reading 1.3 times as
 * fast. Only root may ask for it, and nothing is lost where that fails.
 */
static void raise_read_ahead(const char *path)
{
	struct mount_info info;
	char name[128];
	CLEANUP(closep) int fd = -1;

	if (geteuid() != 0 || mount_info_find(path, &info) < 0)
		return;
	snprintf(name, sizeof(name), "/sys/class/bdi/%s/read_ahead_kb", info.device);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || dprintf(fd, "%d", READ_AHEAD_KIB) < 0)
		log_debug("mount: read-ahead stays small: %s: %m", name);
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

static int serve(struct fuse_session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int err;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
	fuse_loop_cfg_set_idle_threads(config, THREADS_IDLE);
	fuse_loop_cfg_set_clone_fd(config, 0);
	err = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return err < 0 ? err : 0; /* a positive one is the signal that ended it */
}

/* *@ready becomes -1 once the parent has been told. */
static int mount_and_serve(struct tree *tree, const char *path, const struct mount_options *options,
			   int *ready)
{
	struct fuse_session *session = NULL;
	struct mount_server server;
	int err = mount_server_init(&server, tree, is_checked(options));

	if (err)
		return err;
	err = open_session(path, options, &server, &session);
	if (err) {
		mount_server_finish(&server);
		return err;
	}
	if (!options->debug)
		fuse_set_log_func(on_fuse_log);
	err = shake_hands(session);
	if (err) {
		log_error("%s: the kernel's FUSE does not answer: %s", path, strerror(-err));
	} else {
		raise_read_ahead(path);
		if (*ready >= 0)
			err = enter_background(take_fd(ready));
		if (!err)
			err = serve(session);
		if (err)
			log_error("%s: serving the mount: %s", path, strerror(-err));
	}
	fuse_remove_signal_handlers(session);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	mount_server_finish(&server);
	return err;
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

static int run_in_background(struct tree *tree, const char *path,
			     const struct mount_options *options)
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
	err = mount_and_serve(tree, path, options, &ends[1]);
	if (ends[1] < 0)
		return err; /* the parent is gone: this process goes on as the caller's */
	if (write(ends[1], &err, sizeof(err)) < 0)
		_exit(2);
	_exit(1);
}

int mount_run(struct tree *tree, const char *dir, const struct mount_options *options)
{
	char path[PATH_MAX];
	int nobody = -1;
	int err = mount_info_resolve(dir, path);

	if (err) {
		log_error("%s: %s%s", dir, strerror(-err),
			  err == -ENOENT ? ": create it with mkdir" : "");
		return err;
	}
	err = mount_check_before(path, options);
	if (err)
		return err;
	if (options->foreground || options->debug)
		return mount_and_serve(tree, path, options, &nobody);
	return run_in_background(tree, path, options);
}
