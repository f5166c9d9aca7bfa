/* SPDX-License-Identifier: MIT */
/*
 * Which export a call is for. A TCP connection remembers the exports that it used last, so that the site
 * is asked once for a connection, and a handle costs no more than its seal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wait.h"
#include "nfs/nfs_server.h"

#define REMEMBERED 2u

/* In rpc_peer.slot, and in the server's list. */
struct nfs_connection {
	struct nfs_connection *next, **link;
	struct nfs_lease *leases[REMEMBERED]; /* the one used last is first; NULL: none */
};

void nfs_lease_give_back(struct nfs_lease *lease)
{
	if (--lease->uses)
		return;
	lease->server->site.put(lease->server->site.ctx, lease->export);
	free(lease);
}

static void end_connection(void *slot)
{
	struct nfs_connection *connection = slot;

	for (size_t i = 0; i < REMEMBERED; i++) {
		if (connection->leases[i])
			nfs_lease_give_back(connection->leases[i]);
	}
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	free(connection);
}

static struct nfs_connection *add_connection(struct nfs_server *server)
{
	struct nfs_connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->next = server->connections;
	connection->link = &server->connections;
	if (connection->next)
		connection->next->link = &connection->next;
	server->connections = connection;
	return connection;
}

/* NULL: nothing can be remembered. */
static struct nfs_connection *connection_of(struct nfs_server *server, struct rpc_call *call)
{
	if (!call->peer->slot && call->peer->tcp) {
		call->peer->slot = add_connection(server);
		call->peer->slot_end = end_connection;
	}
	return call->peer->slot;
}

static void remember(struct rpc_call *call, struct nfs_lease *lease)
{
	struct nfs_connection *connection =
		call->closed ? NULL : connection_of(lease->server, call);
	const size_t last = REMEMBERED - 1;

	if (!connection)
		return;
	if (connection->leases[last])
		nfs_lease_give_back(connection->leases[last]);
	memmove(connection->leases + 1, connection->leases, last * sizeof(lease));
	connection->leases[0] = lease;
	lease->uses++;
}

static void forget(struct nfs_connection *connection, size_t i)
{
	nfs_lease_give_back(connection->leases[i]);
	memmove(connection->leases + i, connection->leases + i + 1,
		(REMEMBERED - 1 - i) * sizeof(connection->leases[0]));
	connection->leases[REMEMBERED - 1] = NULL;
}

void nfs_server_forget(struct nfs_server *server, struct nfs_export *export)
{
	struct nfs_connection *connection = server->connections;

	for (; connection; connection = connection->next) {
		size_t i = 0;

		while (i < REMEMBERED && connection->leases[i]) {
			if (connection->leases[i]->export == export)
				forget(connection, i);
			else
				i++;
		}
	}
}

static void to_front(struct nfs_connection *connection, size_t i)
{
	struct nfs_lease *lease = connection->leases[i];

	memmove(connection->leases + 1, connection->leases, i * sizeof(lease));
	connection->leases[0] = lease;
}

/* -ESTALE: none of those that are remembered. */
static int find_remembered(struct rpc_call *call, const uint8_t *handle, size_t len,
			   struct nfs_lease **out, uint64_t *out_id)
{
	struct nfs_connection *connection = call->peer->slot;

	if (!connection)
		return -ESTALE;
	for (size_t i = 0; i < REMEMBERED && connection->leases[i]; i++) {
		struct nfs_lease *lease = connection->leases[i];
		int err = nfs_handle_read(&lease->seal, handle, len, out_id);

		if (err == -ESTALE)
			continue;
		if (__atomic_load_n(&lease->export->gone, __ATOMIC_ACQUIRE)) {
			forget(connection, i);
			return -ESTALE;
		}
		if (err)
			return err;
		if (i)
			to_front(connection, i);
		lease->uses++;
		*out = lease;
		return 0;
	}
	return -ESTALE;
}

/* Whether the handle is sealed by us, whatever it is for. */
static int check_seal(const struct nfs_server *server, const uint8_t *handle, size_t len,
		      struct nfs_seal *out, uint64_t *out_id)
{
	uint8_t uuid[NFS_UUID_BYTES];
	uint64_t epoch;

	if (!nfs_handle_names(handle, len, uuid, &epoch))
		return -EBADMSG;
	nfs_seal_init(out, server->options.key, uuid, epoch);
	return nfs_handle_read(out, handle, len, out_id) ? -EBADMSG : 0;
}

int nfs_lease_find(const struct nfs_server *server, const uint8_t *handle, size_t len,
		   const struct rpc_peer *peer, struct nfs_export **out)
{
	uint8_t uuid[NFS_UUID_BYTES];
	uint64_t epoch;

	if (!nfs_handle_names(handle, len, uuid, &epoch))
		return -EBADMSG;
	return server->site.find(server->site.ctx, uuid, epoch, peer, out);
}

int nfs_lease_adopt(struct nfs_server *server, struct rpc_call *call, struct nfs_export *export,
		    const uint8_t *handle, size_t len, struct nfs_lease **out, uint64_t *out_id)
{
	struct nfs_lease *lease = calloc(1, sizeof(*lease));
	int err = lease ? check_seal(server, handle, len, &lease->seal, out_id) : -ENOMEM;

	if (err) {
		server->site.put(server->site.ctx, export);
		free(lease);
		return err;
	}
	lease->server = server;
	lease->export = export;
	lease->uses = 1;
	remember(call, lease);
	*out = lease;
	return 0;
}

int nfs_lease_of(struct nfs_server *server, struct rpc_call *call, const uint8_t *handle,
		 size_t len, struct nfs_lease **out, uint64_t *out_id)
{
	struct nfs_export *export;
	struct nfs_seal seal;
	int err = find_remembered(call, handle, len, out, out_id);

	if (err != -ESTALE)
		return err;
	err = check_seal(server, handle, len, &seal, out_id);
	if (err)
		return err;
	wait_forbid();
	err = nfs_lease_find(server, handle, len, call->peer, &export);
	wait_allow();
	return err ? err : nfs_lease_adopt(server, call, export, handle, len, out, out_id);
}
