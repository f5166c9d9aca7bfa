/* SPDX-License-Identifier: MIT */
/* Calls: from a record to the function of a program, and from its answer to the network. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "rpc/rpc_private.h"

/* Boxes kept for the next calls. */
#define FREE_BOXES_MAX 256u
/* Calls by UDP under way at one socket; others are dropped, and will be sent again. */
#define UDP_CALLS_MAX 1024u
/*
 * Parts of files up to so many bytes are copied into the reply: sendfile(2) costs two calls more for each
 * reply, which then cannot be sent together with others.
 */
#define READ_FILE_MAX ((size_t)16 << 10)
/* What the XDR results of most procedures fit in, bytes. */
#define RESULTS_USUAL ((size_t)4096)

/* Boxes --------------------------------------------------------------------------------------- */

static struct rpc_box *take_box(struct rpc_server *server)
{
	struct rpc_box *box = server->free_boxes;

	if (box) {
		server->free_boxes = box->next;
		server->free_boxes_count--;
	} else {
		box = malloc(sizeof(*box));
	}
	return box;
}

static void give_box_back(struct rpc_server *server, struct rpc_box *box)
{
	if (server->free_boxes_count >= FREE_BOXES_MAX) {
		free(box);
		return;
	}
	box->next = server->free_boxes;
	server->free_boxes = box;
	server->free_boxes_count++;
}

void rpc_boxes_free(struct rpc_server *server)
{
	struct rpc_box *box;

	while ((box = server->free_boxes)) {
		server->free_boxes = box->next;
		free(box);
	}
	server->free_boxes_count = 0;
}

static void list_add(struct rpc_box_list *list, struct rpc_box *box)
{
	box->previous = NULL;
	box->next = list->first;
	if (box->next)
		box->next->previous = box;
	list->first = box;
	list->count++;
}

static void list_remove(struct rpc_box_list *list, struct rpc_box *box)
{
	if (box->previous)
		box->previous->next = box->next;
	else
		list->first = box->next;
	if (box->next)
		box->next->previous = box->previous;
	list->count--;
}

void rpc_calls_orphan(struct rpc_box_list *list)
{
	for (struct rpc_box *box = list->first; box; box = box->next)
		box->call.closed = true;
}

static struct rpc_box *box_of(struct rpc_call *call)
{
	return container_of(call, struct rpc_box, call);
}

static void drop_room(struct rpc_box *box)
{
	if (box->conn)
		rpc_out_drop(&box->conn->out, &box->reply);
	else if (box->reply.buffer)
		rpc_buffer_put(&box->server->pool, TAKE(box->reply.buffer));
}

/* Ends the call of @box, which was answered or dropped. */
static void end_call(struct rpc_box *box)
{
	struct rpc_server *server = box->server;
	struct rpc_conn *conn = box->conn;

	rpc_buffer_put(&server->pool, box->args_buffer);
	drop_room(box);
	server->calls--;
	if (conn) {
		list_remove(&conn->calls, box);
		give_box_back(server, box);
		if (conn->fd < 0)
			rpc_conn_free_unused(conn);
		else
			rpc_conn_settle_later(conn);
		return;
	}
	list_remove(&box->udp->calls, box);
	if (box->udp_peer.slot_end)
		box->udp_peer.slot_end(box->udp_peer.slot);
	give_box_back(server, box);
}

/* Answers ------------------------------------------------------------------------------------- */

/* Bytes of a reply before its results. */
#define REPLY_HEAD (RPC_MARK_BYTES + RPC_HEADER_SUCCESS)

static void put_mark(uint8_t *out, size_t len)
{
	be32 mark = be32_make(RPC_MARK_LAST | (uint32_t)len);

	memcpy(out, &mark, sizeof(mark));
}

uint8_t *rpc_reply_begin(struct rpc_call *call, size_t size)
{
	struct rpc_box *box = box_of(call);

	assert(size <= RPC_REPLY_MAX && !box->reply.buffer);
	if (box->conn && loop_is_here(box->server->loop) && !call->closed) {
		if (!rpc_out_room(&box->conn->out, REPLY_HEAD + size, &box->reply))
			return NULL;
	} else {
		box->reply.buffer = rpc_buffer_get(&box->server->pool, REPLY_HEAD + size);
		if (!box->reply.buffer)
			return NULL;
		box->reply.data = box->reply.buffer->data;
		box->reply.size = REPLY_HEAD + size;
	}
	return box->reply.data + REPLY_HEAD;
}

static size_t padded_len(const struct rpc_file *file)
{
	return (file->len + 3) & ~(size_t)3;
}

/* Fills @len bytes at @to from @file, behind its end with zeros. */
static int read_file(const struct rpc_file *file, uint8_t *to, size_t len)
{
	size_t done = 0;

	while (done < file->len) {
		ssize_t got =
			pread(file->fd, to + done, file->len - done, (off_t)(file->offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int err = -errno;

			log_warn("rpc: cannot read a file: %s", strerror(-err));
			return err;
		}
		if (got == 0)
			break;
		done += (size_t)got;
	}
	memset(to + done, 0, len - done);
	return 0;
}

/* Makes @file, with its padding, a part of the reply, of which @len bytes are there already. */
static bool append_file(struct rpc_box *box, size_t len, const struct rpc_file *file)
{
	size_t padded = padded_len(file);
	struct rpc_room room;

	if (box->conn) {
		if (!rpc_out_room(&box->conn->out, len + padded, &room))
			return false;
	} else {
		room.buffer = rpc_buffer_get(&box->server->pool, len + padded);
		if (!room.buffer)
			return false;
		room.data = room.buffer->data;
		room.size = len + padded;
	}
	memcpy(room.data, box->reply.data, len);
	drop_room(box);
	box->reply = room;
	return read_file(file, room.data + len, padded) == 0;
}

static void send_by_udp(struct rpc_box *box, const uint8_t *data, size_t len)
{
	int err = loop_udp_send(&box->udp->udp, data, len, &box->udp_peer.address,
				box->udp_peer.local.sin_addr, 0);

	if (err)
		log_debug("rpc: cannot send a reply: %s", strerror(-err));
}

/* A reply that is a header alone; to a peer whose call may have no box. */
static void send_header(struct rpc_conn *conn, const uint8_t *header, size_t len)
{
	struct rpc_room room;

	if (!rpc_out_room(&conn->out, RPC_MARK_BYTES + len, &room)) {
		rpc_conn_break(conn);
		return;
	}
	put_mark(room.data, len);
	memcpy(room.data + RPC_MARK_BYTES, header, len);
	if (!rpc_out_add(&conn->out, &room, RPC_MARK_BYTES + len)) {
		rpc_out_drop(&conn->out, &room);
		rpc_conn_break(conn);
	}
}

static void reply_header(struct rpc_box *box, const uint8_t *header, size_t len)
{
	if (box->conn)
		send_header(box->conn, header, len);
	else
		send_by_udp(box, header, len);
}

static void reply_status(struct rpc_box *box, uint32_t status)
{
	uint8_t header[RPC_HEADER_MAX];

	reply_header(box, header, rpc_header_accepted(header, box->call.xid, status));
}

static void reply_by_udp(struct rpc_box *box, size_t len)
{
	if (len - RPC_MARK_BYTES > LOOP_DATAGRAM_MAX) {
		log_info("rpc: a reply of %zu bytes is too long for UDP", len);
		reply_status(box, RPC_SYSTEM_ERR);
		return;
	}
	send_by_udp(box, box->reply.data + RPC_MARK_BYTES, len - RPC_MARK_BYTES);
}

/* @file is released sooner or later. */
static void reply_by_tcp(struct rpc_box *box, size_t len, const struct rpc_file *file)
{
	struct rpc_out *out = &box->conn->out;
	bool added;

	put_mark(box->reply.data, len - RPC_MARK_BYTES + (file ? padded_len(file) : 0));
	added = rpc_out_add(out, &box->reply, len);
	if (file && added)
		added = rpc_out_add_file(out, file);
	else if (file && file->release)
		file->release(file->ctx);
	if (!added) {
		log_warn("rpc: no memory for a reply: its connection ends");
		rpc_conn_break(box->conn);
	}
}

/* @file is released sooner or later. */
static void send_reply(struct rpc_box *box, size_t len, const struct rpc_file *file)
{
	bool is_part = file && (!box->conn || file->len <= READ_FILE_MAX);
	bool readable = true;

	if (is_part && (box->conn || file->len <= LOOP_DATAGRAM_MAX))
		readable = append_file(box, len, file);
	if (is_part) {
		len += padded_len(file);
		if (file->release)
			file->release(file->ctx);
	}
	if (!readable)
		reply_status(box, RPC_SYSTEM_ERR);
	else if (box->conn)
		reply_by_tcp(box, len, is_part ? NULL : file);
	else
		reply_by_udp(box, len);
}

void rpc_reply_end(struct rpc_call *call, size_t len, const struct rpc_file *file)
{
	struct rpc_box *box = box_of(call);

	assert(box->reply.buffer && len % 4 == 0 && REPLY_HEAD + len <= box->reply.size);
	if (call->closed) {
		if (file && file->release)
			file->release(file->ctx);
	} else {
		rpc_header_accepted(box->reply.data + RPC_MARK_BYTES, call->xid,
				    RPC_ACCEPT_SUCCESS);
		send_reply(box, REPLY_HEAD + len, file);
	}
	end_call(box);
}

void rpc_refuse(struct rpc_call *call, enum rpc_refusal why)
{
	struct rpc_box *box = box_of(call);

	if (!call->closed)
		reply_status(box, why);
	end_call(box);
}

void rpc_drop(struct rpc_call *call)
{
	end_call(box_of(call));
}

/* Bytes of @results in @out, or -1. */
static ssize_t encode_results(xdrproc_t encode, void *results, uint8_t *out, size_t size)
{
	XDR xdr;
	ssize_t len = -1;

	xdrmem_create(&xdr, (char *)out, (unsigned int)size, XDR_ENCODE);
	if (encode(&xdr, results))
		len = (ssize_t)xdr_getpos(&xdr);
	xdr_destroy(&xdr);
	return len;
}

void rpc_reply(struct rpc_call *call, xdrproc_t encode, void *results)
{
	struct rpc_box *box = box_of(call);
	uint8_t *out;
	ssize_t len;

	out = rpc_reply_begin(call, RESULTS_USUAL);
	len = out ? encode_results(encode, results, out, RESULTS_USUAL) : -1;
	if (out && len < 0) {
		size_t size = xdr_sizeof(encode, results);

		drop_room(box);
		out = size <= RPC_REPLY_MAX ? rpc_reply_begin(call, size) : NULL;
		len = out ? encode_results(encode, results, out, size) : -1;
	}
	if (len < 0) {
		log_warn("rpc: %s: procedure %u: results cannot be encoded", box->program->name,
			 call->procedure);
		rpc_refuse(call, RPC_SYSTEM_ERR);
		return;
	}
	rpc_reply_end(call, (size_t)len, NULL);
}

bool rpc_args(struct rpc_call *call, xdrproc_t decode, void *args)
{
	XDR xdr;
	bool decoded;

	xdrmem_create(&xdr, (char *)(uintptr_t)call->args, (unsigned int)call->args_len,
		      XDR_DECODE);
	decoded = decode(&xdr, args);
	xdr_destroy(&xdr);
	if (!decoded)
		rpc_refuse(call, RPC_GARBAGE_ARGS);
	return decoded;
}

void rpc_args_free(xdrproc_t decode, void *args)
{
	xdr_free(decode, args);
}

/* Calls --------------------------------------------------------------------------------------- */

static const struct rpc_program *find_program(const struct rpc_server *server, uint32_t number)
{
	for (size_t i = 0; i < server->programs_count; i++)
		if (server->programs[i].number == number)
			return &server->programs[i];
	return NULL;
}

/*
 * What is answered without the program: bytes of it in @out, 0 if the program is to be asked, which is
 * *@program then.
 */
static size_t answer_early(const struct rpc_server *server, enum rpc_verdict verdict, uint32_t why,
			   const struct rpc_call *call, const struct rpc_program **program,
			   uint8_t *out)
{
	if (verdict == RPC_VERDICT_MISMATCH)
		return rpc_header_mismatch(out, call->xid);
	if (verdict == RPC_VERDICT_AUTH)
		return rpc_header_auth(out, call->xid, why);
	*program = find_program(server, call->program);
	if (!*program)
		return rpc_header_accepted(out, call->xid, RPC_ACCEPT_PROG_UNAVAIL);
	if (call->version < (*program)->version_low || call->version > (*program)->version_high)
		return rpc_header_version(out, call->xid, (*program)->version_low,
					  (*program)->version_high);
	if (call->procedure == 0)
		return rpc_header_accepted(out, call->xid, RPC_ACCEPT_SUCCESS);
	return 0;
}

/* The arguments stay as long as the call: with it, or in the buffer that it keeps. */
static bool keep_args(struct rpc_box *box, struct rpc_buffer *buffer)
{
	struct rpc_call *call = &box->call;

	box->args_buffer = NULL;
	if (call->args_len <= sizeof(box->args)) {
		memcpy(box->args, call->args, call->args_len);
		call->args = box->args;
		return true;
	}
	if (buffer) {
		box->args_buffer = rpc_buffer_ref(buffer);
		return true;
	}
	box->args_buffer = rpc_buffer_get(&box->server->pool, call->args_len);
	if (!box->args_buffer)
		return false;
	memcpy(box->args_buffer->data, call->args, call->args_len);
	call->args = box->args_buffer->data;
	return true;
}

/* Lets the program of @box carry the call out. */
static void carry_out(struct rpc_box *box, struct rpc_box_list *list)
{
	box->reply.buffer = NULL;
	box->call.ctx = box->program->ctx;
	box->call.closed = false;
	box->call.state = NULL;
	list_add(list, box);
	box->server->calls++;
	box->program->call(&box->call);
}

bool rpc_call_from_conn(struct rpc_conn *conn, struct rpc_buffer *buffer, const uint8_t *data,
			size_t len)
{
	struct rpc_server *server = conn->server;
	struct rpc_box *box = take_box(server);
	enum rpc_verdict verdict;
	uint8_t header[RPC_HEADER_MAX];
	uint32_t why = RPC_AUTH_OK;
	size_t early;

	if (!box)
		return false;
	verdict = rpc_header_parse(data, len, &box->call, &why);
	if (verdict == RPC_VERDICT_GARBAGE) {
		give_box_back(server, box);
		return false;
	}
	early = answer_early(server, verdict, why, &box->call, &box->program, header);
	if (early) {
		give_box_back(server, box);
		send_header(conn, header, early);
		return true;
	}
	box->server = server;
	box->conn = conn;
	box->udp = NULL;
	box->call.peer = &conn->peer;
	keep_args(box, buffer);
	carry_out(box, &conn->calls);
	return true;
}

void rpc_call_from_udp(struct rpc_udp *udp, const struct loop_datagram *datagram)
{
	struct rpc_server *server = udp->server;
	struct rpc_box *box;
	enum rpc_verdict verdict;
	uint8_t header[RPC_HEADER_MAX];
	uint32_t why = RPC_AUTH_OK;
	size_t early;

	if (server->quiet || udp->calls.count >= UDP_CALLS_MAX || !(box = take_box(server)))
		return;
	box->server = server;
	box->conn = NULL;
	box->udp = udp;
	box->udp_peer = (struct rpc_peer){
		.address = datagram->from,
		.local = {.sin_family = AF_INET,
			  .sin_addr = datagram->local,
			  .sin_port = udp->port},
	};
	box->call.peer = &box->udp_peer;
	verdict = rpc_header_parse(datagram->data, datagram->len, &box->call, &why);
	if (verdict == RPC_VERDICT_GARBAGE) {
		give_box_back(server, box);
		return;
	}
	early = answer_early(server, verdict, why, &box->call, &box->program, header);
	if (early) {
		send_by_udp(box, header, early);
		give_box_back(server, box);
		return;
	}
	if (!keep_args(box, NULL)) {
		give_box_back(server, box);
		return;
	}
	carry_out(box, &udp->calls);
}
