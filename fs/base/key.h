/* SPDX-License-Identifier: MIT */
/* Random bytes and key pairs, by libsodium. */
#ifndef BRAMBLE_BASE_KEY_H
#define BRAMBLE_BASE_KEY_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that nobody can foretell. */
void key_random(void *bytes, size_t len);

/* Overwrites a secret before its memory is given back. */
void key_wipe(void *bytes, size_t len);

#define KEY_ED25519_PUBLIC_BYTES 32u
#define KEY_ED25519_SECRET_BYTES 64u /* the seed, and behind it the public key */

struct key_ed25519 {
	uint8_t public[KEY_ED25519_PUBLIC_BYTES];
	uint8_t secret[KEY_ED25519_SECRET_BYTES];
};

/* A new key pair. @key is wiped by the caller when it is done with. */
void key_ed25519_make(struct key_ed25519 *key);

/* Bytes of @len bytes as base64 with padding (RFC 4648, 4), and a NUL. */
#define KEY_BASE64_BYTES(len) (((len) + 2) / 3 * 4 + 1)
void key_base64(const void *bytes, size_t len, char *out, size_t size);

#endif
