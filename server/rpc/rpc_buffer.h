/* SPDX-License-Identifier: MIT */
/*
 * Buffers for records and replies: of a few sizes, kept for the next one who needs such a size, since
 * to map and zero a megabyte takes longer than to fill it.
 */
#ifndef BRAMBLE_RPC_BUFFER_H
#define BRAMBLE_RPC_BUFFER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_BUFFER_CLASSES 5u

/* Bytes that a read or a gathering of small replies asks for. */
#define RPC_BUFFER_USUAL ((size_t)72 << 10)
/* Bytes of the smallest ones, a page with what lies before them: the rest of a read. */
#define RPC_BUFFER_SMALL ((size_t)4096 - 64)

struct rpc_buffer {
	struct rpc_buffer *next; /* in the pool */
	unsigned int refs; /* of the loop's thread alone */
	unsigned int class;
	size_t size; /* bytes of @data */
	_Alignas(16) uint8_t data[];
};

/* Buffers that the loop's thread alone gets and gives back, without a lock. */
#define RPC_POOL_SPARE 4u

struct rpc_pool {
	struct rpc_buffer *spare[RPC_POOL_SPARE]; /* of the usual size */
	unsigned int spare_count;
	pthread_mutex_t lock;
	struct rpc_buffer *free[RPC_BUFFER_CLASSES];
	size_t kept; /* bytes of those that are free */
	atomic_size_t
		used; /* bytes of those that are not, with the spare ones; changed under the lock */
	size_t used_max; /* since the last trim: what is kept is in proportion */
};

int rpc_pool_init(struct rpc_pool *pool);
/* All buffers are back. */
void rpc_pool_finish(struct rpc_pool *pool);

/* Of at least @size bytes, with one reference. From any thread. NULL: no memory, or too large. */
struct rpc_buffer *rpc_buffer_get(struct rpc_pool *pool, size_t size);

/* The same on the loop's thread, which has the usual size at hand. */
struct rpc_buffer *rpc_buffer_get_here(struct rpc_pool *pool, size_t size);

/* What follows is for the loop's thread alone. */

static inline struct rpc_buffer *rpc_buffer_ref(struct rpc_buffer *buffer)
{
	buffer->refs++;
	return buffer;
}

/* Gives a reference up; the last one returns it to the pool. Accepts NULL. */
void rpc_buffer_put(struct rpc_pool *pool, struct rpc_buffer *buffer);

/* Bytes of the buffers that are in use. */
static inline size_t rpc_pool_used(struct rpc_pool *pool)
{
	return atomic_load_explicit(&pool->used, memory_order_relaxed);
}

/* Frees what was not needed lately. */
void rpc_pool_trim(struct rpc_pool *pool);

#endif
