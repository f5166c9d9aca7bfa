/* SPDX-License-Identifier: MIT */
/* The volume as a struct tree. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/utf.h"
#include "fat/fat_dir.h"
#include "fat/fat_index.h"
#include "fat/fat_time.h"
#include "fat/fat_volume.h"

#define COOKIE_BASE 3u /* slot 0; see tree_ops.readdir */

static struct fat_volume *volume_of(struct tree *tree)
{
	return container_of(tree, struct fat_volume, base);
}

static uint32_t mode_of(const struct fat_volume *v, const struct fat_node *node)
{
	uint32_t mode = v->options.umask_given ? 0777 & ~(uint32_t)v->options.umask : 0755;

	/* a directory has the bit for Windows' own use, as Linux knows (fs/fat/fat.h, rodir) */
	if (node->attr & FAT_ATTR_READ_ONLY && !node->dir)
		mode &= ~0222u;
	return mode | (node->dir ? S_IFDIR : S_IFREG);
}

/* A directory's size and links are not stored but follow from its chain and its entries. */
static int measure_dir(struct fat_volume *v, const struct fat_node *node, struct tree_attr *attr)
{
	struct fat_dir dir;
	int err = fat_dir_open(v, node, 0, &dir);

	attr->nlink = 2;
	attr->size = 0;
	if (err == -EUCLEAN || err == -EIO)
		return 0; /* it is there; reading it will say what is wrong with it */
	if (err)
		return err;
	attr->size = (uint64_t)dir.slots * FAT_ENTRY_BYTES;
	return fat_dir_count_dirs(&dir, &attr->nlink);
}

static int fat_getattr(struct tree *tree, uint64_t id, struct tree_attr *out)
{
	struct fat_volume *v = volume_of(tree);
	int offset = v->options.time_offset;
	struct tree_attr attr = {0};
	struct fat_node node;
	int err = fat_node_read(v, id, &node);

	if (err)
		return err;
	attr.id = id;
	attr.mode = mode_of(v, &node);
	attr.uid = v->options.uid;
	attr.gid = v->options.gid;
	attr.block_size = v->geo.cluster_size;
	attr.nlink = 1;
	attr.size = node.size;
	if (node.dir) {
		err = measure_dir(v, &node, &attr);
		if (err)
			return err;
	}
	attr.blocks = div_round_up(attr.size, v->geo.cluster_size) * (v->geo.cluster_size / 512);
	if (!node.root) {
		attr.mtime = fat_time_decode(node.date, node.time, 0, offset);
		attr.ctime = attr.mtime;
		attr.atime = fat_time_decode(node.access_date, 0, 0, offset);
		attr.btime = fat_time_decode(node.create_date, node.create_time, node.create_10ms,
					     offset);
	}
	*out = attr;
	return 0;
}

/* How much of a name counts: "name." is "name" on FAT, which stores no dots at the end. */
static size_t without_dots(const char *name, size_t len)
{
	size_t rest = len;

	while (rest && name[rest - 1] == '.')
		rest--;
	return rest ? rest : len;
}

static int find_entry(struct fat_volume *v, uint64_t dir, const char *name, size_t len,
		      struct fat_entry *out)
{
	struct fat_node node;
	size_t short_len = without_dots(name, len);
	int err = fat_node_read(v, dir, &node);

	if (err)
		return err;
	err = fat_find(v, &node, name, len, out);
	if (err == -ENOENT && short_len < len)
		err = fat_find(v, &node, name, short_len, out);
	return err;
}

static int fat_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len,
		      uint64_t *out_id)
{
	struct fat_entry entry;
	int err = find_entry(volume_of(tree), dir, name, len, &entry);

	if (err)
		return err;
	*out_id = entry.node.id;
	return 0;
}

static ssize_t fat_fold(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out,
			size_t size)
{
	char folded[TREE_FOLD_MAX];

	(void)tree;
	(void)dir; /* all of them ignore case */
	len = utf8_fold_simple(name, without_dots(name, len), folded);
	if (len > size)
		return -ERANGE;
	memcpy(out, folded, len);
	return (ssize_t)len;
}

static ssize_t fat_spelling(struct tree *tree, uint64_t dir, const char *name, size_t len,
			    char *out)
{
	struct fat_volume *v = volume_of(tree);
	char spelling[TREE_NAME_MAX + 1];
	struct fat_entry entry;
	int err = find_entry(v, dir, name, len, &entry);

	if (err)
		return err;
	len = fat_entry_name(v, &entry, spelling);
	if (len == 0)
		return -ENOENT;
	memcpy(out, spelling, len);
	return (ssize_t)len;
}

/* The directory that starts at @start and is named in @node. */
static int find_by_start(struct fat_volume *v, const struct fat_node *node, uint32_t start,
			 uint64_t *out_id)
{
	struct fat_entry entry;
	struct fat_dir dir;
	int got = fat_dir_open(v, node, 0, &dir);

	if (got)
		return got;
	while ((got = fat_dir_next(&dir, &entry)) > 0) {
		if (entry.node.dir && entry.node.start == start) {
			*out_id = entry.node.id;
			return 0;
		}
	}
	if (got)
		return got;
	return fat_damaged(v, start, "no directory names the one at cluster %u", start);
}

static int fat_parent(struct tree *tree, uint64_t id, uint64_t *out_id)
{
	struct fat_volume *v = volume_of(tree);
	struct fat_node node, above = {.dir = true};
	uint32_t start;
	int err = fat_node_read(v, id, &node);

	if (err)
		return err;
	if (!node.dir)
		return -ENOTDIR;
	err = fat_node_parent_start(v, node.start, &start);
	if (err)
		return err;
	if (start == 0) {
		*out_id = TREE_ROOT;
		return 0;
	}
	err = fat_node_parent_start(v, start, &above.start);
	if (err)
		return err;
	if (above.start == 0) {
		err = fat_node_read(v, TREE_ROOT, &above);
		if (err)
			return err;
	}
	return find_by_start(v, &above, start, out_id);
}

static int fat_readdir(struct tree *tree, uint64_t id, uint64_t cookie, tree_entry_fn take,
		       void *ctx)
{
	struct fat_volume *v = volume_of(tree);
	uint64_t slot = cookie < COOKIE_BASE ? 0 : cookie - COOKIE_BASE;
	char name[TREE_NAME_MAX + 1];
	struct fat_entry entry;
	struct fat_node node;
	struct fat_dir dir;
	int got = fat_node_read(v, id, &node);

	if (got)
		return got;
	got = fat_dir_open(v, &node, (uint32_t)min_u64(slot, UINT32_MAX), &dir);
	if (got)
		return got;
	while ((got = fat_dir_next(&dir, &entry)) > 0) {
		struct tree_entry shown = {
			.name = name,
			.name_len = fat_entry_name(v, &entry, name),
			.id = entry.node.id,
			.next = (uint64_t)entry.next_slot + COOKIE_BASE,
			.type = entry.node.dir ? DT_DIR : DT_REG,
		};

		if (shown.name_len && take(ctx, &shown))
			return 0;
	}
	return got;
}

static ssize_t fat_read(struct tree *tree, uint64_t id, void *buf, size_t len, uint64_t offset)
{
	struct fat_volume *v = volume_of(tree);
	struct fat_node node;
	int err = fat_node_read(v, id, &node);

	if (err)
		return err;
	if (node.dir)
		return -EISDIR;
	return fat_chain_read(v, node.start, node.size, buf, len, offset);
}

static int fat_map(struct tree *tree, uint64_t id, uint64_t offset, size_t len,
		   struct tree_extent *out)
{
	struct fat_volume *v = volume_of(tree);
	struct fat_node node;
	int err = fat_node_read(v, id, &node);

	if (err)
		return err;
	return node.dir ? -EOPNOTSUPP
			: fat_chain_locate(v, node.start, node.size, offset, len, out);
}

static int fat_statfs(struct tree *tree, uint64_t id, struct tree_statfs *out)
{
	struct fat_volume *v = volume_of(tree);
	struct fat_node node;
	uint64_t clusters;
	int err = fat_node_read(v, id, &node);

	if (!err)
		err = fat_table_free(v, &clusters);
	if (err)
		return err;
	*out = (struct tree_statfs){
		.blocks = v->geo.cluster_end - FAT_FIRST_CLUSTER,
		.blocks_free = clusters,
		.block_size = v->geo.cluster_size,
		.name_max = TREE_NAME_MAX,
		.fsid = v->geo.serial,
	};
	out->blocks_available = out->blocks_free;
	return 0;
}

static void fat_close(struct tree *tree)
{
	fat_volume_close(volume_of(tree));
}

static const struct tree_ops fat_ops = {
	.kind = "fat",
	.getattr = fat_getattr,
	.lookup = fat_lookup,
	.parent = fat_parent,
	.readdir = fat_readdir,
	.read = fat_read,
	.map = fat_map,
	.statfs = fat_statfs,
	.fold = fat_fold,
	.spelling = fat_spelling,
	.close = fat_close,
};

int fat_probe(struct image *img)
{
	return fat_boot_probe(img);
}

int fat_open(struct image *img, const struct fat_options *options, struct tree **out)
{
	struct fat_volume *v;
	int err = fat_volume_open(img, options, &v);

	if (err)
		return err;
	if (v->geo.size > img->size)
		log_warn("fat: truncated volume: it has %" PRIu64 " bytes, its image %" PRIu64,
			 v->geo.size, img->size);
	if (v->geo.dirty)
		log_warn("fat: volume was not unmounted cleanly: it is shown as it is");
	v->base.ops = &fat_ops;
	v->base.span = v->geo.size / FAT_ENTRY_BYTES + 1;
	*out = &v->base;
	return 0;
}
