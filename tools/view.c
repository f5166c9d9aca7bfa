/* SPDX-License-Identifier: MIT */
/* What the commands that look into an image share. */
#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "remote.h"

int view_open(const char *image, const struct common_options *common, struct stack **out)
{
	struct stack_options options = STACK_OPTIONS_DEFAULT;

	options.partition = common->partition;
	options.state = common->state;
	options.overlay = common->overlay;
	options.overlay_read_only = true;
	if (common->overlay)
		remote_lend(common->state, common->overlay, false);
	return stack_open(image, &options, out);
}

int view_error(const char *path, int err)
{
	log_error("%s: %s", *path ? path : "\"\"", strerror(-err));
	return err;
}

int view_find(struct tree *tree, const char *path, bool follow, struct tree_attr *out)
{
	uint64_t id;
	/* "" is no path (POSIX), though a walk of no steps ends where it began */
	int err = *path ? tree_walk(tree, path, follow, &id) : -ENOENT;

	if (!err)
		err = tree_getattr(tree, id, out);
	return err ? view_error(path, err) : 0;
}

int view_readlink(struct tree *tree, uint64_t id, char out[TREE_LINK_MAX + 1])
{
	ssize_t len = tree_readlink(tree, id, out, TREE_LINK_MAX);

	if (len < 0)
		return (int)len;
	out[len] = '\0';
	return 0;
}

int view_xattr_names(struct tree *tree, uint64_t id, char **out, size_t *out_len)
{
	CLEANUP(freep) char *names = NULL;
	ssize_t len = tree_listxattr(tree, id, NULL, 0);

	*out = NULL;
	*out_len = 0;
	if (len <= 0)
		return (int)len;
	if (len > TREE_XATTR_MAX)
		return -E2BIG;
	names = malloc((size_t)len);
	if (!names)
		return -ENOMEM;
	len = tree_listxattr(tree, id, names, (size_t)len);
	if (len < 0)
		return (int)len;
	if (len && names[len - 1])
		return -EUCLEAN;
	*out_len = (size_t)len;
	*out = TAKE(names);
	return 0;
}

int view_xattr_value(struct tree *tree, uint64_t id, const char *name, char **out, size_t *out_len)
{
	CLEANUP(freep) char *value = NULL;
	ssize_t len = tree_getxattr(tree, id, name, NULL, 0);

	if (len < 0)
		return (int)len;
	if (len > TREE_XATTR_MAX)
		return -E2BIG;
	value = malloc((size_t)len + 1);
	if (!value)
		return -ENOMEM;
	if (len)
		len = tree_getxattr(tree, id, name, value, (size_t)len);
	if (len < 0)
		return (int)len;
	*out_len = (size_t)len;
	*out = TAKE(value);
	return 0;
}
