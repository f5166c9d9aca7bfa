/* SPDX-License-Identifier: MIT */
/* Rules of handles, damaged calls and the MOUNT protocol; and of a tree that cannot be changed. */
#include "support/nfs_rules.h"

static void a_handle_that_was_tampered_with_is_none(struct rules *r)
{
	struct handle bad = r->dir;
	fattr3 attr;
	uint32_t given;

	for (uint32_t i = 0; i < r->dir.len; i++) {
		nfsstat3 status;

		bad = r->dir;
		bad.data[i] ^= (char)(1 << i % 8);
		status = do_getattr(r->root, &bad, &attr);
		CHECK(status == NFS3ERR_BADHANDLE || status == NFS3ERR_STALE);
	}
	bad = r->dir;
	for (bad.len = 0; bad.len < 64; bad.len++) {
		if (bad.len != r->dir.len)
			CHECK_IS(do_getattr(r->root, &bad, &attr), NFS3ERR_BADHANDLE);
	}
	bad.len = r->dir.len;
	bad.data[bad.len - 1] ^= 1;
	CHECK_IS(do_access(r->root, &bad, 1, &given), NFS3ERR_BADHANDLE);
	CHECK_IS(do_lookup(r->root, &bad, "x", NULL), NFS3ERR_BADHANDLE);
	CHECK_IS(do_rename(r->root, &bad, "x", &r->dir, "y"), NFS3ERR_BADHANDLE);
	CHECK_IS(do_rename(r->root, &r->dir, "x", &bad, "y"), NFS3ERR_BADHANDLE);
	CHECK_IS(do_link(r->root, &r->dir, &bad, "y"), NFS3ERR_BADHANDLE);
	CHECK_IS(do_read(r->root, &bad, 0, 1, NULL, NULL, NULL), NFS3ERR_BADHANDLE);
	CHECK_IS(do_write(r->root, &bad, 0, "x", 1, UNSTABLE, NULL), NFS3ERR_BADHANDLE);
	CHECK_IS(do_remove(r->root, &bad, "x", NULL), NFS3ERR_BADHANDLE);
}

static int refusal_of(struct rules *r, uint32_t program, uint32_t version, uint32_t procedure,
		      const void *args, size_t len)
{
	const uint8_t *more;
	uint32_t xid;

	client_send(r->root, ++r->root->xid, program, version, procedure, args, len);
	return client_receive(r->root, &xid, &more, &len);
}

static void what_is_no_call_is_refused(struct rules *r)
{
	static const char zeros[400];
	char handle[72] = {0};

	handle[3] = (char)r->dir.len;
	memcpy(handle + 4, r->dir.data, r->dir.len);
	for (uint32_t procedure = 1; procedure <= 21; procedure++) {
		/* a length that is longer than what there is, or than a handle may be */
		CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 3, procedure, "\0\0\0\x20", 4),
			 GARBAGE_ARGS);
		CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 3, procedure, "\xff\xff\xff\xff", 4),
			 GARBAGE_ARGS);
		CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 3, procedure, "", 0), GARBAGE_ARGS);
	}
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 3, NFS3_LOOKUP, handle, 4 + r->dir.len),
		 GARBAGE_ARGS);
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 3, NFS3_CREATE, handle, 4 + r->dir.len),
		 GARBAGE_ARGS);
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 3, NFS3_READ, handle, 4 + r->dir.len),
		 GARBAGE_ARGS);
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 3, NFS3_WRITE, handle, 4 + r->dir.len),
		 GARBAGE_ARGS);
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 3, 22, zeros, sizeof(zeros)), PROC_UNAVAIL);
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 2, 1, zeros, sizeof(zeros)), PROG_MISMATCH);
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 4, 1, zeros, sizeof(zeros)), PROG_MISMATCH);
	CHECK_IS(refusal_of(r, 100227, 3, 0, NULL, 0), PROG_UNAVAIL); /* NFSACL */
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_MOUNT, 3, 6, NULL, 0), PROC_UNAVAIL);
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_MOUNT, 3, 1, "\0\0\xff\xff", 4), GARBAGE_ARGS);
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_NFS, 3, 0, NULL, 0), SUCCESS);
	CHECK_IS(refusal_of(r, CLIENT_PROGRAM_MOUNT, 3, 0, NULL, 0), SUCCESS);
}

static void a_name_with_a_slash_or_nul_is_refused(struct rules *r)
{
	static const char names[][8] = {"\0\0\0\x03"
					"a/b",
					"\0\0\0\x03"
					"a\0b"};
	char args[96];
	const uint8_t *out;
	uint32_t xid;
	size_t len;

	memset(args, 0, sizeof(args));
	args[3] = (char)r->dir.len;
	memcpy(args + 4, r->dir.data, r->dir.len);
	for (size_t i = 0; i < 2; i++) {
		memcpy(args + 4 + r->dir.len, names[i], 8);
		client_send(r->root, ++r->root->xid, CLIENT_PROGRAM_NFS, 3, NFS3_MKDIR, args,
			    4 + r->dir.len + 8 + 24);
		CHECK_IS(client_receive(r->root, &xid, &out, &len), SUCCESS);
		CHECK_IS(out[3], NFS3ERR_INVAL);
	}
	CHECK_IS(do_lookup(r->root, &r->dir, "a", NULL), NFS3ERR_NOENT);
}

static void mount_gives_handles_of_what_may_be_mounted(struct rules *r)
{
	struct client client;
	struct handle root, etc, found;
	fattr3 attr;

	client_open(&client, r->port, true);
	CHECK_IS(do_mount(&client, "/export", &root), MNT3_OK);
	CHECK_IS(memcmp(root.data, r->export.data, root.len), 0);
	CHECK_IS(do_mount(&client, "/export/etc", &etc), MNT3_OK);
	CHECK_IS(do_lookup(r->root, &root, "etc", &found), NFS3_OK);
	CHECK_IS(memcmp(etc.data, found.data, etc.len), 0);
	CHECK_IS(do_mount(&client, "/exports", NULL), MNT3ERR_NOENT);
	CHECK_IS(do_mount(&client, "/export/none", NULL), MNT3ERR_NOENT);
	CHECK_IS(do_mount(&client, "/forbidden", NULL), MNT3ERR_ACCES);
	/* by UDP, too */
	CHECK_IS(do_getattr(&client, &etc, &attr), NFS3_OK);
	CHECK_IS(attr.type, NF3DIR);
	client_close(&client);
}

static void many_calls_may_be_under_way_at_once(struct rules *r)
{
	char args[96] = {0};
	uint8_t answered[1000] = {0};
	const uint32_t first = r->root->xid + 100000;

	args[3] = (char)r->dir.len;
	memcpy(args + 4, r->dir.data, r->dir.len);
	for (uint32_t i = 0; i < sizeof(answered); i++) {
		/* every tenth one is for a worker */
		client_send(r->root, first + i, CLIENT_PROGRAM_NFS, 3,
			    i % 10 ? NFS3_GETATTR : NFS3_COMMIT, args,
			    4 + r->dir.len + (i % 10 ? 0 : 12));
	}
	for (uint32_t i = 0; i < sizeof(answered); i++) {
		const uint8_t *out;
		uint32_t xid;
		size_t len;

		CHECK_IS(client_receive(r->root, &xid, &out, &len), SUCCESS);
		CHECK(xid - first < sizeof(answered));
		if (xid - first < sizeof(answered))
			answered[xid - first]++;
	}
	for (uint32_t i = 0; i < sizeof(answered); i++)
		CHECK_IS(answered[i], 1);
}

static void a_read_only_tree_is_not_changed(struct rules *r)
{
	struct handle file;
	sattr3 set = set_mode(0644);
	uint32_t given = 0;
	wcc_data wcc;

	CHECK_IS(do_lookup(r->root, &r->dir, "fstab", &file), NFS3_OK);
	CHECK_IS(do_create(r->root, &r->dir, "x", GUARDED, &set, NULL, NULL), NFS3ERR_ROFS);
	CHECK_IS(do_mkdir(r->root, &r->dir, "x", 0755, NULL), NFS3ERR_ROFS);
	CHECK_IS(do_symlink(r->root, &r->dir, "x", "y", NULL), NFS3ERR_ROFS);
	CHECK_IS(do_mknod(r->root, &r->dir, "x", NF3FIFO, 0, 0, NULL), NFS3ERR_ROFS);
	CHECK_IS(do_remove(r->root, &r->dir, "fstab", &wcc), NFS3ERR_ROFS);
	CHECK(wcc.after.attributes_follow);
	CHECK_IS(do_rename(r->root, &r->dir, "fstab", &r->dir, "y"), NFS3ERR_ROFS);
	CHECK_IS(do_link(r->root, &file, &r->dir, "y"), NFS3ERR_ROFS);
	CHECK_IS(do_setattr(r->root, &file, &set, NULL, NULL), NFS3ERR_ROFS);
	CHECK_IS(do_write(r->root, &file, 0, "x", 1, FILE_SYNC, NULL), NFS3ERR_ROFS);
	CHECK_IS(do_commit(r->root, &file, NULL), NFS3_OK);
	CHECK_IS(do_access(r->root, &file, 0x3f, &given), NFS3_OK);
	CHECK_IS(given, ACCESS3_READ);
	CHECK_IS(do_access(r->root, &r->dir, 0x3f, &given), NFS3_OK);
	CHECK_IS(given, ACCESS3_READ | ACCESS3_LOOKUP);
}

const struct rule rules_wire[] = {
	RULE(a_handle_that_was_tampered_with_is_none),
	RULE(what_is_no_call_is_refused),
	RULE(a_name_with_a_slash_or_nul_is_refused),
	RULE(mount_gives_handles_of_what_may_be_mounted),
	RULE(many_calls_may_be_under_way_at_once),
	RULE(a_read_only_tree_is_not_changed),
	{NULL, NULL},
};
