/* SPDX-License-Identifier: MIT */
/* Errors as NFS and MOUNT have them: one table each. What is in none is the server's own fault. */
#include "nfs/nfs_status.h"

#include <errno.h>

#include "base/checked.h"

struct row {
	int err;
	int status;
};

static const struct row nfs_rows[] = {
	{0, NFS3_OK},
	{EPERM, NFS3ERR_PERM},
	{ENOENT, NFS3ERR_NOENT},
	{EIO, NFS3ERR_IO},
	{EBADMSG, NFS3ERR_IO}, /* damage: what the kernel's own clients understand */
	{EUCLEAN, NFS3ERR_IO},
	{ENXIO, NFS3ERR_NXIO},
	{EACCES, NFS3ERR_ACCES},
	{EBUSY, NFS3ERR_ACCES}, /* a mount point: will not pass, and NFS has no word for it */
	{EEXIST, NFS3ERR_EXIST},
	{EXDEV, NFS3ERR_XDEV},
	{ENODEV, NFS3ERR_NODEV},
	{ENOTDIR, NFS3ERR_NOTDIR},
	{EISDIR, NFS3ERR_ISDIR},
	{EINVAL, NFS3ERR_INVAL},
	{EILSEQ, NFS3ERR_INVAL},
	{ELOOP, NFS3ERR_INVAL},
	{EFBIG, NFS3ERR_FBIG},
	{EOVERFLOW, NFS3ERR_FBIG},
	{ENOSPC, NFS3ERR_NOSPC},
	{EROFS, NFS3ERR_ROFS},
	{EMLINK, NFS3ERR_MLINK},
	{ENAMETOOLONG, NFS3ERR_NAMETOOLONG},
	{ENOTEMPTY, NFS3ERR_NOTEMPTY},
	{EDQUOT, NFS3ERR_DQUOT},
	{ESTALE, NFS3ERR_STALE},
	{EOPNOTSUPP, NFS3ERR_NOTSUPP},
	{ENOSYS, NFS3ERR_NOTSUPP},
	{EAGAIN, NFS3ERR_JUKEBOX}, /* these pass: the client waits and asks again */
	{EINTR, NFS3ERR_JUKEBOX},
	{ENOMEM, NFS3ERR_JUKEBOX},
	{EMFILE, NFS3ERR_JUKEBOX},
	{ENFILE, NFS3ERR_JUKEBOX},
	{EHOSTUNREACH, NFS3ERR_JUKEBOX},
};

static const struct row mount_rows[] = {
	{0, MNT3_OK},
	{EPERM, MNT3ERR_PERM},
	{ENOENT, MNT3ERR_NOENT},
	{EIO, MNT3ERR_IO},
	{EBADMSG, MNT3ERR_IO},
	{EUCLEAN, MNT3ERR_IO},
	{ENOSPC, MNT3ERR_IO},
	{EACCES, MNT3ERR_ACCES},
	{ENOTDIR, MNT3ERR_NOTDIR},
	{EINVAL, MNT3ERR_INVAL},
	{ENAMETOOLONG, MNT3ERR_NAMETOOLONG},
	{EOPNOTSUPP, MNT3ERR_NOTSUPP},
};

static int find(const struct row *rows, size_t count, int err, int otherwise)
{
	for (size_t i = 0; i < count; i++) {
		if (rows[i].err == -err)
			return rows[i].status;
	}
	return otherwise;
}

nfsstat3 nfs_status(int err)
{
	return (nfsstat3)find(nfs_rows, ARRAY_SIZE(nfs_rows), err, NFS3ERR_SERVERFAULT);
}

mountstat3 nfs_status_of_mount(int err)
{
	return (mountstat3)find(mount_rows, ARRAY_SIZE(mount_rows), err, MNT3ERR_SERVERFAULT);
}
