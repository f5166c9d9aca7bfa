/* SPDX-License-Identifier: MIT */
/* Cryptographic hashes, by libsodium. */
#ifndef BRAMBLE_BASE_HASH_H
#define BRAMBLE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SHA256_BYTES 32u

void hash_sha256(const void *data, size_t len, uint8_t out[HASH_SHA256_BYTES]);

#endif
