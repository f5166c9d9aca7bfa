/* SPDX-License-Identifier: MIT */
/* How often nodes are held: the hash table against plain counters. */
#include "support/unit.h"

#include "overlay/overlay_held.h"

#define IDS 700u

static void counts_are_those_of_plain_counters(void **state)
{
	static unsigned int counts[IDS];
	struct overlay_held held;
	unsigned int seed = 1;

	(void)state;
	assert_int_equal(overlay_held_init(&held), 0);
	for (unsigned int i = 0; i < 200000; i++) {
		uint64_t id;

		seed = seed * 1103515245u + 12345u;
		/* ids that share homes: far apart, and few at times */
		id = 1 + (seed >> 8) % (i / 40000 % 2 ? 20u : IDS - 1);
		if (seed >> 24 & 1) {
			assert_int_equal(overlay_held_add(&held, id << 20), 0);
			counts[id]++;
		} else {
			bool last = overlay_held_drop(&held, id << 20, 1);

			assert_int_equal(last, counts[id] == 1);
			counts[id] -= counts[id] > 0;
		}
		assert_int_equal(overlay_is_held(&held, id << 20), counts[id] > 0);
	}
	for (uint64_t id = 1; id < IDS; id++) {
		assert_int_equal(overlay_is_held(&held, id << 20), counts[id] > 0);
		assert_int_equal(overlay_held_drop(&held, id << 20, UINT64_MAX), counts[id] > 0);
	}
	assert_int_equal(held.used, 0);
	assert_null(held.slots);
	overlay_held_finish(&held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_those_of_plain_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
