/* SPDX-License-Identifier: MIT */
/*
 * Builds the picture for one mount: image, partitions, volumes, one tree, and above it overlays. The
 * front door of the stack room, the only one that knows all drivers.
 */
#ifndef BRAMBLE_STACK_STACK_H
#define BRAMBLE_STACK_STACK_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "ext4/ext4.h"
#include "fat/fat.h"
#include "partition/partition.h"
#include "state/state.h"
#include "store/store.h"
#include "tree/tree.h"

/*
 * Lets stacks share what lies below them: an image is opened once, and so is each frozen overlay that
 * others are made on, as long as any stack uses it. For a process that has many; from any thread.
 */
struct stack_pool;
int stack_pool_create(struct stack_pool **out);

/* When all stacks that were opened with it are closed. Accepts NULL. */
void stack_pool_destroy(struct stack_pool *pool);

DEFINE_CLEANUP(stack_pool_destroyp, struct stack_pool *, stack_pool_destroy)

struct stack_options {
	int partition; /* show this one alone; -1: the composed tree, or what the overlay was made on */
	struct fat_options fat;
	struct ext4_options ext4;
	const char *state; /* the directory where overlays live; NULL: the usual one */
	const char *overlay; /* the name of the one to put above the image; NULL: none */
	bool overlay_read_only; /* it has to exist, nothing is written, other readers may share it */
	bool ephemeral; /* what was synced survives this process, but not the host: no disk is waited for */
	struct store_writer *writer; /* borrowed; NULL: the overlay is durable at tree_sync alone */
	struct stack_pool *pool; /* borrowed; NULL: the stack shares nothing */
};

#define STACK_OPTIONS_DEFAULT                                                                      \
	{                                                                                          \
		.partition = -1                                                                    \
	}

enum stack_volume_kind {
	STACK_VOLUME_UNKNOWN,
	STACK_VOLUME_EXT4,
	STACK_VOLUME_FAT,
	STACK_VOLUME_SWAP,
	STACK_VOLUME_OTHER, /* known, not readable here: its name is in struct stack_volume */
};

/* One partition and what is in it. */
struct stack_volume {
	const struct partition *partition; /* borrowed from the stack's table */
	enum stack_volume_kind kind;
	const char *kind_name; /* "ext4", "vfat", "swap", "btrfs", ... or "unknown" */
	int error; /* 0, or why the volume cannot be read, as a negative errno */
	char label[65];
	char uuid[37];
	char mount_point
		[256]; /* where the composed tree shows it: "/", "/boot/firmware"; or empty */
	bool boots; /* the firmware starts from this one */
	struct ext4_info ext4; /* if kind is STACK_VOLUME_EXT4 and error is 0 */
	struct fat_info fat; /* if kind is STACK_VOLUME_FAT and error is 0 */
};

struct stack;

/*
 * Opens @path and builds its tree. Every failure is logged as one line that begins with @path, or
 * with the overlay. The stack owns everything below the tree and is released by stack_close.
 *
 * With an overlay, @path may be NULL: the image that it was used with last. An overlay that is to be
 * written to and does not exist is made. It is locked until stack_close. Threads and databases do not
 * outlive a fork, and both sides of one hold the lock: a process that goes to the background opens the
 * stack afterwards. -EBUSY: held by another process, which is named; waits for one that is ending.
 * -ESTALE: made on something else, which is named. -EOPNOTSUPP: with noload, which would show another
 * tree.
 */
int stack_open(const char *path, const struct stack_options *options, struct stack **out);

/* The tree to show; owned by @stack. NULL after stack_inspect of an image without any. */
struct tree *stack_tree(struct stack *stack);

/* The path of the image that was opened; owned by @stack. */
const char *stack_image_path(const struct stack *stack);

/* What became of the image's file since it was opened. */
enum stack_image_state {
	STACK_IMAGE_SAME,
	STACK_IMAGE_WRITTEN, /* to the same file: what is read of it may be anything */
	STACK_IMAGE_REPLACED, /* the path leads to another file; what was opened is what is shown */
	STACK_IMAGE_GONE, /* it leads nowhere; likewise */
};
enum stack_image_state stack_image_state(const struct stack *stack);

/*
 * The tree of the uppermost overlay, for overlay_diff and the like. NULL: there is none, or it was
 * opened for reading and nothing was written to it so far, so that stack_tree is what lies below.
 */
struct tree *stack_overlay_tree(struct stack *stack);

/* What the uppermost overlay is; owned by @stack. NULL: there is none. */
const struct state_info *stack_overlay_info(const struct stack *stack);

/*
 * For a write verifier as of NFS (RFC 1813, 4.8): the same as long as nothing that was written to the
 * overlay and not synced can have been lost, across restarts, too. Of each overlay another one, and
 * another one after each reset and restore.
 */
uint64_t stack_verifier(const struct stack *stack);

/*
 * What is done to the uppermost overlay while @stack has it open, for who serves it. A snapshot or
 * another overlay is what it is now, durably; changes wait while it is copied, reading goes on. Errors
 * (logged) as state_snapshot_take and state_overlay_clone. To compare or to sum up: overlay_pause.
 */
int stack_snapshot(struct stack *stack, const char *snapshot);
int stack_clone(struct stack *stack, const char *name);

/*
 * The uppermost overlay itself, for its snapshots (state_snapshot_each, _delete) and facts; owned by
 * @stack, which alone changes its info. NULL: there is none.
 */
struct state_overlay *stack_overlay(struct stack *stack);

/* Notes of the uppermost overlay: see state_overlay_set_notes. */
int stack_set_notes(struct stack *stack, const char *notes);

/*
 * Makes the overlay options->overlay above the image @path. With @base, it is made above that
 * overlay, which is frozen by it; @path may then be NULL. -EEXIST, and as stack_open.
 */
int stack_overlay_create(const char *path, const char *base, const struct stack_options *options);

/*
 * Makes the overlay options->overlay, which is empty, one on the image @path and the overlay @base (NULL: none)
 * instead of what it was made on; nothing happens if that is the same. Its snapshots stay, and can be
 * restored once it is on what they were made on again. -ENOTEMPTY, and as stack_overlay_create.
 */
int stack_overlay_remake(const char *path, const char *base, const struct stack_options *options);

/*
 * Throws away all changes of options->overlay, or puts the snapshot's state in their place. @path may
 * be NULL; an image is needed only where the overlay was not closed. Errors as stack_open. *@out_data:
 * as state_overlay_reset has it. One that is reset with a @path is on that image afterwards, if its base allows that.
 */
int stack_overlay_reset(const char *path, const struct stack_options *options, int *out_data);
int stack_overlay_restore(const char *path, const char *snapshot,
			  const struct stack_options *options);

/*
 * Opens for reading what the store in @folder makes of the overlay options->overlay: that of a snapshot,
 * or of a copy. Takes no lock of that overlay: the caller has one. Errors as stack_open.
 */
int stack_open_stored(const char *path, const char *folder, const struct stack_options *options,
		      struct stack **out);

/*
 * As stack_open, for `bramble info`: an image without a readable tree is no error.
 */
int stack_inspect(const char *path, const struct stack_options *options, struct stack **out);

uint64_t stack_image_size(const struct stack *stack);
const struct partition_table *stack_table(const struct stack *stack);

/* The volumes in order of the table; owned by @stack. */
const struct stack_volume *stack_volumes(const struct stack *stack, size_t *out_count);

/*
 * Makes all of the overlay durable and releases everything. An error (logged) means that not all is
 * durable; the stack is released anyway. Accepts NULL.
 */
int stack_close(struct stack *stack);

DEFINE_CLEANUP(stack_closep, struct stack *, stack_close)

#endif
