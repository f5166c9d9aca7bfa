/* SPDX-License-Identifier: MIT */
/* DHCP packets: those of boot ROMs, options in pieces and in other fields, and broken ones. */
#include "support/unit.h"

#include <errno.h>

#include "support/dhcp_maker.h"

static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
static struct dhcp_message message;

static int parse(const struct made *p)
{
	return dhcp_message_parse(p->bytes, p->len, &message);
}

static void discovers_of_all_models_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(made_models); i++) {
		const struct made_model *model = &made_models[i];
		const uint8_t *data;
		uint16_t arch;
		struct made p;
		size_t len;

		make_discover(&p, model);
		assert_int_equal(parse(&p), 0);
		assert_int_equal(message.op, DHCP_OP_REQUEST);
		assert_int_equal(message.htype, DHCP_HTYPE_ETHERNET);
		assert_int_equal(message.hlen, 6);
		assert_int_equal(message.xid, model->xid);
		assert_memory_equal(message.chaddr, model->mac, 6);
		assert_int_equal(dhcp_message_type(&message), DHCP_DISCOVER);
		assert_true(dhcp_message_is_pxe(&message));
		assert_true(dhcp_message_u16(&message, DHCP_OPT_ARCH, &arch));
		assert_int_equal(arch, 0);
		data = dhcp_message_option(&message, DHCP_OPT_GUID, &len);
		assert_int_equal(len, 17);
		assert_memory_equal(data, model->guid, 17);
		data = dhcp_message_option(&message, 55, &len);
		assert_int_equal(len, model->wants_count);
		assert_memory_equal(data, model->wants, len);
	}
}

static void an_option_may_be_missing_or_of_another_length(void **state)
{
	struct in_addr address;
	uint32_t number;
	struct made p;
	size_t len;

	(void)state;
	make_begin(&p, 1, mac, 1);
	make_byte(&p, 50, 1);
	make_option(&p, 51, "12345", 5);
	make_option(&p, 60, "", 0);
	make_end(&p);
	assert_int_equal(parse(&p), 0);
	assert_false(dhcp_message_address(&message, 50, &address));
	assert_false(dhcp_message_u32(&message, 51, &number));
	assert_false(dhcp_message_u32(&message, 54, &number));
	assert_null(dhcp_message_option(&message, 54, &len));
	assert_non_null(dhcp_message_option(&message, 60, &len));
	assert_int_equal(len, 0);
	assert_false(dhcp_message_is_pxe(&message));
}

static void pieces_of_an_option_are_put_together(void **state)
{
	struct made p;

	(void)state;
	make_begin(&p, 1, mac, 1);
	make_option(&p, 60, "PXE", 3);
	make_byte(&p, 50, 9);
	make_option(&p, 60, "Client", 6);
	make_end(&p);
	assert_int_equal(parse(&p), 0);
	assert_true(dhcp_message_is_pxe(&message));
}

static void options_may_go_on_in_file_and_sname(void **state)
{
	static const uint8_t in_file[] = {60, 3, 'C', 'l', 'i', 0, 12, 1, 'h', 255};
	static const uint8_t in_sname[] = {60, 3, 'e', 'n', 't', 255};
	const uint8_t *data;
	struct made p;
	size_t len;

	(void)state;
	make_begin(&p, 1, mac, 1);
	make_byte(&p, 52, 3);
	make_option(&p, 60, "PXE", 3);
	make_end(&p);
	memcpy(p.bytes + 108, in_file, sizeof(in_file));
	memcpy(p.bytes + 44, in_sname, sizeof(in_sname));
	assert_int_equal(parse(&p), 0);
	assert_true(dhcp_message_is_pxe(&message));
	data = dhcp_message_option(&message, 12, &len);
	assert_int_equal(len, 1);
	assert_int_equal(data[0], 'h');
}

static void file_and_sname_are_names_unless_it_is_said(void **state)
{
	struct made p;
	size_t len;

	(void)state;
	make_begin(&p, 1, mac, 1);
	make_end(&p);
	memset(p.bytes + 44, 60, 192);
	assert_int_equal(parse(&p), 0);
	assert_null(dhcp_message_option(&message, 60, &len));
}

static void what_says_of_itself_in_file_that_there_is_more_is_not_believed(void **state)
{
	static const uint8_t in_file[] = {52, 1, 3, 255};
	static const uint8_t in_sname[] = {60, 9, 'P', 'X', 'E', 'C', 'l', 'i', 'e', 'n', 't', 255};
	struct made p;

	(void)state;
	make_begin(&p, 1, mac, 1);
	make_byte(&p, 52, 1);
	make_end(&p);
	memcpy(p.bytes + 108, in_file, sizeof(in_file));
	memcpy(p.bytes + 44, in_sname, sizeof(in_sname));
	assert_int_equal(parse(&p), 0);
	assert_false(dhcp_message_is_pxe(&message));
}

static void broken_packets_are_refused(void **state)
{
	struct made p;

	(void)state;
	make_begin(&p, 1, mac, 1);
	p.len = 240;
	assert_int_equal(parse(&p), 0); /* BOOTP */
	assert_int_equal(dhcp_message_type(&message), 0);
	p.len = 239;
	assert_int_equal(parse(&p), -EBADMSG);
	p.len = 241;
	assert_int_equal(parse(&p), -EBADMSG); /* a code without a length */
	p.len = 242;
	assert_int_equal(parse(&p), -EBADMSG); /* a length without the byte */
	p.len = 243;
	assert_int_equal(parse(&p), 0);
	p.bytes[239] = 0x62;
	assert_int_equal(parse(&p), -EBADMSG);
}

static void an_option_beyond_the_end_of_file_is_refused(void **state)
{
	struct made p;

	(void)state;
	make_begin(&p, 1, mac, 1);
	make_byte(&p, 52, 1);
	make_end(&p);
	memset(p.bytes + 108, 0, 128);
	p.bytes[108 + 126] = 60;
	p.bytes[108 + 127] = 1;
	assert_int_equal(parse(&p), -EBADMSG);
}

static void the_longest_packet_keeps_all_of_its_options(void **state)
{
	static uint8_t bytes[DHCP_PACKET_MAX];
	struct made p;
	size_t at;
	size_t len;

	(void)state;
	make_begin(&p, 1, mac, 1);
	memcpy(bytes, p.bytes, p.len);
	for (at = p.len; at + 257 <= sizeof(bytes); at += 257) {
		bytes[at] = 43;
		bytes[at + 1] = 255;
	}
	memset(bytes + at, 0, sizeof(bytes) - at);
	assert_int_equal(dhcp_message_parse(bytes, sizeof(bytes), &message), 0);
	assert_non_null(dhcp_message_option(&message, 43, &len));
	assert_int_equal(len, (sizeof(bytes) - p.len) / 257 * 255);
	assert_int_equal(dhcp_message_parse(bytes, sizeof(bytes) + 1, &message), -EBADMSG);
}

static void a_reply_is_as_long_as_bootp_wants_it(void **state)
{
	struct dhcp_reply reply;
	struct made p;

	(void)state;
	make_discover(&p, &made_models[0]);
	assert_int_equal(parse(&p), 0);
	dhcp_reply_begin(&reply, &message, DHCP_OFFER, make_ip("192.0.2.1"));
	dhcp_reply_end(&reply);
	assert_int_equal(reply.len, 300);
	assert_int_equal(dhcp_message_parse(reply.bytes, reply.len, &message), 0);
	assert_int_equal(message.op, DHCP_OP_REPLY);
	assert_int_equal(message.flags, DHCP_FLAG_BROADCAST);
	assert_int_equal(message.xid, 0x26f30339);
}

static void what_does_not_fit_into_a_reply_is_left_out(void **state)
{
	struct dhcp_reply reply;
	uint8_t long_one[255] = {0};
	struct made p;
	size_t len;

	(void)state;
	make_discover(&p, &made_models[0]);
	assert_int_equal(parse(&p), 0);
	dhcp_reply_begin(&reply, &message, DHCP_OFFER, make_ip("192.0.2.1"));
	dhcp_reply_put(&reply, 43, long_one, sizeof(long_one));
	dhcp_reply_put(&reply, 15, long_one, sizeof(long_one));
	dhcp_reply_put_u32(&reply, 51, 7);
	dhcp_reply_end(&reply);
	assert_true(reply.len <= DHCP_REPLY_MAX);
	assert_int_equal(dhcp_message_parse(reply.bytes, reply.len, &message), 0);
	assert_non_null(dhcp_message_option(&message, 43, &len));
	assert_null(dhcp_message_option(&message, 15, &len));
	assert_non_null(dhcp_message_option(&message, 51, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(discovers_of_all_models_are_understood),
		cmocka_unit_test(an_option_may_be_missing_or_of_another_length),
		cmocka_unit_test(pieces_of_an_option_are_put_together),
		cmocka_unit_test(options_may_go_on_in_file_and_sname),
		cmocka_unit_test(file_and_sname_are_names_unless_it_is_said),
		cmocka_unit_test(what_says_of_itself_in_file_that_there_is_more_is_not_believed),
		cmocka_unit_test(broken_packets_are_refused),
		cmocka_unit_test(an_option_beyond_the_end_of_file_is_refused),
		cmocka_unit_test(the_longest_packet_keeps_all_of_its_options),
		cmocka_unit_test(a_reply_is_as_long_as_bootp_wants_it),
		cmocka_unit_test(what_does_not_fit_into_a_reply_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
