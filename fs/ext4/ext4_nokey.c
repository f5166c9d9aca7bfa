/* SPDX-License-Identifier: MIT */
/* Encrypted names without their key: base64url of what lies on disk. */
#include "ext4/ext4_nokey.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/le.h"
#include "base/log.h"

#define PLAIN_BYTES 149u /* of a name are kept as they are, the rest becomes a hash */

/* RFC 4648 section 5, without padding. */
static size_t base64url(const uint8_t *in, size_t len, char *out, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned int pending = 0;
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | in[i];
		for (pending += 8; pending >= 6; pending -= 6) {
			if (used < size)
				out[used++] = digits[bits >> (pending - 6) & 63];
		}
	}
	if (pending && used < size)
		out[used++] = digits[bits << (6 - pending) & 63];
	return used;
}

static void put_le32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

size_t ext4_nokey_name(const uint8_t *name, size_t len, uint32_t hash, uint32_t minor_hash,
		       char out[EXT4_NOKEY_NAME_MAX])
{
	uint8_t bytes[8 + PLAIN_BYTES + HASH_SHA256_BYTES];
	size_t plain = min_u64(len, PLAIN_BYTES);
	size_t used = 8 + plain;

	put_le32(bytes, hash);
	put_le32(bytes + 4, minor_hash);
	memcpy(bytes + 8, name, plain);
	if (len > plain) {
		hash_sha256(name + plain, len - plain, bytes + used);
		used += HASH_SHA256_BYTES;
	}
	return base64url(bytes, used, out, EXT4_NOKEY_NAME_MAX);
}

ssize_t ext4_nokey_link(const char *disk, size_t len, char *buf, size_t size)
{
	char name[EXT4_NOKEY_NAME_MAX];
	size_t name_len;

	if (len < 2 || le16_at(disk) == 0 || le16_at(disk) > len - 2) {
		log_warn("ext4: corrupt volume: encrypted symbolic link of %zu bytes", len);
		return -EUCLEAN;
	}
	name_len = ext4_nokey_name((const uint8_t *)disk + 2, le16_at(disk), 0, 0, name);
	memcpy(buf, name, min_u64(name_len, size));
	return (ssize_t)min_u64(name_len, size);
}
