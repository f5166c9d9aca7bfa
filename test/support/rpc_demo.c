/* SPDX-License-Identifier: MIT */
/*
 * A server of a small program, to try the rpc room without file systems:
 *
 *     rpc_demo PORT [FILE [UNSENT-MAX CALLS-MAX CONNECTIONS-MAX MEMORY-MAX]]
 *
 * at TCP port PORT of 127.0.0.1 and UDP port PORT. Program 536870913, version 2 to 3:
 *
 *     1 ECHO    opaque<>            -> the same
 *     2 LATER   uint ms, opaque<>   -> opaque<>, from a worker after that time
 *     3 READ    uint offset, len    -> that many bytes of FILE, and the padding
 *     4 BLOB    uint len            -> opaque<len>, each byte 0x5a
 *     5 HOLD    opaque<>            -> opaque<>, not before RELEASE
 *     6 RELEASE                     -> uint, how many were held; they are answered in reverse
 *     7 ENDED                       -> uint, how many connections that had called ECHO have ended
 *     8 DROP                        -> nothing
 *     9 BUSY    uint ms             -> uint ms, after the loop was at it for so long
 *
 * SIGTERM: quiesces, and ends when it is idle.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/be.h"
#include "base/checked.h"
#include "base/log.h"
#include "loop/loop.h"
#include "rpc/rpc.h"

#define PROGRAM 536870913u
#define OPAQUE_MAX (1u << 20)
#define WORKERS 4u
#define IDLE_LOOK_MS 20u

enum procedure {
	ECHO = 1,
	LATER,
	READ,
	BLOB,
	HOLD,
	RELEASE,
	ENDED,
	DROP,
	BUSY,
};

static struct loop *loop;
static struct rpc_server *server;
static int file = -1;
static struct rpc_call *held; /* by ->state */
static uint32_t ended;
static struct loop_timer idle;

struct opaque {
	char *bytes;
	unsigned int len;
};

static bool_t xdr_opaque_bytes(XDR *xdr, struct opaque *opaque)
{
	return xdr_bytes(xdr, &opaque->bytes, &opaque->len, OPAQUE_MAX);
}

static void reply_word(struct rpc_call *call, uint32_t value)
{
	uint8_t *out = rpc_reply_begin(call, 4);
	be32 word = be32_make(value);

	if (!out) {
		rpc_refuse(call, RPC_SYSTEM_ERR);
		return;
	}
	memcpy(out, &word, 4);
	rpc_reply_end(call, 4, NULL);
}

static void on_end(void *slot)
{
	(void)slot;
	ended++;
}

static void echo(struct rpc_call *call)
{
	struct opaque opaque = {NULL, 0};

	if (rpc_args(call, (xdrproc_t)xdr_opaque_bytes, &opaque)) {
		if (call->peer->tcp) {
			call->peer->slot = call->ctx;
			call->peer->slot_end = on_end;
		}
		rpc_reply(call, (xdrproc_t)xdr_opaque_bytes, &opaque);
	}
	rpc_args_free((xdrproc_t)xdr_opaque_bytes, &opaque);
}

/* In a worker: the arguments are still there, and the room for the answer is made here. */
static void run_later(struct loop_work *work)
{
	struct rpc_call *call = container_of(work, struct rpc_call, work);

	usleep(be32_at(call->args) * 1000);
	call->state = rpc_reply_begin(call, call->args_len - 4);
	if (call->state)
		memcpy(call->state, call->args + 4, call->args_len - 4);
}

static void done_later(struct loop_work *work)
{
	struct rpc_call *call = container_of(work, struct rpc_call, work);

	if (call->state)
		rpc_reply_end(call, call->args_len - 4, NULL);
	else
		rpc_refuse(call, RPC_SYSTEM_ERR);
}

static void later(struct rpc_call *call)
{
	if (call->args_len < 8 || call->args_len % 4)
		rpc_refuse(call, RPC_GARBAGE_ARGS);
	else
		loop_work_submit(loop, &call->work, run_later, done_later);
}

static void count_release(void *ctx)
{
	(*(uint32_t *)ctx)++;
}

static void read_file(struct rpc_call *call)
{
	static uint32_t released;
	struct rpc_file part = {.fd = file, .release = count_release, .ctx = &released};
	uint8_t *out;

	if (call->args_len != 8) {
		rpc_refuse(call, RPC_GARBAGE_ARGS);
		return;
	}
	part.offset = be32_at(call->args);
	part.len = be32_at(call->args + 4);
	out = rpc_reply_begin(call, 4);
	if (!out) {
		rpc_refuse(call, RPC_SYSTEM_ERR);
		return;
	}
	memcpy(out, call->args + 4, 4);
	rpc_reply_end(call, 4, &part);
}

static void blob(struct rpc_call *call)
{
	uint32_t len = call->args_len == 4 ? be32_at(call->args) : UINT32_MAX;
	size_t padded = ((size_t)len + 3) & ~(size_t)3;
	uint8_t *out;

	if (len > OPAQUE_MAX) {
		rpc_refuse(call, RPC_GARBAGE_ARGS);
		return;
	}
	out = rpc_reply_begin(call, 4 + padded);
	if (!out) {
		rpc_refuse(call, RPC_SYSTEM_ERR);
		return;
	}
	memcpy(out, call->args, 4);
	memset(out + 4, 0x5a, len);
	memset(out + 4 + len, 0, padded - len);
	rpc_reply_end(call, 4 + padded, NULL);
}

static void hold(struct rpc_call *call)
{
	call->state = held;
	held = call;
}

static void release(struct rpc_call *call)
{
	uint32_t count = 0;
	struct rpc_call *next;

	for (struct rpc_call *one = held; one; one = next, count++) {
		uint8_t *out = rpc_reply_begin(one, one->args_len);

		next = one->state;
		if (out) {
			memcpy(out, one->args, one->args_len);
			rpc_reply_end(one, one->args_len, NULL);
		} else {
			rpc_refuse(one, RPC_SYSTEM_ERR);
		}
	}
	held = NULL;
	reply_word(call, count);
}

static void be_busy(struct rpc_call *call)
{
	if (call->args_len != 4) {
		rpc_refuse(call, RPC_GARBAGE_ARGS);
		return;
	}
	usleep(be32_at(call->args) * 1000);
	reply_word(call, be32_at(call->args));
}

static void on_call(struct rpc_call *call)
{
	switch ((enum procedure)call->procedure) {
	case ECHO:
		echo(call);
		return;
	case LATER:
		later(call);
		return;
	case READ:
		read_file(call);
		return;
	case BLOB:
		blob(call);
		return;
	case HOLD:
		hold(call);
		return;
	case RELEASE:
		release(call);
		return;
	case ENDED:
		reply_word(call, ended);
		return;
	case DROP:
		rpc_drop(call);
		return;
	case BUSY:
		be_busy(call);
		return;
	default:
		rpc_refuse(call, RPC_PROC_UNAVAIL);
	}
}

static void look_if_idle(struct loop_timer *timer)
{
	static bool was_idle;
	bool is_idle = loop_is_idle(loop) && !held;

	/* what was answered last has been sent by the second look */
	if (is_idle && was_idle)
		loop_stop(loop);
	else
		loop_timer_start(loop, timer, IDLE_LOOK_MS, look_if_idle);
	was_idle = is_idle;
}

static void on_signal(struct loop_signal *signal, int number)
{
	(void)signal;
	(void)number;
	rpc_server_quiesce(server);
	look_if_idle(&idle);
}

static void check(int err, const char *what)
{
	if (err) {
		fprintf(stderr, "rpc_demo: %s: %s\n", what, strerror(-err));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static const struct rpc_program programs[] = {{.name = "demo",
						       .number = PROGRAM,
						       .version_low = 2,
						       .version_high = 3,
						       .call = on_call}};
	struct rpc_limits limits = RPC_LIMITS_DEFAULT;
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct loop_signal term = {.arrived = NULL};

	if (argc != 2 && argc != 3 && argc != 7) {
		fprintf(stderr, "usage: rpc_demo PORT [FILE [UNSENT CALLS CONNECTIONS MEMORY]]\n");
		return 2;
	}
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	if (argc > 2) {
		file = open(argv[2], O_RDONLY | O_CLOEXEC);
		check(file < 0 ? -errno : 0, argv[2]);
	}
	if (argc == 7) {
		limits.unsent_max = (size_t)atol(argv[3]);
		limits.calls_max = (unsigned int)atoi(argv[4]);
		limits.connections_max = (unsigned int)atoi(argv[5]);
		limits.memory_max = (size_t)atol(argv[6]);
	}
	log_set_level(LOG_LEVEL_DEBUG);
	check(loop_create(WORKERS, &loop), "loop");
	loop_signal_start(loop, &term, SIGTERM, on_signal);
	check(rpc_server_create(loop, programs, ARRAY_SIZE(programs), &limits, &server), "rpc");
	check(rpc_server_listen_tcp(server, &address, 0), "tcp");
	address.sin_addr.s_addr = htonl(INADDR_ANY); /* answers from whatever was asked */
	check(rpc_server_listen_udp(server, &address, 0), "udp");
	printf("ready %u\n", rpc_server_port(server));
	fflush(stdout);
	loop_run(loop);
	rpc_server_destroy(server);
	loop_signal_stop(loop, &term);
	loop_destroy(loop);
	if (file >= 0)
		close(file);
	return 0;
}
