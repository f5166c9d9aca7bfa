/* SPDX-License-Identifier: MIT */
/*
 * POSIX ACLs, in the form of the two attributes below (linux/posix_acl_xattr.h): what the kernel's
 * fs/posix_acl.c does with them, as functions of bytes. Part of the front door of the tree room.
 *
 * Where a function takes an ACL that was stored, it is one that tree_acl_take once accepted, or one
 * from an image, which may be anything: what is no ACL gives -EIO, as in the kernel.
 */
#ifndef BRAMBLE_TREE_ACL_H
#define BRAMBLE_TREE_ACL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TREE_ACL_ACCESS "system.posix_acl_access"
#define TREE_ACL_DEFAULT "system.posix_acl_default"

/*
 * Checks what setxattr(2) was given and writes it to @out, of @len bytes, as getxattr(2) gives it
 * back; @out may be @value. Returns @len, or 0: it has no entries, so the attribute is to be removed.
 * -EINVAL, -EOPNOTSUPP (another version).
 */
ssize_t tree_acl_take(const void *value, size_t len, void *out);

/*
 * Puts the permissions that an access ACL gives to owner, group (its mask) and others into *@mode.
 * 1, or 0 where the mode alone says as much, so that the ACL need not be kept.
 */
int tree_acl_mode(const void *acl, size_t len, uint32_t *mode);

/* Lets an access ACL follow a mode that chmod(2) sets. */
int tree_acl_chmod(void *acl, size_t len, uint32_t mode);

/*
 * Makes the access ACL of a new node out of its directory's default ACL, in place, and takes those
 * permissions off *@mode that it does not give. 1, or 0 where the mode alone says as much. A new
 * directory gets the default ACL itself as its own; symbolic links have no ACLs. The umask counts
 * only where the directory has no default ACL.
 */
int tree_acl_create(void *acl, size_t len, uint32_t *mode);

#endif
