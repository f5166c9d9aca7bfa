/* SPDX-License-Identifier: MIT */
/* The FUSE session of one mount: its options, its threads, and what libfuse says when it fails. */
#include "mount/mount_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "mount/mount_check.h"
#include "mount/mount_info.h"
#include "mount/mount_namespace.h"

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

static int build_arguments(const struct mount_options *options, const struct mount_server *server,
			   struct fuse_args *args)
{
	int err = add_argument(args, "bramble");

	if (!err && !server->writable)
		err = add_argument(args, "-oro");
	if (!err && options->allow_other)
		err = add_argument(args, "-oallow_other");
	if (!err && server->checked)
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

struct mount_there {
	struct fuse_session *session;
	const char *path;
};

static int mount_there(void *ctx)
{
	const struct mount_there *there = ctx;

	return fuse_session_mount(there->session, there->path);
}

static int unmount_there(void *ctx)
{
	fuse_session_unmount(ctx);
	return 0;
}

static int mount_session_new(const char *path, const struct mount_options *options,
			     struct mount_server *server, struct mount_end *end)
{
	const struct fuse_lowlevel_ops *ops =
		server->writable ? &mount_writable_ops : &mount_read_only_ops;
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *session;
	struct mount_there there;
	struct capture capture;
	char said[SAID_BYTES];
	int err = build_arguments(options, server, &args);

	if (err) {
		fuse_opt_free_args(&args);
		return err;
	}
	capture_start(&capture);
	session = fuse_session_new(&args, ops, sizeof(*ops), server);
	fuse_opt_free_args(&args);
	if (!session) {
		capture_end(&capture, said, sizeof(said));
		mount_check_quote(path, "cannot be mounted", said);
		return -EINVAL;
	}
	/* before the mount: a signal between the two would leave a dead one behind */
	mount_end_set(end, session, server, path);
	there = (struct mount_there){.session = session, .path = path};
	err = mount_namespace_run(server->namespace, mount_there, &there);
	capture_end(&capture, said, sizeof(said));
	if (err < 0) {
		mount_end_stop(end);
		fuse_session_destroy(session);
		return mount_check_after(path, options, said);
	}
	server->session = session;
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
static int raise_read_ahead(void *ctx)
{
	const char *path = ctx;
	struct mount_info info;
	char name[128];
	CLEANUP(closep) int fd = -1;

	if (geteuid() != 0 || mount_info_find(path, &info) < 0)
		return 0;
	snprintf(name, sizeof(name), "/sys/class/bdi/%s/read_ahead_kb", info.device);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || dprintf(fd, "%d", READ_AHEAD_KIB) < 0)
		log_debug("mount: read-ahead stays small: %s: %m", name);
	return 0;
}

int mount_session_open(char *path, const struct mount_options *options, struct mount_server *server,
		       struct mount_end *end)
{
	int err = mount_session_new(path, options, server, end);

	if (err)
		return err;
	if (!options->debug)
		fuse_set_log_func(on_fuse_log);
	if (server->writable)
		err = mount_io_set(server->session);
	if (!err)
		err = shake_hands(server->session);
	if (err) {
		log_error("%s: the kernel's FUSE does not answer: %s", path, strerror(-err));
		mount_end_stop(end);
		mount_session_close(server);
		return err;
	}
	(void)mount_namespace_run(server->namespace, raise_read_ahead, path);
	return 0;
}

int mount_session_serve(struct mount_server *server)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int err;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
	fuse_loop_cfg_set_idle_threads(config, THREADS_IDLE);
	fuse_loop_cfg_set_clone_fd(config, 0);
	err = fuse_session_loop_mt(server->session, config);
	fuse_loop_cfg_destroy(config);
	return err < 0 ? err : 0;
}

void mount_session_close(struct mount_server *server)
{
	(void)mount_namespace_run(server->namespace, unmount_there, server->session);
	fuse_session_destroy(server->session);
	server->session = NULL;
}
