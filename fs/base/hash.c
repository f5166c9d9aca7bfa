/* SPDX-License-Identifier: MIT */
/* Cryptographic hashes, by libsodium. */
#include "base/hash.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "base/le.h"

static_assert(crypto_shorthash_KEYBYTES == HASH_SHORT_KEY_BYTES, "SipHash-2-4");
static_assert(crypto_shorthash_BYTES == sizeof(le64), "SipHash-2-4");
static_assert(crypto_shorthash_siphashx24_BYTES == HASH_SEAL_BYTES, "SipHash-2-4-128");
static_assert(crypto_shorthash_siphashx24_KEYBYTES == HASH_SHORT_KEY_BYTES, "SipHash-2-4-128");
static_assert(sizeof(crypto_generichash_state) <= sizeof(struct hash), "BLAKE2b");
static_assert(_Alignof(crypto_generichash_state) <= _Alignof(struct hash), "BLAKE2b");

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

void hash_seal(const uint8_t key[HASH_SHORT_KEY_BYTES], const void *data, size_t len,
	       uint8_t out[HASH_SEAL_BYTES])
{
	crypto_shorthash_siphashx24(out, data, len, key);
}

void hash_sha256(const void *data, size_t len, uint8_t out[HASH_SHA256_BYTES])
{
	crypto_hash_sha256(out, data, len);
}

static crypto_generichash_state *state_of(struct hash *hash)
{
	return (crypto_generichash_state *)(void *)hash->state;
}

void hash_start(struct hash *hash)
{
	crypto_generichash_init(state_of(hash), NULL, 0, HASH_BLAKE2B_BYTES);
}

void hash_add(struct hash *hash, const void *data, size_t len)
{
	crypto_generichash_update(state_of(hash), data, len);
}

void hash_add_u64(struct hash *hash, uint64_t value)
{
	const le64 field = le64_make(value);

	hash_add(hash, &field, sizeof(field));
}

void hash_add_text(struct hash *hash, const char *text)
{
	size_t len = strlen(text);

	hash_add_u64(hash, len);
	hash_add(hash, text, len);
}

void hash_finish(struct hash *hash, uint8_t out[HASH_BLAKE2B_BYTES])
{
	crypto_generichash_final(state_of(hash), out, HASH_BLAKE2B_BYTES);
}
