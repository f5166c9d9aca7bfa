/* SPDX-License-Identifier: MIT */
/*
 * Power cuts at every call of the medium, while a random load runs and the disk is full now and then.
 * What is found must be a state that was committed, not older than the last sync that succeeded, and
 * each block that it refers to must have what was written to it: not garbage, nor another's data.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "support/unit.h"

#include "store/store.h"
#include "store/store_memory.h"

#define FILES 12u
#define COMMITS 100u

/* What a record says: a block, and what is written all over it. 0: there is no such record. */
struct file {
	uint64_t block;
	uint64_t tag;
};

struct load {
	struct store *store;
	struct file files[FILES];
	uint64_t history[COMMITS + 1][FILES]; /* tags after each commit */
	uint64_t commits;
	uint64_t durable; /* the last commit that must survive */
	uint64_t random;
	bool faults;
	uint64_t cuts;
};

static uint64_t next_random(struct load *load, uint64_t below)
{
	load->random ^= load->random << 13;
	load->random ^= load->random >> 7;
	load->random ^= load->random << 17;
	return load->random % below;
}

static struct store_key file_key(unsigned int number)
{
	return (struct store_key){.len = 2, .bytes = {'f', (uint8_t)number}};
}

static const struct store_key version_key = {.len = 1, .bytes = {'v'}};

/* What is found at power on ----------------------------------------------------------------------- */

static int find_file(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct file *files = ctx;

	assert_int_equal(key->len, 2);
	assert_true(key->bytes[1] < FILES);
	assert_int_equal(len, sizeof(struct file));
	memcpy(&files[key->bytes[1]], value, len);
	return 0;
}

static void assert_content(struct store *store, const struct file *file)
{
	uint64_t content[STORE_BLOCK / sizeof(uint64_t)];

	assert_int_equal(
		store_data_read(store, content, sizeof(content), file->block * STORE_BLOCK), 0);
	for (size_t i = 0; i < ARRAY_SIZE(content); i++)
		if (content[i] != file->tag)
			fail_msg("block %llu has other data", (unsigned long long)file->block);
}

static void check_survivor(struct load *load, uint64_t seed)
{
	const struct store_key prefix = {.len = 1, .bytes = {'f'}};
	struct file files[FILES] = {{0}};
	uint64_t version = 0;
	struct store *found;
	size_t len;

	assert_int_equal(store_memory_cut_power(load->store, NULL, seed, &found), 0);
	if (store_get(found, &version_key, &version, sizeof(version), &len))
		version = 0;
	assert_in_range(version, load->durable, load->commits);
	assert_int_equal(store_scan(found, &prefix, NULL, find_file, files), 0);
	for (unsigned int i = 0; i < FILES; i++) {
		assert_int_equal(files[i].tag, load->history[version][i]);
		if (files[i].tag)
			assert_int_equal(store_blocks_mark(found, files[i].block, 1), 0);
	}
	assert_int_equal(store_blocks_ready(found), 0);
	for (unsigned int i = 0; i < FILES; i++)
		if (files[i].tag)
			assert_content(found, &files[i]);
	assert_int_equal(store_close(found), 0);
	load->cuts++;
}

/* The load ---------------------------------------------------------------------------------------- */

/* Before each call of the medium: a cut, and then maybe an error. */
static int before_call(void *ctx, enum store_memory_call call)
{
	struct load *load = ctx;

	/* all is lost that was not synced, or a part of it */
	if (call != STORE_MEMORY_RESERVE && call != STORE_MEMORY_DATA_READ)
		check_survivor(load, next_random(load, 2) * next_random(load, UINT32_MAX));
	if (!load->faults || next_random(load, 4))
		return 0;
	switch (call) {
	case STORE_MEMORY_APPLY:
	case STORE_MEMORY_LOG:
	case STORE_MEMORY_RESERVE:
	case STORE_MEMORY_DATA_WRITE:
	case STORE_MEMORY_DATA_SYNC:
	case STORE_MEMORY_DATA_RESIZE:
		return next_random(load, 2) ? -ENOSPC : -EDQUOT;
	default:
		return 0;
	}
}

static bool is_full(int err)
{
	return err == -ENOSPC || err == -EDQUOT;
}

/* A fresh block with @tag all over. False: there is no room. */
static bool write_fresh(struct load *load, uint64_t tag, uint64_t *out_block)
{
	uint64_t content[STORE_BLOCK / sizeof(uint64_t)];
	uint64_t got;
	int err = store_blocks_take(load->store, 1, out_block, &got);

	if (err) {
		assert_true(is_full(err));
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(content); i++)
		content[i] = tag;
	err = store_data_write(load->store, content, sizeof(content), *out_block * STORE_BLOCK);
	if (err == 0)
		return true;
	assert_true(is_full(err));
	store_blocks_return(load->store, *out_block, 1);
	return false;
}

/* Gives one file another block, or takes it away. */
static void change_file(struct load *load, struct store_txn *txn, unsigned int number)
{
	struct store_key key = file_key(number);
	struct file *file = &load->files[number];
	struct file old = *file;

	if (next_random(load, 5) == 0) {
		assert_int_equal(store_delete(txn, &key), 0);
		*file = (struct file){0};
	} else {
		struct file fresh = {.tag = next_random(load, UINT32_MAX) + 1};

		if (!write_fresh(load, fresh.tag, &fresh.block))
			return;
		assert_int_equal(store_put(txn, &key, &fresh, sizeof(fresh)), 0);
		*file = fresh;
	}
	if (old.tag)
		assert_int_equal(store_free_blocks(txn, old.block, 1), 0);
}

static void commit_some(struct load *load)
{
	uint64_t version = load->commits + 1;
	struct file before[FILES];
	struct store_txn *txn;
	int err;

	memcpy(before, load->files, sizeof(before));
	assert_int_equal(store_begin(load->store, &txn), 0);
	for (uint64_t i = next_random(load, 4) + 1; i > 0; i--)
		change_file(load, txn, (unsigned int)next_random(load, FILES));
	assert_int_equal(store_put(txn, &version_key, &version, sizeof(version)), 0);
	for (unsigned int i = 0; i < FILES; i++)
		load->history[version][i] = load->files[i].tag;
	/* counted first: the cut may come while it is committed and synced at once */
	err = store_commit(&txn, false);
	if (err == 0) {
		load->commits++;
		return;
	}
	assert_true(is_full(err));
	for (unsigned int i = 0; i < FILES; i++)
		if (load->files[i].tag && load->files[i].tag != before[i].tag)
			store_blocks_return(load->store, load->files[i].block, 1);
	memcpy(load->files, before, sizeof(before));
}

static void run_load(uint64_t random, bool faults, bool logging)
{
	struct load *load = calloc(1, sizeof(*load));
	int err;

	assert_non_null(load);
	load->random = random;
	load->faults = faults;
	if (logging)
		assert_int_equal(store_memory_open_logging(NULL, &load->store), 0);
	else
		assert_int_equal(store_memory_create(&load->store), 0);
	store_memory_set_hook(load->store, before_call, load);
	while (load->commits < COMMITS) {
		commit_some(load);
		for (unsigned int i = 0; i < FILES; i++)
			if (load->files[i].tag && next_random(load, 8) == 0)
				assert_content(load->store, &load->files[i]);
		if (next_random(load, 4))
			continue;
		if (logging && next_random(load, 8) == 0)
			store_memory_log_lengthen(load->store);
		err = store_sync(load->store);
		if (err == 0)
			load->durable = load->commits;
		else
			assert_true(is_full(err));
	}
	load->faults = false;
	assert_int_equal(store_sync(load->store), 0);
	load->durable = load->commits;
	check_survivor(load, 0);
	assert_true(load->cuts > COMMITS);
	store_close(load->store);
	free(load);
}

static void power_cut_leaves_a_committed_state(void **state)
{
	(void)state;
	for (uint64_t random = 1; random <= 2; random++)
		run_load(random, false, false);
}

static void full_disk_changes_nothing_about_that(void **state)
{
	(void)state;
	for (uint64_t random = 3; random <= 5; random++)
		run_load(random, true, false);
}

static void log_changes_nothing_about_that(void **state)
{
	(void)state;
	for (uint64_t random = 6; random <= 11; random++)
		run_load(random, random % 2, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_cut_leaves_a_committed_state),
		cmocka_unit_test(full_disk_changes_nothing_about_that),
		cmocka_unit_test(log_changes_nothing_about_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
