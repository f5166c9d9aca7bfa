/* SPDX-License-Identifier: MIT */
/*
 * NFS version 3 (RFC 1813) with its MOUNT protocol, and a port mapper (RFC 1833, version 2): trees on
 * the network. The front door of the nfs room. Which trees there are, and who may have them, is the
 * business of whoever starts it.
 *
 * What an NFS client was told to be done is durable as RFC 1813 asks for: namespace operations, SETATTR
 * and FILE_SYNC writes at their reply, unstable writes at COMMIT.
 */
#ifndef BRAMBLE_NFS_NFS_H
#define BRAMBLE_NFS_NFS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "rpc/rpc.h"
#include "tree/tree.h"

#define NFS_UUID_BYTES 16u
#define NFS_KEY_BYTES 16u
/* Bytes of the longest path in MOUNT (MNTPATHLEN). */
#define NFS_PATH_MAX 1024u

struct nfs_calls;

/*
 * A tree that clients have. Made, counted and ended by the site. @uuid and @epoch are in each of its
 * handles: where one of them differs, a handle is stale.
 */
struct nfs_export {
	struct tree *tree; /* nobody else changes it meanwhile, or wcc_data would not be true */
	uint8_t uuid[NFS_UUID_BYTES];
	uint64_t epoch;
	uint64_t verifier; /* of unstable writes: differs where they may have been lost */
	uint64_t fsid;
	bool squash_root; /* uid 0 is nobody */
	/*
	 * Set by the site, by __atomic_store_n: connections that have kept the export do not use it any
	 * more, but ask again.
	 */
	bool gone;
	uint64_t changes; /* calls that have changed something; for __atomic_load_n */
	int full; /* -ENOSPC or -EDQUOT, set when a call was answered so; for __atomic_exchange_n */
	/*
	 * The nfs room's: calls under way, and answers to be given again. Made by nfs_export_start, freed
	 * by nfs_export_finish.
	 */
	struct nfs_calls *calls;
};

/* What is told of a @peer: its address, ours, and whether it is one by TCP. */
struct nfs_site {
	/*
	 * MNT of @path by @peer, in a worker: may wait. *@out is returned by `put`. -EACCES: not for
	 * this peer; -ENOENT: nothing there; *@out_id: the node that the path leads to. -EHOSTUNREACH:
	 * who @peer is cannot be told yet; not answered, clients ask again.
	 */
	int (*mount)(void *ctx, const char *path, const struct rpc_peer *peer,
		     struct nfs_export **out, uint64_t *out_id);

	/*
	 * One more user of the export of a handle that @peer has used. On the loop while waiting is forbidden, and again
	 * in a worker if it gave -EAGAIN. -ESTALE: there is none; -EACCES: not for this peer; -EAGAIN in
	 * a worker: it is busy for some seconds, the client is told to come again (NFS3ERR_JUKEBOX);
	 * -EHOSTUNREACH as above: likewise.
	 */
	int (*find)(void *ctx, const uint8_t uuid[NFS_UUID_BYTES], uint64_t epoch,
		    const struct rpc_peer *peer, struct nfs_export **out);

	/* From any thread. */
	void (*put)(void *ctx, struct nfs_export *export);

	/*
	 * For EXPORT: gives each path that @peer may mount, and in words who may but for this host (NULL: everybody).
	 * On the loop, must not wait.
	 */
	void (*each)(void *ctx, const struct rpc_peer *peer,
		     void (*take)(void *to, const char *path, const char *who), void *to);

	/* UMNT: for the site's log. On the loop, must not wait. NULL: not wanted. */
	void (*unmounted)(void *ctx, const char *path, const struct rpc_peer *peer);
	void *ctx;
};

struct nfs_options {
	uint8_t key[NFS_KEY_BYTES]; /* seals handles; kept as long as clients may have some */
	uint32_t transfer_max; /* bytes of a READ or WRITE: rtmax, wtmax; at most 1 MiB */
	uint32_t transfer_preferred; /* rtpref, wtpref */
};

struct nfs_server;

/* @site is copied, its ctx borrowed. */
int nfs_server_create(struct loop *loop, const struct nfs_options *options,
		      const struct nfs_site *site, struct nfs_server **out);

/*
 * NFS and MOUNT over TCP and UDP at @nfs, MOUNT also at @mount if its port is another one. Errors of
 * bind(2), not logged. @tcp_fd, @udp_fd: a listening and a bound socket to take over; 0 or less: none.
 * With the one for TCP alone, UDP is done without where that port is not permitted.
 */
int nfs_server_listen(struct nfs_server *server, const struct sockaddr_in *nfs, int tcp_fd,
		      int udp_fd);
int nfs_server_listen_mount(struct nfs_server *server, const struct sockaddr_in *mount, int tcp_fd,
			    int udp_fd);

/*
 * Tells clients the ports: by a port mapper of our own at @address (111 is usual), TCP and UDP; or by
 * the one that already runs on this host, in a worker's time. -EADDRINUSE, -EACCES as bind(2).
 */
int nfs_server_portmap(struct nfs_server *server, const struct sockaddr_in *address, int tcp_fd,
		       int udp_fd);
int nfs_server_register(struct nfs_server *server);

/* Ports that are in use, by TCP and UDP, host order; 0: none. */
uint16_t nfs_server_port(const struct nfs_server *server);
uint16_t nfs_server_mount_port(const struct nfs_server *server);

/* Calls that are being carried out, of all clients. */
unsigned int nfs_server_busy(const struct nfs_server *server);

/* No further calls are taken; those under way are answered. */
void nfs_server_quiesce(struct nfs_server *server);

/* Not while calls are being carried out. Unregisters. Accepts NULL. */
void nfs_server_destroy(struct nfs_server *server);

/*
 * For the site, which wants to end @export and has set its `gone`: returns it (`put`) for all connections
 * that have kept it between their calls. Calls under way return theirs when they end.
 */
void nfs_server_forget(struct nfs_server *server, struct nfs_export *export);

/* For the site: the answers that @export keeps for calls that come again are loaded, or released. */
int nfs_export_start(struct nfs_export *export);
void nfs_export_finish(struct nfs_export *export);

#endif
