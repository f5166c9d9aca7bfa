/* SPDX-License-Identifier: MIT */
/* Which Pis are kept that are not ours. */
#include "support/unit.h"

#include "fleet/fleet_private.h"

static struct config config;
static struct fleet fleet;
static uint64_t now;

static int begin(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	memset(&fleet, 0, sizeof(fleet));
	fleet.config = &config;
	now = 1;
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < fleet.pis_count; i++)
		free(fleet.pis[i]);
	free(fleet.pis);
	free(fleet.forgotten);
	return 0;
}

/* A guest that asks with @serial: the machine @machine by its MAC, if it has one, and by its address. */
static struct fleet_pi *ask(uint32_t serial, uint32_t machine, bool has_mac)
{
	char id[FLEET_ID_MAX + 1];
	struct fleet_pi *pi;

	snprintf(id, sizeof(id), "%08x", serial);
	pi = fleet_meet(&fleet, id);
	assert_non_null(pi);
	pi->record.has_loader = has_mac;
	if (has_mac)
		memcpy(pi->record.loader.bytes, &machine, sizeof(machine));
	pi->address.s_addr = machine;
	pi->seen_ms = now++;
	return pi;
}

static bool is_there(uint32_t serial)
{
	char id[FLEET_ID_MAX + 1];

	snprintf(id, sizeof(id), "%08x", serial);
	return fleet_find(&fleet, id);
}

static void a_machine_with_many_serials_pushes_nobody_else_out(void **state)
{
	(void)state;
	for (int has_mac = 0; has_mac < 2; has_mac++) {
		begin(NULL);
		for (uint32_t i = 0; i < 500; i++)
			ask(i, 1 + i, has_mac);
		for (uint32_t i = 0; i < 3000; i++)
			ask(1000 + i, 1000, has_mac);
		for (uint32_t i = 0; i < 500; i++)
			assert_true(is_there(i));
		assert_in_range(fleet.pis_count, 1000, 1100);
		assert_true(is_there(3999));
		if (!has_mac)
			end(NULL);
	}
}

static void of_many_machines_the_one_seen_longest_ago_is_forgotten(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2000; i++)
		ask(i, 1 + i, true);
	assert_in_range(fleet.pis_count, 1000, 1100);
	assert_false(is_there(0) || is_there(800));
	assert_true(is_there(1100) && is_there(1999));
}

static void a_bridge_may_stand_for_a_classroom(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 900; i++)
		ask(i, 7, true);
	for (uint32_t i = 0; i < 100; i++)
		ask(1000 + i, 1000 + i, true);
	for (uint32_t i = 0; i < 900; i++)
		assert_true(is_there(i));
}

static void ours_are_never_forgotten(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2000; i++)
		ask(i, 7, true)->record.joined = true;
	assert_int_equal(fleet.pis_count, 2000);
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		RULE(a_machine_with_many_serials_pushes_nobody_else_out),
		RULE(of_many_machines_the_one_seen_longest_ago_is_forgotten),
		RULE(a_bridge_may_stand_for_a_classroom),
		RULE(ours_are_never_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
