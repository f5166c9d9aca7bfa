/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes. Those of the lower tree count until the first change; then all are taken over
 * into the store, so that no list of removed ones is needed.
 */
#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "overlay/overlay_fs.h"

#define CAPABILITY "security.capability"

static bool are_own(const struct overlay *ov, uint64_t id, const struct record_node *node)
{
	return node->flags & NODE_OWN_XATTRS || !overlay_is_lower(ov, id);
}

/* As getxattr(2), from the store. */
static ssize_t get_own(struct overlay *ov, struct overlay_txn *txn, uint64_t id, const char *name,
		       void *buf, size_t size)
{
	CLEANUP(freep) char *whole = NULL;
	struct store_key key;
	size_t len;
	int err;

	record_key_xattr(&key, id, name, strlen(name));
	err = overlay_record_get(ov, txn, &key, buf, size, &len);
	if (err == -ERANGE && size == 0) {
		/* only its length is asked for */
		whole = malloc(TREE_XATTR_MAX);
		if (!whole)
			return -ENOMEM;
		err = overlay_record_get(ov, txn, &key, whole, TREE_XATTR_MAX, &len);
	}
	if (err)
		return err == -ENOENT ? -ENODATA : err;
	return (ssize_t)len;
}

ssize_t overlay_xattr_get(struct overlay *ov, struct overlay_txn *txn, uint64_t id,
			  const struct record_node *node, const char *name, void *buf, size_t size)
{
	if (strlen(name) > XATTR_NAME_MAX)
		return -ENODATA;
	if (are_own(ov, id, node))
		return get_own(ov, txn, id, name, buf, size);
	return tree_getxattr(ov->lower, id, name, buf, size);
}

static int put_own(struct overlay_txn *txn, uint64_t id, const char *name, const void *value,
		   size_t len)
{
	struct store_key key;

	record_key_xattr(&key, id, name, strlen(name));
	return store_put(txn->store, &key, value, len);
}

static int take_over_one(struct overlay_txn *txn, uint64_t id, const char *name, char *value)
{
	ssize_t n = tree_getxattr(txn->ov->lower, id, name, value, TREE_XATTR_MAX);

	return n < 0 ? (int)n : put_own(txn, id, name, value, (size_t)n);
}

/* From the lower tree into the store. */
static int take_over(struct overlay_txn *txn, uint64_t id, struct record_node *node)
{
	CLEANUP(freep) char *names = NULL;
	CLEANUP(freep) char *value = NULL;
	ssize_t len;

	if (are_own(txn->ov, id, node))
		return 0;
	node->flags |= NODE_OWN_XATTRS;
	len = tree_listxattr(txn->ov->lower, id, NULL, 0);
	if (len <= 0)
		return (int)len;
	if (len > XATTR_LIST_MAX)
		return -E2BIG;
	names = malloc((size_t)len);
	value = malloc(TREE_XATTR_MAX);
	if (!names || !value)
		return -ENOMEM;
	len = tree_listxattr(txn->ov->lower, id, names, (size_t)len);
	if (len < 0)
		return (int)len;
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		int err = take_over_one(txn, id, name, value);

		if (err)
			return err;
	}
	return 0;
}

int overlay_xattr_put(struct overlay_txn *txn, uint64_t id, struct record_node *node,
		      const char *name, const void *value, size_t len)
{
	int err = take_over(txn, id, node);

	return err ? err : put_own(txn, id, name, value, len);
}

/* 0, or -ENODATA. Asked at every write to a file, hence without looking at the value. */
static int has(struct overlay *ov, struct overlay_txn *txn, uint64_t id,
	       const struct record_node *node, const char *name)
{
	struct store_key key;
	ssize_t n;
	size_t len;
	int err;

	if (!are_own(ov, id, node)) {
		n = tree_getxattr(ov->lower, id, name, NULL, 0);
		return n < 0 ? (int)n : 0;
	}
	record_key_xattr(&key, id, name, strlen(name));
	err = overlay_record_get(ov, txn, &key, NULL, 0, &len);
	if (err == -ENOENT)
		return -ENODATA;
	return err == -ERANGE ? 0 : err;
}

int overlay_xattr_remove(struct overlay_txn *txn, uint64_t id, struct record_node *node,
			 const char *name)
{
	struct store_key key;
	int err = has(txn->ov, txn, id, node, name);

	if (!err)
		err = take_over(txn, id, node);
	if (err)
		return err;
	record_key_xattr(&key, id, name, strlen(name));
	return store_delete(txn->store, &key);
}

int overlay_xattr_has_capability(struct overlay *ov, uint64_t id, const struct record_node *node)
{
	return has(ov, NULL, id, node, CAPABILITY);
}

int overlay_xattr_drop_capability(struct overlay_txn *txn, uint64_t id, struct record_node *node)
{
	int err = overlay_xattr_remove(txn, id, node, CAPABILITY);

	return err == -ENODATA ? 0 : err;
}

ssize_t overlay_getxattr(struct tree *tree, uint64_t id, const char *name, void *buf, size_t size)
{
	struct overlay *ov = overlay_of(tree);
	struct record_node node;
	int err;

	if (!overlay_is_touched(ov, id))
		return tree_getxattr(ov->lower, id, name, buf, size);
	err = overlay_node_get(ov, NULL, id, &node);
	return err ? err : overlay_xattr_get(ov, NULL, id, &node, name, buf, size);
}

struct listing {
	char *buf;
	size_t size;
	size_t used;
};

static int list_one(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct listing *list = ctx;
	struct record_key parsed;
	int err = record_key_parse(key, &parsed);

	(void)value;
	(void)len;
	if (err)
		return err;
	if (list->size && parsed.name_len >= list->size - list->used)
		return -ERANGE;
	if (list->size) {
		memcpy(list->buf + list->used, parsed.name, parsed.name_len);
		list->buf[list->used + parsed.name_len] = '\0';
	}
	list->used += parsed.name_len + 1;
	return 0;
}

static ssize_t list_own(struct overlay *ov, uint64_t id, char *buf, size_t size)
{
	struct listing list = {.buf = buf, .size = size};
	struct store_key prefix;
	int err;

	record_prefix_kind(&prefix, id, RECORD_XATTR);
	err = store_scan(ov->store, &prefix, NULL, list_one, &list);
	return err ? err : (ssize_t)list.used;
}

ssize_t overlay_listxattr(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	struct overlay *ov = overlay_of(tree);
	struct record_node node;
	int err;

	if (!overlay_is_touched(ov, id))
		return tree_listxattr(ov->lower, id, buf, size);
	err = overlay_node_get(ov, NULL, id, &node);
	if (err)
		return err;
	if (!are_own(ov, id, &node))
		return tree_listxattr(ov->lower, id, buf, size);
	return list_own(ov, id, buf, size);
}
