/* SPDX-License-Identifier: MIT */
/* FSSTAT, FSINFO and PATHCONF (RFC 1813, 3.3.18 to 3.3.20). */
#include <errno.h>

#include "nfs/nfs_call.h"
#include "nfs/nfs_server.h"

/* Of ext4; where names ignore case, it is FAT, which has no links. */
#define LINKS_MAX 65000u

/* What clients should ask of READDIR and READDIRPLUS at once, bytes. */
#define LIST_PREFERRED 65536u

/* Multiples that suit us: of a block. */
#define TRANSFER_MULTIPLE 4096u

int nfs_fsstat(struct nfs_op *op)
{
	struct tree_statfs fs;
	struct nfs_attr attr;
	uint8_t *p;
	int err = nfs_attr_get(op, op->id, &attr);

	if (err)
		return nfs_fail(op, err);
	err = tree_statfs(op->tree, op->id, &fs);
	if (err)
		return nfs_fail_attr(op, err, &attr);
	p = nfs_answer(op, 0, NFS_POST_ATTR_BYTES + 13 * NFS_WORD);
	if (!p)
		return -ENOMEM;
	p = nfs_put_post_attr(p, &attr);
	p = nfs_put64(p, fs.blocks * fs.block_size);
	p = nfs_put64(p, fs.blocks_free * fs.block_size);
	p = nfs_put64(p, fs.blocks_available * fs.block_size);
	p = nfs_put64(p, fs.files);
	p = nfs_put64(p, fs.files_free);
	p = nfs_put64(p, fs.files_free);
	return nfs_answered(op, nfs_put32(p, 0)); /* for how long it will be so: not known */
}

int nfs_fsinfo(struct nfs_op *op)
{
	const uint32_t max = op->transfer_max;
	uint32_t preferred = op->server->options.transfer_preferred;
	uint32_t properties = FSF3_LINK | FSF3_SYMLINK | FSF3_CANSETTIME;
	struct nfs_attr attr;
	uint8_t *p;
	int err = nfs_attr_get(op, op->id, &attr);

	if (err)
		return nfs_fail(op, err);
	if (preferred > max)
		preferred = max;
	/* PATHCONF says the same of all nodes of a file system, unless some ignore case */
	if (!op->tree->mixes_case)
		properties |= FSF3_HOMOGENEOUS;
	p = nfs_answer(op, 0, NFS_POST_ATTR_BYTES + 12 * NFS_WORD);
	if (!p)
		return -ENOMEM;
	p = nfs_put_post_attr(p, &attr);
	for (int i = 0; i < 2; i++) { /* of READ, of WRITE */
		p = nfs_put32(p, max);
		p = nfs_put32(p, preferred);
		p = nfs_put32(p, TRANSFER_MULTIPLE);
	}
	p = nfs_put32(p, LIST_PREFERRED);
	p = nfs_put64(p, INT64_MAX);
	p = nfs_put64(p, 1); /* times are kept to the nanosecond */
	return nfs_answered(op, nfs_put32(p, properties));
}

/* Whether names in a directory are compared without case; else -EAGAIN alone is an error. */
static int ignores_case(struct nfs_op *op, uint64_t dir, bool *out)
{
	char folded;
	ssize_t n = tree_fold(op->tree, dir, "a", 1, &folded, sizeof(folded));

	*out = n > 0;
	return nfs_must_wait((int)n) ? (int)n : 0;
}

int nfs_pathconf(struct nfs_op *op)
{
	struct nfs_attr attr;
	uint64_t volume;
	bool ignores;
	uint8_t *p;
	int err = nfs_attr_get(op, op->id, &attr);

	if (!err)
		err = ignores_case(op, op->id, &ignores);
	if (!err)
		err = tree_volume(op->tree, op->id, &volume);
	if (err)
		return nfs_fail(op, err);
	p = nfs_answer(op, 0, NFS_POST_ATTR_BYTES + 6 * NFS_WORD);
	if (!p)
		return -ENOMEM;
	p = nfs_put_post_attr(p, &attr);
	p = nfs_put32(p, ignores && volume != TREE_ROOT ? 1 : LINKS_MAX);
	p = nfs_put32(p, NFS_NAME_MAX);
	p = nfs_put32(p, TRUE); /* longer names are refused */
	p = nfs_put32(p, TRUE); /* only root gives files away */
	p = nfs_put32(p, ignores);
	return nfs_answered(op, nfs_put32(p, TRUE)); /* names are kept as they were given */
}
