/* SPDX-License-Identifier: MIT */
/* Which blocks are taken, beside an array of bytes that is told the same. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "support/unit.h"

#include "store/store.h"
#include "store/store_blocks.h"

#define GROUP 4096u /* blocks that the allocator looks at as one */

#define MODEL_BLOCKS (24u * GROUP)

static uint8_t model[MODEL_BLOCKS]; /* 1: taken */
static uint32_t random_state;

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)random_state * below >> 32);
}

static bool model_all(uint64_t first, uint64_t count, uint8_t value)
{
	for (uint64_t i = first; i < first + count; i++)
		if (model[i] != value)
			return false;
	return true;
}

static void model_set(uint64_t first, uint64_t count, uint8_t value)
{
	memset(model + first, value, (size_t)count);
}

/* Counts, the end and every free run are those of the model. */
static void assert_same(struct store_blocks *blocks)
{
	uint64_t taken = 0;
	uint64_t end = 0;
	uint64_t at = 0;
	uint64_t first;
	uint64_t count;

	for (uint64_t i = 0; i < MODEL_BLOCKS; i++)
		if (model[i]) {
			taken++;
			end = i + 1;
		}
	assert_int_equal(store_blocks_taken(blocks), taken);
	assert_int_equal(store_blocks_end(blocks), end);
	while (store_blocks_next_free(blocks, at, &first, &count)) {
		assert_true(count > 0 && first + count <= end);
		assert_true(model_all(at, first - at, 1));
		assert_true(model_all(first, count, 0));
		at = first + count;
	}
	assert_true(model_all(at, end - at, 1));
}

static void take(struct store_blocks *blocks, uint64_t want)
{
	uint64_t first;
	uint64_t got;

	assert_int_equal(store_blocks_find(blocks, want, &first, &got), 0);
	assert_in_range(got, 1, want);
	assert_true(first + got <= MODEL_BLOCKS);
	assert_true(model_all(first, got, 0));
	assert_true(got == want || got >= 16);
	model_set(first, got, 1);
}

/* A run that is taken, as much as there is of it up to @most. */
static uint64_t taken_run(uint64_t most, uint64_t *out_first)
{
	uint64_t first = next_random(MODEL_BLOCKS);
	uint64_t count = 0;

	while (first + count < MODEL_BLOCKS && count < most && model[first + count])
		count++;
	*out_first = first;
	return count;
}

static void set_or_be_refused(struct store_blocks *blocks, uint64_t first, uint64_t count)
{
	bool free_all = model_all(first, count, 0);

	assert_int_equal(store_blocks_set(blocks, first, count), free_all ? 0 : -EUCLEAN);
	if (free_all)
		model_set(first, count, 1);
}

static void allocator_equals_an_array_of_bytes(void **state)
{
	struct store_blocks blocks;
	uint64_t first;
	uint64_t count;

	(void)state;
	random_state = 3;
	model_set(0, MODEL_BLOCKS, 0);
	assert_int_equal(store_blocks_init(&blocks), 0);
	for (int i = 0; i < 20000; i++) {
		uint32_t most = next_random(10) ? 40 : 3 * GROUP;

		switch (next_random(8)) {
		case 0:
		case 1:
		case 2:
			if (store_blocks_taken(&blocks) < MODEL_BLOCKS / 2)
				take(&blocks, 1 + next_random(most));
			break;
		case 3:
			first = next_random(MODEL_BLOCKS - most);
			count = 1 + next_random(most);
			if (first + count <= MODEL_BLOCKS && next_random(8) == 0)
				set_or_be_refused(&blocks, first, count);
			break;
		case 4:
			first = next_random(MODEL_BLOCKS - most);
			count = 1 + next_random(most);
			assert_int_equal(store_blocks_are_taken(&blocks, first, count),
					 model_all(first, count, 1));
			break;
		default:
			count = taken_run(1 + next_random(most), &first);
			if (count) {
				store_blocks_clear(&blocks, first, count);
				model_set(first, count, 0);
			}
		}
		if (i % 500 == 0)
			assert_same(&blocks);
	}
	assert_same(&blocks);
	store_blocks_finish(&blocks);
}

static void sequential_takes_follow_each_other(void **state)
{
	struct store_blocks blocks;
	uint64_t first;
	uint64_t got;

	(void)state;
	assert_int_equal(store_blocks_init(&blocks), 0);
	for (uint64_t at = 0; at < 5 * GROUP; at += got) {
		assert_int_equal(store_blocks_find(&blocks, 100, &first, &got), 0);
		assert_int_equal(first, at);
		assert_int_equal(got, 100);
	}
	store_blocks_finish(&blocks);
}

static void single_blocks_fill_gaps_and_long_runs_do_not(void **state)
{
	struct store_blocks blocks;
	uint64_t first;
	uint64_t got;

	(void)state;
	assert_int_equal(store_blocks_init(&blocks), 0);
	assert_int_equal(store_blocks_set(&blocks, 0, 1000), 0);
	store_blocks_clear(&blocks, 10, 1);
	store_blocks_clear(&blocks, 20, 15);
	store_blocks_clear(&blocks, 100, 16);
	assert_int_equal(store_blocks_find(&blocks, 64, &first, &got), 0);
	assert_int_equal(first, 100);
	assert_int_equal(got, 16);
	assert_int_equal(store_blocks_find(&blocks, 64, &first, &got), 0);
	assert_int_equal(first, 1000);
	assert_int_equal(got, 64);
	assert_int_equal(store_blocks_find(&blocks, 1, &first, &got), 0);
	assert_int_equal(first, 10);
	assert_int_equal(store_blocks_find(&blocks, 3, &first, &got), 0);
	assert_int_equal(first, 20);
	assert_int_equal(got, 3);
	store_blocks_finish(&blocks);
}

static void runs_cross_groups(void **state)
{
	struct store_blocks blocks;
	uint64_t first;
	uint64_t got;

	(void)state;
	assert_int_equal(store_blocks_init(&blocks), 0);
	assert_int_equal(store_blocks_set(&blocks, 0, 4 * GROUP), 0);
	store_blocks_clear(&blocks, GROUP - 5, GROUP + 10);
	assert_true(store_blocks_next_free(&blocks, 0, &first, &got));
	assert_int_equal(first, GROUP - 5);
	assert_int_equal(got, GROUP + 10);
	assert_int_equal(store_blocks_find(&blocks, 2 * GROUP, &first, &got), 0);
	assert_int_equal(first, GROUP - 5);
	assert_int_equal(got, GROUP + 10);
	store_blocks_finish(&blocks);
}

static void blocks_are_not_taken_twice(void **state)
{
	struct store_blocks blocks;

	(void)state;
	assert_int_equal(store_blocks_init(&blocks), 0);
	assert_int_equal(store_blocks_set(&blocks, 100, 10), 0);
	assert_int_equal(store_blocks_set(&blocks, 109, 1), -EUCLEAN);
	assert_int_equal(store_blocks_set(&blocks, 0, 3 * GROUP), -EUCLEAN);
	assert_int_equal(store_blocks_set(&blocks, 110, 0), 0);
	assert_int_equal(store_blocks_taken(&blocks), 10);
	store_blocks_finish(&blocks);
}

static void numbers_beyond_the_end_are_refused(void **state)
{
	struct store_blocks blocks;

	(void)state;
	assert_int_equal(store_blocks_init(&blocks), 0);
	assert_int_equal(store_blocks_set(&blocks, STORE_BLOCKS_END, 1), -EUCLEAN);
	assert_int_equal(store_blocks_set(&blocks, STORE_BLOCKS_END - 1, 2), -EUCLEAN);
	assert_int_equal(store_blocks_set(&blocks, UINT64_MAX, 2), -EUCLEAN);
	assert_int_equal(store_blocks_set(&blocks, 1, UINT64_MAX), -EUCLEAN);
	assert_false(store_blocks_are_taken(&blocks, UINT64_MAX, 2));
	assert_false(store_blocks_are_taken(&blocks, 0, 1));
	store_blocks_finish(&blocks);
}

/* 16 TiB that are nearly full: were any of this a search from the start, it would take minutes. */
static void large_stores_are_not_searched(void **state)
{
	const uint64_t large = (uint64_t)1 << 32;
	struct store_blocks blocks;
	uint64_t first;
	uint64_t got;

	(void)state;
	assert_int_equal(store_blocks_init(&blocks), 0);
	assert_int_equal(store_blocks_set(&blocks, 0, large), 0);
	for (int i = 0; i < 50000; i++) {
		assert_int_equal(store_blocks_find(&blocks, 16, &first, &got), 0);
		assert_int_equal(first, large + (uint64_t)i * 16);
		store_blocks_clear(&blocks, large / 2, 1);
		assert_int_equal(store_blocks_find(&blocks, 1, &first, &got), 0);
		assert_int_equal(first, large / 2);
	}
	store_blocks_finish(&blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocator_equals_an_array_of_bytes),
		cmocka_unit_test(sequential_takes_follow_each_other),
		cmocka_unit_test(single_blocks_fill_gaps_and_long_runs_do_not),
		cmocka_unit_test(runs_cross_groups),
		cmocka_unit_test(blocks_are_not_taken_twice),
		cmocka_unit_test(numbers_beyond_the_end_are_refused),
		cmocka_unit_test(large_stores_are_not_searched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
