/* SPDX-License-Identifier: MIT */
/* Rules of data, attributes and permissions (RFC 1813, 3.3.1, 3.3.2, 3.3.4, 3.3.6, 3.3.7, 3.3.21). */
#include "support/nfs_rules.h"

#define MiB (1u << 20)

static struct handle new_file(struct rules *r, const char *name, uint32_t mode)
{
	struct handle file = {0};
	sattr3 set = set_mode(mode);

	CHECK_IS(do_create(r->root, &r->dir, name, GUARDED, &set, NULL, &file), NFS3_OK);
	return file;
}

static void data_are_read_as_they_were_written(struct rules *r)
{
	struct handle file = new_file(r, "f", 0644);
	char *out = malloc(MiB), *in = malloc(MiB);
	uint32_t len;
	bool eof;

	if (!out || !in)
		exit(2);
	for (uint32_t i = 0; i < MiB; i++)
		in[i] = (char)(i * 7 + i / 251);
	CHECK_IS(do_write(r->root, &file, 0, in, MiB, UNSTABLE, NULL), NFS3_OK);
	CHECK_IS(do_read(r->root, &file, 0, MiB, out, &len, &eof), NFS3_OK);
	CHECK_IS(len, MiB);
	CHECK(eof);
	CHECK_IS(memcmp(in, out, MiB), 0);
	CHECK_IS(do_read(r->root, &file, 5, 4099, out, &len, &eof), NFS3_OK);
	CHECK_IS(len, 4099);
	CHECK(!eof);
	CHECK_IS(memcmp(in + 5, out, len), 0);
	CHECK_IS(do_read(r->root, &file, MiB - 3, 100, out, &len, &eof), NFS3_OK);
	CHECK_IS(len, 3);
	CHECK(eof);
	CHECK_IS(do_read(r->root, &file, MiB, 100, out, &len, &eof), NFS3_OK);
	CHECK_IS(len, 0);
	CHECK(eof);
	CHECK_IS(do_read(r->root, &file, UINT64_MAX - 2, 100, out, &len, &eof), NFS3_OK);
	CHECK_IS(len, 0);
	CHECK(eof);
	CHECK_IS(do_read(r->root, &file, 10, 0, out, &len, &eof), NFS3_OK);
	CHECK_IS(len, 0);
	/* a hole */
	CHECK_IS(do_write(r->root, &file, 3 * MiB + 1, "end", 3, FILE_SYNC, NULL), NFS3_OK);
	CHECK_IS(do_read(r->root, &file, 2 * MiB, 5000, out, &len, &eof), NFS3_OK);
	CHECK_IS(len, 5000);
	for (uint32_t i = 0; i < len; i++)
		CHECK_IS(out[i], 0);
	CHECK_IS(do_read(r->root, &file, 3 * MiB, 100, out, &len, &eof), NFS3_OK);
	CHECK_IS(len, 4);
	CHECK(eof);
	CHECK_IS(memcmp(out, "\0end", 4), 0);
	CHECK_IS(do_read(r->root, &r->dir, 0, 1, out, &len, &eof), NFS3ERR_ISDIR);
	CHECK_IS(do_write(r->root, &r->dir, 0, "x", 1, UNSTABLE, NULL), NFS3ERR_ISDIR);
	CHECK_IS(do_write(r->root, &file, UINT64_MAX - 1, "x", 1, UNSTABLE, NULL), NFS3ERR_FBIG);
	free(out);
	free(in);
}

static void stable_writes_say_so_and_commit_knows_the_verifier(struct rules *r)
{
	struct handle file = new_file(r, "f", 0644);
	WRITE3resok first, second;
	COMMIT3resok commit;

	CHECK_IS(do_write(r->root, &file, 0, "a", 1, UNSTABLE, &first), NFS3_OK);
	CHECK_IS(first.count, 1);
	CHECK_IS(do_write(r->root, &file, 1, "b", 1, FILE_SYNC, &second), NFS3_OK);
	CHECK_IS(second.committed, FILE_SYNC);
	CHECK_IS(memcmp(first.verf, second.verf, 8), 0);
	CHECK_IS(do_write(r->root, &file, 1, "b", 1, DATA_SYNC, &second), NFS3_OK);
	CHECK(second.committed != UNSTABLE);
	CHECK_IS(do_commit(r->root, &file, &commit), NFS3_OK);
	CHECK_IS(memcmp(first.verf, commit.verf, 8), 0);
	CHECK_IS(do_write(r->root, &file, 0, "", 0, FILE_SYNC, &second), NFS3_OK);
	CHECK_IS(second.count, 0);
	CHECK_IS(do_remove(r->root, &r->dir, "f", NULL), NFS3_OK);
	CHECK_IS(do_commit(r->root, &file, &commit), NFS3ERR_STALE);
	CHECK_IS(do_write(r->root, &file, 0, "a", 1, UNSTABLE, &first), NFS3ERR_STALE);
}

static void attributes_are_set_as_asked(struct rules *r)
{
	struct handle file = new_file(r, "f", 0644);
	sattr3 set = set_nothing();
	fattr3 attr;
	time_t now = time(NULL);

	set.mode.set_it = set.uid.set_it = set.gid.set_it = set.size.set_it = 1;
	set.mode.set_mode3_u.mode = 0711;
	set.uid.set_uid3_u.uid = 123456;
	set.gid.set_gid3_u.gid = 654321;
	set.size.set_size3_u.size = (uint64_t)5 << 32;
	set.atime.set_it = SET_TO_CLIENT_TIME;
	set.atime.set_atime_u.atime = (nfstime3){4294967295u, 999999999};
	set.mtime.set_it = SET_TO_CLIENT_TIME;
	set.mtime.set_mtime_u.mtime = (nfstime3){1, 2};
	CHECK_IS(do_setattr(r->root, &file, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &file, &attr), NFS3_OK);
	CHECK_IS(attr.mode, 0711);
	CHECK_IS(attr.uid, 123456);
	CHECK_IS(attr.gid, 654321);
	CHECK_IS(attr.size, (uint64_t)5 << 32);
	CHECK(same_time(&attr.atime, &(nfstime3){4294967295u, 999999999}));
	CHECK(same_time(&attr.mtime, &(nfstime3){1, 2}));
	set = set_nothing();
	set.atime.set_it = set.mtime.set_it = SET_TO_SERVER_TIME;
	CHECK_IS(do_setattr(r->root, &file, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &file, &attr), NFS3_OK);
	CHECK(attr.mtime.seconds >= now && attr.mtime.seconds < now + 100);
	CHECK(attr.atime.seconds >= now && attr.atime.seconds < now + 100);
	set = set_nothing();
	set.mtime.set_it = SET_TO_CLIENT_TIME;
	set.mtime.set_mtime_u.mtime = (nfstime3){1, 1000000000};
	CHECK_IS(do_setattr(r->root, &file, &set, NULL, NULL), NFS3ERR_INVAL);
	set = set_size(0);
	CHECK_IS(do_setattr(r->root, &r->dir, &set, NULL, NULL), NFS3ERR_ISDIR);
	set = set_nothing();
	CHECK_IS(do_setattr(r->root, &file, &set, NULL, NULL), NFS3_OK);
}

static void a_guard_that_does_not_hold_changes_nothing(struct rules *r)
{
	struct handle file = new_file(r, "f", 0644);
	sattr3 set = set_mode(0600);
	fattr3 attr;
	nfstime3 wrong;

	CHECK_IS(do_getattr(r->root, &file, &attr), NFS3_OK);
	wrong = attr.ctime;
	wrong.nseconds ^= 1;
	wait_for_tick();
	CHECK_IS(do_setattr(r->root, &file, &set, &wrong, NULL), NFS3ERR_NOT_SYNC);
	CHECK_IS(do_setattr(r->root, &file, &set, &attr.ctime, NULL), NFS3_OK);
	CHECK_IS(do_setattr(r->root, &file, &set, &attr.ctime, NULL), NFS3ERR_NOT_SYNC);
	CHECK_IS(do_getattr(r->root, &file, &attr), NFS3_OK);
	CHECK_IS(attr.mode, 0600);
}

static void check_wcc(const wcc_data *wcc, const fattr3 *before, const fattr3 *after)
{
	const wcc_attr *pre = &wcc->before.pre_op_attr_u.attributes;
	const fattr3 *post = &wcc->after.post_op_attr_u.attributes;

	CHECK(wcc->before.attributes_follow && wcc->after.attributes_follow);
	CHECK_IS(pre->size, before->size);
	CHECK(same_time(&pre->mtime, &before->mtime));
	CHECK(same_time(&pre->ctime, &before->ctime));
	CHECK_IS(post->fileid, after->fileid);
	CHECK_IS(post->size, after->size);
	CHECK_IS(post->nlink, after->nlink);
	CHECK_IS(post->mode, after->mode);
	CHECK(same_time(&post->mtime, &after->mtime));
	CHECK(same_time(&post->ctime, &after->ctime));
}

static void attributes_from_before_and_after_are_true(struct rules *r)
{
	struct handle file = new_file(r, "f", 0644);
	sattr3 set = set_mode(0600);
	fattr3 before, after;
	wcc_data wcc;
	WRITE3resok written;
	COMMIT3resok committed;

	do_getattr(r->root, &file, &before);
	wait_for_tick();
	CHECK_IS(do_setattr(r->root, &file, &set, NULL, &wcc), NFS3_OK);
	do_getattr(r->root, &file, &after);
	check_wcc(&wcc, &before, &after);
	CHECK(!same_time(&before.ctime, &after.ctime));
	before = after;
	CHECK_IS(do_write(r->root, &file, 10, "x", 1, UNSTABLE, &written), NFS3_OK);
	do_getattr(r->root, &file, &after);
	check_wcc(&written.file_wcc, &before, &after);
	CHECK_IS(after.size, 11);
	CHECK_IS(do_commit(r->root, &file, &committed), NFS3_OK);
	check_wcc(&committed.file_wcc, &after, &after);
	do_getattr(r->root, &r->dir, &before);
	wait_for_tick();
	CHECK_IS(do_remove(r->root, &r->dir, "f", &wcc), NFS3_OK);
	do_getattr(r->root, &r->dir, &after);
	check_wcc(&wcc, &before, &after);
	CHECK(!same_time(&before.mtime, &after.mtime));
	before = after;
	CHECK_IS(do_remove(r->root, &r->dir, "f", &wcc), NFS3ERR_NOENT);
	check_wcc(&wcc, &before, &before);
}

static uint32_t access_of(struct client *c, struct handle *h)
{
	uint32_t given = 0;

	CHECK_IS(do_access(c, h, 0x3f, &given), NFS3_OK);
	return given;
}

static void access_tells_who_may_do_what(struct rules *r)
{
	const uint32_t all_of_file = ACCESS3_READ | ACCESS3_MODIFY | ACCESS3_EXTEND;
	const uint32_t all_of_dir =
		ACCESS3_READ | ACCESS3_LOOKUP | ACCESS3_MODIFY | ACCESS3_EXTEND | ACCESS3_DELETE;
	struct handle file = new_file(r, "f", 0640);
	struct client user, nobody;
	sattr3 set = set_mode(0750);
	uint32_t given;

	client_open(&user, r->port, false);
	client_open(&nobody, r->port, false);
	user.uid = user.gid = 1000;
	nobody.nobody = true;
	CHECK_IS(access_of(r->root, &file), all_of_file);
	CHECK_IS(access_of(r->root, &r->dir), all_of_dir);
	CHECK_IS(do_access(r->root, &file, ACCESS3_READ, &given), NFS3_OK);
	CHECK_IS(given, ACCESS3_READ);
	CHECK_IS(access_of(&user, &file), 0);
	CHECK_IS(access_of(&user, &r->dir), ACCESS3_READ | ACCESS3_LOOKUP);
	CHECK_IS(access_of(&nobody, &file), 0);
	user.groups[user.groups_count++] = 77;
	set.gid.set_it = 1;
	set.gid.set_gid3_u.gid = 77;
	CHECK_IS(do_setattr(r->root, &file, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(access_of(&user, &file), ACCESS3_READ | ACCESS3_EXECUTE);
	CHECK_IS(access_of(r->root, &file), all_of_file | ACCESS3_EXECUTE);
	CHECK_IS(do_lookup(&user, &r->dir, "f", NULL), NFS3_OK);
	/* what is there needs no right to make it */
	set = set_mode(0644);
	CHECK_IS(do_create(&user, &r->dir, "f", UNCHECKED, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_create(&user, &r->dir, "f", GUARDED, &set, NULL, NULL), NFS3ERR_EXIST);
	CHECK_IS(do_create(&user, &r->dir, "g", UNCHECKED, &set, NULL, NULL), NFS3ERR_ACCES);
	set = set_mode(0700);
	CHECK_IS(do_setattr(r->root, &r->dir, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_lookup(&user, &r->dir, "f", NULL), NFS3ERR_ACCES);
	CHECK_IS(do_create(&user, &r->dir, "g", GUARDED, &set, NULL, NULL), NFS3ERR_ACCES);
	CHECK_IS(do_remove(&user, &r->dir, "f", NULL), NFS3ERR_ACCES);
	client_close(&user);
	client_close(&nobody);
}

static void owners_may_read_and_write_whatever_the_mode_is(struct rules *r)
{
	struct handle file = new_file(r, "f", 0);
	struct client owner, other;
	sattr3 set = set_mode(0);
	fattr3 attr;

	client_open(&owner, r->port, false);
	client_open(&other, r->port, false);
	owner.uid = owner.gid = 1000;
	other.uid = other.gid = 1001;
	set.uid.set_it = 1;
	set.uid.set_uid3_u.uid = 1000;
	CHECK_IS(do_setattr(r->root, &file, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_write(&owner, &file, 0, "abc", 3, UNSTABLE, NULL), NFS3_OK);
	CHECK_IS(do_read(&owner, &file, 0, 3, NULL, NULL, NULL), NFS3_OK);
	set = set_size(1);
	CHECK_IS(do_setattr(&owner, &file, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_write(&other, &file, 0, "abc", 3, UNSTABLE, NULL), NFS3ERR_ACCES);
	CHECK_IS(do_read(&other, &file, 0, 3, NULL, NULL, NULL), NFS3ERR_ACCES);
	CHECK_IS(do_setattr(&other, &file, &set, NULL, NULL), NFS3ERR_ACCES);
	set = set_mode(0001);
	CHECK_IS(do_setattr(&other, &file, &set, NULL, NULL), NFS3ERR_PERM);
	CHECK_IS(do_setattr(&owner, &file, &set, NULL, NULL), NFS3_OK);
	/* a program that may be executed has to be read for that */
	CHECK_IS(do_read(&other, &file, 0, 3, NULL, NULL, NULL), NFS3_OK);
	set = set_nothing();
	set.uid.set_it = 1;
	set.uid.set_uid3_u.uid = 1001;
	CHECK_IS(do_setattr(&owner, &file, &set, NULL, NULL), NFS3ERR_PERM);
	/* writing takes setuid away, unless it is root who writes */
	set = set_mode(06777);
	CHECK_IS(do_setattr(&owner, &file, &set, NULL, NULL), NFS3_OK);
	do_getattr(r->root, &file, &attr);
	CHECK_IS(attr.mode, 04777); /* the file is of group 0 */
	CHECK_IS(do_write(r->root, &file, 0, "x", 1, UNSTABLE, NULL), NFS3_OK);
	do_getattr(r->root, &file, &attr);
	CHECK_IS(attr.mode, 04777);
	CHECK_IS(do_write(&other, &file, 0, "x", 1, UNSTABLE, NULL), NFS3_OK);
	do_getattr(r->root, &file, &attr);
	CHECK_IS(attr.mode, 0777);
	client_close(&owner);
	client_close(&other);
}

static void new_files_belong_to_who_makes_them(struct rules *r)
{
	struct client user;
	struct handle file, dir;
	sattr3 set = set_mode(02777);
	fattr3 attr;

	client_open(&user, r->port, false);
	user.uid = 1000;
	user.gid = 1001;
	set.gid.set_it = 1;
	set.gid.set_gid3_u.gid = 55;
	CHECK_IS(do_setattr(r->root, &r->dir, &set, NULL, NULL), NFS3_OK);
	set = set_mode(0644);
	set.uid.set_it = 1;
	set.uid.set_uid3_u.uid = 0;
	CHECK_IS(do_create(&user, &r->dir, "f", GUARDED, &set, NULL, &file), NFS3_OK);
	do_getattr(r->root, &file, &attr);
	CHECK_IS(attr.uid, 1000);
	CHECK_IS(attr.gid, 55); /* setgid of the directory */
	CHECK_IS(do_mkdir(&user, &r->dir, "d", 0755, &dir), NFS3_OK);
	do_getattr(r->root, &dir, &attr);
	CHECK_IS(attr.gid, 55);
	CHECK_IS(attr.mode, 02755);
	set.uid.set_uid3_u.uid = 4711;
	set.gid.set_it = 1;
	set.gid.set_gid3_u.gid = 4712;
	CHECK_IS(do_create(r->root, &dir, "g", GUARDED, &set, NULL, &file), NFS3_OK);
	do_getattr(r->root, &file, &attr);
	CHECK_IS(attr.uid, 4711);
	CHECK_IS(attr.gid, 4712);
	/* sticky: others' files stay */
	set = set_mode(01777);
	CHECK_IS(do_setattr(r->root, &r->dir, &set, NULL, NULL), NFS3_OK);
	set = set_mode(0644);
	CHECK_IS(do_create(r->root, &r->dir, "roots", GUARDED, &set, NULL, NULL), NFS3_OK);
	CHECK_IS(do_remove(&user, &r->dir, "roots", NULL), NFS3ERR_PERM);
	CHECK_IS(do_rename(&user, &r->dir, "roots", &r->dir, "mine"), NFS3ERR_PERM);
	CHECK_IS(do_rename(&user, &r->dir, "f", &r->dir, "roots"), NFS3ERR_PERM);
	CHECK_IS(do_remove(&user, &r->dir, "f", NULL), NFS3_OK);
	client_close(&user);
}

const struct rule rules_files[] = {
	RULE(data_are_read_as_they_were_written),
	RULE(stable_writes_say_so_and_commit_knows_the_verifier),
	RULE(attributes_are_set_as_asked),
	RULE(a_guard_that_does_not_hold_changes_nothing),
	RULE(attributes_from_before_and_after_are_true),
	RULE(access_tells_who_may_do_what),
	RULE(owners_may_read_and_write_whatever_the_mode_is),
	RULE(new_files_belong_to_who_makes_them),
	{NULL, NULL},
};
