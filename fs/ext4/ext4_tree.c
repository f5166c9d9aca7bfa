/* SPDX-License-Identifier: MIT */
/* The volume as a struct tree: from ids to inodes and back. */
#include "ext4/ext4_tree.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/checked.h"

static struct ext4 *of(struct tree *tree)
{
	return container_of(tree, struct ext4, base);
}

/* Reserved inodes (journal, quota files, ...) have no names and are not to be had. */
static int number_of(const struct ext4 *fs, uint64_t id, uint32_t *out)
{
	if (id == TREE_ROOT) {
		*out = EXT4_ROOT_INODE;
		return 0;
	}
	if (id < fs->first_inode || id > fs->inodes_count)
		return -ESTALE;
	*out = (uint32_t)id;
	return 0;
}

static int read_inode(struct ext4 *fs, uint64_t id, struct ext4_inode *out)
{
	uint32_t number;
	int err = number_of(fs, id, &number);

	if (!err)
		err = ext4_inode_read(fs, number, out, NULL);
	if (!err && (out->flags & EXT4_FL_EA_INODE))
		return ext4_corrupt("inode %u holds an attribute, not a file", number);
	return err;
}

/* An entry for a reserved inode is damage; the kernel's ext4_iget refuses it likewise. */
static int id_of(const struct ext4 *fs, uint32_t number, uint64_t *out)
{
	if (number != EXT4_ROOT_INODE && (number < fs->first_inode || number > fs->inodes_count))
		return ext4_corrupt("a name for inode %u", number);
	*out = ext4_id(number);
	return 0;
}

/* The length of what readlink gives, not of what lies on disk (fscrypt_symlink_getattr). */
static int shown_link_size(struct ext4 *fs, const struct ext4_inode *inode, uint64_t *out)
{
	char target[TREE_LINK_MAX];
	ssize_t n = ext4_link_read(fs, inode, target, sizeof(target));

	if (n == -EAGAIN)
		return (int)n;
	*out = n < 0 ? inode->size : (uint64_t)n;
	return 0;
}

static int op_getattr(struct tree *tree, uint64_t id, struct tree_attr *out)
{
	struct ext4 *fs = of(tree);
	struct ext4_inode inode;
	int err = read_inode(fs, id, &inode);

	if (err)
		return err;
	ext4_inode_attr(fs, &inode, out);
	if (S_ISLNK(inode.mode) && (inode.flags & EXT4_FL_ENCRYPT))
		return shown_link_size(fs, &inode, &out->size);
	return 0;
}

static int op_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len,
		     uint64_t *out_id)
{
	struct ext4 *fs = of(tree);
	struct ext4_inode inode;
	uint32_t above, number;
	int err = number_of(fs, dir, &above);

	if (err)
		return err;
	if (!ext4_cache_name(fs->cache, above, name, len, &number)) {
		err = read_inode(fs, dir, &inode);
		if (!err)
			err = ext4_dir_lookup(fs, &inode, name, len, &number);
		if (err && err != -ENOENT)
			return err;
		if (err)
			number = 0;
		ext4_cache_put_name(fs->cache, above, name, len, number);
	}
	return number ? id_of(fs, number, out_id) : -ENOENT;
}

static int op_parent(struct tree *tree, uint64_t dir, uint64_t *out_id)
{
	struct ext4 *fs = of(tree);
	struct ext4_inode inode;
	uint32_t number;
	int err;

	err = read_inode(fs, dir, &inode);
	if (err)
		return err;
	err = ext4_dir_parent(fs, &inode, &number);
	if (err)
		return err;
	return id_of(fs, number, out_id);
}

static int op_readdir(struct tree *tree, uint64_t dir, uint64_t cookie, tree_entry_fn take,
		      void *ctx)
{
	struct ext4 *fs = of(tree);
	struct ext4_inode inode;
	int err = read_inode(fs, dir, &inode);

	return err ? err : ext4_dir_list(fs, &inode, cookie, take, ctx);
}

static ssize_t op_read(struct tree *tree, uint64_t id, void *buf, size_t len, uint64_t offset)
{
	struct ext4 *fs = of(tree);
	struct ext4_inode inode;
	int err = read_inode(fs, id, &inode);

	if (err)
		return err;
	if (S_ISDIR(inode.mode))
		return -EISDIR;
	if (!S_ISREG(inode.mode))
		return -EINVAL;
	if (inode.flags & EXT4_FL_ENCRYPT)
		return -ENOKEY;
	return ext4_file_read(fs, &inode, buf, len, offset);
}

static int op_map(struct tree *tree, uint64_t id, uint64_t offset, size_t len,
		  struct tree_extent *out)
{
	struct ext4 *fs = of(tree);
	struct ext4_inode inode;
	int err = read_inode(fs, id, &inode);

	if (err)
		return err;
	if (!S_ISREG(inode.mode) || inode.flags & EXT4_FL_ENCRYPT)
		return -EOPNOTSUPP;
	return ext4_file_locate(fs, &inode, offset, len, out);
}

static int op_seek(struct tree *tree, uint64_t id, uint64_t offset, int whence,
		   uint64_t *out_offset)
{
	struct ext4 *fs = of(tree);
	struct ext4_inode inode;
	int err = read_inode(fs, id, &inode);

	if (err)
		return err;
	if (!S_ISREG(inode.mode))
		return -EINVAL;
	return ext4_file_seek(fs, &inode, offset, whence, out_offset);
}

static ssize_t op_readlink(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	struct ext4 *fs = of(tree);
	struct ext4_inode inode;
	int err = read_inode(fs, id, &inode);

	return err ? err : ext4_link_read(fs, &inode, buf, size);
}

static ssize_t op_getxattr(struct tree *tree, uint64_t id, const char *name, void *buf, size_t size)
{
	uint32_t number;
	int err = number_of(of(tree), id, &number);

	return err ? err : ext4_xattr_get(of(tree), number, name, buf, size);
}

static ssize_t op_listxattr(struct tree *tree, uint64_t id, char *buf, size_t size)
{
	uint32_t number;
	int err = number_of(of(tree), id, &number);

	return err ? err : ext4_xattr_list(of(tree), number, buf, size);
}

static bool op_lacks_xattr(struct tree *tree, const char *name)
{
	return ext4_xattr_lacks(of(tree), name);
}

static int op_statfs(struct tree *tree, uint64_t id, struct tree_statfs *out)
{
	(void)id;
	return ext4_statfs(of(tree), out);
}

static ssize_t op_fold(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out,
		       size_t size)
{
	struct ext4 *fs = of(tree);
	struct ext4_inode inode;
	int err;

	if (!(fs->incompat & EXT4_INCOMPAT_CASEFOLD))
		return 0;
	err = read_inode(fs, dir, &inode);
	if (err)
		return err;
	return ext4_dir_ignores_case(fs, &inode) ? ext4_dir_fold(name, len, out, size) : 0;
}

static ssize_t op_spelling(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out)
{
	struct ext4 *fs = of(tree);
	struct ext4_inode inode;
	int err = read_inode(fs, dir, &inode);

	return err ? err : ext4_dir_spelling(fs, &inode, name, len, out);
}

static void op_close(struct tree *tree)
{
	ext4_close(of(tree));
}

static const struct tree_ops ext4_tree_ops = {
	.kind = "ext4",
	.getattr = op_getattr,
	.lookup = op_lookup,
	.parent = op_parent,
	.readdir = op_readdir,
	.read = op_read,
	.map = op_map,
	.seek = op_seek,
	.readlink = op_readlink,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.lacks_xattr = op_lacks_xattr,
	.statfs = op_statfs,
	.fold = op_fold,
	.spelling = op_spelling,
	.close = op_close,
};

void ext4_tree_init(struct ext4 *fs)
{
	fs->base.ops = &ext4_tree_ops;
	fs->base.span = (uint64_t)fs->inodes_count + 1;
	fs->base.mixes_case = fs->incompat & EXT4_INCOMPAT_CASEFOLD;
}
