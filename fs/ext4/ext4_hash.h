/* SPDX-License-Identifier: MIT */
/* Private to the ext4 room: hashes of names in indexed directories. */
#ifndef BRAMBLE_EXT4_HASH_H
#define BRAMBLE_EXT4_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ext4_hash_version {
	EXT4_HASH_LEGACY = 0,
	EXT4_HASH_HALF_MD4 = 1,
	EXT4_HASH_TEA = 2,
	EXT4_HASH_SIPHASH = 6, /* of encrypted casefolded names; needs their key */
};

struct ext4_hash {
	uint32_t major; /* the lowest bit is 0 */
	uint32_t minor;
};

/*
 * Hashes @name as @version with @seed (all zeros: the default of the algorithm). @is_unsigned tells
 * whether characters above 127 count as positive. -EINVAL for a version that cannot be computed.
 */
int ext4_hash_name(enum ext4_hash_version version, bool is_unsigned, const uint32_t seed[4],
		   const char *name, size_t len, struct ext4_hash *out);

#endif
