/* SPDX-License-Identifier: MIT */
/*
 * A port mapper, version 2 (RFC 1833, 3.2), that knows our own programs and itself. Nobody can add to it.
 * Clients that ask for version 3 or 4 first are told by the rpc room that 2 is what there is.
 */
#include "base/checked.h"
#include "nfs/nfs_server.h"

enum {
	PROC_NULL,
	PROC_SET,
	PROC_UNSET,
	PROC_GETPORT,
	PROC_DUMP,
	PROC_CALLIT,
};

static void add_one(pmap2_mapping *entries, size_t *count, uint32_t program, uint32_t version,
		    uint32_t protocol, uint16_t port)
{
	entries[(*count)++] =
		(pmap2_mapping){.prog = program, .vers = version, .prot = protocol, .port = port};
}

static void add(pmap2_mapping *entries, size_t *count, uint32_t program, uint32_t version,
		uint16_t port, bool tcp_only)
{
	if (!port)
		return;
	add_one(entries, count, program, version, PMAP2_TCP, port);
	if (!tcp_only)
		add_one(entries, count, program, version, PMAP2_UDP, port);
}

size_t nfs_portmap_entries(const struct nfs_server *server, pmap2_mapping out[NFS_PMAP_ENTRIES])
{
	const uint16_t nfs = nfs_server_port(server), mount = nfs_server_mount_port(server);
	const bool tcp_only = server->tcp_only[NFS_AT_NFS];
	size_t count = 0;

	add(out, &count, NFS_PROGRAM, NFS_VERSION, nfs, tcp_only);
	/* a port of its own is told of only if it is there by UDP too */
	add(out, &count, MOUNT_PROGRAM, MOUNT_VERSION, mount, mount == nfs && tcp_only);
	return count;
}

/* Ours, and those of the port mapper itself. */
static size_t all_entries(const struct nfs_server *server, pmap2_mapping out[NFS_PMAP_ENTRIES])
{
	size_t count = nfs_portmap_entries(server, out);

	add(out, &count, PMAP_PROGRAM, PMAP_VERSION, rpc_server_port(server->rpc[NFS_AT_PMAP]),
	    server->tcp_only[NFS_AT_PMAP]);
	return count;
}

static void get_port(struct nfs_server *server, struct rpc_call *call)
{
	pmap2_mapping entries[NFS_PMAP_ENTRIES], wanted = {0};
	const size_t count = all_entries(server, entries);
	unsigned int port = 0;

	if (!rpc_args(call, (xdrproc_t)xdr_pmap2_mapping, &wanted))
		return;
	for (size_t i = 0; i < count; i++) {
		if (entries[i].prog != wanted.prog || entries[i].prot != wanted.prot)
			continue;
		/* of another version: the client then hears from the program which there are */
		if (!port || entries[i].vers == wanted.vers)
			port = entries[i].port;
	}
	rpc_reply(call, (xdrproc_t)xdr_u_int, &port);
}

static void dump(struct nfs_server *server, struct rpc_call *call)
{
	pmap2_mapping entries[NFS_PMAP_ENTRIES];
	struct pmap2_node nodes[NFS_PMAP_ENTRIES];
	const size_t count = all_entries(server, entries);
	pmap2_list list = NULL;

	for (size_t i = count; i-- > 0;) {
		nodes[i] = (struct pmap2_node){.map = entries[i], .next = list};
		list = &nodes[i];
	}
	rpc_reply(call, (xdrproc_t)xdr_pmap2_list, &list);
}

/* SET and UNSET: nobody else's programs are told of here. */
static void refuse_change(struct rpc_call *call)
{
	pmap2_mapping mapping = {0};
	bool_t done = FALSE;

	if (rpc_args(call, (xdrproc_t)xdr_pmap2_mapping, &mapping))
		rpc_reply(call, (xdrproc_t)xdr_bool, &done);
}

void nfs_portmap_call(struct rpc_call *call)
{
	struct nfs_server *server = call->ctx;

	switch (call->procedure) {
	case PROC_NULL:
		nfs_reply_nothing(call);
		break;
	case PROC_SET:
	case PROC_UNSET:
		refuse_change(call);
		break;
	case PROC_GETPORT:
		get_port(server, call);
		break;
	case PROC_DUMP:
		dump(server, call);
		break;
	case PROC_CALLIT:
		/* makes others attack for whoever asks; by UDP, an error is not answered (3.2) */
		if (!call->peer->tcp) {
			rpc_drop(call);
			break;
		}
		/* fall through */
	default:
		rpc_refuse(call, RPC_PROC_UNAVAIL);
	}
}
