/* SPDX-License-Identifier: MIT */
/* Requests as boot ROMs and clients write them, and what they are answered with. */
#include "support/unit.h"

#include <errno.h>

#include "tftp/tftp_packet.h"

/* A literal with its NULs, without the one that C adds. */
#define ASK(text, out) tftp_packet_parse_ask((const uint8_t *)(text), sizeof(text) - 1, (out))

static void rom_of_the_pi_3_asks_for_nothing_but_the_file(void **state)
{
	struct tftp_ask ask;

	(void)state;
	assert_int_equal(ASK("\0\1bootcode.bin\0octet\0", &ask), 0);
	assert_string_equal(ask.name, "bootcode.bin");
	assert_int_equal(ask.mode, TFTP_MODE_OCTET);
	assert_int_equal(ask.terms.block, 0);
	assert_false(ask.terms.tsize);
}

static void pi_4_asks_for_the_size_and_blocks_of_1024(void **state)
{
	struct tftp_ask ask;

	(void)state;
	assert_int_equal(ASK("\0\1"
			     "036cb716/start4.elf\0octet\0tsize\0"
			     "0\0blksize\0"
			     "1024\0",
			     &ask),
			 0);
	assert_string_equal(ask.name, "036cb716/start4.elf");
	assert_int_equal(ask.terms.block, 1024);
	assert_true(ask.terms.tsize);
	assert_int_equal(ask.terms.window, 0);
	assert_int_equal(ask.terms.timeout_s, 0);
}

static void options_and_modes_are_compared_without_case(void **state)
{
	struct tftp_ask ask;

	(void)state;
	assert_int_equal(ASK("\0\1f\0OcTeT\0BlkSize\0"
			     "1468\0WINDOWSIZE\0"
			     "16\0TimeOut\0"
			     "3\0",
			     &ask),
			 0);
	assert_int_equal(ask.mode, TFTP_MODE_OCTET);
	assert_int_equal(ask.terms.block, 1468);
	assert_int_equal(ask.terms.window, 16);
	assert_int_equal(ask.terms.timeout_s, 3);
}

static void unknown_options_are_ignored(void **state)
{
	struct tftp_ask ask;

	(void)state;
	assert_int_equal(ASK("\0\1f\0octet\0multicast\0\0blksize\0"
			     "600\0",
			     &ask),
			 0);
	assert_int_equal(ask.terms.block, 600);
}

static void values_that_no_server_may_accept_are_ignored(void **state)
{
	struct tftp_ask ask;

	(void)state;
	assert_int_equal(ASK("\0\1f\0octet\0blksize\0"
			     "7\0timeout\0"
			     "256\0windowsize\0"
			     "0\0",
			     &ask),
			 0);
	assert_int_equal(ask.terms.block, 0);
	assert_int_equal(ask.terms.timeout_s, 0);
	assert_int_equal(ask.terms.window, 0);
	assert_int_equal(ASK("\0\1f\0octet\0blksize\0-512\0timeout\0"
			     "1s\0windowsize\0\0",
			     &ask),
			 0);
	assert_int_equal(ask.terms.block, 0);
	assert_int_equal(ask.terms.timeout_s, 0);
	assert_int_equal(ask.terms.window, 0);
}

static void blocks_that_are_too_long_become_the_longest(void **state)
{
	struct tftp_ask ask;

	(void)state;
	assert_int_equal(ASK("\0\1f\0octet\0blksize\0"
			     "99999999999999999999\0",
			     &ask),
			 0);
	assert_int_equal(ask.terms.block, 65464);
}

static void the_first_of_two_equal_options_counts(void **state)
{
	struct tftp_ask ask;

	(void)state;
	assert_int_equal(ASK("\0\1f\0octet\0blksize\0"
			     "512\0blksize\0"
			     "1024\0",
			     &ask),
			 0);
	assert_int_equal(ask.terms.block, 512);
}

static void an_option_that_is_cut_off_is_ignored(void **state)
{
	struct tftp_ask ask;

	(void)state;
	assert_int_equal(ASK("\0\1f\0octet\0blksize\0"
			     "512",
			     &ask),
			 0);
	assert_int_equal(ask.terms.block, 0);
	assert_int_equal(ASK("\0\1f\0octet\0blksize\0", &ask), 0);
	assert_int_equal(ask.terms.block, 0);
}

static void what_is_no_request_is_refused(void **state)
{
	struct tftp_ask ask;

	(void)state;
	assert_int_equal(ASK("", &ask), -EBADMSG);
	assert_int_equal(ASK("\0", &ask), -EBADMSG);
	assert_int_equal(ASK("\0\1", &ask), -EBADMSG);
	assert_int_equal(ASK("\0\1name", &ask), -EBADMSG);
	assert_int_equal(ASK("\0\1name\0octet", &ask), -EBADMSG);
	assert_int_equal(ASK("\0\4\0\1", &ask), -EBADMSG);
	assert_int_equal(ASK("\1\1name\0octet\0", &ask), -EBADMSG);
	assert_int_equal(ASK("\0\2name\0octet\0", &ask), -EACCES);
}

static void names_that_are_too_long_are_told_apart(void **state)
{
	uint8_t packet[2 + TFTP_NAME_MAX + 7] = {0, TFTP_RRQ};
	struct tftp_ask ask;

	(void)state;
	memset(packet + 2, 'n', TFTP_NAME_MAX);
	memcpy(packet + 2 + TFTP_NAME_MAX, "\0octet\0", 7);
	assert_int_equal(tftp_packet_parse_ask(packet, sizeof(packet), &ask), -ENAMETOOLONG);
	packet[2] = '\0';
	memmove(packet + 2, packet + 3, sizeof(packet) - 3);
	assert_int_equal(tftp_packet_parse_ask(packet, sizeof(packet) - 1, &ask), 0);
	assert_int_equal(strlen(ask.name), TFTP_NAME_MAX - 1);
}

static void mail_is_no_mode(void **state)
{
	struct tftp_ask ask;

	(void)state;
	assert_int_equal(ASK("\0\1f\0mail\0", &ask), 0);
	assert_int_equal(ask.mode, TFTP_MODE_OTHER);
	assert_int_equal(ASK("\0\1f\0netascii\0", &ask), 0);
	assert_int_equal(ask.mode, TFTP_MODE_NETASCII);
}

static void acknowledgements_and_errors_are_understood(void **state)
{
	static const uint8_t ack[] = {0, 4, 0xff, 0xfe};
	static const uint8_t early[] = "\0\5\0\0Early terminate";
	static const uint8_t data[] = {0, 3, 0, 1};
	struct tftp_packet packet;

	(void)state;
	assert_int_equal(tftp_packet_parse(ack, sizeof(ack), &packet), 0);
	assert_int_equal(packet.opcode, TFTP_ACK);
	assert_int_equal(packet.code, 65534);
	assert_int_equal(tftp_packet_parse(early, sizeof(early), &packet), 0);
	assert_int_equal(packet.opcode, TFTP_ERROR);
	assert_int_equal(packet.code, 0);
	assert_int_equal(tftp_packet_parse(ack, 3, &packet), -EBADMSG);
	assert_int_equal(tftp_packet_parse(data, sizeof(data), &packet), -EBADMSG);
}

static void the_acknowledgement_of_options_has_what_was_accepted(void **state)
{
	static const char want[] = "\0\6blksize\0"
				   "1468\0tsize\0"
				   "4294967296";
	struct tftp_terms terms = {.block = 1468, .tsize = true};
	uint8_t packet[TFTP_OACK_MAX];

	(void)state;
	assert_int_equal(tftp_packet_oack(&terms, 4294967296u, packet), sizeof(want));
	assert_memory_equal(packet, want, sizeof(want));
}

static void the_longest_acknowledgement_of_options_fits(void **state)
{
	struct tftp_terms terms = {
		.block = 65464, .window = 65535, .timeout_s = 255, .tsize = true};
	uint8_t packet[TFTP_OACK_MAX];

	(void)state;
	assert_true(tftp_packet_oack(&terms, UINT64_MAX, packet) < TFTP_OACK_MAX);
}

static void errors_have_a_text_that_ends(void **state)
{
	char text[200];
	uint8_t packet[TFTP_ERROR_MAX];

	(void)state;
	assert_int_equal(tftp_packet_error(TFTP_ERROR_NOT_FOUND, "no", packet), 7);
	assert_memory_equal(packet, "\0\5\0\1no", 7);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(tftp_packet_error(TFTP_ERROR_OTHER, text, packet), TFTP_ERROR_MAX);
	assert_int_equal(packet[TFTP_ERROR_MAX - 1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rom_of_the_pi_3_asks_for_nothing_but_the_file),
		cmocka_unit_test(pi_4_asks_for_the_size_and_blocks_of_1024),
		cmocka_unit_test(options_and_modes_are_compared_without_case),
		cmocka_unit_test(unknown_options_are_ignored),
		cmocka_unit_test(values_that_no_server_may_accept_are_ignored),
		cmocka_unit_test(blocks_that_are_too_long_become_the_longest),
		cmocka_unit_test(the_first_of_two_equal_options_counts),
		cmocka_unit_test(an_option_that_is_cut_off_is_ignored),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(names_that_are_too_long_are_told_apart),
		cmocka_unit_test(mail_is_no_mode),
		cmocka_unit_test(acknowledgements_and_errors_are_understood),
		cmocka_unit_test(the_acknowledgement_of_options_has_what_was_accepted),
		cmocka_unit_test(the_longest_acknowledgement_of_options_fits),
		cmocka_unit_test(errors_have_a_text_that_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
