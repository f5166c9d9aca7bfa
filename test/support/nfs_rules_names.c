/* SPDX-License-Identifier: MIT */
/* Rules of names and directories (RFC 1813, 3.3.3, 3.3.8 to 3.3.17). */
#include "support/nfs_rules.h"

static void lookup_finds_names_and_says_why_not(struct rules *r)
{
	struct handle file, found;
	sattr3 set = set_mode(0644);
	char long_name[300];

	CHECK_IS(do_create(r->root, &r->dir, "file", GUARDED, &set, NULL, &file), NFS3_OK);
	CHECK_IS(do_lookup(r->root, &r->dir, "file", &found), NFS3_OK);
	CHECK(file.len == found.len && memcmp(file.data, found.data, file.len) == 0);
	CHECK_IS(do_lookup(r->root, &r->dir, "none", NULL), NFS3ERR_NOENT);
	CHECK_IS(do_lookup(r->root, &r->dir, "", NULL), NFS3ERR_NOENT);
	CHECK_IS(do_lookup(r->root, &file, "x", NULL), NFS3ERR_NOTDIR);
	CHECK_IS(do_lookup(r->root, &r->dir, ".", &found), NFS3_OK);
	CHECK(memcmp(r->dir.data, found.data, found.len) == 0);
	CHECK_IS(do_lookup(r->root, &r->dir, "..", &found), NFS3_OK);
	CHECK(memcmp(r->export.data, found.data, found.len) == 0);
	CHECK_IS(do_lookup(r->root, &r->export, "..", &found), NFS3_OK);
	CHECK(memcmp(r->export.data, found.data, found.len) == 0);
	memset(long_name, 'n', sizeof(long_name));
	long_name[255] = '\0';
	CHECK_IS(do_lookup(r->root, &r->dir, long_name, NULL), NFS3ERR_NOENT);
	CHECK_IS(do_create(r->root, &r->dir, long_name, GUARDED, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_lookup(r->root, &r->dir, long_name, NULL), NFS3_OK);
	long_name[255] = 'n';
	long_name[256] = '\0';
	CHECK_IS(do_lookup(r->root, &r->dir, long_name, NULL), NFS3ERR_NAMETOOLONG);
	CHECK_IS(do_create(r->root, &r->dir, long_name, GUARDED, &set, NULL, NULL),
		 NFS3ERR_NAMETOOLONG);
	CHECK_IS(do_mkdir(r->root, &r->dir, long_name, 0755, NULL), NFS3ERR_NAMETOOLONG);
	CHECK_IS(do_remove(r->root, &r->dir, long_name, NULL), NFS3ERR_NAMETOOLONG);
}

static void create_does_what_its_mode_says(struct rules *r)
{
	struct handle first, second;
	sattr3 set = set_mode(0640);
	fattr3 attr;

	CHECK_IS(do_create(r->root, &r->dir, "a", UNCHECKED, &set, NULL, &first), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &first, &attr), NFS3_OK);
	CHECK_IS(attr.type, NF3REG);
	CHECK_IS(attr.mode, 0640);
	CHECK_IS(attr.nlink, 1);
	CHECK_IS(attr.size, 0);
	CHECK_IS(do_write(r->root, &first, 0, "hello", 5, FILE_SYNC, NULL), NFS3_OK);
	/* a file that is there stays as it is, unless it is to be empty */
	set = set_mode(0777);
	CHECK_IS(do_create(r->root, &r->dir, "a", UNCHECKED, &set, NULL, &second), NFS3_OK);
	CHECK(memcmp(first.data, second.data, first.len) == 0);
	CHECK_IS(do_getattr(r->root, &first, &attr), NFS3_OK);
	CHECK_IS(attr.size, 5);
	CHECK_IS(attr.mode, 0640);
	set = set_size(0);
	CHECK_IS(do_create(r->root, &r->dir, "a", UNCHECKED, &set, NULL, &second), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &first, &attr), NFS3_OK);
	CHECK_IS(attr.size, 0);
	set = set_size(3000);
	CHECK_IS(do_create(r->root, &r->dir, "a", UNCHECKED, &set, NULL, &second), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &first, &attr), NFS3_OK);
	CHECK_IS(attr.size, 3000);
	CHECK_IS(do_create(r->root, &r->dir, "a", GUARDED, &set, NULL, NULL), NFS3ERR_EXIST);
	CHECK_IS(do_mkdir(r->root, &r->dir, "d", 0755, NULL), NFS3_OK);
	CHECK_IS(do_create(r->root, &r->dir, "d", UNCHECKED, &set, NULL, NULL), NFS3ERR_EXIST);
	CHECK_IS(do_create(r->root, &first, "x", UNCHECKED, &set, NULL, NULL), NFS3ERR_NOTDIR);
	set = set_size(7000);
	CHECK_IS(do_create(r->root, &r->dir, "sized", GUARDED, &set, NULL, &second), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &second, &attr), NFS3_OK);
	CHECK_IS(attr.size, 7000);
}

static void an_exclusive_create_may_come_again(struct rules *r)
{
	struct handle first, second;
	sattr3 set = set_mode(0600);

	CHECK_IS(do_create(r->root, &r->dir, "x", EXCLUSIVE, NULL, "12345678", &first), NFS3_OK);
	CHECK_IS(do_create(r->root, &r->dir, "x", EXCLUSIVE, NULL, "12345678", &second), NFS3_OK);
	CHECK(memcmp(first.data, second.data, first.len) == 0);
	CHECK_IS(do_create(r->root, &r->dir, "x", EXCLUSIVE, NULL, "87654321", NULL),
		 NFS3ERR_EXIST);
	CHECK_IS(do_create(r->root, &r->dir, "y", GUARDED, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_create(r->root, &r->dir, "y", EXCLUSIVE, NULL, "12345678", NULL),
		 NFS3ERR_EXIST);
	CHECK_IS(do_create(r->root, &r->dir, "z", EXCLUSIVE, NULL, "\0\0\0\0\0\0\0\0", NULL),
		 NFS3_OK);
	CHECK_IS(do_create(r->root, &r->dir, "z", EXCLUSIVE, NULL, "\0\0\0\0\0\0\0\0", NULL),
		 NFS3_OK);
	/* another file of that name is not the one that was made */
	CHECK_IS(do_remove(r->root, &r->dir, "x", NULL), NFS3_OK);
	CHECK_IS(do_create(r->root, &r->dir, "x", GUARDED, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_create(r->root, &r->dir, "x", EXCLUSIVE, NULL, "12345678", NULL),
		 NFS3ERR_EXIST);
}

static void directories_are_removed_by_rmdir_and_files_by_remove(struct rules *r)
{
	struct handle dir;
	sattr3 set = set_mode(0644);
	fattr3 before, after;

	CHECK_IS(do_getattr(r->root, &r->dir, &before), NFS3_OK);
	CHECK_IS(do_mkdir(r->root, &r->dir, "d", 0750, &dir), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &r->dir, &after), NFS3_OK);
	CHECK_IS(after.nlink, before.nlink + 1);
	CHECK_IS(do_create(r->root, &dir, "f", GUARDED, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_rmdir(r->root, &r->dir, "d"), NFS3ERR_NOTEMPTY);
	CHECK_IS(do_remove(r->root, &r->dir, "d", NULL), NFS3ERR_ISDIR);
	CHECK_IS(do_rmdir(r->root, &dir, "f"), NFS3ERR_NOTDIR);
	CHECK_IS(do_rmdir(r->root, &dir, "."), NFS3ERR_INVAL);
	CHECK_IS(do_rmdir(r->root, &dir, ".."), NFS3ERR_EXIST);
	CHECK_IS(do_remove(r->root, &dir, "none", NULL), NFS3ERR_NOENT);
	CHECK_IS(do_rmdir(r->root, &dir, "none"), NFS3ERR_NOENT);
	CHECK_IS(do_remove(r->root, &dir, "f", NULL), NFS3_OK);
	CHECK_IS(do_rmdir(r->root, &r->dir, "d"), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &dir, &after), NFS3ERR_STALE);
	CHECK_IS(do_getattr(r->root, &r->dir, &after), NFS3_OK);
	CHECK_IS(after.nlink, before.nlink);
	CHECK_IS(do_mkdir(r->root, &r->dir, ".", 0755, NULL), NFS3ERR_EXIST);
	CHECK_IS(do_mkdir(r->root, &r->dir, "..", 0755, NULL), NFS3ERR_EXIST);
}

static nfsstat3 read_link(struct rules *r, struct handle *h, char *out, size_t size)
{
	READLINK3args args = {.symlink = fh_of(h)};
	READLINK3res res;

	client_call(r->root, CLIENT_PROGRAM_NFS, NFS3_READLINK, (zdrproc_t)zdr_READLINK3args, &args,
		    (zdrproc_t)zdr_READLINK3res, &res, sizeof(res));
	if (res.status == NFS3_OK)
		snprintf(out, size, "%s", res.READLINK3res_u.resok.data);
	return res.status;
}

static void symbolic_links_keep_their_target(struct rules *r)
{
	struct handle link, file;
	char target[5000], got[5000];
	sattr3 set = set_mode(0644);
	fattr3 attr;

	memset(target, 't', sizeof(target));
	target[4095] = '\0';
	CHECK_IS(do_symlink(r->root, &r->dir, "long", target, &link), NFS3_OK);
	CHECK_IS(read_link(r, &link, got, sizeof(got)), NFS3_OK);
	CHECK_IS(strcmp(got, target), 0);
	CHECK_IS(do_getattr(r->root, &link, &attr), NFS3_OK);
	CHECK_IS(attr.type, NF3LNK);
	CHECK_IS(attr.mode, 0777);
	CHECK_IS(attr.size, 4095);
	target[4095] = 't';
	target[4096] = '\0';
	CHECK_IS(do_symlink(r->root, &r->dir, "longer", target, NULL), NFS3ERR_NAMETOOLONG);
	CHECK_IS(do_symlink(r->root, &r->dir, "short", "../x", &link), NFS3_OK);
	CHECK_IS(read_link(r, &link, got, sizeof(got)), NFS3_OK);
	CHECK_IS(strcmp(got, "../x"), 0);
	CHECK_IS(do_symlink(r->root, &r->dir, "short", "y", NULL), NFS3ERR_EXIST);
	CHECK_IS(do_create(r->root, &r->dir, "f", GUARDED, &set, NULL, &file), NFS3_OK);
	CHECK_IS(read_link(r, &file, got, sizeof(got)), NFS3ERR_INVAL);
}

static void devices_pipes_and_sockets_can_be_made(struct rules *r)
{
	static const ftype3 types[] = {NF3CHR, NF3BLK, NF3FIFO, NF3SOCK};
	struct client user;
	struct handle node;
	char name[] = "n0";
	fattr3 attr;

	client_open(&user, r->port, false);
	user.uid = user.gid = 1000;
	for (size_t i = 0; i < 4; i++) {
		name[1] = (char)('0' + i);
		CHECK_IS(do_mknod(r->root, &r->dir, name, types[i], 259, 70000, &node), NFS3_OK);
		CHECK_IS(do_getattr(r->root, &node, &attr), NFS3_OK);
		CHECK_IS(attr.type, types[i]);
		CHECK_IS(attr.mode, 0640);
		CHECK_IS(attr.rdev.specdata1, i < 2 ? 259 : 0);
		CHECK_IS(attr.rdev.specdata2, i < 2 ? 70000 : 0);
		CHECK_IS(do_read(r->root, &node, 0, 10, NULL, NULL, NULL), NFS3ERR_INVAL);
	}
	CHECK_IS(do_mknod(r->root, &r->dir, "n0", NF3FIFO, 0, 0, NULL), NFS3ERR_EXIST);
	CHECK_IS(do_mknod(&user, &r->dir, "u", NF3FIFO, 0, 0, NULL), NFS3ERR_ACCES);
	sattr3 set = set_mode(0777);
	CHECK_IS(do_setattr(r->root, &r->dir, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_mknod(&user, &r->dir, "u", NF3FIFO, 0, 0, NULL), NFS3_OK);
	CHECK_IS(do_mknod(&user, &r->dir, "v", NF3CHR, 1, 3, NULL), NFS3ERR_PERM);
	client_close(&user);
}

static void a_file_may_have_several_names(struct rules *r)
{
	struct handle file, dir, found;
	sattr3 set = set_mode(0644);
	fattr3 attr;

	CHECK_IS(do_create(r->root, &r->dir, "a", GUARDED, &set, NULL, &file), NFS3_OK);
	CHECK_IS(do_mkdir(r->root, &r->dir, "d", 0755, &dir), NFS3_OK);
	CHECK_IS(do_link(r->root, &file, &dir, "b"), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &file, &attr), NFS3_OK);
	CHECK_IS(attr.nlink, 2);
	CHECK_IS(do_lookup(r->root, &dir, "b", &found), NFS3_OK);
	CHECK(memcmp(file.data, found.data, file.len) == 0);
	CHECK_IS(do_link(r->root, &file, &dir, "b"), NFS3ERR_EXIST);
	CHECK_IS(do_link(r->root, &dir, &r->dir, "e"), NFS3ERR_ISDIR);
	CHECK_IS(do_link(r->root, &file, &file, "e"), NFS3ERR_NOTDIR);
	CHECK_IS(do_remove(r->root, &r->dir, "a", NULL), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &file, &attr), NFS3_OK);
	CHECK_IS(attr.nlink, 1);
	CHECK_IS(do_remove(r->root, &dir, "b", NULL), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &file, &attr), NFS3ERR_STALE);
}

static void rename_replaces_what_may_be_replaced(struct rules *r)
{
	struct handle a, b, dir, full, found;
	sattr3 set = set_mode(0644);
	fattr3 attr;

	CHECK_IS(do_create(r->root, &r->dir, "a", GUARDED, &set, NULL, &a), NFS3_OK);
	CHECK_IS(do_create(r->root, &r->dir, "b", GUARDED, &set, NULL, &b), NFS3_OK);
	CHECK_IS(do_mkdir(r->root, &r->dir, "dir", 0755, &dir), NFS3_OK);
	CHECK_IS(do_mkdir(r->root, &r->dir, "full", 0755, &full), NFS3_OK);
	CHECK_IS(do_create(r->root, &full, "f", GUARDED, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_rename(r->root, &r->dir, "a", &r->dir, "b"), NFS3_OK);
	CHECK_IS(do_lookup(r->root, &r->dir, "a", NULL), NFS3ERR_NOENT);
	CHECK_IS(do_lookup(r->root, &r->dir, "b", &found), NFS3_OK);
	CHECK(memcmp(a.data, found.data, a.len) == 0);
	CHECK_IS(do_getattr(r->root, &b, &attr), NFS3ERR_STALE);
	CHECK_IS(do_rename(r->root, &r->dir, "b", &r->dir, "b"), NFS3_OK);
	CHECK_IS(do_rename(r->root, &r->dir, "none", &r->dir, "c"), NFS3ERR_NOENT);
	CHECK_IS(do_rename(r->root, &r->dir, "b", &r->dir, "dir"), NFS3ERR_ISDIR);
	CHECK_IS(do_rename(r->root, &r->dir, "dir", &r->dir, "b"), NFS3ERR_NOTDIR);
	CHECK_IS(do_rename(r->root, &r->dir, "dir", &r->dir, "full"), NFS3ERR_NOTEMPTY);
	CHECK_IS(do_rename(r->root, &r->dir, "full", &full, "inside"), NFS3ERR_INVAL);
	CHECK_IS(do_rename(r->root, &r->dir, ".", &r->dir, "c"), NFS3ERR_INVAL);
	CHECK_IS(do_rename(r->root, &r->dir, "b", &r->dir, ".."), NFS3ERR_INVAL);
	CHECK_IS(do_rename(r->root, &r->dir, "full", &r->dir, "dir"), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &dir, &attr), NFS3ERR_STALE);
	CHECK_IS(do_lookup(r->root, &full, "..", &found), NFS3_OK);
	CHECK(memcmp(r->dir.data, found.data, found.len) == 0);
	CHECK_IS(do_rename(r->root, &r->dir, "b", &full, "moved"), NFS3_OK);
	CHECK_IS(do_lookup(r->root, &full, "moved", &found), NFS3_OK);
	CHECK(memcmp(a.data, found.data, a.len) == 0);
}

const struct rule rules_names[] = {
	RULE(lookup_finds_names_and_says_why_not),
	RULE(create_does_what_its_mode_says),
	RULE(an_exclusive_create_may_come_again),
	RULE(directories_are_removed_by_rmdir_and_files_by_remove),
	RULE(symbolic_links_keep_their_target),
	RULE(devices_pipes_and_sockets_can_be_made),
	RULE(a_file_may_have_several_names),
	RULE(rename_replaces_what_may_be_replaced),
	{NULL, NULL},
};
