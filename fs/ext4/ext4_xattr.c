/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes: in the inode behind its fields, in one block that inodes may share, and
 * large values in inodes of their own (Documentation/filesystems/ext4/attributes.rst).
 */
#include "ext4/ext4_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "ext4/ext4_acl.h"

/* A place that holds attributes: entries from the front, values from the back. */
struct region {
	const uint8_t *entries;
	size_t entries_size; /* bytes from the first entry to the end */
	const uint8_t *values; /* what value offsets count from */
	size_t values_size;
};

struct attribute {
	uint8_t index;
	const char *name;
	size_t name_len;
	uint32_t value_inode;
	uint32_t value_size;
	uint16_t value_offset;
	const uint8_t *value; /* if value_inode is 0 */
};

/* Prefixes that the kernel shows; an attribute of any other index is hidden. */
static const struct {
	uint8_t index;
	bool whole; /* the prefix is the whole name */
	const char *prefix;
} prefixes[] = {
	{EXT4_XATTR_USER, false, "user."},
	{EXT4_XATTR_ACL_ACCESS, true, "system.posix_acl_access"},
	{EXT4_XATTR_ACL_DEFAULT, true, "system.posix_acl_default"},
	{EXT4_XATTR_TRUSTED, false, "trusted."},
	{EXT4_XATTR_SECURITY, false, "security."},
};

/* The last entry is followed by four zero bytes. */
static bool at_end(const struct region *region, size_t at)
{
	return le32_at(region->entries + at) == 0;
}

/* Decodes the entry at *@at, but for its value, and moves on: 1, 0 at the end, -EUCLEAN. */
static int next_attribute(const struct region *region, size_t *at, struct attribute *out)
{
	struct ext4_disk_xattr_entry disk;
	size_t size;

	if (region->entries_size - *at < 4)
		return -EUCLEAN;
	if (at_end(region, *at))
		return 0;
	if (region->entries_size - *at < sizeof(disk))
		return -EUCLEAN;
	memcpy(&disk, region->entries + *at, sizeof(disk));
	size = (sizeof(disk) + disk.name_len + 3u) & ~(size_t)3;
	/* the end mark must still fit behind it */
	if (!range_fits(*at, size + 4, region->entries_size))
		return -EUCLEAN;
	out->index = disk.name_index;
	out->name = (const char *)region->entries + *at + sizeof(disk);
	out->name_len = disk.name_len;
	if (memchr(out->name, '\0', out->name_len))
		return -EUCLEAN;
	out->value_inode = le32_get(disk.value_inode);
	out->value_size = le32_get(disk.value_size);
	out->value_offset = le16_get(disk.value_offset);
	out->value = NULL;
	*at += size;
	return 1;
}

/* Values, filled up to four bytes, lie in the region and behind all names, which end at @names_end. */
static bool value_is_sound(const struct region *region, size_t names_end,
			   const struct attribute *attribute)
{
	uint64_t padded = ((uint64_t)attribute->value_size + 3) & ~UINT64_C(3);

	if (attribute->value_inode)
		return attribute->value_size != 0;
	if (attribute->value_size == 0)
		return true;
	return range_fits(attribute->value_offset, padded, region->values_size) &&
	       region->values + attribute->value_offset >= region->entries + names_end;
}

/* All entries are checked before one is believed: 0 or -EUCLEAN. */
static int check_region(const struct region *region)
{
	struct attribute attribute;
	size_t names_end = 0, at = 0;
	int more;

	while ((more = next_attribute(region, &names_end, &attribute)) > 0)
		;
	if (more < 0)
		return more;
	names_end += 4; /* the end mark */
	while (next_attribute(region, &at, &attribute) > 0) {
		if (!value_is_sound(region, names_end, &attribute))
			return -EUCLEAN;
	}
	return 0;
}

/* Calls @take for each attribute until it returns not 0, which is returned; else 0 or -EUCLEAN. */
static int each_attribute(const struct region *region,
			  int (*take)(void *ctx, const struct attribute *attribute), void *ctx)
{
	struct attribute attribute;
	size_t at = 0;
	int err = check_region(region), stop;

	if (err)
		return err;
	while (next_attribute(region, &at, &attribute) > 0) {
		if (attribute.value_inode == 0)
			attribute.value = region->values +
					  (attribute.value_size ? attribute.value_offset : 0);
		stop = take(ctx, &attribute);
		if (stop)
			return stop;
	}
	return 0;
}

/* The attributes behind the inode's fields: false where there is no room or no magic number. */
static bool inode_region(const struct ext4 *fs, const struct ext4_inode *inode, const uint8_t *raw,
			 struct region *out)
{
	size_t start = inode->extra_start;

	if (fs->inode_size == EXT4_GOOD_OLD_INODE_SIZE || fs->inode_size - start < 8 ||
	    start == EXT4_GOOD_OLD_INODE_SIZE || le32_at(raw + start) != EXT4_XATTR_MAGIC)
		return false;
	out->entries = raw + start + 4;
	out->entries_size = fs->inode_size - start - 4;
	out->values = out->entries;
	out->values_size = out->entries_size;
	return true;
}

int ext4_xattr_check_inode(const struct ext4 *fs, struct ext4_inode *inode, const uint8_t *raw)
{
	struct region region;
	bool inside = inode_region(fs, inode, raw, &region);

	if (inside && check_region(&region))
		return ext4_corrupt("attributes in inode %u", inode->number);
	inode->has_xattrs = inside || inode->xattr_block;
	return 0;
}

static int check_block_checksum(const struct ext4 *fs, uint64_t number, const uint8_t *block)
{
	const size_t at = offsetof(struct ext4_disk_xattr_block, checksum);
	const uint8_t zero[4] = {0};
	uint8_t le_number[8];
	uint32_t crc;

	if (!ext4_has_csum(fs))
		return 0;
	for (int i = 0; i < 8; i++)
		le_number[i] = (uint8_t)(number >> (8 * i));
	crc = crc32c(fs->csum_seed, le_number, sizeof(le_number));
	crc = crc32c(crc, block, at);
	crc = crc32c(crc, zero, sizeof(zero));
	crc = crc32c(crc, block + at + sizeof(zero), fs->block_size - at - sizeof(zero));
	if (crc != le32_at(block + at))
		return ext4_bad_checksum(fs, "attribute block %llu", (unsigned long long)number);
	return 0;
}

static int read_block_region(struct ext4 *fs, uint64_t number, uint8_t *block, struct region *out)
{
	struct ext4_disk_xattr_block head;
	int err = ext4_read_block(fs, number, block);

	if (err)
		return err;
	memcpy(&head, block, sizeof(head));
	if (le32_get(head.magic) != EXT4_XATTR_MAGIC || le32_get(head.blocks) != 1)
		return ext4_corrupt("attribute block %llu has no header",
				    (unsigned long long)number);
	err = check_block_checksum(fs, number, block);
	if (err)
		return err;
	*out = (struct region){
		.entries = block + sizeof(head),
		.entries_size = fs->block_size - sizeof(head),
		.values = block,
		.values_size = fs->block_size,
	};
	return 0;
}

/* Calls @take for each attribute of the inode, in the inode first. */
static int each_of_inode(struct ext4 *fs, const struct ext4_inode *inode, const uint8_t *raw,
			 int (*take)(void *ctx, const struct attribute *attribute), void *ctx)
{
	CLEANUP(freep) uint8_t *block = NULL;
	struct region region;
	int err;

	if (inode_region(fs, inode, raw, &region)) {
		err = each_attribute(&region, take, ctx);
		if (err == -EUCLEAN)
			return ext4_corrupt("attributes in inode %u", inode->number);
		if (err)
			return err;
	}
	if (inode->xattr_block == 0)
		return 0;
	block = malloc(fs->block_size);
	if (!block)
		return -ENOMEM;
	err = read_block_region(fs, inode->xattr_block, block, &region);
	if (err)
		return err;
	err = each_attribute(&region, take, ctx);
	if (err == -EUCLEAN)
		return ext4_corrupt("attributes in block %llu of inode %u",
				    (unsigned long long)inode->xattr_block, inode->number);
	return err;
}

/* A value in an inode of its own, whose atime field holds the value's checksum. */
static int read_value_inode(struct ext4 *fs, const struct attribute *attribute, uint32_t owner,
			    uint8_t *value)
{
	struct ext4_inode inode;
	ssize_t n;
	int err = ext4_inode_read(fs, attribute->value_inode, &inode, NULL);

	if (err)
		return err;
	if (!(inode.flags & EXT4_FL_EA_INODE) || inode.size != attribute->value_size)
		return ext4_corrupt("inode %u is no attribute of %u bytes", inode.number,
				    attribute->value_size);
	n = ext4_file_read(fs, &inode, value, attribute->value_size, 0);
	if (n < 0)
		return (int)n;
	/* the oldest form has the owner's number in mtime and no checksum */
	if (crc32c(fs->csum_seed, value, attribute->value_size) != inode.atime_seconds &&
	    (uint32_t)inode.mtime.tv_sec != owner)
		return ext4_corrupt("checksum of the attribute in inode %u", inode.number);
	return 0;
}

struct find {
	struct ext4 *fs;
	uint32_t inode;
	const char *name;
	void *buf;
	size_t size;
	ssize_t result;
};

static bool has_name(const struct attribute *attribute, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i].prefix);

		if (prefixes[i].index != attribute->index)
			continue;
		if (prefixes[i].whole)
			return strcmp(name, prefixes[i].prefix) == 0;
		return strncmp(name, prefixes[i].prefix, len) == 0 &&
		       strlen(name + len) == attribute->name_len &&
		       memcmp(name + len, attribute->name, attribute->name_len) == 0;
	}
	return false;
}

static ssize_t put_value(const struct find *find, uint8_t index, const uint8_t *value, size_t len)
{
	if (index == EXT4_XATTR_ACL_ACCESS || index == EXT4_XATTR_ACL_DEFAULT)
		return ext4_acl_to_xattr(value, len, find->buf, find->size);
	if (find->size == 0)
		return (ssize_t)len;
	if (len > find->size)
		return -ERANGE;
	memcpy(find->buf, value, len);
	return (ssize_t)len;
}

static ssize_t get_value(const struct find *find, const struct attribute *attribute)
{
	CLEANUP(freep) uint8_t *value = NULL;
	int err;

	if (attribute->value_inode == 0)
		return put_value(find, attribute->index, attribute->value, attribute->value_size);
	if (attribute->value_size > TREE_XATTR_MAX)
		return -E2BIG;
	value = malloc(attribute->value_size + 1u);
	if (!value)
		return -ENOMEM;
	err = read_value_inode(find->fs, attribute, find->inode, value);
	if (err)
		return err;
	return put_value(find, attribute->index, value, attribute->value_size);
}

static int find_one(void *ctx, const struct attribute *attribute)
{
	struct find *find = ctx;

	if (!has_name(attribute, find->name))
		return 0;
	find->result = get_value(find, attribute);
	return 1;
}

/* *@out_raw stays NULL where there are none: most inodes are known by then, and have none. */
static int read_with_xattrs(struct ext4 *fs, uint32_t number, struct ext4_inode *inode,
			    uint8_t **out_raw)
{
	int err = ext4_inode_read(fs, number, inode, NULL);

	if (err || !inode->has_xattrs)
		return err;
	return ext4_inode_read(fs, number, inode, out_raw);
}

ssize_t ext4_xattr_get(struct ext4 *fs, uint32_t number, const char *name, void *buf, size_t size)
{
	CLEANUP(freep) uint8_t *raw = NULL;
	struct find find = {.fs = fs,
			    .inode = number,
			    .name = name,
			    .buf = buf,
			    .size = size,
			    .result = -ENODATA};
	struct ext4_inode inode;
	int err = read_with_xattrs(fs, number, &inode, &raw);

	if (err || !raw)
		return err ? err : -ENODATA;
	err = each_of_inode(fs, &inode, raw, find_one, &find);
	return err < 0 ? err : find.result;
}

struct list {
	char *buf;
	size_t size;
	size_t used;
};

static int list_one(void *ctx, const struct attribute *attribute)
{
	struct list *list = ctx;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t prefix_len = strlen(prefixes[i].prefix);
		size_t name_len = prefixes[i].whole ? 0 : attribute->name_len;

		if (prefixes[i].index != attribute->index)
			continue;
		if (list->size) {
			if (prefix_len + name_len + 1 > list->size - list->used)
				return -ERANGE;
			memcpy(list->buf + list->used, prefixes[i].prefix, prefix_len);
			memcpy(list->buf + list->used + prefix_len, attribute->name, name_len);
			list->buf[list->used + prefix_len + name_len] = '\0';
		}
		list->used += prefix_len + name_len + 1;
	}
	return 0;
}

ssize_t ext4_xattr_list(struct ext4 *fs, uint32_t number, char *buf, size_t size)
{
	CLEANUP(freep) uint8_t *raw = NULL;
	struct list list = {.buf = buf, .size = size};
	struct ext4_inode inode;
	int err = read_with_xattrs(fs, number, &inode, &raw);

	if (err || !raw)
		return err;
	err = each_of_inode(fs, &inode, raw, list_one, &list);
	return err < 0 ? err : (ssize_t)list.used;
}

static int find_inline_data(void *ctx, const struct attribute *attribute)
{
	static const char name[] = "data";

	if (attribute->index != EXT4_XATTR_SYSTEM || attribute->name_len != sizeof(name) - 1 ||
	    memcmp(attribute->name, name, sizeof(name) - 1) != 0 || attribute->value_inode)
		return 0;
	*(struct attribute *)ctx = *attribute;
	return 1;
}

int ext4_xattr_inline_data(const struct ext4 *fs, const struct ext4_inode *inode,
			   const uint8_t *raw, const uint8_t **out, size_t *out_len)
{
	struct attribute found = {0};
	struct region region;
	int err;

	if (!inode_region(fs, inode, raw, &region))
		return -ENODATA;
	err = each_attribute(&region, find_inline_data, &found);
	if (err < 0)
		return ext4_corrupt("attributes in inode %u", inode->number);
	if (err == 0)
		return -ENODATA;
	*out = found.value;
	*out_len = found.value_size;
	return 0;
}
