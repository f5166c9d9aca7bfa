/* SPDX-License-Identifier: MIT */
/*
 * An open overlay, and what its files share. Private to the overlay room.
 *
 * Locks, in this order:
 *   gate      shared by who takes one of files[] exclusive, exclusive while changes have to wait.
 *   files[]   one per group of nodes: shared while the data of a file are read, exclusive while they
 *             are written, cut or given back. So a block is never freed under a reader.
 *   change    held from reading what is there to committing what becomes of it.
 * What reads a single record (attributes, one name, one listing step) takes neither: a commit makes
 * all its records visible at once, and each answer is then right for some moment of the call.
 */
#ifndef BRAMBLE_OVERLAY_OVERLAY_FS_H
#define BRAMBLE_OVERLAY_OVERLAY_FS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/checked.h"
#include "overlay/overlay.h"
#include "overlay/overlay_cache.h"
#include "overlay/overlay_held.h"
#include "overlay/overlay_record.h"

#define FILE_LOCKS 32u
#define TOUCHED_BITS_LOG2 16u
#define TOUCHED_WORDS ((1u << TOUCHED_BITS_LOG2) / 64)

struct overlay {
	struct tree base;
	struct store *store; /* owned */
	struct tree *lower; /* owned */
	uint64_t base_span; /* ids below are the lower tree's */
	uint8_t hash_key[HASH_SHORT_KEY_BYTES];
	pthread_rwlock_t gate;
	pthread_rwlock_t files[FILE_LOCKS];
	pthread_mutex_t change;
	_Atomic uint64_t next_id; /* changes under change */
	_Atomic uint64_t ids_end; /* likewise: ids below are used up by the super record already */
	struct overlay_held held;
	/*
	 * Nodes of the lower tree that may have records: a set bit says perhaps, a clear one surely
	 * not. So what was never changed is read without asking the store, and without a lock.
	 */
	_Atomic uint64_t touched[TOUCHED_WORDS];
	/* The same of hashes of names in directories: which the store may know. */
	_Atomic uint64_t named[TOUCHED_WORDS];
	struct overlay_cache cache;
};

static inline struct overlay *overlay_of(struct tree *tree)
{
	return container_of(tree, struct overlay, base);
}

/* overlay_node.c ---------------------------------------------------------------------------------- */

bool overlay_is_touched(struct overlay *ov, uint64_t id);
void overlay_touch(struct overlay *ov, uint64_t id);
bool overlay_is_named(struct overlay *ov, uint64_t dir, uint64_t hash);
void overlay_name(struct overlay *ov, uint64_t dir, uint64_t hash);

/* Whether the lower tree has a node of this number, removed or not. */
static inline bool overlay_is_lower(const struct overlay *ov, uint64_t id)
{
	return id < ov->base_span;
}

/*
 * One change: holds ov->change until overlay_txn_end, which is its CLEANUP and aborts what was not
 * committed. -EROFS, -EIO.
 */
struct overlay_txn {
	struct overlay *ov; /* NULL: not begun */
	struct store_txn *store; /* NULL: committed */
	uint64_t next_id; /* both become the overlay's when it is committed */
	uint64_t ids_end;
	struct timespec now; /* what times become in this change */
};

#define OVERLAY_TXN_INIT                                                                           \
	{                                                                                          \
	}

int overlay_txn_begin(struct overlay *ov, struct overlay_txn *txn);

/* @frees: it gives back more than it takes, and may so use the last room. Unlocks. */
int overlay_txn_commit(struct overlay_txn *txn, bool frees);
void overlay_txn_end(struct overlay_txn *txn);

/* Puts the note of this thread's change, if there is one, about @id. */
int overlay_txn_note(struct overlay_txn *txn, uint64_t id);

/* The number of a new node. */
int overlay_txn_new_id(struct overlay_txn *txn, uint64_t *out_id);

/*
 * A node as it is: its record, else what the lower tree says. @txn: sees what that has put; NULL:
 * what is committed. -ESTALE: there is none (any more).
 */
int overlay_node_get(struct overlay *ov, struct overlay_txn *txn, uint64_t id,
		     struct record_node *out);
int overlay_node_put(struct overlay_txn *txn, uint64_t id, const struct record_node *node);
int overlay_node_delete(struct overlay_txn *txn, uint64_t id);

/* The attributes that @node has; may ask the lower tree how many blocks it has. */
int overlay_node_attr(struct overlay *ov, uint64_t id, const struct record_node *node,
		      struct tree_attr *out);

/* Any record: as store_txn_get or, with @txn NULL, store_get. */
int overlay_record_get(struct overlay *ov, struct overlay_txn *txn, const struct store_key *key,
		       void *buf, size_t size, size_t *out_len);

/* Clears setuid, and setgid of what its group may execute, as a write or chown does. */
uint32_t overlay_mode_without_privilege(uint32_t mode, bool drops_setgid);

/* overlay_discard.c ------------------------------------------------------------------------------- */

/*
 * Removes what is left of a node whose last name is gone, unless it is held. To be called without
 * locks. What goes wrong is logged: the next opening does it then.
 */
void overlay_node_discard(struct overlay *ov, uint64_t id);

/* overlay_names.c --------------------------------------------------------------------------------- */

/* A directory while one of its names is looked for. */
struct overlay_dir {
	uint64_t id;
	bool lower; /* the lower tree has entries in it, too */
	bool touched; /* it may have records */
	bool gone; /* it has no name any more: nothing is in it, nothing can be added */
	uint64_t folds_like; /* as in struct record_node; of a directory of the lower tree itself */
};

/* -ENOTDIR, -ESTALE. @node, if not NULL, is its record or what stands for it. */
int overlay_dir_get(struct overlay *ov, struct overlay_txn *txn, uint64_t id,
		    struct overlay_dir *out, struct record_node *node);

/* One name of a directory: what it leads to, and what has to be hidden. */
struct overlay_entry {
	bool present;
	bool hides; /* the lower directory has it */
	bool alias; /* the lower directory lists it by quite another name than was asked for */
	uint8_t type; /* DT_*, if it is present */
	uint64_t id; /* if it is present */
	uint64_t hash;
	size_t len;
	char name[TREE_NAME_MAX]; /* as it is listed; as it was asked for where it is absent */
};

/* 0 also where the name is absent. */
int overlay_entry_find(struct overlay *ov, struct overlay_txn *txn, const struct overlay_dir *dir,
		       const char *name, size_t len, struct overlay_entry *out);

/* Makes @entry, as found, lead to @id of this @mode, listed as @name. */
int overlay_entry_set(struct overlay_txn *txn, const struct overlay_dir *dir,
		      const struct overlay_entry *entry, const char *name, size_t len, uint64_t id,
		      uint32_t mode);

/* Makes @entry, as found and present, absent. */
int overlay_entry_clear(struct overlay_txn *txn, const struct overlay_dir *dir,
			const struct overlay_entry *entry);

/* Lists, as tree_ops.readdir. */
int overlay_dir_list(struct overlay *ov, const struct overlay_dir *dir, uint64_t cookie,
		     tree_entry_fn take, void *ctx);

/* -ENOTEMPTY, or an error of looking. */
int overlay_dir_is_empty(struct overlay *ov, const struct overlay_dir *dir);

/* The directory above @id, a directory. */
int overlay_dir_parent(struct overlay *ov, struct overlay_txn *txn, uint64_t id, uint64_t *out_id);

/* overlay_acl.c ----------------------------------------------------------------------------------- */

/*
 * What a new node gets from its directory: its mode after umask or default ACL, and ACLs, which are
 * put as its extended attributes. @node has the mode that was asked for.
 */
int overlay_acl_inherit(struct overlay_txn *txn, uint64_t dir, uint32_t umask, uint64_t id,
			struct record_node *node);

/* Lets the ACL of @id follow a new mode. */
int overlay_acl_chmod(struct overlay_txn *txn, uint64_t id, struct record_node *node);

/*
 * Puts the ACL @name as its extended attribute; an access ACL changes the mode, and one that says no
 * more than a mode is not kept. -EACCES: a default ACL of what is no directory; -EINVAL.
 */
int overlay_acl_put(struct overlay_txn *txn, uint64_t id, struct record_node *node,
		    const char *name, const void *value, size_t len);

/* overlay_xattr.c --------------------------------------------------------------------------------- */

ssize_t overlay_xattr_get(struct overlay *ov, struct overlay_txn *txn, uint64_t id,
			  const struct record_node *node, const char *name, void *buf, size_t size);

/* Puts one, taking over those of the lower tree first; @node is changed, and to be put after it. */
int overlay_xattr_put(struct overlay_txn *txn, uint64_t id, struct record_node *node,
		      const char *name, const void *value, size_t len);

/* -ENODATA. Likewise. */
int overlay_xattr_remove(struct overlay_txn *txn, uint64_t id, struct record_node *node,
			 const char *name);

/* 0, or -ENODATA: it has no security.capability. */
int overlay_xattr_has_capability(struct overlay *ov, uint64_t id, const struct record_node *node);

/* Removes security.capability, as writing to a file does. */
int overlay_xattr_drop_capability(struct overlay_txn *txn, uint64_t id, struct record_node *node);

/* overlay_chunk.c, overlay_file.c, overlay_space.c: the data of files ------------------------------- */

/*
 * For tree_setattr with a size, whose other changes are in @node already: lets the file end at
 * @size and puts its chunks; @node is to be put after it. The caller holds the file's lock.
 */
int overlay_file_resize(struct overlay_txn *txn, uint64_t id, struct record_node *node,
			uint64_t size);

/* Gives back all blocks of the file and deletes its chunks. */
int overlay_file_free(struct overlay_txn *txn, uint64_t id);

/* Locks the data of a file to change them, without any other lock held. */
void overlay_file_lock(struct overlay *ov, uint64_t id);
void overlay_file_unlock(struct overlay *ov, uint64_t id);

/* Likewise to read them. False: they are not free, and this thread may not wait. */
bool overlay_file_lock_shared(struct overlay *ov, uint64_t id);
void overlay_file_unlock_shared(struct overlay *ov, uint64_t id);

/* The functions of the tree ----------------------------------------------------------------------- */

int overlay_getattr(struct tree *tree, uint64_t id, struct tree_attr *out);
int overlay_setattr(struct tree *tree, uint64_t id, const struct tree_setattr *set,
		    struct tree_attr *out);
int overlay_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len, uint64_t *out_id);
int overlay_parent(struct tree *tree, uint64_t dir, uint64_t *out_id);
int overlay_readdir(struct tree *tree, uint64_t dir, uint64_t cookie, tree_entry_fn take,
		    void *ctx);
ssize_t overlay_read(struct tree *tree, uint64_t id, void *buf, size_t len, uint64_t offset);
int overlay_map(struct tree *tree, uint64_t id, uint64_t offset, size_t len,
		struct tree_extent *out);
int overlay_seek(struct tree *tree, uint64_t id, uint64_t offset, int whence, uint64_t *out_offset);
ssize_t overlay_readlink(struct tree *tree, uint64_t id, char *buf, size_t size);
ssize_t overlay_getxattr(struct tree *tree, uint64_t id, const char *name, void *buf, size_t size);
ssize_t overlay_listxattr(struct tree *tree, uint64_t id, char *buf, size_t size);
int overlay_statfs(struct tree *tree, uint64_t id, struct tree_statfs *out);
int overlay_volume(struct tree *tree, uint64_t id, uint64_t *out_root);
ssize_t overlay_fold(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out,
		     size_t size);
ssize_t overlay_spelling(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out);
int overlay_create_nameless(struct tree *tree, uint64_t dir, const struct tree_new *node,
			    struct tree_attr *out);
int overlay_create(struct tree *tree, uint64_t dir, const char *name, size_t len,
		   const struct tree_new *node, struct tree_attr *out);
int overlay_link(struct tree *tree, uint64_t id, uint64_t dir, const char *name, size_t len,
		 struct tree_attr *out);
int overlay_unlink(struct tree *tree, uint64_t dir, const char *name, size_t len);
int overlay_rmdir(struct tree *tree, uint64_t dir, const char *name, size_t len);
int overlay_rename(struct tree *tree, uint64_t dir, const char *name, size_t len, uint64_t new_dir,
		   const char *new_name, size_t new_len, unsigned int flags);
int overlay_write(struct tree *tree, uint64_t id, const void *buf, size_t len, uint64_t offset,
		  unsigned int flags);
int overlay_fallocate(struct tree *tree, uint64_t id, unsigned int mode, uint64_t offset,
		      uint64_t len);
int overlay_setxattr(struct tree *tree, uint64_t id, const char *name, const void *value,
		     size_t len, int flags);
int overlay_removexattr(struct tree *tree, uint64_t id, const char *name);
int overlay_sync(struct tree *tree);
int overlay_hold(struct tree *tree, uint64_t id);
void overlay_release(struct tree *tree, uint64_t id, uint64_t count);
int overlay_notes(struct tree *tree, tree_note_fn take, void *ctx);
void overlay_drop(struct tree *tree);

#endif
