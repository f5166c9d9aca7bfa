/* SPDX-License-Identifier: MIT */
/*
 * READDIR and READDIRPLUS (RFC 1813, 3.3.16 and 3.3.17). Cookies are the tree's own and stay valid as
 * long as the directory does, so the cookie verifier is always the same: zeros.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "nfs/nfs_call.h"

/* Bytes of one answer, whatever was asked for: what the loop does in one go. */
#define LIST_MAX 65536u

/* In front of the entries, besides the status; and behind them: no more entries, and whether all. */
#define LIST_HEAD (NFS_POST_ATTR_BYTES + 2 * NFS_WORD)
#define LIST_TAIL (2 * NFS_WORD)

/* Of one entry without its name, with "an entry follows" in front: of READDIR, and what PLUS adds. */
#define ENTRY_BYTES (6 * NFS_WORD)
#define PLUS_BYTES (NFS_POST_ATTR_BYTES + NFS_POST_FH_BYTES)
/* What READDIRPLUS counts for dircount. */
#define NAME_BYTES (5 * NFS_WORD)

struct listing {
	struct nfs_op *op;
	bool plus;
	uint64_t fsid; /* of the directory */
	uint8_t *p;
	size_t left; /* bytes of the answer for further entries */
	size_t names_left; /* bytes of the names, as dircount counts them */
	size_t entries;
	bool full;
	int err;
};

static bool is_name_for_nfs(const struct tree_entry *entry)
{
	/* clients refuse a whole listing for a name that they cannot use (FAT has longer ones) */
	return entry->name_len <= NFS_NAME_MAX;
}

/*
 * The attributes of an entry. A directory may be one that another file system is shown at; all else is
 * on the same one as the directory that is listed.
 */
static int entry_attr(struct listing *l, const struct tree_entry *entry, struct nfs_attr *out)
{
	int err = tree_getattr(l->op->tree, entry->id, &out->attr);

	out->fsid = l->fsid;
	if (!err && S_ISDIR(out->attr.mode))
		err = nfs_fsid(l->op, entry->id, &out->fsid);
	out->known = !err;
	return err;
}

static int take_entry(void *ctx, const struct tree_entry *entry)
{
	struct listing *l = ctx;
	const size_t padded = nfs_padded(entry->name_len);
	const size_t need = ENTRY_BYTES + padded + (l->plus ? PLUS_BYTES : 0);
	struct nfs_attr attr;
	uint8_t *p = l->p;

	if (!is_name_for_nfs(entry))
		return 0;
	/* the limit of what names may take is a wish: one name is always given, as by other servers */
	if (need > l->left || (l->entries && NAME_BYTES + padded > l->names_left)) {
		l->full = true;
		return 1;
	}
	if (l->plus) {
		int err = entry_attr(l, entry, &attr);

		if (nfs_must_wait(err)) {
			l->err = err;
			return 1;
		}
	}
	p = nfs_put32(p, TRUE);
	p = nfs_put64(p, entry->id);
	p = nfs_put_opaque(p, entry->name, entry->name_len);
	p = nfs_put64(p, entry->next);
	if (l->plus) {
		p = nfs_put_post_attr(p, &attr);
		p = nfs_put_post_fh(p, &l->op->lease->seal, entry->id);
	}
	l->left -= (size_t)(p - l->p);
	l->names_left -= min_u64(l->names_left, NAME_BYTES + padded);
	l->p = p;
	l->entries++;
	return 0;
}

static int check_listable(struct nfs_op *op, const struct nfs_attr *dir)
{
	if (!S_ISDIR(dir->attr.mode))
		return -ENOTDIR;
	return nfs_may(op, &dir->attr, TREE_MAY_READ);
}

static int fail_status(struct nfs_op *op, nfsstat3 status, const struct nfs_attr *dir)
{
	uint8_t *p = nfs_answer(op, 0, NFS_POST_ATTR_BYTES);

	if (!p)
		return -ENOMEM;
	nfs_answer_status(op, status);
	return nfs_answered(op, nfs_put_post_attr(p, dir));
}

struct request {
	uint64_t cookie;
	uint64_t verifier;
	size_t names_max;
	size_t max;
	bool plus;
};

static int list(struct nfs_op *op, const struct request *request)
{
	const size_t least = LIST_HEAD + LIST_TAIL;
	size_t max = request->max < LIST_MAX ? request->max : LIST_MAX;
	struct listing l = {.op = op, .plus = request->plus, .names_left = request->names_max};
	struct nfs_attr dir;
	int err = nfs_attr_get(op, op->id, &dir);

	if (err)
		return nfs_fail(op, err);
	err = check_listable(op, &dir);
	if (err)
		return nfs_fail_attr(op, err, &dir);
	if (request->cookie > INT64_MAX || (request->cookie && request->verifier))
		return fail_status(op, NFS3ERR_BAD_COOKIE, &dir);
	if (max > op->transfer_max)
		max = op->transfer_max;
	if (max < least)
		return fail_status(op, NFS3ERR_TOOSMALL, &dir);
	l.p = nfs_answer(op, 0, max);
	if (!l.p)
		return -ENOMEM;
	l.fsid = dir.fsid;
	l.left = max - least;
	l.p = nfs_put64(nfs_put_post_attr(l.p, &dir), 0);
	err = tree_readdir(op->tree, op->id, request->cookie, take_entry, &l);
	if (l.err || nfs_must_wait(err))
		return -EAGAIN;
	if (!l.entries && err)
		return nfs_fail_attr(op, err, &dir);
	if (!l.entries && l.full)
		return fail_status(op, NFS3ERR_TOOSMALL, &dir);
	/* an error behind some entries is met again by whoever goes on there */
	l.p = nfs_put32(l.p, FALSE);
	return nfs_answered(op, nfs_put32(l.p, !l.full && !err));
}

int nfs_readdir(struct nfs_op *op)
{
	struct nfs_args args = op->behind;
	struct request request = {.names_max = SIZE_MAX};

	request.cookie = nfs_take64(&args);
	request.verifier = nfs_take64(&args);
	request.max = nfs_take32(&args);
	return args.bad ? nfs_garbage(op) : list(op, &request);
}

int nfs_readdirplus(struct nfs_op *op)
{
	struct nfs_args args = op->behind;
	struct request request = {.plus = true};

	request.cookie = nfs_take64(&args);
	request.verifier = nfs_take64(&args);
	request.names_max = nfs_take32(&args);
	request.max = nfs_take32(&args);
	return args.bad ? nfs_garbage(op) : list(op, &request);
}
