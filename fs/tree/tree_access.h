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
 * Whether @caller, by a change of the node of @attr, takes from it a setgid that says nothing of whom it
 * is executed as: TREE_SET_DROP_SETGID, TREE_WRITE_DROP_SETGID.
 */
bool tree_access_drops_setgid(const struct tree_attr *attr, const struct tree_caller *caller);

/*
 * Whether @caller may do all of @wanted (TREE_MAY_*) with the node of @attr and the access ACL @acl
 * (@acl_len 0: none): 0, -EACCES, or -EIO where the ACL is none.
 */
int tree_access_check(const struct tree_attr *attr, const void *acl, size_t acl_len,
		      const struct tree_caller *caller, unsigned int wanted);

/* The same for a node of a tree; also errors of reading it. The second one has its attributes. */
int tree_access(struct tree *tree, uint64_t id, const struct tree_caller *caller,
		unsigned int wanted);
int tree_access_node(struct tree *tree, const struct tree_attr *attr,
		     const struct tree_caller *caller, unsigned int wanted);

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

/*
 * For servers whose clients open files by themselves, and ask for data by a handle: the rules of the
 * kernel's NFS server (fs/nfsd/vfs.c, nfsd_permission and its callers). A file may have been opened before
 * its mode was changed, or to be executed: so its owner may read, write and cut it off whatever the mode
 * says, and what may be executed may be read. All pass on errors of reading the ACL.
 */

/* TREE_MAY_READ or _WRITE of a file's data: 0, -EACCES. Of what is no file as tree_access_node. */
int tree_access_data(struct tree *tree, const struct tree_attr *attr,
		     const struct tree_caller *caller, unsigned int wanted);

/* The bits of ACCESS (RFC 1813, 3.3.4). */
#define TREE_RIGHT_READ 0x01u
#define TREE_RIGHT_LOOKUP 0x02u /* of a directory */
#define TREE_RIGHT_MODIFY 0x04u
#define TREE_RIGHT_EXTEND 0x08u
#define TREE_RIGHT_DELETE 0x10u /* of a directory: what is in it */
#define TREE_RIGHT_EXECUTE 0x20u /* of what is no directory */

/* Which of @asked (TREE_RIGHT_*) the caller has: by the mode and the ACL, not by who owns a file. */
int tree_access_rights(struct tree *tree, const struct tree_attr *attr,
		       const struct tree_caller *caller, unsigned int asked, unsigned int *out);

/*
 * As tree_access_setattr: 0, -EPERM, -EACCES. Besides the owner's right to cut off, one time alone may be
 * set to now by whoever may write, and a new owner or group takes setuid and setgid off a mode that is
 * set with it.
 */
int tree_access_data_setattr(struct tree *tree, const struct tree_attr *attr,
			     const struct tree_caller *caller, struct tree_setattr *set);

#endif
