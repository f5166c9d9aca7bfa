/* SPDX-License-Identifier: MIT */
/*
 * Table-driven checksums; CRC-32C takes the SSE4.2 instruction where there is one, since
 * it is computed over every metadata block that is read.
 */
#include "base/crc.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLY_CRC32C 0x82f63b78u
#define POLY_CRC32 0xedb88320u
#define POLY_CRC32_BE 0x04c11db7u
#define POLY_CRC16 0xa001u
#define SLICES 8

static uint32_t table_crc32c[SLICES][256];
static uint32_t table_crc32[256];
static uint32_t table_crc32_be[256];
static uint16_t table_crc16[256];
static bool have_instruction;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static uint32_t reflected_step(uint32_t value, uint32_t poly)
{
	for (int bit = 0; bit < 8; bit++)
		value = value >> 1 ^ (value & 1 ? poly : 0);
	return value;
}

static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t high = i << 24;

		table_crc32c[0][i] = reflected_step(i, POLY_CRC32C);
		table_crc32[i] = reflected_step(i, POLY_CRC32);
		table_crc16[i] = (uint16_t)reflected_step(i, POLY_CRC16);
		for (int bit = 0; bit < 8; bit++)
			high = high << 1 ^ (high & 0x80000000u ? POLY_CRC32_BE : 0);
		table_crc32_be[i] = high;
	}
	for (int slice = 1; slice < SLICES; slice++) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t previous = table_crc32c[slice - 1][i];

			table_crc32c[slice][i] = previous >> 8 ^ table_crc32c[0][previous & 0xff];
		}
	}
#ifdef __x86_64__
	have_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *p,
								     size_t len)
{
	uint64_t wide = crc;

	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; len; len--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}
#else
static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *p, size_t len)
{
	(void)p;
	(void)len;
	return crc;
}
#endif

static uint32_t crc32c_tables(uint32_t crc, const uint8_t *p, size_t len)
{
	for (; len >= SLICES; len -= SLICES, p += SLICES) {
		uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				      (uint32_t)p[3] << 24);

		crc = table_crc32c[7][low & 0xff] ^ table_crc32c[6][low >> 8 & 0xff] ^
		      table_crc32c[5][low >> 16 & 0xff] ^ table_crc32c[4][low >> 24] ^
		      table_crc32c[3][p[4]] ^ table_crc32c[2][p[5]] ^ table_crc32c[1][p[6]] ^
		      table_crc32c[0][p[7]];
	}
	for (; len; len--)
		crc = crc >> 8 ^ table_crc32c[0][(crc ^ *p++) & 0xff];
	return crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	pthread_once(&tables_once, make_tables);
	return have_instruction ? crc32c_instruction(crc, data, len)
				: crc32c_tables(crc, data, len);
}

uint32_t crc32(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = ~0u;

	pthread_once(&tables_once, make_tables);
	for (; len; len--)
		crc = crc >> 8 ^ table_crc32[(crc ^ *p++) & 0xff];
	return ~crc;
}

uint32_t crc32_be(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	pthread_once(&tables_once, make_tables);
	for (; len; len--)
		crc = crc << 8 ^ table_crc32_be[crc >> 24 ^ *p++];
	return crc;
}

uint16_t crc16(uint16_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	pthread_once(&tables_once, make_tables);
	for (; len; len--)
		crc = (uint16_t)(crc >> 8 ^ table_crc16[(crc ^ *p++) & 0xff]);
	return crc;
}
