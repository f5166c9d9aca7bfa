/* SPDX-License-Identifier: MIT */
/*
 * Directories, read entry by entry: short entries, the pieces of long names before them, and what
 * is hidden (labels, deleted entries, "." and "..").
 */
#include "fat/fat_dir.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf.h"
#include "fat/fat_name.h"

/* The pieces of a long name that were met so far. */
struct pieces {
	unsigned int count;
	unsigned int missing; /* that are still to come */
	uint8_t checksum;
	uint16_t units[FAT_PIECES_MAX * FAT_PIECE_UNITS];
};

int fat_dir_open(struct fat_volume *v, const struct fat_node *node, uint32_t slot,
		 struct fat_dir *dir)
{
	uint32_t shift = v->geo.cluster_shift;
	uint32_t clusters;

	if (!node->dir)
		return -ENOTDIR;
	dir->v = v;
	dir->fixed = node->root && v->geo.bits != 32;
	dir->damage = 0;
	dir->slot = slot;
	dir->buffer_slot = 0;
	dir->buffer_slots = 0;
	dir->cursor.start = node->start;
	dir->cursor.cluster = 0;
	dir->cursor.window.len = 0;
	if (dir->fixed) {
		dir->slots = v->geo.root_bytes / FAT_ENTRY_BYTES;
		return 0;
	}
	dir->damage = fat_chain_measure(
		v, node->start, (FAT_DIR_SLOTS_MAX * FAT_ENTRY_BYTES + (1u << shift) - 1) >> shift,
		&clusters);
	if (clusters == 0 || dir->damage == -EAGAIN)
		return dir->damage;
	dir->slots = clusters << (shift - 5);
	return 0;
}

/* How many of the bytes at @slot can be read at once; the cursor ends at the last cluster of them. */
static int find_run(struct fat_dir *dir, uint32_t slot, uint64_t *out_position, uint64_t *out_len)
{
	struct fat_volume *v = dir->v;
	uint64_t at = (uint64_t)slot * FAT_ENTRY_BYTES;
	uint32_t in = (uint32_t)(at & (v->geo.cluster_size - 1));
	uint64_t len;
	int err;

	if (dir->fixed) {
		*out_position = v->geo.root_start + at;
		*out_len = v->geo.root_bytes - at;
		return 0;
	}
	err = fat_chain_seek(v, &dir->cursor, (uint32_t)(at >> v->geo.cluster_shift));
	if (err)
		return err;
	*out_position = fat_cluster_position(&v->geo, dir->cursor.cluster) + in;
	len = v->geo.cluster_size - in;
	while (len < FAT_DIR_BUFFER && at + len < (uint64_t)dir->slots * FAT_ENTRY_BYTES) {
		uint32_t next;

		err = fat_table_next(v, &dir->cursor.window, dir->cursor.cluster, &next);
		if (err || next != dir->cursor.cluster + 1)
			break;
		dir->cursor.cluster = next;
		dir->cursor.index++;
		len += v->geo.cluster_size;
	}
	*out_len = len;
	return 0;
}

static int fill_buffer(struct fat_dir *dir)
{
	struct fat_volume *v = dir->v;
	uint64_t position, len;
	int err = find_run(dir, dir->slot, &position, &len);

	if (err)
		return err;
	len = min_u64(len, FAT_DIR_BUFFER);
	if (position < v->img->size)
		len = min_u64(len, (v->img->size - position) & ~(uint64_t)(FAT_ENTRY_BYTES - 1));
	if (len == 0)
		return -EIO;
	err = fat_read_at(v, dir->buffer, (size_t)len, position);
	if (err && err != -EAGAIN && len > v->geo.sector_size) {
		/* the sectors before one that is damaged are still readable */
		len = v->geo.sector_size - position % v->geo.sector_size;
		err = fat_read_at(v, dir->buffer, (size_t)len, position);
	}
	if (err)
		return err;
	dir->buffer_slot = dir->slot;
	dir->buffer_slots = (uint32_t)(len / FAT_ENTRY_BYTES);
	dir->buffer_position = position;
	return 0;
}

/* Takes the next slot: 1, or 0 at the end, or a negative errno. */
static int next_slot(struct fat_dir *dir, uint64_t *out_position, struct fat_disk_entry *out)
{
	uint32_t in;

	if (dir->slot >= dir->slots)
		return dir->damage < 0 ? dir->damage : 0;
	if (dir->slot < dir->buffer_slot || dir->slot - dir->buffer_slot >= dir->buffer_slots) {
		int err = fill_buffer(dir);

		if (err < 0)
			return err;
	}
	in = (dir->slot - dir->buffer_slot) * FAT_ENTRY_BYTES;
	memcpy(out, dir->buffer + in, sizeof(*out));
	if (out->name[0] == FAT_ENTRY_END) {
		/* damage behind the end mark concerns nobody */
		dir->slots = dir->slot;
		dir->damage = 0;
		return 0;
	}
	*out_position = dir->buffer_position + in;
	dir->slot++;
	return 1;
}

static bool is_dot(const struct fat_disk_entry *disk)
{
	return memcmp(disk->name, ".          ", 11) == 0 ||
	       memcmp(disk->name, "..         ", 11) == 0;
}

/* Whether this is the short entry of a file or directory. */
static bool is_node(const struct fat_disk_entry *disk)
{
	return disk->name[0] != FAT_ENTRY_END && disk->name[0] != FAT_ENTRY_DELETED &&
	       !(disk->attr & FAT_ATTR_LABEL) && !is_dot(disk);
}

static uint32_t entry_start(const struct fat_volume *v, const struct fat_disk_entry *disk)
{
	uint32_t start = le16_get(disk->start_low);

	if (v->geo.bits == 32)
		start |= (uint32_t)le16_get(disk->start_high) << 16;
	return start;
}

static void decode_node(const struct fat_volume *v, const struct fat_disk_entry *disk,
			uint64_t position, struct fat_node *out)
{
	out->id = position / FAT_ENTRY_BYTES;
	out->root = false;
	out->dir = disk->attr & FAT_ATTR_DIRECTORY;
	out->attr = disk->attr;
	out->create_10ms = disk->create_10ms;
	out->create_time = le16_get(disk->create_time);
	out->create_date = le16_get(disk->create_date);
	out->access_date = le16_get(disk->access_date);
	out->time = le16_get(disk->time);
	out->date = le16_get(disk->date);
	out->start = entry_start(v, disk);
	out->size = le32_get(disk->size);
}

static void take_piece(struct pieces *pieces, const struct fat_disk_entry *disk)
{
	struct fat_disk_piece piece;
	unsigned int number;
	uint16_t *to;

	memcpy(&piece, disk, sizeof(piece));
	number = piece.sequence & ~(unsigned int)FAT_PIECE_LAST;
	if (number == 0 || number > FAT_PIECES_MAX) {
		pieces->count = 0;
		return;
	}
	if (piece.sequence & FAT_PIECE_LAST) {
		pieces->count = number;
		pieces->missing = number;
		pieces->checksum = piece.checksum;
	}
	if (pieces->count == 0 || number != pieces->missing || piece.checksum != pieces->checksum) {
		pieces->count = 0;
		return;
	}
	pieces->missing--;
	to = pieces->units + pieces->missing * FAT_PIECE_UNITS;
	for (int i = 0; i < 5; i++)
		*to++ = le16_get(piece.name_1[i]);
	for (int i = 0; i < 6; i++)
		*to++ = le16_get(piece.name_2[i]);
	for (int i = 0; i < 2; i++)
		*to++ = le16_get(piece.name_3[i]);
}

/* Pieces that do not belong to the short entry behind them are left-overs: that has no long name. */
static void take_long_name(const struct pieces *pieces, struct fat_entry *entry)
{
	unsigned int units = 0;

	entry->long_units = 0;
	if (pieces->count == 0 || pieces->missing ||
	    pieces->checksum != fat_name_checksum(entry->short_name))
		return;
	while (units < pieces->count * FAT_PIECE_UNITS && pieces->units[units])
		units++;
	if (units > FAT_LONG_UNITS_MAX)
		return;
	memcpy(entry->long_name, pieces->units, units * sizeof(*pieces->units));
	entry->long_units = (uint16_t)units;
}

/*
 * A directory inside itself, or the root inside another, would make walks endless. Larger circles
 * are left to the walker, who meets the same ids again.
 */
static bool holds_itself(const struct fat_dir *dir, const struct fat_node *node)
{
	const struct fat_geometry *geo = &dir->v->geo;

	if (!node->dir || !fat_cluster_valid(geo, node->start) ||
	    (node->start != dir->cursor.start && node->start != geo->root_cluster))
		return false;
	fat_damaged(dir->v, node->id, "entry %llu names a directory above itself and is hidden",
		    (unsigned long long)node->id);
	return true;
}

int fat_dir_next(struct fat_dir *dir, struct fat_entry *out)
{
	struct pieces pieces;
	struct fat_disk_entry disk;
	uint64_t position = 0;
	int got;

	pieces.count = 0;
	while ((got = next_slot(dir, &position, &disk)) > 0) {
		if (disk.name[0] == FAT_ENTRY_DELETED) {
			pieces.count = 0;
		} else if (disk.attr == FAT_ATTR_LONG) {
			take_piece(&pieces, &disk);
		} else if (is_node(&disk)) {
			decode_node(dir->v, &disk, position, &out->node);
			if (holds_itself(dir, &out->node)) {
				pieces.count = 0;
				continue;
			}
			memcpy(out->short_name, disk.name, sizeof(out->short_name));
			out->case_flags = disk.case_flags;
			out->next_slot = dir->slot;
			take_long_name(&pieces, out);
			return 1;
		} else {
			pieces.count = 0;
		}
	}
	return got;
}

int fat_dir_count_dirs(struct fat_dir *dir, uint32_t *count)
{
	struct fat_disk_entry disk;
	uint64_t position;
	uint32_t found = 0;
	int got;

	while ((got = next_slot(dir, &position, &disk)) > 0)
		found += is_node(&disk) && disk.attr & FAT_ATTR_DIRECTORY;
	if (got == -EAGAIN)
		return got;
	*count += found;
	return 0;
}

int fat_dir_label(struct fat_dir *root, uint8_t out[11])
{
	struct fat_disk_entry disk = {0};
	uint64_t position;
	int got;

	while ((got = next_slot(root, &position, &disk)) > 0) {
		if (disk.name[0] != FAT_ENTRY_DELETED && disk.attr != FAT_ATTR_LONG &&
		    disk.attr & FAT_ATTR_LABEL && !(disk.attr & FAT_ATTR_DIRECTORY)) {
			memcpy(out, disk.name, 11);
			return 1;
		}
	}
	return got;
}

static size_t long_name(struct fat_volume *v, const struct fat_entry *entry,
			char out[TREE_NAME_MAX + 1])
{
	size_t len = utf16_to_utf8(entry->long_name, entry->long_units, out, TREE_NAME_MAX + 1);

	if (len && !fat_name_usable(out, len)) {
		fat_damaged(v, entry->node.id,
			    "the long name of entry %llu cannot be one, its short name is shown",
			    (unsigned long long)entry->node.id);
		return 0;
	}
	return len;
}

size_t fat_entry_name(struct fat_volume *v, const struct fat_entry *entry,
		      char out[TREE_NAME_MAX + 1])
{
	size_t len = entry->long_units ? long_name(v, entry, out) : 0;

	if (len)
		return len;
	len = fat_name_short(entry->short_name, entry->case_flags, out);
	if (len == 0)
		fat_damaged(v, entry->node.id, "entry %llu has no usable name and is hidden",
			    (unsigned long long)entry->node.id);
	return len;
}

bool fat_entry_matches(struct fat_volume *v, const struct fat_entry *entry, const char *name,
		       size_t len)
{
	char own[TREE_NAME_MAX + 1];
	size_t own_len = entry->long_units ? long_name(v, entry, own) : 0;

	if (own_len && utf8_equal_nocase(own, own_len, name, len))
		return true;
	own_len = fat_name_short(entry->short_name, entry->case_flags, own);
	return own_len && utf8_equal_nocase(own, own_len, name, len);
}

static bool holds_entries(const struct fat_geometry *geo, uint64_t position)
{
	uint64_t end = fat_cluster_position(geo, geo->cluster_end);

	if (position >= geo->root_start && position < geo->root_start + geo->root_bytes)
		return geo->bits != 32;
	return position >= geo->data_start && position < end;
}

static void describe_root(const struct fat_volume *v, struct fat_node *out)
{
	*out = (struct fat_node){
		.id = TREE_ROOT,
		.dir = true,
		.root = true,
		.attr = FAT_ATTR_DIRECTORY,
		.start = v->geo.root_cluster,
	};
}

int fat_node_read(struct fat_volume *v, uint64_t id, struct fat_node *out)
{
	struct fat_disk_entry disk;
	uint64_t position;
	int err;

	if (id == TREE_ROOT) {
		describe_root(v, out);
		return 0;
	}
	if (__builtin_mul_overflow(id, FAT_ENTRY_BYTES, &position) ||
	    !holds_entries(&v->geo, position))
		return -ESTALE;
	err = fat_read_at(v, &disk, sizeof(disk), position);
	if (err)
		return err;
	if (!is_node(&disk))
		return -ESTALE;
	decode_node(v, &disk, position, out);
	return 0;
}

int fat_node_parent_start(struct fat_volume *v, uint32_t start, uint32_t *out)
{
	struct fat_disk_entry disk;
	uint32_t parent;
	int err;

	if (!fat_cluster_valid(&v->geo, start))
		return fat_damaged(v, start, "a directory starts at cluster %u", start);
	err = fat_read_at(v, &disk, sizeof(disk),
			  fat_cluster_position(&v->geo, start) + FAT_ENTRY_BYTES);
	if (err)
		return err;
	if (memcmp(disk.name, "..         ", 11) != 0 || !(disk.attr & FAT_ATTR_DIRECTORY))
		return fat_damaged(v, start, "the directory at cluster %u has no \"..\"", start);
	parent = entry_start(v, &disk);
	if (parent == v->geo.root_cluster)
		parent = 0;
	*out = parent;
	return 0;
}
