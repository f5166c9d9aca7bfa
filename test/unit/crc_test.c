/* SPDX-License-Identifier: MIT */
/* The check values of the CRC catalogue ("123456789"), and chaining. */
#include "support/unit.h"

#include "base/crc.h"

static void check_values_are_those_of_the_catalogue(void **state)
{
	(void)state;
	assert_int_equal(~crc32c(~0u, "123456789", 9), 0xe3069283u);
	assert_int_equal(crc32("123456789", 9), 0xcbf43926u);
	assert_int_equal(crc32_be(~0u, "123456789", 9), 0x0376e6e7u); /* CRC-32/MPEG-2 */
	assert_int_equal(crc16(0xffff, "123456789", 9), 0x4b37u); /* CRC-16/MODBUS */
}

static void parts_chain_to_the_whole(void **state)
{
	uint8_t data[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t cut = 0; cut <= sizeof(data); cut++) {
		uint32_t crc = crc32c(1, data, cut);

		assert_int_equal(crc32c(crc, data + cut, sizeof(data) - cut),
				 crc32c(1, data, sizeof(data)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_values_are_those_of_the_catalogue),
		cmocka_unit_test(parts_chain_to_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
