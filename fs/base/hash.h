/* SPDX-License-Identifier: MIT */
/* Cryptographic hashes, by libsodium. */
#ifndef BRAMBLE_BASE_HASH_H
#define BRAMBLE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SHA256_BYTES 32u

/* A hash of names that nobody can aim at who does not know the key (SipHash-2-4). */
#define HASH_SHORT_KEY_BYTES 16u

void hash_short_key_make(uint8_t key[HASH_SHORT_KEY_BYTES]);
uint64_t hash_short(const uint8_t key[HASH_SHORT_KEY_BYTES], const void *data, size_t len);

/* The same with 128 bits, long enough for what nobody must be able to forge (SipHash-2-4-128). */
#define HASH_SEAL_BYTES 16u
void hash_seal(const uint8_t key[HASH_SHORT_KEY_BYTES], const void *data, size_t len,
	       uint8_t out[HASH_SEAL_BYTES]);

void hash_sha256(const void *data, size_t len, uint8_t out[HASH_SHA256_BYTES]);

/* A hash of what comes piece by piece (BLAKE2b). Numbers are added as little-endian 64 bits. */
#define HASH_BLAKE2B_BYTES 32u

struct hash {
	_Alignas(64) uint8_t state[384];
};

void hash_start(struct hash *hash);
void hash_add(struct hash *hash, const void *data, size_t len);
void hash_add_u64(struct hash *hash, uint64_t value);

/* The text with its length in front, so that two texts are not like two others. */
void hash_add_text(struct hash *hash, const char *text);
void hash_finish(struct hash *hash, uint8_t out[HASH_BLAKE2B_BYTES]);

#endif
