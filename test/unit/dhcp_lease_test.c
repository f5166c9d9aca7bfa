/* SPDX-License-Identifier: MIT */
/* Who gets which address, and leases as text. */
#include "support/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "dhcp/dhcp_lease.h"
#include "support/dhcp_maker.h"

#define LONGEST_MS 3600000u

static const uint8_t a[6] = {2, 0, 0, 0, 0, 0xa};
static const uint8_t b[6] = {2, 0, 0, 0, 0, 0xb};
static const uint8_t c[6] = {2, 0, 0, 0, 0, 0xc};
static const struct in_addr none;

static int set_up(void **state)
{
	struct dhcp_leases *leases = calloc(1, sizeof(*leases));

	*state = leases;
	return !leases || dhcp_leases_init(leases, make_ip("10.0.0.10"), make_ip("10.0.0.12"));
}

static int tear_down(void **state)
{
	dhcp_leases_finish(*state);
	free(*state);
	return 0;
}

/* The address that @mac gets, bound until then; 0.0.0.0: none. */
static struct in_addr give(struct dhcp_leases *leases, const uint8_t mac[6], uint64_t now,
			   uint64_t until)
{
	struct in_addr address = none;

	if (dhcp_leases_choose(leases, mac, none, none, now, &address))
		assert_int_equal(dhcp_leases_set(leases, address, mac, DHCP_LEASE_BOUND, until), 0);
	return address;
}

static void pools_have_a_size(void **state)
{
	struct dhcp_leases leases;

	(void)state;
	assert_int_equal(dhcp_leases_init(&leases, none, make_ip("10.0.0.1")), -EINVAL);
	assert_int_equal(dhcp_leases_init(&leases, make_ip("10.0.0.2"), make_ip("10.0.0.1")),
			 -EINVAL);
	assert_int_equal(dhcp_leases_init(&leases, make_ip("10.0.0.0"), make_ip("10.1.0.0")),
			 -EINVAL);
	assert_int_equal(dhcp_leases_init(&leases, make_ip("10.0.0.0"), make_ip("10.0.255.255")),
			 0);
	dhcp_leases_finish(&leases);
}

static void a_client_gets_the_same_address_again(void **state)
{
	struct dhcp_leases *leases = *state;
	struct in_addr first = give(leases, a, 0, 100);

	assert_int_equal(give(leases, a, 50, 150).s_addr, first.s_addr);
	/* even long after it has ended */
	assert_int_equal(give(leases, b, 1000, 2000).s_addr == first.s_addr, false);
	assert_int_equal(give(leases, a, 9999, 10099).s_addr, first.s_addr);
}

static void a_new_table_gives_a_client_the_same_address(void **state)
{
	struct dhcp_leases *leases = *state;
	struct dhcp_leases other;
	struct in_addr first = give(leases, a, 0, 100);

	assert_int_equal(dhcp_leases_init(&other, leases->first, leases->last), 0);
	assert_int_equal(give(&other, a, 0, 100).s_addr, first.s_addr);
	dhcp_leases_finish(&other);
}

static void what_a_client_wants_it_gets_if_it_is_free(void **state)
{
	struct dhcp_leases *leases = *state;
	struct in_addr got;

	assert_true(dhcp_leases_choose(leases, a, none, make_ip("10.0.0.11"), 0, &got));
	assert_int_equal(got.s_addr, make_ip("10.0.0.11").s_addr);
	dhcp_leases_set(leases, got, a, DHCP_LEASE_BOUND, 100);
	assert_true(dhcp_leases_choose(leases, b, none, make_ip("10.0.0.11"), 0, &got));
	assert_int_not_equal(got.s_addr, make_ip("10.0.0.11").s_addr);
	assert_true(dhcp_leases_choose(leases, c, none, make_ip("10.0.0.99"), 0, &got));
	assert_true(dhcp_leases_in_pool(leases, got));
}

static void a_reservation_may_lie_outside_the_pool(void **state)
{
	struct dhcp_leases *leases = *state;
	struct in_addr own = make_ip("10.0.0.200");
	struct in_addr got;

	give(leases, a, 0, 100);
	assert_true(dhcp_leases_choose(leases, a, own, none, 0, &got));
	assert_int_equal(got.s_addr, own.s_addr);
	dhcp_leases_set(leases, own, a, DHCP_LEASE_BOUND, 100);
	assert_int_equal(dhcp_leases_of(leases, a)->address.s_addr, own.s_addr);
	/* what it had before is free for others at once */
	assert_true(give(leases, b, 0, 100).s_addr && give(leases, c, 0, 100).s_addr);
}

static bool is_11(void *ctx, struct in_addr address, const uint8_t mac[6])
{
	(void)ctx;
	return address.s_addr == make_ip("10.0.0.11").s_addr && memcmp(mac, a, 6) != 0;
}

static void what_is_reserved_for_another_is_given_to_nobody_else(void **state)
{
	struct dhcp_leases *leases = *state;
	struct in_addr got;

	leases->reserved = is_11;
	assert_true(give(leases, b, 0, 100).s_addr);
	assert_true(give(leases, c, 0, 100).s_addr);
	assert_null(dhcp_leases_at(leases, make_ip("10.0.0.11")));
	assert_true(dhcp_leases_choose(leases, a, make_ip("10.0.0.11"), none, 0, &got));
	assert_int_equal(got.s_addr, make_ip("10.0.0.11").s_addr);
}

static void the_servers_own_address_is_given_to_nobody(void **state)
{
	struct dhcp_leases *leases = *state;

	leases->never[DHCP_NEVER_MAX - 1] = make_ip("10.0.0.10");
	assert_true(give(leases, a, 0, 100).s_addr);
	assert_true(give(leases, b, 0, 100).s_addr);
	assert_int_equal(give(leases, c, 0, 100).s_addr, 0);
}

static void a_full_pool_gives_what_ended_longest_ago(void **state)
{
	static const uint8_t d[6] = {2, 0, 0, 0, 0, 0xd};
	struct dhcp_leases *leases = *state;
	struct in_addr of_b;

	give(leases, a, 0, 300);
	of_b = give(leases, b, 0, 100);
	give(leases, c, 0, 200);
	assert_int_equal(give(leases, d, 50, 500).s_addr, 0);
	assert_int_equal(give(leases, d, 250, 500).s_addr, of_b.s_addr);
	assert_null(dhcp_leases_of(leases, b));
}

static void an_offer_that_nobody_takes_is_no_lasting_loss(void **state)
{
	static const uint8_t d[6] = {2, 0, 0, 0, 0, 0xd};
	struct dhcp_leases *leases = *state;
	struct in_addr offered;
	struct in_addr got;

	give(leases, a, 0, 300);
	give(leases, b, 0, 300);
	assert_true(dhcp_leases_choose(leases, c, none, none, 0, &offered));
	dhcp_leases_set(leases, offered, c, DHCP_LEASE_OFFERED, 60);
	assert_true(dhcp_leases_choose(leases, d, none, none, 10, &got));
	assert_int_equal(got.s_addr, offered.s_addr);
	/* but as long as there is a free one, it stays */
	dhcp_leases_of(leases, b)->until = 0;
	assert_true(dhcp_leases_choose(leases, d, none, none, 10, &got));
	assert_int_not_equal(got.s_addr, offered.s_addr);
}

static void an_offer_of_what_is_reserved_stays(void **state)
{
	static const uint8_t d[6] = {2, 0, 0, 0, 0, 0xd};
	struct dhcp_leases *leases = *state;
	struct in_addr got;

	leases->reserved = is_11;
	dhcp_leases_set(leases, make_ip("10.0.0.11"), a, DHCP_LEASE_OFFERED, 60);
	assert_true(give(leases, b, 0, 300).s_addr);
	assert_true(give(leases, c, 0, 300).s_addr);
	assert_false(dhcp_leases_choose(leases, d, none, none, 10, &got));
}

static void a_declined_address_rests(void **state)
{
	struct dhcp_leases *leases = *state;
	struct in_addr first = give(leases, a, 0, 1000);

	dhcp_leases_decline(leases, dhcp_leases_of(leases, a), 500);
	assert_null(dhcp_leases_of(leases, a));
	assert_int_not_equal(give(leases, a, 10, 1000).s_addr, first.s_addr);
	assert_false(dhcp_leases_is_free(leases, first, b, 499));
	assert_true(dhcp_leases_is_free(leases, first, b, 500));
}

static void leases_outlive_a_restart(void **state)
{
	struct dhcp_leases *leases = *state;
	struct in_addr of_a = give(leases, a, 1000, 601000);
	struct in_addr of_b = give(leases, b, 1000, 2000);
	struct dhcp_leases other;
	char *text;
	size_t len;

	assert_int_equal(dhcp_leases_format(leases, 61000, 1764300000, &text, &len), 0);
	assert_int_equal(dhcp_leases_init(&other, leases->first, leases->last), 0);
	/* 100 seconds later, by a clock that begins anew */
	assert_int_equal(dhcp_leases_parse(&other, text, len, 5, 1764300100, LONGEST_MS), 0);
	assert_int_equal(dhcp_leases_of(&other, a)->address.s_addr, of_a.s_addr);
	assert_int_equal(dhcp_leases_of(&other, a)->until, 5 + 440000);
	assert_int_equal(dhcp_leases_of(&other, a)->state, DHCP_LEASE_BOUND);
	assert_int_equal(dhcp_leases_of(&other, b)->address.s_addr, of_b.s_addr);
	assert_int_equal(dhcp_leases_of(&other, b)->state, DHCP_LEASE_OLD);
	dhcp_leases_finish(&other);
	free(text);
}

static void offers_and_declined_addresses_are_not_kept(void **state)
{
	struct dhcp_leases *leases = *state;
	char *text;
	size_t len;

	dhcp_leases_set(leases, make_ip("10.0.0.10"), a, DHCP_LEASE_OFFERED, 100);
	give(leases, b, 0, 100);
	dhcp_leases_decline(leases, dhcp_leases_of(leases, b), 100);
	assert_int_equal(dhcp_leases_format(leases, 0, 1764300000, &text, &len), 0);
	assert_null(memmem(text, len, "10.0.0.1", 8));
	free(text);
}

static void what_is_reserved_outside_the_pool_is_not_kept(void **state)
{
	struct dhcp_leases *leases = *state;
	char *text;
	size_t len;

	dhcp_leases_set(leases, make_ip("10.0.0.200"), a, DHCP_LEASE_BOUND, LONGEST_MS);
	assert_int_equal(dhcp_leases_format(leases, 0, 1000, &text, &len), 0);
	assert_int_equal(dhcp_leases_parse(leases, text, len, 0, 1000, LONGEST_MS), 0);
	free(text);
}

static void lines_that_are_no_lease_are_left_out(void **state)
{
	static const char *const lines[] = {
		"10.0.0.10",
		"10.0.0.10 02:00:00:00:00:01",
		"10.0.0.10 02:00:00:00:00:01 ",
		"10.0.0.10 02:00:00:00:00:01 x",
		"10.0.0.10 02:00:00:00:00:01 -1",
		"10.0.0.10 02:00:00:00:00:01 1 2",
		"10.0.0.10 02:00:00:00:00:0g 1",
		"10.0.0.10 02:00:00:00:00 1",
		"10.0.0.10 02-00-00-00-00-01 1",
		"10.0.0.10 +2:00:00:00:00:01 1",
		"10.0.0.13 02:00:00:00:00:01 1",
		"10.0.0.256 02:00:00:00:00:01 1",
		" 10.0.0.10 02:00:00:00:00:01 1",
		"10.0.0.10 02:00:00:00:00:01 99999999999999999999",
		"10.0.0.10 02:00:00:00:00:01 00000000000000000000000000000000000000000000000000001",
	};
	struct dhcp_leases *leases = *state;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(dhcp_leases_parse(leases, lines[i], strlen(lines[i]), 0,
						   1764300000, LONGEST_MS),
				 1);
	assert_int_equal(dhcp_leases_parse(leases, "10.0.0.10\0 x", 12, 0, 0, LONGEST_MS), 1);
	assert_int_equal(leases->count, 0);
	assert_int_equal(dhcp_leases_parse(leases, "\n# a comment\n\n", 14, 0, 0, LONGEST_MS), 0);
}

static void no_lease_is_longer_than_leases_are(void **state)
{
	static const char text[] = "10.0.0.10 02:00:00:00:00:0a 9223372036854775807\n";
	struct dhcp_leases *leases = *state;

	assert_int_equal(
		dhcp_leases_parse(leases, text, sizeof(text) - 1, 7, 1764300000, LONGEST_MS), 0);
	assert_int_equal(dhcp_leases_of(leases, a)->until, 7 + LONGEST_MS);
}

static void the_last_line_of_an_address_or_a_mac_counts(void **state)
{
	static const char text[] = "10.0.0.10 02:00:00:00:00:0a 99\n"
				   "10.0.0.10 02:00:00:00:00:0b 99\n"
				   "10.0.0.11 02:00:00:00:00:0b 99";
	struct dhcp_leases *leases = *state;

	assert_int_equal(dhcp_leases_parse(leases, text, sizeof(text) - 1, 0, 1, LONGEST_MS), 0);
	assert_null(dhcp_leases_of(leases, a));
	assert_int_equal(dhcp_leases_of(leases, b)->address.s_addr, make_ip("10.0.0.11").s_addr);
}

static void a_pool_serves_as_many_clients_as_it_has_addresses(void **state)
{
	struct dhcp_leases leases;
	uint8_t mac[6] = {2};

	(void)state;
	assert_int_equal(dhcp_leases_init(&leases, make_ip("10.0.0.0"), make_ip("10.0.7.255")), 0);
	for (unsigned int i = 0; i < 2048; i++) {
		mac[4] = (uint8_t)(i >> 8);
		mac[5] = (uint8_t)i;
		assert_true(give(&leases, mac, 0, 100).s_addr);
	}
	assert_int_equal(leases.count, 2048);
	mac[3] = 1;
	assert_int_equal(give(&leases, mac, 0, 100).s_addr, 0);
	assert_true(give(&leases, mac, 100, 200).s_addr);
	dhcp_leases_finish(&leases);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_have_a_size),
		CASE(a_client_gets_the_same_address_again),
		CASE(a_new_table_gives_a_client_the_same_address),
		CASE(what_a_client_wants_it_gets_if_it_is_free),
		CASE(a_reservation_may_lie_outside_the_pool),
		CASE(what_is_reserved_for_another_is_given_to_nobody_else),
		CASE(the_servers_own_address_is_given_to_nobody),
		CASE(a_full_pool_gives_what_ended_longest_ago),
		CASE(an_offer_that_nobody_takes_is_no_lasting_loss),
		CASE(an_offer_of_what_is_reserved_stays),
		CASE(a_declined_address_rests),
		CASE(leases_outlive_a_restart),
		CASE(offers_and_declined_addresses_are_not_kept),
		CASE(what_is_reserved_outside_the_pool_is_not_kept),
		CASE(lines_that_are_no_lease_are_left_out),
		CASE(no_lease_is_longer_than_leases_are),
		CASE(the_last_line_of_an_address_or_a_mac_counts),
		cmocka_unit_test(a_pool_serves_as_many_clients_as_it_has_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
