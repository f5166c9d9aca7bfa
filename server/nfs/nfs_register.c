/* SPDX-License-Identifier: MIT */
/*
 * A client of the port mapper that already runs on this host (rpcbind): tells it of our ports, by UDP from
 * a reserved port of the loopback interface, which is how it knows that it is root who asks. What another NFS server
 * of this host has registered stays as it is.
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
#include "base/log.h"
#include "nfs/nfs_server.h"

#define TRIES 3
#define WAIT_MS 500
#define CALL_BYTES 128u
/* Of the list of all that is registered: more than a mapper sends by UDP. */
#define REPLY_BYTES 9000u
#define CALL 0u
#define REPLY 1u
#define RPC_VERSION 2u

enum {
	PROC_SET = 1,
	PROC_UNSET = 2,
	PROC_DUMP = 4,
};

/* An answer, and what is left of it behind its header. */
struct reply {
	uint8_t data[REPLY_BYTES];
	struct nfs_args results;
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

/* Takes the header of the answer to @xid. -EAGAIN: it is none; -EACCES: the mapper refuses. */
static int take_header(struct nfs_args *args, uint32_t xid)
{
	size_t verifier;

	if (nfs_take32(args) != xid || nfs_take32(args) != REPLY || args->bad)
		return -EAGAIN;
	if (nfs_take32(args) != 0)
		return -EACCES;
	nfs_take32(args);
	(void)nfs_take_opaque(args, args->left, &verifier);
	return nfs_take32(args) == 0 && !args->bad ? 0 : -EACCES;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One answer, or -ETIMEDOUT. */
static int receive(int fd, uint32_t xid, struct reply *out)
{
	const int64_t until = now_ms() + WAIT_MS;

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		const int64_t left = until - now_ms();
		ssize_t n;
		int err;

		if (left <= 0 || poll(&wait, 1, (int)left) <= 0)
			return -ETIMEDOUT;
		n = recv(fd, out->data, sizeof(out->data), 0);
		if (n < 0)
			return -errno;
		out->results = (struct nfs_args){.p = out->data, .left = (size_t)n};
		err = take_header(&out->results, xid);
		if (err != -EAGAIN)
			return err;
	}
}

static int ask(int fd, uint32_t procedure, const pmap2_mapping *mapping, struct reply *out)
{
	const uint32_t xid = (uint32_t)now_ms() ^ mapping->prog << 8 ^ mapping->prot ^ procedure;
	uint8_t call[CALL_BYTES];
	const size_t len = make_call(call, xid, procedure, mapping);
	int err = -ETIMEDOUT;

	for (int i = 0; i < TRIES && err == -ETIMEDOUT; i++) {
		if (send(fd, call, len, 0) < 0)
			return -errno;
		err = receive(fd, xid, out);
	}
	return err;
}

/* All that is registered, to be taken by take_mapping. */
static int dump(int fd, struct reply *out)
{
	const pmap2_mapping nothing = {.prog = 0};

	return ask(fd, PROC_DUMP, &nothing, out);
}

static bool take_mapping(struct nfs_args *list, pmap2_mapping *out)
{
	if (nfs_take32(list) != 1)
		return false;
	out->prog = nfs_take32(list);
	out->vers = nfs_take32(list);
	out->prot = nfs_take32(list);
	out->port = nfs_take32(list);
	return !list->bad;
}

/* Whether somebody listens at @port, be it at one address alone. */
static bool is_in_use(uint32_t protocol, uint32_t port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons((uint16_t)port)};
	const bool tcp = protocol == PMAP2_TCP;
	CLEANUP(closep)
	int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	int on = 1;

	/* connections of a server that is gone may still be there for a while */
	if (fd < 0 || (tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0))
		return true;
	return bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0;
}

static bool is_ours(const pmap2_mapping *mapping, const pmap2_mapping *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (entries[i].prog == mapping->prog && entries[i].vers == mapping->vers &&
		    entries[i].prot == mapping->prot && entries[i].port == mapping->port)
			return true;
	}
	return false;
}

/*
 * Where another server is that has registered the program and version of @mine, in the @list of all; 0: nowhere. To
 * unset ours would unset those too, whatever their protocol.
 */
static uint32_t find_other(struct nfs_args list, const pmap2_mapping *mine,
			   const pmap2_mapping *entries, size_t count)
{
	pmap2_mapping other;

	while (take_mapping(&list, &other)) {
		if (other.prog == mine->prog && other.vers == mine->vers &&
		    !is_ours(&other, entries, count) && is_in_use(other.prot, other.port))
			return other.port;
	}
	return 0;
}

int nfs_register_unset(const pmap2_mapping *entries, size_t count)
{
	CLEANUP(closep) int fd = -1;
	struct reply known, reply;
	int err = connect_mapper(&fd);

	if (!err)
		err = dump(fd, &known);
	for (size_t i = 0; i < count && !err; i++) {
		if (!find_other(known.results, &entries[i], entries, count))
			err = ask(fd, PROC_UNSET, &entries[i], &reply);
	}
	return err;
}

/* Of @entries those that no other server has. */
static size_t choose(struct nfs_args known, const pmap2_mapping *entries, size_t count,
		     pmap2_mapping *out)
{
	uint32_t told = 0;
	size_t chosen = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t port = find_other(known, &entries[i], entries, count);

		if (!port)
			out[chosen++] = entries[i];
		else if (told != entries[i].prog)
			log_warn("nfs: the port mapper of this host has %s of another server, at "
				 "port %u: "
				 "it stays, and whoever asks there for ours finds that one",
				 entries[i].prog == MOUNT_PROGRAM ? "MOUNT" : "NFS", port);
		if (port)
			told = entries[i].prog;
	}
	return chosen;
}

int nfs_register_set(const pmap2_mapping *entries, size_t count, pmap2_mapping *out,
		     size_t *out_count)
{
	CLEANUP(closep) int fd = -1;
	struct reply reply;
	int err = connect_mapper(&fd);
	size_t chosen = 0;

	if (!err)
		err = dump(fd, &reply);
	if (!err)
		chosen = choose(reply.results, entries, count, out);
	/* those that a server left which was killed */
	for (size_t i = 0; i < chosen && !err; i++)
		err = ask(fd, PROC_UNSET, &out[i], &reply);
	for (size_t i = 0; i < chosen && !err; i++) {
		err = ask(fd, PROC_SET, &out[i], &reply);
		if (!err && !nfs_take32(&reply.results))
			err = -EACCES;
	}
	if (err)
		return err;
	*out_count = chosen;
	return 0;
}
