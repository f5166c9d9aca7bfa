/* SPDX-License-Identifier: MIT */
/*
 * The MOUNT protocol (RFC 1813, appendix I). MNT asks the site, in a worker; the rest is for people who
 * ask what is there. DUMP tells a client of its own mounts alone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "nfs/nfs_server.h"
#include "nfs/nfs_status.h"

/* What is remembered for DUMP: the latest ones. */
#define MOUNTED_MAX 1024u

/* What is told in one answer. */
#define EXPORTS_MAX 4096u

enum {
	PROC_NULL,
	PROC_MNT,
	PROC_DUMP,
	PROC_UMNT,
	PROC_UMNTALL,
	PROC_EXPORT,
};

/* What is remembered --------------------------------------------------------------------------- */

/* Of all paths where @path is NULL. */
static void forget(struct nfs_server *server, struct in_addr client, const char *path)
{
	struct nfs_mounted **link = &server->mounted;

	while (*link) {
		struct nfs_mounted *mounted = *link;

		if (mounted->client.s_addr != client.s_addr ||
		    (path && strcmp(mounted->path, path) != 0)) {
			link = &mounted->next;
			continue;
		}
		*link = mounted->next;
		server->mounted_count--;
		free(mounted);
	}
}

void nfs_mount_forget(struct nfs_server *server)
{
	while (server->mounted) {
		struct nfs_mounted *mounted = server->mounted;

		server->mounted = mounted->next;
		free(mounted);
	}
	server->mounted_count = 0;
}

static void drop_oldest(struct nfs_server *server)
{
	struct nfs_mounted **link = &server->mounted;

	while ((*link)->next)
		link = &(*link)->next;
	free(*link);
	*link = NULL;
	server->mounted_count--;
}

/* It is for people to look at: without memory, nothing is remembered. */
static void remember(struct nfs_server *server, struct in_addr client, const char *path)
{
	const size_t size = strlen(path) + 1;
	struct nfs_mounted *mounted;

	forget(server, client, path);
	if (server->mounted_count == MOUNTED_MAX)
		drop_oldest(server);
	mounted = malloc(sizeof(*mounted) + size);
	if (!mounted)
		return;
	mounted->client = client;
	memcpy(mounted->path, path, size);
	mounted->next = server->mounted;
	server->mounted = mounted;
	server->mounted_count++;
}

/* MNT ----------------------------------------------------------------------------------------- */

/*
 * Of each client one at a time for the same path is with a worker: a tree may take long to open, and who
 * asks again meanwhile only waits for the same.
 */
struct nfs_mounting {
	struct nfs_mounting *next; /* of the server's, in the order in which they came */
	struct nfs_server *server;
	struct rpc_call *call;
	struct rpc_peer peer; /* @slot is not its own */
	dirpath path; /* by rpcgen's code */
	struct nfs_export *export;
	uint64_t id;
	int err;
};

static void run(struct loop_work *work)
{
	struct rpc_call *call = container_of(work, struct rpc_call, work);
	struct nfs_mounting *mounting = call->state;
	const struct nfs_site *site = &mounting->server->site;

	mounting->err = site->mount(site->ctx, mounting->path, &mounting->peer, &mounting->export,
				    &mounting->id);
}

static void answer(struct rpc_call *call, const struct nfs_mounting *mounting)
{
	static int flavors[] = {RPC_AUTH_SYS, RPC_AUTH_NONE};
	uint8_t handle[NFS_HANDLE_BYTES];
	mountres3 res = {.fhs_status = nfs_status_of_mount(mounting->err)};
	mountres3_ok *ok = &res.mountres3_u.mountinfo;
	struct nfs_seal seal;

	if (!mounting->err) {
		nfs_seal_init(&seal, mounting->server->options.key, mounting->export->uuid,
			      mounting->export->epoch);
		nfs_handle_write(&seal, mounting->id, handle);
		ok->fhandle.fhandle3_len = sizeof(handle);
		ok->fhandle.fhandle3_val = (char *)handle;
		ok->auth_flavors.auth_flavors_len = ARRAY_SIZE(flavors);
		ok->auth_flavors.auth_flavors_val = flavors;
	}
	rpc_reply(call, (xdrproc_t)xdr_mountres3, &res);
}

/* The first one of the same client for the same path; NULL: there is none. */
static struct nfs_mounting *first_like(const struct nfs_server *server,
				       const struct nfs_mounting *like)
{
	struct nfs_mounting *mounting = server->mounting;

	while (mounting &&
	       (mounting->peer.address.sin_addr.s_addr != like->peer.address.sin_addr.s_addr ||
		strcmp(mounting->path, like->path) != 0))
		mounting = mounting->next;
	return mounting;
}

static void on_done(struct loop_work *work);

static void submit(struct nfs_mounting *mounting)
{
	loop_work_submit(mounting->server->loop, &mounting->call->work, run, on_done);
}

static void add(struct nfs_server *server, struct nfs_mounting *mounting)
{
	struct nfs_mounting **end = &server->mounting;
	const bool is_first = !first_like(server, mounting);

	while (*end)
		end = &(*end)->next;
	*end = mounting;
	if (is_first)
		submit(mounting);
}

/* The next one like it has its turn. */
static void take_out(struct nfs_server *server, struct nfs_mounting *mounting)
{
	struct nfs_mounting **link = &server->mounting;
	struct nfs_mounting *next;

	while (*link != mounting)
		link = &(*link)->next;
	*link = mounting->next;
	next = first_like(server, mounting);
	if (next)
		submit(next);
}

static void on_done(struct loop_work *work)
{
	struct rpc_call *call = container_of(work, struct rpc_call, work);
	struct nfs_mounting *mounting = call->state;
	struct nfs_server *server = mounting->server;

	take_out(server, mounting);
	server->busy--;
	if (mounting->err == -EHOSTUNREACH)
		rpc_drop(call);
	else
		answer(call, mounting);
	if (!mounting->err) {
		remember(server, mounting->peer.address.sin_addr, mounting->path);
		server->site.put(server->site.ctx, mounting->export);
	}
	rpc_args_free((xdrproc_t)xdr_dirpath, &mounting->path);
	free(mounting);
}

static void mount_path(struct nfs_server *server, struct rpc_call *call)
{
	struct nfs_mounting *mounting = calloc(1, sizeof(*mounting));

	if (!mounting) {
		rpc_drop(call);
		return;
	}
	mounting->server = server;
	mounting->call = call;
	mounting->peer = *call->peer;
	if (!rpc_args(call, (xdrproc_t)xdr_dirpath, &mounting->path)) {
		rpc_args_free((xdrproc_t)xdr_dirpath, &mounting->path);
		free(mounting);
		return;
	}
	call->state = mounting;
	server->busy++;
	add(server, mounting);
}

/* The others ----------------------------------------------------------------------------------- */

static void unmount_path(struct nfs_server *server, struct rpc_call *call)
{
	const struct nfs_site *site = &server->site;
	dirpath path = NULL;

	if (rpc_args(call, (xdrproc_t)xdr_dirpath, &path)) {
		forget(server, call->peer->address.sin_addr, path);
		if (site->unmounted)
			site->unmounted(site->ctx, path, call->peer);
		nfs_reply_nothing(call);
	}
	rpc_args_free((xdrproc_t)xdr_dirpath, &path);
}

static void unmount_all(struct nfs_server *server, struct rpc_call *call)
{
	forget(server, call->peer->address.sin_addr, NULL);
	nfs_reply_nothing(call);
}

static void dump(struct nfs_server *server, struct rpc_call *call)
{
	const struct in_addr client = call->peer->address.sin_addr;
	char host[INET_ADDRSTRLEN];
	struct mountbody *bodies = calloc(server->mounted_count + 1, sizeof(*bodies));
	mountlist list = NULL;
	size_t count = 0;

	if (!bodies) {
		rpc_drop(call);
		return;
	}
	inet_ntop(AF_INET, &client, host, sizeof(host));
	for (struct nfs_mounted *mounted = server->mounted; mounted; mounted = mounted->next) {
		if (mounted->client.s_addr != client.s_addr)
			continue;
		bodies[count] = (struct mountbody){
			.ml_hostname = host, .ml_directory = mounted->path, .ml_next = list};
		list = &bodies[count++];
	}
	rpc_reply(call, (xdrproc_t)xdr_mountlist, &list);
	free(bodies);
}

/* What clients may mount, while it is gathered: the last one first. */
struct exporting {
	mntexports list;
	size_t count;
};

static void free_export(struct exportnode *node)
{
	if (node->ex_groups)
		free(node->ex_groups->gr_name);
	free(node->ex_groups);
	free(node->ex_dir);
	free(node);
}

static bool set_group(struct exportnode *node, const char *who)
{
	node->ex_groups = calloc(1, sizeof(*node->ex_groups));
	if (node->ex_groups)
		node->ex_groups->gr_name = strdup(who);
	return node->ex_groups && node->ex_groups->gr_name;
}

static void take_export(void *to, const char *path, const char *who)
{
	struct exporting *exporting = to;
	struct exportnode *node;

	if (exporting->count == EXPORTS_MAX || strlen(path) > MNTPATHLEN)
		return;
	node = calloc(1, sizeof(*node));
	if (!node)
		return;
	node->ex_dir = strdup(path);
	if (!node->ex_dir || (who && !set_group(node, who))) {
		free_export(node);
		return;
	}
	node->ex_next = exporting->list;
	exporting->list = node;
	exporting->count++;
}

static void tell_exports(struct nfs_server *server, struct rpc_call *call)
{
	struct exporting exporting = {0};

	server->site.each(server->site.ctx, call->peer, take_export, &exporting);
	rpc_reply(call, (xdrproc_t)xdr_mntexports, &exporting.list);
	while (exporting.list) {
		struct exportnode *node = exporting.list;

		exporting.list = node->ex_next;
		free_export(node);
	}
}

void nfs_mount_call(struct rpc_call *call)
{
	struct nfs_server *server = call->ctx;

	switch (call->procedure) {
	case PROC_NULL:
		nfs_reply_nothing(call);
		break;
	case PROC_MNT:
		mount_path(server, call);
		break;
	case PROC_DUMP:
		dump(server, call);
		break;
	case PROC_UMNT:
		unmount_path(server, call);
		break;
	case PROC_UMNTALL:
		unmount_all(server, call);
		break;
	case PROC_EXPORT:
		tell_exports(server, call);
		break;
	default:
		rpc_refuse(call, RPC_PROC_UNAVAIL);
	}
}
