/* SPDX-License-Identifier: MIT */
/* What the proxy says to boot ROMs, byte for byte, and to whom it says nothing. */
#include "support/unit.h"

#include "dhcp/dhcp_answer.h"
#include "support/dhcp_maker.h"

#define SERVER "192.168.1.3"

static const uint8_t pc_mac[6] = {0x52, 0x54, 0, 1, 2, 3};
static const uint8_t pc_guid[17] = {0, 1, 2, 3};
static struct dhcp_message message;
static struct dhcp_answer answer;
static const struct dhcp_policy boots = {.boots = true};
static const struct dhcp_policy stranger;

static bool ask(const struct made *p, const struct dhcp_policy *policy, bool boot_port)
{
	struct dhcp_here here = {.address = make_ip(SERVER)};

	assert_int_equal(dhcp_message_parse(p->bytes, p->len, &message), 0);
	return dhcp_proxy_answer(&message, policy, &here, boot_port, &answer);
}

static void the_offer_to_each_model_is_what_it_needs_byte_for_byte(void **state)
{
	/* the menu with three blanks behind the name, as the ROM of the Pi 3B needs it */
	static const uint8_t vendor[] = {43, 35, 6, 1, 3, 10, 4, 0, 'P', 'X', 'E', 9, 23, 0, 0, 20};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(made_models); i++) {
		const struct made_model *model = &made_models[i];
		struct in_addr server = make_ip(SERVER);
		uint32_t xid = htonl(model->xid);
		uint8_t want[300] = {2, 1, 6, 0};
		size_t at = 240;
		struct made p;

		memcpy(want + 4, &xid, 4);
		want[10] = 0x80;
		memcpy(want + 20, &server, 4);
		memcpy(want + 28, model->mac, 6);
		memcpy(want + 236, "\x63\x82\x53\x63", 4);
		memcpy(want + at, "\x35\x01\x02\x36\x04", 5);
		memcpy(want + at + 5, &server, 4);
		at += 9;
		memcpy(want + at, "\x3c\x09PXEClient\x61\x11", 13);
		memcpy(want + at + 13, model->guid, 17);
		at += 30;
		memcpy(want + at, "\x42\x0b" SERVER, 13);
		at += 13;

		make_discover(&p, model);
		assert_true(ask(&p, &boots, false));
		assert_string_equal(answer.what, "offer");
		assert_int_equal(answer.to, DHCP_TO_ALL);
		assert_true(answer.reply.len >= 300);
		assert_memory_equal(answer.reply.bytes, want, at);
		assert_memory_equal(answer.reply.bytes + at, vendor, sizeof(vendor));
		at += sizeof(vendor);
		assert_memory_equal(answer.reply.bytes + at, "Raspberry Pi Boot   \xff\xff", 22);
		/* behind the end there are zeros alone */
		for (at += 22; at < answer.reply.len; at++)
			assert_int_equal(answer.reply.bytes[at], 0);
	}
}

static void strangers_hear_nothing(void **state)
{
	struct made p;

	(void)state;
	make_discover(&p, &made_models[2]);
	assert_false(ask(&p, &stranger, false));
	assert_false(ask(&p, &stranger, true));
}

static void who_does_not_ask_to_boot_hears_nothing(void **state)
{
	struct made p;

	(void)state;
	make_begin(&p, 1, made_models[2].mac, DHCP_DISCOVER);
	make_option(&p, 60, "dhcpcd-9.4.1:Linux", 18);
	make_end(&p);
	assert_false(ask(&p, &boots, false));
	make_begin(&p, 1, made_models[2].mac, DHCP_DISCOVER);
	make_end(&p);
	assert_false(ask(&p, &boots, false));
}

static void requests_are_for_the_router(void **state)
{
	struct made p;

	(void)state;
	/* an old Pi 4: without option 60 */
	make_begin(&p, 1, made_models[2].mac, DHCP_REQUEST);
	make_address(&p, 50, "192.168.1.77");
	make_address(&p, 54, "192.168.1.1");
	make_end(&p);
	assert_false(ask(&p, &boots, false));
	make_begin(&p, 1, made_models[3].mac, DHCP_REQUEST);
	make_address(&p, 50, "192.168.1.77");
	make_address(&p, 54, "192.168.1.1");
	make_pxe(&p, MAKE_BIOS, made_models[3].guid);
	make_end(&p);
	assert_false(ask(&p, &boots, false));
	make_begin(&p, 1, made_models[3].mac, DHCP_REQUEST);
	make_pxe(&p, MAKE_BIOS, made_models[3].guid);
	make_end(&p);
	assert_false(ask(&p, &boots, false));
}

static void a_request_that_names_us_is_acknowledged(void **state)
{
	struct made p;

	(void)state;
	make_begin(&p, 1, pc_mac, DHCP_REQUEST);
	make_address(&p, 54, SERVER);
	make_pxe(&p, MAKE_BIOS, pc_guid);
	make_end(&p);
	assert_true(ask(&p, &boots, false));
	assert_string_equal(answer.what, "ack");
	assert_int_equal(answer.reply.bytes[242], DHCP_ACK);
}

static void a_listed_pc_is_told_its_file_on_both_ports(void **state)
{
	static const uint8_t vendor[] = {43, 4, 6, 1, 8, 255, 255};
	struct dhcp_policy policy = {.boots = true, .bootfile = "ipxe.efi"};
	struct made p;
	size_t len;

	(void)state;
	make_begin(&p, 1, pc_mac, DHCP_DISCOVER);
	make_pxe(&p, "PXEClient:Arch:00007:UNDI:003016", pc_guid);
	make_end(&p);
	assert_true(ask(&p, &policy, false));
	assert_string_equal(answer.what, "offer");
	assert_string_equal((const char *)answer.reply.bytes + 108, "ipxe.efi");
	assert_non_null(memmem(answer.reply.bytes, answer.reply.len, vendor, sizeof(vendor)));

	make_begin(&p, 1, pc_mac, DHCP_REQUEST);
	make_ciaddr(&p, "192.168.1.77");
	make_pxe(&p, "PXEClient:Arch:00007:UNDI:003016", pc_guid);
	make_end(&p);
	assert_true(ask(&p, &policy, true));
	assert_string_equal(answer.what, "ack");
	assert_int_equal(answer.to, DHCP_TO_SENDER);
	assert_string_equal((const char *)answer.reply.bytes + 108, "ipxe.efi");
	assert_int_equal(dhcp_message_parse(answer.reply.bytes, answer.reply.len, &message), 0);
	assert_int_equal(message.ciaddr.s_addr, make_ip("192.168.1.77").s_addr);
	assert_memory_equal(dhcp_message_option(&message, 97, &len), pc_guid, 17);
}

static void no_file_is_named_to_a_pi(void **state)
{
	struct made p;

	(void)state;
	make_discover(&p, &made_models[3]);
	assert_true(ask(&p, &boots, false));
	for (size_t at = 44; at < 236; at++)
		assert_int_equal(answer.reply.bytes[at], 0);
}

static void inform_is_answered_where_it_comes_from(void **state)
{
	struct made p;

	(void)state;
	make_begin(&p, 1, pc_mac, DHCP_INFORM);
	make_ciaddr(&p, "192.168.1.77");
	make_pxe(&p, MAKE_BIOS, pc_guid);
	make_end(&p);
	assert_true(ask(&p, &boots, false));
	assert_string_equal(answer.what, "ack");
	assert_int_equal(answer.to, DHCP_TO_CLIENT);
}

static void a_relay_gets_what_came_by_it(void **state)
{
	struct made p;

	(void)state;
	make_discover(&p, &made_models[2]);
	make_giaddr(&p, "192.168.7.1");
	assert_true(ask(&p, &boots, false));
	assert_int_equal(answer.to, DHCP_TO_RELAY);
	assert_int_equal(dhcp_message_parse(answer.reply.bytes, answer.reply.len, &message), 0);
	assert_int_equal(message.giaddr.s_addr, make_ip("192.168.7.1").s_addr);
}

static void declines_releases_and_bootp_hear_nothing(void **state)
{
	static const uint8_t types[] = {DHCP_DECLINE, DHCP_RELEASE, DHCP_OFFER, DHCP_ACK, 0, 99};
	struct made p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		make_begin(&p, 1, pc_mac, types[i]);
		make_pxe(&p, MAKE_BIOS, pc_guid);
		make_end(&p);
		assert_false(ask(&p, &boots, false));
		assert_false(ask(&p, &boots, true));
	}
}

static void without_a_guid_none_is_answered(void **state)
{
	struct made p;
	size_t len;

	(void)state;
	make_begin(&p, 1, pc_mac, DHCP_DISCOVER);
	make_option(&p, 60, "PXEClient", 9);
	make_end(&p);
	assert_true(ask(&p, &boots, false));
	assert_int_equal(dhcp_message_parse(answer.reply.bytes, answer.reply.len, &message), 0);
	assert_null(dhcp_message_option(&message, 97, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_offer_to_each_model_is_what_it_needs_byte_for_byte),
		cmocka_unit_test(strangers_hear_nothing),
		cmocka_unit_test(who_does_not_ask_to_boot_hears_nothing),
		cmocka_unit_test(requests_are_for_the_router),
		cmocka_unit_test(a_request_that_names_us_is_acknowledged),
		cmocka_unit_test(a_listed_pc_is_told_its_file_on_both_ports),
		cmocka_unit_test(no_file_is_named_to_a_pi),
		cmocka_unit_test(inform_is_answered_where_it_comes_from),
		cmocka_unit_test(a_relay_gets_what_came_by_it),
		cmocka_unit_test(declines_releases_and_bootp_hear_nothing),
		cmocka_unit_test(without_a_guid_none_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
