/* SPDX-License-Identifier: MIT */
/*
 * The verifier of LMDB's file, and what it lets through. A file that it accepts is given to LMDB,
 * which then must not crash: it is read whole, changed and verified again. The first byte of the input
 * says what is put right before, else no mutation would get past it: 1 the checksums of records that
 * lie inside of their leaves; 2 the numbers of pages in their headers. LMDB needs a file: it is one in
 * memory, opened by its name in /proc.
 */
#include <assert.h>
#include <errno.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store_lmdb_disk.h"
#include "store/store_ops.h"
#include "store/store_verify.h"

#define MEND_SUMS 1u
#define MEND_NUMBERS 2u
#define PAGE 4096u
#define MAP_BYTES ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drop(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

struct bytes {
	const uint8_t *data;
};

static int read_bytes(void *ctx, void *buf, size_t len, uint64_t offset)
{
	const struct bytes *bytes = ctx;

	memcpy(buf, bytes->data + offset, len);
	return 0;
}

static void mend_node(uint8_t *page, size_t offset)
{
	struct store_key key;
	size_t key_size, size;

	if (offset > PAGE - sizeof(struct lmdb_disk_node))
		return;
	size = le16_at(page + offset) | (size_t)le16_at(page + offset + 2) << 16;
	key_size = le16_at(page + offset + 6);
	offset += sizeof(struct lmdb_disk_node);
	if (key_size > STORE_KEY_MAX || key_size > PAGE - offset || size < STORE_CHECKSUM_BYTES ||
	    size > PAGE - offset - key_size)
		return;
	key.len = key_size;
	memcpy(key.bytes, page + offset, key_size);
	store_value_seal(&key, page + offset + key_size, size - STORE_CHECKSUM_BYTES);
}

static void mend(uint8_t *file, size_t size, uint8_t how)
{
	for (size_t at = LMDB_METAS * PAGE; at + PAGE <= size; at += PAGE) {
		uint8_t *page = file + at;
		size_t lower = le16_at(page + offsetof(struct lmdb_disk_page, lower));
		uint64_t number = at / PAGE;

		if (how & MEND_NUMBERS)
			memcpy(page, &number, sizeof(number));
		if (!(how & MEND_SUMS) ||
		    le16_at(page + offsetof(struct lmdb_disk_page, flags)) != LMDB_PAGE_LEAF)
			continue;
		for (size_t i = sizeof(struct lmdb_disk_page); i + 2 <= lower && i + 2 <= PAGE;
		     i += 2)
			mend_node(page, le16_at(page + i));
	}
}

static int verify(const uint8_t *file, size_t size, unsigned int limit,
		  struct store_verify_result *out)
{
	struct bytes bytes = {file};
	struct store_verify_source source = {
		.name = "fuzz", .size = size, .read_at = read_bytes, .ctx = &bytes};

	return store_verify(&source, limit, out);
}

/* All that LMDB does with a store: reads, and one transaction that changes each of some records. */
static void use(MDB_env *env, uint64_t records)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t found = 0;
	MDB_dbi dbi;
	MDB_txn *txn;

	assert(!mdb_txn_begin(env, NULL, 0, &txn));
	assert(!mdb_dbi_open(txn, NULL, 0, &dbi));
	assert(!mdb_cursor_open(txn, dbi, &cursor));
	while (!mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		volatile uint8_t sum = 0;

		for (size_t i = 0; i < value.mv_size; i++)
			sum = (uint8_t)(sum + ((uint8_t *)value.mv_data)[i]);
		found++;
	}
	assert(found == records);
	for (uint64_t i = 0; i < records && i < 40; i++) {
		int rc = mdb_cursor_get(cursor, &key, &value, i ? MDB_NEXT : MDB_FIRST);

		if (rc)
			break;
		assert(!mdb_cursor_del(cursor, 0));
	}
	mdb_cursor_close(cursor);
	for (uint8_t i = 0; i < 40; i++) {
		uint8_t bytes[2600] = {i};

		key = (MDB_val){.mv_size = 9 + i, .mv_data = bytes};
		value = (MDB_val){.mv_size = (size_t)i * 65, .mv_data = bytes};
		assert(!mdb_put(txn, dbi, &key, &value, 0));
	}
	assert(!mdb_txn_commit(txn));
}

static void give_to_lmdb(const uint8_t *file, size_t size, const struct store_verify_result *result)
{
	CLEANUP(closep) int fd = memfd_create("meta", MFD_CLOEXEC);
	char path[64];
	MDB_env *env;

	if (fd < 0 || write(fd, file, size) != (ssize_t)size)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert(!mdb_env_create(&env));
	assert(!mdb_env_set_mapsize(env, MAP_BYTES + (result->last_page + 1) * result->page_size));
	assert(!mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NOSYNC, 0600));
	use(env, result->records);
	mdb_env_close(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_verify_result result, all;
	CLEANUP(freep) uint8_t *file = NULL;
	int err;

	if (size < 2)
		return 0;
	log_set_sink(drop, NULL);
	file = malloc(--size);
	if (!file)
		return 0;
	memcpy(file, data + 1, size);
	mend(file, size, data[0]);
	err = verify(file, size, 1, &result);
	assert((err == 0) == (result.problems == 0));
	assert(verify(file, size, 100, &all) == err);
	assert(all.problems >= result.problems);
	if (!err && result.page_size == PAGE)
		give_to_lmdb(file, size, &result);
	return 0;
}
