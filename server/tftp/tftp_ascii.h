/* SPDX-License-Identifier: MIT */
/* Private to the tftp room: text as netascii has it. */
#ifndef BRAMBLE_TFTP_ASCII_H
#define BRAMBLE_TFTP_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Between two blocks: where in the file the next one begins. */
struct tftp_ascii {
	uint64_t offset; /* bytes of the file that are translated */
	bool half; /* the second byte of a pair belongs to the next block */
	uint8_t pending; /* that byte */
};

/*
 * Translates bytes of @in, which lie at at->offset, until @out has @room bytes or nothing is left.
 * Returns the bytes in @out.
 */
size_t tftp_ascii_encode(struct tftp_ascii *at, const uint8_t *in, size_t len, uint8_t *out,
			 size_t room);

#endif
