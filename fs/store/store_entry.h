/* SPDX-License-Identifier: MIT */
/*
 * One entry of a log: what one sync made durable. Bytes to structs and back, no file. Private to the
 * store room; the format is in docs/store-format.md.
 */
#ifndef BRAMBLE_STORE_STORE_ENTRY_H
#define BRAMBLE_STORE_STORE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store_layer.h"

#define STORE_LOG_ID_BYTES 16u

/* Entries begin at multiples of this, and are that long: what a disk writes whole or not at all. */
#define STORE_ENTRY_ALIGN 512u

/* What an entry has at most. */
#define STORE_ENTRY_RECORDS ((size_t)512 << 10) /* bytes of records */
#define STORE_ENTRY_RANGES 128u
#define STORE_ENTRY_DATA ((size_t)128 << 10) /* bytes of data */

/* More than the largest entry: header, ranges, records and data. */
#define STORE_ENTRY_MAX ((size_t)648 << 10)

/* Bytes of the data, from @offset on. */
struct store_range {
	uint64_t offset;
	uint32_t len;
};

struct store_entry {
	uint64_t number; /* that of the one before, and one */
	bool data_synced; /* what entries before it have of the data is durable in `data`, or newer is */
	uint64_t data_blocks; /* the data have room for as many */
	const uint8_t *records; /* borrowed; see store_entry_add */
	size_t records_len;
	const struct store_range *ranges; /* borrowed; those whose bytes are in the entry */
	size_t ranges_count;
};

/* Bytes that all records of @layer take in an entry, and writing them there. */
size_t store_entry_records(const struct store_layer *layer);
void store_entry_add(const struct store_layer *layer, uint8_t *to);

/*
 * The size of @entry with its data, aligned; where its data belong, behind all else; and what is before
 * them, written to @to. Then the data are put there, one range behind the other, and the entry sealed.
 */
size_t store_entry_size(const struct store_entry *entry);
size_t store_entry_data_at(const struct store_entry *entry);
void store_entry_write(const struct store_entry *entry, const uint8_t *id, uint8_t *to);
void store_entry_seal(uint8_t *to, size_t size);

/*
 * The size and number of the entry that begins with STORE_ENTRY_ALIGN @bytes, if it could be one of
 * the log @id; nothing else of it is known to be right. False: none.
 */
bool store_entry_begins(const uint8_t *bytes, const uint8_t *id, size_t *out_size,
			uint64_t *out_number);

/* Whether the entry of @size bytes is whole. */
bool store_entry_is_whole(const uint8_t *bytes, size_t size);

/* A whole entry, taken apart. @ranges has room for STORE_ENTRY_RANGES. */
struct store_entry_parts {
	struct store_entry entry; /* points into the bytes, and to @ranges */
	const uint8_t *data; /* of the first range; that of the others follows */
	struct store_range ranges[STORE_ENTRY_RANGES];
};

/* -EUCLEAN: it makes no sense, and @out_why, a constant text, says why. */
int store_entry_parse(const uint8_t *bytes, size_t size, struct store_entry_parts *out,
		      const char **out_why);

/* Puts the records of a parsed @entry over @layer. -ENOMEM: some of them. */
int store_entry_replay(const struct store_entry *entry, struct store_layer *layer);

#endif
