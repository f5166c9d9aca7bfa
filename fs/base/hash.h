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

void hash_sha256(const void *data, size_t len, uint8_t out[HASH_SHA256_BYTES]);

#endif
