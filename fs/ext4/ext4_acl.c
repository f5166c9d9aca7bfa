/* SPDX-License-Identifier: MIT */
/*
 * POSIX ACLs. On disk (fs/ext4/acl.h): version 1, then entries of tag and permissions, with an id
 * only where the tag names a user or a group. As an attribute: version 2, every entry with an id.
 */
#include "ext4/ext4_acl.h"

#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>

#include "base/le.h"

#define DISK_VERSION 1u
#define HEAD_BYTES 4u
#define SHORT_BYTES 4u /* tag, permissions */
#define LONG_BYTES 8u /* and id */
#define XATTR_BYTES 8u
#define NO_ID 0xffffffffu

static size_t entry_bytes(uint16_t tag)
{
	switch (tag) {
	case ACL_USER_OBJ:
	case ACL_GROUP_OBJ:
	case ACL_MASK:
	case ACL_OTHER:
		return SHORT_BYTES;
	case ACL_USER:
	case ACL_GROUP:
		return LONG_BYTES;
	default:
		return 0;
	}
}

static void put_le(uint8_t *p, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

ssize_t ext4_acl_to_xattr(const uint8_t *disk, size_t len, uint8_t *buf, size_t size)
{
	size_t used = HEAD_BYTES;

	if (len < HEAD_BYTES || le32_at(disk) != DISK_VERSION)
		return -EINVAL;
	if (size >= HEAD_BYTES)
		put_le(buf, POSIX_ACL_XATTR_VERSION, 4);
	for (size_t at = HEAD_BYTES; at < len;) {
		uint16_t tag;
		size_t bytes;

		if (len - at < SHORT_BYTES)
			return -EINVAL;
		tag = le16_at(disk + at);
		bytes = entry_bytes(tag);
		if (bytes == 0 || bytes > len - at)
			return -EINVAL;
		if (size >= used && size - used >= XATTR_BYTES) {
			put_le(buf + used, tag, 2);
			memcpy(buf + used + 2, disk + at + 2, 2);
			put_le(buf + used + 4, bytes == LONG_BYTES ? le32_at(disk + at + 4) : NO_ID,
			       4);
		}
		used += XATTR_BYTES;
		at += bytes;
	}
	if (used == HEAD_BYTES)
		return -ENODATA; /* the kernel: no entry is no ACL */
	if (size && used > size)
		return -ERANGE;
	return (ssize_t)used;
}
