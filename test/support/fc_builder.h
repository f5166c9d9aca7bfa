/* SPDX-License-Identifier: MIT */
/* Writes fast commit records into blocks in memory, for unit tests and fuzz seeds. */
#ifndef BRAMBLE_TEST_FC_BUILDER_H
#define BRAMBLE_TEST_FC_BUILDER_H

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/crc.h"
#include "ext4/ext4_fc_disk.h"

struct fc_builder {
	uint8_t *block;
	uint32_t block_size;
	uint32_t at;
	uint32_t crc;
	uint32_t tid;
};

static inline void fb_put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

static inline void fb_put32(uint8_t *p, uint32_t value)
{
	fb_put16(p, value);
	fb_put16(p + 2, value >> 16);
}

static inline void fb_start(struct fc_builder *b, uint8_t *block, uint32_t block_size, uint32_t tid)
{
	memset(block, 0, block_size);
	*b = (struct fc_builder){.block = block, .block_size = block_size, .tid = tid};
}

/* Goes on in another block; the one before is padded. */
static inline void fb_next_block(struct fc_builder *b, uint8_t *block)
{
	uint32_t rest = b->block_size - b->at;

	if (rest >= 4) {
		fb_put16(b->block + b->at, EXT4_FC_PAD);
		fb_put16(b->block + b->at + 2, rest - 4);
		b->crc = crc32c(b->crc, b->block + b->at, rest);
	}
	memset(block, 0, b->block_size);
	b->block = block;
	b->at = 0;
}

static inline void fb_record(struct fc_builder *b, uint16_t tag, const void *value, uint32_t len)
{
	uint8_t *p = b->block + b->at;

	assert(4 + len <= b->block_size - b->at);
	fb_put16(p, tag);
	fb_put16(p + 2, len);
	memcpy(p + 4, value, len);
	b->crc = crc32c(b->crc, p, 4 + len);
	b->at += 4 + len;
}

static inline void fb_head(struct fc_builder *b)
{
	uint8_t value[8] = {0};

	fb_put32(value + 4, b->tid);
	fb_record(b, EXT4_FC_HEAD, value, sizeof(value));
}

/* Ends the commit and the block. */
static inline void fb_tail(struct fc_builder *b)
{
	uint8_t *p = b->block + b->at;

	fb_put16(p, EXT4_FC_TAIL);
	fb_put16(p + 2, b->block_size - b->at - 4);
	fb_put32(p + 4, b->tid);
	b->crc = crc32c(b->crc, p, 8);
	fb_put32(p + 8, b->crc);
	b->crc = 0;
	b->at = b->block_size;
}

static inline void fb_name(struct fc_builder *b, uint16_t tag, uint32_t dir, uint32_t inode,
			   const char *name)
{
	uint8_t value[8 + 255];

	fb_put32(value, dir);
	fb_put32(value + 4, inode);
	memcpy(value + 8, name, strlen(name));
	fb_record(b, tag, value, 8 + (uint32_t)strlen(name));
}

static inline void fb_add_range(struct fc_builder *b, uint32_t inode, uint32_t logical,
				uint32_t len, uint64_t physical)
{
	uint8_t value[16];

	fb_put32(value, inode);
	fb_put32(value + 4, logical);
	fb_put16(value + 8, len);
	fb_put16(value + 10, (uint32_t)(physical >> 32));
	fb_put32(value + 12, (uint32_t)physical);
	fb_record(b, EXT4_FC_ADD_RANGE, value, sizeof(value));
}

static inline void fb_del_range(struct fc_builder *b, uint32_t inode, uint32_t logical,
				uint32_t len)
{
	uint8_t value[12];

	fb_put32(value, inode);
	fb_put32(value + 4, logical);
	fb_put32(value + 8, len);
	fb_record(b, EXT4_FC_DEL_RANGE, value, sizeof(value));
}

/* An inode of @len bytes, each of them @fill but for the fields given. */
static inline void fb_inode(struct fc_builder *b, uint32_t inode, uint32_t mode, uint32_t links,
			    uint32_t flags, uint8_t fill, uint32_t len)
{
	uint8_t value[4 + 256];

	memset(value, fill, sizeof(value));
	fb_put32(value, inode);
	fb_put16(value + 4, mode);
	fb_put16(value + 4 + 0x1a, links);
	fb_put32(value + 4 + 0x20, flags);
	fb_record(b, EXT4_FC_INODE, value, 4 + len);
}

#endif
