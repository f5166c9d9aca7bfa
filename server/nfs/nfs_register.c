/* SPDX-License-Identifier: MIT */
/*
 * A client of the port mapper that already runs on this host (rpcbind): tells it of our ports, by UDP from
 * a reserved port of the loopback interface, which is how it knows that it is root who asks.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "nfs/nfs_server.h"

#define TRIES 3
#define WAIT_MS 500
#define MESSAGE_BYTES 128u
#define CALL 0u
#define REPLY 1u
#define RPC_VERSION 2u

enum {
	PROC_SET = 1,
	PROC_UNSET = 2,
};

/* Any port above, if no reserved one may be had: rpcbind then knows us as nobody in particular. */
static void bind_reserved(int fd)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	for (uint16_t port = IPPORT_RESERVED - 1; port > IPPORT_RESERVED / 2; port--) {
		address.sin_port = htons(port);
		if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
		    errno != EADDRINUSE)
			return;
	}
}

static int connect_mapper(int *out)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons(PMAP2_PORT),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CLEANUP(closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	bind_reserved(fd);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*out = take_fd(&fd);
	return 0;
}

static size_t make_call(uint8_t *out, uint32_t xid, uint32_t procedure,
			const pmap2_mapping *mapping)
{
	const uint32_t words[] = {
		xid,	       CALL,
		RPC_VERSION,   PMAP_PROGRAM,
		PMAP_VERSION,  procedure,
		RPC_AUTH_NONE, 0,
		RPC_AUTH_NONE, 0,
		mapping->prog, mapping->vers,
		mapping->prot, mapping->port,
	};
	uint8_t *p = out;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		p = nfs_put32(p, words[i]);
	return (size_t)(p - out);
}

/* Whether it is the answer to @xid: accepted, successful, and *@out_done what it says. */
static bool is_answer(const uint8_t *data, size_t len, uint32_t xid, bool *out_done)
{
	struct nfs_args args = {.p = data, .left = len};
	size_t verifier;

	if (nfs_take32(&args) != xid || nfs_take32(&args) != REPLY || args.bad)
		return false;
	*out_done = false;
	if (nfs_take32(&args) != 0)
		return true; /* denied */
	nfs_take32(&args);
	(void)nfs_take_opaque(&args, len, &verifier);
	*out_done = nfs_take32(&args) == 0 && nfs_take32(&args) != 0 && !args.bad;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One answer, or -ETIMEDOUT. */
static int receive(int fd, uint32_t xid, bool *out_done)
{
	const int64_t until = now_ms() + WAIT_MS;
	uint8_t data[MESSAGE_BYTES];

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		const int64_t left = until - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
			return -ETIMEDOUT;
		n = recv(fd, data, sizeof(data), 0);
		if (n < 0)
			return -errno;
		if (is_answer(data, (size_t)n, xid, out_done))
			return 0;
	}
}

static int ask(int fd, uint32_t procedure, const pmap2_mapping *mapping, bool *out_done)
{
	const uint32_t xid = (uint32_t)now_ms() ^ mapping->prog << 8 ^ mapping->prot ^ procedure;
	uint8_t call[MESSAGE_BYTES];
	const size_t len = make_call(call, xid, procedure, mapping);
	int err = -ETIMEDOUT;

	for (int i = 0; i < TRIES && err == -ETIMEDOUT; i++) {
		if (send(fd, call, len, 0) < 0)
			return -errno;
		err = receive(fd, xid, out_done);
	}
	return err;
}

int nfs_register_unset(const pmap2_mapping *entries, size_t count)
{
	CLEANUP(closep) int fd = -1;
	bool done;
	int err = connect_mapper(&fd);

	for (size_t i = 0; i < count && !err; i++)
		err = ask(fd, PROC_UNSET, &entries[i], &done);
	return err;
}

int nfs_register_set(const pmap2_mapping *entries, size_t count)
{
	CLEANUP(closep) int fd = -1;
	bool done = true;
	int err = connect_mapper(&fd);

	/* those that a server left which was killed */
	for (size_t i = 0; i < count && !err; i++)
		err = ask(fd, PROC_UNSET, &entries[i], &done);
	done = true;
	for (size_t i = 0; i < count && !err && done; i++)
		err = ask(fd, PROC_SET, &entries[i], &done);
	if (!err && !done)
		err = -EACCES;
	return err;
}
