/* SPDX-License-Identifier: MIT */
/*
 * netascii (RFC 764): a line ends with CR LF, and a CR by itself is CR NUL. Command line clients ask for
 * it unless they are told otherwise; boot ROMs never do.
 */
#include "tftp/tftp_ascii.h"

size_t tftp_ascii_encode(struct tftp_ascii *at, const uint8_t *in, size_t len, uint8_t *out,
			 size_t room)
{
	size_t put = 0;

	while (put < room) {
		if (at->half) {
			out[put++] = at->pending;
			at->half = false;
			continue;
		}
		if (len == 0)
			break;
		at->half = *in == '\n' || *in == '\r';
		at->pending = *in == '\n' ? '\n' : '\0';
		out[put++] = at->half ? '\r' : *in;
		in++;
		len--;
		at->offset++;
	}
	return put;
}
