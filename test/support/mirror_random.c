/* SPDX-License-Identifier: MIT */
/* Numbers and bytes that look random and follow from a seed. */
#include "support/mirror.h"

#include <string.h>

#include "base/checked.h"

static uint64_t state;

/* splitmix64 */
static uint64_t mix(uint64_t *at)
{
	uint64_t z = *at += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void mirror_seed(uint64_t seed)
{
	state = seed;
}

uint64_t mirror_draw(uint64_t below)
{
	return mix(&state) % below;
}

void mirror_fill(uint8_t *buf, size_t len, uint64_t seed)
{
	for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
		uint64_t word = mix(&seed);

		memcpy(buf + at, &word, min_u64(len - at, sizeof(word)));
	}
	/* a block of zeros now and then: who stores none of those must still read them */
	if (len >= 8192 && seed % 4 == 0)
		memset(buf + 4096, 0, 4096);
}

uint64_t mirror_hash(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len >= sizeof(uint64_t); len -= sizeof(uint64_t), p += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 29;
	}
	for (; len; len--)
		hash = (hash ^ *p++) * 0x100000001b3u;
	return hash ^ hash >> 32;
}
