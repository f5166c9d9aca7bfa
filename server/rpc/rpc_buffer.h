/* SPDX-License-Identifier: MIT */
/*
 * Buffers for records and replies: of a few sizes, kept for the next one who needs such a size, since
 * to map and zero a megabyte takes longer than to fill it.
 */
#ifndef BRAMBLE_RPC_BUFFER_H
#define BRAMBLE_RPC_BUFFER_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_BUFFER_CLASSES 5u

/* Bytes that a read or a gathering of small replies asks for. */
#define RPC_BUFFER_USUAL ((size_t)72 << 10)

struct rpc_buffer {
	struct rpc_buffer *next; /* in the pool */
	unsigned int refs; /* of the loop's thread alone */
	unsigned int class;
	size_t size; /* bytes of @data */
	_Alignas(16) uint8_t data[];
};

struct rpc_pool {
	pthread_mutex_t lock;
	struct rpc_buffer *free[RPC_BUFFER_CLASSES];
	size_t kept; /* bytes of those that are free */
	size_t used; /* bytes of those that are not */
	size_t used_max; /* since the last trim: what is kept is in proportion */
};

int rpc_pool_init(struct rpc_pool *pool);
/* All buffers are back. */
void rpc_pool_finish(struct rpc_pool *pool);

/* Of at least @size bytes, with one reference. From any thread. NULL: no memory, or too large. */
struct rpc_buffer *rpc_buffer_get(struct rpc_pool *pool, size_t size);

static inline struct rpc_buffer *rpc_buffer_ref(struct rpc_buffer *buffer)
{
	buffer->refs++;
	return buffer;
}

/* Gives a reference up; the last one returns it to the pool. Accepts NULL. */
void rpc_buffer_put(struct rpc_pool *pool, struct rpc_buffer *buffer);

/* Frees what was not needed lately. */
void rpc_pool_trim(struct rpc_pool *pool);

#endif
