/* SPDX-License-Identifier: MIT */
/* Private to the nfs room: the server, its programs, and the exports that its clients use. */
#ifndef BRAMBLE_NFS_SERVER_H
#define BRAMBLE_NFS_SERVER_H

#include <pmap2.h>

#include "nfs/nfs_call.h"

#define NFS_PROGRAM 100003u
#define NFS_VERSION 3u
#define NFS_PROCEDURES 22u
#define MOUNT_PROGRAM 100005u
#define MOUNT_VERSION 3u
#define PMAP_PROGRAM 100000u
#define PMAP_VERSION 2u

/* Bytes of a READ or WRITE over UDP, where answers are one datagram. */
#define NFS_UDP_TRANSFER_MAX 32768u

/* Who has mounted what, for DUMP. */
struct nfs_mounted {
	struct nfs_mounted *next;
	struct in_addr client;
	char path[];
};

struct nfs_connection;
struct nfs_mounting;
struct nfs_asking;

enum {
	NFS_AT_NFS, /* NFS and MOUNT */
	NFS_AT_MOUNT, /* MOUNT alone */
	NFS_AT_PMAP,
	NFS_PORTS,
};

/* Of the port mapper. */
#define NFS_PMAP_ENTRIES 8u

struct nfs_server {
	struct loop *loop; /* borrowed */
	struct nfs_options options;
	struct nfs_site site;
	uint8_t checksum_key[HASH_SHORT_KEY_BYTES]; /* of arguments; the same after a restart */
	struct rpc_program programs[3]; /* NFS, MOUNT, the port mapper */
	struct rpc_server *rpc[NFS_PORTS]; /* NULL: not listening */
	bool tcp_only[NFS_PORTS];
	unsigned int busy; /* calls that workers have, or that wait for one */
	struct nfs_asking *asking; /* who asks the site for an export */
	struct nfs_connection *connections; /* those that remember exports */
	struct nfs_mounting *mounting; /* MNT that is under way, or waits for another one */
	struct nfs_mounted *mounted; /* the latest first */
	unsigned int mounted_count;
	struct loop_work registering;
	bool registers; /* @registering is with a worker */
	bool registered; /* with another port mapper: @entries */
	pmap2_mapping entries[NFS_PMAP_ENTRIES];
	size_t entries_count;
};

/* nfs_program.c: a call of NFS. */
void nfs_program_call(struct rpc_call *call);

/* The same for one whose export is known by now: takes one use of @lease. Or why it is not. */
void nfs_program_start(struct rpc_call *call, struct nfs_lease *lease);
void nfs_program_fail(struct rpc_call *call, int err);

/* In a worker: makes durable what calls of one export have done; their work, linked. */
void nfs_program_sync(struct loop_work *newest);

/* nfs_ask.c: lets a worker ask for the export of @handle, which is sealed; then goes on with @call. */
void nfs_ask(struct nfs_server *server, struct rpc_call *call,
	     const uint8_t handle[NFS_HANDLE_BYTES]);

/* nfs_mount.c, nfs_portmap.c */
void nfs_mount_call(struct rpc_call *call);
void nfs_mount_forget(struct nfs_server *server);
void nfs_portmap_call(struct rpc_call *call);

/* What a server has to tell of its ports: at most PMAP_ENTRIES. Returns how many. */
size_t nfs_portmap_entries(const struct nfs_server *server, pmap2_mapping out[NFS_PMAP_ENTRIES]);

/*
 * nfs_register.c: sets or removes entries at the host's own port mapper; waits. Of programs that another server
 * has there, which is alive, nothing is changed; @out, with room for @count, gets those that were set. Errors of
 * sockets, -ETIMEDOUT, -EACCES: it refused.
 */
int nfs_register_set(const pmap2_mapping *entries, size_t count, pmap2_mapping *out,
		     size_t *out_count);
int nfs_register_unset(const pmap2_mapping *entries, size_t count);

/* nfs_lease.c: all on the loop. */

/*
 * The export that a call's handle names, and the node. Waiting is forbidden meanwhile. -EAGAIN: the
 * handle is sealed, its export is to be asked for by nfs_lease_find. -EBADMSG: the handle is not ours. -ESTALE, -EACCES. The lease is
 * to be given back.
 */
int nfs_lease_of(struct nfs_server *server, struct rpc_call *call, const uint8_t *handle,
		 size_t len, struct nfs_lease **out, uint64_t *out_id);

/* In a worker: asks the site. Then on the loop: makes a lease of what it gave. -ENOMEM, -EBADMSG. */
int nfs_lease_find(const struct nfs_server *server, const uint8_t *handle, size_t len,
		   const struct rpc_peer *peer, struct nfs_export **out);
int nfs_lease_adopt(struct nfs_server *server, struct rpc_call *call, struct nfs_export *export,
		    const uint8_t *handle, size_t len, struct nfs_lease **out, uint64_t *out_id);
void nfs_lease_give_back(struct nfs_lease *lease);

#endif
