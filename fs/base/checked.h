/* SPDX-License-Identifier: MIT */
/* Small arithmetic that cannot wrap, and the macros everyone expects. */
#ifndef BRAMBLE_BASE_CHECKED_H
#define BRAMBLE_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define container_of(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Whether [@offset, @offset + @len) lies inside [0, @size): the sum itself may wrap, this does not. */
static inline bool range_fits(uint64_t offset, uint64_t len, uint64_t size)
{
	return len <= size && offset <= size - len;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* @value / @divisor, rounded up. @divisor is not 0. */
static inline uint64_t div_round_up(uint64_t value, uint64_t divisor)
{
	return value / divisor + (value % divisor != 0);
}

static inline bool is_power_of_two(uint64_t value)
{
	return value && (value & (value - 1)) == 0;
}

#endif
