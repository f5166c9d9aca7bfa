/* SPDX-License-Identifier: MIT */
/* Names of entries, and what procedures that change directories have in common. */
#ifndef BRAMBLE_NFS_NAME_H
#define BRAMBLE_NFS_NAME_H

#include "nfs/nfs_call.h"

/* Points into the arguments; not NUL-terminated. */
struct nfs_name {
	const char *text;
	size_t len; /* bytes */
};

/* -ENAMETOOLONG. */
int nfs_name_of(const filename3 *name, struct nfs_name *out);

static inline bool nfs_name_is_dot_dot(const struct nfs_name *name)
{
	return name->len == 2 && name->text[0] == '.' && name->text[1] == '.';
}

static inline bool nfs_name_is_dots(const struct nfs_name *name)
{
	return (name->len == 1 && name->text[0] == '.') || nfs_name_is_dot_dot(name);
}

/* Whether the caller may look names up in the directory: -ENOTDIR, -EACCES. */
int nfs_may_search_dir(struct nfs_op *op, uint64_t dir);

/* Whether the caller may add names to the directory: -ENOTDIR, -EROFS, -EACCES. */
int nfs_may_change_dir(struct nfs_op *op, uint64_t dir);

int nfs_answer_rename(struct nfs_op *op, int err, const struct nfs_wcc *from,
		      const struct nfs_wcc *to);
int nfs_answer_link(struct nfs_op *op, int err, const struct nfs_wcc *wcc);

/* Of CREATE, MKDIR, SYMLINK and MKNOD; @id: what was made. */
int nfs_answer_create(struct nfs_op *op, int err, uint64_t id, const struct nfs_wcc *wcc);

#endif
