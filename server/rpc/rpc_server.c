/* SPDX-License-Identifier: MIT */
/* A server: its programs, the addresses that it listens at, and its end. */
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "rpc/rpc_private.h"

/*
 * A peer that is gone without a word (a Pi whose plug was pulled) is found by probes of an idle
 * connection, and by what it does not acknowledge.
 */
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 15
#define KEEPALIVE_COUNT 4
#define UNANSWERED_MAX_MS 180000

int rpc_server_create(struct loop *loop, const struct rpc_program *programs, size_t count,
		      const struct rpc_limits *limits, struct rpc_server **out)
{
	CLEANUP(freep) struct rpc_server *server = calloc(1, sizeof(*server));
	int err;

	assert(limits->record_max <= RPC_REPLY_MAX && limits->calls_max > 0);
	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->programs = programs;
	server->programs_count = count;
	server->limits = *limits;
	err = rpc_pool_init(&server->pool);
	if (err)
		return err;
	*out = TAKE(server);
	return 0;
}

static void on_connection(struct loop_listener *listener, int fd, const struct sockaddr_in *peer)
{
	struct rpc_listener *place = container_of(listener, struct rpc_listener, listener);

	rpc_conn_start(place->server, fd, peer);
}

/* For all connections of @fd, which inherit it. */
static int set_up(int fd)
{
	static const struct {
		int level;
		int name;
		int value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, UNANSWERED_MAX_MS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			       sizeof(options[i].value)))
			return -errno;
	return 0;
}

int rpc_server_listen_tcp(struct rpc_server *server, const struct sockaddr_in *address, int fd)
{
	struct rpc_listener *place = calloc(1, sizeof(*place));
	int err;

	if (!place)
		return -ENOMEM;
	place->server = server;
	err = loop_listen(server->loop, &place->listener, address, fd, on_connection);
	if (err == 0) {
		err = set_up(place->listener.fd);
		if (err)
			loop_listener_close(&place->listener);
	}
	if (err) {
		free(place);
		return err;
	}
	/* at the end: the first one is what rpc_server_port tells */
	for (struct rpc_listener **end = &server->listeners;; end = &(*end)->next) {
		if (!*end) {
			*end = place;
			return 0;
		}
	}
}

/* Network order; 0: none. */
static in_port_t port_of(int fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &len) ? 0 : address.sin_port;
}

static void on_datagram(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	rpc_call_from_udp(container_of(udp, struct rpc_udp, udp), datagram);
}

int rpc_server_listen_udp(struct rpc_server *server, const struct sockaddr_in *address, int fd)
{
	struct loop_udp_options options = {.address = *address, .fd = fd};
	struct rpc_udp *place = calloc(1, sizeof(*place));
	int err;

	if (!place)
		return -ENOMEM;
	place->server = server;
	err = loop_udp_open(server->loop, &place->udp, &options, on_datagram);
	if (err) {
		free(place);
		return err;
	}
	place->port = port_of(place->udp.fd);
	place->next = server->udps;
	server->udps = place;
	return 0;
}

uint16_t rpc_server_port(const struct rpc_server *server)
{
	return server->listeners ? ntohs(port_of(server->listeners->listener.fd)) : 0;
}

void rpc_server_quiesce(struct rpc_server *server)
{
	server->quiet = true;
	for (struct rpc_listener *place = server->listeners; place; place = place->next)
		loop_listener_close(&place->listener);
	for (struct rpc_conn *conn = server->newest; conn; conn = conn->older)
		rpc_conn_settle_later(conn);
}

void rpc_server_destroy(struct rpc_server *server)
{
	struct rpc_listener *listener;
	struct rpc_udp *udp;

	if (!server)
		return;
	assert(server->calls == 0);
	while (server->newest)
		rpc_conn_close(server->newest);
	while ((listener = server->listeners)) {
		server->listeners = listener->next;
		loop_listener_close(&listener->listener);
		free(listener);
	}
	while ((udp = server->udps)) {
		server->udps = udp->next;
		loop_udp_close(&udp->udp);
		free(udp);
	}
	loop_timer_stop(&server->trim);
	loop_timer_stop(&server->memory);
	rpc_boxes_free(server);
	rpc_pool_finish(&server->pool);
	free(server);
}
