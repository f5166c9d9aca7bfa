/* SPDX-License-Identifier: MIT */
/*
 * Which records of the fast commit area are valid. As in the kernel, records count when a tail with
 * the right transaction and checksum follows them. A first fast commit without such a tail makes
 * the kernel refuse the volume; it was never acknowledged to anybody, so it is left out here.
 */
#include "ext4/ext4_fastcommit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "base/log.h"
#include "ext4/ext4_fc_disk.h"

#define NAME_MAX_BYTES 255u
#define INODE_MIN_BYTES 128u

/* The usual 256 blocks at their largest: what is made of the records is several times as large. */
#define LOG_MAX_BYTES (16u << 20)

#define SCAN_ENDS 1

static bool len_is_valid(const struct ext4_fc_scan *scan, uint16_t tag, size_t len)
{
	switch (tag) {
	case EXT4_FC_ADD_RANGE:
		return len == sizeof(struct ext4_disk_fc_add_range);
	case EXT4_FC_DEL_RANGE:
		return len == sizeof(struct ext4_disk_fc_del_range);
	case EXT4_FC_CREAT:
	case EXT4_FC_LINK:
	case EXT4_FC_UNLINK:
		return len > sizeof(struct ext4_disk_fc_name) &&
		       len - sizeof(struct ext4_disk_fc_name) <= NAME_MAX_BYTES;
	case EXT4_FC_INODE:
		return len >= sizeof(struct ext4_disk_fc_inode) + INODE_MIN_BYTES &&
		       len - sizeof(struct ext4_disk_fc_inode) <= scan->inode_size;
	case EXT4_FC_PAD:
		return true;
	case EXT4_FC_TAIL:
		return len >= sizeof(struct ext4_disk_fc_tail);
	case EXT4_FC_HEAD:
		return len == sizeof(struct ext4_disk_fc_head);
	default:
		return false;
	}
}

static int keep(struct ext4_fc_scan *scan, const uint8_t *record, size_t len)
{
	if (len > LOG_MAX_BYTES - scan->log.len) {
		log_error("ext4: journal: fast commits of more than %u bytes", LOG_MAX_BYTES);
		return -EFBIG;
	}
	if (scan->room - scan->log.len < len) {
		size_t room = max_u64(scan->room * 2, scan->log.len + len);
		uint8_t *bytes = realloc(scan->log.bytes, room);

		if (!bytes)
			return -ENOMEM;
		scan->log.bytes = bytes;
		scan->room = room;
	}
	memcpy(scan->log.bytes + scan->log.len, record, len);
	scan->log.len += len;
	return 0;
}

static int take_head(const struct ext4_fc_scan *scan, const uint8_t *value)
{
	struct ext4_disk_fc_head head;

	memcpy(&head, value, sizeof(head));
	if (le32_get(head.features)) {
		log_error("ext4: journal: fast commits with unknown features 0x%x",
			  le32_get(head.features));
		return -EOPNOTSUPP;
	}
	/* Those of an older transaction stay until the area is used again. */
	return le32_get(head.tid) == scan->tid ? 0 : SCAN_ENDS;
}

static int take_tail(struct ext4_fc_scan *scan, const uint8_t *record)
{
	struct ext4_disk_fc_tail tail;
	uint32_t crc;

	memcpy(&tail, record + sizeof(struct ext4_disk_fc_record), sizeof(tail));
	crc = crc32c(scan->crc, record,
		     sizeof(struct ext4_disk_fc_record) + offsetof(struct ext4_disk_fc_tail, crc));
	if (le32_get(tail.tid) != scan->tid || le32_get(tail.crc) != crc)
		return SCAN_ENDS;
	scan->complete = scan->log.len;
	scan->crc = 0;
	return 0;
}

static int take_record(struct ext4_fc_scan *scan, uint16_t tag, const uint8_t *record, size_t len)
{
	int err = 0;

	switch (tag) {
	case EXT4_FC_TAIL:
		return take_tail(scan, record);
	case EXT4_FC_HEAD:
		err = take_head(scan, record + sizeof(struct ext4_disk_fc_record));
		break;
	case EXT4_FC_PAD:
		break;
	default:
		err = keep(scan, record, len);
		break;
	}
	if (err)
		return err;
	scan->crc = crc32c(scan->crc, record, len);
	return 0;
}

int ext4_fc_scan_block(struct ext4_fc_scan *scan, const uint8_t *block, uint32_t block_size)
{
	const size_t header = sizeof(struct ext4_disk_fc_record);
	size_t offset = 0;

	if (!scan->started && le16_at(block) != EXT4_FC_HEAD)
		return SCAN_ENDS;
	scan->started = true;
	while (block_size - offset >= header) {
		uint16_t tag = le16_at(block + offset);
		size_t len = le16_at(block + offset + 2);
		int err;

		if (len > block_size - offset - header || !len_is_valid(scan, tag, len))
			return SCAN_ENDS;
		err = take_record(scan, tag, block + offset, header + len);
		if (err)
			return err;
		offset += header + len;
	}
	return 0;
}

void ext4_fc_scan_end(struct ext4_fc_scan *scan, struct ext4_fc_log *out)
{
	if (scan->complete == 0) {
		if (scan->log.len)
			log_warn("ext4: journal: the fast commit of transaction %u is incomplete, "
				 "it is left out",
				 scan->tid);
		free(scan->log.bytes);
		*out = (struct ext4_fc_log){0};
	} else {
		*out = (struct ext4_fc_log){scan->log.bytes, scan->complete};
	}
	memset(scan, 0, sizeof(*scan));
}
