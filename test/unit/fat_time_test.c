/* SPDX-License-Identifier: MIT */
/* FAT dates against mktime's calendar and Linux's treatment of impossible ones. */
#include "support/unit.h"

#include "fat/fat_time.h"

static uint16_t date(int year, int month, int day)
{
	return (uint16_t)((year - 1980) << 9 | month << 5 | day);
}

static void every_day_of_the_calendar_is_right(void **state)
{
	(void)state;
	for (int year = 1980; year <= 2107; year++) {
		for (int month = 1; month <= 12; month++) {
			struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = 28};
			struct timespec t = fat_time_decode(date(year, month, 28), 0, 0, 0);

			assert_int_equal(t.tv_sec, timegm(&tm));
		}
	}
}

static void seconds_come_in_pairs_and_hundredths_add_one(void **state)
{
	uint16_t time = 12 << 11 | 34 << 5 | 28;
	struct timespec t = fat_time_decode(date(2000, 2, 29), time, 199, 0);
	struct tm tm = {
		.tm_year = 100,
		.tm_mon = 1,
		.tm_mday = 29,
		.tm_hour = 12,
		.tm_min = 34,
		.tm_sec = 57,
	};

	(void)state;
	assert_int_equal(t.tv_sec, timegm(&tm));
	assert_int_equal(t.tv_nsec, 990000000);
}

static void date_zero_is_the_first_day_of_1980(void **state)
{
	(void)state;
	assert_int_equal(fat_time_decode(0, 0, 0, 0).tv_sec, 315532800);
}

static void impossible_dates_are_what_linux_makes_of_them(void **state)
{
	struct timespec t = fat_time_decode(date(1981, 13, 1), 31 << 11 | 63 << 5 | 31, 0, 0);

	(void)state;
	/* month 13 has no days before it; hour 31, minute 63, second 62 */
	assert_int_equal(t.tv_sec, 347155200 + 31 * 3600 + 63 * 60 + 62);
}

static void the_offset_is_subtracted(void **state)
{
	(void)state;
	assert_int_equal(fat_time_decode(0, 0, 0, 60).tv_sec, 315532800 - 3600);
	assert_int_equal(fat_time_decode(0, 0, 0, -90).tv_sec, 315532800 + 5400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_day_of_the_calendar_is_right),
		cmocka_unit_test(seconds_come_in_pairs_and_hundredths_add_one),
		cmocka_unit_test(date_zero_is_the_first_day_of_1980),
		cmocka_unit_test(impossible_dates_are_what_linux_makes_of_them),
		cmocka_unit_test(the_offset_is_subtracted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
