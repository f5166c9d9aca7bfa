/* SPDX-License-Identifier: MIT */
/*
 * Private to the tftp room: what a transfer does next. No socket, clock or file: time comes in as an
 * argument, in milliseconds.
 *
 * Blocks are counted from 1 without end; on the wire their number is that modulo 65536.
 */
#ifndef BRAMBLE_TFTP_SESSION_H
#define BRAMBLE_TFTP_SESSION_H

#include "tftp/tftp_packet.h"

enum tftp_state {
	TFTP_OFFERING, /* the options are acknowledged, nothing else was sent */
	TFTP_SENDING,
	TFTP_ENDING, /* the last block was sent */
	TFTP_COMPLETE,
	TFTP_FAILED,
	TFTP_STATES,
};

enum tftp_action {
	TFTP_WAIT, /* until tftp_session.deadline, or for a packet */
	TFTP_OFFER, /* send the acknowledgement of options (again) */
	TFTP_SEND, /* send the blocks from tftp_session.next to tftp_session_end */
	TFTP_CLOSE, /* all is over: see tftp_session.outcome */
};

/* The last block is not known yet. */
#define TFTP_LAST_UNKNOWN UINT64_MAX

struct tftp_session {
	enum tftp_state state;
	enum tftp_outcome outcome; /* if the state is TFTP_COMPLETE or TFTP_FAILED */
	uint32_t window; /* blocks that may be sent without an acknowledgement */
	uint32_t timeout_ms; /* until the first repetition */
	uint32_t wait_ms; /* until the next one */
	unsigned int repeated; /* how often, since something was acknowledged */
	bool confirmed; /* the client has answered: its address is not forged */
	bool went_back; /* the present window is being repeated */
	uint64_t acked; /* the last block that the client has; 0: none */
	uint64_t next; /* to be sent next */
	uint64_t sent; /* the highest that was ever sent */
	uint64_t last; /* the last block of the file, or TFTP_LAST_UNKNOWN */
	uint64_t deadline; /* when tftp_session_tick has to be called */
};

/* Blocks of a window, and bytes of all its blocks, at most. */
#define TFTP_WINDOW_MAX 64u
#define TFTP_WINDOW_BYTES (128u << 10)

/*
 * What is agreed to of what was asked for. @mtu: bytes of the longest IP packet on the way to the
 * client, 0 if that is not known.
 */
struct tftp_terms tftp_session_agree(const struct tftp_ask *ask, uint32_t mtu);

/*
 * @terms are what was agreed upon; @offer: the client is told, and answers. Otherwise the first block
 * is the answer to its request. @last may be TFTP_LAST_UNKNOWN.
 */
enum tftp_action tftp_session_start(struct tftp_session *s, const struct tftp_terms *terms,
				    bool offer, uint64_t last, uint64_t now);

enum tftp_action tftp_session_packet(struct tftp_session *s, const struct tftp_packet *packet,
				     uint64_t now);

/* Time has passed: TFTP_WAIT before the deadline. */
enum tftp_action tftp_session_tick(struct tftp_session *s, uint64_t now);

/* @block was found to be the last one. It was not sent yet. */
void tftp_session_found_last(struct tftp_session *s, uint64_t block);

/* The last block that may be sent. */
uint64_t tftp_session_end(const struct tftp_session *s);

/* @count blocks from s->next on were sent. */
void tftp_session_sent(struct tftp_session *s, uint64_t count, uint64_t now);

/* The client is not waited for any more: as tftp_session_fail, or TFTP_OUTCOME_UNHEARD. */
enum tftp_action tftp_session_leave(struct tftp_session *s, enum tftp_outcome outcome);

/* The file cannot be read, or nothing can be sent. */
enum tftp_action tftp_session_fail(struct tftp_session *s, enum tftp_outcome outcome);

#endif
