/* SPDX-License-Identifier: MIT */
/* What the files of the rpc room share. */
#ifndef BRAMBLE_RPC_PRIVATE_H
#define BRAMBLE_RPC_PRIVATE_H

#include "base/be.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "rpc/rpc_buffer.h"
#include "rpc/rpc_header.h"
#include "rpc/rpc_out.h"
#include "rpc/rpc_record.h"

/* Arguments up to so many bytes are kept with the call, so that they hold no buffer. */
#define ARGS_ROOM 512u

struct rpc_conn;

/* A call and where its answer goes. */
struct rpc_box {
	struct rpc_call call;
	struct rpc_server *server; /* borrowed */
	const struct rpc_program *program; /* borrowed */
	struct rpc_conn *conn; /* of a call by TCP */
	struct rpc_udp *udp; /* of a call by UDP */
	struct rpc_peer udp_peer;
	struct rpc_buffer *args_buffer; /* where the arguments lie, if they are longer */
	struct rpc_room reply; /* after rpc_reply_begin */
	struct rpc_box *next; /* of the connection, the socket, or those that are free */
	struct rpc_box *previous;
	_Alignas(8) uint8_t args[ARGS_ROOM];
};

/* Calls under way, of a connection or a socket. */
struct rpc_box_list {
	struct rpc_box *first;
	unsigned int count;
};

struct rpc_conn {
	struct rpc_server *server; /* borrowed */
	int fd; /* owned; -1: closed */
	struct loop_io io;
	struct loop_later settle;
	struct rpc_peer peer;
	struct rpc_box_list calls;
	/* Received and not taken: [in_pos, in_end) of @in, and the record that is coming in. */
	struct rpc_buffer *in; /* NULL: nothing */
	size_t in_pos;
	size_t in_end;
	struct rpc_record record;
	struct rpc_out out;
	struct loop_timer next_turn;
	uint64_t turn_ends_ms; /* by loop_clock: until then its calls are carried out */
	uint64_t moved_ms; /* when it got on last: a call was complete, or an answer was taken */
	bool more; /* there may be whole records in @in */
	bool wants_room; /* it waits for memory to receive into */
	bool ended; /* the peer sends nothing more */
	bool broken; /* to be closed */
	bool blocked; /* the socket takes nothing at present */
	bool entered; /* one of our functions is at work on it: it is not to be freed */
	struct rpc_conn *newer; /* the server's list in the order of use */
	struct rpc_conn *older;
};

struct rpc_listener {
	struct rpc_listener *next;
	struct rpc_server *server; /* borrowed */
	struct loop_listener listener;
};

struct rpc_udp {
	struct rpc_udp *next;
	struct rpc_server *server; /* borrowed */
	struct loop_udp udp;
	in_port_t port; /* its own, network order */
	struct rpc_box_list calls;
};

struct rpc_server {
	struct loop *loop; /* borrowed */
	const struct rpc_program *programs; /* borrowed */
	size_t programs_count;
	struct rpc_limits limits;
	struct rpc_pool pool;
	struct loop_timer trim;
	struct loop_timer memory; /* while too much is in use */
	struct rpc_box *free_boxes;
	unsigned int free_boxes_count;
	unsigned int calls; /* under way */
	struct rpc_conn *newest;
	struct rpc_conn *oldest;
	unsigned int conns;
	struct rpc_listener *listeners;
	struct rpc_udp *udps;
	bool quiet; /* takes no more calls */
};

/* rpc_call.c ---------------------------------------------------------------------------------- */

/*
 * Carries out the call of the record of @len bytes at @data, which came by @conn and lies in
 * @buffer. False: it is none.
 */
bool rpc_call_from_conn(struct rpc_conn *conn, struct rpc_buffer *buffer, const uint8_t *data,
			size_t len);
void rpc_call_from_udp(struct rpc_udp *udp, const struct loop_datagram *datagram);

/* Those of @list are called back no more: their connection has ended. */
void rpc_calls_orphan(struct rpc_box_list *list);
void rpc_boxes_free(struct rpc_server *server);

/* rpc_conn.c ---------------------------------------------------------------------------------- */

/* Takes @fd over. */
void rpc_conn_start(struct rpc_server *server, int fd, const struct sockaddr_in *peer);
void rpc_conn_close(struct rpc_conn *conn);

/* A reply was added to @conn->out, or a call ended without. */
void rpc_conn_settle_later(struct rpc_conn *conn);

/* Something is wrong with what is to be sent: ends the connection, not before it is left. */
void rpc_conn_break(struct rpc_conn *conn);

/* If it is closed, and nothing refers to it. */
void rpc_conn_free_unused(struct rpc_conn *conn);

#endif
