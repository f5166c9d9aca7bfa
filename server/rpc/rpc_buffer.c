/* SPDX-License-Identifier: MIT */
/* Buffers for records and replies. */
#include "rpc/rpc_buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/*
 * A partial small record; a read, a WRITE or READ of 64 KiB; of 256 KiB; of 1 MiB; of 2 MiB: each with
 * room for headers.
 */
static const size_t class_sizes[RPC_BUFFER_CLASSES] = {
	4096, RPC_BUFFER_USUAL, (size_t)264 << 10, (size_t)1032 << 10, (size_t)2056 << 10,
};

/* Bytes of free buffers that are kept at most. */
#define KEPT_MAX ((size_t)8 << 20)

int rpc_pool_init(struct rpc_pool *pool)
{
	*pool = (struct rpc_pool){.kept = 0};
	return -pthread_mutex_init(&pool->lock, NULL);
}

static void free_kept(struct rpc_pool *pool, unsigned int class)
{
	struct rpc_buffer *buffer = pool->free[class];

	pool->free[class] = buffer->next;
	pool->kept -= buffer->size;
	free(buffer);
}

void rpc_pool_finish(struct rpc_pool *pool)
{
	assert(pool->used == 0);
	for (unsigned int i = 0; i < RPC_BUFFER_CLASSES; i++)
		while (pool->free[i])
			free_kept(pool, i);
	pthread_mutex_destroy(&pool->lock);
}

struct rpc_buffer *rpc_buffer_get(struct rpc_pool *pool, size_t size)
{
	struct rpc_buffer *buffer;
	unsigned int class = 0;

	while (class < RPC_BUFFER_CLASSES && class_sizes[class] < size)
		class ++;
	if (class == RPC_BUFFER_CLASSES)
		return NULL;
	pthread_mutex_lock(&pool->lock);
	buffer = pool->free[class];
	if (buffer) {
		pool->free[class] = buffer->next;
		pool->kept -= buffer->size;
	}
	pool->used += class_sizes[class];
	if (pool->used > pool->used_max)
		pool->used_max = pool->used;
	pthread_mutex_unlock(&pool->lock);
	if (!buffer) {
		buffer = malloc(sizeof(*buffer) + class_sizes[class]);
		if (!buffer) {
			pthread_mutex_lock(&pool->lock);
			pool->used -= class_sizes[class];
			pthread_mutex_unlock(&pool->lock);
			return NULL;
		}
		buffer->class = class;
		buffer->size = class_sizes[class];
	}
	buffer->refs = 1;
	return buffer;
}

void rpc_buffer_put(struct rpc_pool *pool, struct rpc_buffer *buffer)
{
	if (!buffer || --buffer->refs)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->used -= buffer->size;
	if (pool->kept + buffer->size <= KEPT_MAX) {
		buffer->next = pool->free[buffer->class];
		pool->free[buffer->class] = buffer;
		pool->kept += buffer->size;
		buffer = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	free(buffer);
}

void rpc_pool_trim(struct rpc_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	for (unsigned int i = RPC_BUFFER_CLASSES; i-- > 0;)
		while (pool->free[i] && pool->used + pool->kept > pool->used_max)
			free_kept(pool, i);
	pool->used_max = pool->used;
	pthread_mutex_unlock(&pool->lock);
}
