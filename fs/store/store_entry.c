/* SPDX-License-Identifier: MIT */
/* Entries of a log: bytes that say what one sync made durable. */
#include "store/store_entry.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "base/le.h"
#include "store/store_log_disk.h"
#include "store/store_ops.h"

static_assert(sizeof(struct log_disk_entry) + STORE_ENTRY_RANGES * sizeof(struct log_disk_range) +
			      STORE_ENTRY_RECORDS + STORE_ENTRY_DATA + STORE_ENTRY_ALIGN <=
		      STORE_ENTRY_MAX,
	      "the largest entry");

static uint32_t sum_of(const uint8_t *bytes, size_t size)
{
	const size_t from = offsetof(struct log_disk_entry, sum) + sizeof(le32);

	return crc32c(~0u, bytes + from, size - from);
}

/* Writing ------------------------------------------------------------------------------------------ */

size_t store_entry_records(const struct store_layer *layer)
{
	struct store_layer_record record;
	bool more = store_layer_seek(layer, NULL, &record);
	size_t bytes = 0;

	for (; more; more = store_layer_next(layer, &record))
		bytes += sizeof(struct log_disk_record) + record.key_len +
			 (record.deleted ? 0 : record.len);
	return bytes;
}

void store_entry_add(const struct store_layer *layer, uint8_t *to)
{
	struct store_layer_record record;
	bool more = store_layer_seek(layer, NULL, &record);

	for (; more; more = store_layer_next(layer, &record)) {
		size_t len = record.deleted ? 0 : record.len;
		struct log_disk_record head = {
			.key_len = le16_make((uint16_t)record.key_len),
			.kind = le16_make(record.deleted ? LOG_DELETED : LOG_PUT),
			.len = le32_make((uint32_t)len),
		};

		memcpy(to, &head, sizeof(head));
		to += sizeof(head);
		memcpy(to, record.key, record.key_len);
		to += record.key_len;
		if (len)
			memcpy(to, record.value, len);
		to += len;
	}
}

size_t store_entry_data_at(const struct store_entry *entry)
{
	return sizeof(struct log_disk_entry) + entry->ranges_count * sizeof(struct log_disk_range) +
	       entry->records_len;
}

static size_t data_len(const struct store_range *ranges, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += ranges[i].len;
	return len;
}

static size_t aligned(size_t size)
{
	return (size + STORE_ENTRY_ALIGN - 1) / STORE_ENTRY_ALIGN * STORE_ENTRY_ALIGN;
}

size_t store_entry_size(const struct store_entry *entry)
{
	return aligned(store_entry_data_at(entry) + data_len(entry->ranges, entry->ranges_count));
}

void store_entry_write(const struct store_entry *entry, const uint8_t *id, uint8_t *to)
{
	size_t size = store_entry_size(entry);
	size_t end = store_entry_data_at(entry) + data_len(entry->ranges, entry->ranges_count);
	struct log_disk_entry head = {
		.magic = le32_make(LOG_MAGIC),
		.number = le64_make(entry->number),
		.size = le32_make((uint32_t)size),
		.flags = le32_make(entry->data_synced ? LOG_DATA_SYNCED : 0),
		.data_blocks = le64_make(entry->data_blocks),
		.ranges = le32_make((uint32_t)entry->ranges_count),
		.records_len = le32_make((uint32_t)entry->records_len),
	};

	memcpy(head.id, id, sizeof(head.id));
	memcpy(to, &head, sizeof(head));
	memset(to + end, 0, size - end);
	to += sizeof(head);
	for (size_t i = 0; i < entry->ranges_count; i++) {
		struct log_disk_range range = {
			.offset = le64_make(entry->ranges[i].offset),
			.len = le32_make(entry->ranges[i].len),
		};

		memcpy(to, &range, sizeof(range));
		to += sizeof(range);
	}
	if (entry->records_len)
		memcpy(to, entry->records, entry->records_len);
}

void store_entry_seal(uint8_t *to, size_t size)
{
	le32 sum = le32_make(sum_of(to, size));

	memcpy(to + offsetof(struct log_disk_entry, sum), &sum, sizeof(sum));
}

/* Reading ------------------------------------------------------------------------------------------ */

bool store_entry_begins(const uint8_t *bytes, const uint8_t *id, size_t *out_size,
			uint64_t *out_number)
{
	struct log_disk_entry head;
	uint32_t size;

	memcpy(&head, bytes, sizeof(head));
	size = le32_get(head.size);
	if (le32_get(head.magic) != LOG_MAGIC || memcmp(head.id, id, sizeof(head.id)) != 0)
		return false;
	if (size == 0 || size % STORE_ENTRY_ALIGN || size > STORE_ENTRY_MAX)
		return false;
	*out_size = size;
	*out_number = le64_get(head.number);
	return true;
}

bool store_entry_is_whole(const uint8_t *bytes, size_t size)
{
	struct log_disk_entry head;

	memcpy(&head, bytes, sizeof(head));
	return le32_get(head.size) == size && le32_get(head.sum) == sum_of(bytes, size);
}

/* The record at @bytes, of which there are @left. NULL, or why there is none. */
static const char *check_record(const uint8_t *bytes, size_t left, size_t *out_len)
{
	struct log_disk_record head;
	struct store_key key;
	size_t value_len;
	uint16_t kind;

	if (left < sizeof(head))
		return "a record has no room";
	memcpy(&head, bytes, sizeof(head));
	left -= sizeof(head);
	key.len = le16_get(head.key_len);
	kind = le16_get(head.kind);
	value_len = le32_get(head.len);
	if (key.len == 0 || key.len > STORE_KEY_MAX || key.len > left)
		return "the length of a key";
	left -= key.len;
	if (value_len > STORE_VALUE_MAX + STORE_CHECKSUM_BYTES || value_len > left)
		return "the length of a value";
	*out_len = sizeof(head) + key.len + value_len;
	if (kind == LOG_DELETED)
		return value_len ? "a deleted record with a value" : NULL;
	if (kind != LOG_PUT)
		return "the kind of a record";
	memcpy(key.bytes, bytes + sizeof(head), key.len);
	if (store_value_check(&key, bytes + sizeof(head) + key.len, &value_len))
		return "the checksum of a record";
	return NULL;
}

static const char *check_records(const uint8_t *records, size_t len)
{
	while (len) {
		size_t one = 0;
		const char *why = check_record(records, len, &one);

		if (why)
			return why;
		records += one;
		len -= one;
	}
	return NULL;
}

static const char *take_ranges(const uint8_t *bytes, size_t count, uint64_t data_blocks,
			       struct store_range *out, size_t *out_data)
{
	size_t data = 0;

	for (size_t i = 0; i < count; i++) {
		struct log_disk_range range;

		memcpy(&range, bytes + i * sizeof(range), sizeof(range));
		out[i].offset = le64_get(range.offset);
		out[i].len = le32_get(range.len);
		if (out[i].len == 0 || out[i].len > STORE_ENTRY_DATA - data)
			return "the length of a range";
		if (!range_fits(out[i].offset, out[i].len, data_blocks * STORE_BLOCK))
			return "a range beyond the end of the data";
		data += out[i].len;
	}
	*out_data = data;
	return NULL;
}

static const char *parse(const uint8_t *bytes, size_t size, struct store_entry_parts *out)
{
	struct store_entry *entry = &out->entry;
	struct log_disk_entry head;
	size_t left = size - sizeof(head), data = 0;
	const char *why;

	memcpy(&head, bytes, sizeof(head));
	*entry = (struct store_entry){
		.number = le64_get(head.number),
		.data_synced = le32_get(head.flags) & LOG_DATA_SYNCED,
		.data_blocks = le64_get(head.data_blocks),
		.ranges = out->ranges,
		.ranges_count = le32_get(head.ranges),
		.records_len = le32_get(head.records_len),
	};
	bytes += sizeof(head);
	if (le32_get(head.flags) & ~LOG_DATA_SYNCED)
		return "unknown flags";
	if (entry->data_blocks > STORE_BLOCKS_END)
		return "the number of blocks";
	if (entry->ranges_count > STORE_ENTRY_RANGES ||
	    entry->ranges_count > left / sizeof(struct log_disk_range))
		return "the number of ranges";
	why = take_ranges(bytes, entry->ranges_count, entry->data_blocks, out->ranges, &data);
	if (why)
		return why;
	bytes += entry->ranges_count * sizeof(struct log_disk_range);
	left -= entry->ranges_count * sizeof(struct log_disk_range);
	if (entry->records_len > STORE_ENTRY_RECORDS || entry->records_len > left)
		return "the length of the records";
	entry->records = bytes;
	left -= entry->records_len;
	if (data > left || left - data >= STORE_ENTRY_ALIGN)
		return "the length of the data";
	out->data = bytes + entry->records_len;
	return check_records(entry->records, entry->records_len);
}

int store_entry_parse(const uint8_t *bytes, size_t size, struct store_entry_parts *out,
		      const char **out_why)
{
	const char *why = parse(bytes, size, out);

	if (!why)
		return 0;
	*out_why = why;
	return -EUCLEAN;
}

int store_entry_replay(const struct store_entry *entry, struct store_layer *layer)
{
	const uint8_t *at = entry->records, *end = at + entry->records_len;
	int err = 0;

	while (at < end && !err) {
		struct log_disk_record head;
		struct store_key key;
		size_t len;

		memcpy(&head, at, sizeof(head));
		at += sizeof(head);
		key.len = le16_get(head.key_len);
		memcpy(key.bytes, at, key.len);
		at += key.len;
		len = le32_get(head.len);
		err = store_layer_put(layer, &key, le16_get(head.kind) == LOG_PUT ? at : NULL, len);
		at += len;
	}
	return err;
}
