/* SPDX-License-Identifier: MIT */
/* An overlay from its beginning to its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/log.h"
#include "overlay/overlay_fs.h"

/* More new nodes than all layers of a store together have room for. */
#define LOST_IDS_MAX ((uint64_t)1 << 19)

#define READING_OPS                                                                                \
	.kind = "overlay", .getattr = overlay_getattr, .lookup = overlay_lookup,                   \
	.parent = overlay_parent, .readdir = overlay_readdir, .read = overlay_read,                \
	.map = overlay_map, .seek = overlay_seek, .readlink = overlay_readlink,                    \
	.getxattr = overlay_getxattr, .listxattr = overlay_listxattr, .statfs = overlay_statfs,    \
	.volume = overlay_volume, .fold = overlay_fold, .spelling = overlay_spelling,              \
	.notes = overlay_notes, .close = overlay_drop

static const struct tree_ops read_only_ops = {READING_OPS};

static const struct tree_ops writable_ops = {
	READING_OPS,
	.setattr = overlay_setattr,
	.create = overlay_create,
	.create_nameless = overlay_create_nameless,
	.link = overlay_link,
	.unlink = overlay_unlink,
	.rmdir = overlay_rmdir,
	.rename = overlay_rename,
	.write = overlay_write,
	.fallocate = overlay_fallocate,
	.setxattr = overlay_setxattr,
	.removexattr = overlay_removexattr,
	.sync = overlay_sync,
	.hold = overlay_hold,
	.release = overlay_release,
};

int overlay_format(struct store *store, const struct tree *lower, uint64_t first_id)
{
	CLEANUP(store_abortp) struct store_txn *txn = NULL;
	struct record_super super = {
		.format = RECORD_FORMAT,
		.base_span = lower->span,
		.next_id = max_u64(first_id, lower->span),
	};
	uint8_t value[RECORD_SUPER_BYTES];
	struct store_key key;
	int err;

	if (super.next_id >= RECORD_IDS_END)
		return -EOVERFLOW;
	hash_short_key_make(super.hash_key);
	err = store_begin(store, &txn);
	if (err)
		return err;
	record_key_super(&key);
	err = store_put(txn, &key, value, record_super_encode(&super, value));
	if (!err)
		err = store_commit(&txn, false);
	return err ? err : store_sync(store);
}

static int read_super(struct overlay *ov)
{
	uint8_t value[RECORD_SUPER_BYTES];
	struct record_super super;
	struct store_key key;
	size_t len;
	int err;

	record_key_super(&key);
	err = store_get(ov->store, &key, value, sizeof(value), &len);
	if (err == -ENOENT || err == -ERANGE) {
		log_error("overlay: the store has no overlay in it: its first record is %s",
			  err == -ENOENT ? "missing" : "too long");
		return -EUCLEAN;
	}
	if (!err)
		err = record_super_decode(value, len, &super);
	if (err)
		return err;
	if (super.base_span != ov->lower->span) {
		log_error("overlay: made for a tree of %llu nodes, this one has %llu",
			  (unsigned long long)super.base_span, (unsigned long long)ov->lower->span);
		return -EUCLEAN;
	}
	ov->base_span = super.base_span;
	ov->next_id = ov->ids_end = super.next_id;
	/* ids that were given out and lost with what was not synced must not name other files */
	if (store_was_unclean(ov->store) && !store_is_read_only(ov->store))
		ov->next_id = ov->ids_end = min_u64(super.next_id + LOST_IDS_MAX, RECORD_IDS_END);
	memcpy(ov->hash_key, super.hash_key, sizeof(ov->hash_key));
	return 0;
}

/* Nodes without a name that a crash left. */
struct orphans {
	uint64_t *ids; /* owned */
	size_t count;
	size_t room;
};

struct look {
	struct overlay *ov;
	struct orphans orphans;
};

static int note_orphan(struct orphans *orphans, uint64_t id)
{
	if (orphans->count == orphans->room) {
		const size_t room = orphans->room ? orphans->room * 2 : 64;
		uint64_t *ids = reallocarray(orphans->ids, room, sizeof(*ids));

		if (!ids)
			return -ENOMEM;
		orphans->ids = ids;
		orphans->room = room;
	}
	orphans->ids[orphans->count++] = id;
	return 0;
}

static int look_at_node(struct look *look, uint64_t id, const void *value, size_t len)
{
	struct record_node node;
	int err = record_node_decode(id, value, len, &node);

	if (err)
		return err;
	if ((id == TREE_ROOT || id == node.volume) && (node.nlink == 0 || !S_ISDIR(node.mode))) {
		log_error("overlay: node %llu: the root of a volume is no directory any more",
			  (unsigned long long)id);
		return -EUCLEAN;
	}
	if (node.nlink == 0 && !(node.flags & NODE_REMOVED))
		return note_orphan(&look->orphans, id);
	return 0;
}

static int look_at_chunk(struct look *look, uint64_t id, const void *value, size_t len)
{
	struct record_chunk chunk;
	int err = record_chunk_decode(id, value, len, &chunk);

	for (unsigned int i = 0; !err && i < CHUNK_BLOCKS;) {
		const uint64_t first = chunk.blocks[i];
		unsigned int count = 1;

		if (!block_is_stored(first)) {
			i++;
			continue;
		}
		while (i + count < CHUNK_BLOCKS && block_is_stored(chunk.blocks[i + count]) &&
		       (chunk.blocks[i + count] & BLOCK_NUMBER) == (first & BLOCK_NUMBER) + count)
			count++;
		err = store_blocks_mark(look->ov->store, first & BLOCK_NUMBER, count);
		i += count;
	}
	return err;
}

/* A value that is as long as its kind allows. */
static int look_at_length(const struct record_key *key, size_t len, size_t max)
{
	if (len <= max)
		return 0;
	log_error("overlay: node %llu: a record of kind %c has %zu bytes",
		  (unsigned long long)key->id, (char)key->kind, len);
	return -EUCLEAN;
}

static int look_at_names(uint64_t dir, const void *value, size_t len)
{
	const uint8_t *at = value;
	struct record_name name;
	unsigned int count = 0;
	int got;

	while ((got = record_names_next(dir, &at, &len, &name)) > 0)
		count++;
	if (got < 0 || (count >= 1 && count <= RECORD_NAMES_MAX))
		return got;
	log_error("overlay: node %llu: a record of %u names", (unsigned long long)dir, count);
	return -EUCLEAN;
}

/* Each record once: what it refers to is taken, what it is about is touched. */
static int look_at(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct look *look = ctx;
	struct record_key parsed;
	struct tree_note note;
	int err = record_key_parse(key, &parsed);

	if (!err && parsed.kind == RECORD_NOTE)
		return record_note_decode(&parsed, value, len, &note);
	if (err || parsed.id == 0)
		return err;
	if (parsed.id >= look->ov->next_id) {
		log_error("overlay: a record of node %llu, but the next one is %llu",
			  (unsigned long long)parsed.id, (unsigned long long)look->ov->next_id);
		return -EUCLEAN;
	}
	overlay_touch(look->ov, parsed.id);
	switch (parsed.kind) {
	case RECORD_NODE:
		return look_at_node(look, parsed.id, value, len);
	case RECORD_CHUNK:
		return look_at_chunk(look, parsed.id, value, len);
	case RECORD_NAMES:
		overlay_name(look->ov, parsed.id, parsed.number);
		return look_at_names(parsed.id, value, len);
	case RECORD_LINK:
		return look_at_length(&parsed, len, TREE_LINK_MAX);
	case RECORD_XATTR:
		return look_at_length(&parsed, len, TREE_XATTR_MAX);
	default:
		return 0;
	}
}

static int look_at_all(struct overlay *ov)
{
	struct store_key all = {.len = 0};
	struct look look = {.ov = ov};
	int err = store_scan(ov->store, &all, NULL, look_at, &look);

	if (!err)
		err = store_blocks_ready(ov->store);
	if (!err && !store_is_read_only(ov->store)) {
		for (size_t i = 0; i < look.orphans.count; i++)
			overlay_node_discard(ov, look.orphans.ids[i]);
	}
	free(look.orphans.ids);
	return err;
}

/* Whoever writes to a file that is read all the time gets in. Nobody takes such a lock twice. */
static int init_file_locks(struct overlay *ov)
{
	pthread_rwlockattr_t attr;
	int err = pthread_rwlockattr_init(&attr);

	if (err)
		return -err;
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&ov->gate, &attr);
	for (size_t i = 0; i < FILE_LOCKS; i++)
		pthread_rwlock_init(&ov->files[i], &attr);
	pthread_rwlockattr_destroy(&attr);
	return 0;
}

static int init_locks(struct overlay *ov)
{
	int err = overlay_held_init(&ov->held);

	if (err)
		return err;
	pthread_mutex_init(&ov->change, NULL);
	err = init_file_locks(ov);
	if (err) {
		pthread_mutex_destroy(&ov->change);
		overlay_held_finish(&ov->held);
	}
	return err;
}

static void finish(struct overlay *ov)
{
	for (size_t i = 0; i < FILE_LOCKS; i++)
		pthread_rwlock_destroy(&ov->files[i]);
	pthread_rwlock_destroy(&ov->gate);
	pthread_mutex_destroy(&ov->change);
	overlay_held_finish(&ov->held);
	overlay_cache_finish(&ov->cache);
	free(ov);
}

int overlay_open(struct store *store, struct tree *lower, struct tree **out)
{
	struct overlay *ov;
	int err;

	if (lower->level + 1 >= TREE_LEVELS_MAX)
		return -ELOOP;
	ov = calloc(1, sizeof(*ov));
	if (!ov)
		return -ENOMEM;
	err = init_locks(ov);
	if (err) {
		free(ov);
		return err;
	}
	ov->store = store;
	ov->lower = lower;
	ov->base.level = lower->level + 1;
	ov->base.mixes_case = lower->mixes_case;
	err = read_super(ov);
	if (!err)
		err = look_at_all(ov);
	if (err) {
		finish(ov);
		return err;
	}
	ov->base.ops = store_is_read_only(store) ? &read_only_ops : &writable_ops;
	/* only what cannot change any more has an end to its ids */
	ov->base.span = store_is_read_only(store) ? ov->next_id : RECORD_IDS_END;
	*out = &ov->base;
	return 0;
}

uint64_t overlay_next_id(struct tree *overlay)
{
	return overlay_of(overlay)->ids_end;
}

void overlay_pause(struct tree *overlay)
{
	struct overlay *ov = overlay_of(overlay);

	pthread_rwlock_wrlock(&ov->gate);
	pthread_mutex_lock(&ov->change);
}

void overlay_resume(struct tree *overlay)
{
	struct overlay *ov = overlay_of(overlay);

	pthread_mutex_unlock(&ov->change);
	pthread_rwlock_unlock(&ov->gate);
}

int overlay_settle(struct tree *overlay)
{
	return store_settle(overlay_of(overlay)->store, true);
}

/* What was held to the end and has no name goes now, as it would at the next opening. */
static void discard_held(struct overlay *ov)
{
	struct orphans orphans = {0};

	for (size_t i = 0; i < ov->held.size; i++) {
		const uint64_t id = ov->held.slots[i].id;
		struct record_node node;

		if (id && overlay_node_get(ov, NULL, id, &node) == 0 && node.nlink == 0 &&
		    note_orphan(&orphans, id))
			break;
	}
	overlay_held_finish(&ov->held);
	overlay_held_init(&ov->held);
	for (size_t i = 0; i < orphans.count; i++)
		overlay_node_discard(ov, orphans.ids[i]);
	free(orphans.ids);
}

int overlay_close(struct tree *overlay)
{
	struct overlay *ov;
	int err;

	if (!overlay)
		return 0;
	ov = overlay_of(overlay);
	discard_held(ov);
	err = store_close(ov->store);
	tree_close(ov->lower);
	finish(ov);
	return err;
}

void overlay_drop(struct tree *overlay)
{
	overlay_close(overlay);
}
