/* SPDX-License-Identifier: MIT */
/* Rules of listings and of what is told of a file system (RFC 1813, 3.3.16 to 3.3.20). */
#include "support/nfs_rules.h"

#define FILES 300u

struct seen {
	unsigned int names; /* those that were made */
	unsigned int calls;
	uint8_t each[FILES]; /* how often */
	bool dot, dot_dot;
};

static void see(struct seen *seen, const char *name)
{
	unsigned int number;

	if (strcmp(name, ".") == 0)
		seen->dot = true;
	if (strcmp(name, "..") == 0)
		seen->dot_dot = true;
	if (sscanf(name, "file-%u", &number) == 1 && number < FILES) {
		seen->names++;
		seen->each[number]++;
	}
}

static void check_seen(const struct seen *seen)
{
	CHECK(seen->dot && seen->dot_dot);
	CHECK_IS(seen->names, FILES);
	for (unsigned int i = 0; i < FILES; i++)
		CHECK_IS(seen->each[i], 1);
}

static void make_files(struct rules *r)
{
	sattr3 set = set_mode(0644);
	char name[32];

	for (unsigned int i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "file-%u%.*s", i, (int)(i % 7), "-------");
		CHECK_IS(do_create(r->root, &r->dir, name, GUARDED, &set, NULL, NULL), NFS3_OK);
	}
}

static nfsstat3 list(struct rules *r, struct handle *dir, uint64_t cookie, const char verifier[8],
		     uint32_t count, READDIR3res *res)
{
	READDIR3args args = {.dir = fh_of(dir), .cookie = cookie, .count = count};

	memcpy(args.cookieverf, verifier, 8);
	client_call(r->root, CLIENT_PROGRAM_NFS, NFS3_READDIR, (zdrproc_t)zdr_READDIR3args, &args,
		    (zdrproc_t)zdr_READDIR3res, res, sizeof(*res));
	return res->status;
}

static nfsstat3 list_plus(struct rules *r, struct handle *dir, uint64_t cookie,
			  const char verifier[8], uint32_t dircount, uint32_t maxcount,
			  READDIRPLUS3res *res)
{
	READDIRPLUS3args args = {
		.dir = fh_of(dir), .cookie = cookie, .dircount = dircount, .maxcount = maxcount};

	memcpy(args.cookieverf, verifier, 8);
	client_call(r->root, CLIENT_PROGRAM_NFS, NFS3_READDIRPLUS, (zdrproc_t)zdr_READDIRPLUS3args,
		    &args, (zdrproc_t)zdr_READDIRPLUS3res, res, sizeof(*res));
	return res->status;
}

static void a_listing_gives_each_name_once(struct rules *r)
{
	static const uint32_t counts[] = {256, 1000, 4096, 65536, 1u << 30};
	READDIR3res res;

	make_files(r);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct seen seen = {0};
		char verifier[8] = "";
		uint64_t cookie = 0;
		bool eof = false;

		while (!eof && seen.calls++ < FILES) {
			if (list(r, &r->dir, cookie, verifier, counts[i], &res) != NFS3_OK)
				break;
			CHECK(r->root->data_len - 28 <= counts[i]);
			for (entry3 *e = res.READDIR3res_u.resok.reply.entries; e;
			     e = e->nextentry) {
				see(&seen, e->name);
				cookie = e->cookie;
			}
			memcpy(verifier, res.READDIR3res_u.resok.cookieverf, 8);
			eof = res.READDIR3res_u.resok.reply.eof;
		}
		CHECK(eof);
		check_seen(&seen);
	}
	CHECK_IS(list(r, &r->dir, 0, "\0\0\0\0\0\0\0", 30, &res), NFS3ERR_TOOSMALL);
	CHECK_IS(list(r, &r->dir, 0, "\0\0\0\0\0\0\0", 0, &res), NFS3ERR_TOOSMALL);
	CHECK_IS(list(r, &r->dir, 3, "nosuchve", 4096, &res), NFS3ERR_BAD_COOKIE);
	CHECK_IS(list(r, &r->dir, UINT64_MAX, "\0\0\0\0\0\0\0", 4096, &res), NFS3ERR_BAD_COOKIE);
}

/* What READDIRPLUS says of an entry is what LOOKUP and GETATTR say of it. */
static void check_entry(struct rules *r, struct handle *dir, const char *name, const fattr3 *got,
			const struct handle *handle)
{
	struct client client;
	struct handle found;
	fattr3 attr;

	client_open(&client, r->port, false);
	CHECK_IS(do_lookup(&client, dir, name, &found), NFS3_OK);
	CHECK_IS(found.len, handle->len);
	CHECK_IS(memcmp(found.data, handle->data, found.len), 0);
	CHECK_IS(do_getattr(&client, &found, &attr), NFS3_OK);
	CHECK_IS(memcmp(&attr, got, sizeof(attr)), 0);
	client_close(&client);
}

static void check_entries(struct rules *r, struct handle *dir, READDIRPLUS3res *res,
			  struct seen *seen, uint64_t *cookie, bool thoroughly)
{
	for (entryplus3 *e = res->READDIRPLUS3res_u.resok.reply.entries; e; e = e->nextentry) {
		struct handle handle;

		see(seen, e->name);
		*cookie = e->cookie;
		CHECK(e->name_attributes.attributes_follow);
		CHECK(e->name_handle.handle_follows);
		keep_handle(&e->name_handle.post_op_fh3_u.handle, &handle);
		if (thoroughly)
			check_entry(r, dir, e->name, &e->name_attributes.post_op_attr_u.attributes,
				    &handle);
	}
}

static void readdirplus_tells_what_getattr_tells(struct rules *r)
{
	static const uint32_t counts[][2] = {
		{1u << 20, 512}, {4096, 16384}, {100, 65536}, {1u << 30, 1u << 30}};
	READDIRPLUS3res res;

	make_files(r);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct seen seen = {0};
		char verifier[8] = "";
		uint64_t cookie = 0;
		bool eof = false;

		while (!eof && seen.calls++ < 2 * FILES) {
			if (list_plus(r, &r->dir, cookie, verifier, counts[i][0], counts[i][1],
				      &res) != NFS3_OK)
				break;
			CHECK(r->root->data_len - 28 <= counts[i][1]);
			check_entries(r, &r->dir, &res, &seen, &cookie, i == 1);
			memcpy(verifier, res.READDIRPLUS3res_u.resok.cookieverf, 8);
			eof = res.READDIRPLUS3res_u.resok.reply.eof;
		}
		CHECK(eof);
		check_seen(&seen);
	}
	CHECK_IS(list_plus(r, &r->dir, 0, "\0\0\0\0\0\0\0", 4096, 200, &res), NFS3ERR_TOOSMALL);
	/* how much of it may be names is a wish: one is there whatever it says */
	CHECK_IS(list_plus(r, &r->dir, 0, "\0\0\0\0\0\0\0", 0, 4096, &res), NFS3_OK);
	CHECK(res.READDIRPLUS3res_u.resok.reply.entries &&
	      !res.READDIRPLUS3res_u.resok.reply.entries->nextentry);
	CHECK_IS(list_plus(r, &r->dir, 3, "nosuchve", 4096, 4096, &res), NFS3ERR_BAD_COOKIE);
}

static void files_may_be_removed_while_they_are_listed(struct rules *r)
{
	unsigned int removed = 0;
	uint64_t cookie = 0;
	bool eof = false;
	READDIR3res res;

	make_files(r);
	while (!eof && removed <= FILES) {
		char names[64][64];
		unsigned int count = 0;

		CHECK_IS(list(r, &r->dir, cookie, "\0\0\0\0\0\0\0", 1024, &res), NFS3_OK);
		for (entry3 *e = res.READDIR3res_u.resok.reply.entries; e && count < 64;
		     e = e->nextentry) {
			cookie = e->cookie;
			if (e->name[0] != '.')
				snprintf(names[count++], sizeof(names[0]), "%s", e->name);
		}
		eof = res.READDIR3res_u.resok.reply.eof;
		for (unsigned int i = 0; i < count; i++)
			CHECK_IS(do_remove(r->root, &r->dir, names[i], NULL), NFS3_OK);
		removed += count;
	}
	CHECK_IS(removed, FILES);
}

static void find_boot(struct rules *r, struct handle *above, struct handle *boot)
{
	struct handle dir;

	CHECK_IS(do_lookup(r->root, &r->export, "boot", &dir), NFS3_OK);
	CHECK_IS(do_lookup(r->root, &dir, "firmware", boot), NFS3_OK);
	*above = dir;
}

static void the_boot_volume_is_another_file_system(struct rules *r)
{
	struct handle above, boot, file, found;
	READDIRPLUS3res res;
	fattr3 outside, inside, attr;
	struct seen seen = {0};
	uint64_t cookie = 0;
	sattr3 set = set_mode(0755);

	find_boot(r, &above, &boot);
	CHECK_IS(do_getattr(r->root, &above, &outside), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &boot, &inside), NFS3_OK);
	CHECK(outside.fsid != inside.fsid);
	CHECK_IS(do_getattr(r->root, &r->export, &attr), NFS3_OK);
	CHECK_IS(attr.fsid, outside.fsid);
	CHECK_IS(do_lookup(r->root, &boot, "CMDLINE.TXT", &file), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &file, &attr), NFS3_OK);
	CHECK_IS(attr.fsid, inside.fsid);
	CHECK_IS(do_lookup(r->root, &boot, "..", &found), NFS3_OK);
	CHECK_IS(memcmp(found.data, above.data, found.len), 0);
	/* the entry it is at shows what is mounted there */
	CHECK_IS(list_plus(r, &above, 0, "\0\0\0\0\0\0\0", 4096, 8192, &res), NFS3_OK);
	check_entries(r, &above, &res, &seen, &cookie, true);
	/* nothing crosses the border */
	CHECK_IS(do_create(r->root, &boot, "new file", GUARDED, &set, NULL, &file), NFS3_OK);
	CHECK_IS(do_getattr(r->root, &file, &attr), NFS3_OK);
	CHECK_IS(attr.fsid, inside.fsid);
	CHECK_IS(do_link(r->root, &file, &r->dir, "link"), NFS3ERR_XDEV);
	CHECK_IS(do_rename(r->root, &boot, "new file", &r->dir, "x"), NFS3ERR_XDEV);
	CHECK_IS(do_rmdir(r->root, &above, "firmware"), NFS3ERR_ACCES);
	CHECK_IS(do_remove(r->root, &boot, "NEW FILE", NULL), NFS3_OK);
}

static void ask(struct rules *r, uint32_t procedure, struct handle *h, zdrproc_t decode, void *res,
		size_t size)
{
	GETATTR3args args = {.object = fh_of(h)};

	client_call(r->root, CLIENT_PROGRAM_NFS, procedure, (zdrproc_t)zdr_GETATTR3args, &args,
		    decode, res, size);
}

static void a_file_system_tells_what_it_can(struct rules *r)
{
	struct handle above, boot;
	FSINFO3res info;
	FSSTAT3res stat;
	PATHCONF3res conf;
	const FSINFO3resok *i = &info.FSINFO3res_u.resok;
	const FSSTAT3resok *s = &stat.FSSTAT3res_u.resok;
	const PATHCONF3resok *p = &conf.PATHCONF3res_u.resok;
	uint64_t total;

	find_boot(r, &above, &boot);
	ask(r, NFS3_FSINFO, &r->export, (zdrproc_t)zdr_FSINFO3res, &info, sizeof(info));
	CHECK_IS(info.status, NFS3_OK);
	CHECK(i->obj_attributes.attributes_follow);
	CHECK(i->rtmax >= 65536 && i->rtpref <= i->rtmax && i->rtmult);
	CHECK(i->wtmax >= 65536 && i->wtpref <= i->wtmax && i->wtmult);
	CHECK(i->dtpref >= 4096);
	CHECK(i->maxfilesize >= (uint64_t)1 << 40);
	CHECK_IS(i->time_delta.seconds, 0);
	CHECK_IS(i->time_delta.nseconds, 1);
	CHECK_IS(i->properties, FSF3_LINK | FSF3_SYMLINK | FSF3_HOMOGENEOUS | FSF3_CANSETTIME);
	ask(r, NFS3_FSSTAT, &r->export, (zdrproc_t)zdr_FSSTAT3res, &stat, sizeof(stat));
	CHECK_IS(stat.status, NFS3_OK);
	CHECK(s->tbytes > 1u << 20 && s->fbytes <= s->tbytes && s->abytes <= s->fbytes);
	CHECK(s->tfiles && s->ffiles <= s->tfiles && s->afiles <= s->ffiles);
	total = s->tbytes;
	ask(r, NFS3_FSSTAT, &boot, (zdrproc_t)zdr_FSSTAT3res, &stat, sizeof(stat));
	CHECK(s->tbytes != total);
	ask(r, NFS3_PATHCONF, &r->export, (zdrproc_t)zdr_PATHCONF3res, &conf, sizeof(conf));
	CHECK_IS(conf.status, NFS3_OK);
	CHECK(p->linkmax > 1000);
	CHECK_IS(p->name_max, 255);
	CHECK(p->no_trunc && p->chown_restricted && !p->case_insensitive && p->case_preserving);
	ask(r, NFS3_PATHCONF, &boot, (zdrproc_t)zdr_PATHCONF3res, &conf, sizeof(conf));
	CHECK(p->case_insensitive && p->case_preserving);
}

const struct rule rules_lists[] = {
	RULE(a_listing_gives_each_name_once),
	RULE(readdirplus_tells_what_getattr_tells),
	RULE(files_may_be_removed_while_they_are_listed),
	RULE(the_boot_volume_is_another_file_system),
	RULE(a_file_system_tells_what_it_can),
	{NULL, NULL},
};
