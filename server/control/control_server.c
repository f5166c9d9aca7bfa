/* SPDX-License-Identifier: MIT */
/*
 * The server's side. The loop takes clients and reads their requests; a worker runs the command and
 * writes what it prints. Commands wait in a queue, so that they never keep all workers from the Pis.
 */
#include "control/control.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "base/checked.h"
#include "base/log.h"
#include "control/control_frame.h"
#include "control/control_stream.h"

#define CLIENTS_MAX 64u
#define COMMANDS_MAX 4u
/* For a request to be there as a whole. */
#define REQUEST_MS 5000u
/* How often a client that waits for its command is told that we are there. */
#define ALIVE_MS 1000u

enum client_state {
	READING,
	WAITING, /* for its turn; in the queue */
	RUNNING, /* a worker has it */
	DONE, /* it has its status, and is still there */
};

struct client {
	struct client *prev, *next; /* of all */
	struct client *next_waiting;
	struct control_server *server;
	enum client_state state;
	int fd;
	struct loop_io io; /* while it is not running */
	struct loop_timer patience; /* while it is reading */
	struct loop_timer alive; /* from then on until it has its status */
	pthread_mutex_t sending; /* to it */
	struct loop_work work;
	int argc;
	char **argv; /* point into @data */
	size_t len;
	uint8_t *data; /* the request */
	size_t size; /* of @data */
};

struct control_server {
	struct loop *loop;
	struct loop_listener listener;
	control_run_fn run;
	control_gone_fn gone;
	void *ctx;
	struct client *clients;
	unsigned int clients_count;
	struct client *waiting, **waiting_end; /* in the order of their requests */
	unsigned int running;
	bool quiet;
};

static void start_waiting(struct control_server *server);
static void on_readable(struct loop_io *io, unsigned int ready);

static void stop_waiting(struct client *client)
{
	struct control_server *server = client->server;

	for (struct client **at = &server->waiting; *at; at = &(*at)->next_waiting) {
		if (*at != client)
			continue;
		*at = client->next_waiting;
		if (server->waiting_end == &client->next_waiting)
			server->waiting_end = at;
		return;
	}
}

static void end_client(struct client *client)
{
	struct control_server *server = client->server;

	if (client->state == WAITING)
		stop_waiting(client);
	if (client->state == DONE)
		server->gone(server->ctx, client->argc, client->argv);
	loop_timer_stop(&client->patience);
	loop_timer_stop(&client->alive);
	if (client->state != RUNNING)
		loop_io_stop(&client->io);
	close(client->fd);
	if (client->prev)
		client->prev->next = client->next;
	else
		server->clients = client->next;
	if (client->next)
		client->next->prev = client->prev;
	server->clients_count--;
	pthread_mutex_destroy(&client->sending);
	free(client->argv);
	free(client->data);
	free(client);
}

static void on_alive(struct loop_timer *timer)
{
	struct client *client = container_of(timer, struct client, alive);

	control_stream_alive(client->fd, &client->sending);
	loop_timer_start(client->server->loop, timer, ALIVE_MS, on_alive);
}

static void run_command(struct loop_work *work)
{
	struct client *client = container_of(work, struct client, work);
	struct control_server *server = client->server;
	struct control_stream stream;
	int status;

	if (control_stream_open(&stream, client->fd, &client->sending) < 0)
		return;
	status = server->run(server->ctx, client->argc, client->argv, stream.out, stream.err);
	control_stream_close(&stream, status);
}

static void on_command_done(struct loop_work *work)
{
	struct client *client = container_of(work, struct client, work);
	struct control_server *server = client->server;

	server->running--;
	client->state = DONE;
	loop_timer_stop(&client->alive);
	/* it has nothing more to say: what comes is its end */
	loop_io_start(server->loop, &client->io, client->fd, LOOP_READ, on_readable);
	if (server->quiet)
		end_client(client);
	start_waiting(server);
}

static void start_waiting(struct control_server *server)
{
	while (server->waiting && server->running < COMMANDS_MAX) {
		struct client *client = server->waiting;

		stop_waiting(client);
		loop_io_stop(&client->io);
		client->state = RUNNING;
		server->running++;
		loop_work_submit(server->loop, &client->work, run_command, on_command_done);
	}
}

static void wait_for_turn(struct client *client)
{
	struct control_server *server = client->server;

	client->state = WAITING;
	loop_timer_stop(&client->patience);
	loop_timer_start(server->loop, &client->alive, ALIVE_MS, on_alive);
	client->next_waiting = NULL;
	*server->waiting_end = client;
	server->waiting_end = &client->next_waiting;
	start_waiting(server);
}

/* Whether there is room for what is to be read next. */
static bool make_room(struct client *client)
{
	size_t size = CONTROL_REQUEST_HEADER;
	uint8_t *more;

	if (control_request_size(client->data, client->len, &size) < 0)
		return false;
	if (size <= client->size)
		return true;
	more = realloc(client->data, size);
	if (!more)
		return false;
	client->data = more;
	client->size = size;
	return true;
}

/* 1: the request is complete. 0: more is to come. Else the client is to be sent away. */
static int read_request(struct client *client)
{
	for (;;) {
		ssize_t got;

		if (!make_room(client))
			return -EPROTO;
		if (client->len >= CONTROL_REQUEST_HEADER && client->len == client->size)
			return 1;
		got = recv(client->fd, client->data + client->len, client->size - client->len, 0);
		if (got == 0)
			return -EPIPE;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		client->len += (size_t)got;
	}
}

static void on_readable(struct loop_io *io, unsigned int ready)
{
	struct client *client = container_of(io, struct client, io);
	int complete;

	(void)ready;
	/* nobody who waits for his turn, or has had it, has anything more to say: he is gone */
	complete = client->state == READING ? read_request(client) : -EPIPE;
	if (complete > 0 &&
	    control_request_parse(client->data, client->len, &client->argc, &client->argv) < 0)
		complete = -EPROTO;
	if (complete == -EPROTO)
		log_warn("control: a client that speaks otherwise was sent away");
	if (complete < 0)
		end_client(client);
	else if (complete > 0)
		wait_for_turn(client);
}

static void on_patience_over(struct loop_timer *timer)
{
	end_client(container_of(timer, struct client, patience));
}

static void on_client(struct loop_listener *listener, int fd, const struct sockaddr_in *peer)
{
	struct control_server *server = container_of(listener, struct control_server, listener);
	struct client *client = NULL;

	(void)peer;
	if (server->clients_count < CLIENTS_MAX)
		client = calloc(1, sizeof(*client));
	if (client)
		client->data = malloc(CONTROL_REQUEST_HEADER);
	if (!client || !client->data) {
		free(client);
		close(fd);
		return;
	}
	pthread_mutex_init(&client->sending, NULL);
	client->size = CONTROL_REQUEST_HEADER;
	client->server = server;
	client->fd = fd;
	client->state = READING;
	client->next = server->clients;
	if (client->next)
		client->next->prev = client;
	server->clients = client;
	server->clients_count++;
	loop_io_start(server->loop, &client->io, fd, LOOP_READ, on_readable);
	loop_timer_start(server->loop, &client->patience, REQUEST_MS, on_patience_over);
}

int control_server_create(struct loop *loop, const char *path, control_run_fn run,
			  control_gone_fn gone, void *ctx, struct control_server **out)
{
	CLEANUP(freep) struct control_server *server = calloc(1, sizeof(*server));
	int err;

	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->run = run;
	server->gone = gone;
	server->ctx = ctx;
	server->waiting_end = &server->waiting;
	err = loop_listen_unix(loop, &server->listener, path, 0600, on_client);
	if (err)
		return err;
	*out = TAKE(server);
	return 0;
}

void control_server_quiesce(struct control_server *server)
{
	struct client *client = server->clients;

	if (!server->quiet)
		loop_listener_close(&server->listener);
	server->quiet = true;
	while (client) {
		struct client *next = client->next;

		if (client->state != RUNNING)
			end_client(client);
		client = next;
	}
}

bool control_server_is_idle(const struct control_server *server)
{
	return server->running == 0;
}

void control_server_destroy(struct control_server *server)
{
	if (!server)
		return;
	assert(server->running == 0);
	control_server_quiesce(server);
	free(server);
}
