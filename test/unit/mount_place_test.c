/* SPDX-License-Identifier: MIT */
/* Which callers the server's threads follow to their CPU. */
#include "support/unit.h"

#include <errno.h>

#include "mount/mount_place.h"

#define LARGE 131072u

static int on_cpu_one(pid_t thread)
{
	(void)thread;
	return 1;
}

static int on_a_forbidden_cpu(pid_t thread)
{
	(void)thread;
	return 900;
}

static int hidden(pid_t thread)
{
	(void)thread;
	return -ENOENT;
}

static void start(struct mount_place *place)
{
	mount_place_init(place);
	CPU_ZERO(&place->allowed);
	CPU_SET(0, &place->allowed);
	CPU_SET(1, &place->allowed);
	place->enabled = true;
}

/* The answer to the last of @count requests. */
static int ask(struct mount_place *place, pid_t caller, unsigned int count, size_t bytes,
	       int (*locate)(pid_t thread))
{
	int cpu = MOUNT_PLACE_ANYWHERE;

	while (count--)
		cpu = mount_place_note(place, caller, bytes, locate);
	return cpu;
}

static void a_caller_that_asks_often_is_followed(void **state)
{
	struct mount_place place;

	(void)state;
	start(&place);
	assert_int_equal(ask(&place, 5, 31, 0, on_cpu_one), MOUNT_PLACE_ANYWHERE);
	assert_int_equal(ask(&place, 5, 1, 0, on_cpu_one), 1);
	assert_int_equal(ask(&place, 5, 1000, 4096, on_cpu_one), 1);
}

static void two_callers_are_not_followed(void **state)
{
	struct mount_place place;

	(void)state;
	start(&place);
	assert_int_equal(ask(&place, 5, 100, 0, on_cpu_one), 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(ask(&place, 5 + i % 2, 2, 0, on_cpu_one),
				 i == 0 ? 1 : MOUNT_PLACE_ANYWHERE);
}

static void a_large_file_sets_the_threads_free(void **state)
{
	struct mount_place place;

	(void)state;
	start(&place);
	assert_int_equal(ask(&place, 5, 100, 0, on_cpu_one), 1);
	assert_int_equal(ask(&place, 5, 3, LARGE, on_cpu_one), 1);
	assert_int_equal(ask(&place, 5, 1, LARGE, on_cpu_one), MOUNT_PLACE_ANYWHERE);
	assert_int_equal(ask(&place, 5, 1000, LARGE, on_cpu_one), MOUNT_PLACE_ANYWHERE);
	assert_int_equal(ask(&place, 5, 32, 0, on_cpu_one), 1);
}

static void callers_that_cannot_be_found_are_not_followed(void **state)
{
	struct mount_place place;

	(void)state;
	start(&place);
	assert_int_equal(ask(&place, 5, 100, 0, hidden), MOUNT_PLACE_ANYWHERE);
	assert_int_equal(ask(&place, 6, 100, 0, on_a_forbidden_cpu), MOUNT_PLACE_ANYWHERE);
	assert_int_equal(ask(&place, 0, 100, 0, on_cpu_one), MOUNT_PLACE_ANYWHERE);
}

static void one_cpu_is_nothing_to_choose_from(void **state)
{
	struct mount_place place;

	(void)state;
	start(&place);
	place.enabled = false;
	assert_int_equal(ask(&place, 5, 100, 0, on_cpu_one), MOUNT_PLACE_ANYWHERE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_caller_that_asks_often_is_followed),
		cmocka_unit_test(two_callers_are_not_followed),
		cmocka_unit_test(a_large_file_sets_the_threads_free),
		cmocka_unit_test(callers_that_cannot_be_found_are_not_followed),
		cmocka_unit_test(one_cpu_is_nothing_to_choose_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
