/* SPDX-License-Identifier: MIT */
/*
 * How a mount ended, over a socket with an abstract name that the kernel chose: five hexadecimal
 * digits, see unix(7). The text is "saved", or the reason why not.
 */
#include "mount/mount_result.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SAVED "saved"

int mount_result_listen(int *out_fd, char name[MOUNT_RESULT_NAME_BYTES])
{
	CLEANUP(closep)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(address);
	const size_t start = offsetof(struct sockaddr_un, sun_path) + 1;

	if (fd < 0)
		return -errno;
	/* without a name: the kernel chooses one */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address.sun_family)) < 0 ||
	    listen(fd, SOMAXCONN) < 0 || getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	if (len <= start || len - start >= MOUNT_RESULT_NAME_BYTES)
		return -ENAMETOOLONG;
	memcpy(name, address.sun_path + 1, len - start);
	name[len - start] = '\0';
	*out_fd = take_fd(&fd);
	return 0;
}

void mount_result_tell(int fd, int err)
{
	char text[MOUNT_RESULT_BYTES];
	int n = snprintf(text, sizeof(text), "%s", err ? strerror(-err) : SAVED);

	for (;;) {
		CLEANUP(closep) int waiting = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (waiting < 0)
			return;
		/* Who has gone away meanwhile need not be told; a few bytes always have room. */
		(void)send(waiting, text, (size_t)n, MSG_NOSIGNAL);
	}
}

int mount_result_connect(const char *name, pid_t pid, int *out_fd)
{
	CLEANUP(closep)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	struct ucred peer;
	socklen_t peer_len = sizeof(peer);

	if (fd < 0)
		return -errno;
	if (len == 0 || len > sizeof(address.sun_path) - 1)
		return -EINVAL;
	memcpy(address.sun_path + 1, name, len);
	len += offsetof(struct sockaddr_un, sun_path) + 1;
	if (connect(fd, (struct sockaddr *)&address, (socklen_t)len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) < 0)
		return -errno;
	if (peer.pid != pid)
		return -ECONNREFUSED;
	*out_fd = take_fd(&fd);
	return 0;
}

int mount_result_await(int fd, char why[MOUNT_RESULT_BYTES])
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	size_t used = 0;
	ssize_t n;

	for (;;) {
		if (poll(&wait, 1, -1) < 0 && errno != EINTR)
			return -errno;
		n = read(fd, why + used, MOUNT_RESULT_BYTES - 1 - used);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	why[used] = '\0';
	if (n < 0 || used == 0)
		return -ECONNRESET;
	return strcmp(why, SAVED) == 0 ? 0 : -EIO;
}
