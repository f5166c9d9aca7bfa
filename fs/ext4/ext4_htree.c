/* SPDX-License-Identifier: MIT */
/*
 * Indexed directories (Documentation/filesystems/ext4/directory.rst, "Hash Tree Directories"). The
 * index is a tree of (lowest hash, block), searched by halves; names whose hashes are equal can go
 * on into the following leaf, whose own lowest hash then has bit 0 set.
 */
#include "ext4/ext4_htree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf.h"

#define COLLISION 1u
#define ENTRY_BYTES sizeof(struct ext4_disk_dx_entry)

static uint32_t hash_at(const struct ext4_htree_frame *frame, uint32_t i)
{
	return le32_at(frame->entries + i * ENTRY_BYTES);
}

static uint64_t block_at(const struct ext4_htree_frame *frame, uint32_t i)
{
	return le32_at(frame->entries + i * ENTRY_BYTES + 4) & EXT4_DX_BLOCK_MASK;
}

int ext4_htree_hash(const struct ext4 *fs, const struct ext4_inode *dir, unsigned int version,
		    const char *name, size_t len, struct ext4_hash *out)
{
	CLEANUP(freep) char *folded = NULL;

	if ((dir->flags & EXT4_FL_CASEFOLD) && !(dir->flags & EXT4_FL_ENCRYPT)) {
		int err = utf8_casefold(name, len, &folded);

		if (err == -ENOMEM)
			return err;
		if (err == 0) {
			name = folded;
			len = strlen(folded);
		}
	}
	return ext4_hash_name(version, fs->hash_unsigned, fs->hash_seed, name, len, out);
}

static int bad_index(const struct ext4_htree *tree, const char *what, unsigned long long number)
{
	log_warn("ext4: index of directory %u: %s %llu: searched without it",
		 tree->reader->dir->number, what, number);
	return -EOPNOTSUPP;
}

/* Takes the array at @offset of the block in the reader as the next frame and searches it. */
static int push_frame(struct ext4_htree *tree, uint32_t offset)
{
	const struct ext4 *fs = tree->reader->fs;
	struct ext4_htree_frame *frame = &tree->frames[tree->levels];
	uint32_t limit = le16_at(tree->reader->block + offset);
	uint32_t room = (uint32_t)((fs->block_size - offset) / ENTRY_BYTES);
	uint32_t low = 0, high;

	if (ext4_has_csum(fs))
		room--; /* for the tail */
	frame->count = le16_at(tree->reader->block + offset + 2);
	if (limit != room || frame->count == 0 || frame->count > limit)
		return bad_index(tree, "entries", frame->count);
	frame->entries = malloc(frame->count * ENTRY_BYTES);
	if (!frame->entries)
		return -ENOMEM;
	memcpy(frame->entries, tree->reader->block + offset, frame->count * ENTRY_BYTES);
	tree->levels++;
	/* the first entry has no hash: it is for all below the second */
	for (high = frame->count; high - low > 1;) {
		uint32_t middle = (low + high) / 2;

		if (hash_at(frame, middle) <= tree->hash.major)
			low = middle;
		else
			high = middle;
	}
	frame->at = low;
	return 0;
}

static int descend(struct ext4_htree *tree, unsigned int levels)
{
	while (tree->levels < levels) {
		const struct ext4_htree_frame *above = &tree->frames[tree->levels - 1];
		uint64_t block = block_at(above, above->at);
		int err;

		if (block >= ext4_dir_blocks(tree->reader->fs, tree->reader->dir))
			return bad_index(tree, "block", block);
		err = ext4_dir_read_block(tree->reader, block);
		if (err)
			return err;
		if (!ext4_dir_is_index_node(tree->reader->fs, tree->reader->block))
			return bad_index(tree, "no node in block", block);
		err = push_frame(tree, EXT4_DX_NODE_OFFSET);
		if (err)
			return err;
	}
	return 0;
}

static int leaf_of(const struct ext4_htree *tree, uint64_t *out_leaf)
{
	const struct ext4_htree_frame *last = &tree->frames[tree->levels - 1];
	uint64_t block = block_at(last, last->at);

	if (block >= ext4_dir_blocks(tree->reader->fs, tree->reader->dir))
		return bad_index(tree, "block", block);
	*out_leaf = block;
	return 0;
}

int ext4_htree_start(struct ext4_htree *tree, struct ext4_dir_reader *reader, const char *name,
		     size_t len, uint64_t *out_leaf)
{
	struct ext4 *fs = reader->fs;
	struct ext4_disk_dx_info info;
	unsigned int levels_max = fs->incompat & EXT4_INCOMPAT_LARGEDIR ? 3 : 2;
	int err;

	*tree = (struct ext4_htree){
		.reader = reader,
		.leaves_left = min_u64(ext4_dir_blocks(fs, reader->dir), fs->held_blocks),
	};
	err = ext4_dir_read_block(reader, 0);
	if (err)
		return err;
	memcpy(&info, reader->block + EXT4_DX_INFO_OFFSET, sizeof(info));
	if (info.hash_version == EXT4_HASH_SIPHASH)
		return -EOPNOTSUPP; /* needs the key of the encrypted directory */
	if (info.hash_version > EXT4_HASH_TEA || (info.unused_flags & 1) ||
	    info.info_length != sizeof(info))
		return bad_index(tree, "hash version", info.hash_version);
	if (info.levels >= levels_max)
		return bad_index(tree, "levels", info.levels);
	err = ext4_htree_hash(fs, reader->dir, info.hash_version, name, len, &tree->hash);
	if (err)
		return err;
	err = push_frame(tree, EXT4_DX_INFO_OFFSET + info.info_length);
	if (err)
		return err;
	err = descend(tree, info.levels + 1u);
	if (err)
		return err;
	return leaf_of(tree, out_leaf);
}

int ext4_htree_next(struct ext4_htree *tree, uint64_t *out_leaf)
{
	unsigned int all = tree->levels;
	struct ext4_htree_frame *frame;
	int err;

	if (tree->leaves_left-- == 0)
		return ext4_corrupt("index of directory %u goes in a circle",
				    tree->reader->dir->number);
	/* up to the first frame that has an entry to the right */
	for (;;) {
		frame = &tree->frames[tree->levels - 1];
		if (frame->at + 1 < frame->count)
			break;
		if (tree->levels == 1)
			return -ENOENT;
		free(frame->entries);
		frame->entries = NULL;
		tree->levels--;
	}
	if (hash_at(frame, frame->at + 1) != (tree->hash.major | COLLISION))
		return -ENOENT;
	frame->at++;
	err = descend(tree, all);
	if (err)
		return err;
	/* in the nodes below, the leftmost leaf is the next one */
	for (unsigned int i = 0; i < tree->levels; i++) {
		if (&tree->frames[i] > frame)
			tree->frames[i].at = 0;
	}
	return leaf_of(tree, out_leaf);
}

void ext4_htree_finish(struct ext4_htree *tree)
{
	for (unsigned int i = 0; i < EXT4_HTREE_LEVELS; i++)
		free(tree->frames[i].entries);
}
