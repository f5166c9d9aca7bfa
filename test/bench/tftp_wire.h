/* SPDX-License-Identifier: MIT */
/* What the programs of the TFTP benchmark share: opcodes, and options within requests. */
#ifndef BRAMBLE_BENCH_TFTP_WIRE_H
#define BRAMBLE_BENCH_TFTP_WIRE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { RRQ = 1, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 };

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void put16(uint8_t *p, unsigned int value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* The value of an option behind @at, where texts follow each other up to @end; 0: there is none. */
static inline unsigned long option_value(const uint8_t *at, const uint8_t *end, const char *name)
{
	while (at < end) {
		const char *text = (const char *)at;

		at += strnlen(text, (size_t)(end - at)) + 1;
		if (at < end && strcasecmp(text, name) == 0)
			return strtoul((const char *)at, NULL, 10);
	}
	return 0;
}

#endif
