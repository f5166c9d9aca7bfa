/* SPDX-License-Identifier: MIT */
/* POSIX ACLs as attributes. Each function names the one of the kernel's fs/posix_acl.c it follows. */
#include "tree/tree_acl.h"

#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "tree/tree_acl_entry.h"

#define PERMISSIONS 7u

static void put_perm(uint8_t *acl, size_t at, unsigned int perm)
{
	const le16 field = le16_make((uint16_t)perm);

	memcpy(acl + at + 2, &field, sizeof(field));
}

/* posix_acl_valid: each kind once, in this order, those with ids as often as wanted. */
struct order {
	uint16_t next; /* the tag that has to come next, or ends the ids; 0: complete */
	bool needs_mask;
};

static bool is_in_order(struct order *order, const struct tree_acl_entry *entry)
{
	switch (entry->tag) {
	case ACL_USER_OBJ:
		if (order->next != ACL_USER_OBJ)
			return false;
		order->next = ACL_USER;
		return true;
	case ACL_USER:
		order->needs_mask = true;
		return order->next == ACL_USER && entry->id != (uint32_t)ACL_UNDEFINED_ID;
	case ACL_GROUP_OBJ:
		if (order->next != ACL_USER)
			return false;
		order->next = ACL_GROUP;
		return true;
	case ACL_GROUP:
		order->needs_mask = true;
		return order->next == ACL_GROUP && entry->id != (uint32_t)ACL_UNDEFINED_ID;
	case ACL_MASK:
		if (order->next != ACL_GROUP)
			return false;
		order->next = ACL_OTHER;
		return true;
	case ACL_OTHER:
		if (order->next != ACL_OTHER && (order->next != ACL_GROUP || order->needs_mask))
			return false;
		order->next = 0;
		return true;
	default:
		return false;
	}
}

/* posix_acl_from_xattr */
static int check_frame(const void *acl, size_t len)
{
	if (len < TREE_ACL_HEAD)
		return -EINVAL;
	if (le32_at(acl) != POSIX_ACL_XATTR_VERSION)
		return -EOPNOTSUPP;
	return (len - TREE_ACL_HEAD) % TREE_ACL_ENTRY ? -EINVAL : 0;
}

ssize_t tree_acl_take(const void *value, size_t len, void *out)
{
	struct order order = {.next = ACL_USER_OBJ};
	struct tree_acl_entry entry;
	int err;

	if (len == 0)
		return 0;
	err = check_frame(value, len);
	if (err)
		return err;
	if (len == TREE_ACL_HEAD)
		return 0;
	for (size_t at = TREE_ACL_HEAD; at < len; at += TREE_ACL_ENTRY) {
		entry = tree_acl_entry(value, at);
		if (entry.perm & ~PERMISSIONS || !is_in_order(&order, &entry))
			return -EINVAL;
	}
	if (order.next)
		return -EINVAL;
	memmove(out, value, len);
	for (size_t at = TREE_ACL_HEAD; at < len; at += TREE_ACL_ENTRY) {
		entry = tree_acl_entry(out, at);
		if (entry.tag != ACL_USER && entry.tag != ACL_GROUP)
			memset((uint8_t *)out + at + 4, 0xff, 4); /* ACL_UNDEFINED_ID */
	}
	return (ssize_t)len;
}

bool tree_acl_is_sound(const void *acl, size_t len)
{
	return check_frame(acl, len) == 0 && len > TREE_ACL_HEAD;
}

/* posix_acl_equiv_mode */
int tree_acl_mode(const void *acl, size_t len, uint32_t *mode)
{
	uint32_t user = 0, group = 0, other = 0, mask = 0;
	bool has_mask = false, has_ids = false;

	if (!tree_acl_is_sound(acl, len))
		return -EIO;
	for (size_t at = TREE_ACL_HEAD; at < len; at += TREE_ACL_ENTRY) {
		const struct tree_acl_entry entry = tree_acl_entry(acl, at);
		const uint32_t perm = entry.perm & PERMISSIONS;

		switch (entry.tag) {
		case ACL_USER_OBJ:
			user = perm;
			break;
		case ACL_GROUP_OBJ:
			group = perm;
			break;
		case ACL_OTHER:
			other = perm;
			break;
		case ACL_MASK:
			mask = perm;
			has_mask = true;
			break;
		case ACL_USER:
		case ACL_GROUP:
			has_ids = true;
			break;
		default:
			return -EIO;
		}
	}
	*mode = (*mode & ~(uint32_t)ACCESSPERMS) | user << 6 | (has_mask ? mask : group) << 3 |
		other;
	return has_mask || has_ids;
}

/* Where the entries are that the permissions of a mode concern. */
struct classes {
	size_t user, group, other; /* offsets; 0: there is none */
	bool keep; /* the mode alone does not say as much */
};

/* The group's permissions are the mask's where there is one. */
static int find_classes(const void *acl, size_t len, struct classes *out)
{
	struct classes classes = {0};
	size_t mask = 0;

	if (!tree_acl_is_sound(acl, len))
		return -EIO;
	for (size_t at = TREE_ACL_HEAD; at < len; at += TREE_ACL_ENTRY) {
		switch (tree_acl_entry(acl, at).tag) {
		case ACL_USER_OBJ:
			classes.user = at;
			break;
		case ACL_GROUP_OBJ:
			classes.group = at;
			break;
		case ACL_OTHER:
			classes.other = at;
			break;
		case ACL_MASK:
			mask = at;
			classes.keep = true;
			break;
		case ACL_USER:
		case ACL_GROUP:
			classes.keep = true;
			break;
		default:
			return -EIO;
		}
	}
	if (mask)
		classes.group = mask;
	if (!classes.user || !classes.group || !classes.other)
		return -EIO;
	*out = classes;
	return 0;
}

/* __posix_acl_chmod_masq */
int tree_acl_chmod(void *acl, size_t len, uint32_t mode)
{
	struct classes classes;
	int err = find_classes(acl, len, &classes);

	if (err)
		return err;
	put_perm(acl, classes.user, mode >> 6 & PERMISSIONS);
	put_perm(acl, classes.group, mode >> 3 & PERMISSIONS);
	put_perm(acl, classes.other, mode & PERMISSIONS);
	return 0;
}

/* Both the entry and the mode keep what both have. */
static uint32_t intersect(void *acl, size_t at, uint32_t perm)
{
	perm &= tree_acl_entry(acl, at).perm & PERMISSIONS;
	put_perm(acl, at, perm);
	return perm;
}

/* posix_acl_create_masq */
int tree_acl_create(void *acl, size_t len, uint32_t *mode)
{
	struct classes classes;
	uint32_t perms;
	int err = find_classes(acl, len, &classes);

	if (err)
		return err;
	perms = intersect(acl, classes.user, *mode >> 6) << 6;
	perms |= intersect(acl, classes.group, *mode >> 3) << 3;
	perms |= intersect(acl, classes.other, *mode);
	*mode = (*mode & ~(uint32_t)ACCESSPERMS) | perms;
	return classes.keep;
}
