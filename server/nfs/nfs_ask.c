/* SPDX-License-Identifier: MIT */
/*
 * Calls whose export a worker has to ask for, which may have to be opened first. A client's calls for the
 * same export wait for one answer: after a restart of the server each client comes with all that it has
 * under way, and so many workers would wait for one export instead of opening others.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "nfs/nfs_server.h"

struct nfs_asking {
	struct nfs_asking *next; /* of the server */
	struct nfs_server *server; /* borrowed */
	struct loop_work work;
	struct rpc_peer peer; /* @slot is not its own */
	uint8_t handle[NFS_HANDLE_BYTES];
	struct rpc_call *first, *last; /* that wait for it, one after the other by ->state */
	struct nfs_export *export;
	int err;
};

static void ask(struct loop_work *work)
{
	struct nfs_asking *asking = container_of(work, struct nfs_asking, work);

	asking->err = nfs_lease_find(asking->server, asking->handle, sizeof(asking->handle),
				     &asking->peer, &asking->export);
}

/* Lets @call go on with its export, or fail. */
static void go_on(struct rpc_call *call, struct nfs_lease *lease, int err)
{
	if (err) {
		nfs_program_fail(call, err);
	} else if (call->closed) {
		/* nobody waits for it; and there is no peer any more */
		rpc_drop(call);
	} else {
		lease->uses++;
		nfs_program_start(call, lease);
	}
}

static void unlink_asking(struct nfs_asking *asking)
{
	struct nfs_asking **link = &asking->server->asking;

	while (*link != asking)
		link = &(*link)->next;
	*link = asking->next;
}

static void on_asked(struct loop_work *work)
{
	struct nfs_asking *asking = container_of(work, struct nfs_asking, work);
	struct nfs_server *server = asking->server;
	struct rpc_call *call = asking->first;
	struct nfs_lease *lease = NULL;
	int err = asking->err;
	struct rpc_call *next;
	uint64_t id;

	unlink_asking(asking);
	if (!err)
		err = nfs_lease_adopt(server, call, asking->export, asking->handle,
				      sizeof(asking->handle), &lease, &id);
	for (; call; call = next) {
		next = call->state;
		call->state = NULL;
		server->busy--;
		go_on(call, lease, err);
	}
	if (lease)
		nfs_lease_give_back(lease);
	free(asking);
}

/* What one may have another port of its host may not. */
static bool is_same(const struct rpc_peer *a, const struct rpc_peer *b)
{
	return a->tcp == b->tcp && a->address.sin_addr.s_addr == b->address.sin_addr.s_addr &&
	       a->address.sin_port == b->address.sin_port;
}

/* What @peer asks for already, if it is the same export. */
static struct nfs_asking *find(const struct nfs_server *server, const struct rpc_peer *peer,
			       const uint8_t *handle)
{
	struct nfs_asking *asking = server->asking;

	while (asking && (!is_same(&asking->peer, peer) ||
			  memcmp(asking->handle, handle, NFS_HANDLE_HEAD) != 0))
		asking = asking->next;
	return asking;
}

void nfs_ask(struct nfs_server *server, struct rpc_call *call,
	     const uint8_t handle[NFS_HANDLE_BYTES])
{
	struct nfs_asking *asking = find(server, call->peer, handle);

	call->state = NULL;
	if (asking) {
		server->busy++;
		asking->last->state = call;
		asking->last = call;
		return;
	}
	asking = calloc(1, sizeof(*asking));
	if (!asking) {
		rpc_drop(call);
		return;
	}
	server->busy++;
	asking->server = server;
	asking->peer = *call->peer;
	memcpy(asking->handle, handle, sizeof(asking->handle));
	asking->first = call;
	asking->last = call;
	asking->next = server->asking;
	server->asking = asking;
	loop_work_submit(server->loop, &asking->work, ask, on_asked);
}
