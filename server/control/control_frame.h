/* SPDX-License-Identifier: MIT */
/*
 * What goes over the control socket, as bytes. Numbers are big-endian.
 *
 * A request, once, from the client:    "brm1", bytes of the words, number of words; the words, each
 *                                      with a NUL at its end
 * Frames, from the server:             type, bytes; the bytes. The last one is CONTROL_EXIT. As long as
 *                                      nothing else comes, a CONTROL_ALIVE each second
 */
#ifndef BRAMBLE_CONTROL_FRAME_H
#define BRAMBLE_CONTROL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define CONTROL_REQUEST_HEADER 12u
#define CONTROL_WORDS_BYTES_MAX 65536u
#define CONTROL_WORDS_MAX 512u
#define CONTROL_REQUEST_MAX (CONTROL_REQUEST_HEADER + CONTROL_WORDS_BYTES_MAX)

#define CONTROL_FRAME_HEADER 8u
#define CONTROL_FRAME_DATA_MAX 65536u

enum control_type {
	CONTROL_OUT = 1, /* for standard output */
	CONTROL_ERR = 2, /* for standard error */
	CONTROL_EXIT = 3, /* 4 bytes: the exit status */
	CONTROL_ALIVE = 4, /* nothing: the command waits for its turn, or works */
};

/*
 * How many bytes the request that begins with @data has in all, as far as that is known: at most
 * CONTROL_REQUEST_MAX. -EPROTO: it is none.
 */
int control_request_size(const uint8_t *data, size_t len, size_t *out_size);

/*
 * The words of a complete request, in *@out_argv, which ends with NULL and is to be freed; they point
 * into @data. -EPROTO: it is none; -ENOMEM.
 */
int control_request_parse(uint8_t *data, size_t len, int *out_argc, char ***out_argv);

/* *@out is to be freed. -E2BIG: more than a request can have; -ENOMEM. */
int control_request_format(int argc, char *const *argv, uint8_t **out, size_t *out_len);

void control_frame_format(enum control_type type, uint32_t len, uint8_t out[CONTROL_FRAME_HEADER]);

/* -EPROTO: no frame of ours. */
int control_frame_parse(const uint8_t data[CONTROL_FRAME_HEADER], enum control_type *out_type,
			uint32_t *out_len);

#endif
