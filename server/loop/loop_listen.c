/* SPDX-License-Identifier: MIT */
/* Sockets that take connections. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/checked.h"
#include "base/log.h"
#include "loop/loop_private.h"

/* Connections that wait until they are taken: a fleet's that is switched on at once. */
#define BACKLOG 4096
/* Connections taken in a row, before others have their turn. */
#define ACCEPT_MAX 64
/* Until one looks whether there are file descriptors again. */
#define PAUSE_MS 100u

static void on_connection(struct loop_io *io, unsigned int ready);

static void on_pause_over(struct loop_timer *timer)
{
	struct loop_listener *listener = container_of(timer, struct loop_listener, pause);

	loop_io_change(&listener->io, LOOP_READ);
}

/* Whether the next connection may be better. */
static bool accept_failed(struct loop_listener *listener, int err)
{
	switch (err) {
	case EAGAIN:
		return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		log_warn("loop: cannot take a connection, others wait: %s", strerror(err));
		loop_io_change(&listener->io, 0);
		loop_timer_start(listener->io.loop, &listener->pause, PAUSE_MS, on_pause_over);
		return false;
	default: /* accept(2): errors of the network are those of one connection */
		return true;
	}
}

static void on_connection(struct loop_io *io, unsigned int ready)
{
	struct loop_listener *listener = container_of(io, struct loop_listener, io);
	struct loop *loop = io->loop;

	(void)ready;
	loop->current = listener;
	for (int i = 0; i < ACCEPT_MAX && loop->current == listener; i++) {
		struct sockaddr_in peer = {.sin_family = AF_INET};
		socklen_t len = sizeof(peer);
		int fd = listener->is_unix
				 ? accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
				 : accept4(listener->fd, (struct sockaddr *)&peer, &len,
					   SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			listener->accept(listener, fd, listener->is_unix ? NULL : &peer);
		else if (!accept_failed(listener, errno))
			break;
	}
	loop->current = NULL;
}

static void start(struct loop *loop, struct loop_listener *listener, int fd, loop_accept_fn accept)
{
	listener->accept = accept;
	listener->fd = fd;
	loop_io_start(loop, &listener->io, fd, LOOP_READ, on_connection);
}

/* What another program has opened. */
static int take_over(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return -errno;
	return 0;
}

static int bind_tcp(int fd, const struct sockaddr_in *address)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) || listen(fd, BACKLOG))
		return -errno;
	return 0;
}

int loop_listen(struct loop *loop, struct loop_listener *listener,
		const struct sockaddr_in *address, int fd, loop_accept_fn accept)
{
	CLEANUP(closep) int socket_fd = fd > 0 ? fd : -1;
	int err;

	memset(listener, 0, sizeof(*listener));
	listener->fd = -1;
	if (fd > 0) {
		err = take_over(fd);
	} else {
		socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (socket_fd < 0)
			return -errno;
		err = bind_tcp(socket_fd, address);
	}
	if (err)
		return err;
	start(loop, listener, take_fd(&socket_fd), accept);
	return 0;
}

/* Whether what is at @address is to stay: somebody listens there, or it is no socket. */
static bool is_in_use(const struct sockaddr_un *address)
{
	CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat st;

	if (fd < 0 || lstat(address->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return true;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return true;
	return errno != ECONNREFUSED;
}

static int bind_unix(int fd, const struct sockaddr_un *address, mode_t mode)
{
	/* Linux makes the file with the mode of the socket: it is never open to more than @mode */
	if (fchmod(fd, mode))
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address))) {
		if (errno != EADDRINUSE)
			return -errno;
		if (is_in_use(address))
			return -EADDRINUSE;
		if (unlink(address->sun_path) ||
		    bind(fd, (const struct sockaddr *)address, sizeof(*address)))
			return -errno;
	}
	/* what the umask took away */
	if (chmod(address->sun_path, mode) || listen(fd, BACKLOG))
		return -errno;
	return 0;
}

int loop_listen_unix(struct loop *loop, struct loop_listener *listener, const char *path,
		     mode_t mode, loop_accept_fn accept)
{
	CLEANUP(closep) int fd = -1;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int err;

	memset(listener, 0, sizeof(*listener));
	listener->fd = -1;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = bind_unix(fd, &address, mode);
	if (err)
		return err;
	listener->is_unix = true;
	start(loop, listener, take_fd(&fd), accept);
	return 0;
}

/* The file of a socket goes with it. */
static void remove_path(int fd)
{
	struct sockaddr_un address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 && address.sun_path[0])
		unlink(address.sun_path);
}

void loop_listener_close(struct loop_listener *listener)
{
	struct loop *loop = listener->io.loop;

	if (!loop || listener->fd < 0)
		return;
	if (loop->current == listener)
		loop->current = NULL;
	loop_timer_stop(&listener->pause);
	loop_io_stop(&listener->io);
	if (listener->is_unix)
		remove_path(listener->fd);
	close(listener->fd);
	listener->fd = -1;
}
