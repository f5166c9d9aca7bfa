/* SPDX-License-Identifier: MIT */
/*
 * The input is calls, one after the other: u8 program and how it came, u8 procedure, u8 node, le16 length
 * of the arguments, and these. For NFS, a good handle of the node is put in front of them, and wherever
 * 0xfd 0xfe stands in them, one of the node whose number follows. Each is answered, refused or dropped,
 * once; what is answered can be read by rpcgen's code, to its last byte.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/le.h"
#include "base/log.h"
#include "nfs/nfs_server.h"
#include "overlay/overlay.h"
#include "store/store.h"
#include "support/nfs_fake.h"
#include "tree/tree_memory.h"

#define CALLS_MAX 32u
#define ARGS_MAX 4096u
#define NODES 24u /* ids that handles are made of: those of the tree, and some that are none */

struct world {
	struct tree *tree;
	struct nfs_export export;
	struct nfs_server *server;
	struct nfs_seal seal;
	struct rpc_peer peer;
	int uses;
};

static int on_mount(void *ctx, const char *path, const struct rpc_peer *peer,
		    struct nfs_export **out, uint64_t *out_id)
{
	struct world *w = ctx;
	int err = tree_walk(w->tree, path, true, out_id);

	(void)peer;
	if (err)
		return err;
	w->uses++;
	*out = &w->export;
	return 0;
}

static int on_find(void *ctx, const uint8_t uuid[NFS_UUID_BYTES], uint64_t epoch,
		   const struct rpc_peer *peer, struct nfs_export **out)
{
	struct world *w = ctx;

	(void)uuid;
	(void)epoch;
	(void)peer;
	w->uses++;
	*out = &w->export;
	return 0;
}

static void on_put(void *ctx, struct nfs_export *export)
{
	struct world *w = ctx;

	(void)export;
	w->uses--;
}

static void on_each(void *ctx, const struct rpc_peer *peer,
		    void (*take)(void *to, const char *path, const char *who), void *to)
{
	(void)ctx;
	(void)peer;
	take(to, "/one", NULL);
	take(to, "/two", "two");
}

static uint64_t add(struct tree *tree, uint64_t dir, const char *name, mode_t mode)
{
	const struct tree_memory_node node = {.mode = mode,
					      .size = S_ISREG(mode) ? 10000 : 0,
					      .target = S_ISLNK(mode) ? "target" : NULL};
	uint64_t id;

	if (tree_memory_add(tree, dir, name, &node, &id))
		abort();
	return id;
}

static struct tree *make_tree(void)
{
	struct tree *root, *boot, *lower, *tree;
	struct store *store;
	uint64_t dir;

	if (tree_memory_create(&root) || tree_memory_create(&boot) || store_memory_create(&store))
		abort();
	dir = add(root, TREE_ROOT, "dir", S_IFDIR | 0755);
	add(root, dir, "file", S_IFREG | 0644);
	add(root, dir, "link", S_IFLNK | 0777);
	add(root, dir, "pipe", S_IFIFO | 0666);
	add(root, TREE_ROOT, "boot", S_IFDIR | 0755);
	tree_memory_ignore_case(boot, TREE_ROOT);
	add(boot, TREE_ROOT, "config.txt", S_IFREG | 0755);
	if (tree_compose_create(root, &lower) || tree_compose_mount(lower, "/boot", boot) ||
	    overlay_format(store, lower, 0) || overlay_open(store, lower, &tree))
		abort();
	return tree;
}

static const xdrproc_t results[NFS_PROCEDURES] = {
	NULL,
	(xdrproc_t)xdr_GETATTR3res,
	(xdrproc_t)xdr_WCC3res,
	(xdrproc_t)xdr_LOOKUP3res,
	(xdrproc_t)xdr_ACCESS3res,
	(xdrproc_t)xdr_READLINK3res,
	(xdrproc_t)xdr_READ3res,
	(xdrproc_t)xdr_WRITE3res,
	(xdrproc_t)xdr_CREATE3res,
	(xdrproc_t)xdr_CREATE3res,
	(xdrproc_t)xdr_CREATE3res,
	(xdrproc_t)xdr_CREATE3res,
	(xdrproc_t)xdr_WCC3res,
	(xdrproc_t)xdr_WCC3res,
	(xdrproc_t)xdr_RENAME3res,
	(xdrproc_t)xdr_LINK3res,
	(xdrproc_t)xdr_READDIR3res,
	(xdrproc_t)xdr_READDIRPLUS3res,
	(xdrproc_t)xdr_FSSTAT3res,
	(xdrproc_t)xdr_FSINFO3res,
	(xdrproc_t)xdr_PATHCONF3res,
	(xdrproc_t)xdr_COMMIT3res,
};

/* Larger than any of the results. */
union result {
	uint8_t bytes[1024];
	uint64_t aligned;
};

static void check_answer(const struct fake_call *fake)
{
	const xdrproc_t decode = results[fake->call.procedure];
	union result result;
	XDR xdr;

	memset(&result, 0, sizeof(result));
	xdrmem_create(&xdr, (char *)fake->data, (unsigned int)fake->len, XDR_DECODE);
	if (!decode(&xdr, &result) || xdr_getpos(&xdr) != fake->len)
		abort();
	xdr_destroy(&xdr);
	xdr_free(decode, (char *)&result);
}

/* The arguments of the input with handles in them; their length. */
static size_t fill_args(struct world *w, uint8_t node, bool with_handle, const uint8_t *data,
			size_t len, uint8_t *out)
{
	uint8_t *p = out;

	if (with_handle)
		p = nfs_put_fh(p, &w->seal, node % NODES);
	for (size_t i = 0; i < len && (size_t)(p - out) < ARGS_MAX; i++) {
		if (data[i] == 0xfd && len - i > 2 && data[i + 1] == 0xfe) {
			p = nfs_put_fh(p, &w->seal, data[i + 2] % NODES);
			i += 2;
			continue;
		}
		*p++ = data[i];
	}
	return (size_t)(p - out);
}

static void make_call(struct world *w, uint32_t xid, const uint8_t head[5], const uint8_t *data,
		      size_t len)
{
	static const uint32_t programs[] = {NFS_PROGRAM, NFS_PROGRAM, MOUNT_PROGRAM, PMAP_PROGRAM};
	const uint32_t program = programs[head[0] & 3];
	const uint32_t procedure = program == NFS_PROGRAM ? head[1] % NFS_PROCEDURES : head[1] % 8;
	uint8_t filled[ARGS_MAX + NFS_FH_BYTES];
	struct fake_call fake;
	uint8_t *args;

	len = fill_args(w, head[2], program == NFS_PROGRAM && !(head[0] & 4), data, len, filled);
	/* not a byte more, so that a sanitizer sees what is read behind it */
	args = malloc(len ? len : 1);
	if (!args)
		abort();
	memcpy(args, filled, len);
	fake_call_init(&fake, program, procedure, args, len);
	fake.call.xid = head[0] & 8 ? 1 : xid;
	fake.call.cred.uid = fake.call.cred.gid = head[0] & 16 ? 1000 : 0;
	if (head[0] & 32)
		fake.call.peer = &w->peer;
	fake_call_make(&fake);
	if (fake.end == FAKE_OPEN)
		abort();
	if (fake.end == FAKE_ANSWERED && program == NFS_PROGRAM && procedure)
		check_answer(&fake);
	fake_call_finish(&fake);
	free(args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.peer = {.tcp = true}};
	const struct nfs_site site = {
		.mount = on_mount, .find = on_find, .put = on_put, .each = on_each, .ctx = &w};
	unsigned int problems;

	log_set_level(LOG_LEVEL_ERROR);
	w.tree = make_tree();
	w.export.tree = w.tree;
	if (nfs_export_start(&w.export))
		abort();
	w.server = fake_server(&site);
	nfs_seal_init(&w.seal, w.server->options.key, w.export.uuid, w.export.epoch);
	for (uint32_t i = 0; i < CALLS_MAX && size >= 5; i++) {
		size_t len = le16_at(data + 3);

		len = len < size - 5 ? len : size - 5;
		make_call(&w, 1000 + i, data, data + 5, len);
		data += 5 + len;
		size -= 5 + len;
	}
	if (w.peer.slot_end)
		w.peer.slot_end(w.peer.slot);
	if (w.uses || nfs_server_busy(w.server))
		abort();
	fake_server_end(w.server);
	nfs_export_finish(&w.export);
	if (overlay_check(w.tree, &problems) || problems)
		abort();
	overlay_close(w.tree);
	return 0;
}
