/* SPDX-License-Identifier: MIT */
/* Serials, addresses, and what boot ROMs say of their board. */
#include "support/unit.h"

#include <errno.h>

#include "pi/pi.h"

static void serial_is_the_last_eight_digits(void **state)
{
	struct pi_serial serial;

	(void)state;
	assert_int_equal(pi_serial_parse("036cb716", 8, &serial), 0);
	assert_string_equal(serial.text, "036cb716");
	assert_int_equal(pi_serial_parse("10000000ABCD1234", 16, &serial), 0);
	assert_string_equal(serial.text, "abcd1234");
	pi_serial_make(0x5b15, &serial);
	assert_string_equal(serial.text, "00005b15");
}

static void other_texts_are_no_serial(void **state)
{
	static const char *const texts[] = {"",		"036cb71",  "036cb7166",       "036cb71g",
					    "036cb71 ", "0x36cb71", "10000000abcd123g"};
	struct pi_serial serial = {.text = "kept"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(pi_serial_parse(texts[i], strlen(texts[i]), &serial), -EINVAL);
	assert_string_equal(serial.text, "kept");
}

static void addresses_are_read_and_written_in_both_forms(void **state)
{
	struct pi_mac mac, again;
	char text[PI_MAC_TEXT];

	(void)state;
	assert_int_equal(pi_mac_parse("dc-A6-32-01-36-c2", 17, &mac), 0);
	pi_mac_format(&mac, ':', text);
	assert_string_equal(text, "dc:a6:32:01:36:c2");
	assert_int_equal(pi_mac_parse(text, 17, &again), 0);
	assert_true(pi_mac_is_equal(&mac, &again));
	pi_mac_format(&mac, '-', text);
	assert_string_equal(text, "dc-a6-32-01-36-c2");
	again.bytes[5] ^= 1;
	assert_false(pi_mac_is_equal(&mac, &again));
}

static void other_texts_are_no_address(void **state)
{
	static const char *const texts[] = {"",
					    "dc:a6:32:01:36",
					    "dc:a6:32:01:36:c",
					    "dc:a6:32:01:36:c2:",
					    "dc:a6-32:01:36:c2",
					    "dc.a6.32.01.36.c2",
					    "dca632:01:36:c2:0",
					    "dc:a6:32:01:36:cg"};
	struct pi_mac mac;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(pi_mac_parse(texts[i], strlen(texts[i]), &mac), -EINVAL);
}

static void addresses_of_raspberry_pi_are_known(void **state)
{
	size_t count;
	const struct pi_oui *ouis = pi_ouis(&count);
	struct pi_oui own;
	struct pi_mac mac;

	(void)state;
	assert_int_equal(count, 7);
	assert_int_equal(pi_mac_parse("2c:cf:67:00:00:01", 17, &mac), 0);
	assert_true(pi_mac_has_oui(&mac, ouis, count));
	assert_int_equal(pi_mac_parse("2c:cf:68:00:00:01", 17, &mac), 0);
	assert_false(pi_mac_has_oui(&mac, ouis, count));
	assert_int_equal(pi_oui_parse("2c-CF-68", 8, &own), 0);
	assert_true(pi_mac_has_oui(&mac, &own, 1));
	assert_int_equal(pi_oui_parse("2c:cf:68:", 9, &own), -EINVAL);
	assert_int_equal(pi_oui_parse("2c:cf", 5, &own), -EINVAL);
}

static void models_have_their_revisions(void **state)
{
	(void)state;
	assert_int_equal(pi_model_of_revision(0xa02082), PI_3);
	assert_int_equal(pi_model_of_revision(0xa020d3), PI_3_PLUS);
	assert_int_equal(pi_model_of_revision(0xa03111), PI_4);
	assert_int_equal(pi_model_of_revision(0xc03130), PI_4); /* 400 */
	assert_int_equal(pi_model_of_revision(0xb03140), PI_4); /* CM4 */
	assert_int_equal(pi_model_of_revision(0xd04170), PI_5);
	assert_int_equal(pi_model_of_revision(0xa21041), PI_MODEL_UNKNOWN); /* 2B */
	assert_int_equal(pi_model_of_revision(0x000e), PI_MODEL_UNKNOWN);
	assert_string_equal(pi_model_name(PI_3_PLUS), "Pi 3+");
	assert_string_equal(pi_model_name(PI_MODEL_UNKNOWN), "Pi");
}

static struct pi_machine machine(const uint8_t *data)
{
	struct pi_machine out;

	assert_int_equal(pi_machine_parse(data, 17, &out), 0);
	return out;
}

static void pi_4_names_its_board_and_serial(void **state)
{
	/* as a Pi 4 with the serial 5b154510 has sent it, whose address ends in 32:2e:f8:ed */
	static const uint8_t data[] = {0x00, 0x52, 0x50, 0x69, 0x34, 0x11, 0x31, 0xa0, 0x00,
				       0x32, 0x2e, 0xf8, 0xed, 0x10, 0x45, 0x15, 0x5b};
	const struct pi_machine out = machine(data);

	(void)state;
	assert_int_equal(out.model, PI_4);
	assert_int_equal(out.revision, 0xa03111);
	assert_true(out.has_serial);
	assert_string_equal(out.serial.text, "5b154510");
}

static void magic_may_be_the_other_way_round(void **state)
{
	static const uint8_t data[] = {0x00, 0x34, 0x69, 0x50, 0x52, 0x14, 0x31, 0xd0, 0x00,
				       0x01, 0x09, 0x02, 0xf7, 0x3d, 0x01, 0x02, 0x03};

	(void)state;
	assert_int_equal(machine(data).model, PI_4);
	assert_int_equal(machine(data).revision, 0xd03114);
}

static void pi_5_has_a_magic_of_its_own(void **state)
{
	static const uint8_t data[] = {0x00, 0x52, 0x50, 0x69, 0x35, 0x70, 0x41, 0xd0, 0x00,
				       0x01, 0x02, 0x03, 0x04, 0xef, 0xfd, 0xfe, 0x9e};

	(void)state;
	assert_int_equal(machine(data).model, PI_5);
	assert_string_equal(machine(data).serial.text, "9efefdef");
}

static void rom_of_the_pi_3_says_only_that_it_is_one(void **state)
{
	uint8_t data[17];

	(void)state;
	memset(data, 0x44, sizeof(data));
	data[0] = 0;
	assert_int_equal(machine(data).model, PI_3);
	assert_false(machine(data).has_serial);
}

static void pi_3_plus_repeats_its_serial(void **state)
{
	/* of a board with the address b8:27:eb:64:24:7d: the last three bytes are its serial's, too */
	static const uint8_t data[] = {0,   125, 36,  100, 85,	125, 36,  100, 85,
				       125, 36,	 100, 85,  125, 36,  100, 85};

	(void)state;
	assert_int_equal(machine(data).model, PI_MODEL_UNKNOWN);
	assert_string_equal(machine(data).serial.text, "5564247d");
}

static void numbers_of_other_machines_are_none(void **state)
{
	static const uint8_t pc[] = {0x00, 0x00, 0x03, 0xb3, 0xc5, 0xa2, 0xfa, 0xe9, 0x11,
				     0x84, 0x54, 0x60, 0x69, 0x2c, 0x01, 0x02, 0x03};
	uint8_t data[18] = {0};
	struct pi_machine out;

	(void)state;
	assert_int_equal(pi_machine_parse(pc, sizeof(pc), &out), -EINVAL);
	assert_int_equal(pi_machine_parse(data, 17, &out), -EINVAL); /* zeros */
	memset(data + 1, 0xff, 16);
	assert_int_equal(pi_machine_parse(data, 17, &out), -EINVAL);
	memset(data + 1, 0x44, 16);
	assert_int_equal(pi_machine_parse(data, 16, &out), -EINVAL);
	assert_int_equal(pi_machine_parse(data, 18, &out), -EINVAL);
	data[0] = 1;
	assert_int_equal(pi_machine_parse(data, 17, &out), -EINVAL);
	assert_int_equal(pi_machine_parse(data, 0, &out), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serial_is_the_last_eight_digits),
		cmocka_unit_test(other_texts_are_no_serial),
		cmocka_unit_test(addresses_are_read_and_written_in_both_forms),
		cmocka_unit_test(other_texts_are_no_address),
		cmocka_unit_test(addresses_of_raspberry_pi_are_known),
		cmocka_unit_test(models_have_their_revisions),
		cmocka_unit_test(pi_4_names_its_board_and_serial),
		cmocka_unit_test(magic_may_be_the_other_way_round),
		cmocka_unit_test(pi_5_has_a_magic_of_its_own),
		cmocka_unit_test(rom_of_the_pi_3_says_only_that_it_is_one),
		cmocka_unit_test(pi_3_plus_repeats_its_serial),
		cmocka_unit_test(numbers_of_other_machines_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
