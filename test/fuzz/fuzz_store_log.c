/* SPDX-License-Identifier: MIT */
/*
 * Replay of a store's log. The first byte says whether checksums are made right before, without which
 * hardly any change would get behind them (1), and whether the rest lies in both halves (2) or in the
 * first one.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "store/store_log_disk.h"
#include "store/store_ops.h"
#include "store/store_replay.h"

#define MEND 1u
#define BOTH 2u
#define APPLIED 1u /* entries from number 2 on are to be done */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t id[STORE_LOG_ID_BYTES] = "the id of a log";

/* Where the bytes of the input lie in the file; the rest is zeros. */
struct file {
	const uint8_t *halves[LOG_HALVES];
	size_t sizes[LOG_HALVES];
};

static int read_at(void *ctx, void *buf, size_t len, uint64_t offset)
{
	const struct file *file = ctx;
	unsigned int half = offset >= LOG_HALF;
	uint64_t from = offset - half * LOG_HALF;

	memset(buf, 0, len);
	if (from < file->sizes[half])
		memcpy(buf, file->halves[half] + from, min_u64(len, file->sizes[half] - from));
	return 0;
}

static void drop(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

/* Makes the checksums of records right, as far as they are some. */
static void mend_records(uint8_t *at, size_t left)
{
	struct log_disk_record head;

	while (left >= sizeof(head)) {
		struct store_key key;
		size_t len;

		memcpy(&head, at, sizeof(head));
		key.len = le16_get(head.key_len);
		len = le32_get(head.len);
		at += sizeof(head);
		left -= sizeof(head);
		if (key.len > STORE_KEY_MAX || key.len > left || len > left - key.len)
			return;
		memcpy(key.bytes, at, key.len);
		if (len >= STORE_CHECKSUM_BYTES)
			store_value_seal(&key, at + key.len, len - STORE_CHECKSUM_BYTES);
		at += key.len + len;
		left -= key.len + len;
	}
}

static void mend(uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + STORE_ENTRY_ALIGN <= size; at += STORE_ENTRY_ALIGN) {
		struct log_disk_entry head;
		size_t entry, before;
		uint64_t number;

		memcpy(&head, bytes + at, sizeof(head));
		if (le32_get(head.magic) != LOG_MAGIC)
			continue;
		memcpy(head.id, id, sizeof(id));
		memcpy(bytes + at, &head, sizeof(head));
		if (!store_entry_begins(bytes + at, id, &entry, &number) || entry > size - at)
			continue;
		before = sizeof(head) +
			 (size_t)le32_get(head.ranges) * sizeof(struct log_disk_range);
		if (before < entry)
			mend_records(bytes + at + before,
				     min_u64(le32_get(head.records_len), entry - before));
		store_entry_seal(bytes + at, entry);
	}
}

struct replayed {
	uint64_t next; /* number */
	struct store_layer *layer;
};

static int take(void *ctx, const struct store_entry_parts *parts, bool data)
{
	struct replayed *replayed = ctx;
	const struct store_entry *entry = &parts->entry;
	const uint8_t *bytes = parts->data;
	volatile uint8_t sum = 0;

	(void)data;
	assert(entry->number == replayed->next);
	replayed->next++;
	for (size_t i = 0; i < entry->ranges_count; i++) {
		const struct store_range *range = &entry->ranges[i];

		assert(range_fits(range->offset, range->len, entry->data_blocks * STORE_BLOCK));
		for (size_t b = 0; b < range->len; b++)
			sum = (uint8_t)(sum + bytes[b]);
		bytes += range->len;
	}
	return store_entry_replay(entry, replayed->layer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(freep) uint8_t *bytes = NULL;
	struct replayed replayed = {.next = APPLIED + 1};
	struct file file = {0};
	struct store_verify_source source = {.name = "log", .read_at = read_at, .ctx = &file};
	uint64_t last = 0;
	int err;

	if (size < 1)
		return 0;
	log_set_sink(drop, NULL);
	bytes = malloc(size);
	if (!bytes || store_layer_create(&replayed.layer))
		return 0;
	memcpy(bytes, data + 1, --size);
	if (data[0] & MEND)
		mend(bytes, size);
	file.halves[0] = bytes;
	file.sizes[0] = size;
	source.size = size;
	if (data[0] & BOTH) {
		file.sizes[0] = size / 2 / STORE_ENTRY_ALIGN * STORE_ENTRY_ALIGN;
		file.halves[1] = bytes + file.sizes[0];
		file.sizes[1] = size - file.sizes[0];
		source.size = LOG_HALF + file.sizes[1];
	}
	err = store_replay(&source, id, APPLIED, take, &replayed, &last);
	assert(err == 0 || err == -EUCLEAN || err == -ENOMEM);
	assert(err || last + 1 == replayed.next);
	store_layer_destroy(replayed.layer);
	return 0;
}
