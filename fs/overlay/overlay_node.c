/* SPDX-License-Identifier: MIT */
/* Nodes: what the store and the lower tree say of one, and transactions that change them. */
#include "overlay/overlay_fs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"

#define SECTORS_PER_BLOCK (STORE_BLOCK / 512)

/* The counter in the super record runs ahead, so that not every new node has to write it. */
#define IDS_AHEAD 256u

static unsigned int bit_of(uint64_t key)
{
	return (unsigned int)((key * 0x9e3779b97f4a7c15u) >> (64 - TOUCHED_BITS_LOG2));
}

static bool is_set(const _Atomic uint64_t words[TOUCHED_WORDS], unsigned int bit)
{
	return atomic_load_explicit(&words[bit / 64], memory_order_acquire) >> bit % 64 & 1;
}

static void set(_Atomic uint64_t words[TOUCHED_WORDS], unsigned int bit)
{
	atomic_fetch_or_explicit(&words[bit / 64], (uint64_t)1 << bit % 64, memory_order_acq_rel);
}

bool overlay_is_touched(struct overlay *ov, uint64_t id)
{
	return !overlay_is_lower(ov, id) || is_set(ov->touched, bit_of(id));
}

void overlay_touch(struct overlay *ov, uint64_t id)
{
	if (overlay_is_lower(ov, id))
		set(ov->touched, bit_of(id));
}

bool overlay_is_named(struct overlay *ov, uint64_t dir, uint64_t hash)
{
	return is_set(ov->named, bit_of(dir ^ hash));
}

void overlay_name(struct overlay *ov, uint64_t dir, uint64_t hash)
{
	set(ov->named, bit_of(dir ^ hash));
}

int overlay_txn_begin(struct overlay *ov, struct overlay_txn *txn)
{
	int err;

	pthread_mutex_lock(&ov->change);
	err = store_begin(ov->store, &txn->store);
	if (err) {
		pthread_mutex_unlock(&ov->change);
		return err;
	}
	txn->ov = ov;
	overlay_cache_turn(&ov->cache);
	txn->next_id = ov->next_id;
	txn->ids_end = ov->ids_end;
	/* the clock that the kernel stamps with, too: what both write must not run backwards */
	clock_gettime(CLOCK_REALTIME_COARSE, &txn->now);
	return 0;
}

int overlay_txn_commit(struct overlay_txn *txn, bool frees)
{
	struct overlay *ov = txn->ov;
	int err = store_commit(&txn->store, frees);

	if (!err) {
		ov->next_id = txn->next_id;
		ov->ids_end = txn->ids_end;
	}
	overlay_txn_end(txn);
	return err;
}

void overlay_txn_end(struct overlay_txn *txn)
{
	struct overlay *ov = txn->ov;

	if (!ov)
		return;
	store_abort(txn->store);
	txn->store = NULL;
	txn->ov = NULL;
	overlay_cache_turn(&ov->cache);
	pthread_mutex_unlock(&ov->change);
}

int overlay_txn_new_id(struct overlay_txn *txn, uint64_t *out_id)
{
	uint8_t value[RECORD_SUPER_BYTES];
	struct record_super super;
	struct store_key key;
	int err;

	if (txn->next_id >= RECORD_IDS_END - IDS_AHEAD)
		return -ENOSPC;
	if (txn->next_id >= txn->ids_end) {
		super = (struct record_super){
			.format = RECORD_FORMAT,
			.base_span = txn->ov->base_span,
			.next_id = txn->next_id + IDS_AHEAD,
		};
		memcpy(super.hash_key, txn->ov->hash_key, sizeof(super.hash_key));
		record_key_super(&key);
		err = store_put(txn->store, &key, value, record_super_encode(&super, value));
		if (err)
			return err;
		txn->ids_end = super.next_id;
	}
	*out_id = txn->next_id++;
	return 0;
}

int overlay_record_get(struct overlay *ov, struct overlay_txn *txn, const struct store_key *key,
		       void *buf, size_t size, size_t *out_len)
{
	if (txn)
		return store_txn_get(txn->store, key, buf, size, out_len);
	return store_get(ov->store, key, buf, size, out_len);
}

static int get_from_lower(struct overlay *ov, uint64_t id, struct record_node *out)
{
	struct tree_attr attr;
	uint64_t volume;
	int err = tree_getattr(ov->lower, id, &attr);

	if (!err)
		err = tree_volume(ov->lower, id, &volume);
	if (err)
		return err;
	*out = (struct record_node){
		.mode = attr.mode,
		.nlink = attr.nlink,
		.uid = attr.uid,
		.gid = attr.gid,
		.project = attr.project,
		.rdev = attr.rdev,
		.size = attr.size,
		.lower_size = S_ISREG(attr.mode) ? attr.size : 0,
		.volume = volume,
		.atime = attr.atime,
		.mtime = attr.mtime,
		.ctime = attr.ctime,
		.btime = attr.btime,
	};
	return 0;
}

/* As overlay_node_get, without looking into the cache. */
static int get_node(struct overlay *ov, struct overlay_txn *txn, uint64_t id,
		    struct record_node *out)
{
	uint8_t value[RECORD_NODE_BYTES];
	struct record_node node;
	struct store_key key;
	size_t len;
	int err;

	record_key_node(&key, id);
	err = overlay_record_get(ov, txn, &key, value, sizeof(value), &len);
	if (err == -ENOENT)
		return overlay_is_lower(ov, id) ? get_from_lower(ov, id, out) : -ESTALE;
	if (!err)
		err = record_node_decode(id, value, len, &node);
	if (err)
		return err;
	if (node.flags & NODE_REMOVED)
		return -ESTALE;
	*out = node;
	return 0;
}

int overlay_node_get(struct overlay *ov, struct overlay_txn *txn, uint64_t id,
		     struct record_node *out)
{
	uint64_t version;
	int err;

	if (id == 0 || id >= RECORD_IDS_END)
		return -ESTALE;
	if (!overlay_is_touched(ov, id))
		return get_from_lower(ov, id, out);
	if (txn)
		return get_node(ov, txn, id, out);
	if (overlay_cache_find(&ov->cache, id, out))
		return 0;
	version = overlay_cache_version(&ov->cache);
	err = get_node(ov, NULL, id, out);
	if (!err)
		overlay_cache_put(&ov->cache, version, id, out);
	return err;
}

int overlay_node_put(struct overlay_txn *txn, uint64_t id, const struct record_node *node)
{
	uint8_t value[RECORD_NODE_BYTES];
	struct store_key key;

	overlay_touch(txn->ov, id);
	overlay_cache_drop(&txn->ov->cache, id);
	record_key_node(&key, id);
	return store_put(txn->store, &key, value, record_node_encode(node, value));
}

int overlay_node_delete(struct overlay_txn *txn, uint64_t id)
{
	struct store_key key;

	overlay_cache_drop(&txn->ov->cache, id);
	record_key_node(&key, id);
	return store_delete(txn->store, &key);
}

int overlay_node_attr(struct overlay *ov, uint64_t id, const struct record_node *node,
		      struct tree_attr *out)
{
	uint64_t lower_blocks = 0;

	if (S_ISREG(node->mode) ? node->lower_size > 0 : overlay_is_lower(ov, id)) {
		struct tree_attr lower;
		int err = tree_getattr(ov->lower, id, &lower);

		if (err)
			return err;
		lower_blocks = lower.blocks;
		/* blocks that were stored anew may be counted twice, but a file has not more than fit */
		if (S_ISREG(node->mode) && (node->own_blocks || node->lower_size < lower.size))
			lower_blocks =
				min_u64(lower_blocks, div_round_up(node->lower_size, STORE_BLOCK) *
							      SECTORS_PER_BLOCK);
	}
	*out = (struct tree_attr){
		.id = id,
		.size = node->size,
		.blocks = lower_blocks,
		.mode = node->mode,
		.nlink = node->nlink,
		.uid = node->uid,
		.gid = node->gid,
		.rdev = node->rdev,
		.block_size = STORE_BLOCK,
		.project = node->project,
		.atime = node->atime,
		.mtime = node->mtime,
		.ctime = node->ctime,
		.btime = node->btime,
	};
	if (S_ISREG(node->mode) && node->own_blocks) {
		const uint64_t own = node->own_blocks * SECTORS_PER_BLOCK;
		const uint64_t fit = div_round_up(node->size, STORE_BLOCK) * SECTORS_PER_BLOCK;

		out->blocks = max_u64(own, min_u64(own + lower_blocks, fit));
	}
	/* what every other local file system says of a directory without entries of its own */
	if (S_ISDIR(node->mode) && out->size == 0)
		out->size = STORE_BLOCK;
	return 0;
}

uint32_t overlay_mode_without_privilege(uint32_t mode, bool drops_setgid)
{
	if (S_ISDIR(mode))
		return mode;
	mode &= ~(uint32_t)S_ISUID;
	return mode & S_IXGRP || drops_setgid ? mode & ~(uint32_t)S_ISGID : mode;
}
