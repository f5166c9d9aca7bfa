/* SPDX-License-Identifier: MIT */
/*
 * Which attributes no inode has at all. ls -l asks every file for its ACL and its SELinux label; a
 * front end that knows there are none can say once that they are not supported, as a file system
 * without them does. The inode tables are read through once, up to the last inode in use.
 */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/wait.h"

#define READ_MAX_BYTES (128u << 20) /* more would take too long */
#define GROUPS_MAX 65536u
#define CHUNK_BYTES 65536u

#define CENSUS_STARTED 0x1u
#define CENSUS_DONE 0x2u /* without it the rest says nothing */
#define CENSUS_FOUND(i) (0x4u << (i)) /* the name of this index is there */

static const char *const names[] = {
	"system.posix_acl_access",
	"system.posix_acl_default",
	"security.selinux",
};

static bool has_xattr_block(const uint8_t *raw)
{
	return le32_at(raw + offsetof(struct ext4_disk_inode, file_acl_lo)) ||
	       le16_at(raw + offsetof(struct ext4_disk_inode, file_acl_hi));
}

static bool may_have_xattrs(const struct ext4 *fs, const uint8_t *raw)
{
	struct ext4_disk_inode disk = {0};
	uint32_t extra;

	memcpy(&disk, raw, min_u64(sizeof(disk), fs->inode_size));
	if (le16_get(disk.links_count) == 0)
		return false;
	if (has_xattr_block(raw))
		return true;
	if (fs->inode_size == EXT4_GOOD_OLD_INODE_SIZE)
		return false;
	extra = EXT4_GOOD_OLD_INODE_SIZE + le16_get(disk.extra_isize);
	return extra + 4 <= fs->inode_size && le32_at(raw + extra) == EXT4_XATTR_MAGIC;
}

/* The names that this inode has; an inode that cannot be read could have any. */
static uint32_t names_of(struct ext4 *fs, uint32_t number, char *list)
{
	ssize_t len = ext4_xattr_list(fs, number, list, TREE_XATTR_MAX);
	uint32_t found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (len < 0)
			found |= CENSUS_FOUND(i);
		for (ssize_t at = 0; at < len; at += (ssize_t)strlen(list + at) + 1) {
			if (strcmp(list + at, names[i]) == 0)
				found |= CENSUS_FOUND(i);
		}
	}
	return found;
}

static int count_group(struct ext4 *fs, uint32_t group, uint8_t *chunk, char *list,
		       uint64_t *budget, uint32_t *found)
{
	uint32_t inodes, done = 0;
	uint64_t table;
	int err = ext4_group_inodes(fs, group, &inodes);

	if (err == 0 && inodes)
		err = ext4_group_inode_table(fs, group, &table);
	while (err == 0 && done < inodes) {
		uint32_t part = (uint32_t)min_u64(inodes - done, CHUNK_BYTES / fs->inode_size);
		uint64_t byte = (uint64_t)done * fs->inode_size;
		size_t len = (size_t)part * fs->inode_size;

		if (len > *budget)
			return -EFBIG;
		*budget -= len;
		err = ext4_read_bytes(fs, table + byte / fs->block_size,
				      (uint32_t)(byte % fs->block_size), chunk, len);
		for (uint32_t i = 0; err == 0 && i < part; i++) {
			uint32_t number = group * fs->inodes_per_group + done + i + 1;

			const uint8_t *raw = chunk + (size_t)i * fs->inode_size;

			if (!may_have_xattrs(fs, raw))
				continue;
			/* small tables can have very many inodes that share one large block */
			len = has_xattr_block(raw) ? fs->block_size : 0;
			if (len > *budget)
				return -EFBIG;
			*budget -= len;
			*found |= names_of(fs, number, list);
		}
		done += part;
	}
	return err;
}

static void count(struct ext4 *fs)
{
	CLEANUP(freep) uint8_t *chunk = malloc(CHUNK_BYTES);
	CLEANUP(freep) char *list = malloc(TREE_XATTR_MAX);
	uint64_t budget = READ_MAX_BYTES;
	uint32_t found = 0;

	if (!chunk || !list || fs->groups_count > GROUPS_MAX)
		return;
	for (uint32_t group = 0; group < fs->groups_count; group++) {
		if (count_group(fs, group, chunk, list, &budget, &found))
			return;
	}
	atomic_store(&fs->xattr_census, CENSUS_STARTED | CENSUS_DONE | found);
}

bool ext4_xattr_lacks(struct ext4 *fs, const char *name)
{
	uint32_t census = 0;

	/* a fast commit may bring inodes that the tables do not have */
	if (fs->fast)
		return false;
	/* whoever may not wait has to ask again */
	if (!wait_allowed() && !(atomic_load(&fs->xattr_census) & CENSUS_DONE))
		return false;
	if (atomic_compare_exchange_strong(&fs->xattr_census, &census, CENSUS_STARTED))
		count(fs);
	census = atomic_load(&fs->xattr_census);
	if (!(census & CENSUS_DONE))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return !(census & CENSUS_FOUND(i));
	}
	return false;
}
