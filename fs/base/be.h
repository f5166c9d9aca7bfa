/* SPDX-License-Identifier: MIT */
/* Big-endian integers as they lie on disk (jbd2) and on the wire; see le.h for the idea. */
#ifndef BRAMBLE_BASE_BE_H
#define BRAMBLE_BASE_BE_H

#include <stdint.h>
#include <string.h>

typedef struct {
	uint8_t bytes[2];
} be16;

typedef struct {
	uint8_t bytes[4];
} be32;

typedef struct {
	uint8_t bytes[8];
} be64;

static inline uint16_t be16_get(be16 field)
{
	return (uint16_t)(field.bytes[0] << 8 | field.bytes[1]);
}

static inline uint32_t be32_get(be32 field)
{
	return (uint32_t)field.bytes[0] << 24 | (uint32_t)field.bytes[1] << 16 |
	       (uint32_t)field.bytes[2] << 8 | (uint32_t)field.bytes[3];
}

static inline be32 be32_make(uint32_t value)
{
	return (be32){{(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
		       (uint8_t)value}};
}

static inline uint64_t be64_get(be64 field)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | field.bytes[i];
	return value;
}

static inline be64 be64_make(uint64_t value)
{
	be64 field;

	for (int i = 0; i < 8; i++)
		field.bytes[i] = (uint8_t)(value >> 8 * (7 - i));
	return field;
}

static inline uint64_t be64_at(const void *p)
{
	be64 field;

	memcpy(&field, p, sizeof(field));
	return be64_get(field);
}

/* The same numbers at any place in a buffer; the caller has checked that they lie inside it. */
static inline uint32_t be32_at(const void *p)
{
	be32 field;

	memcpy(&field, p, sizeof(field));
	return be32_get(field);
}

#endif
