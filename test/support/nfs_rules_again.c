/* SPDX-License-Identifier: MIT */
/* Rules of calls that come again, and of what is there after the server was killed. */
#include "support/nfs_rules.h"

#define CREATE_AS(c, number, name, res) create_as(c, number, &r->dir, name, GUARDED, NULL, res)

static void create_as(struct client *c, uint32_t xid, struct handle *dir, const char *name,
		      createmode3 how, const char verifier[8], CREATE3res *res)
{
	CREATE3args args;

	memset(&args, 0, sizeof(args));
	args.where.dir = fh_of(dir);
	args.where.name = (char *)(uintptr_t)name;
	args.how.mode = how;
	if (how == EXCLUSIVE)
		memcpy(args.how.createhow3_u.verf, verifier, 8);
	else
		args.how.createhow3_u.obj_attributes = set_mode(0640);
	client_call_as(c, xid, NFS3_CREATE, (zdrproc_t)zdr_CREATE3args, &args,
		       (zdrproc_t)zdr_CREATE3res, res, sizeof(*res));
}

static nfsstat3 remove_as(struct client *c, uint32_t xid, struct handle *dir, const char *name)
{
	REMOVE3args args = {.object = {.dir = fh_of(dir), .name = (char *)(uintptr_t)name}};
	REMOVE3res res;

	client_call_as(c, xid, NFS3_REMOVE, (zdrproc_t)zdr_REMOVE3args, &args,
		       (zdrproc_t)zdr_REMOVE3res, &res, sizeof(res));
	return res.status;
}

static nfsstat3 rename_as(struct client *c, uint32_t xid, struct handle *dir, const char *from,
			  const char *to)
{
	RENAME3args args = {.from = {.dir = fh_of(dir), .name = (char *)(uintptr_t)from},
			    .to = {.dir = fh_of(dir), .name = (char *)(uintptr_t)to}};
	RENAME3res res;

	client_call_as(c, xid, NFS3_RENAME, (zdrproc_t)zdr_RENAME3args, &args,
		       (zdrproc_t)zdr_RENAME3res, &res, sizeof(res));
	return res.status;
}

static nfsstat3 link_as(struct client *c, uint32_t xid, struct handle *file, struct handle *dir,
			const char *name)
{
	LINK3args args = {.file = fh_of(file),
			  .link = {.dir = fh_of(dir), .name = (char *)(uintptr_t)name}};
	LINK3res res;

	client_call_as(c, xid, NFS3_LINK, (zdrproc_t)zdr_LINK3args, &args, (zdrproc_t)zdr_LINK3res,
		       &res, sizeof(res));
	return res.status;
}

static nfsstat3 chmod_as(struct client *c, uint32_t xid, struct handle *file, uint32_t mode,
			 const nfstime3 *guard)
{
	SETATTR3args args = {.object = fh_of(file), .new_attributes = set_mode(mode)};
	SETATTR3res res;

	memset(&args.guard, 0, sizeof(args.guard));
	args.guard.check = 1;
	args.guard.sattrguard3_u.obj_ctime = *guard;
	client_call_as(c, xid, NFS3_SETATTR, (zdrproc_t)zdr_SETATTR3args, &args,
		       (zdrproc_t)zdr_SETATTR3res, &res, sizeof(res));
	return res.status;
}

static void a_call_that_comes_again_gets_its_first_answer(struct rules *r)
{
	struct client again, udp, *clients[3] = {r->root, &again, &udp};
	struct handle file, made;
	CREATE3res res;
	fattr3 attr;
	uint32_t x = r->root->xid + 1000;

	client_open(&again, r->port, false);
	client_open(&udp, r->port, true);
	for (int i = 0; i < 3; i++) {
		struct client *c = clients[i];

		CREATE_AS(c, x, "made", &res);
		CHECK_IS(res.status, NFS3_OK);
		keep_handle(&res.CREATE3res_u.resok.obj.post_op_fh3_u.handle, &made);
		if (i == 0)
			file = made;
		CHECK_IS(memcmp(file.data, made.data, file.len), 0);
		CHECK(res.CREATE3res_u.resok.obj_attributes.attributes_follow);
		CREATE_AS(c, x + 1, "made", &res);
		CHECK_IS(res.status, NFS3ERR_EXIST);
	}
	do_getattr(r->root, &file, &attr);
	for (int i = 0; i < 3; i++)
		CHECK_IS(chmod_as(clients[i], x + 2, &file, 0600, &attr.ctime), NFS3_OK);
	for (int i = 0; i < 3; i++)
		CHECK_IS(link_as(clients[i], x + 3, &file, &r->dir, "other"), NFS3_OK);
	for (int i = 0; i < 3; i++)
		CHECK_IS(rename_as(clients[i], x + 4, &r->dir, "other", "third"), NFS3_OK);
	for (int i = 0; i < 3; i++)
		CHECK_IS(remove_as(clients[i], x + 5, &r->dir, "third"), NFS3_OK);
	CHECK_IS(remove_as(r->root, x + 6, &r->dir, "third"), NFS3ERR_NOENT);
	CREATE_AS(r->root, x + 7, "third", &res);
	CHECK_IS(res.status, NFS3_OK);
	/* so does one that failed, though it would succeed now */
	CHECK_IS(remove_as(&again, x + 6, &r->dir, "third"), NFS3ERR_NOENT);
	/* the number alone does not make it the same call */
	CHECK_IS(remove_as(&again, x + 6, &r->dir, "made"), NFS3_OK);
	client_close(&again);
	client_close(&udp);
}

static void calls_are_remembered_for_a_while_only(struct rules *r)
{
	CREATE3res res;
	uint32_t x = r->root->xid + 5000;
	char name[16];

	for (uint32_t i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		CREATE_AS(r->root, x + i, name, &res);
		CHECK_IS(res.status, NFS3_OK);
	}
	CREATE_AS(r->root, x + 599, "f599", &res);
	CHECK_IS(res.status, NFS3_OK);
	CREATE_AS(r->root, x + 100, "f100", &res);
	CHECK_IS(res.status, NFS3_OK);
	CREATE_AS(r->root, x, "f0", &res);
	CHECK_IS(res.status, NFS3ERR_EXIST);
}

/* Both sides of a crash know these. */
#define XID 0x5eed0000u

static void before_crash(struct rules *r)
{
	CREATE3res res;
	struct handle file, dir;

	CHECK_IS(do_mkdir(r->root, &r->export, "crash", 0755, &dir), NFS3_OK);
	create_as(r->root, XID, &dir, "made", GUARDED, NULL, &res);
	CHECK_IS(res.status, NFS3_OK);
	keep_handle(&res.CREATE3res_u.resok.obj.post_op_fh3_u.handle, &file);
	create_as(r->root, XID + 1, &dir, "only", EXCLUSIVE, "verifier", &res);
	CHECK_IS(res.status, NFS3_OK);
	CHECK_IS(link_as(r->root, XID + 2, &file, &dir, "other"), NFS3_OK);
	CHECK_IS(rename_as(r->root, XID + 3, &dir, "other", "third"), NFS3_OK);
	CHECK_IS(do_write(r->root, &file, 0, "durable", 7, FILE_SYNC, NULL), NFS3_OK);
	CHECK_IS(do_write(r->root, &file, 7, " too", 4, UNSTABLE, NULL), NFS3_OK);
	CHECK_IS(do_commit(r->root, &file, NULL), NFS3_OK);
	create_as(r->root, XID + 4, &dir, "gone", GUARDED, NULL, &res);
	CHECK_IS(remove_as(r->root, XID + 5, &dir, "gone"), NFS3_OK);
	CHECK_IS(do_write(r->root, &file, 11, "?", 1, UNSTABLE, NULL), NFS3_OK);
}

static void after_crash(struct rules *r)
{
	struct handle file, again, dir;
	CREATE3res res;
	fattr3 attr;
	char data[16] = "";
	uint32_t len = 0;
	bool eof;

	CHECK_IS(do_lookup(r->root, &r->export, "crash", &dir), NFS3_OK);
	CHECK_IS(do_lookup(r->root, &dir, "made", &file), NFS3_OK);
	create_as(r->root, XID, &dir, "made", GUARDED, NULL, &res);
	CHECK_IS(res.status, NFS3_OK);
	keep_handle(&res.CREATE3res_u.resok.obj.post_op_fh3_u.handle, &again);
	CHECK_IS(memcmp(file.data, again.data, file.len), 0);
	/* by its number, and by its verifier; but not by another one */
	create_as(r->root, XID + 1, &dir, "only", EXCLUSIVE, "verifier", &res);
	CHECK_IS(res.status, NFS3_OK);
	create_as(r->root, XID + 100, &dir, "only", EXCLUSIVE, "verifier", &res);
	CHECK_IS(res.status, NFS3_OK);
	create_as(r->root, XID + 101, &dir, "only", EXCLUSIVE, "verifies", &res);
	CHECK_IS(res.status, NFS3ERR_EXIST);
	CHECK_IS(link_as(r->root, XID + 2, &file, &dir, "other"), NFS3_OK);
	CHECK_IS(rename_as(r->root, XID + 3, &dir, "other", "third"), NFS3_OK);
	CHECK_IS(remove_as(r->root, XID + 5, &dir, "gone"), NFS3_OK);
	CHECK_IS(do_lookup(r->root, &dir, "other", NULL), NFS3ERR_NOENT);
	CHECK_IS(do_getattr(r->root, &file, &attr), NFS3_OK);
	CHECK_IS(attr.nlink, 2);
	CHECK_IS(do_read(r->root, &file, 0, 11, data, &len, &eof), NFS3_OK);
	CHECK_IS(memcmp(data, "durable too", 11), 0);
}

const struct rule rules_again[] = {
	RULE(a_call_that_comes_again_gets_its_first_answer),
	RULE(calls_are_remembered_for_a_while_only),
	RULE(before_crash),
	RULE(after_crash),
	{NULL, NULL},
};
