/* SPDX-License-Identifier: MIT */
/* The checksums of on-disk formats. */
#ifndef BRAMBLE_BASE_CRC_H
#define BRAMBLE_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/*
 * CRC-32C (Castagnoli, reflected), as ext4 and jbd2 use it: @crc is carried in and out without any
 * inversion, so parts can be chained; ext4 starts with ~0.
 */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* CRC-32 (IEEE 802.3), start value and final inversion included, as GPT uses it (UEFI 5.3). */
uint32_t crc32(const void *data, size_t len);

/* CRC-32 (IEEE 802.3, most significant bit first), chained without inversion: jbd2's v1 checksum. */
uint32_t crc32_be(uint32_t crc, const void *data, size_t len);

/* CRC-16 (reflected 0x8005) as the group descriptors of gdt_csum use it, chained. */
uint16_t crc16(uint16_t crc, const void *data, size_t len);

#endif
