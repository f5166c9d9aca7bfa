/* SPDX-License-Identifier: MIT */
/*
 * TCP connections. What was received is taken apart where it lies; what is answered while this goes on
 * is sent at its end. A connection is read from only as long as it may have more calls under way and
 * its peer takes the answers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>

#include "base/log.h"
#include "rpc/rpc_private.h"

/* Bytes of answers that are sent before further calls are carried out. */
#define SEND_EARLY ((size_t)256 << 10)
/* The rest of a read up to so many bytes does not keep its buffer. */
#define SMALL_REST 2048u
/* Bytes of room at least to read into, beside what the record needs. */
#define READ_MIN 4096u
#define TRIM_MS 10000u
/*
 * Calls of one connection are carried out for so long, then it is the turn of the others: a stream may
 * hold thousands that take a millisecond each.
 */
#define TURN_MS 5u
/* Who did not get on for so long holds its memory in vain. */
#define STALL_MS 3000u
/* How often it is looked for those, and for who may go on, while too much memory is in use. */
#define MEMORY_MS 50u

static void note(const struct rpc_conn *conn, const char *what)
{
	char address[INET_ADDRSTRLEN] = "?";

	inet_ntop(AF_INET, &conn->peer.address.sin_addr, address, sizeof(address));
	log_debug("rpc: %s:%u: %s", address, ntohs(conn->peer.address.sin_port), what);
}

static void note_error(const struct rpc_conn *conn, int err)
{
	/* the ways of a peer to leave */
	if (err != ECONNRESET && err != EPIPE)
		note(conn, strerror(err));
}

/* The server's list -------------------------------------------------------------------------- */

static void list_add(struct rpc_conn *conn)
{
	struct rpc_server *server = conn->server;

	conn->newer = NULL;
	conn->older = server->newest;
	if (conn->older)
		conn->older->newer = conn;
	else
		server->oldest = conn;
	server->newest = conn;
}

static void list_remove(struct rpc_conn *conn)
{
	struct rpc_server *server = conn->server;

	if (conn->newer)
		conn->newer->older = conn->older;
	else
		server->newest = conn->older;
	if (conn->older)
		conn->older->newer = conn->newer;
	else
		server->oldest = conn->newer;
}

static void list_touch(struct rpc_conn *conn)
{
	if (conn->server->newest == conn)
		return;
	list_remove(conn);
	list_add(conn);
}

/* Ends --------------------------------------------------------------------------------------- */

void rpc_conn_free_unused(struct rpc_conn *conn)
{
	if (conn->fd < 0 && conn->calls.count == 0 && !conn->entered)
		free(conn);
}

static void give_input_back(struct rpc_conn *conn)
{
	rpc_buffer_put(&conn->server->pool, TAKE(conn->in));
	conn->in_pos = 0;
	conn->in_end = 0;
}

void rpc_conn_close(struct rpc_conn *conn)
{
	if (conn->fd < 0)
		return;
	loop_io_stop(&conn->io);
	loop_later_stop(&conn->settle);
	loop_timer_stop(&conn->next_turn);
	close(conn->fd);
	conn->fd = -1;
	rpc_out_finish(&conn->out);
	give_input_back(conn);
	rpc_calls_orphan(&conn->calls);
	list_remove(conn);
	conn->server->conns--;
	if (conn->peer.slot_end)
		conn->peer.slot_end(conn->peer.slot);
	conn->peer.slot = NULL;
	conn->peer.slot_end = NULL;
	rpc_conn_free_unused(conn);
}

void rpc_conn_break(struct rpc_conn *conn)
{
	conn->broken = true;
	rpc_conn_settle_later(conn);
}

/* Input -------------------------------------------------------------------------------------- */

static bool is_full(struct rpc_server *server)
{
	return rpc_pool_used(&server->pool) > server->limits.memory_max;
}

/*
 * Whether one more call may be taken as far as memory goes. Where too much is in use, one call at a time is taken
 * by those who owe no answer, so that what has come in gets less; but not if even the reserve is in use.
 */
static bool has_memory(const struct rpc_conn *conn)
{
	struct rpc_server *server = conn->server;
	size_t max = server->limits.memory_max;

	if (!is_full(server))
		return true;
	return server->calls == 0 && !conn->out.first &&
	       rpc_pool_used(&server->pool) <= max + max / 8 + RPC_REPLY_MAX;
}

/* Whether it may have more calls and answers than it has. */
static bool may_go_on(const struct rpc_conn *conn)
{
	const struct rpc_limits *limits = &conn->server->limits;

	return !conn->broken && !conn->server->quiet && conn->calls.count < limits->calls_max &&
	       conn->out.unsent <= limits->unsent_max;
}

/* Whether one more call may be taken. */
static bool may_take(const struct rpc_conn *conn)
{
	return may_go_on(conn) && has_memory(conn);
}

/* Bytes that were received and not taken. */
static size_t rest_len(const struct rpc_conn *conn)
{
	return conn->in_end - conn->in_pos + conn->record.len;
}

/* Bytes that a buffer must have for the record that is coming in, and to read some more. */
static size_t room_wanted(const struct rpc_conn *conn)
{
	const struct rpc_record *record = &conn->record;
	size_t wanted = RPC_MARK_BYTES + record->len + record->left + READ_MIN;

	/* of more fragments nobody knows how many: room in proportion, so that one rarely copies */
	if (!record->last)
		wanted += record->len / 4;
	return wanted;
}

/* Moves what is left of the input to the beginning of @to, which may be the same buffer. */
static void move_rest(struct rpc_conn *conn, struct rpc_buffer *to)
{
	const uint8_t *from = conn->in->data;
	size_t raw = conn->in_end - conn->in_pos;
	/* as if its mark were before it: what follows stays aligned */
	size_t start = conn->record.begun ? RPC_MARK_BYTES : 0;

	if (conn->record.begun)
		memmove(to->data + start, from + conn->record.body, conn->record.len);
	memmove(to->data + start + conn->record.len, from + conn->in_pos, raw);
	conn->record.body = start;
	conn->in_pos = start + conn->record.len;
	conn->in_end = conn->in_pos + raw;
}

/* Moves what is left of the input into a buffer of @size bytes. False: no memory. */
static bool move_to_buffer(struct rpc_conn *conn, size_t size)
{
	struct rpc_buffer *buffer = rpc_buffer_get_here(&conn->server->pool, size);

	if (!buffer)
		return false;
	if (conn->in) {
		move_rest(conn, buffer);
		rpc_buffer_put(&conn->server->pool, conn->in);
	}
	conn->in = buffer;
	return true;
}

/* Room to read a little into, which a small call fits in. 0, -ENOMEM, or -EAGAIN: it has to wait. */
static int make_little_room(struct rpc_conn *conn)
{
	if (!conn->in)
		return move_to_buffer(conn, RPC_BUFFER_SMALL) ? 0 : -ENOMEM;
	if (conn->in->size > conn->in_end)
		return 0;
	if (rest_len(conn) <= SMALL_REST)
		return move_to_buffer(conn, RPC_BUFFER_SMALL) ? 0 : -ENOMEM;
	/* calls that are under way may have their arguments here */
	if (conn->in->refs == 1)
		move_rest(conn, conn->in);
	return conn->in->size > conn->in_end ? 0 : -EAGAIN;
}

/* Room to read into. */
static bool make_room(struct rpc_conn *conn)
{
	size_t wanted = room_wanted(conn);

	if (wanted < RPC_BUFFER_USUAL)
		wanted = RPC_BUFFER_USUAL;
	if (!conn->in || conn->in->size < wanted)
		return move_to_buffer(conn, wanted);
	/* behind the end, since marks that were taken out left a gap */
	if (conn->in->size - conn->in_end >= conn->record.left + READ_MIN)
		return true;
	/* calls that are under way may have their arguments here */
	if (conn->in->refs > 1)
		return move_to_buffer(conn, wanted);
	move_rest(conn, conn->in);
	return true;
}

static void receive(struct rpc_conn *conn)
{
	ssize_t got;
	int err;

	if (!conn->in)
		conn->moved_ms = loop_now(conn->server->loop);
	if (is_full(conn->server))
		err = make_little_room(conn);
	else
		err = make_room(conn) ? 0 : -ENOMEM;
	if (err == -EAGAIN) {
		conn->wants_room = true;
		return;
	}
	if (err) {
		note(conn, "no memory to receive");
		conn->broken = true;
		return;
	}
	got = recv(conn->fd, conn->in->data + conn->in_end, conn->in->size - conn->in_end,
		   MSG_DONTWAIT);
	if (got > 0) {
		conn->in_end += (size_t)got;
		list_touch(conn);
	} else if (got == 0) {
		conn->ended = true;
	} else if (errno != EAGAIN && errno != EINTR) {
		note_error(conn, errno);
		conn->broken = true;
	}
}

/* Keeps no more than it needs of the buffer of the input. */
static void keep_rest(struct rpc_conn *conn)
{
	size_t rest = rest_len(conn);

	if (rest == 0 && !conn->record.begun)
		give_input_back(conn);
	else if (rest <= SMALL_REST && conn->in->size > RPC_BUFFER_SMALL)
		move_to_buffer(conn, RPC_BUFFER_SMALL);
}

static void send_out(struct rpc_conn *conn)
{
	size_t before = conn->out.unsent;
	int err;

	if (conn->blocked || conn->broken || !conn->out.first)
		return;
	err = rpc_out_send(&conn->out, conn->fd);
	if (conn->out.unsent < before)
		conn->moved_ms = loop_now(conn->server->loop);
	if (err == -EAGAIN) {
		conn->blocked = true;
		/* a worker may have been at the answer for long */
		conn->moved_ms = loop_now(conn->server->loop);
	} else if (err) {
		note_error(conn, -err);
		conn->broken = true;
	}
}

static bool has_turn(const struct rpc_conn *conn)
{
	return loop_clock() < conn->turn_ends_ms;
}

/* Carries out the calls that have come in, at least one. */
static void take_calls(struct rpc_conn *conn)
{
	struct rpc_record *record = &conn->record;

	conn->more = conn->in != NULL;
	while (conn->more && may_go_on(conn)) {
		struct rpc_buffer *in = conn->in;

		switch (rpc_record_next(record, in->data, &conn->in_pos, conn->in_end,
					conn->server->limits.record_max)) {
		case RPC_RECORD_MORE:
			conn->more = false;
			keep_rest(conn);
			break;
		case RPC_RECORD_TOO_LONG:
			note(conn, "a record is too long");
			conn->broken = true;
			break;
		case RPC_RECORD_READY:
			if (!has_memory(conn))
				return;
			if (!rpc_call_from_conn(conn, in, in->data + record->body, record->len)) {
				note(conn, "a record is no call");
				conn->broken = true;
			}
			rpc_record_end(record);
			conn->moved_ms = loop_now(conn->server->loop);
			break;
		}
		if (conn->out.unsent >= SEND_EARLY)
			send_out(conn);
		if (!has_turn(conn))
			return;
	}
}

/* Memory ------------------------------------------------------------------------------------- */

/* Whether it holds memory, and cannot get on for what its peer does, or does not. */
static bool is_stalled(const struct rpc_conn *conn)
{
	return conn->out.first || (conn->in && !conn->more && !conn->wants_room);
}

/*
 * Ends connections that hold memory in vain for too long until it is enough: those that are @stalled, or any
 * that have no call under way.
 */
static void save_memory(struct rpc_server *server, bool stalled)
{
	uint64_t now = loop_now(server->loop);
	struct rpc_conn *next;

	for (struct rpc_conn *conn = server->oldest; conn && is_full(server); conn = next) {
		next = conn->newer;
		if (conn->calls.count || (!conn->in && !conn->out.first) ||
		    now - conn->moved_ms < STALL_MS || (stalled && !is_stalled(conn)))
			continue;
		note(conn, "too much memory is in use: this one holds some in vain");
		rpc_conn_close(conn);
	}
}

static void on_memory(struct loop_timer *timer)
{
	struct rpc_server *server = container_of(timer, struct rpc_server, memory);

	save_memory(server, true);
	/* nobody is at work: those who wait are all that is left */
	if (server->calls == 0)
		save_memory(server, false);
	for (struct rpc_conn *conn = server->newest; conn; conn = conn->older) {
		if (conn->wants_room && !is_full(server)) {
			conn->wants_room = false;
			conn->moved_ms = loop_now(server->loop);
			rpc_conn_settle_later(conn);
		} else if (conn->more) {
			rpc_conn_settle_later(conn);
		}
	}
	if (is_full(server))
		loop_timer_start(server->loop, timer, MEMORY_MS, on_memory);
}

static void watch_memory(struct rpc_server *server)
{
	if (is_full(server) && !loop_timer_runs(&server->memory))
		loop_timer_start(server->loop, &server->memory, MEMORY_MS, on_memory);
}

static void on_next_turn(struct loop_timer *timer);

/* Does what there is to do, and says what to wait for. The connection may be gone then. */
static void settle(struct rpc_conn *conn)
{
	unsigned int events = 0;

	conn->entered = true;
	loop_later_stop(&conn->settle);
	conn->turn_ends_ms = loop_clock() + TURN_MS;
	do {
		take_calls(conn);
		send_out(conn);
	} while (conn->more && may_take(conn) && has_turn(conn));
	conn->entered = false;
	if (conn->broken ||
	    (conn->ended && !conn->more && conn->calls.count == 0 && !conn->out.first)) {
		rpc_conn_close(conn);
		return;
	}
	if (conn->blocked)
		events |= LOOP_WRITE;
	if (!conn->ended && !conn->more && !conn->wants_room && may_go_on(conn))
		events |= LOOP_READ;
	loop_io_change(&conn->io, events);
	watch_memory(conn->server);
	if (conn->more && may_take(conn))
		loop_timer_start(conn->server->loop, &conn->next_turn, 0, on_next_turn);
}

static void on_next_turn(struct loop_timer *timer)
{
	settle(container_of(timer, struct rpc_conn, next_turn));
}

static void on_later(struct loop_later *later)
{
	settle(container_of(later, struct rpc_conn, settle));
}

void rpc_conn_settle_later(struct rpc_conn *conn)
{
	if (!conn->entered)
		loop_later_start(conn->server->loop, &conn->settle, on_later);
}

static void on_ready(struct loop_io *io, unsigned int ready)
{
	struct rpc_conn *conn = container_of(io, struct rpc_conn, io);

	if (ready & LOOP_WRITE)
		conn->blocked = false;
	if (ready & LOOP_READ)
		receive(conn);
	settle(conn);
}

/* Beginnings --------------------------------------------------------------------------------- */

static void on_trim(struct loop_timer *timer)
{
	struct rpc_server *server = container_of(timer, struct rpc_server, trim);

	rpc_pool_trim(&server->pool);
	if (server->conns)
		loop_timer_start(server->loop, timer, TRIM_MS, on_trim);
}

/* Makes room for one more connection. */
static bool end_oldest(struct rpc_server *server)
{
	for (struct rpc_conn *conn = server->oldest; conn; conn = conn->newer) {
		if (conn->calls.count || conn->out.first || conn->entered)
			continue;
		note(conn, "too many connections: this one was not used for the longest time");
		rpc_conn_close(conn);
		return true;
	}
	return false;
}

void rpc_conn_start(struct rpc_server *server, int fd, const struct sockaddr_in *peer)
{
	struct rpc_conn *conn;
	struct sockaddr_in local = {.sin_family = AF_INET};
	socklen_t len = sizeof(local);

	if (server->conns >= server->limits.connections_max && !end_oldest(server)) {
		log_warn("rpc: %u connections, all in use: another one is refused", server->conns);
		close(fd);
		return;
	}
	conn = calloc(1, sizeof(*conn));
	if (!conn) {
		close(fd);
		return;
	}
	if (getsockname(fd, (struct sockaddr *)&local, &len) == 0)
		conn->peer.local = local;
	conn->server = server;
	conn->fd = fd;
	conn->peer.address = *peer;
	conn->peer.tcp = true;
	rpc_out_init(&conn->out, &server->pool);
	list_add(conn);
	server->conns++;
	loop_io_start(server->loop, &conn->io, fd, LOOP_READ, on_ready);
	if (!loop_timer_runs(&server->trim))
		loop_timer_start(server->loop, &server->trim, TRIM_MS, on_trim);
}
