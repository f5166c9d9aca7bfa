/* SPDX-License-Identifier: MIT */
/* Files of overlays beside flat ones: any operations, power cuts, full disks, many threads. */
#include "support/overlay_flat.h"

/* Anything --------------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random_below(uint64_t end)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (random_state >> 20) % end;
}

/* Some place that is interesting more often than chance would have it. */
static uint64_t random_offset(uint64_t end)
{
	uint64_t at = random_below(end);

	switch (random_below(6)) {
	case 0:
		return at / BLOCK * BLOCK;
	case 1:
		return at / CHUNK_BYTES * CHUNK_BYTES;
	case 2:
		return min_u64(at / BLOCK * BLOCK + random_below(3), end - 1);
	default:
		return at;
	}
}

static uint64_t random_len(uint64_t end)
{
	uint64_t len = 1 + random_below(end);

	switch (random_below(4)) {
	case 0:
		return min_u64(len, 1 + random_below(200));
	case 1:
		return min_u64(end, (len / BLOCK + 1) * BLOCK);
	case 2:
		return min_u64(len, 3 * BLOCK);
	default:
		return len;
	}
}

/* Returns the error of the operation. */
static int random_operation(struct fixture *f)
{
	static const unsigned int modes[] = {ALLOCATE, KEEP, PUNCH, PUNCH, ZERO, ZERO | KEEP};
	const uint64_t offset = random_offset(MODEL_BYTES);
	const uint64_t len = random_len(MODEL_BYTES - offset);

	switch (random_below(8)) {
	case 0:
		return do_truncate(f, random_below(2) ? offset : random_below(f->size + 1));
	case 1:
	case 2:
		return do_fallocate(f, modes[random_below(ARRAY_SIZE(modes))], offset, len);
	case 3:
		expect_read(f, offset, len);
		return 0;
	case 4:
		expect_holes(f);
		return 0;
	default:
		return do_write(f, offset, len, (uint8_t)random_below(256));
	}
}

static void any_operations_agree_with_the_model(void **state)
{
	struct fixture *f = *state;

	random_state = 4711;
	for (unsigned int i = 0; i < 1500; i++) {
		assert_int_equal(random_operation(f), 0);
		if (i % 100 == 0) {
			expect_same(f);
			cut_power(f, i); /* after the sync that is in there */
			expect_same(f);
		}
	}
	expect_same(f);
}

static void power_cut_leaves_a_file_that_fits_its_records(void **state)
{
	struct fixture *f = *state;

	random_state = 42;
	for (unsigned int i = 0; i < 150; i++) {
		struct tree_attr attr;
		ssize_t n;

		for (uint64_t count = random_below(6); count; count--)
			assert_int_equal(random_operation(f), 0);
		if (random_below(2))
			assert_int_equal(tree_sync(f->tree), 0);
		for (uint64_t count = random_below(6); count; count--)
			assert_int_equal(random_operation(f), 0);
		cut_power(f, random_below(UINT32_MAX));
		/* goes on with what is there */
		assert_int_equal(tree_getattr(f->tree, f->id, &attr), 0);
		assert_true(attr.size <= MODEL_BYTES);
		memset(f->model, 0, MODEL_BYTES);
		n = tree_read(f->tree, f->id, f->model, MODEL_BYTES, 0);
		assert_int_equal(n, attr.size);
		f->size = attr.size;
		expect_same(f);
	}
}

/*
 * Without a sync after the operations nothing of them may be durable in part: what was there at the
 * sync is there, except where blocks were overwritten in place.
 */
static void power_cut_gives_back_what_was_synced(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(do_write(f, 0, 10 * BLOCK, 1), 0);
	assert_int_equal(tree_sync(f->tree), 0);
	assert_int_equal(tree_fallocate(f->tree, f->id, PUNCH, 0, 5 * BLOCK), 0);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(tree_write(f->tree, f->id, f->buf, BLOCK, (20 + i) * BLOCK, 0), 0);
	cut_power(f, 99);
	expect_same(f);
}

/* A full disk ------------------------------------------------------------------------------------ */

/* Either all happens or nothing, except that making zeros takes several steps. */
struct attempt {
	enum {
		WRITE,
		TRUNCATE,
		FALLOCATE,
	} what;
	unsigned int mode;
	uint64_t offset;
	uint64_t len;
};

static int try(struct fixture *f, const struct attempt *attempt)
{
	switch (attempt->what) {
	case WRITE:
		return do_write(f, attempt->offset, attempt->len, 77);
	case TRUNCATE:
		return do_truncate(f, attempt->len);
	default:
		return do_fallocate(f, attempt->mode, attempt->offset, attempt->len);
	}
}

/* What an attempt that failed may have made zeros already. */
static void follow_zeros(struct fixture *f, const struct attempt *attempt)
{
	const uint64_t end = min_u64(attempt->offset + attempt->len, f->size);

	if (!(attempt->mode & (TREE_FALLOC_PUNCH_HOLE | TREE_FALLOC_ZERO_RANGE)))
		return;
	assert_int_equal(tree_read(f->tree, f->id, f->buf, MODEL_BYTES, 0), f->size);
	for (uint64_t i = attempt->offset; i < end; i++)
		f->model[i] = f->buf[i] ? f->model[i] : 0;
}

static void full_disk_tears_nothing(void **state)
{
	static const struct attempt attempts[] = {
		{WRITE, 0, 100, 10},
		{WRITE, 0, 100, 300000},
		{WRITE, 0, 2000000, 1000000},
		{TRUNCATE, 0, 0, 5000},
		{TRUNCATE, 0, 0, 2000000},
		{FALLOCATE, ALLOCATE, 100, 2000000},
		{FALLOCATE, KEEP, 2000000, 10000},
		{FALLOCATE, PUNCH, 100, 200},
		{FALLOCATE, PUNCH, 4096, 500000},
		{FALLOCATE, ZERO, 4096, 524288},
	};
	static const enum store_memory_call calls[] = {
		STORE_MEMORY_RESERVE,
		STORE_MEMORY_DATA_WRITE,
		STORE_MEMORY_DATA_RESIZE,
	};

	for (size_t a = 0; a < ARRAY_SIZE(attempts); a++) {
		for (size_t c = 0; c < ARRAY_SIZE(calls); c++) {
			int err = -ENOSPC;

			for (unsigned int after = 0; err; after++) {
				struct fixture *f = *state;

				store_memory_fail(f->ov->store, calls[c], after, -ENOSPC);
				err = try(f, &attempts[a]);
				store_memory_fail(f->ov->store, calls[c], 0, 0);
				if (err) {
					assert_int_equal(err, -ENOSPC);
					follow_zeros(f, &attempts[a]);
				}
				expect_same(f);
				assert_true(after < 100);
			}
			tear_down(state);
			set_up(state);
		}
	}
}

/* Overwriting in place, in a write that fails: each byte is the old or the new one. */
static void failed_overwrite_leaves_old_or_new_bytes(void **state)
{
	struct fixture *f = *state;
	const size_t len = 20 * BLOCK;
	int err = -EDQUOT;

	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(do_write(f, 2 * i * BLOCK, BLOCK, (uint8_t)i), 0);
	for (unsigned int after = 0; err; after++) {
		uint8_t *new = malloc(len);

		assert_non_null(new);
		memset(new, 0xee, len);
		store_memory_fail(f->ov->store, STORE_MEMORY_DATA_WRITE, after, -EDQUOT);
		err = tree_write(f->tree, f->id, new, len, 0, 0);
		store_memory_fail(f->ov->store, STORE_MEMORY_DATA_WRITE, 0, 0);
		assert_int_equal(tree_read(f->tree, f->id, f->buf, len, 0), len);
		for (size_t i = 0; i < len; i++) {
			if (f->buf[i] != 0xee && (!err || f->buf[i] != f->model[i]))
				fail_msg("byte %zu is neither old nor new", i);
		}
		expect_no_leak(f);
		free(new);
		assert_true(after < 100);
	}
}

/* Several at once -------------------------------------------------------------------------------- */

#define SHARED_BLOCKS 200u
#define TURNS 2000u

static void *change_blocks(void *ctx)
{
	struct fixture *f = ctx;
	static _Atomic unsigned int started;
	uint64_t random = ++started;
	uint8_t block[BLOCK];
	int err = 0;

	for (unsigned int i = 0; !err && i < TURNS; i++) {
		uint64_t index;

		random = random * 6364136223846793005u + 1442695040888963407u;
		index = (random >> 33) % SHARED_BLOCKS;
		memset(block, (int)i, sizeof(block));
		if (random >> 60)
			err = tree_write(f->tree, f->id, block, BLOCK, index * BLOCK, 0);
		else
			err = tree_fallocate(f->tree, f->id, PUNCH, index * BLOCK, 3 * BLOCK);
	}
	return (void *)(intptr_t)err;
}

/* Whether all bytes of each block are the same. */
static void *look_at_blocks(void *ctx)
{
	struct fixture *f = ctx;
	uint8_t block[BLOCK];

	for (unsigned int i = 0; i < TURNS; i++) {
		if (tree_read(f->tree, f->id, block, BLOCK, i % SHARED_BLOCKS * BLOCK) != BLOCK ||
		    memcmp(block, block + 1, BLOCK - 1) != 0)
			return (void *)(intptr_t)-EIO;
	}
	return NULL;
}

static void *sync_often(void *ctx)
{
	struct fixture *f = ctx;
	int err = 0;

	for (unsigned int i = 0; !err && i < 100; i++)
		err = tree_sync(f->tree);
	return (void *)(intptr_t)err;
}

static void blocks_are_seen_whole_by_all_threads(void **state)
{
	void *(*const jobs[])(void *) = {change_blocks, change_blocks, look_at_blocks,
					 look_at_blocks, sync_often};
	struct fixture *f = *state;
	pthread_t threads[ARRAY_SIZE(jobs)];

	assert_int_equal(do_truncate(f, 0), 0);
	assert_int_equal(do_truncate(f, SHARED_BLOCKS * BLOCK), 0);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, jobs[i], f), 0);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		void *err;

		assert_int_equal(pthread_join(threads[i], &err), 0);
		assert_int_equal((intptr_t)err, 0);
	}
	expect_no_leak(f);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_operations_agree_with_the_model),
		TEST(power_cut_leaves_a_file_that_fits_its_records),
		TEST(power_cut_gives_back_what_was_synced),
		TEST(full_disk_tears_nothing),
		TEST(failed_overwrite_leaves_old_or_new_bytes),
		TEST(blocks_are_seen_whole_by_all_threads),
	};

	return cmocka_run_group_tests_name("overlay_flat", tests, NULL, NULL);
}
