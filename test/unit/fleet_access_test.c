/* SPDX-License-Identifier: MIT */
/* Who may mount a Pi's tree, rule by rule. */
#include "support/unit.h"

#include <arpa/inet.h>
#include <errno.h>

#include "base/checked.h"
#include "fleet/fleet_private.h"

static struct config config;
static struct fleet fleet;
static struct fleet_pi kitchen;
static struct config_network allowed;

static const struct pi_mac own = {{0xdc, 0xa6, 0x32, 1, 2, 3}};
static const struct pi_mac other = {{0xdc, 0xa6, 0x32, 9, 9, 9}};

static int begin(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	memset(&fleet, 0, sizeof(fleet));
	memset(&kitchen, 0, sizeof(kitchen));
	config.defaults.reserved_ports = true;
	config.defaults.access = CONFIG_ACCESS_MAC;
	fleet.config = &config;
	strcpy(kitchen.record.id, "036cb716");
	kitchen.record.has_mac = true;
	kitchen.record.mac = own;
	return 0;
}

static struct fleet_peer peer_with(const struct pi_mac *mac)
{
	struct fleet_peer peer = {.reserved_port = true, .in_network = true};

	inet_pton(AF_INET, "192.168.1.23", &peer.address);
	peer.has_mac = mac != NULL;
	if (mac)
		peer.mac = *mac;
	return peer;
}

static bool may(const struct fleet_pi *pi, struct fleet_peer peer)
{
	const char *why = NULL;
	int err = fleet_may_mount(&fleet, pi, &peer, &why);

	assert_true(err == 0 || (err == -EACCES && *why));
	return err == 0;
}

static void the_bound_machine_may_and_another_may_not(void **state)
{
	(void)state;
	assert_true(may(&kitchen, peer_with(&own)));
	assert_false(may(&kitchen, peer_with(&other)));
}

static void the_machine_that_loaded_first_may_too(void **state)
{
	(void)state;
	kitchen.record.has_loader = true;
	kitchen.record.loader = other;
	assert_true(may(&kitchen, peer_with(&own)));
	assert_true(may(&kitchen, peer_with(&other)));
}

static void a_listed_mac_is_the_only_one(void **state)
{
	struct config_pi listed = {.has_mac = true};

	(void)state;
	memcpy(listed.mac, other.bytes, sizeof(listed.mac));
	listed.rules = config.defaults;
	kitchen.listed = &listed;
	assert_true(may(&kitchen, peer_with(&other)));
	assert_false(may(&kitchen, peer_with(&own)));
}

static void a_pi_that_no_machine_is_bound_to_is_nobodys(void **state)
{
	(void)state;
	kitchen.record.has_mac = false;
	assert_false(may(&kitchen, peer_with(&own)));
	assert_false(may(NULL, peer_with(&own)));
}

static void nobody_else_is_told_to_be_bound_where_nobody_is(void **state)
{
	struct fleet_peer peer = peer_with(&own);
	const char *why;

	(void)state;
	assert_int_equal(fleet_may_mount(&fleet, NULL, &peer, &why), -EACCES);
	assert_non_null(strstr(why, "no machine with this serial was seen"));
	kitchen.record.has_mac = false;
	assert_int_equal(fleet_may_mount(&fleet, &kitchen, &peer, &why), -EACCES);
	assert_non_null(strstr(why, "no machine with this serial was seen"));
	/* as it is kept for status */
	assert_in_range(strlen(why), 1, sizeof(kitchen.refused) - 1);
}

static void without_a_mac_the_address_that_loaded_counts_for_a_while(void **state)
{
	struct fleet_peer peer = peer_with(NULL);

	(void)state;
	assert_false(may(&kitchen, peer));
	kitchen.loader = peer.address;
	kitchen.loaded_ms = fleet_ms();
	assert_true(may(&kitchen, peer));
	peer.address.s_addr ^= htonl(1);
	assert_false(may(&kitchen, peer));
	peer.address = kitchen.loader;
	kitchen.loaded_ms = fleet_ms() > FLEET_LOADED_MS ? fleet_ms() - FLEET_LOADED_MS : 0;
	assert_false(may(&kitchen, peer));
}

static void where_a_mac_is_seen_the_address_does_not_count(void **state)
{
	struct fleet_peer peer = peer_with(&other);

	(void)state;
	kitchen.loader = peer.address;
	kitchen.loaded_ms = fleet_ms();
	assert_false(may(&kitchen, peer));
}

static bool loads(struct fleet_peer peer)
{
	const char *why = NULL;
	int err = fleet_may_load(&fleet, &kitchen, &peer, &why);

	assert_true(err == 0 || (err == -EACCES && *why));
	return err == 0;
}

static void the_first_machine_that_loads_is_bound_and_another_may_not_load(void **state)
{
	(void)state;
	kitchen.record.has_mac = false;
	assert_true(loads(peer_with(&own)));
	assert_true(kitchen.record.has_loader && kitchen.dirty);
	assert_true(loads(peer_with(&own)));
	assert_false(loads(peer_with(&other)));
	assert_false(may(&kitchen, peer_with(&other)));
}

static const struct pi_mac laptop = {{0x3c, 0x97, 0x0e, 7, 7, 7}};
static uint8_t raspberry[][3] = {{0xdc, 0xa6, 0x32}};

/* A machine that has had a look at its files, before the Pi was there. */
static void look_as(const struct pi_mac *mac)
{
	config.oui = raspberry;
	config.oui_count = ARRAY_SIZE(raspberry);
	kitchen.record.has_mac = false;
	assert_true(loads(peer_with(mac)));
	kitchen.dirty = false;
}

static void who_had_a_look_gives_way_to_who_says_the_serial(void **state)
{
	(void)state;
	look_as(&laptop);
	assert_true(fleet_take_over(&fleet, &kitchen, &own, true));
	assert_true(kitchen.dirty);
	assert_true(loads(peer_with(&own)) && may(&kitchen, peer_with(&own)));
	assert_false(loads(peer_with(&laptop)) || may(&kitchen, peer_with(&laptop)));
	/* the same again from another one is none */
	assert_false(fleet_take_over(&fleet, &kitchen, &other, true));
	assert_false(fleet_take_over(&fleet, &kitchen, &laptop, true));
}

static void who_had_a_look_gives_way_to_an_address_of_raspberry_pi(void **state)
{
	(void)state;
	look_as(&laptop);
	assert_true(loads(peer_with(&own)));
	assert_false(loads(peer_with(&laptop)) || loads(peer_with(&other)));
}

static void an_address_of_raspberry_pi_gives_way_only_to_another(void **state)
{
	(void)state;
	look_as(&other);
	assert_false(fleet_take_over(&fleet, &kitchen, &laptop, true));
	assert_true(fleet_take_over(&fleet, &kitchen, &own, true));
}

static void who_has_mounted_gives_way_to_nobody(void **state)
{
	(void)state;
	look_as(&laptop);
	kitchen.record.mounted = 1;
	assert_false(fleet_take_over(&fleet, &kitchen, &own, true));
	assert_false(loads(peer_with(&own)));
	assert_true(may(&kitchen, peer_with(&laptop)));
}

static void a_bridge_may_have_another_mac_than_the_pi_behind_it(void **state)
{
	(void)state;
	assert_true(loads(peer_with(&other)));
	assert_true(may(&kitchen, peer_with(&other)));
}

/* Whether something is to be logged; it is. */
static bool is_told(void)
{
	bool told = fleet.lines;

	pthread_mutex_lock(&fleet.lock);
	fleet_unlock(&fleet);
	return told;
}

static int end(void **state)
{
	(void)state;
	is_told();
	return 0;
}

static void two_macs_for_one_pi_are_told_of_once(void **state)
{
	(void)state;
	kitchen.record.joined = true;
	assert_true(loads(peer_with(&other)));
	assert_true(is_told());
	assert_true(loads(peer_with(&other)) && loads(peer_with(&own)));
	assert_false(is_told());
	kitchen.record.has_loader = false;
	assert_true(loads(peer_with(&own)));
	assert_false(is_told());
}

static void a_given_mac_is_not_shared_with_whoever_loads_first(void **state)
{
	(void)state;
	kitchen.record.mac_given = true;
	assert_false(loads(peer_with(&other)));
	assert_false(kitchen.record.has_loader);
	assert_false(may(&kitchen, peer_with(&other)));
	assert_true(loads(peer_with(&own)));
	assert_true(may(&kitchen, peer_with(&own)));
}

static void a_neighbours_files_are_not_for_other_networks(void **state)
{
	struct fleet_peer peer = peer_with(NULL);

	(void)state;
	assert_true(loads(peer_with(&own)));
	peer.in_network = false;
	assert_false(loads(peer));
	kitchen.loader = peer.address;
	kitchen.loaded_ms = fleet_ms();
	assert_false(may(&kitchen, peer));
}

static void files_are_for_networks_that_are_allowed(void **state)
{
	(void)state;
	assert_true(loads(peer_with(&own)));
	inet_pton(AF_INET, "192.168.0.0", &allowed.address);
	inet_pton(AF_INET, "255.255.0.0", &allowed.mask);
	config.defaults.allow = &allowed;
	config.defaults.allow_count = 1;
	assert_true(loads(peer_with(&other)));
}

static void a_neighbour_whose_mac_is_not_known_yet_gets_nothing_by_its_address(void **state)
{
	struct fleet_peer peer = peer_with(NULL);
	const char *why;

	(void)state;
	peer.near = true;
	kitchen.loader = peer.address;
	kitchen.loaded_ms = fleet_ms();
	kitchen.record.mounted_by = peer.address;
	assert_int_equal(fleet_may_load(&fleet, &kitchen, &peer, &why), -EHOSTUNREACH);
	assert_int_equal(fleet_may_mount(&fleet, &kitchen, &peer, &why), -EHOSTUNREACH);
	assert_int_equal(fleet_may_mount(&fleet, NULL, &peer, &why), -EHOSTUNREACH);
	assert_int_equal(fleet_may_go_on(&fleet, &kitchen, &peer, &why), -EHOSTUNREACH);
	assert_true(fleet_is_hidden(&fleet, &kitchen, &peer));
	/* of another user, the port says enough */
	peer.reserved_port = false;
	assert_int_equal(fleet_may_mount(&fleet, &kitchen, &peer, &why), -EACCES);
	/* as soon as it is, that is what counts */
	peer = peer_with(&other);
	peer.near = true;
	assert_false(may(&kitchen, peer));
	peer.mac = own;
	assert_true(may(&kitchen, peer));
}

static void the_mac_of_a_neighbour_is_not_waited_for_where_the_rules_ask_for_none(void **state)
{
	struct fleet_peer peer = peer_with(NULL);

	(void)state;
	peer.near = true;
	config.defaults.access = CONFIG_ACCESS_SUBNET;
	assert_true(may(&kitchen, peer) && loads(peer));
	config.defaults.access = CONFIG_ACCESS_MAC;
	inet_pton(AF_INET, "192.168.0.0", &allowed.address);
	inet_pton(AF_INET, "255.255.0.0", &allowed.mask);
	config.defaults.allow = &allowed;
	config.defaults.allow_count = 1;
	assert_true(may(&kitchen, peer) && loads(peer));
}

static void whoever_has_mounted_without_a_mac_may_go_on_after_a_restart(void **state)
{
	struct fleet_peer peer = peer_with(NULL);
	const char *why;

	(void)state;
	assert_int_equal(fleet_may_go_on(&fleet, &kitchen, &peer, &why), -EACCES);
	kitchen.record.mounted_by = peer.address;
	assert_int_equal(fleet_may_go_on(&fleet, &kitchen, &peer, &why), 0);
	assert_false(may(&kitchen, peer));
	peer.reserved_port = false;
	assert_int_equal(fleet_may_go_on(&fleet, &kitchen, &peer, &why), -EACCES);
	peer = peer_with(&other);
	assert_int_equal(fleet_may_go_on(&fleet, &kitchen, &peer, &why), -EACCES);
}

static void the_server_itself_may_from_any_port(void **state)
{
	struct fleet_peer peer = peer_with(NULL);

	(void)state;
	peer.local = true;
	peer.trusted = true;
	peer.reserved_port = false;
	assert_true(may(&kitchen, peer));
	assert_true(may(NULL, peer));
	assert_true(loads(peer));
}

static void other_users_of_the_server_are_nobody_in_particular(void **state)
{
	struct fleet_peer peer = peer_with(NULL);

	(void)state;
	peer.local = true;
	peer.reserved_port = false;
	assert_false(may(&kitchen, peer));
	assert_false(may(NULL, peer));
	assert_false(loads(peer));
	kitchen.loader = peer.address;
	kitchen.loaded_ms = fleet_ms();
	assert_false(may(&kitchen, peer));
	peer.reserved_port = true;
	assert_true(may(&kitchen, peer) && loads(peer));
	peer.reserved_port = false;
	config.defaults.reserved_ports = false;
	assert_true(may(&kitchen, peer) && loads(peer));
	config.defaults.reserved_ports = true;
	/* what anybody may have who asks first */
	kitchen.record.has_mac = false;
	assert_true(loads(peer));
	assert_false(may(&kitchen, peer));
}

static void a_port_of_an_ordinary_user_is_refused_unless_the_rules_say_otherwise(void **state)
{
	struct fleet_peer peer = peer_with(&own);

	(void)state;
	peer.reserved_port = false;
	assert_false(may(&kitchen, peer));
	config.defaults.reserved_ports = false;
	assert_true(may(&kitchen, peer));
}

static void networks_that_are_allowed_may_whatever_the_rule(void **state)
{
	(void)state;
	inet_pton(AF_INET, "192.168.0.0", &allowed.address);
	inet_pton(AF_INET, "255.255.0.0", &allowed.mask);
	config.defaults.allow = &allowed;
	config.defaults.allow_count = 1;
	assert_true(may(&kitchen, peer_with(&other)));
	inet_pton(AF_INET, "192.169.0.0", &allowed.address);
	assert_false(may(&kitchen, peer_with(&other)));
}

static void the_rule_subnet_asks_for_a_network_of_ours(void **state)
{
	struct fleet_peer peer = peer_with(&other);

	(void)state;
	config.defaults.access = CONFIG_ACCESS_SUBNET;
	assert_true(may(&kitchen, peer) && loads(peer));
	peer.in_network = false;
	assert_false(may(&kitchen, peer) || loads(peer));
}

static void the_rule_any_asks_nothing(void **state)
{
	struct fleet_peer peer = peer_with(NULL);

	(void)state;
	config.defaults.access = CONFIG_ACCESS_ANY;
	peer.in_network = false;
	assert_true(may(NULL, peer));
}

static bool may_join(struct fleet_peer peer)
{
	const char *why = NULL;
	bool joins = fleet_may_join(&fleet, &peer, &why);

	assert_true(joins || *why);
	return joins;
}

static void new_pis_are_limited_and_come_again_later(void **state)
{
	unsigned int joined = 0;

	(void)state;
	fleet.joins.ms = fleet_ms();
	while (joined < 100000 && may_join(peer_with(&own)))
		joined++;
	assert_in_range(joined, 1000, 5000);
	fleet.joins.ms -= 10000;
	assert_true(may_join(peer_with(&own)));
}

/* Pis that have joined, each as what @peer comes with, up to @most; how many could. */
static size_t join_as(struct fleet_peer *peer, bool each_its_own, size_t most)
{
	static struct fleet_pi pis[1100];
	static struct fleet_pi *all[ARRAY_SIZE(pis)];
	size_t count = 0;

	memset(pis, 0, sizeof(pis));
	fleet.pis = all;
	fleet.pis_count = 0;
	while (count < most && may_join(*peer)) {
		struct fleet_pi *pi = &pis[count];

		all[count++] = pi;
		fleet.pis_count = count;
		snprintf(pi->record.id, sizeof(pi->record.id), "%08zx", count);
		pi->record.joined = true;
		fleet_bind_joined(pi, peer);
		pi->record.mounted_by = peer->address;
		pi->record.mounted = fleet_wall();
		if (each_its_own) {
			peer->mac.bytes[4] = (uint8_t)(count >> 8);
			peer->mac.bytes[5] = (uint8_t)count;
			peer->address.s_addr += htonl(1);
		}
	}
	return count;
}

static void a_classroom_may_join_at_once(void **state)
{
	struct fleet_peer peer = peer_with(&own);

	(void)state;
	assert_int_equal(join_as(&peer, true, 1000), 1000);
	peer = peer_with(NULL);
	assert_int_equal(join_as(&peer, true, 1000), 1000);
}

static void one_machine_may_join_with_so_many_serials_however_long_it_takes(void **state)
{
	struct fleet_peer peer = peer_with(&own);
	size_t joined = join_as(&peer, false, 1100);

	(void)state;
	assert_in_range(joined, 1000, 1090);
	fleet.pis[0]->record.mounted -= 365 * 86400;
	peer.address.s_addr ^= htonl(7);
	assert_false(may_join(peer));
	assert_true(may_join(peer_with(&other)));
	/* one that was removed, or is listed, does not count */
	fleet.pis[0]->record.joined = false;
	assert_true(may_join(peer));
}

static void an_address_without_a_mac_may_join_with_so_many_serials_in_a_day(void **state)
{
	struct fleet_peer peer = peer_with(NULL);
	size_t joined = join_as(&peer, false, 1100);

	(void)state;
	assert_in_range(joined, 1000, 1090);
	fleet.pis[0]->record.mounted -= 2 * 86400;
	assert_true(may_join(peer));
}

static void whoever_is_trusted_may_join_with_any_number_of_serials(void **state)
{
	struct fleet_peer peer = peer_with(&own);

	(void)state;
	peer.local = true;
	peer.has_mac = false;
	assert_int_equal(join_as(&peer, false, 1100), 1100);
	memset(&fleet.joins, 0, sizeof(fleet.joins));
	peer = peer_with(&own);
	inet_pton(AF_INET, "192.168.0.0", &allowed.address);
	inet_pton(AF_INET, "255.255.0.0", &allowed.mask);
	config.defaults.allow = &allowed;
	config.defaults.allow_count = 1;
	assert_int_equal(join_as(&peer, false, 1100), 1100);
}

static void whoever_joins_is_bound_if_nobody_is(void **state)
{
	struct fleet_peer peer = peer_with(&other);

	(void)state;
	fleet_bind_joined(&kitchen, &peer);
	assert_false(kitchen.record.has_loader);
	kitchen.record.has_mac = false;
	fleet_bind_joined(&kitchen, &peer);
	assert_true(kitchen.record.has_loader && pi_mac_is_equal(&kitchen.record.loader, &other));
}

int main(void)
{
#define RULE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		RULE(the_bound_machine_may_and_another_may_not),
		RULE(the_machine_that_loaded_first_may_too),
		RULE(a_listed_mac_is_the_only_one),
		RULE(a_pi_that_no_machine_is_bound_to_is_nobodys),
		RULE(nobody_else_is_told_to_be_bound_where_nobody_is),
		RULE(without_a_mac_the_address_that_loaded_counts_for_a_while),
		RULE(where_a_mac_is_seen_the_address_does_not_count),
		RULE(the_first_machine_that_loads_is_bound_and_another_may_not_load),
		RULE(who_had_a_look_gives_way_to_who_says_the_serial),
		RULE(who_had_a_look_gives_way_to_an_address_of_raspberry_pi),
		RULE(an_address_of_raspberry_pi_gives_way_only_to_another),
		RULE(who_has_mounted_gives_way_to_nobody),
		RULE(a_bridge_may_have_another_mac_than_the_pi_behind_it),
		RULE(two_macs_for_one_pi_are_told_of_once),
		RULE(a_given_mac_is_not_shared_with_whoever_loads_first),
		RULE(a_neighbours_files_are_not_for_other_networks),
		RULE(files_are_for_networks_that_are_allowed),
		RULE(a_neighbour_whose_mac_is_not_known_yet_gets_nothing_by_its_address),
		RULE(the_mac_of_a_neighbour_is_not_waited_for_where_the_rules_ask_for_none),
		RULE(whoever_has_mounted_without_a_mac_may_go_on_after_a_restart),
		RULE(the_server_itself_may_from_any_port),
		RULE(other_users_of_the_server_are_nobody_in_particular),
		RULE(a_port_of_an_ordinary_user_is_refused_unless_the_rules_say_otherwise),
		RULE(networks_that_are_allowed_may_whatever_the_rule),
		RULE(the_rule_subnet_asks_for_a_network_of_ours),
		RULE(the_rule_any_asks_nothing),
		RULE(new_pis_are_limited_and_come_again_later),
		RULE(a_classroom_may_join_at_once),
		RULE(one_machine_may_join_with_so_many_serials_however_long_it_takes),
		RULE(an_address_without_a_mac_may_join_with_so_many_serials_in_a_day),
		RULE(whoever_is_trusted_may_join_with_any_number_of_serials),
		RULE(whoever_joins_is_bound_if_nobody_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
