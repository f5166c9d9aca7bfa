/* SPDX-License-Identifier: MIT */
/*
 * One transfer: does what its session tells, by a socket of its own that is connected to the client. Its
 * file is opened and read on the loop if that needs no waiting, else by a worker; while a worker has
 * anything of a transfer, it is not freed.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/wait.h"
#include "tftp/tftp_private.h"

/* Bytes for reading much at once; beyond that, memory is more precious than time. */
#define ROOM_MAX ((size_t)16 << 20)

/* Until a full buffer of the socket is looked at again, milliseconds. */
#define FULL_MS 5u

static void act(struct tftp_transfer *t, enum tftp_action action);

static uint32_t block_bytes(const struct tftp_transfer *t)
{
	return t->terms.block ? t->terms.block : TFTP_BLOCK_DEFAULT;
}

/* Frees what has ended as soon as no worker has anything of it. */
static void try_free(struct tftp_transfer *t)
{
	if (t->is_opening || (t->is_open && tftp_reader_is_busy(&t->reader)))
		return;
	if (t->is_open) {
		struct tftp_session *s = &t->session;
		uint64_t sent = min_u64(s->acked * block_bytes(t), t->file.size);

		tftp_reader_finish(&t->reader);
		t->source.close(t->source.ctx, &t->request, &t->file, s->outcome, sent);
	}
	free(t);
}

void tftp_transfer_end(struct tftp_transfer *t, enum tftp_outcome outcome)
{
	assert(!t->ended);
	t->ended = true;
	if (t->is_open && t->session.state != TFTP_COMPLETE && t->session.state != TFTP_FAILED)
		tftp_session_leave(&t->session, outcome);
	loop_timer_stop(&t->timer);
	loop_udp_close(&t->udp);
	if (t->is_open)
		tftp_reader_leave(&t->reader);
	t->server->room -= t->room;
	tftp_server_remove(t->server, t);
	t->server = NULL;
	try_free(t);
}

static void send_error(struct tftp_transfer *t, enum tftp_error code, const char *text)
{
	uint8_t packet[TFTP_ERROR_MAX];
	size_t len = tftp_packet_error(code, text, packet);
	struct in_addr any = {.s_addr = htonl(INADDR_ANY)};

	loop_udp_send(&t->udp, packet, len, NULL, any, 0);
}

/* What cannot be sent is like a packet that is lost: it is sent again in time. */
static void send_oack(struct tftp_transfer *t)
{
	uint8_t packet[TFTP_OACK_MAX];
	size_t len = tftp_packet_oack(&t->terms, t->file.size, packet);
	struct in_addr any = {.s_addr = htonl(INADDR_ANY)};

	loop_udp_send(&t->udp, packet, len, NULL, any, 0);
}

/* The file cannot be read. */
static void give_up(struct tftp_transfer *t, int err)
{
	log_debug("tftp: %s: cannot be read: %s", t->request.name, strerror(-err));
	send_error(t, TFTP_ERROR_OTHER, "the file cannot be read");
	act(t, tftp_session_fail(&t->session, TFTP_OUTCOME_ERROR));
}

static void on_timer(struct loop_timer *timer)
{
	struct tftp_transfer *t = container_of(timer, struct tftp_transfer, timer);
	uint64_t now = loop_now(timer->loop);

	if (t->wants_data) {
		loop_timer_start(timer->loop, timer, t->session.wait_ms, on_timer);
		return;
	}
	if (now >= t->session.deadline) {
		/* among a thousand its turn may be late: not the client's answer */
		loop_timer_start(timer->loop, timer, t->session.wait_ms, on_timer);
		if (loop_udp_take(&t->udp))
			return; /* the transfer may be gone */
	}
	act(t, tftp_session_tick(&t->session, now));
}

/* The timer is not moved for each block: it looks at the deadline when it fires. */
static void start_timer(struct tftp_transfer *t)
{
	struct loop *loop = t->server->loop;
	uint64_t now = loop_now(loop);
	uint64_t deadline = t->session.deadline;

	loop_timer_start(loop, &t->timer, deadline > now ? deadline - now : 0, on_timer);
}

static void on_full(struct loop_timer *timer)
{
	struct tftp_transfer *t = container_of(timer, struct tftp_transfer, timer);

	act(t, TFTP_SEND);
}

/* The block at @offset of the file: fewer bytes than others only if it is the last one. */
static size_t block_len(const struct tftp_transfer *t, uint64_t offset)
{
	return (size_t)min_u64(block_bytes(t), t->file.size - offset);
}

/*
 * Describes the blocks from the session's next one on that lie in @data, which has @len bytes of the file
 * from @offset on. Returns how many, at least 1.
 */
static unsigned int describe(const struct tftp_transfer *t, const uint8_t *data, size_t len,
			     uint8_t (*heads)[TFTP_HEAD_BYTES], struct loop_udp_out *out)
{
	uint64_t first = t->session.next;
	uint64_t end = tftp_session_end(&t->session);
	uint64_t offset = (first - 1) * block_bytes(t);
	unsigned int count = 0;
	size_t at = 0;

	while (count < LOOP_UDP_MANY && first + count <= end) {
		size_t body = block_len(t, offset + at);

		if (body > len - at)
			break;
		tftp_packet_data_head((uint16_t)(first + count), heads[count]);
		out[count] = (struct loop_udp_out){
			.head = heads[count],
			.head_len = TFTP_HEAD_BYTES,
			.body = body ? data + at : NULL,
			.body_len = body,
		};
		at += body;
		count++;
	}
	return count;
}

/* Returns how many were sent, or -EAGAIN. Other errors count as packets that are lost on the way. */
static int send_blocks(struct tftp_transfer *t, const struct loop_udp_out *out, unsigned int count)
{
	int sent = loop_udp_send_many(&t->udp, out, count);

	if (sent == -EAGAIN)
		return sent;
	if (sent < 0) {
		log_debug("tftp: %s: cannot send: %s", t->request.name, strerror(-sent));
		return (int)count;
	}
	return sent;
}

static_assert(TFTP_READER_FRONT == TFTP_HEAD_BYTES, "there is room for a head");

/*
 * The one block that is sent at a time goes with its head in front, in the place of other bytes, which are put
 * back: a datagram of one piece costs less.
 */
static int send_single(struct tftp_transfer *t, uint8_t *front, size_t len)
{
	struct loop_udp_out out = {.head = front, .head_len = TFTP_HEAD_BYTES + len};
	uint8_t before[TFTP_HEAD_BYTES];
	int sent;

	memcpy(before, front, sizeof(before));
	tftp_packet_data_head((uint16_t)t->session.next, front);
	sent = send_blocks(t, &out, 1);
	memcpy(front, before, sizeof(before));
	return sent;
}

static int send_octets(struct tftp_transfer *t)
{
	uint64_t offset = (t->session.next - 1) * block_bytes(t);
	uint8_t heads[LOOP_UDP_MANY][TFTP_HEAD_BYTES];
	struct loop_udp_out out[LOOP_UDP_MANY];
	const uint8_t *data = NULL;
	uint8_t *front;
	size_t len;
	int result;

	result = tftp_reader_get(&t->reader, offset, block_len(t, offset), &data, &len);
	if (result)
		return result == -EAGAIN ? -EINPROGRESS : result;
	front = t->session.window == 1 ? tftp_reader_front(&t->reader, data) : NULL;
	if (front)
		return send_single(t, front, block_len(t, offset));
	return send_blocks(t, out, describe(t, data, len, heads, out));
}

/* The one block of text that is to be sent; it is the last one if it is not full. */
static int send_text(struct tftp_transfer *t)
{
	struct tftp_session *s = &t->session;
	struct tftp_ascii at = t->ascii;
	uint64_t left = t->file.size - at.offset;
	uint8_t head[TFTP_HEAD_BYTES];
	struct loop_udp_out out = {.head = head, .head_len = sizeof(head)};
	const uint8_t *data = NULL;
	size_t len;
	int err;

	err = tftp_reader_get(&t->reader, at.offset, (size_t)min_u64(block_bytes(t), left), &data,
			      &len);
	if (err)
		return err == -EAGAIN ? -EINPROGRESS : err;
	out.body = t->server->scratch;
	out.body_len = tftp_ascii_encode(&at, data, len, t->server->scratch, block_bytes(t));
	tftp_packet_data_head((uint16_t)s->next, head);
	t->ascii_next = at;
	if (out.body_len < block_bytes(t) && s->last == TFTP_LAST_UNKNOWN)
		tftp_session_found_last(s, s->next);
	return send_blocks(t, &out, 1);
}

/* The session has sent @count blocks: the source is told of the last one. */
static void note_sent(struct tftp_transfer *t, uint64_t count)
{
	const bool was_ending = t->session.state == TFTP_ENDING;

	tftp_session_sent(&t->session, count, loop_now(t->server->loop));
	if (!was_ending && t->session.state == TFTP_ENDING && t->source.sent)
		t->source.sent(t->source.ctx, &t->request, &t->file);
}

/* All blocks that the session allows. */
static void send_window(struct tftp_transfer *t)
{
	struct tftp_session *s = &t->session;

	while (s->next <= tftp_session_end(s)) {
		int sent = t->mode == TFTP_MODE_NETASCII ? send_text(t) : send_octets(t);

		if (sent == -EINPROGRESS) {
			t->wants_data = true;
			return;
		}
		if (sent == -EAGAIN) {
			loop_timer_start(t->server->loop, &t->timer, FULL_MS, on_full);
			return;
		}
		if (sent < 0) {
			give_up(t, sent);
			return;
		}
		note_sent(t, (uint64_t)sent);
	}
	if (!loop_timer_runs(&t->timer))
		start_timer(t);
}

static void act(struct tftp_transfer *t, enum tftp_action action)
{
	switch (action) {
	case TFTP_WAIT:
		if (!loop_timer_runs(&t->timer))
			start_timer(t);
		break;
	case TFTP_OFFER:
		send_oack(t);
		if (!loop_timer_runs(&t->timer))
			start_timer(t);
		break;
	case TFTP_SEND:
		if (!t->wants_data)
			send_window(t);
		break;
	case TFTP_CLOSE:
		tftp_transfer_end(t, t->session.outcome);
		break;
	}
}

/* From the reader: what was missing is there, or nothing of an ended transfer is with a worker. */
static void on_data(struct tftp_reader *reader)
{
	struct tftp_transfer *t = container_of(reader, struct tftp_transfer, reader);

	if (t->ended) {
		try_free(t);
		return;
	}
	if (!t->wants_data)
		return;
	t->wants_data = false;
	send_window(t);
}

static void on_packet(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	struct tftp_transfer *t = container_of(udp, struct tftp_transfer, udp);
	struct tftp_session *s = &t->session;
	struct tftp_packet packet;
	uint64_t acked = s->acked;
	enum tftp_action action;

	if (!t->is_open || tftp_packet_parse(datagram->data, datagram->len, &packet))
		return;
	action = tftp_session_packet(s, &packet, loop_now(t->server->loop));
	if (s->acked != acked)
		t->ascii = t->ascii_next;
	act(t, action);
}

static enum tftp_error error_code(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
	case -ENAMETOOLONG:
		return TFTP_ERROR_NOT_FOUND;
	case -EISDIR:
	case -EACCES:
	case -EPERM:
		return TFTP_ERROR_ACCESS;
	default:
		return TFTP_ERROR_OTHER;
	}
}

static const char *error_text(int err)
{
	switch (error_code(err)) {
	case TFTP_ERROR_NOT_FOUND:
		return "file not found";
	case TFTP_ERROR_ACCESS:
		return err == -EISDIR ? "is a directory" : "access denied";
	default:
		return "the file cannot be opened";
	}
}

/* Whether the file may be opened later: who is answered nothing asks again. An error is the end for a boot ROM. */
static bool is_passing(int err)
{
	return err == -EAGAIN || err == -ENOMEM || err == -EMFILE || err == -ENFILE ||
	       err == -EHOSTUNREACH;
}

/* Bytes of the longest packet on the way to the client. */
static uint32_t path_mtu(const struct tftp_transfer *t)
{
	int mtu = 0;
	socklen_t len = sizeof(mtu);

	if (getsockopt(t->udp.fd, IPPROTO_IP, IP_MTU, &mtu, &len) || mtu < 0)
		return 0;
	return (uint32_t)mtu;
}

/* Bytes to read at once: some blocks, and a window as a whole, so that it is sent by one call. */
static size_t take_room(struct tftp_transfer *t)
{
	size_t window = block_bytes(t) * (t->terms.window ? t->terms.window : 1u);

	if (t->server->room >= ROOM_MAX)
		return (size_t)max_u64(TFTP_READ_SMALL_BYTES, block_bytes(t));
	t->room = (size_t)max_u64(TFTP_READ_BYTES, window);
	t->server->room += t->room;
	return t->room;
}

/* The file is open, or it is known why not. */
static void opened(struct tftp_transfer *t, int err)
{
	struct tftp_server *server = t->server;
	struct tftp_ask ask = {.mode = t->mode, .terms = t->asked};
	uint64_t last = TFTP_LAST_UNKNOWN;
	bool offer;

	if (is_passing(err))
		log_debug("tftp: %s: cannot be opened at present: %s", t->request.name,
			  strerror(-err));
	else if (err)
		send_error(t, error_code(err), error_text(err));
	if (err) {
		tftp_transfer_end(t, TFTP_OUTCOME_ERROR);
		return;
	}
	t->is_open = true;
	t->terms = tftp_session_agree(&ask, path_mtu(t));
	tftp_reader_init(&t->reader, server->loop, &server->pieces, &t->file, take_room(t),
			 on_data);
	if (t->mode == TFTP_MODE_OCTET)
		last = t->file.size / block_bytes(t) + 1;
	offer = t->terms.block || t->terms.window || t->terms.timeout_s || t->terms.tsize;
	act(t, tftp_session_start(&t->session, &t->terms, offer, last, loop_now(server->loop)));
}

static void open_by_worker(struct loop_work *work)
{
	struct tftp_transfer *t = container_of(work, struct tftp_transfer, opening);

	t->open_error = t->source.open(t->source.ctx, &t->request, &t->file);
}

static void on_opened(struct loop_work *work)
{
	struct tftp_transfer *t = container_of(work, struct tftp_transfer, opening);

	t->is_opening = false;
	if (!t->ended) {
		opened(t, t->open_error);
		return;
	}
	/* given up meanwhile: what was opened is to be closed */
	if (t->open_error == 0) {
		t->source.close(t->source.ctx, &t->request, &t->file, TFTP_OUTCOME_EARLY, 0);
	}
	try_free(t);
}

static int create(struct tftp_server *server, const struct loop_datagram *datagram,
		  struct tftp_transfer **out)
{
	CLEANUP(freep) struct tftp_transfer *t = calloc(1, sizeof(*t));
	struct loop_udp_options options = {
		.address = {.sin_family = AF_INET, .sin_addr = datagram->to},
		.peer = &datagram->from,
		.interface = server->interface[0] ? server->interface : NULL,
		.fragments = true,
	};
	int err;

	if (!t)
		return -ENOMEM;
	err = loop_udp_open(server->loop, &t->udp, &options, on_packet);
	if (err)
		return err;
	t->server = server;
	t->source = server->source;
	t->request.peer = datagram->from;
	t->request.local = datagram->to;
	t->request.port = server->port;
	t->request.interface = datagram->interface;
	tftp_server_add(server, t);
	*out = TAKE(t);
	return 0;
}

void tftp_transfer_start(struct tftp_server *server, const struct loop_datagram *datagram,
			 const struct tftp_ask *ask)
{
	struct tftp_transfer *t;
	int err = create(server, datagram, &t);

	if (err) {
		log_debug("tftp: %s: no transfer: %s", ask->name, strerror(-err));
		return;
	}
	t->mode = ask->mode;
	t->asked = ask->terms;
	memcpy(t->request.name, ask->name, sizeof(t->request.name));
	wait_forbid();
	err = t->source.open(t->source.ctx, &t->request, &t->file);
	wait_allow();
	if (err == -EAGAIN) {
		t->is_opening = true;
		loop_work_submit_urgent(server->loop, &t->opening, open_by_worker, on_opened);
		return;
	}
	opened(t, err);
}

bool tftp_transfer_is_repeated(const struct tftp_transfer *t, const struct tftp_ask *ask)
{
	return (!t->is_open || !t->session.confirmed) && t->mode == ask->mode &&
	       strcmp(t->request.name, ask->name) == 0 && t->asked.block == ask->terms.block &&
	       t->asked.window == ask->terms.window && t->asked.timeout_s == ask->terms.timeout_s &&
	       t->asked.tsize == ask->terms.tsize;
}

void tftp_transfer_repeat(struct tftp_transfer *t)
{
	if (!t->is_open)
		return; /* it is answered as soon as that is possible */
	if (t->session.state == TFTP_OFFERING) {
		act(t, TFTP_OFFER);
		return;
	}
	if (t->wants_data)
		return;
	t->session.next = 1;
	act(t, TFTP_SEND);
}

void tftp_transfer_refuse(struct tftp_server *server, const struct loop_datagram *datagram,
			  enum tftp_error code, const char *text)
{
	struct tftp_transfer *t;

	if (create(server, datagram, &t))
		return;
	send_error(t, code, text);
	tftp_transfer_end(t, TFTP_OUTCOME_ERROR);
}
