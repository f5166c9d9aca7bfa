/* SPDX-License-Identifier: MIT */
/*
 * Writes small journals into memory: a volume of 1 KiB blocks that holds one, for unit tests and
 * for the seeds of the fuzz target.
 */
#ifndef BRAMBLE_TEST_JOURNAL_BUILDER_H
#define BRAMBLE_TEST_JOURNAL_BUILDER_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/crc.h"
#include "ext4/jbd2_disk.h"

#define JB_BLOCK 1024u
#define JB_FS_BLOCKS 64u
#define JB_JOURNAL_AT 32u /* where the journal lies in the volume, backwards: see jb_place */
#define JB_JOURNAL_BLOCKS 20u

struct journal_builder {
	uint8_t volume[JB_FS_BLOCKS * JB_BLOCK];
	uint32_t compat, incompat;
	uint32_t at; /* next block of the log */
	uint32_t sequence; /* of the transaction that is being written */
	uint64_t seconds; /* its commit time */
	uint32_t sum_v1;
	uint32_t first, maxlen, last;
};

/* Journal block @n: in two runs, the second one before the first. */
static inline uint32_t jb_place(uint32_t n)
{
	return n < 8 ? JB_JOURNAL_AT + 12 + n : JB_JOURNAL_AT + n - 8;
}

static inline uint8_t *jb_block(struct journal_builder *b, uint32_t n)
{
	assert(n < JB_JOURNAL_BLOCKS);
	return b->volume + (size_t)jb_place(n) * JB_BLOCK;
}

static inline void jb_put32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

static inline bool jb_sums(const struct journal_builder *b)
{
	return b->incompat & (JBD2_INCOMPAT_CSUM_V2 | JBD2_INCOMPAT_CSUM_V3);
}

static inline uint32_t jb_seed(struct journal_builder *b)
{
	return crc32c(~0u, jb_block(b, 0) + 0x30, JBD2_UUID_SIZE);
}

/* Puts the checksum of a whole block at @hole. */
static inline void jb_sum(struct journal_builder *b, uint8_t *block, size_t hole)
{
	jb_put32(block + hole, 0);
	jb_put32(block + hole, crc32c(jb_seed(b), block, JB_BLOCK));
}

static inline void jb_superblock_sum(struct journal_builder *b)
{
	uint8_t *sb = jb_block(b, 0);

	jb_put32(sb + 0xfc, 0);
	jb_put32(sb + 0xfc, crc32c(~0u, sb, JBD2_SUPERBLOCK_SIZE));
}

/* Every block of the volume begins as its number, repeated. */
static inline void jb_start(struct journal_builder *b, uint32_t compat, uint32_t incompat,
			    uint32_t start, uint32_t sequence)
{
	uint8_t *sb;

	memset(b, 0, sizeof(*b));
	for (uint32_t i = 0; i < JB_FS_BLOCKS; i++)
		memset(b->volume + i * JB_BLOCK, (int)i, JB_BLOCK);
	b->compat = compat;
	b->incompat = incompat;
	b->first = 1;
	b->maxlen = JB_JOURNAL_BLOCKS;
	b->last = incompat & JBD2_INCOMPAT_FAST_COMMIT ? JB_JOURNAL_BLOCKS - 6 : b->maxlen;
	b->at = start;
	b->sequence = sequence;
	b->seconds = 1000;
	b->sum_v1 = ~0u;
	sb = jb_block(b, 0);
	memset(sb, 0, JB_BLOCK);
	jb_put32(sb + 0x00, JBD2_MAGIC);
	jb_put32(sb + 0x04, JBD2_SUPERBLOCK_V2);
	jb_put32(sb + 0x0c, JB_BLOCK);
	jb_put32(sb + 0x10, b->maxlen);
	jb_put32(sb + 0x14, b->first);
	jb_put32(sb + 0x18, sequence);
	jb_put32(sb + 0x1c, start);
	jb_put32(sb + 0x24, compat);
	jb_put32(sb + 0x28, incompat);
	memset(sb + 0x30, 0xab, JBD2_UUID_SIZE);
	if (jb_sums(b))
		sb[0x50] = JBD2_CHECKSUM_CRC32C;
	if (incompat & JBD2_INCOMPAT_FAST_COMMIT)
		jb_put32(sb + 0x54, 6);
	jb_superblock_sum(b);
}

/* The next block of the log, zeroed, with a header if @type is not 0. */
static inline uint8_t *jb_next(struct journal_builder *b, uint32_t type)
{
	uint8_t *block = jb_block(b, b->at);

	if (++b->at == b->last)
		b->at = b->first;
	memset(block, 0, JB_BLOCK);
	if (type) {
		jb_put32(block, JBD2_MAGIC);
		jb_put32(block + 4, type);
		jb_put32(block + 8, b->sequence);
	}
	return block;
}

struct jb_change {
	uint64_t block; /* of the volume */
	uint8_t fill; /* its new contents */
	bool escape; /* they begin with the journal's magic number */
};

/* One descriptor with its blocks; the first tag carries a UUID, as the kernel writes it. */
static inline uint8_t *jb_descriptor(struct journal_builder *b, const struct jb_change *changes,
				     size_t count)
{
	bool v2 = b->incompat & JBD2_INCOMPAT_CSUM_V2, v3 = b->incompat & JBD2_INCOMPAT_CSUM_V3;
	bool wide = b->incompat & JBD2_INCOMPAT_64BIT;
	uint8_t *descriptor = jb_next(b, JBD2_DESCRIPTOR), *tag = descriptor + 12;
	uint8_t *data[JB_JOURNAL_BLOCKS];
	uint8_t sequence[4];

	jb_put32(sequence, b->sequence);
	for (size_t i = 0; i < count; i++) {
		uint32_t flags = (i ? JBD2_TAG_SAME_UUID : 0) |
				 (i + 1 == count ? JBD2_TAG_LAST : 0) |
				 (changes[i].escape ? JBD2_TAG_ESCAPE : 0);
		uint32_t crc;

		data[i] = jb_next(b, 0);
		memset(data[i], changes[i].fill, JB_BLOCK);
		if (changes[i].escape)
			memset(data[i], 0, 4);
		crc = crc32c(crc32c(jb_seed(b), sequence, 4), data[i], JB_BLOCK);
		jb_put32(tag, (uint32_t)changes[i].block);
		if (v3) {
			jb_put32(tag + 4, flags);
			jb_put32(tag + 12, crc);
			if (wide)
				jb_put32(tag + 8, (uint32_t)(changes[i].block >> 32));
			tag += 16;
		} else {
			jb_put32(tag + 4, (v2 ? crc << 16 : 0) | flags);
			if (wide)
				jb_put32(tag + 8, (uint32_t)(changes[i].block >> 32));
			tag += 8 + (wide ? 4 : 0) + (v2 ? 2 : 0);
		}
		if (i == 0)
			tag += JBD2_UUID_SIZE;
	}
	if (jb_sums(b))
		jb_sum(b, descriptor, JB_BLOCK - 4);
	/* Version 1 sums up the finished descriptor before its blocks. */
	b->sum_v1 = crc32_be(b->sum_v1, descriptor, JB_BLOCK);
	for (size_t i = 0; i < count; i++)
		b->sum_v1 = crc32_be(b->sum_v1, data[i], JB_BLOCK);
	return descriptor;
}

static inline uint8_t *jb_revoke(struct journal_builder *b, const uint64_t *blocks, size_t count)
{
	bool wide = b->incompat & JBD2_INCOMPAT_64BIT;
	uint8_t *block = jb_next(b, JBD2_REVOKE), *p = block + 16;

	for (size_t i = 0; i < count; i++) {
		if (wide) {
			jb_put32(p, (uint32_t)(blocks[i] >> 32));
			p += 4;
		}
		jb_put32(p, (uint32_t)blocks[i]);
		p += 4;
	}
	jb_put32(block + 12, (uint32_t)(p - block));
	if (jb_sums(b))
		jb_sum(b, block, JB_BLOCK - 4);
	return block;
}

/* Ends the transaction. */
static inline uint8_t *jb_commit(struct journal_builder *b)
{
	uint8_t *block = jb_next(b, JBD2_COMMIT);

	jb_put32(block + 0x34, (uint32_t)b->seconds);
	if (b->compat & JBD2_COMPAT_CHECKSUM) {
		block[0x0c] = JBD2_CHECKSUM_CRC32;
		block[0x0d] = JBD2_CHECKSUM_CRC32_SIZE;
		jb_put32(block + 0x10, b->sum_v1);
	} else if (jb_sums(b)) {
		jb_sum(b, block, 0x10);
	}
	b->sum_v1 = ~0u;
	b->sequence++;
	b->seconds++;
	return block;
}

#endif
