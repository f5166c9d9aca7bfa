/* SPDX-License-Identifier: MIT */
/* The server as a whole: its programs, the ports that they are at, its end. */
#include "nfs/nfs_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"

/* Bytes of a record besides the data of a WRITE: headers, credentials, arguments. */
#define RECORD_HEAD 4096u
#define TRANSFER_MIN 4096u

static_assert(NFS_PMAP_ENTRIES >= 6, "three programs, by TCP and UDP");

static void make_checksum_key(struct nfs_server *server)
{
	uint8_t key[HASH_BLAKE2B_BYTES];
	struct hash hash;

	hash_start(&hash);
	hash_add_text(&hash, "bramble nfs arguments");
	hash_add(&hash, server->options.key, NFS_KEY_BYTES);
	hash_finish(&hash, key);
	memcpy(server->checksum_key, key, sizeof(server->checksum_key));
}

static void set_programs(struct nfs_server *server)
{
	server->programs[0] = (struct rpc_program){
		.name = "nfs",
		.number = NFS_PROGRAM,
		.version_low = NFS_VERSION,
		.version_high = NFS_VERSION,
		.call = nfs_program_call,
		.ctx = server,
	};
	server->programs[1] = (struct rpc_program){
		.name = "mount",
		.number = MOUNT_PROGRAM,
		.version_low = MOUNT_VERSION,
		.version_high = MOUNT_VERSION,
		.call = nfs_mount_call,
		.ctx = server,
	};
	server->programs[2] = (struct rpc_program){
		.name = "portmap",
		.number = PMAP_PROGRAM,
		.version_low = PMAP_VERSION,
		.version_high = PMAP_VERSION,
		.call = nfs_portmap_call,
		.ctx = server,
	};
}

int nfs_server_create(struct loop *loop, const struct nfs_options *options,
		      const struct nfs_site *site, struct nfs_server **out)
{
	struct nfs_server *server;

	if (options->transfer_max < TRANSFER_MIN || options->transfer_max > NFS3_DATA_BOUND ||
	    options->transfer_preferred < TRANSFER_MIN ||
	    options->transfer_preferred > options->transfer_max)
		return -EINVAL;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->options = *options;
	server->site = *site;
	make_checksum_key(server);
	set_programs(server);
	*out = server;
	return 0;
}

/* Ports --------------------------------------------------------------------------------------- */

/*
 * TCP and UDP at the same address; where its port is 0, at the one that TCP got. Who was given a socket
 * for TCP may not be allowed to open one for UDP.
 */
static int listen_at(struct rpc_server *rpc, const struct sockaddr_in *address, int tcp_fd,
		     int udp_fd, bool *out_tcp_only)
{
	struct sockaddr_in same = *address;
	int err = rpc_server_listen_tcp(rpc, address, tcp_fd);

	if (err)
		return err;
	same.sin_port = htons(rpc_server_port(rpc));
	err = rpc_server_listen_udp(rpc, &same, udp_fd);
	*out_tcp_only = err == -EACCES && tcp_fd > 0;
	return *out_tcp_only ? 0 : err;
}

static int listen_for(struct nfs_server *server, unsigned int at,
		      const struct rpc_program *programs, size_t count,
		      const struct sockaddr_in *address, int tcp_fd, int udp_fd)
{
	struct rpc_limits limits = RPC_LIMITS_DEFAULT;
	struct rpc_server *rpc;
	int err;

	assert(!server->rpc[at]);
	limits.record_max =
		at == NFS_AT_NFS ? server->options.transfer_max + RECORD_HEAD : RECORD_HEAD;
	err = rpc_server_create(server->loop, programs, count, &limits, &rpc);
	if (err)
		return err;
	err = listen_at(rpc, address, tcp_fd, udp_fd, &server->tcp_only[at]);
	if (err) {
		rpc_server_destroy(rpc);
		return err;
	}
	server->rpc[at] = rpc;
	return 0;
}

int nfs_server_listen(struct nfs_server *server, const struct sockaddr_in *nfs, int tcp_fd,
		      int udp_fd)
{
	return listen_for(server, NFS_AT_NFS, server->programs, 2, nfs, tcp_fd, udp_fd);
}

int nfs_server_listen_mount(struct nfs_server *server, const struct sockaddr_in *mount, int tcp_fd,
			    int udp_fd)
{
	return listen_for(server, NFS_AT_MOUNT, &server->programs[1], 1, mount, tcp_fd, udp_fd);
}

int nfs_server_portmap(struct nfs_server *server, const struct sockaddr_in *address, int tcp_fd,
		       int udp_fd)
{
	return listen_for(server, NFS_AT_PMAP, &server->programs[2], 1, address, tcp_fd, udp_fd);
}

static uint16_t port_of(const struct nfs_server *server, unsigned int at)
{
	return server->rpc[at] ? rpc_server_port(server->rpc[at]) : 0;
}

uint16_t nfs_server_port(const struct nfs_server *server)
{
	return port_of(server, NFS_AT_NFS);
}

uint16_t nfs_server_mount_port(const struct nfs_server *server)
{
	const uint16_t own = port_of(server, NFS_AT_MOUNT);

	return own && !server->tcp_only[NFS_AT_MOUNT] ? own : nfs_server_port(server);
}

/* Another port mapper -------------------------------------------------------------------------- */

static void run_register(struct loop_work *work)
{
	struct nfs_server *server = container_of(work, struct nfs_server, registering);
	pmap2_mapping entries[NFS_PMAP_ENTRIES];
	size_t count = nfs_portmap_entries(server, entries);
	int err = nfs_register_set(entries, count, server->entries, &server->entries_count);

	server->registered = !err;
	if (err)
		log_warn("nfs: the port mapper of this host does not take our ports: %s",
			 strerror(-err));
}

static void on_registered(struct loop_work *work)
{
	struct nfs_server *server = container_of(work, struct nfs_server, registering);

	server->registers = false;
	server->busy--;
}

int nfs_server_register(struct nfs_server *server)
{
	if (server->registers)
		return -EALREADY;
	server->registers = true;
	server->busy++;
	loop_work_submit(server->loop, &server->registering, run_register, on_registered);
	return 0;
}

/* End ----------------------------------------------------------------------------------------- */

unsigned int nfs_server_busy(const struct nfs_server *server)
{
	return server->busy;
}

void nfs_server_quiesce(struct nfs_server *server)
{
	for (size_t i = 0; i < NFS_PORTS; i++) {
		if (server->rpc[i])
			rpc_server_quiesce(server->rpc[i]);
	}
}

void nfs_server_destroy(struct nfs_server *server)
{
	if (!server)
		return;
	if (server->registered)
		(void)nfs_register_unset(server->entries, server->entries_count);
	for (size_t i = 0; i < NFS_PORTS; i++)
		rpc_server_destroy(server->rpc[i]);
	nfs_mount_forget(server);
	free(server);
}

/* Exports ------------------------------------------------------------------------------------- */

int nfs_export_start(struct nfs_export *export)
{
	struct nfs_calls *calls;
	int err = nfs_calls_create(nfs_program_sync, &calls);

	if (err)
		return err;
	err = nfs_calls_load(calls, export->tree);
	if (err) {
		nfs_calls_destroy(calls);
		return err;
	}
	export->calls = calls;
	return 0;
}

void nfs_export_finish(struct nfs_export *export)
{
	nfs_calls_destroy(export->calls);
	export->calls = NULL;
}
