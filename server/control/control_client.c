/* SPDX-License-Identifier: MIT */
/* The client's side: sends a command, and copies what comes back. */
#include "control/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/be.h"
#include "base/cleanup.h"
#include "control/control_frame.h"

/* How long it is waited for a server that says nothing, though it says each second that it is there. */
#define PATIENCE_S 5

/* A server that is stopped takes no client, and no answer comes from it. */
static int set_patience(int fd)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	return 0;
}

/* What a call that failed means: its patience ended, or the connection. */
static int failure(void)
{
	if (errno == EAGAIN)
		return -ETIMEDOUT;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEANUP(closep) int fd = -1;
	int err;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = set_patience(fd);
	if (err)
		return err;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return take_fd(&fd);
}

static int send_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return failure();
		if (sent > 0) {
			data += sent;
			len -= (size_t)sent;
		}
	}
	return 0;
}

/* All of @len bytes. -EPIPE: the server ended the connection. */
static int receive(int fd, void *out, size_t len)
{
	char *at = out;

	while (len > 0) {
		ssize_t got = recv(fd, at, len, 0);

		if (got == 0)
			return -EPIPE;
		if (got < 0 && errno != EINTR)
			return failure();
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
	return 0;
}

/* The data of a frame; @data holds as much as one may have. */
static int receive_frame(int fd, enum control_type *out_type, uint32_t *out_len, uint8_t *data)
{
	uint8_t header[CONTROL_FRAME_HEADER];
	int err = receive(fd, header, sizeof(header));

	if (!err)
		err = control_frame_parse(header, out_type, out_len);
	return err ? err : receive(fd, data, *out_len);
}

static int copy_output(int fd, FILE *out, int *out_status)
{
	CLEANUP(freep) uint8_t *data = malloc(CONTROL_FRAME_DATA_MAX);
	enum control_type type;
	uint32_t len;
	be32 status;
	int err;

	if (!data)
		return -ENOMEM;
	for (;;) {
		err = receive_frame(fd, &type, &len, data);
		if (err)
			return err;
		if (type == CONTROL_EXIT)
			break;
		if (type == CONTROL_ALIVE)
			continue;
		fwrite(data, 1, len, type == CONTROL_OUT ? out : stderr);
		/* both may be the same terminal */
		fflush(out);
	}
	memcpy(&status, data, sizeof(status));
	*out_status = (int)be32_get(status);
	return 0;
}

int control_hold(const char *path, int argc, char **argv, FILE *out, int *out_status, int *out_fd)
{
	CLEANUP(freep) uint8_t *request = NULL;
	CLEANUP(closep) int fd = -1;
	size_t len = 0;
	int err = control_request_format(argc, argv, &request, &len);

	if (err)
		return err;
	fd = connect_to(path);
	if (fd < 0)
		return fd;
	err = send_all(fd, request, len);
	if (!err)
		err = copy_output(fd, out, out_status);
	if (!err)
		*out_fd = take_fd(&fd);
	return err;
}

int control_run(const char *path, int argc, char **argv, int *out_status)
{
	CLEANUP(closep) int fd = -1;

	return control_hold(path, argc, argv, stdout, out_status, &fd);
}
