/* SPDX-License-Identifier: MIT */
/*
 * What a transfer does next, as a machine with five states.
 *
 * Lost packets: our timer repeats what is not acknowledged, waiting longer each time. A client that
 * repeats its acknowledgement gets nothing for it if it acknowledges every block, else every later
 * block would be sent twice (RFC 1123 4.2.3.1). With windows (RFC 7440) the repetition says which
 * block it misses: the window is sent again from there, once until there is progress, so that the
 * repetitions which the rest of the old window provokes cost nothing.
 */
#include "tftp/tftp_session.h"

#include <assert.h>

#include "base/checked.h"

/*
 * Milliseconds until something is repeated first, and at most. Several Pis do not repeat anything
 * themselves, and give up after 30 seconds.
 */
#define RETRY_MS 500u
#define RETRY_MAX_MS 4000u

/* Bytes of the IP and UDP headers, and of ours, in front of a block's data. */
#define HEADERS_BYTES (20u + 8u + TFTP_HEAD_BYTES)

/* Repetitions before the client is given up: of one that has answered, and of one that has not. */
#define REPEAT_MAX 7u
#define REPEAT_UNCONFIRMED_MAX 4u

#define TO(state) (1u << (state))

static const unsigned int next_states[TFTP_STATES] = {
	[TFTP_OFFERING] = TO(TFTP_SENDING) | TO(TFTP_FAILED),
	[TFTP_SENDING] = TO(TFTP_ENDING) | TO(TFTP_FAILED),
	[TFTP_ENDING] = TO(TFTP_COMPLETE) | TO(TFTP_FAILED),
};

static void move(struct tftp_session *s, enum tftp_state to)
{
	assert(next_states[s->state] & TO(to));
	s->state = to;
}

static bool is_over(const struct tftp_session *s)
{
	return s->state == TFTP_COMPLETE || s->state == TFTP_FAILED;
}

static void wait_from(struct tftp_session *s, uint64_t now)
{
	s->deadline = now + s->wait_ms;
}

/* The client is there: what comes next is in time again. */
static void progress(struct tftp_session *s, uint64_t now)
{
	s->confirmed = true;
	s->repeated = 0;
	s->wait_ms = s->timeout_ms;
	wait_from(s, now);
}

struct tftp_terms tftp_session_agree(const struct tftp_ask *ask, uint32_t mtu)
{
	struct tftp_terms terms = ask->terms;
	uint32_t block = terms.block ? terms.block : TFTP_BLOCK_DEFAULT;

	/* fragments are lost together, and few boot ROMs put them together */
	if (terms.block && mtu >= HEADERS_BYTES + TFTP_BLOCK_DEFAULT && block > mtu - HEADERS_BYTES)
		block = mtu - HEADERS_BYTES;
	if (terms.block)
		terms.block = (uint16_t)block;
	if (ask->mode == TFTP_MODE_NETASCII) {
		/* neither the translated size nor where a block begins is known without reading */
		terms.tsize = false;
		terms.window = 0;
	}
	if (terms.window) {
		uint64_t most = max_u64(min_u64(TFTP_WINDOW_MAX, TFTP_WINDOW_BYTES / block), 1);

		terms.window = (uint16_t)min_u64(terms.window, most);
	}
	return terms;
}

enum tftp_action tftp_session_start(struct tftp_session *s, const struct tftp_terms *terms,
				    bool offer, uint64_t last, uint64_t now)
{
	*s = (struct tftp_session){
		.state = offer ? TFTP_OFFERING : TFTP_SENDING,
		.window = terms->window ? terms->window : 1,
		.timeout_ms = terms->timeout_s ? terms->timeout_s * 1000u : RETRY_MS,
		.next = 1,
		.last = last,
	};
	s->wait_ms = s->timeout_ms;
	wait_from(s, now);
	return offer ? TFTP_OFFER : TFTP_SEND;
}

uint64_t tftp_session_end(const struct tftp_session *s)
{
	return min_u64(s->acked + s->window, s->last);
}

void tftp_session_found_last(struct tftp_session *s, uint64_t block)
{
	assert(s->last == TFTP_LAST_UNKNOWN && block > s->sent);
	s->last = block;
}

void tftp_session_sent(struct tftp_session *s, uint64_t count, uint64_t now)
{
	s->next += count;
	s->sent = max_u64(s->sent, s->next - 1);
	assert(s->sent <= tftp_session_end(s));
	if (s->state == TFTP_SENDING && s->sent == s->last)
		move(s, TFTP_ENDING);
	wait_from(s, now);
}

enum tftp_action tftp_session_fail(struct tftp_session *s, enum tftp_outcome outcome)
{
	s->outcome = outcome;
	move(s, TFTP_FAILED);
	return TFTP_CLOSE;
}

enum tftp_action tftp_session_leave(struct tftp_session *s, enum tftp_outcome outcome)
{
	return tftp_session_fail(s, s->state == TFTP_ENDING ? TFTP_OUTCOME_UNHEARD : outcome);
}

/* The client asks again for what follows the last block that it has. */
static enum tftp_action asked_again(struct tftp_session *s, uint64_t now)
{
	if (s->window == 1 || s->went_back || s->sent == s->acked)
		return TFTP_WAIT;
	s->went_back = true;
	s->next = s->acked + 1;
	wait_from(s, now);
	return TFTP_SEND;
}

static enum tftp_action acknowledged(struct tftp_session *s, uint16_t number, uint64_t now)
{
	/* modulo 65536, as the numbers are; no window is longer than half of that */
	uint64_t count = (uint16_t)(number - (uint16_t)s->acked);

	if (s->state == TFTP_OFFERING) {
		if (number != 0)
			return TFTP_WAIT;
		move(s, TFTP_SENDING);
		progress(s, now);
		return TFTP_SEND;
	}
	if (count == 0)
		return asked_again(s, now);
	if (count > s->sent - s->acked)
		return TFTP_WAIT; /* one that is long past */
	progress(s, now);
	s->acked += count;
	if (s->acked == s->last) {
		move(s, TFTP_COMPLETE);
		s->outcome = TFTP_OUTCOME_COMPLETE;
		return TFTP_CLOSE;
	}
	/* in the middle of a window: the next block was lost, as all that was sent after it */
	s->went_back = s->acked < s->sent && s->window > 1;
	s->next = s->acked + 1;
	return TFTP_SEND;
}

enum tftp_action tftp_session_packet(struct tftp_session *s, const struct tftp_packet *packet,
				     uint64_t now)
{
	if (is_over(s))
		return TFTP_CLOSE;
	if (packet->opcode == TFTP_ACK)
		return acknowledged(s, packet->code, now);
	/* "Early terminate": boot ROMs say so by error 0 when they have seen that a file is there */
	return tftp_session_fail(s, packet->code == TFTP_ERROR_OTHER ? TFTP_OUTCOME_EARLY
								     : TFTP_OUTCOME_ABORTED);
}

enum tftp_action tftp_session_tick(struct tftp_session *s, uint64_t now)
{
	if (is_over(s))
		return TFTP_CLOSE;
	if (now < s->deadline)
		return TFTP_WAIT;
	if (s->repeated >= (s->confirmed ? REPEAT_MAX : REPEAT_UNCONFIRMED_MAX))
		return tftp_session_leave(s, TFTP_OUTCOME_TIMEOUT);
	s->repeated++;
	s->wait_ms = (uint32_t)max_u64(min_u64(s->wait_ms * 2u, RETRY_MAX_MS), s->timeout_ms);
	wait_from(s, now);
	if (s->state == TFTP_OFFERING)
		return TFTP_OFFER;
	s->went_back = s->window > 1;
	s->next = s->acked + 1;
	return TFTP_SEND;
}
