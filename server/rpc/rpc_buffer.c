/* SPDX-License-Identifier: MIT */
/* Buffers for records and replies. */
#include "rpc/rpc_buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/*
 * A partial small record; a read, a WRITE or READ of 64 KiB; of 256 KiB; of 1 MiB; of 2 MiB: each with
 * room for headers.
 */
static const size_t class_sizes[RPC_BUFFER_CLASSES] = {
	RPC_BUFFER_SMALL,   RPC_BUFFER_USUAL,	(size_t)264 << 10,
	(size_t)1032 << 10, (size_t)2056 << 10,
};

/* Bytes of free buffers that are kept at most. */
#define KEPT_MAX ((size_t)8 << 20)

/* Mapped, so that what is freed goes back to the machine. */
static struct rpc_buffer *make_buffer(unsigned int class)
{
	size_t size = sizeof(struct rpc_buffer) + class_sizes[class];
	struct rpc_buffer *buffer =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buffer == MAP_FAILED)
		return NULL;
	buffer->class = class;
	buffer->size = class_sizes[class];
	return buffer;
}

static void free_buffer(struct rpc_buffer *buffer)
{
	munmap(buffer, sizeof(*buffer) + buffer->size);
}

int rpc_pool_init(struct rpc_pool *pool)
{
	*pool = (struct rpc_pool){.kept = 0};
	return -pthread_mutex_init(&pool->lock, NULL);
}

/* Keeps @buffer for the next one, or else frees it. */
static void give_back(struct rpc_pool *pool, struct rpc_buffer *buffer)
{
	pthread_mutex_lock(&pool->lock);
	pool->used -= buffer->size;
	if (pool->kept + buffer->size <= KEPT_MAX) {
		buffer->next = pool->free[buffer->class];
		pool->free[buffer->class] = buffer;
		pool->kept += buffer->size;
		buffer = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	if (buffer)
		free_buffer(buffer);
}

static void give_spare_back(struct rpc_pool *pool)
{
	while (pool->spare_count)
		give_back(pool, pool->spare[--pool->spare_count]);
}

static void free_kept(struct rpc_pool *pool, unsigned int class)
{
	struct rpc_buffer *buffer = pool->free[class];

	pool->free[class] = buffer->next;
	pool->kept -= buffer->size;
	free_buffer(buffer);
}

void rpc_pool_finish(struct rpc_pool *pool)
{
	give_spare_back(pool);
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
		buffer = make_buffer(class);
		if (!buffer) {
			pthread_mutex_lock(&pool->lock);
			pool->used -= class_sizes[class];
			pthread_mutex_unlock(&pool->lock);
			return NULL;
		}
	}
	buffer->refs = 1;
	return buffer;
}

struct rpc_buffer *rpc_buffer_get_here(struct rpc_pool *pool, size_t size)
{
	struct rpc_buffer *buffer;

	if (size > RPC_BUFFER_USUAL || size <= RPC_BUFFER_SMALL || pool->spare_count == 0)
		return rpc_buffer_get(pool, size);
	buffer = pool->spare[--pool->spare_count];
	buffer->refs = 1;
	return buffer;
}

void rpc_buffer_put(struct rpc_pool *pool, struct rpc_buffer *buffer)
{
	if (!buffer || --buffer->refs)
		return;
	if (buffer->size == RPC_BUFFER_USUAL && pool->spare_count < RPC_POOL_SPARE)
		pool->spare[pool->spare_count++] = buffer;
	else
		give_back(pool, buffer);
}

void rpc_pool_trim(struct rpc_pool *pool)
{
	give_spare_back(pool);
	pthread_mutex_lock(&pool->lock);
	for (unsigned int i = RPC_BUFFER_CLASSES; i-- > 0;)
		while (pool->free[i] && pool->used + pool->kept > pool->used_max)
			free_kept(pool, i);
	pool->used_max = pool->used;
	pthread_mutex_unlock(&pool->lock);
}
