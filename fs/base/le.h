/* SPDX-License-Identifier: MIT */
/*
 * Little-endian integers as they lie on disk: byte arrays in a struct, so they have no alignment,
 * no padding and no arithmetic, and a getter of the wrong width does not compile.
 */
#ifndef BRAMBLE_BASE_LE_H
#define BRAMBLE_BASE_LE_H

#include <stdint.h>
#include <string.h>

typedef struct {
	uint8_t bytes[2];
} le16;

typedef struct {
	uint8_t bytes[4];
} le32;

typedef struct {
	uint8_t bytes[8];
} le64;

static inline uint16_t le16_get(le16 field)
{
	return (uint16_t)(field.bytes[0] | field.bytes[1] << 8);
}

static inline uint32_t le32_get(le32 field)
{
	return (uint32_t)field.bytes[0] | (uint32_t)field.bytes[1] << 8 |
	       (uint32_t)field.bytes[2] << 16 | (uint32_t)field.bytes[3] << 24;
}

static inline uint64_t le64_get(le64 field)
{
	uint64_t value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | field.bytes[i];
	return value;
}

static inline le16 le16_make(uint16_t value)
{
	return (le16){{(uint8_t)value, (uint8_t)(value >> 8)}};
}

static inline le32 le32_make(uint32_t value)
{
	le32 field;

	for (int i = 0; i < 4; i++)
		field.bytes[i] = (uint8_t)(value >> 8 * i);
	return field;
}

static inline le64 le64_make(uint64_t value)
{
	le64 field;

	for (int i = 0; i < 8; i++)
		field.bytes[i] = (uint8_t)(value >> 8 * i);
	return field;
}

/* The same numbers at any place in a buffer; the caller has checked that they lie inside it. */
static inline uint16_t le16_at(const void *p)
{
	le16 field;

	memcpy(&field, p, sizeof(field));
	return le16_get(field);
}

static inline uint32_t le32_at(const void *p)
{
	le32 field;

	memcpy(&field, p, sizeof(field));
	return le32_get(field);
}

static inline uint64_t le64_at(const void *p)
{
	le64 field;

	memcpy(&field, p, sizeof(field));
	return le64_get(field);
}

#endif
