/* SPDX-License-Identifier: MIT */
/*
 * What the rpc room itself costs: a server on it that answers the records of nfs_load out of memory, to
 * be measured beside rpc_limit:
 *
 *	bench_rpc PORT [FILE]
 *
 * READ sends parts of FILE, of 64 MiB at least, by sendfile(2), without one it copies from memory.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/checked.h"
#include "loop/loop.h"
#include "rpc/rpc.h"

#define GETATTR 1u
#define LOOKUP 3u
#define READ 6u
#define MNT 1u
#define ATTRIBUTES 84u
#define DATA_SIZE ((size_t)1 << 20)

static uint8_t data[DATA_SIZE];
static int file = -1;

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	be32 word = be32_make(value);

	memcpy(at, &word, 4);
	return at + 4;
}

static uint8_t *put_attributes(uint8_t *at)
{
	memset(at, 0, ATTRIBUTES);
	return at + ATTRIBUTES;
}

static uint8_t *put_handle(uint8_t *at)
{
	at = put32(at, 32);
	memset(at, 0, 32);
	return at + 32;
}

static void read_file(struct rpc_call *call)
{
	uint32_t len = be32_at(call->args + call->args_len - 4);
	uint8_t *start = rpc_reply_begin(call, 104 + (file < 0 ? len : 0));
	uint8_t *at = start;
	struct rpc_file part = {
		.fd = file, .offset = be64_at(call->args + call->args_len - 12), .len = len};

	if (!start || len > DATA_SIZE) {
		rpc_refuse(call, RPC_GARBAGE_ARGS);
		return;
	}
	at = put32(at, 0);
	at = put32(at, 1);
	at = put_attributes(at);
	at = put32(at, len);
	at = put32(at, 0);
	at = put32(at, len);
	if (file < 0) {
		memcpy(at, data, len);
		at += len;
	}
	rpc_reply_end(call, (size_t)(at - start), file < 0 ? NULL : &part);
}

static void nfs(struct rpc_call *call)
{
	uint8_t *start;
	uint8_t *at;

	if (call->procedure == READ) {
		read_file(call);
		return;
	}
	start = at = rpc_reply_begin(call, 256);
	if (!start) {
		rpc_refuse(call, RPC_SYSTEM_ERR);
		return;
	}
	at = put32(at, 0);
	switch (call->procedure) {
	case GETATTR:
		at = put_attributes(at);
		break;
	case LOOKUP:
		at = put_handle(at);
		at = put_attributes(put32(at, 1));
		at = put_attributes(put32(at, 1));
		break;
	default:
		break;
	}
	rpc_reply_end(call, (size_t)(at - start), NULL);
}

static void mount(struct rpc_call *call)
{
	uint8_t *start = rpc_reply_begin(call, 64);

	if (!start || call->procedure != MNT) {
		rpc_refuse(call, RPC_PROC_UNAVAIL);
		return;
	}
	rpc_reply_end(call, (size_t)(put32(put32(put_handle(put32(start, 0)), 1), 1) - start),
		      NULL);
}

int main(int argc, char **argv)
{
	static const struct rpc_program programs[] = {
		{.name = "nfs", .number = 100003, .version_low = 3, .version_high = 3, .call = nfs},
		{.name = "mount",
		 .number = 100005,
		 .version_low = 3,
		 .version_high = 3,
		 .call = mount},
	};
	static const struct rpc_limits limits = RPC_LIMITS_DEFAULT;
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct loop *loop;
	struct rpc_server *server;

	if (argc < 2)
		return 2;
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	if (argc > 2) {
		file = open(argv[2], O_RDONLY | O_CLOEXEC);
		if (file < 0) {
			perror(argv[2]);
			return 1;
		}
	}
	memset(data, 1, sizeof(data));
	if (loop_create(1, &loop) ||
	    rpc_server_create(loop, programs, ARRAY_SIZE(programs), &limits, &server) ||
	    rpc_server_listen_tcp(server, &address, 0)) {
		perror("bench_rpc");
		return 1;
	}
	loop_run(loop);
	return 0;
}
