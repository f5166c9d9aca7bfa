/* SPDX-License-Identifier: MIT */
/* What a store in memory has for a medium. Private to its two files. */
#ifndef BRAMBLE_STORE_STORE_MEMORY_MEDIUM_H
#define BRAMBLE_STORE_STORE_MEMORY_MEDIUM_H

#include "store/store_memory.h"
#include "store/store_ops.h"

/* Of a block that nobody wrote: whoever takes it for zeros shall notice. */
#define UNDEFINED_BYTE 0xdb

struct block {
	uint8_t *now; /* owned; NULL: undefined */
	uint8_t *durable; /* owned; as it was at the last data_sync, if it was written since */
	bool written; /* since then */
};

struct fault {
	unsigned int calls;
	unsigned int after; /* as many succeed */
	int err; /* 0: all do */
};

/* An entry of the log. */
struct logged {
	struct logged *next; /* owned: the one behind it */
	uint64_t number;
	bool data_synced;
	uint64_t data_blocks;
	struct store_layer *records; /* owned */
	size_t ranges_count;
	struct store_range *ranges; /* owned */
	uint8_t *data; /* owned */
};

struct memory {
	struct store base;
	pthread_rwlock_t lock; /* of the medium */
	struct store_layer *records; /* owned; what is deleted stays for a while */
	size_t deleted; /* records deleted since they were cleaned, at most */
	struct block *blocks; /* owned */
	size_t blocks_count;
	size_t durable_count; /* of blocks_count, at the last data_sync */

	bool has_log;
	bool log_is_long;
	struct logged *log; /* owned: what is not applied */

	pthread_mutex_t faults_lock;
	struct fault faults[STORE_MEMORY_CALLS];
	store_memory_hook_fn hook;
	void *hook_ctx;
};

/* Before each call of the medium: whether it fails. */
int store_memory_enter(struct memory *memory, enum store_memory_call call);

/* For data_read and data_write: the medium is locked. -EIO: behind the end. */
int store_memory_copy_out(const struct memory *memory, void *buf, size_t len, uint64_t offset);
int store_memory_copy_in(struct memory *memory, const void *buf, size_t len, uint64_t offset);

/* The medium is locked. */
int store_memory_resize(struct memory *memory, size_t blocks);

/* store_memory_log.c; the medium is locked */

/* The entries up to @number are in the records. */
void store_memory_log_applied(struct memory *memory, uint64_t number, enum store_log_use use);

/* What a log does to the medium @to, at power on. */
int store_memory_log_replay(const struct memory *from, struct memory *to);
void store_memory_log_finish(struct memory *memory);

/* The calls of struct store_ops. */
int store_memory_log(struct store *store, const struct store_entry *entry, bool last);
enum store_log_state store_memory_log_state(struct store *store);

#endif
