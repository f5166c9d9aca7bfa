/* SPDX-License-Identifier: MIT */
/*
 * Block groups: where descriptors lie, what they say, and the sums that statfs wants. Descriptors
 * are read when they are needed; opening a volume reads none.
 */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "base/wait.h"

#define GROUPS_TO_COUNT (1u << 20)

/* So many groups that counting them one by one takes too long: 128 TiB, or a superblock that lies. */
static bool is_huge(const struct ext4 *fs)
{
	return fs->groups_count > GROUPS_TO_COUNT;
}

static bool is_power_of(uint32_t number, uint32_t base)
{
	while (number % base == 0)
		number /= base;
	return number == 1;
}

/* Whether @group starts with a copy of superblock and descriptors. */
static bool has_super(const struct ext4 *fs, uint32_t group)
{
	if (group == 0)
		return true;
	if (fs->compat & EXT4_COMPAT_SPARSE_SUPER2)
		return group == fs->backup_bgs[0] || group == fs->backup_bgs[1];
	if (group == 1 || !(fs->ro_compat & EXT4_RO_COMPAT_SPARSE_SUPER))
		return true;
	if (group % 2 == 0)
		return false;
	return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

static uint32_t groups_per_meta(const struct ext4 *fs)
{
	return fs->block_size / fs->desc_size;
}

/* The block that holds the descriptor of @group. */
static uint64_t descriptor_block(const struct ext4 *fs, uint32_t group)
{
	uint32_t meta = group / groups_per_meta(fs);
	uint32_t first = meta * groups_per_meta(fs);
	uint64_t block;

	/* the superblock lies 1024 bytes into the volume: in block 1 of 1 KiB, else in block 0 */
	if (!(fs->incompat & EXT4_INCOMPAT_META_BG) || meta < fs->first_meta_bg)
		return EXT4_SUPERBLOCK_OFFSET / fs->block_size + 1 + (uint64_t)meta;
	block = fs->first_data_block + (uint64_t)first * fs->blocks_per_group +
		has_super(fs, first);
	/* blocks of 1 KiB with clusters count from 0, and the superblock is not in the first */
	if (fs->block_size == 1024 && meta == 0 && fs->first_data_block == 0)
		block++;
	return block;
}

static uint16_t descriptor_checksum(const struct ext4 *fs, uint32_t group, const uint8_t *desc)
{
	const size_t at = offsetof(struct ext4_disk_group, checksum);
	const uint8_t zero[2] = {0};
	const uint8_t number[4] = {(uint8_t)group, (uint8_t)(group >> 8), (uint8_t)(group >> 16),
				   (uint8_t)(group >> 24)};
	size_t rest = fs->desc_size - at - sizeof(zero);

	if (ext4_has_csum(fs)) {
		uint32_t crc = crc32c(fs->csum_seed, number, sizeof(number));

		crc = crc32c(crc, desc, at);
		crc = crc32c(crc, zero, sizeof(zero));
		crc = crc32c(crc, desc + at + sizeof(zero), rest);
		return (uint16_t)crc;
	}
	uint16_t crc = crc16(0xffff, fs->uuid, sizeof(fs->uuid));

	crc = crc16(crc, number, sizeof(number));
	crc = crc16(crc, desc, at);
	if (fs->incompat & EXT4_INCOMPAT_64BIT)
		crc = crc16(crc, desc + at + sizeof(zero), rest);
	return crc;
}

/*
 * A wrong checksum of a descriptor is a warning, as in a read-only mount of the kernel
 * (ext4_check_descriptors): what it points to has checksums of its own.
 */
static int read_descriptor(struct ext4 *fs, uint32_t group, struct ext4_disk_group *out)
{
	uint8_t desc[EXT4_MAX_DESC_SIZE] = {0};
	uint32_t offset = group % groups_per_meta(fs) * fs->desc_size;
	int err;

	err = ext4_read_bytes(fs, descriptor_block(fs, group), offset, desc, fs->desc_size);
	if (err)
		return err;
	memcpy(out, desc, sizeof(*out));
	if (!(fs->ro_compat & (EXT4_RO_COMPAT_METADATA_CSUM | EXT4_RO_COMPAT_GDT_CSUM)))
		return 0;
	if (descriptor_checksum(fs, group, desc) != le16_get(out->checksum))
		log_warn("ext4: wrong checksum of the descriptor of group %u: read on", group);
	return 0;
}

static uint64_t wide(const struct ext4 *fs, uint64_t lo, uint64_t hi, unsigned int bits)
{
	return fs->incompat & EXT4_INCOMPAT_64BIT ? lo | hi << bits : lo;
}

int ext4_group_inode_table(struct ext4 *fs, uint32_t group, uint64_t *out_block)
{
	struct ext4_disk_group desc;
	uint64_t block = 0;
	int err;

	if (group >= fs->groups_count)
		return ext4_corrupt("group %u of %u", group, fs->groups_count);
	if (group < fs->group_cache_count)
		block = atomic_load_explicit(&fs->group_tables[group], memory_order_relaxed);
	if (block == 0) {
		err = read_descriptor(fs, group, &desc);
		if (err)
			return err;
		block = wide(fs, le32_get(desc.inode_table_lo), le32_get(desc.inode_table_hi), 32);
		if (block <= fs->first_data_block || block >= fs->blocks_count)
			return ext4_corrupt("inode table of group %u at block %llu", group,
					    (unsigned long long)block);
		if (group < fs->group_cache_count)
			atomic_store_explicit(&fs->group_tables[group], block,
					      memory_order_relaxed);
	}
	*out_block = block;
	return 0;
}

int ext4_group_inodes(struct ext4 *fs, uint32_t group, uint32_t *out_count)
{
	struct ext4_disk_group desc;
	uint64_t unused = 0;
	int err = read_descriptor(fs, group, &desc);

	if (err)
		return err;
	if (fs->ro_compat & (EXT4_RO_COMPAT_METADATA_CSUM | EXT4_RO_COMPAT_GDT_CSUM)) {
		unused = wide(fs, le16_get(desc.unused_inodes_lo), le16_get(desc.unused_inodes_hi),
			      16);
		if (le16_get(desc.flags) & EXT4_GROUP_INODE_UNINIT)
			unused = fs->inodes_per_group;
	}
	*out_count = fs->inodes_per_group - (uint32_t)min_u64(unused, fs->inodes_per_group);
	return 0;
}

/* Blocks of descriptors at the start of @group, as the kernel's ext4_bg_num_gdb counts them. */
static uint64_t descriptor_blocks(const struct ext4 *fs, uint32_t group)
{
	uint32_t per_meta = groups_per_meta(fs);
	uint32_t meta = group / per_meta;

	if ((fs->incompat & EXT4_INCOMPAT_META_BG) && meta >= fs->first_meta_bg) {
		uint32_t in_meta = group % per_meta;

		return in_meta == 0 || in_meta == 1 || in_meta == per_meta - 1;
	}
	if (!has_super(fs, group))
		return 0;
	if (fs->incompat & EXT4_INCOMPAT_META_BG)
		return fs->first_meta_bg;
	return div_round_up(fs->groups_count, per_meta);
}

/*
 * Blocks that can never hold data: the kernel's ext4_calculate_overhead. A journal that cannot be read
 * counts for nothing.
 */
static uint64_t count_overhead(struct ext4 *fs)
{
	uint64_t tables =
		div_round_up((uint64_t)fs->inodes_per_group * fs->inode_size, fs->block_size);
	uint64_t overhead = fs->first_data_block;
	struct ext4_inode journal;

	if (is_huge(fs))
		return min_u64(overhead + fs->groups_count * (tables + 2), fs->blocks_count);
	for (uint32_t group = 0; group < fs->groups_count; group++)
		overhead += has_super(fs, group) + descriptor_blocks(fs, group) + tables + 2;
	if ((fs->compat & EXT4_COMPAT_HAS_JOURNAL) && fs->journal_inode &&
	    ext4_inode_read(fs, fs->journal_inode, &journal, NULL) == 0)
		overhead += journal.size / fs->block_size;
	return min_u64(overhead, fs->blocks_count);
}

/* The counts in the superblock are not kept up while mounted: the descriptors' are. */
static int count_free(struct ext4 *fs)
{
	uint64_t clusters = 0, inodes = 0;

	if (is_huge(fs)) {
		clusters = fs->said_free_blocks >> fs->cluster_bits;
		inodes = fs->said_free_inodes;
	}
	for (uint32_t group = 0; group < fs->groups_count && !is_huge(fs); group++) {
		struct ext4_disk_group desc;
		int err = read_descriptor(fs, group, &desc);

		if (err)
			return err;
		clusters +=
			wide(fs, le16_get(desc.free_blocks_lo), le16_get(desc.free_blocks_hi), 16);
		inodes +=
			wide(fs, le16_get(desc.free_inodes_lo), le16_get(desc.free_inodes_hi), 16);
	}
	atomic_store(&fs->free_inodes, inodes + 1);
	atomic_store(&fs->free_clusters, clusters + 1);
	return 0;
}

/* The kernel keeps 2 % of the clusters, 4096 at most, for extents that must be split. */
static uint64_t kept_clusters(const struct ext4 *fs)
{
	if (!(fs->incompat & EXT4_INCOMPAT_EXTENTS))
		return 0;
	return min_u64((fs->blocks_count >> fs->cluster_bits) / 50, 4096);
}

int ext4_statfs(struct ext4 *fs, struct tree_statfs *out)
{
	uint64_t overhead = atomic_load(&fs->overhead_blocks);
	uint64_t free_blocks, kept;
	int err;

	/* counting reads every descriptor */
	if ((overhead == 0 || atomic_load(&fs->free_clusters) == 0) && !wait_allowed())
		return -EAGAIN;
	if (overhead == 0) {
		overhead = count_overhead(fs);
		atomic_store(&fs->overhead_blocks, overhead);
	}
	if (atomic_load(&fs->free_clusters) == 0) {
		err = count_free(fs);
		if (err)
			return err;
	}
	free_blocks = (atomic_load(&fs->free_clusters) - 1) << fs->cluster_bits;
	kept = fs->reserved_blocks + (kept_clusters(fs) << fs->cluster_bits);
	*out = (struct tree_statfs){
		.block_size = fs->block_size,
		.blocks = fs->blocks_count - overhead,
		.blocks_free = min_u64(free_blocks, fs->blocks_count),
		.files = fs->inodes_count,
		.files_free = min_u64(atomic_load(&fs->free_inodes) - 1, fs->inodes_count),
		.name_max = EXT4_NAME_MAX,
		.fsid = le64_at(fs->uuid) ^ le64_at(fs->uuid + 8),
	};
	if (out->blocks_free > kept)
		out->blocks_available = out->blocks_free - kept;
	return 0;
}

/*
 * Adds the block of descriptors that begins with that of @group. *@out_end: the image ends before.
 * @buf has room for a block.
 */
static int add_descriptors(const struct ext4 *fs, uint32_t group, uint8_t *buf, struct hash *hash,
			   bool *out_end)
{
	uint64_t block = descriptor_block(fs, group);
	int err = -ERANGE;

	/* blocks_count * block_size was checked not to wrap */
	if (block < fs->blocks_count)
		err = image_read_at(fs->img, buf, fs->block_size, block * fs->block_size);
	if (err == 0)
		hash_add(hash, buf, fs->block_size);
	*out_end = err == -ERANGE;
	return *out_end ? 0 : err;
}

int ext4_fingerprint(struct image *img, struct hash *hash)
{
	CLEANUP(freep) uint8_t *buf = NULL;
	struct ext4 fs = {.img = img, .nocheck = true};
	struct ext4_disk_superblock super;
	uint32_t groups;
	bool end = false;
	int err = ext4_super_load(&fs);

	if (err)
		return err;
	err = image_read_at(img, &super, sizeof(super), EXT4_SUPERBLOCK_OFFSET);
	if (err)
		return err;
	hash_add(hash, &super, sizeof(super));
	buf = malloc(fs.block_size);
	if (!buf)
		return -ENOMEM;
	groups = (uint32_t)min_u64(fs.groups_count, GROUPS_TO_COUNT);
	for (uint32_t group = 0; group < groups && !end; group += groups_per_meta(&fs)) {
		err = add_descriptors(&fs, group, buf, hash, &end);
		if (err)
			return err;
	}
	return 0;
}
