/* SPDX-License-Identifier: MIT */
/* What is asked of a tree about one node. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/wait.h"
#include "overlay/overlay_namespace.h"

int overlay_getattr(struct tree *tree, uint64_t id, struct tree_attr *out)
{
	struct overlay *ov = overlay_of(tree);
	struct record_node node;
	int err;

	if (!overlay_is_touched(ov, id))
		return tree_getattr(ov->lower, id, out);
	err = overlay_node_get(ov, NULL, id, &node);
	return err ? err : overlay_node_attr(ov, id, &node, out);
}

int overlay_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len, uint64_t *out_id)
{
	struct overlay *ov = overlay_of(tree);
	struct overlay_entry entry;
	struct overlay_dir found;
	int err;

	if (!overlay_is_touched(ov, dir))
		return tree_lookup(ov->lower, dir, name, len, out_id);
	err = overlay_dir_get(ov, NULL, dir, &found, NULL);
	if (!err)
		err = overlay_name_fits(ov, &found, name, len);
	if (!err)
		err = overlay_entry_find(ov, NULL, &found, name, len, &entry);
	if (err)
		return err;
	if (!entry.present)
		return -ENOENT;
	*out_id = entry.id;
	return 0;
}

int overlay_parent(struct tree *tree, uint64_t dir, uint64_t *out_id)
{
	return overlay_dir_parent(overlay_of(tree), NULL, dir, out_id);
}

int overlay_readdir(struct tree *tree, uint64_t dir, uint64_t cookie, tree_entry_fn take, void *ctx)
{
	struct overlay *ov = overlay_of(tree);
	struct overlay_dir found;
	int err = overlay_dir_get(ov, NULL, dir, &found, NULL);

	return err ? err : overlay_dir_list(ov, &found, cookie, take, ctx);
}

/* Why a symbolic link has no target: it is just being removed, or damaged. */
static int no_target(struct overlay *ov, uint64_t id)
{
	struct record_node node;
	int err = overlay_node_get(ov, NULL, id, &node);

	return err ? err : -EUCLEAN;
}

ssize_t overlay_readlink(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	struct overlay *ov = overlay_of(tree);
	char target[TREE_LINK_MAX];
	struct record_node node;
	struct store_key key;
	size_t len;
	int err;

	if (overlay_is_lower(ov, id) && !overlay_is_touched(ov, id))
		return tree_readlink(ov->lower, id, buf, size);
	err = overlay_node_get(ov, NULL, id, &node);
	if (err)
		return err;
	if (!S_ISLNK(node.mode))
		return -EINVAL;
	if (overlay_is_lower(ov, id))
		return tree_readlink(ov->lower, id, buf, size);
	record_key_link(&key, id);
	err = store_get(ov->store, &key, target, sizeof(target), &len);
	if (err)
		return err == -ENOENT ? no_target(ov, id) : err;
	len = (size_t)min_u64(len, size);
	memcpy(buf, target, len);
	return (ssize_t)len;
}

int overlay_volume(struct tree *tree, uint64_t id, uint64_t *out_root)
{
	struct overlay *ov = overlay_of(tree);
	struct record_node node;
	int err;

	if (overlay_is_lower(ov, id))
		return tree_volume(ov->lower, id, out_root);
	err = overlay_node_get(ov, NULL, id, &node);
	if (err)
		return err;
	*out_root = node.volume;
	return 0;
}

ssize_t overlay_fold(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out,
		     size_t size)
{
	struct overlay *ov = overlay_of(tree);
	struct record_node node;
	int err;

	if (overlay_is_lower(ov, dir))
		return tree_fold(ov->lower, dir, name, len, out, size);
	err = overlay_node_get(ov, NULL, dir, &node);
	if (err)
		return err;
	if (!S_ISDIR(node.mode) || !node.folds_like)
		return 0;
	return tree_fold(ov->lower, node.folds_like, name, len, out, size);
}

ssize_t overlay_spelling(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out)
{
	struct overlay *ov = overlay_of(tree);
	struct overlay_entry entry;
	struct overlay_dir found;
	int err = overlay_dir_get(ov, NULL, dir, &found, NULL);

	if (!err)
		err = overlay_entry_find(ov, NULL, &found, name, len, &entry);
	if (err)
		return err;
	if (!entry.present)
		return -ENOENT;
	memcpy(out, entry.name, entry.len);
	return (ssize_t)entry.len;
}

/* So far, those that were removed again included. */
static uint64_t nodes_made(struct overlay *ov)
{
	return ov->next_id - ov->base_span;
}

/* What the host would still give is what can still be written here. */
int overlay_statfs(struct tree *tree, uint64_t id, struct tree_statfs *out)
{
	struct overlay *ov = overlay_of(tree);
	struct store_usage usage;
	struct tree_statfs lower;
	uint64_t volume, used, available;
	int err;

	/* the host's file system is asked */
	if (!wait_allowed())
		return -EAGAIN;
	err = overlay_volume(tree, id, &volume);
	if (!err)
		err = tree_statfs(ov->lower, volume, &lower);
	if (!err)
		err = store_usage(ov->store, &usage);
	if (err)
		return err;
	used = (lower.blocks - min_u64(lower.blocks_free, lower.blocks)) * lower.block_size +
	       usage.used;
	available = usage.available / STORE_BLOCK;
	*out = (struct tree_statfs){
		.block_size = STORE_BLOCK,
		.blocks = div_round_up(used, STORE_BLOCK) + available,
		.blocks_free = available,
		.blocks_available = available,
		.files = lower.files - min_u64(lower.files_free, lower.files) + nodes_made(ov) +
			 available,
		.files_free = available,
		.name_max = lower.name_max,
		.fsid = hash_short(ov->hash_key, &volume, sizeof(volume)),
	};
	return 0;
}

int overlay_sync(struct tree *tree)
{
	return store_sync(overlay_of(tree)->store);
}

/*
 * Whoever unlinks the last name looks whether the node is held after it is gone. So what has a name
 * once it is held stays; what has none may be on its way out, under the lock.
 */
int overlay_hold(struct tree *tree, uint64_t id)
{
	struct overlay *ov = overlay_of(tree);
	struct record_node node;
	int err = overlay_held_add(&ov->held, id);

	if (err || !overlay_is_touched(ov, id))
		return err;
	err = overlay_node_get(ov, NULL, id, &node);
	if (!err && node.nlink == 0) {
		pthread_mutex_lock(&ov->change);
		err = overlay_node_get(ov, NULL, id, &node);
		pthread_mutex_unlock(&ov->change);
	}
	if (err)
		overlay_held_drop(&ov->held, id, 1);
	return err;
}

void overlay_release(struct tree *tree, uint64_t id, uint64_t count)
{
	struct overlay *ov = overlay_of(tree);
	struct record_node node;

	/* most have names: only what has none is given back */
	if (overlay_held_drop(&ov->held, id, count) && overlay_is_touched(ov, id) &&
	    overlay_node_get(ov, NULL, id, &node) == 0 && node.nlink == 0)
		overlay_node_discard(ov, id);
}
