/* SPDX-License-Identifier: MIT */
/*
 * Who may do what: mode, ACL, groups and the sticky bit, as the kernel's fs/namei.c and fs/attr.c
 * decide. For front ends that get requests of users without the kernel in between. Part of the front
 * door of the tree room.
 */
#ifndef BRAMBLE_TREE_ACCESS_H
#define BRAMBLE_TREE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree;
struct tree_attr;
struct tree_setattr;

/* What a caller wants of a node; the bits of "other" in a mode. */
#define TREE_MAY_EXEC 1u /* of a directory: to look up names in it */
#define TREE_MAY_WRITE 2u
#define TREE_MAY_READ 4u

struct tree_caller {
	uint32_t uid;
	uint32_t gid;
	const uint32_t *groups; /* borrowed: further ones */
	size_t groups_count;
	bool privileged; /* has the capabilities of root */
};

bool tree_caller_in_group(const struct tree_caller *caller, uint32_t gid);

/*
 * Whether @caller may do all of @wanted (TREE_MAY_*) with the node of @attr and the access ACL @acl
 * (@acl_len 0: none): 0, -EACCES, or -EIO where the ACL is none.
 */
int tree_access_check(const struct tree_attr *attr, const void *acl, size_t acl_len,
		      const struct tree_caller *caller, unsigned int wanted);

/* The same for a node of a tree; also errors of reading it. */
int tree_access(struct tree *tree, uint64_t id, const struct tree_caller *caller,
		unsigned int wanted);

/*
 * Whether the sticky bit of a directory lets @caller remove or rename @node in it, -EPERM if not.
 * Writing to the directory is another question.
 */
int tree_access_sticky(const struct tree_attr *dir, const struct tree_attr *node,
		       const struct tree_caller *caller);

/*
 * Whether @caller may remove the name of @id from @dir, or give it another: 0, -EACCES, -EPERM, or
 * errors of reading the two.
 */
int tree_access_remove(struct tree *tree, uint64_t dir, uint64_t id,
		       const struct tree_caller *caller);

/*
 * Whether @caller may change what @set says: 0, -EPERM, -EACCES. Drops from @set the setgid bit that
 * the caller may not give, and asks for setuid and setgid to be dropped by a new size where the
 * caller may not keep them.
 */
int tree_access_setattr(const struct tree_attr *attr, const void *acl, size_t acl_len,
			const struct tree_caller *caller, struct tree_setattr *set);

#endif
