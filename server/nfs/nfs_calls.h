/* SPDX-License-Identifier: MIT */
/*
 * The calls of one export that change something: which are under way, and how those went that must not
 * be carried out twice, so that one that comes again gets its first answer (a duplicate request cache).
 * Also the order of changes, which keeps the attributes from before and after a change honest.
 *
 * How a call went is in memory for the last NFS_CALLS of them, and stored with the tree, in the same
 * transaction as its effect, if it succeeded.
 */
#ifndef BRAMBLE_NFS_CALLS_H
#define BRAMBLE_NFS_CALLS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "nfs/nfs_turns.h"
#include "tree/tree.h"

#define NFS_CALLS TREE_NOTES

struct nfs_calls;

/* A call and the same call that comes again have this in common. */
struct nfs_call_key {
	uint32_t client; /* its IPv4 address */
	uint32_t xid;
	uint32_t procedure;
	uint64_t checksum; /* of the arguments */
};

/* How a call went: enough to answer it again. */
struct nfs_outcome {
	uint32_t status; /* nfsstat3 */
	uint64_t id; /* of the node that was made, linked, renamed or changed; 0: none */
	uint64_t verifier; /* of an EXCLUSIVE create that succeeded; else 0 */
};

/* A call that is under way. Embedded in whatever carries it out; begins as zeros and its key. */
struct nfs_running {
	struct nfs_running *next;
	struct nfs_call_key key;
	uint64_t sequence; /* 0: its outcome is not kept */
	struct tree_note note;
};

/* @sync makes the changes of a group of calls durable. */
int nfs_calls_create(loop_group_fn sync, struct nfs_calls **out);

/* Takes what @tree has stored. */
int nfs_calls_load(struct nfs_calls *calls, struct tree *tree);

/* Nothing is under way. Accepts NULL. */
void nfs_calls_destroy(struct nfs_calls *calls);

enum nfs_call_is {
	NFS_CALL_IS_NEW, /* and under way from now on */
	NFS_CALL_IS_RUNNING, /* already */
	NFS_CALL_IS_DONE, /* *@out is how it went */
};

/*
 * On the loop, with running->key. @keep: the outcome is to be kept, and so @running->note may be stored
 * with the change, after nfs_calls_note_exclusive if it has a verifier. *@out_other is the same call
 * that is under way, *@out how the one went that is done.
 */
enum nfs_call_is nfs_calls_begin(struct nfs_calls *calls, struct nfs_running *running, bool keep,
				 struct nfs_running **out_other, struct nfs_outcome *out);
void nfs_calls_note_exclusive(struct nfs_running *running, uint64_t verifier);

/* On the loop. @outcome NULL: to be carried out again when it comes again. */
void nfs_calls_end(struct nfs_calls *calls, struct nfs_running *running,
		   const struct nfs_outcome *outcome);

/* Who of the export has a worker. */
struct nfs_turns *nfs_calls_turns(struct nfs_calls *calls);

/* Those whose change has to become durable before they are answered. */
struct loop_group *nfs_calls_syncs(struct nfs_calls *calls);

/* From any thread: whether the node @id was made by an EXCLUSIVE create with @verifier. */
bool nfs_calls_made(struct nfs_calls *calls, uint64_t id, uint64_t verifier);

/*
 * Order: while a thread has a node, its attributes are changed by nobody else who keeps to this. Names
 * go before all nodes. Not to be nested.
 */
void nfs_calls_lock_names(struct nfs_calls *calls);
void nfs_calls_unlock_names(struct nfs_calls *calls);
void nfs_calls_lock_node(struct nfs_calls *calls, uint64_t id);
void nfs_calls_unlock_node(struct nfs_calls *calls, uint64_t id);

#endif
