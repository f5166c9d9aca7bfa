/* SPDX-License-Identifier: MIT */
/*
 * What a connection has yet to send: parts of buffers and of files. Small replies are written one
 * behind the other into a common buffer, so that a round's answers go out by one call as one piece.
 */
#ifndef BRAMBLE_RPC_OUT_H
#define BRAMBLE_RPC_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "rpc/rpc.h"
#include "rpc/rpc_buffer.h"

enum rpc_part_kind {
	RPC_PART_MEMORY,
	RPC_PART_FILE,
	RPC_PART_ZEROS,
};

struct rpc_part {
	struct rpc_part *next;
	enum rpc_part_kind kind;
	size_t len; /* bytes that are not sent yet */
	struct rpc_buffer *buffer; /* of RPC_PART_MEMORY, holds a reference */
	const uint8_t *data; /* in @buffer */
	struct rpc_file file; /* of RPC_PART_FILE; released with the part, whatever became of it */
};

struct rpc_out {
	struct rpc_pool *pool; /* borrowed */
	struct rpc_part *first;
	struct rpc_part *last;
	struct rpc_part *spare; /* for the next part, of which there mostly is one at a time */
	size_t unsent; /* bytes */
	struct rpc_buffer *common; /* where small replies are written; NULL: none yet */
	size_t common_used; /* bytes */
};

/* A piece of a buffer in which a reply is being written. */
struct rpc_room {
	struct rpc_buffer *buffer; /* holds a reference; NULL: none */
	uint8_t *data;
	size_t size; /* bytes */
};

void rpc_out_init(struct rpc_out *out, struct rpc_pool *pool);

/* Throws everything away. */
void rpc_out_finish(struct rpc_out *out);

/* Room for a reply of @size bytes, in the common buffer or one of its own. False: no memory. */
bool rpc_out_room(struct rpc_out *out, size_t size, struct rpc_room *room);

/* Takes the first @len bytes of @room, whose reference ends. False: no memory, nothing is taken. */
bool rpc_out_add(struct rpc_out *out, struct rpc_room *room, size_t len);

/* Gives @room up. */
void rpc_out_drop(struct rpc_out *out, struct rpc_room *room);

/*
 * A file's part and the zeros that pad it to 4 bytes. False: no memory. @file is released in any case,
 * sooner or later.
 */
bool rpc_out_add_file(struct rpc_out *out, const struct rpc_file *file);

/*
 * Sends what the socket @fd takes. 0: all is sent; -EAGAIN: there is more; else the connection is
 * broken.
 */
int rpc_out_send(struct rpc_out *out, int fd);

#endif
