/* SPDX-License-Identifier: MIT */
/*
 * The bytes of files: reading, writing, cutting.
 *
 * A block that is written for the first time goes to a fresh place in the store, one that is stored
 * already is overwritten there. Data are written before the transaction that refers to them. What a
 * stored block has behind the end of the file is undefined: it is made zeros when the file grows.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/wait.h"
#include "overlay/overlay_data.h"

static const char zeros[STORE_BLOCK];

static pthread_rwlock_t *lock_of(struct overlay *ov, uint64_t id)
{
	/* ids that follow each other are different files that are used together */
	return &ov->files[id % FILE_LOCKS];
}

void overlay_file_lock(struct overlay *ov, uint64_t id)
{
	pthread_rwlock_rdlock(&ov->gate);
	pthread_rwlock_wrlock(lock_of(ov, id));
}

void overlay_file_unlock(struct overlay *ov, uint64_t id)
{
	pthread_rwlock_unlock(lock_of(ov, id));
	pthread_rwlock_unlock(&ov->gate);
}

bool overlay_file_lock_shared(struct overlay *ov, uint64_t id)
{
	if (wait_allowed())
		return pthread_rwlock_rdlock(lock_of(ov, id)) == 0;
	return pthread_rwlock_tryrdlock(lock_of(ov, id)) == 0;
}

void overlay_file_unlock_shared(struct overlay *ov, uint64_t id)
{
	pthread_rwlock_unlock(lock_of(ov, id));
}

int overlay_data_node(struct overlay *ov, uint64_t id, struct record_node *out)
{
	struct record_node node;
	int err = overlay_node_get(ov, NULL, id, &node);

	if (err)
		return err;
	if (S_ISDIR(node.mode))
		return -EISDIR;
	if (!S_ISREG(node.mode))
		return -EINVAL;
	*out = node;
	return 0;
}

/* Reading ---------------------------------------------------------------------------------------- */

int overlay_data_read_lower(struct overlay *ov, uint64_t id, const struct record_node *node,
			    void *buf, size_t len, uint64_t offset)
{
	size_t there = 0;

	if (offset < node->lower_size)
		there = min_u64(len, node->lower_size - offset);
	memset((char *)buf + there, 0, len - there);
	if (there) {
		ssize_t n = tree_read(ov->lower, id, buf, there, offset);

		if (n < 0)
			return (int)n;
		if ((size_t)n < there)
			return -EIO; /* it was longer when its size was taken down */
	}
	return 0;
}

static int read_data(struct overlay *ov, uint64_t id, const struct record_node *node, char *buf,
		     uint64_t offset, uint64_t end)
{
	struct overlay_cursor cursor = OVERLAY_CURSOR_INIT(ov, id);

	while (offset < end) {
		struct overlay_segment segment;
		size_t len;
		int err = overlay_segment_at(&cursor, node, offset, end, &segment);

		if (err)
			return err;
		len = segment.end - offset;
		if (segment.kind == SEGMENT_STORED)
			err = store_data_read(ov->store, buf, len, segment.data);
		else if (segment.kind == SEGMENT_LOWER)
			err = overlay_data_read_lower(ov, id, node, buf, len, offset);
		else
			memset(buf, 0, len);
		if (err)
			return err;
		buf += len;
		offset = segment.end;
	}
	return 0;
}

static ssize_t read_locked(struct overlay *ov, uint64_t id, void *buf, size_t len, uint64_t offset)
{
	struct record_node node;
	int err = overlay_data_node(ov, id, &node);

	if (err)
		return err;
	if (offset >= node.size)
		return 0;
	len = min_u64(len, node.size - offset);
	err = read_data(ov, id, &node, buf, offset, offset + len);
	return err ? err : (ssize_t)len;
}

ssize_t overlay_read(struct tree *tree, uint64_t id, void *buf, size_t len, uint64_t offset)
{
	struct overlay *ov = overlay_of(tree);
	ssize_t n;

	if (!overlay_is_touched(ov, id))
		return tree_read(ov->lower, id, buf, len, offset);
	if (!overlay_file_lock_shared(ov, id))
		return -EAGAIN;
	n = read_locked(ov, id, buf, len, offset);
	overlay_file_unlock_shared(ov, id);
	return n;
}

static int map_locked(struct overlay *ov, uint64_t id, uint64_t offset, size_t len,
		      struct tree_extent *out)
{
	struct overlay_cursor cursor = OVERLAY_CURSOR_INIT(ov, id);
	struct overlay_segment segment;
	struct record_node node;
	int err = overlay_node_get(ov, NULL, id, &node);

	if (err)
		return err;
	if (!S_ISREG(node.mode) || offset >= node.size)
		return -EOPNOTSUPP;
	len = min_u64(len, node.size - offset);
	err = overlay_segment_at(&cursor, &node, offset, offset + len, &segment);
	if (err)
		return err;
	if (segment.kind != SEGMENT_LOWER)
		return -EOPNOTSUPP;
	return tree_map(ov->lower, id, offset, segment.end - offset, out);
}

int overlay_map(struct tree *tree, uint64_t id, uint64_t offset, size_t len,
		struct tree_extent *out)
{
	struct overlay *ov = overlay_of(tree);
	int err;

	if (!overlay_is_touched(ov, id))
		return tree_map(ov->lower, id, offset, len, out);
	if (!overlay_file_lock_shared(ov, id))
		return -EAGAIN;
	err = map_locked(ov, id, offset, len, out);
	overlay_file_unlock_shared(ov, id);
	return err;
}

/* Writing ---------------------------------------------------------------------------------------- */

int overlay_data_clear_tail(struct overlay *ov, uint64_t id, uint64_t size, uint64_t end)
{
	const uint64_t index = size / STORE_BLOCK;
	const uint64_t from = size % STORE_BLOCK;
	struct record_chunk chunk;
	uint64_t block;
	int err;

	if (from == 0 || end <= size)
		return 0;
	err = overlay_chunk_get(ov, id, index / CHUNK_BLOCKS, &chunk);
	if (err)
		return err == -ENOENT ? 0 : err;
	block = chunk.blocks[index % CHUNK_BLOCKS];
	if ((block & BLOCK_KIND) != BLOCK_DATA)
		return 0;
	return store_data_write(ov->store, zeros, min_u64(STORE_BLOCK - from, end - size),
				(block & BLOCK_NUMBER) * STORE_BLOCK + from);
}

/* One write, of blocks that fit into one batch. */
struct writing {
	struct overlay *ov;
	uint64_t id;
	struct record_node node; /* as it was before */
	const char *buf;
	size_t len;
	uint64_t offset;
	struct overlay_batch batch;
};

/* Finds out which blocks need a place, and gets it. */
static int take_blocks(struct writing *w)
{
	const uint64_t end = div_round_up(w->offset + w->len, STORE_BLOCK);

	for (uint64_t index = w->offset / STORE_BLOCK; index < end; index++) {
		struct overlay_batch_chunk *slot = overlay_batch_of(&w->batch, index);
		uint64_t *block = overlay_batch_block(&w->batch, index);

		if (!block_is_stored(*block)) {
			slot->wanted |= overlay_batch_bit(index);
		} else if ((*block & BLOCK_KIND) == BLOCK_UNWRITTEN) {
			*block = BLOCK_DATA | (*block & BLOCK_NUMBER);
			slot->changed = true;
		}
	}
	return overlay_batch_take(&w->batch, BLOCK_DATA);
}

/* Writes a block that the write covers in part, and that has nothing in the store yet. */
static int write_whole_block(struct writing *w, uint64_t index, size_t from, const char *buf,
			     size_t len, uint64_t to)
{
	char block[STORE_BLOCK];
	int err = 0;

	if (overlay_batch_of(&w->batch, index)->lower & overlay_batch_bit(index))
		err = overlay_data_read_lower(w->ov, w->id, &w->node, block, sizeof(block),
					      index * STORE_BLOCK);
	else
		memset(block, 0, sizeof(block));
	if (err)
		return err;
	memcpy(block + from, buf, len);
	return store_data_write(w->ov->store, block, sizeof(block), to);
}

/* What stands together in memory, in the file and in the store is written at once. */
static int write_blocks(struct writing *w)
{
	const char *buf = w->buf, *run = NULL;
	uint64_t offset = w->offset, run_to = 0;
	size_t left = w->len, run_len = 0;
	int err = 0;

	while (!err && left) {
		const uint64_t index = offset / STORE_BLOCK;
		const size_t from = offset % STORE_BLOCK;
		const size_t len = min_u64(left, STORE_BLOCK - from);
		const uint64_t to =
			(*overlay_batch_block(&w->batch, index) & BLOCK_NUMBER) * STORE_BLOCK;
		const bool empty =
			overlay_batch_of(&w->batch, index)->empty & overlay_batch_bit(index);

		if (len < STORE_BLOCK && empty) {
			err = write_whole_block(w, index, from, buf, len, to);
		} else if (run_len && run_to + run_len == to + from) {
			run_len += len;
		} else {
			if (run_len)
				err = store_data_write(w->ov->store, run, run_len, run_to);
			run = buf;
			run_to = to + from;
			run_len = len;
		}
		buf += len;
		offset += len;
		left -= len;
	}
	if (!err && run_len)
		err = store_data_write(w->ov->store, run, run_len, run_to);
	return err;
}

static int commit_write(struct writing *w)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct record_node node;
	int err = overlay_txn_begin(w->ov, &txn);

	if (!err)
		err = overlay_node_get(w->ov, &txn, w->id, &node);
	if (err)
		return err;
	node.size = max_u64(node.size, w->offset + w->len);
	node.own_blocks += w->batch.taken;
	node.mtime = node.ctime = txn.now;
	err = overlay_batch_put(&w->batch, &txn);
	if (!err)
		err = overlay_node_put(&txn, w->id, &node);
	return err ? err : overlay_txn_commit(&txn, false);
}

static int write_batch(struct writing *w)
{
	const uint64_t index = w->offset / STORE_BLOCK;
	const uint64_t end = div_round_up(w->offset + w->len, STORE_BLOCK);
	int err = overlay_data_node(w->ov, w->id, &w->node);

	if (!err)
		err = overlay_batch_load(&w->batch, w->ov, w->id, index, end);
	if (err)
		return err;
	err = take_blocks(w);
	if (!err)
		err = write_blocks(w);
	if (!err)
		err = overlay_data_clear_tail(w->ov, w->id, w->node.size, w->offset);
	if (!err)
		err = commit_write(w);
	if (err)
		overlay_batch_return(&w->batch);
	return err;
}

/*
 * What a program must not keep once somebody has written to it goes before the first byte, as on ext4:
 * the write may fail half way.
 */
static int drop_privilege(struct overlay *ov, uint64_t id, unsigned int flags)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	const bool drops = flags & TREE_WRITE_DROP_PRIVILEGE;
	const bool setgid = flags & TREE_WRITE_DROP_SETGID;
	struct record_node node;
	int err = overlay_data_node(ov, id, &node);

	if (err || flags & TREE_WRITE_WRITTEN_BACK)
		return err;
	if (!(drops && overlay_mode_without_privilege(node.mode, setgid) != node.mode)) {
		err = overlay_xattr_has_capability(ov, id, &node);
		if (err)
			return err == -ENODATA ? 0 : err;
	}
	err = overlay_txn_begin(ov, &txn);
	if (!err)
		err = overlay_node_get(ov, &txn, id, &node);
	if (!err)
		err = overlay_xattr_drop_capability(&txn, id, &node);
	if (err)
		return err;
	if (drops)
		node.mode = overlay_mode_without_privilege(node.mode, setgid);
	node.ctime = txn.now;
	err = overlay_node_put(&txn, id, &node);
	return err ? err : overlay_txn_commit(&txn, false);
}

int overlay_data_write(struct overlay *ov, uint64_t id, const void *buf, size_t len,
		       uint64_t offset, unsigned int flags)
{
	const uint64_t end = offset + len;
	struct writing w;
	int err;

	w.ov = ov;
	w.id = id;
	err = drop_privilege(ov, id, flags);
	if (err)
		return err;
	for (w.buf = buf, w.offset = offset; w.offset < end; w.buf += w.len, w.offset += w.len) {
		const uint64_t index = w.offset / STORE_BLOCK;

		w.len = min_u64(end,
				overlay_batch_end(index, UINT64_MAX / STORE_BLOCK) * STORE_BLOCK) -
			w.offset;
		err = write_batch(&w);
		if (err)
			return err;
	}
	return 0;
}

int overlay_write(struct tree *tree, uint64_t id, const void *buf, size_t len, uint64_t offset,
		  unsigned int flags)
{
	struct overlay *ov = overlay_of(tree);
	int err;

	if (store_is_read_only(ov->store))
		return -EROFS;
	overlay_file_lock(ov, id);
	err = overlay_data_write(ov, id, buf, len, offset, flags);
	overlay_file_unlock(ov, id);
	return err;
}

/* Cutting ---------------------------------------------------------------------------------------- */

/* Gives back the blocks of a file from number @index on. */
struct cutting {
	struct overlay_txn *txn;
	uint64_t index;
	struct overlay_freed freed;
};

static int cut_chunk(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct cutting *cut = ctx;
	struct record_chunk chunk;
	struct record_key parsed;
	bool keeps = false, changed = false;
	int err = record_key_parse(key, &parsed);

	if (!err)
		err = record_chunk_decode(parsed.id, value, len, &chunk);
	for (unsigned int i = 0; !err && i < CHUNK_BLOCKS; i++) {
		if (parsed.number * CHUNK_BLOCKS + i < cut->index) {
			keeps = true;
		} else if (chunk.blocks[i] != BLOCK_LOWER) {
			err = overlay_freed_add(&cut->freed, chunk.blocks[i]);
			chunk.blocks[i] = BLOCK_LOWER;
			changed = true;
		}
	}
	if (err || !changed)
		return err;
	if (keeps)
		return overlay_chunk_put(cut->txn, parsed.id, parsed.number, &chunk);
	return store_delete(cut->txn->store, key);
}

static int cut_blocks(struct overlay_txn *txn, uint64_t id, uint64_t index, uint64_t *out_freed)
{
	struct cutting cut = {.txn = txn, .index = index, .freed.txn = txn};
	struct store_key prefix, from;
	int err;

	record_prefix_kind(&prefix, id, RECORD_CHUNK);
	record_key_chunk(&from, id, index / CHUNK_BLOCKS);
	err = store_scan(txn->ov->store, &prefix, &from, cut_chunk, &cut);
	if (!err)
		err = overlay_freed_finish(&cut.freed);
	if (!err)
		*out_freed = cut.freed.total;
	return err;
}

int overlay_file_resize(struct overlay_txn *txn, uint64_t id, struct record_node *node,
			uint64_t size)
{
	uint64_t freed = 0;
	int err;

	if (size > node->size)
		err = overlay_data_clear_tail(txn->ov, id, node->size, size);
	else
		err = cut_blocks(txn, id, div_round_up(size, STORE_BLOCK), &freed);
	if (err)
		return err;
	overlay_node_own_less(node, freed);
	node->size = size;
	node->lower_size = min_u64(node->lower_size, size);
	return 0;
}

int overlay_file_free(struct overlay_txn *txn, uint64_t id)
{
	uint64_t freed;

	return cut_blocks(txn, id, 0, &freed);
}
