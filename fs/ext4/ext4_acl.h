/* SPDX-License-Identifier: MIT */
/* Private to the ext4 room: POSIX ACLs from their form on disk to that of the system call. */
#ifndef BRAMBLE_EXT4_ACL_H
#define BRAMBLE_EXT4_ACL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Writes the ACL as getxattr(2) gives it (linux/posix_acl_xattr.h, version 2). @size 0 asks for the
 * length. -ERANGE where @buf is too small, -EINVAL where it is no ACL, -ENODATA where it is
 * empty, as the kernel.
 */
ssize_t ext4_acl_to_xattr(const uint8_t *disk, size_t len, uint8_t *buf, size_t size);

#endif
