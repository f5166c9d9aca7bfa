/* SPDX-License-Identifier: MIT */
/*
 * Private to the ext4 room: names in encrypted directories as the kernel shows them to those
 * without the key (Documentation/filesystems/fscrypt.rst, "Access semantics, without the key").
 */
#ifndef BRAMBLE_EXT4_NOKEY_H
#define BRAMBLE_EXT4_NOKEY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of the longest such name: base64url of two hashes, 149 bytes of name and a SHA-256. */
#define EXT4_NOKEY_NAME_MAX 252u

/* Encodes the name with its directory hashes; returns the length in @out. */
size_t ext4_nokey_name(const uint8_t *name, size_t len, uint32_t hash, uint32_t minor_hash,
		       char out[EXT4_NOKEY_NAME_MAX]);

/* The target of an encrypted symbolic link, whose @len bytes on disk begin with a 16-bit length. */
ssize_t ext4_nokey_link(const char *disk, size_t len, char *buf, size_t size);

#endif
