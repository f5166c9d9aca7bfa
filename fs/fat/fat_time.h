/* SPDX-License-Identifier: MIT */
/* Private to the fat room: dates and times. */
#ifndef BRAMBLE_FAT_TIME_H
#define BRAMBLE_FAT_TIME_H

#include <stdint.h>
#include <time.h>

/*
 * UTC of a date and time as FAT stores them, @hundredths (0 to 199) of a second later.
 * @offset: minutes that the volume's clock is ahead of UTC.
 */
struct timespec fat_time_decode(uint16_t date, uint16_t time, uint8_t hundredths, int offset);

#endif
