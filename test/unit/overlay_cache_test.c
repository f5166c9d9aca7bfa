/* SPDX-License-Identifier: MIT */
/* What an overlay remembers of nodes is never older than what it has said. */
#include "support/unit.h"

#include <pthread.h>

#include "overlay/overlay_cache.h"
#include "support/overlay_fixture.h"

static const struct record_node node = {.mode = S_IFREG | 0644, .nlink = 1, .size = 7};

static void what_was_put_in_is_found(void **state)
{
	struct overlay_cache cache = {0};
	struct record_node out;

	(void)state;
	assert_false(overlay_cache_find(&cache, 5, &out));
	overlay_cache_put(&cache, overlay_cache_version(&cache), 5, &node);
	assert_true(overlay_cache_find(&cache, 5, &out));
	assert_int_equal(out.size, 7);
	assert_false(overlay_cache_find(&cache, 6, &out));
	overlay_cache_drop(&cache, 5);
	assert_false(overlay_cache_find(&cache, 5, &out));
	overlay_cache_drop(&cache, 6);
	overlay_cache_finish(&cache);
}

static void what_was_read_before_a_change_is_not_put_in_after_it(void **state)
{
	struct overlay_cache cache = {0};
	struct record_node out;
	uint64_t before = overlay_cache_version(&cache), within;

	(void)state;
	overlay_cache_turn(&cache);
	within = overlay_cache_version(&cache);
	overlay_cache_put(&cache, before, 5, &node);
	overlay_cache_put(&cache, within, 5, &node);
	assert_false(overlay_cache_find(&cache, 5, &out));
	overlay_cache_turn(&cache);
	overlay_cache_put(&cache, before, 5, &node);
	overlay_cache_put(&cache, within, 5, &node);
	assert_false(overlay_cache_find(&cache, 5, &out));
	overlay_cache_finish(&cache);
}

struct growing {
	struct tree *tree;
	uint64_t id;
	atomic_bool end;
	atomic_bool shrank;
};

/* A file that only grows is never seen shorter than before. */
static void *watch(void *ctx)
{
	struct growing *growing = ctx;
	uint64_t last = 0;

	while (!growing->end) {
		struct tree_attr attr;

		if (tree_getattr(growing->tree, growing->id, &attr) || attr.size < last)
			growing->shrank = true;
		last = attr.size;
	}
	return NULL;
}

static void nobody_sees_what_was_before_a_change_that_is_done(void **state)
{
	struct fixture *f = *state;
	struct growing growing = {.tree = f->tree, .id = f->fstab};
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, watch, &growing);
	for (uint64_t size = 8; size < 4000; size++) {
		assert_int_equal(tree_write(f->tree, f->fstab, "x", 1, size - 1, 0), 0);
		assert_int_equal(fixture_attr(f->tree, f->fstab).size, size);
	}
	growing.end = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_false(growing.shrank);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_in_is_found),
		cmocka_unit_test(what_was_read_before_a_change_is_not_put_in_after_it),
		TEST(nobody_sees_what_was_before_a_change_that_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
