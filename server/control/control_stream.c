/* SPDX-License-Identifier: MIT */
/*
 * What a command prints, sent to its client as it comes. A worker writes to the socket itself and waits
 * for a client that reads slowly, but not for ever: other commands want their turn.
 */
#include "control/control_stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/be.h"
#include "base/checked.h"
#include "base/log.h"

#define PATIENCE_MS 10000
#define BUFFER_BYTES 16384u

/* Whether the client takes more. */
static bool wait_for(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLOUT};
	int ready;

	do {
		ready = poll(&poller, 1, PATIENCE_MS);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

static void send_all(struct control_stream *stream, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0 && !stream->gone) {
		ssize_t sent = send(stream->fd, at, len, MSG_NOSIGNAL);

		if (sent > 0) {
			at += sent;
			len -= (size_t)sent;
		} else if (!(sent < 0 && errno == EINTR) &&
			   !(sent < 0 && errno == EAGAIN && wait_for(stream->fd))) {
			stream->gone = true;
		}
	}
}

static void send_frame(struct control_stream *stream, enum control_type type, const void *data,
		       size_t len)
{
	uint8_t header[CONTROL_FRAME_HEADER];

	control_frame_format(type, (uint32_t)len, header);
	pthread_mutex_lock(stream->sending);
	send_all(stream, header, sizeof(header));
	send_all(stream, data, len);
	pthread_mutex_unlock(stream->sending);
}

void control_stream_alive(int fd, pthread_mutex_t *sending)
{
	uint8_t header[CONTROL_FRAME_HEADER];

	if (pthread_mutex_trylock(sending) != 0)
		return;
	control_frame_format(CONTROL_ALIVE, 0, header);
	/* so few bytes are sent as a whole, or not at all */
	if (send(fd, header, sizeof(header), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("control: a client does not listen: %s", strerror(errno));
	pthread_mutex_unlock(sending);
}

static void send_frames(struct control_stream *stream, enum control_type type, const char *data,
			size_t len)
{
	while (len > 0) {
		size_t part = min_u64(len, CONTROL_FRAME_DATA_MAX);

		send_frame(stream, type, data, part);
		data += part;
		len -= part;
	}
}

/* All is taken, also for a client that is gone: to the command that is no error. */
static ssize_t write_out(void *cookie, const char *data, size_t len)
{
	send_frames(cookie, CONTROL_OUT, data, len);
	return (ssize_t)len;
}

static ssize_t write_err(void *cookie, const char *data, size_t len)
{
	struct control_stream *stream = cookie;

	/* in the order in which it was printed */
	fflush(stream->out);
	send_frames(stream, CONTROL_ERR, data, len);
	return (ssize_t)len;
}

int control_stream_open(struct control_stream *stream, int fd, pthread_mutex_t *sending)
{
	const cookie_io_functions_t out = {.write = write_out};
	const cookie_io_functions_t err = {.write = write_err};

	*stream = (struct control_stream){.fd = fd, .sending = sending};
	stream->out = fopencookie(stream, "w", out);
	if (!stream->out)
		return -ENOMEM;
	stream->err = fopencookie(stream, "w", err);
	if (!stream->err) {
		fclose(stream->out);
		return -ENOMEM;
	}
	setvbuf(stream->out, NULL, _IOFBF, BUFFER_BYTES);
	setvbuf(stream->err, NULL, _IOLBF, BUFFER_BYTES);
	return 0;
}

void control_stream_close(struct control_stream *stream, int status)
{
	const be32 code = be32_make((uint32_t)status);

	fclose(stream->err);
	fclose(stream->out);
	send_frame(stream, CONTROL_EXIT, &code, sizeof(code));
}
