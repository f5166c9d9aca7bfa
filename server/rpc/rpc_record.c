/* SPDX-License-Identifier: MIT */
/* Record marking: finds the records of a stream in its buffer. */
#include "rpc/rpc_record.h"

#include <string.h>

#include "base/be.h"

enum rpc_record_result rpc_record_next(struct rpc_record *rec, uint8_t *data, size_t *pos,
				       size_t end, size_t max)
{
	for (;;) {
		size_t there = end - *pos;
		uint32_t mark;

		if (rec->left) {
			size_t take = there < rec->left ? there : rec->left;

			if (rec->body + rec->len != *pos)
				memmove(data + rec->body + rec->len, data + *pos, take);
			rec->len += take;
			rec->left -= (uint32_t)take;
			*pos += take;
			if (rec->left)
				return RPC_RECORD_MORE;
			continue;
		}
		if (rec->last)
			return RPC_RECORD_READY;
		if (there < RPC_MARK_BYTES)
			return RPC_RECORD_MORE;
		mark = be32_at(data + *pos);
		*pos += RPC_MARK_BYTES;
		if (!rec->begun)
			rec->body = *pos;
		rec->begun = true;
		rec->last = (mark & RPC_MARK_LAST) != 0;
		rec->left = mark & ~RPC_MARK_LAST;
		if (rec->left > max - rec->len)
			return RPC_RECORD_TOO_LONG;
	}
}

void rpc_record_end(struct rpc_record *rec)
{
	*rec = (struct rpc_record){0};
}
