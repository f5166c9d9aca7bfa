/* SPDX-License-Identifier: MIT */
/* Attributes that a call sets, for the functions of procedures that do. */
#ifndef BRAMBLE_NFS_CHANGE_H
#define BRAMBLE_NFS_CHANGE_H

#include "nfs/nfs_call.h"

/* What a client wants to have set. -EINVAL: no such time. */
int nfs_set_of(const sattr3 *attributes, struct tree_setattr *out);

/* Sets it, if the caller may, to the node @id that has @attr; drops from @set what he may not give. */
int nfs_set(struct nfs_op *op, uint64_t id, const struct tree_attr *attr, struct tree_setattr *set);

#endif
