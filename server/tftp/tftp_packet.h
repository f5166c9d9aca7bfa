/* SPDX-License-Identifier: MIT */
/* Private to the tftp room: what packets say. */
#ifndef BRAMBLE_TFTP_PACKET_H
#define BRAMBLE_TFTP_PACKET_H

#include "tftp/tftp.h"

/* Bytes in front of the data of a block: opcode and number. */
#define TFTP_HEAD_BYTES 4u

/* Bytes of a block (RFC 1350; RFC 2348), and blocks of a window (RFC 7440). */
#define TFTP_BLOCK_DEFAULT 512u
#define TFTP_BLOCK_MIN 8u
#define TFTP_BLOCK_MAX 65464u

/* Bytes of the longest option acknowledgement that is made here, and of the longest error. */
#define TFTP_OACK_MAX 128u
#define TFTP_ERROR_MAX 96u

enum tftp_opcode {
	TFTP_RRQ = 1,
	TFTP_WRQ = 2,
	TFTP_DATA = 3,
	TFTP_ACK = 4,
	TFTP_ERROR = 5,
	TFTP_OACK = 6,
};

/* RFC 1350 appendix, RFC 2347. */
enum tftp_error {
	TFTP_ERROR_OTHER = 0,
	TFTP_ERROR_NOT_FOUND = 1,
	TFTP_ERROR_ACCESS = 2,
	TFTP_ERROR_FULL = 3,
	TFTP_ERROR_ILLEGAL = 4,
	TFTP_ERROR_UNKNOWN_ID = 5,
	TFTP_ERROR_EXISTS = 6,
	TFTP_ERROR_NO_USER = 7,
	TFTP_ERROR_OPTIONS = 8,
};

enum tftp_mode {
	TFTP_MODE_OCTET,
	TFTP_MODE_NETASCII,
	TFTP_MODE_OTHER, /* "mail", or what no RFC knows */
};

/* What was asked for, or is agreed upon. 0 or false: not asked for. */
struct tftp_terms {
	uint16_t block; /* bytes */
	uint16_t window; /* blocks */
	uint8_t timeout_s; /* seconds */
	bool tsize; /* the client wants to know the size */
};

/* A read request. Values that no server may accept are as if not asked for. */
struct tftp_ask {
	enum tftp_mode mode;
	struct tftp_terms terms;
	char name[TFTP_NAME_MAX];
};

/* What a client says during a transfer. */
struct tftp_packet {
	enum tftp_opcode opcode; /* TFTP_ACK or TFTP_ERROR */
	uint16_t code; /* number of the block, or of the error */
};

/*
 * -EACCES: a write request. -ENAMETOOLONG. -EBADMSG: no request at all. Text that lacks its NUL ends
 * the options.
 */
int tftp_packet_parse_ask(const uint8_t *data, size_t len, struct tftp_ask *out);

/* -EBADMSG: neither an acknowledgement nor an error. */
int tftp_packet_parse(const uint8_t *data, size_t len, struct tftp_packet *out);

void tftp_packet_data_head(uint16_t number, uint8_t out[TFTP_HEAD_BYTES]);

/* Of what @terms have; @size in bytes is for tsize. Returns the length. */
size_t tftp_packet_oack(const struct tftp_terms *terms, uint64_t size, uint8_t out[TFTP_OACK_MAX]);

/* @text is cut off where there is no room. Returns the length. */
size_t tftp_packet_error(enum tftp_error code, const char *text, uint8_t out[TFTP_ERROR_MAX]);

#endif
