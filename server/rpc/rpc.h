/* SPDX-License-Identifier: MIT */
/*
 * ONC RPC version 2 (RFC 5531) over TCP and UDP, on the loop. The front door of the rpc room.
 *
 * Programs register with a server; the server calls them with one call after another, several of a
 * connection being under way at once. A program answers within its function or later, from the loop's
 * thread, in any order. Records are bounded; a peer that does not read its answers is not read from.
 */
#ifndef BRAMBLE_RPC_RPC_H
#define BRAMBLE_RPC_RPC_H

#include <rpc/types.h>
#include <rpc/xdr.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

/* Flavours of credentials (RFC 5531, 8.2). */
#define RPC_AUTH_NONE 0u
#define RPC_AUTH_SYS 1u
#define RPC_GROUPS_MAX 16u

struct rpc_cred {
	uint32_t flavor; /* RPC_AUTH_NONE or RPC_AUTH_SYS; others are refused before */
	uint32_t uid; /* of AUTH_SYS, as are those below */
	uint32_t gid;
	uint32_t groups[RPC_GROUPS_MAX];
	uint32_t groups_count;
};

/* Of whom a call comes: a TCP connection, or for UDP whoever sent it. */
struct rpc_peer {
	struct sockaddr_in address;
	struct sockaddr_in local; /* the server's own, that it was sent to; 0.0.0.0: not known */
	bool tcp;
	void *slot; /* the program's own, NULL at first: what it knows of a TCP connection */
	/* Called with @slot at the end of the connection, of UDP at that of the call. NULL: no need. */
	void (*slot_end)(void *slot);
};

/* One call. Owned by the rpc room, until it is answered or dropped. */
struct rpc_call {
	uint32_t xid;
	uint32_t program;
	uint32_t version;
	uint32_t procedure;
	struct rpc_cred cred;
	/*
	 * Valid as long as the call, @slot as long as the connection is there: gone after @closed.
	 */
	struct rpc_peer *peer;
	bool closed; /* the connection has ended; whatever is answered is thrown away */
	const uint8_t *args; /* after the header, up to the end of the record */
	size_t args_len; /* bytes */
	void *ctx; /* of the program */
	struct loop_work work; /* for the program's use: a call is often handed to a worker */
	void *state; /* for the program's use; freed by the program */
};

struct rpc_program {
	const char *name; /* "nfs": appears in logs */
	uint32_t number;
	uint32_t version_low;
	uint32_t version_high;
	/* Answers or drops @call, sooner or later. */
	void (*call)(struct rpc_call *call);
	void *ctx; /* borrowed: call->ctx */
};

/* Why a call is not carried out (RFC 5531, accept_stat). */
enum rpc_refusal {
	RPC_PROC_UNAVAIL = 3,
	RPC_GARBAGE_ARGS = 4,
	RPC_SYSTEM_ERR = 5,
};

/*
 * Decodes the arguments; @args must be all zero before, and is to be released by rpc_args_free with
 * the same @decode, also after a failure. False: they are not what @decode expects; answered by
 * RPC_GARBAGE_ARGS already.
 */
bool rpc_args(struct rpc_call *call, xdrproc_t decode, void *args);
void rpc_args_free(xdrproc_t decode, void *args);

/*
 * Answers with success and @results. Any reply ends the call. Results that cannot be encoded become
 * RPC_SYSTEM_ERR.
 */
void rpc_reply(struct rpc_call *call, xdrproc_t encode, void *results);
void rpc_refuse(struct rpc_call *call, enum rpc_refusal why);

/* Answers nothing: the peer will ask again. */
void rpc_drop(struct rpc_call *call);

/*
 * For answers that are written by hand, for speed. rpc_reply_begin gives room for @size bytes of
 * results, 4-byte aligned, at most RPC_REPLY_MAX; may be called in a worker, once for a call. NULL: no
 * memory. rpc_reply_end sends the first @len of them (a multiple of 4), followed by @file if not NULL,
 * then padding to 4. @file's bytes go from the page cache to the network by sendfile(2); few of them, by
 * UDP, and where that cannot be, by pread(2). They had better be in the page cache, since the loop sends
 * them. What the file does not have is sent as zeros. Where it cannot be read, RPC_SYSTEM_ERR is
 * answered, or if it is too late for that, the connection ends.
 */
struct rpc_file {
	int fd; /* borrowed until @release is called, as are the bytes */
	uint64_t offset; /* bytes */
	size_t len; /* bytes */
	/* Called once, on the loop's thread, when they are sent or given up. NULL: not wanted. */
	void (*release)(void *ctx);
	void *ctx;
};
#define RPC_REPLY_MAX ((size_t)1 << 21)
uint8_t *rpc_reply_begin(struct rpc_call *call, size_t size);
void rpc_reply_end(struct rpc_call *call, size_t len, const struct rpc_file *file);

struct rpc_limits {
	size_t record_max; /* bytes of a call; longer ones end the connection */
	unsigned int calls_max; /* of one connection under way; more are not read */
	size_t unsent_max; /* bytes of answers of one connection; above, nothing is read */
	unsigned int connections_max; /* above, the one that was idle longest is closed */
	/*
	 * Bytes of all calls and answers. Above, calls are taken one at a time, little is read, and
	 * connections end that do not get on.
	 */
	size_t memory_max;
};
#define RPC_LIMITS_DEFAULT                                                                         \
	{                                                                                          \
		.record_max = (1u << 20) + 4096, .calls_max = 128, .unsent_max = 8u << 20,         \
		.connections_max = 4096, .memory_max = (size_t)256 << 20                           \
	}

struct rpc_server;

/*
 * A set of programs (borrowed, @count of them), at one or several addresses. Procedure 0 of each, and
 * whatever is wrong before a program comes into it, is answered by the rpc room.
 */
int rpc_server_create(struct loop *loop, const struct rpc_program *programs, size_t count,
		      const struct rpc_limits *limits, struct rpc_server **out);

/* Errors of bind(2), not logged. @fd: a listening or bound socket to take over; 0 or less: none. */
int rpc_server_listen_tcp(struct rpc_server *server, const struct sockaddr_in *address, int fd);
int rpc_server_listen_udp(struct rpc_server *server, const struct sockaddr_in *address, int fd);

/* What it listens at: the port of the first TCP address, host order; 0: none. */
uint16_t rpc_server_port(const struct rpc_server *server);

/* Takes no more calls and connections; those under way go on. */
void rpc_server_quiesce(struct rpc_server *server);

/* Ends all connections. No call may be with a worker. Accepts NULL. */
void rpc_server_destroy(struct rpc_server *server);

#endif
