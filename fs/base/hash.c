/* SPDX-License-Identifier: MIT */
/* Cryptographic hashes, by libsodium. */
#include "base/hash.h"

#include <sodium.h>

void hash_sha256(const void *data, size_t len, uint8_t out[HASH_SHA256_BYTES])
{
	crypto_hash_sha256(out, data, len);
}
