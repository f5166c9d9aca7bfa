/* SPDX-License-Identifier: MIT */
/*
 * A journal of 1 KiB blocks and, behind its log, fast commits. Input: one byte of flags, then the
 * blocks of a volume, the first of which are the journal. Flag 1: checksums are put right, so that
 * changes get past them; flag 2: wrong ones are ignored. All that was found is then asked for.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/le.h"
#include "base/log.h"
#include "ext4/ext4_fastcommit.h"
#include "ext4/ext4_fc_disk.h"
#include "ext4/ext4_journal.h"
#include "ext4/jbd2_disk.h"

#define BLOCK 1024u
#define BLOCKS_MAX 64u
#define INODE_SIZE 256u
#define FLAG_SEAL 1
#define FLAG_NOCHECK 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void discard(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

struct volume {
	uint8_t *bytes;
	uint32_t blocks;
};

/* The even blocks, then the odd ones: as fragmented as can be. Block 0 is not part of it. */
static int map_block(void *ctx, uint64_t logical, uint64_t *out_physical, uint32_t *out_count)
{
	const struct volume *volume = ctx;
	uint64_t half = volume->blocks / 2;

	if (logical >= volume->blocks - 1)
		return -EUCLEAN;
	*out_physical = logical < half ? 1 + logical * 2 : (logical - half + 1) * 2;
	if (*out_physical >= volume->blocks)
		return -EUCLEAN;
	*out_count = 1;
	return 0;
}

static uint8_t *journal_block(const struct volume *volume, uint32_t number)
{
	uint64_t physical;
	uint32_t count;

	if (map_block((void *)(uintptr_t)volume, number, &physical, &count))
		return NULL;
	return volume->bytes + physical * BLOCK;
}

static void put_be32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

static void seal(uint8_t *block, uint32_t seed, size_t hole)
{
	put_be32(block + hole, 0);
	put_be32(block + hole, crc32c(seed, block, BLOCK));
}

/* The data behind a descriptor whose tags are of 16 bytes: the checksum of version 3. */
static void seal_data(const struct volume *volume, uint32_t seed, uint32_t number)
{
	uint8_t *descriptor = journal_block(volume, number);
	size_t offset = 12;

	while (offset + 16 <= BLOCK - 4) {
		uint32_t flags = be32_at(descriptor + offset + 4), crc;
		const uint8_t *block = journal_block(volume, ++number);

		if (!block)
			return;
		crc = crc32c(crc32c(seed, descriptor + 8, 4), block, BLOCK);
		put_be32(descriptor + offset + 12, crc);
		if (flags & JBD2_TAG_LAST)
			return;
		offset += 16 + (flags & JBD2_TAG_SAME_UUID ? 0 : JBD2_UUID_SIZE);
	}
}

static void seal_fast_commits(uint8_t *block, uint32_t *crc)
{
	size_t offset = 0;

	while (offset + 4 <= BLOCK) {
		uint16_t tag = le16_at(block + offset), len = le16_at(block + offset + 2);

		if (len > BLOCK - offset - 4)
			return;
		if (tag == EXT4_FC_TAIL && len >= 8) {
			uint32_t sum = crc32c(*crc, block + offset, 8);

			for (int i = 0; i < 4; i++)
				block[offset + 8 + (size_t)i] = (uint8_t)(sum >> (8 * i));
			*crc = 0;
		} else {
			*crc = crc32c(*crc, block + offset, 4 + (size_t)len);
		}
		offset += 4 + (size_t)len;
	}
}

static void put_checksums_right(const struct volume *volume)
{
	uint8_t *super = journal_block(volume, 0);
	uint32_t seed = crc32c(~0u, super + 0x30, JBD2_UUID_SIZE), fast_crc = 0;

	seal(super, ~0u, 0xfc);
	for (uint32_t i = 1; i < volume->blocks - 1; i++) {
		uint8_t *block = journal_block(volume, i);

		if (!block)
			return;
		if (be32_at(block) != JBD2_MAGIC) {
			seal_fast_commits(block, &fast_crc);
			continue;
		}
		if (be32_at(block + 4) == JBD2_DESCRIPTOR)
			seal_data(volume, seed, i);
		seal(block, seed, be32_at(block + 4) == JBD2_COMMIT ? 0x10 : BLOCK - 4);
	}
}

/* Inodes and names of the volume are made up from their numbers. */
static int read_inode(void *ctx, uint32_t number, uint8_t *raw)
{
	(void)ctx;
	memset(raw, 0, INODE_SIZE);
	raw[1] = number % 3 ? 0x81 : 0x41; /* a file or a directory */
	raw[0x1a] = number % 5 != 0;
	raw[0x22] = 0x08; /* extents */
	raw[0x23] = number % 7 == 0 ? 0x40 : 0x0; /* ignores case */
	raw[0x28] = 0x0a;
	raw[0x29] = 0xf3;
	return number % 11 ? 0 : -EBADMSG;
}

static int lookup(void *ctx, uint32_t dir, const char *name, size_t len, uint32_t *out_inode)
{
	(void)ctx;
	if (((uint8_t)name[0] + len + dir) % 2)
		return -ENOENT;
	*out_inode = 12 + (uint8_t)name[len - 1];
	return 0;
}

static void ask_about(const struct ext4_fc *fc, uint32_t number)
{
	struct ext4_fc_entry entry = {0};
	struct ext4_fc_range range;
	uint8_t raw[INODE_SIZE];
	uint32_t inode;

	read_inode(NULL, number, raw);
	ext4_fc_patch_inode(fc, number, raw);
	ext4_fc_new_dir(fc, number, &inode);
	for (uint64_t logical = 0;; logical += range.count) {
		ext4_fc_map(fc, number, logical, &range);
		if (range.kind != EXT4_FC_UNCHANGED && range.kind != EXT4_FC_HOLE &&
		    (range.count > BLOCKS_MAX || range.physical > BLOCKS_MAX - range.count))
			abort();
		if (range.count == 0)
			abort();
		if (range.kind == EXT4_FC_UNCHANGED && range.count > UINT32_MAX)
			break;
	}
	while (ext4_fc_next_entry(fc, number, entry.cookie, &entry)) {
		if (!ext4_fc_lookup(fc, number, entry.name, entry.name_len, &inode) ||
		    inode != entry.inode)
			abort();
	}
}

static void apply(struct ext4_fc_log *log)
{
	static const struct ext4_fc_base base = {
		.inode_size = INODE_SIZE,
		.inodes = 400,
		.first_inode = 11,
		.fs_blocks = BLOCKS_MAX,
		.read_inode = read_inode,
		.lookup = lookup,
	};
	struct ext4_fc *fc;

	if (ext4_fc_open(log, &base, &fc))
		return;
	for (uint32_t number = 0; number <= base.inodes; number++)
		ask_about(fc, number);
	ext4_fc_close(fc);
}

static void read_all(struct image *view, uint32_t blocks)
{
	uint8_t buf[3 * BLOCK];

	for (uint64_t at = 0; at + sizeof(buf) <= (uint64_t)blocks * BLOCK; at += 777) {
		if (image_read_at(view, buf, sizeof(buf), at))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ext4_journal_where where = {
		.block_size = BLOCK,
		.inode_size = INODE_SIZE,
		.map = map_block,
	};
	struct ext4_journal_replay done;
	struct volume volume;

	if (size < 1 + 4 * BLOCK || (size - 1) / BLOCK > BLOCKS_MAX)
		return 0;
	log_set_sink(discard, NULL);
	volume.blocks = (uint32_t)((size - 1) / BLOCK);
	volume.bytes = malloc((size_t)volume.blocks * BLOCK);
	if (!volume.bytes)
		return 0;
	memcpy(volume.bytes, data + 1, (size_t)volume.blocks * BLOCK);
	if (data[0] & FLAG_SEAL)
		put_checksums_right(&volume);
	where.ctx = &volume;
	where.fs_blocks = volume.blocks;
	where.journal_blocks = volume.blocks - 1;
	where.nocheck = data[0] & FLAG_NOCHECK;
	if (image_memory(volume.bytes, (size_t)volume.blocks * BLOCK, &where.img) == 0) {
		if (ext4_journal_open(&where, &done) == 0) {
			if (done.view)
				read_all(done.view, volume.blocks);
			if (done.fast_commits.bytes)
				apply(&done.fast_commits);
			ext4_journal_replay_finish(&done);
		}
		image_close(where.img);
	}
	free(volume.bytes);
	return 0;
}
