/* SPDX-License-Identifier: MIT */
/* Private to the tftp room: the server and its transfers. */
#ifndef BRAMBLE_TFTP_PRIVATE_H
#define BRAMBLE_TFTP_PRIVATE_H

#include "tftp/tftp_ascii.h"
#include "tftp/tftp_reader.h"
#include "tftp/tftp_session.h"

struct tftp_transfer;

/* One file on its way to one client. What each block needs lies together, in front. */
struct tftp_transfer {
	struct loop_udp udp; /* its own port, connected to the client's */
	struct tftp_server *server; /* borrowed; NULL: this has ended */
	enum tftp_mode mode;
	bool is_opening; /* by a worker */
	bool is_open;
	bool wants_data; /* which a worker reads */
	bool ended;
	size_t room; /* bytes that count in server->room */
	struct tftp_terms terms;
	struct tftp_session session; /* if is_open, as are the next two */
	struct tftp_file file;
	struct tftp_reader reader;
	struct loop_timer timer;
	struct tftp_ascii ascii; /* where the block after the last acknowledged one begins */
	struct tftp_ascii ascii_next; /* and the one behind that */
	struct loop_work opening; /* while is_opening */
	int open_error;
	struct tftp_transfer *next; /* in its bucket, newest first */
	struct tftp_source source;
	struct tftp_terms asked;
	struct tftp_request request;
};

/* Of hash of the client's address; some hundred clients at once are usual. */
#define TFTP_BUCKETS 1024u

struct tftp_server {
	struct loop *loop; /* borrowed */
	struct tftp_source source;
	struct loop_udp udp;
	in_port_t port; /* of @udp, network order */
	char interface[32]; /* or empty */
	unsigned int transfers_max;
	unsigned int per_client_max;
	unsigned int transfers;
	size_t room; /* bytes of all transfers that read much at once */
	struct tftp_pieces pieces;
	struct tftp_transfer *buckets[TFTP_BUCKETS];
	uint8_t scratch[TFTP_BLOCK_MAX]; /* a block of text */
};

/* tftp_transfer.c: */

/* Answers @ask, which came by @datagram. What fails is logged at debug level. */
void tftp_transfer_start(struct tftp_server *server, const struct loop_datagram *datagram,
			 const struct tftp_ask *ask);

/* Whether @ask is the request that @transfer answers, repeated because no answer was seen. */
bool tftp_transfer_is_repeated(const struct tftp_transfer *transfer, const struct tftp_ask *ask);

/* Sends the first answer again. */
void tftp_transfer_repeat(struct tftp_transfer *transfer);

/* Ends the transfer, which may be gone afterwards. */
void tftp_transfer_end(struct tftp_transfer *transfer, enum tftp_outcome outcome);

/* Says no, by a port of its own, as a transfer would. */
void tftp_transfer_refuse(struct tftp_server *server, const struct loop_datagram *datagram,
			  enum tftp_error code, const char *text);

/* tftp_server.c: */

/* A transfer takes its place among the others, and gives it up. */
void tftp_server_add(struct tftp_server *server, struct tftp_transfer *transfer);
void tftp_server_remove(struct tftp_server *server, struct tftp_transfer *transfer);

#endif
