/* SPDX-License-Identifier: MIT */
/*
 * Name hashes of indexed directories (Documentation/filesystems/ext4/directory.rst). Half MD4 is
 * MD4 (RFC 1320) with 8 instead of 16 words a round; TEA is Wheeler and Needham's block cipher used
 * as a compression function; the legacy hash is the first one ext3 had.
 */
#include "ext4/ext4_hash.h"

#include <errno.h>
#include <string.h>

#define TEA_DELTA 0x9e3779b9u
#define TEA_ROUNDS 16
#define MD4_ROUND2 0x5a827999u /* square root of 2 */
#define MD4_ROUND3 0x6ed9eba1u /* square root of 3 */
#define EOF_HASH 0xfffffffeu /* means the end of a directory and is given to no name */

static const uint32_t default_state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

static uint32_t rotate(uint32_t value, unsigned int bits)
{
	return value << bits | value >> (32 - bits);
}

/* A character as the machine that wrote the directory saw it, in 32-bit arithmetic. */
static uint32_t character(const char *name, size_t i, bool is_unsigned)
{
	return is_unsigned ? (uint32_t)(uint8_t)name[i] : (uint32_t)(int32_t)(signed char)name[i];
}

/* Packs up to 4 * @words characters, most significant first, filled up with the length. */
static void pack(const char *name, size_t len, bool is_unsigned, uint32_t *out, size_t words)
{
	uint32_t fill = (uint32_t)len | (uint32_t)len << 8;

	fill |= fill << 16;
	if (len > words * 4)
		len = words * 4;
	for (size_t word = 0; word < words; word++) {
		uint32_t value = fill;

		for (size_t i = word * 4; i < len && i < word * 4 + 4; i++)
			value = character(name, i, is_unsigned) + (value << 8);
		out[word] = value;
	}
}

static uint32_t legacy(const char *name, size_t len, bool is_unsigned)
{
	uint32_t current = 0x12a3fe2d, previous = 0x37abe8f9;

	for (size_t i = 0; i < len; i++) {
		uint32_t next = previous + (current ^ character(name, i, is_unsigned) * 7152373u);

		if (next & 0x80000000u)
			next -= 0x7fffffffu;
		previous = current;
		current = next;
	}
	return current << 1;
}

static void half_md4(uint32_t state[4], const uint32_t in[8])
{
	static const uint8_t order[3][8] = {
		{0, 1, 2, 3, 4, 5, 6, 7},
		{1, 3, 5, 7, 0, 2, 4, 6},
		{3, 7, 2, 6, 1, 5, 0, 4},
	};
	static const uint8_t shifts[3][4] = {{3, 7, 11, 19}, {3, 5, 9, 13}, {3, 9, 11, 15}};
	static const uint32_t added[3] = {0, MD4_ROUND2, MD4_ROUND3};
	uint32_t v[4] = {state[0], state[1], state[2], state[3]};

	for (int round = 0; round < 3; round++) {
		for (unsigned int step = 0; step < 8; step++) {
			unsigned int target = (4 - step % 4) % 4; /* a, d, c, b */
			uint32_t x = v[(target + 1) % 4];
			uint32_t y = v[(target + 2) % 4];
			uint32_t z = v[(target + 3) % 4];
			uint32_t mixed;

			if (round == 0)
				mixed = z ^ (x & (y ^ z));
			else if (round == 1)
				mixed = (x & y) + ((x ^ y) & z);
			else
				mixed = x ^ y ^ z;
			v[target] =
				rotate(v[target] + mixed + in[order[round][step]] + added[round],
				       shifts[round][step % 4]);
		}
	}
	for (int i = 0; i < 4; i++)
		state[i] += v[i];
}

static void tea(uint32_t state[4], const uint32_t key[4])
{
	uint32_t sum = 0;
	uint32_t left = state[0], right = state[1];

	for (int round = 0; round < TEA_ROUNDS; round++) {
		sum += TEA_DELTA;
		left += ((right << 4) + key[0]) ^ (right + sum) ^ ((right >> 5) + key[1]);
		right += ((left << 4) + key[2]) ^ (left + sum) ^ ((left >> 5) + key[3]);
	}
	state[0] += left;
	state[1] += right;
}

int ext4_hash_name(enum ext4_hash_version version, bool is_unsigned, const uint32_t seed[4],
		   const char *name, size_t len, struct ext4_hash *out)
{
	uint32_t state[4];
	uint32_t packed[8];

	memcpy(state, default_state, sizeof(state));
	if (seed[0] | seed[1] | seed[2] | seed[3])
		memcpy(state, seed, sizeof(state));
	switch (version) {
	case EXT4_HASH_LEGACY:
		out->major = legacy(name, len, is_unsigned);
		out->minor = 0;
		break;
	case EXT4_HASH_HALF_MD4:
		for (size_t at = 0; at < len; at += 32) {
			pack(name + at, len - at, is_unsigned, packed, 8);
			half_md4(state, packed);
		}
		out->major = state[1];
		out->minor = state[2];
		break;
	case EXT4_HASH_TEA:
		for (size_t at = 0; at < len; at += 16) {
			pack(name + at, len - at, is_unsigned, packed, 4);
			tea(state, packed);
		}
		out->major = state[0];
		out->minor = state[1];
		break;
	default:
		return -EINVAL;
	}
	out->major &= ~1u;
	if (out->major == EOF_HASH)
		out->major = EOF_HASH - 2;
	return 0;
}
