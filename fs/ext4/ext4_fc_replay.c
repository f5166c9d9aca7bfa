/* SPDX-License-Identifier: MIT */
/*
 * Fast commits applied: each record does to the list of differences what the kernel's replay
 * (fs/ext4/fast_commit.c, ext4_fc_replay_*) does to the volume. That includes what looks odd: a
 * directory made by a fast commit has one link, its parent's links do not change, and a link that
 * exists already is left as it is.
 */
#include "ext4/ext4_fastcommit.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/log.h"
#include "base/utf.h"
#include "ext4/ext4_fc_disk.h"
#include "ext4/ext4_fc_state.h"

#define ROOT_INODE 2u
#define MAX_EXTENT_LEN 32768u
#define MAX_LOGICAL UINT32_MAX /* no file has a block of this number */

struct replay {
	struct ext4_fc *fc;
	const struct ext4_fc_base *base;
	uint8_t *raw; /* one inode */
	uint32_t left_out;
};

/* One of CREAT, LINK and UNLINK. */
struct change {
	uint32_t dir;
	uint32_t inode;
	const uint8_t *name;
	uint8_t len;
};

static uint16_t record_len(const struct ext4_fc_log *log, size_t offset, uint16_t *out_tag)
{
	*out_tag = le16_at(log->bytes + offset);
	return le16_at(log->bytes + offset + 2);
}

static uint32_t count_records(const struct ext4_fc_log *log)
{
	uint32_t count = 0;
	uint16_t tag;

	for (size_t offset = 0; offset < log->len; count++)
		offset += sizeof(struct ext4_disk_fc_record) + record_len(log, offset, &tag);
	return count;
}

static void decode_state(struct fc_inode *inode, const uint8_t *raw)
{
	inode->mode = le16_at(raw + FC_INODE_MODE);
	inode->links = le16_at(raw + FC_INODE_LINKS);
	inode->flags = le32_at(raw + FC_INODE_FLAGS);
	inode->exists = inode->links != 0;
}

/* The inode's state, read from the volume when it is met first; NULL: no such number. */
static struct fc_inode *get_inode(struct replay *r, uint32_t number)
{
	struct fc_inode *inode = ext4_fc_find_inode(r->fc, number);
	uint32_t bucket;

	if (inode)
		return inode;
	if ((number != ROOT_INODE && number < r->base->first_inode) || number > r->base->inodes)
		return NULL;
	/* Room for two inodes of each record was made before. */
	inode = &r->fc->inodes[r->fc->inode_count++];
	inode->number = number;
	if (r->base->read_inode(r->base->ctx, number, r->raw) == 0) {
		decode_state(inode, r->raw);
		inode->base_has_extents = le16_at(r->raw + FC_INODE_MAP) == FC_EXTENT_MAGIC;
	}
	bucket = ext4_fc_hash(r->fc, number, NULL, 0);
	inode->next = r->fc->inode_buckets[bucket];
	r->fc->inode_buckets[bucket] = r->fc->inode_count;
	return inode;
}

static struct fc_inode *get_existing(struct replay *r, uint32_t number)
{
	struct fc_inode *inode = get_inode(r, number);

	return inode && inode->exists ? inode : NULL;
}

static struct fc_inode *get_dir(struct replay *r, uint32_t number)
{
	struct fc_inode *inode = get_existing(r, number);

	return inode && S_ISDIR(inode->mode) ? inode : NULL;
}

/* What names of @dir are compared by: @out_key is owned if it is not NULL. */
static int fold(const struct fc_inode *dir, const uint8_t *name, size_t len, char **out_key)
{
	int err;

	*out_key = NULL;
	if (!(dir->flags & FC_FLAG_CASEFOLD))
		return 0;
	err = utf8_casefold((const char *)name, len, out_key);
	return err == -EINVAL ? 0 : err;
}

/* The difference about a name of @dir, made if there is none: then it says what the volume says. */
static int get_name(struct replay *r, struct fc_inode *dir, const struct change *change,
		    struct fc_name **out)
{
	struct ext4_fc *fc = r->fc;
	struct fc_name *name;
	uint32_t bucket;
	size_t len;
	char *key;
	int err;

	err = fold(dir, change->name, change->len, &key);
	if (err)
		return err;
	len = key ? strlen(key) : change->len;
	name = ext4_fc_find_name(fc, dir->number, key ? key : (const char *)change->name, len);
	if (name) {
		free(key);
		*out = name;
		return 0;
	}
	name = &fc->names[fc->name_count++];
	name->dir = dir->number;
	name->name = change->name;
	name->name_len = change->len;
	name->key = key;
	name->key_len = len;
	bucket = ext4_fc_hash(fc, dir->number, key ? key : (const char *)change->name, len);
	name->next = fc->name_buckets[bucket];
	fc->name_buckets[bucket] = fc->name_count;
	if (dir->last_name)
		fc->names[dir->last_name - 1].next_of_dir = fc->name_count;
	else
		dir->first_name = fc->name_count;
	dir->last_name = fc->name_count;
	if (!dir->new_dir && r->base->lookup(r->base->ctx, dir->number, (const char *)change->name,
					     change->len, &name->inode) < 0)
		name->inode = 0;
	name->type = DT_UNKNOWN;
	*out = name;
	return 0;
}

/* Counts what the kernel would fail at; the rest is applied. */
static int leave_out(struct replay *r, const char *what, uint32_t number)
{
	if (r->left_out++ == 0)
		log_warn("ext4: journal: fast commit: %s of inode %u does not fit the volume, "
			 "left out",
			 what, number);
	return 0;
}

/* The kernel truncates and frees an inode that lost its last name. */
static void drop_inode(struct fc_inode *inode)
{
	inode->exists = false;
	inode->last_op = 0;
	inode->emptied = true;
	inode->map = NULL;
}

static void set_links(struct fc_inode *inode, uint16_t links)
{
	inode->links = links;
	inode->links_changed = true;
	if (links == 0)
		drop_inode(inode);
}

static int replay_unlink(struct replay *r, const struct change *change)
{
	struct fc_inode *inode = get_existing(r, change->inode);
	struct fc_inode *dir = get_dir(r, change->dir);
	struct fc_name *name;
	int err;

	if (!inode || !dir)
		return 0;
	err = get_name(r, dir, change, &name);
	if (err || name->inode == 0)
		return err;
	/* The name may be another file's by now; the link that was removed still counts. */
	if (name->inode == change->inode)
		name->inode = 0;
	set_links(inode, (uint16_t)(inode->links - 1));
	return 0;
}

static int add_name(struct replay *r, const struct change *change, struct fc_inode *inode)
{
	struct fc_inode *dir = get_dir(r, change->dir);
	struct fc_name *name;
	int err;

	if (!dir)
		return 0;
	err = get_name(r, dir, change, &name);
	if (err || name->inode)
		return err;
	name->inode = inode->number;
	name->type = (uint8_t)IFTODT(inode->mode);
	/* A name that differs in case only may have been removed before. */
	name->name = change->name;
	name->name_len = change->len;
	set_links(inode, (uint16_t)(inode->links + (inode->links < UINT16_MAX)));
	return 0;
}

static int replay_link(struct replay *r, const struct change *change)
{
	struct fc_inode *inode = get_existing(r, change->inode);

	return inode ? add_name(r, change, inode) : 0;
}

static void make_dir(struct replay *r, struct fc_inode *inode, uint32_t parent)
{
	inode->new_dir = true;
	inode->parent = parent;
	for (uint32_t i = inode->first_name; i; i = r->fc->names[i - 1].next_of_dir)
		r->fc->names[i - 1].inode = 0;
}

static int replay_create(struct replay *r, const struct change *change)
{
	struct fc_inode *inode = get_existing(r, change->inode);
	int err;

	if (!inode)
		return leave_out(r, "a new name", change->inode);
	if (S_ISDIR(inode->mode)) {
		if (!get_dir(r, change->dir))
			return 0;
		make_dir(r, inode, change->dir);
	}
	err = add_name(r, change, inode);
	if (!err)
		set_links(inode, 1);
	return err;
}

/*
 * The inode's bytes but for its block map, which only ranges change. A shorter record leaves the
 * end of a longer one before it in place.
 */
static void take_bytes(struct fc_inode *inode, uint8_t *raw, size_t len)
{
	if (len >= inode->record_len) {
		inode->record = raw;
		inode->record_len = len;
		return;
	}
	memcpy(inode->record, raw, FC_INODE_MAP);
	memcpy(inode->record + FC_INODE_GENERATION, raw + FC_INODE_GENERATION,
	       len - FC_INODE_GENERATION);
}

static bool map_is_extents(const struct fc_inode *inode)
{
	if (inode->emptied)
		return true;
	return inode->map ? le16_at(inode->map) == FC_EXTENT_MAGIC : inode->base_has_extents;
}

static int replay_inode(struct replay *r, uint8_t *value, size_t len)
{
	uint32_t number = le32_at(value);
	struct fc_inode *inode = get_inode(r, number);
	uint8_t *raw = value + sizeof(struct ext4_disk_fc_inode);

	/* the log may have brought a superblock with smaller inodes than the scan knew */
	if (!inode || len - sizeof(struct ext4_disk_fc_inode) > r->base->inode_size)
		return leave_out(r, "the contents", number);
	/* only an empty directory may begin or cease to ignore case: its names are folded or not */
	if (inode->first_name &&
	    ((le32_at(raw + FC_INODE_FLAGS) ^ inode->flags) & FC_FLAG_CASEFOLD))
		return leave_out(r, "the change of case", number);
	decode_state(inode, raw);
	inode->links_changed = false;
	take_bytes(inode, raw, len - sizeof(struct ext4_disk_fc_inode));
	if (inode->flags & FC_FLAG_EXTENTS) {
		if (!map_is_extents(inode))
			inode->emptied = true;
	} else if (inode->flags & FC_FLAG_INLINE_DATA) {
		inode->map = raw + FC_INODE_MAP;
		inode->emptied = false;
	}
	return 0;
}

static int take_range(struct replay *r, uint32_t number, const struct fc_range *range)
{
	struct fc_inode *inode = get_existing(r, number);
	struct fc_range *op;

	/* The kernel changes extent trees only. */
	if (!inode || !(inode->flags & FC_FLAG_EXTENTS) || range->logical == range->end)
		return 0;
	if (range->end > MAX_LOGICAL ||
	    (range->kind != EXT4_FC_HOLE &&
	     (range->physical == 0 ||
	      !range_fits(range->physical, range->end - range->logical, r->base->fs_blocks))))
		return leave_out(r, "a range", number);
	op = &r->fc->ops[r->fc->op_count++];
	*op = *range;
	op->next = inode->last_op;
	inode->last_op = r->fc->op_count;
	return 0;
}

static int replay_add_range(struct replay *r, const uint8_t *value)
{
	struct ext4_disk_fc_add_range disk;
	struct fc_range range = {.kind = EXT4_FC_MAPPED};
	uint32_t len;

	memcpy(&disk, value, sizeof(disk));
	len = le16_get(disk.len);
	if (len > MAX_EXTENT_LEN) {
		len -= MAX_EXTENT_LEN;
		range.kind = EXT4_FC_UNWRITTEN;
	}
	range.logical = le32_get(disk.logical);
	range.end = range.logical + len;
	range.physical = (uint64_t)le16_get(disk.physical_high) << 32 | le32_get(disk.physical_low);
	return take_range(r, le32_get(disk.inode), &range);
}

static int replay_del_range(struct replay *r, const uint8_t *value)
{
	struct ext4_disk_fc_del_range disk;
	struct fc_range range = {.kind = EXT4_FC_HOLE};

	memcpy(&disk, value, sizeof(disk));
	range.logical = le32_get(disk.logical);
	range.end = min_u64(range.logical + le32_get(disk.len), MAX_LOGICAL);
	return take_range(r, le32_get(disk.inode), &range);
}

static int replay_record(struct replay *r, uint16_t tag, uint8_t *value, size_t len)
{
	struct ext4_disk_fc_name disk;
	struct change change;

	switch (tag) {
	case EXT4_FC_ADD_RANGE:
		return replay_add_range(r, value);
	case EXT4_FC_DEL_RANGE:
		return replay_del_range(r, value);
	case EXT4_FC_INODE:
		return replay_inode(r, value, len);
	default:
		break;
	}
	memcpy(&disk, value, sizeof(disk));
	change.dir = le32_get(disk.dir);
	change.inode = le32_get(disk.inode);
	change.name = value + sizeof(disk);
	change.len = (uint8_t)(len - sizeof(disk));
	if (tag == EXT4_FC_CREAT)
		return replay_create(r, &change);
	return tag == EXT4_FC_LINK ? replay_link(r, &change) : replay_unlink(r, &change);
}

static int replay_all(struct replay *r)
{
	const struct ext4_fc_log *log = &r->fc->log;
	size_t offset = 0;

	while (offset < log->len) {
		uint16_t tag, len = record_len(log, offset, &tag);
		uint8_t *value = log->bytes + offset + sizeof(struct ext4_disk_fc_record);
		int err = replay_record(r, tag, value, len);

		if (err)
			return err;
		offset += sizeof(struct ext4_disk_fc_record) + len;
	}
	if (r->left_out > 1)
		log_warn("ext4: journal: fast commits: %u records left out", r->left_out);
	return ext4_fc_sort_ranges(r->fc);
}

static int make_tables(struct ext4_fc *fc)
{
	uint32_t records = count_records(&fc->log);

	fc->buckets = 16;
	while (fc->buckets < records)
		fc->buckets *= 2;
	fc->inode_buckets = calloc(fc->buckets, sizeof(*fc->inode_buckets));
	fc->name_buckets = calloc(fc->buckets, sizeof(*fc->name_buckets));
	fc->inodes = calloc((size_t)records * 2, sizeof(*fc->inodes));
	fc->names = calloc(records, sizeof(*fc->names));
	fc->ops = calloc(records, sizeof(*fc->ops));
	return fc->inode_buckets && fc->name_buckets && fc->inodes && fc->names && fc->ops
		       ? 0
		       : -ENOMEM;
}

int ext4_fc_open(struct ext4_fc_log *log, const struct ext4_fc_base *base, struct ext4_fc **out)
{
	struct replay r = {.base = base};
	int err;

	r.fc = calloc(1, sizeof(*r.fc));
	r.raw = malloc(base->inode_size);
	if (!r.fc || !r.raw) {
		free(r.fc);
		free(r.raw);
		free(log->bytes);
		*log = (struct ext4_fc_log){0};
		return -ENOMEM;
	}
	r.fc->log = *log;
	*log = (struct ext4_fc_log){0};
	r.fc->inode_size = base->inode_size;
	err = make_tables(r.fc);
	if (!err)
		err = replay_all(&r);
	free(r.raw);
	if (err) {
		ext4_fc_close(r.fc);
		return err;
	}
	*out = r.fc;
	return 0;
}
