/* SPDX-License-Identifier: MIT */
/*
 * The calls of one export that change something. Outcomes are a ring: the slot of a call is its
 * sequence number modulo the size, in memory as with the tree, so that the newest NFS_CALLS are kept.
 *
 * A note of a tree, little-endian:
 *
 *     0  sequence
 *     8  address of the client, as in memory
 *    12  xid
 *    16  checksum of the arguments
 *    24  verifier of an EXCLUSIVE create, or 0
 *    32  procedure
 */
#include "nfs/nfs_calls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"

#define BUCKETS 1024u
#define NODES 32u /* locks that stand for all nodes */
#define NO_SLOT UINT16_MAX

static_assert(NFS_CALLS < NO_SLOT, "slots are 16 bits");

/* A kept outcome; a sequence of 0: none. */
struct kept {
	struct nfs_call_key key;
	struct nfs_outcome outcome;
	uint64_t sequence;
	uint16_t next; /* slot of the same bucket */
};

struct nfs_calls {
	pthread_mutex_t lock; /* of the ring; never held while one waits */
	uint64_t sequence; /* the last one that was given */
	struct nfs_running *running[BUCKETS]; /* the loop's alone, as is the next one */
	struct nfs_turns turns;
	struct loop_group syncs;
	uint16_t buckets[BUCKETS];
	struct kept ring[NFS_CALLS];
	pthread_rwlock_t names;
	pthread_mutex_t nodes[NODES];
};

int nfs_calls_create(loop_group_fn sync, struct nfs_calls **out)
{
	struct nfs_calls *calls = calloc(1, sizeof(*calls));
	pthread_rwlockattr_t attr;

	if (!calls)
		return -ENOMEM;
	pthread_mutex_init(&calls->lock, NULL);
	loop_group_init(&calls->syncs, sync);
	pthread_rwlockattr_init(&attr);
	/* writes of data that keep coming must not keep a name waiting */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&calls->names, &attr);
	pthread_rwlockattr_destroy(&attr);
	for (size_t i = 0; i < NODES; i++)
		pthread_mutex_init(&calls->nodes[i], NULL);
	memset(calls->buckets, 0xff, sizeof(calls->buckets));
	*out = calls;
	return 0;
}

void nfs_calls_destroy(struct nfs_calls *calls)
{
	if (!calls)
		return;
	for (size_t i = 0; i < NODES; i++)
		pthread_mutex_destroy(&calls->nodes[i]);
	pthread_rwlock_destroy(&calls->names);
	loop_group_finish(&calls->syncs);
	pthread_mutex_destroy(&calls->lock);
	free(calls);
}

static bool same_key(const struct nfs_call_key *a, const struct nfs_call_key *b)
{
	return a->xid == b->xid && a->checksum == b->checksum && a->client == b->client &&
	       a->procedure == b->procedure;
}

/* The checksum is a keyed hash: nobody can aim at a bucket. */
static size_t bucket_of(const struct nfs_call_key *key)
{
	return (key->checksum ^ key->xid) % BUCKETS;
}

/* The ring ------------------------------------------------------------------------------------ */

static const struct kept *find(const struct nfs_calls *calls, const struct nfs_call_key *key)
{
	uint16_t slot = calls->buckets[bucket_of(key)];

	while (slot != NO_SLOT && !same_key(&calls->ring[slot].key, key))
		slot = calls->ring[slot].next;
	return slot == NO_SLOT ? NULL : &calls->ring[slot];
}

static void take_out(struct nfs_calls *calls, uint16_t slot)
{
	struct kept *kept = &calls->ring[slot];
	uint16_t *link = &calls->buckets[bucket_of(&kept->key)];

	if (!kept->sequence)
		return;
	while (*link != slot)
		link = &calls->ring[*link].next;
	*link = kept->next;
	kept->sequence = 0;
}

static void keep(struct nfs_calls *calls, uint64_t sequence, const struct nfs_call_key *key,
		 const struct nfs_outcome *outcome)
{
	const uint16_t slot = (uint16_t)(sequence % NFS_CALLS);
	struct kept *kept = &calls->ring[slot];

	/* calls end in another order than they begin in: the newer one stays */
	if (kept->sequence > sequence)
		return;
	take_out(calls, slot);
	kept->key = *key;
	kept->outcome = *outcome;
	kept->sequence = sequence;
	kept->next = calls->buckets[bucket_of(key)];
	calls->buckets[bucket_of(key)] = slot;
}

bool nfs_calls_made(struct nfs_calls *calls, uint64_t id, uint64_t verifier)
{
	bool made = false;

	if (!verifier || !id)
		return false;
	pthread_mutex_lock(&calls->lock);
	for (size_t i = 0; i < NFS_CALLS && !made; i++) {
		const struct kept *kept = &calls->ring[i];

		made = kept->sequence && kept->outcome.id == id &&
		       kept->outcome.verifier == verifier;
	}
	pthread_mutex_unlock(&calls->lock);
	return made;
}

/* Notes --------------------------------------------------------------------------------------- */

struct disk_note {
	le64 sequence; /* 0x00 */
	uint8_t client[4]; /* 0x08 */
	le32 xid; /* 0x0c */
	le64 checksum; /* 0x10 */
	le64 verifier; /* 0x18 */
	le32 procedure; /* 0x20 */
	uint8_t unused[12]; /* 0x24 */
};
static_assert(sizeof(struct disk_note) == TREE_NOTE_BYTES, "a note");

static void make_note(struct nfs_running *running, uint64_t verifier)
{
	struct disk_note disk = {
		.sequence = le64_make(running->sequence),
		.xid = le32_make(running->key.xid),
		.checksum = le64_make(running->key.checksum),
		.verifier = le64_make(verifier),
		.procedure = le32_make(running->key.procedure),
	};

	memcpy(disk.client, &running->key.client, sizeof(disk.client));
	running->note.slot = (uint16_t)(running->sequence % NFS_CALLS);
	memcpy(running->note.bytes, &disk, sizeof(disk));
}

void nfs_calls_note_exclusive(struct nfs_running *running, uint64_t verifier)
{
	make_note(running, verifier);
}

static int take_note(void *ctx, const struct tree_note *note)
{
	struct nfs_calls *calls = ctx;
	struct nfs_outcome outcome = {.id = note->id};
	struct nfs_call_key key;
	struct disk_note disk;
	uint64_t sequence;

	memcpy(&disk, note->bytes, sizeof(disk));
	sequence = le64_get(disk.sequence);
	/* not ours, or from another time */
	if (sequence == 0 || sequence > INT64_MAX || sequence % NFS_CALLS != note->slot)
		return 0;
	memcpy(&key.client, disk.client, sizeof(key.client));
	key.xid = le32_get(disk.xid);
	key.checksum = le64_get(disk.checksum);
	key.procedure = le32_get(disk.procedure);
	outcome.verifier = le64_get(disk.verifier);
	keep(calls, sequence, &key, &outcome);
	calls->sequence = max_u64(calls->sequence, sequence);
	return 0;
}

int nfs_calls_load(struct nfs_calls *calls, struct tree *tree)
{
	return tree_notes(tree, take_note, calls);
}

/* Calls under way ------------------------------------------------------------------------------ */

static struct nfs_running **find_running(struct nfs_calls *calls, const struct nfs_call_key *key)
{
	struct nfs_running **link = &calls->running[bucket_of(key)];

	while (*link && !same_key(&(*link)->key, key))
		link = &(*link)->next;
	return link;
}

enum nfs_call_is nfs_calls_begin(struct nfs_calls *calls, struct nfs_running *running, bool keep_it,
				 struct nfs_running **out_other, struct nfs_outcome *out)
{
	struct nfs_running **link = find_running(calls, &running->key);
	const struct kept *kept = NULL;

	if (*link) {
		*out_other = *link;
		return NFS_CALL_IS_RUNNING;
	}
	if (keep_it) {
		pthread_mutex_lock(&calls->lock);
		kept = find(calls, &running->key);
		if (kept)
			*out = kept->outcome;
		else
			running->sequence = ++calls->sequence;
		pthread_mutex_unlock(&calls->lock);
	}
	if (kept)
		return NFS_CALL_IS_DONE;
	running->next = NULL;
	*link = running;
	if (keep_it)
		make_note(running, 0);
	return NFS_CALL_IS_NEW;
}

void nfs_calls_end(struct nfs_calls *calls, struct nfs_running *running,
		   const struct nfs_outcome *outcome)
{
	struct nfs_running **link = find_running(calls, &running->key);

	*link = running->next;
	if (!outcome || !running->sequence)
		return;
	pthread_mutex_lock(&calls->lock);
	keep(calls, running->sequence, &running->key, outcome);
	pthread_mutex_unlock(&calls->lock);
}

struct nfs_turns *nfs_calls_turns(struct nfs_calls *calls)
{
	return &calls->turns;
}

struct loop_group *nfs_calls_syncs(struct nfs_calls *calls)
{
	return &calls->syncs;
}

/* Order --------------------------------------------------------------------------------------- */

static pthread_mutex_t *lock_of(struct nfs_calls *calls, uint64_t id)
{
	return &calls->nodes[id % NODES];
}

void nfs_calls_lock_names(struct nfs_calls *calls)
{
	pthread_rwlock_wrlock(&calls->names);
}

void nfs_calls_unlock_names(struct nfs_calls *calls)
{
	pthread_rwlock_unlock(&calls->names);
}

void nfs_calls_lock_node(struct nfs_calls *calls, uint64_t id)
{
	pthread_rwlock_rdlock(&calls->names);
	pthread_mutex_lock(lock_of(calls, id));
}

void nfs_calls_unlock_node(struct nfs_calls *calls, uint64_t id)
{
	pthread_mutex_unlock(lock_of(calls, id));
	pthread_rwlock_unlock(&calls->names);
}
