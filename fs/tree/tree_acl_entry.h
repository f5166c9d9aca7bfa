/* SPDX-License-Identifier: MIT */
/* Private to the tree room: the entries of an ACL in the form of an attribute. */
#ifndef BRAMBLE_TREE_ACL_ENTRY_H
#define BRAMBLE_TREE_ACL_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/le.h"

#define TREE_ACL_HEAD 4u /* bytes: the version */
#define TREE_ACL_ENTRY 8u /* bytes: tag and permissions of 16 bits, id of 32 */

struct tree_acl_entry {
	uint16_t tag; /* ACL_USER_OBJ and so on */
	uint16_t perm;
	uint32_t id; /* of ACL_USER and ACL_GROUP */
};

/* Whether it has the version and length of an ACL with entries, whatever these are. */
bool tree_acl_is_sound(const void *acl, size_t len);

static inline struct tree_acl_entry tree_acl_entry(const void *acl, size_t at)
{
	const uint8_t *p = (const uint8_t *)acl + at;

	return (struct tree_acl_entry){
		.tag = le16_at(p),
		.perm = le16_at(p + 2),
		.id = le32_at(p + 4),
	};
}

#endif
