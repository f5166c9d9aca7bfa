/* SPDX-License-Identifier: MIT */
/*
 * From a path to an id. The path that is still to be walked is kept in one buffer; a symbolic link
 * puts its target in front of what is left.
 */
#include "tree/tree.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS_MAX 40 /* as MAXSYMLINKS of Linux */
#define PATH_BYTES (2 * (TREE_LINK_MAX + 1))

/* Puts @target in front of *@rest, which lies in @path and is empty or starts with a slash. */
static int put_in_front(char *path, const char **rest, const char *target, size_t len)
{
	size_t rest_len = strlen(*rest);

	if (len + rest_len + 1 > PATH_BYTES)
		return -ENAMETOOLONG;
	memmove(path + len, *rest, rest_len + 1);
	memcpy(path, target, len);
	*rest = path;
	return 0;
}

static int read_target(struct tree *tree, uint64_t id, char *target, size_t *out_len)
{
	ssize_t n = tree_readlink(tree, id, target, TREE_LINK_MAX);

	if (n < 0)
		return (int)n;
	if (n == 0)
		return -ENOENT;
	*out_len = (size_t)n;
	return 0;
}

int tree_walk(struct tree *tree, const char *path, bool follow, uint64_t *out_id)
{
	char left[PATH_BYTES];
	char target[TREE_LINK_MAX];
	const char *rest = left;
	uint64_t at = TREE_ROOT;
	int links = 0;

	if (strlen(path) > TREE_LINK_MAX)
		return -ENAMETOOLONG;
	memcpy(left, path, strlen(path) + 1);
	for (;;) {
		struct tree_attr attr;
		uint64_t next;
		size_t len;
		bool last;
		int err;

		rest += strspn(rest, "/");
		len = strcspn(rest, "/");
		if (len == 0)
			break;
		last = rest[len + strspn(rest + len, "/")] == '\0';
		err = tree_getattr(tree, at, &attr);
		if (err)
			return err;
		if (!S_ISDIR(attr.mode))
			return -ENOTDIR;
		err = tree_lookup(tree, at, rest, len, &next);
		if (err)
			return err;
		err = tree_getattr(tree, next, &attr);
		if (err)
			return err;
		/* "link/" means the directory behind the link */
		if (!S_ISLNK(attr.mode) || (last && !follow && rest[len] == '\0')) {
			if (last && rest[len] == '/' && !S_ISDIR(attr.mode))
				return -ENOTDIR;
			at = next;
			rest += len;
			continue;
		}
		if (++links > LINKS_MAX)
			return -ELOOP;
		rest += len;
		err = read_target(tree, next, target, &len);
		if (err)
			return err;
		err = put_in_front(left, &rest, target, len);
		if (err)
			return err;
		if (target[0] == '/')
			at = TREE_ROOT;
	}
	*out_id = at;
	return 0;
}
