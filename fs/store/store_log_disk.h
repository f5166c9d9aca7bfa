/* SPDX-License-Identifier: MIT */
/* The file `log` as it lies on the disk; see docs/store-format.md. Private to the store room. */
#ifndef BRAMBLE_STORE_STORE_LOG_DISK_H
#define BRAMBLE_STORE_STORE_LOG_DISK_H

#include <assert.h>
#include <stddef.h>

#include "base/le.h"

#define LOG_MAGIC 0x676f4c42u /* "BLog" */

/* The file has two halves, which take turns; the second one begins here. */
#define LOG_HALF ((uint64_t)8 << 20)
#define LOG_HALVES 2u

#define LOG_DATA_SYNCED 1u

/* Then the ranges, the records, the bytes of the ranges, and zeros up to the size. */
struct log_disk_entry {
	le32 magic; /* 0x00 */
	le32 sum; /* 0x04 CRC-32C of all that follows, start value ~0, no inversion */
	uint8_t id[16]; /* 0x08 of the log */
	le64 number; /* 0x18 */
	le32 size; /* 0x20 of the entry, aligned */
	le32 flags; /* 0x24 LOG_DATA_SYNCED */
	le64 data_blocks; /* 0x28 that the data have room for */
	le32 ranges; /* 0x30 how many */
	le32 records_len; /* 0x34 bytes */
	uint8_t unused_38[8];
};
static_assert(sizeof(struct log_disk_entry) == 0x40, "an entry of the log");
static_assert(offsetof(struct log_disk_entry, data_blocks) == 0x28, "an entry of the log");

struct log_disk_range {
	le64 offset; /* 0x0 in the data, bytes */
	le32 len; /* 0x8 */
	uint8_t unused_c[4];
};
static_assert(sizeof(struct log_disk_range) == 16, "a range of an entry");

#define LOG_PUT 1u
#define LOG_DELETED 2u

/* Then the key, and the value with its checksum. */
struct log_disk_record {
	le16 key_len; /* 0x0 */
	le16 kind; /* 0x2 LOG_PUT, LOG_DELETED */
	le32 len; /* 0x4 of the value; 0 if deleted */
};
static_assert(sizeof(struct log_disk_record) == 8, "a record of an entry");

#endif
