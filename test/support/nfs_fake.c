/* SPDX-License-Identifier: MIT */
/* The rpc and loop rooms as far as the nfs room needs them, without a network and threads. */
#include "support/nfs_fake.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/wait.h"

#define PROGRAMS 8u
#define TRANSFER (1u << 20)

static const struct rpc_program *programs[PROGRAMS];
static size_t programs_count;
static struct loop_work *first, **last = &first;
static bool deferring;
static size_t submitted;

/* Calls --------------------------------------------------------------------------------------- */

static struct fake_call *fake_of(struct rpc_call *call)
{
	struct fake_call *fake = container_of(call, struct fake_call, call);

	assert(fake->end == FAKE_OPEN);
	return fake;
}

void fake_call_init(struct fake_call *fake, uint32_t program, uint32_t procedure, const void *args,
		    size_t len)
{
	memset(fake, 0, sizeof(*fake));
	fake->call.program = program;
	fake->call.procedure = procedure;
	fake->call.version = 3;
	fake->call.cred.flavor = RPC_AUTH_SYS;
	fake->call.args = args;
	fake->call.args_len = len;
	fake->call.peer = &fake->peer;
	fake->peer.address.sin_family = AF_INET;
	fake->peer.address.sin_addr.s_addr = 0x0100007f;
}

void fake_call_finish(struct fake_call *fake)
{
	free(fake->data);
	fake->data = NULL;
}

void fake_call_make(struct fake_call *fake)
{
	for (size_t i = 0; i < programs_count; i++) {
		if (programs[i]->number != fake->call.program)
			continue;
		fake->call.ctx = programs[i]->ctx;
		programs[i]->call(&fake->call);
		return;
	}
	fake->end = FAKE_REFUSED;
}

uint8_t *rpc_reply_begin(struct rpc_call *call, size_t size)
{
	struct fake_call *fake = fake_of(call);

	assert(!fake->data && size <= RPC_REPLY_MAX);
	/* not a byte more, so that a sanitizer sees what is written behind it */
	fake->data = malloc(size ? size : 1);
	fake->size = size;
	return fake->data;
}

void rpc_reply_end(struct rpc_call *call, size_t len, const struct rpc_file *file)
{
	struct fake_call *fake = fake_of(call);

	assert(fake->data && len <= fake->size && len % 4 == 0);
	fake->len = len;
	fake->end = FAKE_ANSWERED;
	if (!file)
		return;
	fake->size = len + ((file->len + 3) & ~(size_t)3);
	fake->data = realloc(fake->data, fake->size);
	assert(fake->data);
	memset(fake->data + len, 0, fake->size - len);
	if (pread(file->fd, fake->data + len, file->len, (off_t)file->offset) >= 0)
		fake->len = fake->size;
	if (file->release)
		file->release(file->ctx);
}

void rpc_reply(struct rpc_call *call, xdrproc_t encode, void *results)
{
	const size_t size = xdr_sizeof(encode, results);
	uint8_t *out = rpc_reply_begin(call, size);
	XDR xdr;

	xdrmem_create(&xdr, (char *)out, (unsigned int)size, XDR_ENCODE);
	if (!encode(&xdr, results))
		abort();
	xdr_destroy(&xdr);
	rpc_reply_end(call, size, NULL);
}

void rpc_refuse(struct rpc_call *call, enum rpc_refusal why)
{
	struct fake_call *fake = fake_of(call);

	fake->refusal = why;
	fake->end = FAKE_REFUSED;
}

void rpc_drop(struct rpc_call *call)
{
	fake_of(call)->end = FAKE_DROPPED;
}

bool rpc_args(struct rpc_call *call, xdrproc_t decode, void *args)
{
	XDR xdr;
	bool decoded;

	xdrmem_create(&xdr, (char *)(uintptr_t)call->args, (unsigned int)call->args_len,
		      XDR_DECODE);
	decoded = decode(&xdr, args);
	xdr_destroy(&xdr);
	if (!decoded)
		rpc_refuse(call, RPC_GARBAGE_ARGS);
	return decoded;
}

void rpc_args_free(xdrproc_t decode, void *args)
{
	xdr_free(decode, args);
}

/* Work ---------------------------------------------------------------------------------------- */

static void do_work(struct loop_work *work)
{
	const loop_work_fn done = work->done;

	assert(wait_allowed());
	work->run(work);
	work->next = NULL;
	if (work->group)
		work->group->end(work);
	done(work);
}

void loop_work_submit(struct loop *loop, struct loop_work *work, loop_work_fn run,
		      loop_work_fn done)
{
	(void)loop;
	submitted++;
	work->group = NULL;
	work->run = run;
	work->done = done;
	work->next = NULL;
	if (!deferring) {
		do_work(work);
		return;
	}
	*last = work;
	last = &work->next;
}

unsigned int loop_workers(const struct loop *loop)
{
	(void)loop;
	return FAKE_WORKERS;
}

void loop_group_init(struct loop_group *group, loop_group_fn end)
{
	group->end = end;
}

void loop_group_finish(struct loop_group *group)
{
	(void)group;
}

void fake_work_defer(bool defer)
{
	deferring = defer;
}

size_t fake_work_count(void)
{
	return submitted;
}

size_t fake_work_run(void)
{
	size_t count = 0;

	while (first) {
		struct loop_work *work = first;

		first = work->next;
		if (!first)
			last = &first;
		do_work(work);
		count++;
	}
	return count;
}

/* Servers ------------------------------------------------------------------------------------- */

int rpc_server_create(struct loop *loop, const struct rpc_program *given, size_t count,
		      const struct rpc_limits *limits, struct rpc_server **out)
{
	(void)loop;
	(void)limits;
	for (size_t i = 0; i < count; i++) {
		assert(programs_count < PROGRAMS);
		programs[programs_count++] = &given[i];
	}
	*out = (struct rpc_server *)(void *)programs;
	return 0;
}

int rpc_server_listen_tcp(struct rpc_server *server, const struct sockaddr_in *address, int fd)
{
	(void)server;
	(void)address;
	(void)fd;
	return 0;
}

int rpc_server_listen_udp(struct rpc_server *server, const struct sockaddr_in *address, int fd)
{
	return rpc_server_listen_tcp(server, address, fd);
}

uint16_t rpc_server_port(const struct rpc_server *server)
{
	return server ? 2049 : 0;
}

void rpc_server_quiesce(struct rpc_server *server)
{
	(void)server;
}

void rpc_server_destroy(struct rpc_server *server)
{
	if (server)
		programs_count = 0;
}

struct nfs_server *fake_server(const struct nfs_site *site)
{
	static const struct nfs_options options = {
		.key = "a key of a test", .transfer_max = TRANSFER, .transfer_preferred = TRANSFER};
	const struct sockaddr_in anywhere = {.sin_family = AF_INET};
	struct nfs_server *server;

	if (nfs_server_create(NULL, &options, site, &server) ||
	    nfs_server_listen(server, &anywhere, -1, -1) ||
	    nfs_server_portmap(server, &anywhere, -1, -1))
		abort();
	return server;
}

void fake_server_end(struct nfs_server *server)
{
	nfs_server_destroy(server);
}
