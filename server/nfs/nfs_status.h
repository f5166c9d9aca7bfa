/* SPDX-License-Identifier: MIT */
/* Errors as NFS and MOUNT have them. */
#ifndef BRAMBLE_NFS_STATUS_H
#define BRAMBLE_NFS_STATUS_H

#include <mount3.h>
#include <nfs3.h>

/* Of 0 or a negative errno. */
nfsstat3 nfs_status(int err);
mountstat3 nfs_status_of_mount(int err);

#endif
