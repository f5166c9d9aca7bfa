/* SPDX-License-Identifier: MIT */
/* Makes FAT volumes in memory, right or wrong byte by byte, for unit tests. */
#ifndef BRAMBLE_TEST_FAT_MAKER_H
#define BRAMBLE_TEST_FAT_MAKER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fat/fat_disk.h"
#include "fat/fat_name.h"

#define MAKER_SECTOR 512u

struct maker {
	uint8_t *data;
	size_t size;
	unsigned int bits;
	uint32_t cluster_size;
	uint32_t fat_start;
	uint32_t fat_bytes;
	uint32_t root_start; /* FAT12, FAT16: 32 entries; FAT32: cluster 2 */
	uint32_t data_start;
};

static inline void maker_put16(struct maker *m, size_t at, uint32_t value)
{
	m->data[at] = (uint8_t)value;
	m->data[at + 1] = (uint8_t)(value >> 8);
}

static inline void maker_put32(struct maker *m, size_t at, uint32_t value)
{
	maker_put16(m, at, value & 0xffff);
	maker_put16(m, at + 2, value >> 16);
}

static inline uint32_t maker_cluster(const struct maker *m, uint32_t cluster)
{
	return m->data_start + (cluster - 2) * m->cluster_size;
}

/* Sets entry @index of the first FAT. */
static inline void maker_link(struct maker *m, uint32_t index, uint32_t value)
{
	size_t at = m->fat_start;

	if (m->bits == 12) {
		at += index + index / 2;
		if (index & 1)
			maker_put16(m, at, (m->data[at] & 0xfu) | value << 4);
		else
			maker_put16(m, at, (m->data[at + 1] & 0xf0u) << 8 | (value & 0xfff));
	} else if (m->bits == 16) {
		maker_put16(m, at + index * 2, value);
	} else {
		maker_put32(m, at + index * 4, value);
	}
}

/* Clusters @first to @last in a row, then the end. */
static inline void maker_chain(struct maker *m, uint32_t first, uint32_t last)
{
	for (; first < last; first++)
		maker_link(m, first, first + 1);
	maker_link(m, last, 0x0fffffff);
}

/* One FAT, sectors of 512 bytes, root of 32 entries or at cluster 2, boot signature and serial. */
static inline void maker_start(struct maker *m, unsigned int bits, uint32_t cluster_sectors,
			       uint32_t clusters)
{
	uint32_t fat_sectors = ((clusters + 2) * bits / 8 + MAKER_SECTOR) / MAKER_SECTOR;
	uint32_t sectors = 1 + fat_sectors + (bits == 32 ? 0 : 2) + clusters * cluster_sectors;
	size_t ext = bits == 32 ? 0x42 : 0x26;

	m->bits = bits;
	m->size = (size_t)sectors * MAKER_SECTOR;
	m->data = calloc(1, m->size);
	if (!m->data)
		abort();
	m->cluster_size = cluster_sectors * MAKER_SECTOR;
	m->fat_start = MAKER_SECTOR;
	m->fat_bytes = fat_sectors * MAKER_SECTOR;
	m->root_start = m->fat_start + m->fat_bytes;
	m->data_start = m->root_start + (bits == 32 ? 0 : 2 * MAKER_SECTOR);
	m->data[0] = 0xeb;
	maker_put16(m, 0x0b, MAKER_SECTOR);
	m->data[0x0d] = (uint8_t)cluster_sectors;
	maker_put16(m, 0x0e, 1);
	m->data[0x10] = 1;
	maker_put16(m, 0x11, bits == 32 ? 0 : 32);
	m->data[0x15] = 0xf8;
	maker_put16(m, 0x16, bits == 32 ? 0 : fat_sectors);
	maker_put32(m, 0x20, sectors);
	m->data[ext] = 0x29;
	maker_put32(m, ext + 1, 0x1234abcd);
	memcpy(m->data + ext + 5, "NO NAME    ", 11);
	maker_put16(m, 0x1fe, 0xaa55);
	maker_link(m, 0, 0x0ffffff8);
	maker_link(m, 1, 0x0fffffff);
	if (bits == 32) {
		maker_put32(m, 0x24, fat_sectors);
		maker_put32(m, 0x2c, 2);
		maker_link(m, 2, 0x0fffffff);
	}
}

/* Writes a short entry at byte @at and returns the byte behind it. */
static inline uint32_t maker_short(struct maker *m, uint32_t at, const char *name, uint8_t attr,
				   uint32_t start, uint32_t size)
{
	memset(m->data + at, 0, 32);
	memcpy(m->data + at, name, 11);
	m->data[at + 11] = attr;
	maker_put16(m, at + 0x14, m->bits == 32 ? start >> 16 : 0);
	maker_put16(m, at + 0x1a, start & 0xffff);
	maker_put32(m, at + 0x1c, size);
	return at + 32;
}

/* Writes the pieces of a long name for the short name @name and returns the byte behind them. */
static inline uint32_t maker_long(struct maker *m, uint32_t at, const uint16_t *units,
				  unsigned int count, const char *name)
{
	static const uint8_t places[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	unsigned int pieces = (count + 12) / 13;

	for (unsigned int piece = pieces; piece > 0; piece--, at += 32) {
		memset(m->data + at, 0, 32);
		m->data[at] = (uint8_t)(piece | (piece == pieces ? 0x40 : 0));
		m->data[at + 11] = 0x0f;
		m->data[at + 13] = fat_name_checksum((const uint8_t *)name);
		for (unsigned int i = 0; i < 13; i++) {
			unsigned int unit = (piece - 1) * 13 + i;

			maker_put16(m, at + places[i],
				    unit < count    ? units[unit]
				    : unit == count ? 0
						    : 0xffffu);
		}
	}
	return at;
}

/* Writes the "." and ".." of the directory at @cluster. */
static inline void maker_dots(struct maker *m, uint32_t cluster, uint32_t parent)
{
	uint32_t at = maker_cluster(m, cluster);

	at = maker_short(m, at, ".          ", 0x10, cluster, 0);
	maker_short(m, at, "..         ", 0x10, parent, 0);
}

#endif
