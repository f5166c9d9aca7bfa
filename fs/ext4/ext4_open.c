/* SPDX-License-Identifier: MIT */
/*
 * Opening a volume: the superblock, then the journal if the volume was not unmounted cleanly. A
 * replay changes what is read, the superblock included, so it is loaded again through the replay.
 */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "ext4/ext4_fastcommit.h"
#include "ext4/ext4_journal.h"
#include "ext4/ext4_tree.h"

struct journal_file {
	struct ext4 *fs;
	struct ext4_inode inode;
};

static int map_journal(void *ctx, uint64_t logical, uint64_t *out_physical, uint32_t *out_count)
{
	struct journal_file *file = ctx;
	struct ext4_run run;
	int err = ext4_map(file->fs, &file->inode, logical, &run);

	if (err)
		return err;
	if (run.kind != EXT4_RUN_MAPPED)
		return ext4_corrupt("the journal has a hole at block %llu",
				    (unsigned long long)logical);
	*out_physical = run.physical;
	*out_count = (uint32_t)min_u64(run.count, UINT32_MAX);
	return 0;
}

/* What was remembered of the volume is forgotten: it is read as @fs->img shows it. */
static int make_caches(struct ext4 *fs)
{
	image_close(fs->meta);
	fs->meta = NULL;
	free(fs->group_tables);
	fs->group_cache_count = (uint32_t)min_u64(fs->groups_count, EXT4_GROUP_CACHE);
	fs->group_tables = calloc(fs->group_cache_count, sizeof(*fs->group_tables));
	if (!fs->group_tables)
		return -ENOMEM;
	return image_cache(fs->img, &fs->meta);
}

static int read_inode(void *ctx, uint32_t number, uint8_t *raw)
{
	return ext4_inode_read_table(ctx, number, raw);
}

static int lookup(void *ctx, uint32_t dir, const char *name, size_t len, uint32_t *out_inode)
{
	struct ext4_inode inode;
	int err = ext4_inode_read(ctx, dir, &inode, NULL);

	return err ? err : ext4_dir_lookup(ctx, &inode, name, len, out_inode);
}

/* The differences are made from the volume without them: fs->fast is set at the end. */
static int apply_fast_commits(struct ext4 *fs, struct ext4_fc_log *log)
{
	const struct ext4_fc_base base = {
		.ctx = fs,
		.inode_size = fs->inode_size,
		.inodes = fs->inodes_count,
		.first_inode = fs->first_inode,
		.fs_blocks = fs->blocks_count,
		.read_inode = read_inode,
		.lookup = lookup,
	};

	return ext4_fc_open(log, &base, &fs->fast);
}

static int replay_journal(struct ext4 *fs)
{
	struct journal_file file = {.fs = fs};
	struct ext4_journal_where where = {
		.img = fs->img,
		.block_size = fs->block_size,
		.fs_blocks = fs->blocks_count,
		.inode_size = fs->inode_size,
		.nocheck = fs->nocheck,
		.map = map_journal,
		.ctx = &file,
	};
	struct ext4_journal_replay done;
	int err;

	if (fs->journal_inode == 0) {
		log_error("ext4: the file system needs its journal, which is on another device");
		return -EOPNOTSUPP;
	}
	err = ext4_inode_read(fs, fs->journal_inode, &file.inode, NULL);
	if (err)
		return err;
	where.journal_blocks = file.inode.size / fs->block_size;
	err = ext4_journal_open(&where, &done);
	if (err)
		return err;
	if (done.dirty)
		log_info("ext4: journal replayed in memory: %u transactions, %llu blocks",
			 done.transactions, (unsigned long long)done.blocks);
	if (done.view) {
		fs->replayed = TAKE(done.view);
		fs->img = fs->replayed;
		err = ext4_super_load(fs);
	}
	/* the descriptors, too, may have changed */
	if (!err)
		err = make_caches(fs);
	if (!err && done.fast_commits.bytes)
		err = apply_fast_commits(fs, &done.fast_commits);
	ext4_journal_replay_finish(&done);
	return err;
}

static void warn_if_cut(const struct ext4 *fs)
{
	uint64_t bytes = fs->blocks_count * fs->block_size;

	if (bytes > fs->img->size)
		log_warn("ext4: the file system has %llu bytes, the image only %llu of them",
			 (unsigned long long)bytes, (unsigned long long)fs->img->size);
}

static int open_volume(struct ext4 *fs, bool noload)
{
	int err = ext4_super_load(fs);

	if (err)
		return err;
	warn_if_cut(fs);
	err = make_caches(fs);
	if (err || noload || !(fs->compat & EXT4_COMPAT_HAS_JOURNAL))
		return err;
	/* whether it is clean, only its own device knows: the kernel does not mount without it */
	if (fs->journal_inode == 0) {
		log_error("ext4: the journal is external, on another device: "
			  "mount -o noload reads the file system without it");
		return -EOPNOTSUPP;
	}
	return fs->incompat & EXT4_INCOMPAT_RECOVER ? replay_journal(fs) : 0;
}

void ext4_close(struct ext4 *fs)
{
	if (!fs)
		return;
	ext4_fc_close(fs->fast);
	ext4_cache_destroy(fs->cache);
	image_close(fs->meta);
	image_close(fs->replayed);
	free(fs->group_tables);
	free(fs);
}

DEFINE_CLEANUP(ext4_closep, struct ext4 *, ext4_close)

int ext4_open(struct image *img, const struct ext4_options *options, struct tree **out)
{
	CLEANUP(ext4_closep) struct ext4 *fs = calloc(1, sizeof(*fs));
	int err;

	if (!fs)
		return -ENOMEM;
	fs->img = img;
	fs->nocheck = options->nocheck;
	err = open_volume(fs, options->noload);
	if (err)
		return err;
	err = ext4_cache_create(&fs->cache);
	if (err)
		return err;
	ext4_tree_init(fs);
	*out = &TAKE(fs)->base;
	return 0;
}
