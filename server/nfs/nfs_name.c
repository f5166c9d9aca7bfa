/* SPDX-License-Identifier: MIT */
/* REMOVE, RMDIR, RENAME and LINK (RFC 1813, 3.3.12 to 3.3.15): names of what is there. In a worker. */
#include <errno.h>
#include <sys/stat.h>

#include "nfs/nfs_name.h"

int nfs_name_of(const filename3 *name, struct nfs_name *out)
{
	out->text = name->filename3_val;
	out->len = name->filename3_len;
	return out->len > NFS_NAME_MAX ? -ENAMETOOLONG : 0;
}

static int may_in_dir(struct nfs_op *op, uint64_t dir, unsigned int wanted)
{
	struct tree_attr attr;
	int err = tree_getattr(op->tree, dir, &attr);

	if (err)
		return err;
	if (!S_ISDIR(attr.mode))
		return -ENOTDIR;
	/* before permissions, as the kernel has it: nobody may write to what cannot be written */
	if ((wanted & TREE_MAY_WRITE) && !tree_is_writable(op->tree))
		return -EROFS;
	return nfs_may(op, &attr, wanted);
}

int nfs_may_search_dir(struct nfs_op *op, uint64_t dir)
{
	return may_in_dir(op, dir, TREE_MAY_EXEC);
}

int nfs_may_change_dir(struct nfs_op *op, uint64_t dir)
{
	return may_in_dir(op, dir, TREE_MAY_WRITE | TREE_MAY_EXEC);
}

/* REMOVE and RMDIR ----------------------------------------------------------------------------- */

static int remove_name(struct nfs_op *op, const struct nfs_name *name, bool is_dir)
{
	uint64_t id;
	int err = nfs_may_change_dir(op, op->id);

	if (!err && is_dir && nfs_name_is_dot_dot(name))
		err = -EEXIST; /* RFC 1813, 3.3.13 */
	if (!err)
		err = tree_lookup(op->tree, op->id, name->text, name->len, &id);
	if (!err)
		err = tree_access_remove(op->tree, op->id, id, &op->caller);
	if (err)
		return err;
	nfs_note_begin(op);
	if (is_dir)
		err = tree_rmdir(op->tree, op->id, name->text, name->len);
	else
		err = tree_unlink(op->tree, op->id, name->text, name->len);
	nfs_note_end(op);
	return err;
}

static int do_remove(struct nfs_op *op, bool is_dir)
{
	struct nfs_calls *calls = op->lease->export->calls;
	struct nfs_name name;
	struct nfs_wcc wcc;
	int err;

	nfs_calls_lock_names(calls);
	err = nfs_wcc_before(op, op->id, &wcc);
	if (!err)
		err = nfs_name_of(&op->args->remove.object.name, &name);
	if (!err)
		err = remove_name(op, &name, is_dir);
	nfs_wcc_after(op, op->id, &wcc);
	nfs_calls_unlock_names(calls);
	op->to_sync = !err;
	return nfs_answer_wcc(op, err, &wcc);
}

int nfs_remove(struct nfs_op *op)
{
	return do_remove(op, false);
}

int nfs_rmdir(struct nfs_op *op)
{
	return do_remove(op, true);
}

/* RENAME -------------------------------------------------------------------------------------- */

struct renaming {
	struct nfs_name from, to;
	uint64_t to_dir;
};

/* Whether what stands at the new name, if there is something, may give way. */
static int may_replace(struct nfs_op *op, const struct renaming *r)
{
	uint64_t id;
	int err = tree_lookup(op->tree, r->to_dir, r->to.text, r->to.len, &id);

	if (err)
		return err == -ENOENT ? 0 : err;
	return tree_access_remove(op->tree, r->to_dir, id, &op->caller);
}

/* vfs_rename of the kernel: a directory's ".." changes, which is writing to it */
static int may_move(struct nfs_op *op, const struct renaming *r, uint64_t id)
{
	struct tree_attr attr;
	int err;

	if (op->id == r->to_dir)
		return 0;
	err = tree_getattr(op->tree, id, &attr);
	if (err || !S_ISDIR(attr.mode))
		return err;
	return nfs_may(op, &attr, TREE_MAY_WRITE);
}

static int rename_name(struct nfs_op *op, const struct renaming *r)
{
	uint64_t id;
	int err = nfs_may_change_dir(op, op->id);

	if (!err)
		err = nfs_may_change_dir(op, r->to_dir);
	if (!err && (nfs_name_is_dots(&r->from) || nfs_name_is_dots(&r->to)))
		err = -EINVAL; /* RFC 1813, 3.3.14 */
	if (!err)
		err = tree_lookup(op->tree, op->id, r->from.text, r->from.len, &id);
	if (!err)
		err = tree_access_remove(op->tree, op->id, id, &op->caller);
	if (!err)
		err = may_move(op, r, id);
	if (!err)
		err = may_replace(op, r);
	if (err)
		return err;
	nfs_note_begin(op);
	err = tree_rename(op->tree, op->id, r->from.text, r->from.len, r->to_dir, r->to.text,
			  r->to.len, 0);
	nfs_note_end(op);
	return err;
}

int nfs_answer_rename(struct nfs_op *op, int err, const struct nfs_wcc *from,
		      const struct nfs_wcc *to)
{
	uint8_t *p = nfs_answer(op, err, 2 * NFS_WCC_BYTES);

	return p ? nfs_answered(op, nfs_put_wcc(nfs_put_wcc(p, from), to)) : -ENOMEM;
}

int nfs_rename(struct nfs_op *op)
{
	const RENAME3args *args = &op->args->rename;
	struct nfs_calls *calls = op->lease->export->calls;
	struct nfs_wcc from, to = {0};
	struct renaming renaming;
	int err = nfs_other_handle(op, &args->to.dir, &renaming.to_dir);

	if (err)
		return nfs_fail_handle(op, err);
	nfs_calls_lock_names(calls);
	err = nfs_wcc_before(op, op->id, &from);
	if (!err)
		err = nfs_wcc_before(op, renaming.to_dir, &to);
	if (!err)
		err = nfs_name_of(&args->from.name, &renaming.from);
	if (!err)
		err = nfs_name_of(&args->to.name, &renaming.to);
	if (!err)
		err = rename_name(op, &renaming);
	nfs_wcc_after(op, op->id, &from);
	nfs_wcc_after(op, renaming.to_dir, &to);
	nfs_calls_unlock_names(calls);
	op->to_sync = !err;
	return nfs_answer_rename(op, err, &from, &to);
}

/* LINK ---------------------------------------------------------------------------------------- */

static int link_name(struct nfs_op *op, uint64_t dir, const filename3 *wanted)
{
	struct tree_attr attr;
	struct nfs_name name;
	int err = nfs_name_of(wanted, &name);

	if (!err)
		err = nfs_may_change_dir(op, dir);
	if (!err)
		err = tree_getattr(op->tree, op->id, &attr);
	if (!err && S_ISDIR(attr.mode))
		err = -EISDIR; /* nfsd_link of the kernel */
	if (err)
		return err;
	nfs_note_begin(op);
	err = tree_link(op->tree, op->id, dir, name.text, name.len, NULL);
	nfs_note_end(op);
	return err;
}

int nfs_answer_link(struct nfs_op *op, int err, const struct nfs_wcc *wcc)
{
	struct nfs_attr attr;
	uint8_t *p = nfs_answer(op, err, NFS_POST_ATTR_BYTES + NFS_WCC_BYTES);

	if (!p)
		return -ENOMEM;
	nfs_attr_after(op, op->id, &attr);
	return nfs_answered(op, nfs_put_wcc(nfs_put_post_attr(p, &attr), wcc));
}

int nfs_link(struct nfs_op *op)
{
	const LINK3args *args = &op->args->link;
	struct nfs_calls *calls = op->lease->export->calls;
	struct nfs_wcc wcc;
	uint64_t dir;
	int err = nfs_other_handle(op, &args->link.dir, &dir);

	if (err)
		return nfs_fail_handle(op, err);
	nfs_calls_lock_names(calls);
	err = nfs_wcc_before(op, dir, &wcc);
	if (!err)
		err = link_name(op, dir, &args->link.name);
	nfs_wcc_after(op, dir, &wcc);
	nfs_calls_unlock_names(calls);
	op->to_sync = !err;
	return nfs_answer_link(op, err, &wcc);
}
