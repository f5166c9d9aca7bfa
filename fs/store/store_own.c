/* SPDX-License-Identifier: MIT */
/*
 * A store's own records. As long as it has no log, and is not written to without flushing, there is
 * one of them, as programs wrote it that knew neither.
 */
#include "store/store_own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/le.h"
#include "base/log.h"
#include "store/store_ops.h"
#include "store/store_readers.h"

#define FORMAT_PLAIN 1u
#define FORMAT_LOG 2u /* there is a second record */

#define BOOT_FILE "/proc/sys/kernel/random/boot_id"

/* Node 0, which is the overlay itself, and letters that only the store uses there. */
static const uint8_t use_key[] = {0, 0, 0, 0, 0, 0, 0, 0, 'U'};
static const uint8_t log_key[] = {0, 0, 0, 0, 0, 0, 0, 0, 'W'};

struct own_disk_use {
	le32 version; /* 0x0 */
	le32 in_use; /* 0x4 0 or 1 */
	le32 sum; /* 0x8 as of every record */
};
static_assert(sizeof(struct own_disk_use) == 12, "the store's own record");

#define OWN_HAS_LOG 1u
#define OWN_UNFLUSHED 2u

struct own_disk_log {
	le32 flags; /* 0x00 OWN_* */
	uint8_t id[STORE_LOG_ID_BYTES]; /* 0x04 */
	le64 applied; /* 0x14 */
	le64 data_blocks; /* 0x1c */
	uint8_t boot[STORE_BOOT_BYTES]; /* 0x24 */
	le32 sum; /* 0x34 as of every record */
};
static_assert(sizeof(struct own_disk_log) == 0x38, "the store's record of its log");

static_assert(sizeof(use_key) == sizeof(log_key), "both keys are as long");

static MDB_val val(const void *data, size_t len)
{
	return (MDB_val){.mv_size = len, .mv_data = (void *)(uintptr_t)data};
}

bool store_own_key(const void *key, size_t len)
{
	return len == sizeof(use_key) && (!memcmp(key, use_key, len) || !memcmp(key, log_key, len));
}

static struct store_key key_of(const uint8_t bytes[sizeof(use_key)])
{
	struct store_key key = {.len = sizeof(use_key)};

	memcpy(key.bytes, bytes, sizeof(use_key));
	return key;
}

bool store_own_in_layer(const struct store_layer *layer)
{
	const struct store_key use = key_of(use_key), log = key_of(log_key);
	struct store_layer_record record;

	return store_layer_get(layer, &use, &record) || store_layer_get(layer, &log, &record);
}

/* Seals and writes the record at @disk, whose checksum follows @len bytes. */
static int put(MDB_txn *txn, MDB_dbi records, const uint8_t bytes[sizeof(use_key)], void *disk,
	       size_t len)
{
	struct store_key key = key_of(bytes);
	MDB_val k = val(key.bytes, key.len), v = val(disk, len + STORE_CHECKSUM_BYTES);

	store_value_seal(&key, disk, len);
	return mdb_put(txn, records, &k, &v, 0);
}

int store_own_put(MDB_txn *txn, MDB_dbi records, const struct store_own *own)
{
	bool plain = !own->has_log && !own->unflushed;
	struct own_disk_use use = {
		.version = le32_make(plain ? FORMAT_PLAIN : FORMAT_LOG),
		.in_use = le32_make(own->in_use),
	};
	struct own_disk_log log = {
		.flags = le32_make((own->has_log ? OWN_HAS_LOG : 0) |
				   (own->unflushed ? OWN_UNFLUSHED : 0)),
		.applied = le64_make(own->applied),
		.data_blocks = le64_make(own->data_blocks),
	};
	MDB_val k = val(log_key, sizeof(log_key));
	int rc = put(txn, records, use_key, &use, offsetof(struct own_disk_use, sum));

	if (rc)
		return rc;
	if (plain) {
		rc = mdb_del(txn, records, &k, NULL);
		return rc == MDB_NOTFOUND ? 0 : rc;
	}
	memcpy(log.id, own->log_id, sizeof(log.id));
	memcpy(log.boot, own->boot, sizeof(log.boot));
	return put(txn, records, log_key, &log, offsetof(struct own_disk_log, sum));
}

/* The file was verified, so what is there is what somebody wrote. */
static int get(MDB_txn *txn, MDB_dbi records, const uint8_t key[sizeof(use_key)], void *out,
	       size_t size)
{
	MDB_val k = val(key, sizeof(use_key)), v;
	int rc = mdb_get(txn, records, &k, &v);

	if (rc)
		return rc == MDB_NOTFOUND ? -EUCLEAN : store_lmdb_error(rc);
	if (v.mv_size != size)
		return -EUCLEAN;
	memcpy(out, v.mv_data, size);
	return 0;
}

static int get_log(MDB_txn *txn, MDB_dbi records, const char *path, struct store_own *out)
{
	struct own_disk_log log;
	int err = get(txn, records, log_key, &log, sizeof(log));

	if (err || le32_get(log.flags) & ~(OWN_HAS_LOG | OWN_UNFLUSHED)) {
		log_error("store: %s does not say which log belongs to it", path);
		return err ? err : -EUCLEAN;
	}
	out->has_log = le32_get(log.flags) & OWN_HAS_LOG;
	out->unflushed = le32_get(log.flags) & OWN_UNFLUSHED;
	out->applied = le64_get(log.applied);
	out->data_blocks = le64_get(log.data_blocks);
	memcpy(out->log_id, log.id, sizeof(out->log_id));
	memcpy(out->boot, log.boot, sizeof(out->boot));
	return 0;
}

int store_own_get(MDB_txn *txn, MDB_dbi records, const char *path, struct store_own *out)
{
	struct store_own own = {0};
	struct own_disk_use use;
	int err = get(txn, records, use_key, &use, sizeof(use));
	uint32_t version;

	if (err) {
		log_error("store: %s is not a store: it does not say of which version", path);
		return err;
	}
	version = le32_get(use.version);
	if (version != FORMAT_PLAIN && version != FORMAT_LOG) {
		log_error("store: %s has version %u of the format; this program knows %u and %u",
			  path, version, FORMAT_PLAIN, FORMAT_LOG);
		return -EOPNOTSUPP;
	}
	own.in_use = le32_get(use.in_use) != 0;
	err = version == FORMAT_LOG ? get_log(txn, records, path, &own) : 0;
	if (!err)
		*out = own;
	return err;
}

bool store_own_boot(uint8_t out[STORE_BOOT_BYTES])
{
	CLEANUP(closep) int fd = open(BOOT_FILE, O_RDONLY | O_CLOEXEC);
	char text[64];
	unsigned int digits = 0;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	memset(out, 0, STORE_BOOT_BYTES);
	for (ssize_t i = 0; i < n && digits < 2 * STORE_BOOT_BYTES; i++) {
		char c = text[i];
		unsigned int value = c >= '0' && c <= '9'   ? (unsigned int)(c - '0')
				     : c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10
							    : 16;

		if (value == 16)
			continue;
		out[digits / 2] |= (uint8_t)(digits % 2 ? value : value << 4);
		digits++;
	}
	return digits == 2 * STORE_BOOT_BYTES;
}
