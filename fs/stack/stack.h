/* SPDX-License-Identifier: MIT */
/*
 * Builds the picture for one mount: image, partitions, volumes, one tree. The front door of the
 * stack room, the only one that knows all drivers.
 */
#ifndef BRAMBLE_STACK_STACK_H
#define BRAMBLE_STACK_STACK_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "ext4/ext4.h"
#include "fat/fat.h"
#include "partition/partition.h"
#include "tree/tree.h"

struct stack_options {
	int partition; /* show this one alone; -1: the composed tree */
	struct fat_options fat;
	struct ext4_options ext4;
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
 * Opens @path and builds its tree. Every failure is logged as one line that begins with @path.
 * The stack owns everything below the tree and is released by stack_close.
 */
int stack_open(const char *path, const struct stack_options *options, struct stack **out);

/* The tree to show; owned by @stack. NULL after stack_inspect of an image without any. */
struct tree *stack_tree(struct stack *stack);

/*
 * As stack_open, for `bramble info`: an image without a readable tree is no error.
 */
int stack_inspect(const char *path, const struct stack_options *options, struct stack **out);

uint64_t stack_image_size(const struct stack *stack);
const struct partition_table *stack_table(const struct stack *stack);

/* The volumes in order of the table; owned by @stack. */
const struct stack_volume *stack_volumes(const struct stack *stack, size_t *out_count);

/* Accepts NULL. */
void stack_close(struct stack *stack);

DEFINE_CLEANUP(stack_closep, struct stack *, stack_close)

#endif
