/* SPDX-License-Identifier: MIT */
/*
 * Dates and times. Impossible ones (month 0, month 13, hour 31) become what Linux makes of them
 * (fs/fat/misc.c, fat_time_fat2unix), so that both show the same.
 */
#include "fat/fat_time.h"

#define DAYS_1970_TO_1980 (365 * 10 + 2)
#define YEAR_2100 120 /* counted from 1980; not a leap year */

struct timespec fat_time_decode(uint16_t date, uint16_t time, uint8_t hundredths, int offset)
{
	static const int days_before[16] = {0,	 0,   31,  59,	90,  120, 151, 181,
					    212, 243, 273, 304, 334, 0,	  0,   0};
	int year = date >> 9;
	int month = date >> 5 & 0xf;
	int day = date & 0x1f;
	int leap_days = (year + 3) / 4;
	int64_t seconds;

	if (month == 0)
		month = 1;
	if (day == 0)
		day = 1;
	if (year > YEAR_2100)
		leap_days--;
	if (year % 4 == 0 && year != YEAR_2100 && month > 2)
		leap_days++;
	seconds = DAYS_1970_TO_1980 + year * 365 + leap_days + days_before[month] + day - 1;
	seconds *= 24 * 60 * 60;
	seconds += (time >> 11) * 3600 + (time >> 5 & 0x3f) * 60 + (time & 0x1f) * 2;
	seconds -= (int64_t)offset * 60;
	return (struct timespec){
		.tv_sec = seconds + hundredths / 100,
		.tv_nsec = hundredths % 100 * 10000000L,
	};
}
