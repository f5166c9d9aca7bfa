/* SPDX-License-Identifier: MIT */
/* Cryptographic hashes, by libsodium. */
#include "base/hash.h"

#include <assert.h>
#include <sodium.h>

#include "base/le.h"

static_assert(crypto_shorthash_KEYBYTES == HASH_SHORT_KEY_BYTES, "SipHash-2-4");
static_assert(crypto_shorthash_BYTES == sizeof(le64), "SipHash-2-4");

void hash_short_key_make(uint8_t key[HASH_SHORT_KEY_BYTES])
{
	randombytes_buf(key, HASH_SHORT_KEY_BYTES);
}

uint64_t hash_short(const uint8_t key[HASH_SHORT_KEY_BYTES], const void *data, size_t len)
{
	uint8_t out[crypto_shorthash_BYTES];

	crypto_shorthash(out, data, len, key);
	return le64_at(out);
}

void hash_sha256(const void *data, size_t len, uint8_t out[HASH_SHA256_BYTES])
{
	crypto_hash_sha256(out, data, len);
}
