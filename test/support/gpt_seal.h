/* SPDX-License-Identifier: MIT */
/* Puts right checksums into a GPT in memory, for tests that change one and for the fuzz target. */
#ifndef BRAMBLE_TEST_GPT_SEAL_H
#define BRAMBLE_TEST_GPT_SEAL_H

#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "base/le.h"

static inline void gpt_put32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

static inline void gpt_put64(uint8_t *p, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

/* Seals the header at @lba as far as its numbers lie inside [@disk, @disk + @size). */
static inline void gpt_seal(uint8_t *disk, size_t size, uint64_t lba, uint32_t sector_size)
{
	uint64_t entries, bytes;
	uint32_t header_size;
	uint8_t *header;

	if (lba >= size / sector_size)
		return;
	header = disk + lba * sector_size;
	header_size = le32_at(header + 0x0c);
	entries = le64_at(header + 0x48);
	bytes = (uint64_t)le32_at(header + 0x50) * le32_at(header + 0x54);
	if (entries < size / sector_size && range_fits(entries * sector_size, bytes, size))
		gpt_put32(header + 0x58, crc32(disk + entries * sector_size, bytes));
	if (header_size > sector_size)
		return;
	gpt_put32(header + 0x10, 0);
	gpt_put32(header + 0x10, crc32(header, header_size));
}

#endif
