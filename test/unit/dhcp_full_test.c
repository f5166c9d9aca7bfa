/* SPDX-License-Identifier: MIT */
/* A whole server: each message of a client in each state that it may be in. */
#include "support/unit.h"

#include <stdlib.h>

#include "dhcp/dhcp_answer.h"
#include "support/dhcp_maker.h"

#define SERVER "10.0.0.1"

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 2};
static const struct dhcp_policy plain = {.hostname = "kitchen"};

static struct full {
	struct dhcp_leases leases;
	struct dhcp_pool pool;
	struct dhcp_here here;
	struct dhcp_message message;
	struct dhcp_answer answer;
	struct dhcp_message reply; /* as the client understands it */
	bool changed;
	uint64_t now;
} t;

static int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.pool = (struct dhcp_pool){
		.first = make_ip("10.0.0.100"),
		.last = make_ip("10.0.0.109"),
		.routers = {make_ip("10.0.0.254")},
		.dns = {make_ip("10.0.0.253"), make_ip("9.9.9.9")},
		.ntp = {make_ip("10.0.0.252")},
		.domain = "example.org",
		.lease_s = 3600,
	};
	t.here =
		(struct dhcp_here){.address = make_ip(SERVER), .netmask = make_ip("255.255.255.0")};
	t.now = 1000;
	return dhcp_leases_init(&t.leases, t.pool.first, t.pool.last);
}

static int tear_down(void **state)
{
	(void)state;
	dhcp_leases_finish(&t.leases);
	return 0;
}

static bool ask_as(struct made *p, const struct dhcp_policy *policy)
{
	bool answered;

	make_end(p);
	assert_int_equal(dhcp_message_parse(p->bytes, p->len, &t.message), 0);
	answered = dhcp_full_answer(&t.message, policy, &t.here, &t.pool, &t.leases, t.now,
				    &t.changed, &t.answer);
	if (answered)
		assert_int_equal(
			dhcp_message_parse(t.answer.reply.bytes, t.answer.reply.len, &t.reply), 0);
	return answered;
}

static bool ask(struct made *p)
{
	return ask_as(p, &plain);
}

static struct in_addr discover(const uint8_t from[6])
{
	struct made p;

	make_begin(&p, 7, from, DHCP_DISCOVER);
	assert_true(ask(&p));
	return t.reply.yiaddr;
}

static void put_address(struct made *p, uint8_t code, struct in_addr address)
{
	make_option(p, code, &address, 4);
}

/* The answer: an ACK, a NAK, or 0. */
static uint8_t answered(struct made *p)
{
	return ask(p) ? dhcp_message_type(&t.reply) : 0;
}

static uint8_t select_offer(const uint8_t from[6], struct in_addr address)
{
	struct made p;

	make_begin(&p, 7, from, DHCP_REQUEST);
	put_address(&p, 50, address);
	make_address(&p, 54, SERVER);
	return answered(&p);
}

static uint8_t reboot(const uint8_t from[6], struct in_addr address)
{
	struct made p;

	make_begin(&p, 7, from, DHCP_REQUEST);
	put_address(&p, 50, address);
	return answered(&p);
}

static uint8_t renew(const uint8_t from[6], struct in_addr address)
{
	struct made p;

	make_begin(&p, 7, from, DHCP_REQUEST);
	memcpy(p.bytes + 12, &address, 4);
	return answered(&p);
}

static void the_offer_has_all_that_a_client_needs(void **state)
{
	struct in_addr address = discover(mac);
	const uint8_t *data;
	uint32_t number;
	size_t len;

	(void)state;
	assert_true(dhcp_leases_in_pool(&t.leases, address));
	assert_int_equal(t.answer.to, DHCP_TO_ALL);
	assert_false(t.answer.binds);
	assert_false(t.changed);
	assert_int_equal(dhcp_message_type(&t.reply), DHCP_OFFER);
	assert_int_equal(t.reply.flags, DHCP_FLAG_BROADCAST);
	assert_int_equal(t.reply.siaddr.s_addr, make_ip(SERVER).s_addr);
	assert_true(dhcp_message_u32(&t.reply, 51, &number));
	assert_int_equal(number, 3600);
	assert_true(dhcp_message_u32(&t.reply, 58, &number));
	assert_int_equal(number, 1800);
	assert_true(dhcp_message_u32(&t.reply, 59, &number));
	assert_int_equal(number, 3150);
	assert_memory_equal(dhcp_message_option(&t.reply, 1, &len), "\xff\xff\xff\0", 4);
	assert_memory_equal(dhcp_message_option(&t.reply, 28, &len), "\x0a\0\0\xff", 4);
	assert_memory_equal(dhcp_message_option(&t.reply, 3, &len), "\x0a\0\0\xfe", 4);
	data = dhcp_message_option(&t.reply, 6, &len);
	assert_int_equal(len, 8);
	assert_memory_equal(data, "\x0a\0\0\xfd\x09\x09\x09\x09", 8);
	assert_memory_equal(dhcp_message_option(&t.reply, 42, &len), "\x0a\0\0\xfc", 4);
	assert_memory_equal(dhcp_message_option(&t.reply, 15, &len), "example.org", 11);
	assert_memory_equal(dhcp_message_option(&t.reply, 12, &len), "kitchen", 7);
	/* it did not ask to boot */
	assert_null(dhcp_message_option(&t.reply, 43, &len));
}

static void what_was_offered_is_given(void **state)
{
	struct in_addr address = discover(mac);

	(void)state;
	assert_int_equal(select_offer(mac, address), DHCP_ACK);
	assert_true(t.answer.binds);
	assert_true(t.changed);
	assert_int_equal(t.reply.yiaddr.s_addr, address.s_addr);
	assert_int_equal(t.answer.address.s_addr, address.s_addr);
	assert_int_equal(dhcp_leases_of(&t.leases, mac)->until, t.now + 3600000);
}

static void what_was_offered_to_another_is_refused(void **state)
{
	struct in_addr address = discover(mac);

	(void)state;
	assert_int_equal(select_offer(other_mac, address), DHCP_NAK);
	assert_int_equal(t.reply.yiaddr.s_addr, 0);
	assert_false(t.changed);
}

static void another_address_than_was_offered_is_refused(void **state)
{
	struct in_addr address = discover(mac);

	(void)state;
	address.s_addr = htonl(ntohl(address.s_addr) ^ 1);
	assert_int_equal(select_offer(mac, address), DHCP_NAK);
}

static void who_chooses_another_server_hears_nothing_and_leaves_the_offer(void **state)
{
	struct in_addr address = discover(mac);
	struct made p;

	(void)state;
	make_begin(&p, 7, mac, DHCP_REQUEST);
	make_address(&p, 50, "10.0.0.77");
	make_address(&p, 54, "10.0.0.2");
	assert_int_equal(answered(&p), 0);
	assert_true(dhcp_leases_is_free(&t.leases, address, other_mac, t.now));
}

static void a_restarted_client_goes_on_with_what_it_had(void **state)
{
	struct in_addr address = discover(mac);

	(void)state;
	select_offer(mac, address);
	t.now += 100;
	assert_int_equal(reboot(mac, address), DHCP_ACK);
	assert_int_equal(dhcp_leases_of(&t.leases, mac)->until, t.now + 3600000);
}

static void a_restarted_client_on_the_wrong_network_is_refused(void **state)
{
	(void)state;
	assert_int_equal(reboot(mac, make_ip("192.168.1.5")), DHCP_NAK);
	assert_int_equal(t.answer.to, DHCP_TO_ALL);
}

static void a_restarted_client_is_refused_what_another_has(void **state)
{
	struct in_addr address = discover(other_mac);

	(void)state;
	select_offer(other_mac, address);
	assert_int_equal(reboot(mac, address), DHCP_NAK);
}

static void a_client_that_is_not_known_keeps_what_is_free(void **state)
{
	(void)state;
	/* the leases were lost; nobody may lose its root file system for that */
	assert_int_equal(renew(mac, make_ip("10.0.0.105")), DHCP_ACK);
	assert_true(t.answer.binds);
	assert_int_equal(reboot(other_mac, make_ip("10.0.0.106")), DHCP_ACK);
}

static void renewals_go_to_the_client_and_are_broadcast(void **state)
{
	struct in_addr address = discover(mac);

	(void)state;
	select_offer(mac, address);
	t.now += 1800000;
	assert_int_equal(renew(mac, address), DHCP_ACK);
	assert_int_equal(t.answer.to, DHCP_TO_CLIENT);
	assert_int_equal(t.reply.ciaddr.s_addr, address.s_addr);
	assert_int_equal(dhcp_leases_of(&t.leases, mac)->until, t.now + 3600000);
}

static void a_reservation_does_not_take_what_a_client_uses(void **state)
{
	struct dhcp_policy policy = {.address = make_ip("10.0.0.50")};
	struct in_addr address = discover(mac);
	struct made p;

	(void)state;
	select_offer(mac, address);
	make_begin(&p, 7, mac, DHCP_REQUEST);
	memcpy(p.bytes + 12, &address, 4);
	assert_true(ask_as(&p, &policy));
	assert_int_equal(dhcp_message_type(&t.reply), DHCP_ACK);
	assert_int_equal(t.reply.yiaddr.s_addr, address.s_addr);
	/* but it is what it gets when it begins anew */
	make_begin(&p, 7, mac, DHCP_DISCOVER);
	assert_true(ask_as(&p, &policy));
	assert_int_equal(t.reply.yiaddr.s_addr, policy.address.s_addr);
	make_begin(&p, 7, mac, DHCP_REQUEST);
	make_address(&p, 50, "10.0.0.50");
	make_address(&p, 54, SERVER);
	assert_true(ask_as(&p, &policy));
	assert_int_equal(dhcp_message_type(&t.reply), DHCP_ACK);
}

static void renewals_are_refused_only_where_they_do_harm(void **state)
{
	struct in_addr address = discover(other_mac);

	(void)state;
	select_offer(other_mac, address);
	assert_int_equal(renew(mac, address), DHCP_NAK);
	assert_int_equal(renew(mac, make_ip("192.168.1.5")), DHCP_NAK);
	/* of this network, but not ours to give */
	assert_int_equal(renew(mac, make_ip("10.0.0.7")), 0);
}

static void declined_addresses_are_not_offered_again(void **state)
{
	struct in_addr address = discover(mac);
	struct made p;

	(void)state;
	select_offer(mac, address);
	make_begin(&p, 7, mac, DHCP_DECLINE);
	put_address(&p, 50, address);
	make_address(&p, 54, SERVER);
	assert_int_equal(answered(&p), 0);
	assert_true(t.changed);
	assert_int_not_equal(discover(mac).s_addr, address.s_addr);
}

static void nobody_declines_or_releases_for_another(void **state)
{
	struct in_addr address = discover(mac);
	struct made p;

	(void)state;
	select_offer(mac, address);
	make_begin(&p, 7, other_mac, DHCP_DECLINE);
	put_address(&p, 50, address);
	make_address(&p, 54, SERVER);
	assert_int_equal(answered(&p), 0);
	assert_false(t.changed);
	make_begin(&p, 7, other_mac, DHCP_RELEASE);
	memcpy(p.bytes + 12, &address, 4);
	make_address(&p, 54, SERVER);
	assert_int_equal(answered(&p), 0);
	assert_false(t.changed);
	assert_int_equal(dhcp_leases_of(&t.leases, mac)->state, DHCP_LEASE_BOUND);
}

static void a_released_address_stays_the_clients_as_long_as_it_can(void **state)
{
	struct in_addr address = discover(mac);
	struct made p;

	(void)state;
	select_offer(mac, address);
	make_begin(&p, 7, mac, DHCP_RELEASE);
	memcpy(p.bytes + 12, &address, 4);
	make_address(&p, 54, SERVER);
	assert_int_equal(answered(&p), 0);
	assert_true(t.changed);
	assert_true(dhcp_leases_is_free(&t.leases, address, other_mac, t.now));
	assert_int_equal(discover(mac).s_addr, address.s_addr);
}

static void inform_gives_everything_but_an_address(void **state)
{
	struct made p;
	size_t len;

	(void)state;
	make_begin(&p, 7, mac, DHCP_INFORM);
	make_ciaddr(&p, "10.0.0.7");
	assert_int_equal(answered(&p), DHCP_ACK);
	assert_int_equal(t.reply.yiaddr.s_addr, 0);
	assert_null(dhcp_message_option(&t.reply, 51, &len));
	assert_non_null(dhcp_message_option(&t.reply, 6, &len));
	assert_int_equal(t.answer.to, DHCP_TO_CLIENT);
	assert_false(t.answer.binds);
	assert_int_equal(t.leases.count, 0);
}

static void a_pi_learns_how_to_boot_with_its_address(void **state)
{
	struct dhcp_policy policy = {.boots = true};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(made_models); i++) {
		const uint8_t *vendor;
		struct made p;
		size_t len;

		make_discover(&p, &made_models[i]);
		assert_true(ask_as(&p, &policy));
		assert_true(dhcp_leases_in_pool(&t.leases, t.reply.yiaddr));
		vendor = dhcp_message_option(&t.reply, 43, &len);
		assert_int_equal(len, 35);
		assert_memory_equal(vendor, "\x06\x01\x03\x0a\x04\0PXE\x09\x17\0\0\x14", 14);
		assert_non_null(dhcp_message_option(&t.reply, 66, &len));
		assert_memory_equal(dhcp_message_option(&t.reply, 97, &len), made_models[i].guid,
				    17);
		/* the ROM of a Pi 3 never asks for it, and needs it while it loads */
		assert_true(dhcp_leases_of(&t.leases, made_models[i].mac)->until >= t.now + 120000);
	}
}

static void a_lease_is_no_longer_than_was_asked_for(void **state)
{
	static const uint8_t minutes[] = {0, 0, 2, 88}; /* 600 */
	static const uint8_t second[] = {0, 0, 0, 1};
	static const uint8_t for_ever[] = {255, 255, 255, 255};
	struct made p;
	uint32_t lease = 0;

	(void)state;
	make_begin(&p, 7, mac, DHCP_DISCOVER);
	make_option(&p, 51, minutes, 4);
	assert_true(ask(&p) && dhcp_message_u32(&t.reply, 51, &lease));
	assert_int_equal(lease, 600);
	make_begin(&p, 7, mac, DHCP_DISCOVER);
	make_option(&p, 51, second, 4);
	assert_true(ask(&p) && dhcp_message_u32(&t.reply, 51, &lease));
	assert_int_equal(lease, 120);
	make_begin(&p, 7, mac, DHCP_DISCOVER);
	make_option(&p, 51, for_ever, 4);
	assert_true(ask(&p) && dhcp_message_u32(&t.reply, 51, &lease));
	assert_int_equal(lease, 3600);
}

static void a_full_pool_is_silent(void **state)
{
	uint8_t many[6] = {2, 1};

	(void)state;
	for (uint8_t i = 0; i < 10; i++) {
		many[5] = i;
		assert_int_equal(select_offer(many, discover(many)), DHCP_ACK);
	}
	{
		struct made p;

		make_begin(&p, 7, mac, DHCP_DISCOVER);
		assert_int_equal(answered(&p), 0);
		assert_true(t.answer.exhausted);
	}
}

static void silence_for_another_reason_is_no_lack_of_addresses(void **state)
{
	struct made p;

	(void)state;
	t.answer.exhausted = true;
	make_begin(&p, 7, mac, DHCP_RELEASE);
	assert_int_equal(answered(&p), 0);
	assert_false(t.answer.exhausted);
	discover(mac);
	assert_false(t.answer.exhausted);
}

static void an_offer_does_not_shorten_what_is_bound(void **state)
{
	struct in_addr address = discover(mac);

	(void)state;
	select_offer(mac, address);
	assert_int_equal(discover(mac).s_addr, address.s_addr);
	assert_int_equal(dhcp_leases_of(&t.leases, mac)->state, DHCP_LEASE_BOUND);
	assert_int_equal(dhcp_leases_of(&t.leases, mac)->until, t.now + 3600000);
}

static void the_longest_reply_keeps_what_is_needed_to_boot(void **state)
{
	struct dhcp_policy policy = {.boots = true};
	struct made p;
	size_t len;

	(void)state;
	memset(policy.hostname, 'h', sizeof(policy.hostname) - 1);
	memset(t.pool.domain, 'd', sizeof(t.pool.domain) - 1);
	for (size_t i = 0; i < 4; i++)
		t.pool.routers[i] = t.pool.dns[i] = t.pool.ntp[i] = make_ip("10.0.0.9");
	make_discover(&p, &made_models[2]);
	assert_true(ask_as(&p, &policy));
	assert_true(t.answer.reply.len <= DHCP_REPLY_MAX);
	assert_non_null(dhcp_message_option(&t.reply, 43, &len));
	assert_non_null(dhcp_message_option(&t.reply, 66, &len));
	assert_non_null(dhcp_message_option(&t.reply, 42, &len));
}

static void what_came_by_a_relay_goes_back_by_it(void **state)
{
	struct made p;

	(void)state;
	make_begin(&p, 7, mac, DHCP_DISCOVER);
	make_giaddr(&p, "10.0.0.3");
	assert_int_equal(answered(&p), DHCP_OFFER);
	assert_int_equal(t.answer.to, DHCP_TO_RELAY);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_offer_has_all_that_a_client_needs),
		CASE(what_was_offered_is_given),
		CASE(what_was_offered_to_another_is_refused),
		CASE(another_address_than_was_offered_is_refused),
		CASE(who_chooses_another_server_hears_nothing_and_leaves_the_offer),
		CASE(a_restarted_client_goes_on_with_what_it_had),
		CASE(a_restarted_client_on_the_wrong_network_is_refused),
		CASE(a_restarted_client_is_refused_what_another_has),
		CASE(a_client_that_is_not_known_keeps_what_is_free),
		CASE(renewals_go_to_the_client_and_are_broadcast),
		CASE(a_reservation_does_not_take_what_a_client_uses),
		CASE(renewals_are_refused_only_where_they_do_harm),
		CASE(declined_addresses_are_not_offered_again),
		CASE(nobody_declines_or_releases_for_another),
		CASE(a_released_address_stays_the_clients_as_long_as_it_can),
		CASE(inform_gives_everything_but_an_address),
		CASE(a_pi_learns_how_to_boot_with_its_address),
		CASE(a_lease_is_no_longer_than_was_asked_for),
		CASE(a_full_pool_is_silent),
		CASE(silence_for_another_reason_is_no_lack_of_addresses),
		CASE(an_offer_does_not_shorten_what_is_bound),
		CASE(the_longest_reply_keeps_what_is_needed_to_boot),
		CASE(what_came_by_a_relay_goes_back_by_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
