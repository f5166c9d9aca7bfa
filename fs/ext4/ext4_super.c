/* SPDX-License-Identifier: MIT */
/* The superblock: probing, checking, decoding. */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "ext4/ext4_features.h"

static uint64_t blocks_of(const struct ext4_disk_superblock *sb, le32 lo, le32 hi)
{
	uint64_t count = le32_get(lo);

	if (le32_get(sb->feature_incompat) & EXT4_INCOMPAT_64BIT)
		count |= (uint64_t)le32_get(hi) << 32;
	return count;
}

static int read_superblock(struct image *img, struct ext4_disk_superblock *sb)
{
	int err = image_read_at(img, sb, sizeof(*sb), EXT4_SUPERBLOCK_OFFSET);

	if (err)
		return err == -ERANGE ? -EINVAL : err;
	return le16_get(sb->magic) == EXT4_MAGIC ? 0 : -EINVAL;
}

int ext4_probe(struct image *img)
{
	struct ext4_disk_superblock sb;
	int err = read_superblock(img, &sb);

	if (err)
		return err;
	/* a journal's own device has the magic number, and no inodes: it is refused by name */
	if (le32_get(sb.feature_incompat) & EXT4_INCOMPAT_JOURNAL_DEV)
		return 0;
	/* Two bytes of magic are little: the sizes must make sense as well. */
	if (le32_get(sb.log_block_size) > EXT4_MAX_LOG_BLOCK_SIZE ||
	    le32_get(sb.inodes_per_group) == 0 || le32_get(sb.blocks_per_group) == 0)
		return -EINVAL;
	return 0;
}

static int read_from(const struct ext4 *fs, struct image *img, uint64_t block, uint32_t offset,
		     void *buf, size_t len)
{
	int err;

	if (block >= fs->blocks_count)
		return ext4_corrupt("block %llu of %llu", (unsigned long long)block,
				    (unsigned long long)fs->blocks_count);
	/* blocks_count * block_size was checked not to wrap */
	err = image_read_at(img, buf, len, block * fs->block_size + offset);
	if (err == -ERANGE) {
		log_warn("ext4: block %llu lies beyond the end of the image",
			 (unsigned long long)block);
		return -EIO;
	}
	return err;
}

int ext4_read_bytes(const struct ext4 *fs, uint64_t block, uint32_t offset, void *buf, size_t len)
{
	return read_from(fs, fs->meta, block, offset, buf, len);
}

int ext4_read_data(const struct ext4 *fs, uint64_t block, uint32_t offset, void *buf, size_t len)
{
	return read_from(fs, fs->img, block, offset, buf, len);
}

int ext4_bad_checksum(const struct ext4 *fs, const char *what, ...)
{
	char text[160];
	va_list args;

	va_start(args, what);
	vsnprintf(text, sizeof(text), what, args);
	va_end(args);
	if (fs->nocheck) {
		log_warn("ext4: wrong checksum of %s: read on", text);
		return 0;
	}
	log_warn("ext4: wrong checksum of %s", text);
	return -EBADMSG;
}

static int check_features(const struct ext4_disk_superblock *sb)
{
	uint32_t incompat = le32_get(sb->feature_incompat);
	char names[256];

	if (incompat & EXT4_INCOMPAT_JOURNAL_DEV) {
		log_error("ext4: this is an external journal, not a file system");
		return -EOPNOTSUPP;
	}
	if (incompat & ~EXT4_INCOMPAT_READABLE) {
		ext4_feature_names(0, incompat & ~EXT4_INCOMPAT_READABLE, 0, names, sizeof(names));
		log_error("ext4: cannot read a file system with the feature %s", names);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int check_super_checksum(struct ext4 *fs, const struct ext4_disk_superblock *sb)
{
	uint32_t want = le32_get(sb->checksum);
	uint32_t got;

	if (!ext4_has_csum(fs))
		return 0;
	if (sb->checksum_type != EXT4_CHECKSUM_CRC32C)
		return ext4_corrupt("checksum type %u", sb->checksum_type);
	got = crc32c(~0u, sb, offsetof(struct ext4_disk_superblock, checksum));
	if (got != want)
		return ext4_bad_checksum(fs, "the superblock: %08x, not %08x", got, want);
	return 0;
}

/* Sizes of inodes and descriptors. */
static int decode_sizes(struct ext4 *fs, const struct ext4_disk_superblock *sb)
{
	if (le32_get(sb->log_block_size) > EXT4_MAX_LOG_BLOCK_SIZE)
		return ext4_corrupt("block size is 1024 << %u", le32_get(sb->log_block_size));
	fs->block_size = EXT4_MIN_BLOCK_SIZE << le32_get(sb->log_block_size);

	fs->inode_size = EXT4_GOOD_OLD_INODE_SIZE;
	fs->first_inode = EXT4_GOOD_OLD_FIRST_INODE;
	if (le32_get(sb->revision) > 0) {
		fs->inode_size = le16_get(sb->inode_size);
		fs->first_inode = le32_get(sb->first_inode);
	}
	if (fs->inode_size < EXT4_GOOD_OLD_INODE_SIZE || fs->inode_size > fs->block_size ||
	    !is_power_of_two(fs->inode_size))
		return ext4_corrupt("inode size %u", fs->inode_size);
	if (fs->first_inode < EXT4_GOOD_OLD_FIRST_INODE)
		return ext4_corrupt("first inode %u", fs->first_inode);

	fs->desc_size = EXT4_MIN_DESC_SIZE;
	if (fs->incompat & EXT4_INCOMPAT_64BIT) {
		fs->desc_size = le16_get(sb->desc_size);
		if (fs->desc_size < EXT4_MIN_DESC_SIZE_64BIT ||
		    fs->desc_size > EXT4_MAX_DESC_SIZE || !is_power_of_two(fs->desc_size))
			return ext4_corrupt("group descriptor size %u", fs->desc_size);
	}
	return 0;
}

static int decode_clusters(struct ext4 *fs, const struct ext4_disk_superblock *sb)
{
	uint32_t log_cluster = le32_get(sb->log_cluster_size);

	fs->cluster_bits = 0;
	if (!(fs->ro_compat & EXT4_RO_COMPAT_BIGALLOC))
		return 0;
	if (log_cluster < le32_get(sb->log_block_size) || log_cluster > 20)
		return ext4_corrupt("cluster size is 1024 << %u", log_cluster);
	fs->cluster_bits = log_cluster - le32_get(sb->log_block_size);
	return 0;
}

static int decode_geometry(struct ext4 *fs, const struct ext4_disk_superblock *sb)
{
	uint64_t bytes, groups;

	fs->blocks_count = blocks_of(sb, sb->blocks_count_lo, sb->blocks_count_hi);
	fs->reserved_blocks = blocks_of(sb, sb->reserved_blocks_lo, sb->reserved_blocks_hi);
	fs->said_free_blocks = blocks_of(sb, sb->free_blocks_lo, sb->free_blocks_hi);
	fs->said_free_inodes = le32_get(sb->free_inodes);
	fs->first_data_block = le32_get(sb->first_data_block);
	fs->blocks_per_group = le32_get(sb->blocks_per_group);
	fs->inodes_per_group = le32_get(sb->inodes_per_group);
	fs->inodes_count = le32_get(sb->inodes_count);
	fs->first_meta_bg = le32_get(sb->first_meta_bg);
	if (fs->blocks_count >> 48 ||
	    __builtin_mul_overflow(fs->blocks_count, fs->block_size, &bytes) || bytes > INT64_MAX)
		return ext4_corrupt("%llu blocks", (unsigned long long)fs->blocks_count);
	if (fs->first_data_block >= fs->blocks_count)
		return ext4_corrupt("first data block %u of %llu", fs->first_data_block,
				    (unsigned long long)fs->blocks_count);
	if (fs->blocks_per_group == 0 ||
	    fs->blocks_per_group >> fs->cluster_bits > 8 * fs->block_size)
		return ext4_corrupt("%u blocks per group", fs->blocks_per_group);
	if (fs->inodes_per_group == 0 || fs->inodes_per_group > 8 * fs->block_size)
		return ext4_corrupt("%u inodes per group", fs->inodes_per_group);
	fs->held_blocks = min_u64(fs->blocks_count, fs->img->size / fs->block_size);
	groups = div_round_up(fs->blocks_count - fs->first_data_block, fs->blocks_per_group);
	if (groups > UINT32_MAX || groups * fs->inodes_per_group != fs->inodes_count)
		return ext4_corrupt("%u inodes in %llu groups of %u", fs->inodes_count,
				    (unsigned long long)groups, fs->inodes_per_group);
	fs->groups_count = (uint32_t)groups;
	return 0;
}

static void decode_seeds(struct ext4 *fs, const struct ext4_disk_superblock *sb)
{
	memcpy(fs->uuid, sb->uuid, sizeof(fs->uuid));
	fs->csum_seed = fs->incompat & EXT4_INCOMPAT_CSUM_SEED
				? le32_get(sb->checksum_seed)
				: crc32c(~0u, sb->uuid, sizeof(sb->uuid));
	for (size_t i = 0; i < ARRAY_SIZE(fs->hash_seed); i++)
		fs->hash_seed[i] = le32_get(sb->hash_seed[i]);
	fs->default_hash = sb->default_hash;
	fs->hash_unsigned = le32_get(sb->flags) & EXT4_FLAG_UNSIGNED_HASH;
	fs->wrote_by_linux = le32_get(sb->creator_os) == EXT4_OS_LINUX;
	fs->journal_inode = le32_get(sb->journal_inode);
	for (size_t i = 0; i < ARRAY_SIZE(fs->backup_bgs); i++)
		fs->backup_bgs[i] = le32_get(sb->backup_bgs[i]);
}

static int decode_superblock(struct ext4 *fs, const struct ext4_disk_superblock *sb)
{
	int err;

	fs->compat = le32_get(sb->feature_compat);
	fs->incompat = le32_get(sb->feature_incompat);
	fs->ro_compat = le32_get(sb->feature_ro_compat);
	err = check_super_checksum(fs, sb);
	if (err)
		return err;
	err = decode_sizes(fs, sb);
	if (err)
		return err;
	err = decode_clusters(fs, sb);
	if (err)
		return err;
	err = decode_geometry(fs, sb);
	if (err)
		return err;
	decode_seeds(fs, sb);
	return 0;
}

int ext4_super_load(struct ext4 *fs)
{
	struct ext4_disk_superblock sb;
	int err;

	err = read_superblock(fs->img, &sb);
	if (err)
		return err;
	err = check_features(&sb);
	if (err)
		return err;
	return decode_superblock(fs, &sb);
}

/* A file system with extents or other late features is ext4, with a journal ext3: as blkid. */
static const char *kind_of(const struct ext4_disk_superblock *sb)
{
	const uint32_t ext3_incompat =
		EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_RECOVER | EXT4_INCOMPAT_META_BG;
	const uint32_t ext3_ro_compat =
		EXT4_RO_COMPAT_SPARSE_SUPER | EXT4_RO_COMPAT_LARGE_FILE | 0x4u /* btree_dir */;

	if ((le32_get(sb->feature_incompat) & ~ext3_incompat) ||
	    (le32_get(sb->feature_ro_compat) & ~ext3_ro_compat))
		return "ext4";
	return le32_get(sb->feature_compat) & EXT4_COMPAT_HAS_JOURNAL ? "ext3" : "ext2";
}

static void format_uuid(const uint8_t uuid[16], char out[37])
{
	char *p = out;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += sprintf(p, "%02x", uuid[i]);
	}
}

int ext4_info_read(struct image *img, struct ext4_info *out)
{
	struct ext4_disk_superblock sb;
	struct ext4 fs = {.img = img};
	struct ext4_info info = {0};
	int err;

	err = read_superblock(img, &sb);
	if (err)
		return err;
	err = check_features(&sb);
	if (err)
		return err;
	err = decode_superblock(&fs, &sb);
	if (err)
		return err;
	info.kind = kind_of(&sb);
	memcpy(info.label, sb.volume_name, sizeof(sb.volume_name));
	memcpy(info.last_mounted, sb.last_mounted, sizeof(sb.last_mounted));
	format_uuid(sb.uuid, info.uuid);
	ext4_feature_names(fs.compat, fs.incompat, fs.ro_compat, info.features,
			   sizeof(info.features));
	info.block_size = fs.block_size;
	info.inode_size = fs.inode_size;
	info.blocks = fs.blocks_count;
	info.blocks_free = blocks_of(&sb, sb.free_blocks_lo, sb.free_blocks_hi);
	info.inodes = fs.inodes_count;
	info.inodes_free = le32_get(sb.free_inodes);
	info.dirty_journal =
		(fs.compat & EXT4_COMPAT_HAS_JOURNAL) && (fs.incompat & EXT4_INCOMPAT_RECOVER);
	info.errors = (le16_get(sb.state) & EXT4_STATE_ERRORS) || le32_get(sb.error_count);
	*out = info;
	return 0;
}
