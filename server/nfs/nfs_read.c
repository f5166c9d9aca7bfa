/* SPDX-License-Identifier: MIT */
/* GETATTR, LOOKUP, ACCESS, READLINK and READ (RFC 1813, 3.3.1 and 3.3.3 to 3.3.6): the hot path. */
#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "nfs/nfs_cached.h"
#include "nfs/nfs_call.h"
#include "nfs/nfs_server.h"

/* Bytes of an answer to READ in front of the data, besides the status. */
#define READ_HEAD (NFS_POST_ATTR_BYTES + 3 * NFS_WORD)

int nfs_getattr(struct nfs_op *op)
{
	struct nfs_attr attr;
	int err = nfs_attr_get(op, op->id, &attr);
	uint8_t *p;

	if (err)
		return nfs_fail(op, err);
	p = nfs_answer(op, 0, NFS_FATTR_BYTES);
	return p ? nfs_answered(op, nfs_put_fattr(p, &attr)) : -ENOMEM;
}

/* LOOKUP -------------------------------------------------------------------------------------- */

static int look_up(struct nfs_op *op, const struct nfs_attr *dir, const uint8_t *name, size_t len,
		   uint64_t *out_id)
{
	int err;

	if (!S_ISDIR(dir->attr.mode))
		return -ENOTDIR;
	if (len > NFS_NAME_MAX)
		return -ENAMETOOLONG;
	err = nfs_may(op, &dir->attr, TREE_MAY_EXEC);
	return err ? err : tree_lookup(op->tree, op->id, (const char *)name, len, out_id);
}

int nfs_lookup(struct nfs_op *op)
{
	struct nfs_args args = op->behind;
	struct nfs_attr dir, attr;
	const uint8_t *name;
	uint64_t id;
	uint8_t *p;
	size_t len;
	int err;

	name = nfs_take_opaque(&args, NFS3_NAME_BOUND, &len);
	if (!name)
		return nfs_garbage(op);
	err = nfs_attr_get(op, op->id, &dir);
	if (err)
		return nfs_fail(op, err);
	err = look_up(op, &dir, name, len, &id);
	if (err)
		return nfs_fail_attr(op, err, &dir);
	err = nfs_attr_get(op, id, &attr);
	if (nfs_must_wait(err))
		return err;
	/* a node whose attributes are damaged still has a name */
	p = nfs_answer(op, 0, NFS_FH_BYTES + 2 * NFS_POST_ATTR_BYTES);
	if (!p)
		return -ENOMEM;
	p = nfs_put_fh(p, &op->lease->seal, id);
	p = nfs_put_post_attr(p, &attr);
	return nfs_answered(op, nfs_put_post_attr(p, &dir));
}

/* ACCESS -------------------------------------------------------------------------------------- */

static_assert(TREE_RIGHT_READ == ACCESS3_READ && TREE_RIGHT_LOOKUP == ACCESS3_LOOKUP &&
		      TREE_RIGHT_MODIFY == ACCESS3_MODIFY && TREE_RIGHT_EXTEND == ACCESS3_EXTEND &&
		      TREE_RIGHT_DELETE == ACCESS3_DELETE && TREE_RIGHT_EXECUTE == ACCESS3_EXECUTE,
	      "the bits of RFC 1813");

int nfs_access(struct nfs_op *op)
{
	struct nfs_args args = op->behind;
	const uint32_t asked = nfs_take32(&args);
	struct nfs_attr attr;
	unsigned int given;
	uint8_t *p;
	int err;

	if (args.bad)
		return nfs_garbage(op);
	err = nfs_attr_get(op, op->id, &attr);
	if (err)
		return nfs_fail(op, err);
	err = tree_access_rights(op->tree, &attr.attr, &op->caller, asked, &given);
	if (err)
		return nfs_fail_attr(op, err, &attr);
	p = nfs_answer(op, 0, NFS_POST_ATTR_BYTES + NFS_WORD);
	if (!p)
		return -ENOMEM;
	return nfs_answered(op, nfs_put32(nfs_put_post_attr(p, &attr), given));
}

/* READLINK ------------------------------------------------------------------------------------ */

int nfs_readlink(struct nfs_op *op)
{
	char target[TREE_LINK_MAX];
	struct nfs_attr attr;
	ssize_t n;
	uint8_t *p;
	int err = nfs_attr_get(op, op->id, &attr);

	if (err)
		return nfs_fail(op, err);
	n = tree_readlink(op->tree, op->id, target, sizeof(target));
	if (n < 0)
		return nfs_fail_attr(op, (int)n, &attr);
	p = nfs_answer(op, 0, NFS_POST_ATTR_BYTES + NFS_WORD + nfs_padded((size_t)n));
	if (!p)
		return -ENOMEM;
	p = nfs_put_post_attr(p, &attr);
	return nfs_answered(op, nfs_put_opaque(p, target, (size_t)n));
}

/* READ ---------------------------------------------------------------------------------------- */

static int check_readable(struct nfs_op *op, const struct tree_attr *attr)
{
	if (S_ISDIR(attr->mode))
		return -EISDIR;
	if (!S_ISREG(attr->mode))
		return -EINVAL;
	return tree_access_data(op->tree, attr, &op->caller, TREE_MAY_READ);
}

/* What stands in front of the data. */
static uint8_t *put_read_head(uint8_t *p, const struct nfs_attr *attr, uint64_t offset, size_t n)
{
	p = nfs_put_post_attr(p, attr);
	p = nfs_put32(p, (uint32_t)n);
	p = nfs_put32(p, offset >= attr->attr.size || n >= attr->attr.size - offset);
	return nfs_put32(p, (uint32_t)n);
}

/* Bytes; less is copied: the system calls for it cost more than that. */
#define FILE_MIN 65536u

static void release_file(void *ctx)
{
	nfs_lease_give_back(ctx);
}

/* Lets the data go from the image's page cache to the network, if they are there. */
static bool give_file(struct nfs_op *op, uint64_t offset, size_t len)
{
	struct tree_extent extent;

	if (len < FILE_MIN || tree_map(op->tree, op->id, offset, len, &extent) ||
	    extent.len < len || !nfs_is_cached(extent.fd, extent.offset, len))
		return false;
	/* the file is there as long as the export is */
	op->file = (struct rpc_file){.fd = extent.fd,
				     .offset = extent.offset,
				     .len = len,
				     .release = release_file,
				     .ctx = op->lease};
	return true;
}

int nfs_read(struct nfs_op *op)
{
	struct nfs_args args = op->behind;
	const uint64_t offset = nfs_take64(&args);
	const uint32_t count = nfs_take32(&args);
	struct nfs_attr attr;
	size_t want = 0;
	ssize_t n = 0;
	uint8_t *p;
	int err;

	if (args.bad)
		return nfs_garbage(op);
	/* before the data: a client must not take old data for new */
	err = nfs_attr_get(op, op->id, &attr);
	if (err)
		return nfs_fail(op, err);
	err = check_readable(op, &attr.attr);
	if (err)
		return nfs_fail_attr(op, err, &attr);
	if (offset < attr.attr.size)
		want = (size_t)min_u64(min_u64(count, op->transfer_max), attr.attr.size - offset);
	/* the file may have grown since this call found that it would have to wait */
	if (op->out)
		want = (size_t)min_u64(want, op->room - NFS_WORD - READ_HEAD);
	if (give_file(op, offset, want)) {
		p = nfs_answer(op, 0, READ_HEAD);
		return p ? nfs_answered(op, put_read_head(p, &attr, offset, want)) : -ENOMEM;
	}
	p = nfs_answer(op, 0, READ_HEAD + nfs_padded(want));
	if (!p)
		return -ENOMEM;
	if (want)
		n = tree_read(op->tree, op->id, p + READ_HEAD, want, offset);
	if (n < 0)
		return nfs_fail_attr(op, (int)n, &attr);
	/* cut off meanwhile */
	if ((size_t)n < want)
		attr.attr.size = offset + (size_t)n;
	p = put_read_head(p, &attr, offset, (size_t)n) + n;
	return nfs_answered(op, nfs_put_padding(p, (size_t)n));
}
