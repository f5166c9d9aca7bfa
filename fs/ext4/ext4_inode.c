/* SPDX-License-Identifier: MIT */
/* Inodes: from the table to host order, with every check that the kernel's ext4_iget makes. */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/checked.h"
#include "base/crc.h"
#include "base/wait.h"
#include "ext4/ext4_fastcommit.h"

#define NSEC_MAX 999999999u
#define INODE_SMALL 256u

/* Whether the inode's extra part reaches beyond @field. */
#define HAS_EXTRA(fs, disk, field)                                                                 \
	((fs)->inode_size > EXT4_GOOD_OLD_INODE_SIZE &&                                            \
	 EXT4_GOOD_OLD_INODE_SIZE + le16_get((disk)->extra_isize) >=                               \
		 offsetof(struct ext4_disk_inode, field) + sizeof((disk)->field))

static int locate(struct ext4 *fs, uint32_t number, uint64_t *out_block, uint32_t *out_offset)
{
	uint64_t table, byte;
	int err;

	if (number == 0 || number > fs->inodes_count)
		return ext4_corrupt("inode %u of %u", number, fs->inodes_count);
	err = ext4_group_inode_table(fs, (number - 1) / fs->inodes_per_group, &table);
	if (err)
		return err;
	byte = (uint64_t)((number - 1) % fs->inodes_per_group) * fs->inode_size;
	*out_block = table + byte / fs->block_size;
	*out_offset = (uint32_t)(byte % fs->block_size);
	return 0;
}

static uint32_t inode_seed(const struct ext4 *fs, uint32_t number, uint32_t generation)
{
	const uint8_t bytes[8] = {
		(uint8_t)number,
		(uint8_t)(number >> 8),
		(uint8_t)(number >> 16),
		(uint8_t)(number >> 24),
		(uint8_t)generation,
		(uint8_t)(generation >> 8),
		(uint8_t)(generation >> 16),
		(uint8_t)(generation >> 24),
	};

	return crc32c(fs->csum_seed, bytes, sizeof(bytes));
}

/* The checksum covers the whole inode with its own two fields as zeros. */
static int check_inode_checksum(const struct ext4 *fs, uint32_t number, uint32_t seed,
				const uint8_t *raw, const struct ext4_disk_inode *disk)
{
	const size_t lo = offsetof(struct ext4_disk_inode, checksum_lo);
	const size_t hi = offsetof(struct ext4_disk_inode, checksum_hi);
	const uint8_t zero[2] = {0};
	uint32_t want = le16_get(disk->checksum_lo);
	uint32_t got;

	if (!ext4_has_csum(fs) || !fs->wrote_by_linux)
		return 0;
	got = crc32c(seed, raw, lo);
	got = crc32c(got, zero, sizeof(zero));
	got = crc32c(got, raw + lo + 2, EXT4_GOOD_OLD_INODE_SIZE - lo - 2);
	if (fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE) {
		got = crc32c(got, raw + EXT4_GOOD_OLD_INODE_SIZE, hi - EXT4_GOOD_OLD_INODE_SIZE);
		if (HAS_EXTRA(fs, disk, checksum_hi)) {
			want |= (uint32_t)le16_get(disk->checksum_hi) << 16;
			got = crc32c(got, zero, sizeof(zero));
		} else {
			got = crc32c(got, raw + hi, 2);
		}
		got = crc32c(got, raw + hi + 2, fs->inode_size - hi - 2);
	}
	if (!HAS_EXTRA(fs, disk, checksum_hi))
		got &= 0xffff;
	if (got != want)
		return ext4_bad_checksum(fs, "inode %u: %08x, not %08x", number, got, want);
	return 0;
}

/* Seconds are signed; two more bits extend them from 2038 to 2446, the rest are nanoseconds. */
static struct timespec decode_time(le32 seconds, bool has_extra, le32 extra)
{
	struct timespec time = {.tv_sec = (int32_t)le32_get(seconds)};
	uint32_t bits = has_extra ? le32_get(extra) : 0;

	time.tv_sec += (time_t)((uint64_t)(bits & 3) << 32);
	time.tv_nsec = (long)min_u64(bits >> 2, NSEC_MAX);
	return time;
}

static void decode_times(const struct ext4 *fs, const struct ext4_disk_inode *disk,
			 struct ext4_inode *out)
{
	out->atime = decode_time(disk->atime, HAS_EXTRA(fs, disk, atime_extra), disk->atime_extra);
	out->mtime = decode_time(disk->mtime, HAS_EXTRA(fs, disk, mtime_extra), disk->mtime_extra);
	out->ctime = decode_time(disk->ctime, HAS_EXTRA(fs, disk, ctime_extra), disk->ctime_extra);
	out->btime = out->ctime;
	if (HAS_EXTRA(fs, disk, crtime))
		out->btime = decode_time(disk->crtime, HAS_EXTRA(fs, disk, crtime_extra),
					 disk->crtime_extra);
	out->atime_seconds = le32_get(disk->atime);
}

static void decode_sizes(const struct ext4 *fs, const struct ext4_disk_inode *disk,
			 struct ext4_inode *out)
{
	out->size = le32_get(disk->size_lo);
	if (S_ISREG(out->mode) || (fs->incompat & EXT4_INCOMPAT_LARGEDIR))
		out->size |= (uint64_t)le32_get(disk->size_hi) << 32;
	out->sectors = le32_get(disk->blocks_lo);
	if (fs->ro_compat & EXT4_RO_COMPAT_HUGE_FILE) {
		out->sectors |= (uint64_t)le16_get(disk->blocks_hi) << 32;
		if (out->flags & EXT4_FL_HUGE_FILE)
			out->sectors *= fs->block_size / 512;
	}
}

static void decode(const struct ext4 *fs, const struct ext4_disk_inode *disk,
		   struct ext4_inode *out)
{
	out->generation = le32_get(disk->generation);
	out->mode = le16_get(disk->mode);
	out->links = le16_get(disk->links_count);
	out->flags = le32_get(disk->flags);
	out->uid = le16_get(disk->uid_lo) | (uint32_t)le16_get(disk->uid_hi) << 16;
	out->gid = le16_get(disk->gid_lo) | (uint32_t)le16_get(disk->gid_hi) << 16;
	if ((fs->ro_compat & EXT4_RO_COMPAT_PROJECT) && HAS_EXTRA(fs, disk, project))
		out->project = le32_get(disk->project);
	out->xattr_block = le32_get(disk->file_acl_lo);
	if (fs->incompat & EXT4_INCOMPAT_64BIT)
		out->xattr_block |= (uint64_t)le16_get(disk->file_acl_hi) << 32;
	out->extra_start = fs->inode_size;
	if (fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE)
		out->extra_start = EXT4_GOOD_OLD_INODE_SIZE + le16_get(disk->extra_isize);
	memcpy(out->block, disk->block, sizeof(out->block));
	decode_sizes(fs, disk, out);
	decode_times(fs, disk, out);
}

/* Where the contents lie, as far as the inode itself says. */
static int check_map(struct ext4 *fs, const struct ext4_inode *inode)
{
	if (inode->flags & EXT4_FL_INLINE_DATA) {
		if (!(fs->incompat & EXT4_INCOMPAT_INLINE_DATA))
			return ext4_corrupt("inode %u: inline data without the feature",
					    inode->number);
		return 0;
	}
	if (inode->flags & EXT4_FL_EXTENTS)
		return ext4_extent_check_root(fs, inode);
	return ext4_indirect_check_root(fs, inode);
}

static int check_inode(struct ext4 *fs, const struct ext4_inode *inode)
{
	if (inode->links == 0)
		return ext4_corrupt("inode %u is not in use", inode->number);
	if (inode->size > INT64_MAX)
		return ext4_corrupt("inode %u: size %llu", inode->number,
				    (unsigned long long)inode->size);
	if ((inode->flags & EXT4_FL_INDEX) && ext4_has_csum(fs) &&
	    !(fs->compat & EXT4_COMPAT_DIR_INDEX))
		return ext4_corrupt("inode %u: an index without the feature", inode->number);
	if (inode->xattr_block &&
	    (inode->xattr_block <= fs->first_data_block || inode->xattr_block >= fs->blocks_count))
		return ext4_corrupt("inode %u: attribute block %llu of %llu", inode->number,
				    (unsigned long long)inode->xattr_block,
				    (unsigned long long)fs->blocks_count);
	if ((inode->flags & EXT4_FL_CASEFOLD) && !(fs->incompat & EXT4_INCOMPAT_CASEFOLD))
		return ext4_corrupt("inode %u: casefold without the feature", inode->number);
	switch (inode->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
		return check_map(fs, inode);
	case S_IFLNK:
		if (inode->flags & (EXT4_FL_IMMUTABLE | EXT4_FL_APPEND))
			return ext4_corrupt("inode %u: symbolic link with flags %#x", inode->number,
					    inode->flags);
		return ext4_link_is_fast(fs, inode) ? 0 : check_map(fs, inode);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	default:
		return ext4_corrupt("inode %u: mode %o", inode->number, inode->mode);
	}
}

/* Who reads one inode soon reads its neighbours: a cold table is fetched in larger parts. */
static void read_ahead(struct ext4 *fs, uint64_t block)
{
	uint64_t window = block / EXT4_INODE_WINDOW;
	_Atomic uint64_t *asked = &fs->windows[window % EXT4_INODE_WINDOWS];
	uint64_t bytes = (uint64_t)EXT4_INODE_WINDOW * fs->block_size;

	if (atomic_load_explicit(asked, memory_order_relaxed) == window + 1 || !wait_allowed())
		return;
	atomic_store_explicit(asked, window + 1, memory_order_relaxed);
	image_will_need(fs->img, window * bytes, bytes);
}

static int read_table(struct ext4 *fs, uint32_t number, uint8_t *raw)
{
	uint32_t offset;
	uint64_t block;
	int err = locate(fs, number, &block, &offset);

	if (err)
		return err;
	read_ahead(fs, block);
	return ext4_read_bytes(fs, block, offset, raw, fs->inode_size);
}

int ext4_inode_read_table(struct ext4 *fs, uint32_t number, uint8_t *raw)
{
	struct ext4_disk_inode disk = {0};
	int err = read_table(fs, number, raw);

	if (err)
		return err;
	memcpy(&disk, raw, min_u64(sizeof(disk), fs->inode_size));
	if (le16_get(disk.links_count) == 0)
		return 0;
	return check_inode_checksum(fs, number, inode_seed(fs, number, le32_get(disk.generation)),
				    raw, &disk);
}

/* From the table into @raw, of inode_size bytes, and from there to host order. */
static int read_and_check(struct ext4 *fs, uint32_t number, uint8_t *raw, struct ext4_inode *out)
{
	struct ext4_disk_inode disk = {0};
	struct ext4_inode inode = {.number = number};
	bool changed;
	int err = read_table(fs, number, raw);

	if (err)
		return err;
	changed = ext4_fc_patch_inode(fs->fast, number, raw);
	memcpy(&disk, raw, min_u64(sizeof(disk), fs->inode_size));
	if (fs->inode_size > EXT4_GOOD_OLD_INODE_SIZE &&
	    (le16_get(disk.extra_isize) > fs->inode_size - EXT4_GOOD_OLD_INODE_SIZE ||
	     le16_get(disk.extra_isize) % 4))
		return ext4_corrupt("inode %u: extra size %u", number, le16_get(disk.extra_isize));
	inode.csum_seed = inode_seed(fs, number, le32_get(disk.generation));
	if (!changed)
		err = check_inode_checksum(fs, number, inode.csum_seed, raw, &disk);
	if (err)
		return err;
	decode(fs, &disk, &inode);
	err = check_inode(fs, &inode);
	if (!err)
		err = ext4_xattr_check_inode(fs, &inode, raw);
	if (err)
		return err;
	*out = inode;
	return 0;
}

/* Without a buffer of its own where it is as small as nearly all are. */
static int read_small(struct ext4 *fs, uint32_t number, struct ext4_inode *out)
{
	uint8_t raw[INODE_SMALL];

	return read_and_check(fs, number, raw, out);
}

static int read_whole(struct ext4 *fs, uint32_t number, struct ext4_inode *out, uint8_t **out_raw)
{
	CLEANUP(freep) uint8_t *raw = malloc(fs->inode_size);
	int err = raw ? read_and_check(fs, number, raw, out) : -ENOMEM;

	if (!err && out_raw)
		*out_raw = TAKE(raw);
	return err;
}

int ext4_inode_read(struct ext4 *fs, uint32_t number, struct ext4_inode *out, uint8_t **out_raw)
{
	int err;

	if (!out_raw && ext4_cache_inode(fs->cache, number, out))
		return 0;
	if (!out_raw && fs->inode_size <= INODE_SMALL)
		err = read_small(fs, number, out);
	else
		err = read_whole(fs, number, out, out_raw);
	if (!err)
		ext4_cache_put_inode(fs->cache, out);
	return err;
}

/* Two places and two encodings: 16 bits in the first word, else 32 bits in the second. */
static dev_t decode_device(const struct ext4_inode *inode)
{
	uint32_t old = le32_at(inode->block);
	uint32_t wide = le32_at(inode->block + 4);

	if (old)
		return makedev(old >> 8 & 0xff, old & 0xff);
	return makedev(wide >> 8 & 0xfff, (wide & 0xff) | (wide >> 12 & 0xfff00));
}

void ext4_inode_attr(const struct ext4 *fs, const struct ext4_inode *inode, struct tree_attr *out)
{
	*out = (struct tree_attr){
		.id = ext4_id(inode->number),
		.size = inode->size,
		.blocks = inode->sectors,
		.mode = inode->mode,
		.nlink = inode->links,
		.uid = inode->uid,
		.gid = inode->gid,
		.block_size = fs->block_size,
		.project = inode->project,
		.atime = inode->atime,
		.mtime = inode->mtime,
		.ctime = inode->ctime,
		.btime = inode->btime,
	};
	if (S_ISCHR(inode->mode) || S_ISBLK(inode->mode)) {
		out->rdev = decode_device(inode);
		out->size = 0;
	}
	/* as ext4_file_getattr: inline data occupy no block of their own, yet are not nothing */
	if (S_ISREG(inode->mode) && (inode->flags & EXT4_FL_INLINE_DATA))
		out->blocks += div_round_up(inode->size, 512);
}
