/* SPDX-License-Identifier: MIT */
/* libsodium, as far as keys are concerned. */
#include "base/key.h"

#include <assert.h>
#include <sodium.h>

static_assert(KEY_ED25519_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
static_assert(KEY_ED25519_SECRET_BYTES == crypto_sign_SECRETKEYBYTES, "Ed25519 secret key");

/* May be called again and by several threads at once. */
static void start(void)
{
	int err = sodium_init();

	assert(err >= 0);
	(void)err;
}

void key_random(void *bytes, size_t len)
{
	start();
	randombytes_buf(bytes, len);
}

void key_wipe(void *bytes, size_t len)
{
	sodium_memzero(bytes, len);
}

void key_ed25519_make(struct key_ed25519 *key)
{
	start();
	crypto_sign_keypair(key->public, key->secret);
}

void key_base64(const void *bytes, size_t len, char *out, size_t size)
{
	assert(size >= KEY_BASE64_BYTES(len));
	sodium_bin2base64(out, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
}
