/* SPDX-License-Identifier: MIT */
/*
 * Who may do what by a handle: the rules of the kernel's NFS server. Each function names the one of
 * fs/nfsd/vfs.c that it follows.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "tree/tree.h"
#include "tree/tree_private.h"

#define NOW (TREE_SET_ATIME_NOW | TREE_SET_MTIME_NOW)
#define GIVEN (TREE_SET_ATIME | TREE_SET_MTIME | TREE_SET_CTIME)

/* nfsd_permission with NFSD_MAY_OWNER_OVERRIDE */
int tree_access_data(struct tree *tree, const struct tree_attr *attr,
		     const struct tree_caller *caller, unsigned int wanted)
{
	int err;

	/* nfsd_open: of directories there is no such rule */
	if (!S_ISREG(attr->mode))
		return tree_access_node(tree, attr, caller, wanted);
	if (attr->uid == caller->uid)
		return 0;
	err = tree_access_node(tree, attr, caller, wanted);
	if (err == -EACCES && wanted == TREE_MAY_READ)
		err = tree_access_node(tree, attr, caller, TREE_MAY_EXEC);
	return err;
}

/* nfsd_access: nfs3_regaccess, nfs3_diraccess, nfs3_anyaccess */
static const struct {
	unsigned int right;
	unsigned int of_file; /* TREE_MAY_*; 0: it says nothing of these */
	unsigned int of_dir;
} rights[] = {
	{TREE_RIGHT_READ, TREE_MAY_READ, TREE_MAY_READ},
	{TREE_RIGHT_LOOKUP, 0, TREE_MAY_EXEC},
	{TREE_RIGHT_MODIFY, TREE_MAY_WRITE, TREE_MAY_EXEC | TREE_MAY_WRITE},
	{TREE_RIGHT_EXTEND, TREE_MAY_WRITE, TREE_MAY_EXEC | TREE_MAY_WRITE},
	{TREE_RIGHT_DELETE, 0, TREE_MAY_EXEC | TREE_MAY_WRITE},
	{TREE_RIGHT_EXECUTE, TREE_MAY_EXEC, 0},
};

int tree_access_rights(struct tree *tree, const struct tree_attr *attr,
		       const struct tree_caller *caller, unsigned int asked, unsigned int *out)
{
	CLEANUP(freep) uint8_t *acl = NULL;
	ssize_t n = tree_access_acl(tree, attr, caller, &acl);
	unsigned int has = 0;

	if (n < 0)
		return (int)n;
	for (size_t i = 0; i < ARRAY_SIZE(rights); i++) {
		const unsigned int wanted =
			S_ISDIR(attr->mode) ? rights[i].of_dir : rights[i].of_file;
		int err;

		if (!(asked & rights[i].right) || !wanted)
			continue;
		/* devices, sockets and links are judged by their mode even where nothing can change */
		if (wanted & TREE_MAY_WRITE && !tree_is_writable(tree) &&
		    (S_ISDIR(attr->mode) || S_ISREG(attr->mode)))
			continue;
		err = tree_access_check(attr, acl, (size_t)n, caller, wanted);
		if (err && err != -EACCES)
			return err;
		if (!err)
			has |= rights[i].right;
	}
	*out = has;
	return 0;
}

/* nfsd_sanitize_attrs: whatever the caller may, a new owner does not get what the old one trusted */
static void drop_privilege(const struct tree_attr *attr, struct tree_setattr *set)
{
	if (S_ISDIR(attr->mode) || !(set->valid & (TREE_SET_UID | TREE_SET_GID)) ||
	    !(set->valid & TREE_SET_MODE))
		return;
	set->mode &= ~(uint32_t)S_ISUID;
	if (set->mode & S_IXGRP)
		set->mode &= ~(uint32_t)S_ISGID;
}

/* nfsd_setattr */
int tree_access_data_setattr(struct tree *tree, const struct tree_attr *attr,
			     const struct tree_caller *caller, struct tree_setattr *set)
{
	const bool touches = set->valid & NOW && !(set->valid & GIVEN);
	/* what is judged by writing, and no more by who owns it */
	const unsigned int judged = (set->valid & TREE_SET_SIZE) | (touches ? set->valid & NOW : 0);
	int err;

	if (judged && attr->uid != caller->uid) {
		err = tree_access_node(tree, attr, caller, TREE_MAY_WRITE);
		if (err)
			return err;
	}
	set->valid &= ~judged;
	err = tree_access_setattr(attr, NULL, 0, caller, set);
	set->valid |= judged;
	if (err)
		return err;
	if (set->valid & TREE_SET_SIZE && !caller->privileged)
		set->valid |= TREE_SET_DROP_PRIVILEGE;
	if (set->valid & TREE_SET_SIZE && tree_access_drops_setgid(attr, caller))
		set->valid |= TREE_SET_DROP_SETGID;
	drop_privilege(attr, set);
	return 0;
}
