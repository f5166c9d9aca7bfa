/* SPDX-License-Identifier: MIT */
/*
 * Record marking (RFC 5531, 11): a stream of fragments, each behind a word of its length, whose highest
 * bit says that it is the last one of its record.
 *
 * Records are put together where they were received: the fragments of one are moved together over the
 * marks between them, which for the usual record of one fragment moves nothing.
 */
#ifndef BRAMBLE_RPC_RECORD_H
#define BRAMBLE_RPC_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_MARK_BYTES 4u
#define RPC_MARK_LAST 0x80000000u

/* All zero: between two records. */
struct rpc_record {
	bool begun; /* a mark of the record was read */
	bool last; /* the present fragment is its last */
	uint32_t left; /* bytes of the present fragment that are still to come */
	size_t body; /* where the record lies in the buffer */
	size_t len; /* bytes of it that are there */
};

enum rpc_record_result {
	RPC_RECORD_MORE, /* there is no whole record */
	RPC_RECORD_READY, /* rec->body, rec->len */
	RPC_RECORD_TOO_LONG, /* more than @max bytes: the stream is lost */
};

/*
 * Goes on in the bytes of @data from *@pos to @end; *@pos is then behind what was taken. After
 * RPC_RECORD_READY the record is to be ended by rpc_record_end. After RPC_RECORD_MORE what matters of
 * the buffer is the record so far, and less than a mark's bytes from *@pos to @end.
 */
enum rpc_record_result rpc_record_next(struct rpc_record *rec, uint8_t *data, size_t *pos,
				       size_t end, size_t max);
void rpc_record_end(struct rpc_record *rec);

#endif
