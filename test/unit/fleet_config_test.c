/* SPDX-License-Identifier: MIT */
/* Configurations of before go when nobody uses them, and not sooner; and nobody logs with the lock held. */
#include "support/unit.h"

#include "fleet/fleet_private.h"

static struct config first, second, third;
static struct fleet fleet;

static int begin(void **state)
{
	(void)state;
	memset(&fleet, 0, sizeof(fleet));
	pthread_mutex_init(&fleet.lock, NULL);
	return fleet_config_set(&fleet, &first);
}

static int end(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	fleet_config_end(&fleet);
	pthread_mutex_destroy(&fleet.lock);
	return 0;
}

static void the_present_one_stays(void **state)
{
	(void)state;
	assert_false(fleet_forget_config(&fleet, &first));
	assert_int_equal(fleet_config_set(&fleet, &second), 0);
	assert_ptr_equal(fleet.config, &second);
	assert_false(fleet_forget_config(&fleet, &second));
	assert_true(fleet_forget_config(&fleet, &first));
	assert_ptr_equal(fleet.config, &second);
}

static void one_that_is_in_use_stays_until_it_is_returned(void **state)
{
	struct fleet_config *one = fleet_config_borrow(&fleet);
	struct fleet_config *two, *again;

	(void)state;
	assert_int_equal(fleet_config_set(&fleet, &second), 0);
	two = fleet_config_borrow(&fleet);
	again = fleet_config_borrow(&fleet);
	assert_int_equal(fleet_config_set(&fleet, &third), 0);
	assert_false(fleet_forget_config(&fleet, &first));
	assert_false(fleet_forget_config(&fleet, &second));
	fleet_config_return(two);
	assert_false(fleet_forget_config(&fleet, &second));
	fleet_config_return(again);
	assert_true(fleet_forget_config(&fleet, &second));
	assert_false(fleet_forget_config(&fleet, &first));
	fleet_config_return(one);
	assert_true(fleet_forget_config(&fleet, &first));
	assert_ptr_equal(fleet.config, &third);
}

static void one_that_fails_gives_way_to_the_one_before(void **state)
{
	(void)state;
	assert_int_equal(fleet_config_set(&fleet, &second), 0);
	fleet_config_unset(&fleet);
	assert_ptr_equal(fleet.config, &first);
	assert_true(fleet_forget_config(&fleet, &second));
	assert_false(fleet_forget_config(&fleet, &first));
}

static unsigned int logged;

/* Whoever logs can have the lock. */
static void count(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	assert_int_equal(pthread_mutex_trylock(&fleet.lock), 0);
	pthread_mutex_unlock(&fleet.lock);
	logged++;
	assert_string_equal(line, logged == 1 ? "pi 036cb716: refused: 0.0.0.0: is not listed"
					      : "second");
}

static void a_refusal_is_logged_without_the_lock_and_in_order(void **state)
{
	(void)state;
	log_set_sink(count, NULL);
	pthread_mutex_lock(&fleet.lock);
	fleet_refuse(&fleet, "036cb716", (struct in_addr){0}, "is not listed");
	fleet_say(&fleet, LOG_LEVEL_WARN, "%s", "second");
	assert_int_equal(logged, 0);
	fleet_unlock(&fleet);
	assert_int_equal(logged, 2);
	assert_null(fleet.lines);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(the_present_one_stays),
		TEST(one_that_is_in_use_stays_until_it_is_returned),
		TEST(one_that_fails_gives_way_to_the_one_before),
		TEST(a_refusal_is_logged_without_the_lock_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
