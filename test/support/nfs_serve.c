/* SPDX-License-Identifier: MIT */
/*
 * Serves one image, or an overlay of it, by the nfs room alone, for tests of that room:
 *
 *     nfs_serve [-s STATE -o OVERLAY] [-p PORT] [-m PORT] [-w WORKERS] [-q] [-r] [-2] IMAGE
 *
 * NFS and MOUNT at 127.0.0.1:PORT, a port mapper at the second PORT. -r: registers with the port mapper of
 * this host. -2: once more at another port, as a second front of the same tree. -q: root is nobody. Anybody may mount /export, and directories below it. Says "ready NFS-PORT
 * MAPPER-PORT SECOND-PORT" when it serves, and ends at SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/log.h"
#include "nfs/nfs.h"
#include "stack/stack.h"

#define WORKERS 12u
#define TRANSFER_MAX (1u << 20)
#define TRANSFER_PREFERRED (256u << 10)
#define ROOT "/export"
#define FSID 0x4242u

struct serve {
	struct loop *loop;
	struct nfs_server *server;
	struct nfs_server *second; /* NULL: there is one alone */
	struct nfs_export export;
	struct loop_signal end;
	struct loop_timer wait;
	atomic_int uses;
};

struct settings {
	struct stack_options stack;
	const char *image;
	uint16_t port;
	uint16_t mapper_port;
	unsigned int workers;
	bool squash;
	bool registers;
	bool twice;
};

/* The site --------------------------------------------------------------------------------------- */

static int on_mount(void *ctx, const char *path, const struct rpc_peer *peer,
		    struct nfs_export **out, uint64_t *out_id)
{
	struct serve *serve = ctx;
	const size_t len = strlen(ROOT);
	int err;

	(void)peer;
	if (strcmp(path, "/forbidden") == 0)
		return -EACCES;
	if (strncmp(path, ROOT, len) != 0 || (path[len] && path[len] != '/'))
		return -ENOENT;
	err = tree_walk(serve->export.tree, path[len] ? path + len : "/", true, out_id);
	if (err)
		return err;
	atomic_fetch_add(&serve->uses, 1);
	*out = &serve->export;
	return 0;
}

static int on_find(void *ctx, const uint8_t uuid[NFS_UUID_BYTES], uint64_t epoch,
		   const struct rpc_peer *peer, struct nfs_export **out)
{
	struct serve *serve = ctx;

	(void)peer;
	if (memcmp(uuid, serve->export.uuid, NFS_UUID_BYTES) != 0 || epoch != serve->export.epoch)
		return -ESTALE;
	atomic_fetch_add(&serve->uses, 1);
	*out = &serve->export;
	return 0;
}

static void on_put(void *ctx, struct nfs_export *export)
{
	struct serve *serve = ctx;

	(void)export;
	atomic_fetch_sub(&serve->uses, 1);
}

static void on_each(void *ctx, const struct rpc_peer *peer,
		    void (*take)(void *to, const char *path, const char *who), void *to)
{
	(void)ctx;
	(void)peer;
	take(to, ROOT, NULL);
}

/* The server -------------------------------------------------------------------------------------- */

static void on_wait(struct loop_timer *timer)
{
	struct serve *serve = container_of(timer, struct serve, wait);

	if (nfs_server_busy(serve->server) || (serve->second && nfs_server_busy(serve->second)))
		loop_timer_start(serve->loop, timer, 1, on_wait);
	else
		loop_stop(serve->loop);
}

static void on_signal(struct loop_signal *sig, int number)
{
	struct serve *serve = container_of(sig, struct serve, end);

	(void)number;
	nfs_server_quiesce(serve->server);
	if (serve->second)
		nfs_server_quiesce(serve->second);
	on_wait(&serve->wait);
}

/* Unstable writes may have been lost exactly where an overlay was not closed. */
static uint64_t verifier_of(const struct state_info *info)
{
	uint8_t out[HASH_BLAKE2B_BYTES];
	uint64_t verifier;
	struct hash hash;

	hash_start(&hash);
	if (info) {
		hash_add(&hash, info->uuid, sizeof(info->uuid));
		hash_add_u64(&hash, info->epoch);
		hash_add_u64(&hash, info->losses);
	}
	hash_finish(&hash, out);
	memcpy(&verifier, out, sizeof(verifier));
	return verifier;
}

static int start_export(struct serve *serve, struct stack *stack, bool squash)
{
	const struct state_info *info = stack_overlay_info(stack);
	struct nfs_export *export = &serve->export;

	export->tree = stack_tree(stack);
	if (info) {
		memcpy(export->uuid, info->uuid, sizeof(export->uuid));
		export->epoch = info->epoch;
	}
	export->verifier = verifier_of(info);
	export->fsid = FSID;
	export->squash_root = squash;
	return nfs_export_start(export);
}

static int listen_for_all(struct serve *serve, const struct settings *settings)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(settings->port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int err = nfs_server_listen(serve->server, &address, -1, -1);

	address.sin_port = 0;
	if (!err && serve->second)
		err = nfs_server_listen(serve->second, &address, -1, -1);
	address.sin_port = htons(settings->mapper_port);
	if (!err && settings->mapper_port)
		err = nfs_server_portmap(serve->server, &address, -1, -1);
	if (!err && settings->registers)
		err = nfs_server_register(serve->server);
	return err;
}

static int serve_until_end(struct serve *serve, const struct settings *settings)
{
	static const struct nfs_options options = {
		.key = "tests need none",
		.transfer_max = TRANSFER_MAX,
		.transfer_preferred = TRANSFER_PREFERRED,
	};
	const struct nfs_site site = {
		.mount = on_mount,
		.find = on_find,
		.put = on_put,
		.each = on_each,
		.ctx = serve,
	};
	int err = nfs_server_create(serve->loop, &options, &site, &serve->server);

	if (!err && settings->twice)
		err = nfs_server_create(serve->loop, &options, &site, &serve->second);
	if (!err)
		err = listen_for_all(serve, settings);
	if (!err) {
		loop_signal_start(serve->loop, &serve->end, SIGTERM, on_signal);
		printf("ready %u %u %u\n", nfs_server_port(serve->server), settings->mapper_port,
		       serve->second ? nfs_server_port(serve->second) : 0u);
		fflush(stdout);
		loop_run(serve->loop);
		loop_signal_stop(serve->loop, &serve->end);
	}
	nfs_server_destroy(serve->second);
	nfs_server_destroy(serve->server);
	return err;
}

static int run(const struct settings *settings)
{
	CLEANUP(store_writer_destroyp) struct store_writer *writer = NULL;
	struct stack_options options = settings->stack;
	struct stack *stack = NULL;
	struct serve serve = {0};
	int err = loop_create(settings->workers, &serve.loop);

	if (!err)
		err = store_writer_create(&writer);
	options.writer = writer;
	if (!err)
		err = stack_open(settings->image, &options, &stack);
	if (!err)
		err = start_export(&serve, stack, settings->squash);
	if (!err)
		err = serve_until_end(&serve, settings);
	if (!err && atomic_load(&serve.uses))
		err = -EBUSY; /* an export was not given back */
	nfs_export_finish(&serve.export);
	if (stack_close(stack) && !err)
		err = -EIO;
	loop_destroy(serve.loop);
	return err;
}

int main(int argc, char **argv)
{
	struct settings settings = {.stack = STACK_OPTIONS_DEFAULT, .workers = WORKERS};
	int option, err;

	while ((option = getopt(argc, argv, "s:o:p:m:w:qr2")) != -1) {
		switch (option) {
		case 's':
			settings.stack.state = optarg;
			break;
		case 'o':
			settings.stack.overlay = optarg;
			break;
		case 'p':
			settings.port = (uint16_t)atoi(optarg);
			break;
		case 'm':
			settings.mapper_port = (uint16_t)atoi(optarg);
			break;
		case 'w':
			settings.workers = (unsigned int)atoi(optarg);
			break;
		case 'q':
			settings.squash = true;
			break;
		case 'r':
			settings.registers = true;
			break;
		case '2':
			settings.twice = true;
			break;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc)
		return 2;
	settings.image = argv[optind];
	err = run(&settings);
	if (err)
		fprintf(stderr, "nfs_serve: %s\n", strerror(-err));
	return err ? 1 : 0;
}
