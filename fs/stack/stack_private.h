/* SPDX-License-Identifier: MIT */
/* Private to the stack room: a stack while it is built. */
#ifndef BRAMBLE_STACK_PRIVATE_H
#define BRAMBLE_STACK_PRIVATE_H

#include "image/image.h"
#include "pi/pi.h"
#include "stack/stack.h"

/* Bytes of a text file of the image (fstab, cmdline.txt) that are read; the rest is not looked at. */
#define STACK_TEXT_MAX 65536

/* One volume and what was opened for it. */
struct stack_slot {
	struct image *slice; /* owned */
	struct tree *tree; /* owned until it is mounted; NULL: not open */
};

struct stack {
	char *path; /* owned */
	struct stack_options options;
	struct image *img; /* owned */
	struct partition_table table;
	size_t count;
	struct stack_volume *volumes; /* owned; parallel to table.partitions */
	struct stack_slot *slots; /* owned; likewise */
	struct tree *tree; /* owned; NULL: nothing to show */
};

/* stack_probe.c: what lies in each partition; free space of FAT volumes only if it is asked for. */
void stack_probe(struct stack *stack, bool count_free);

/* stack_volume.c */

/* Opens volume @i if it is not open yet; its error is kept in the volume. */
int stack_volume_open(struct stack *stack, size_t i);

/* The text of the file @path of an open volume, NUL-terminated, to be freed by the caller. */
int stack_text_read(struct tree *tree, const char *path, char **out);

/* The volume that @device names, or -1. */
int stack_volume_find(const struct stack *stack, const struct pi_device *device);

/* stack_compose.c: chooses root and boot volume and builds stack->tree. -ENOENT: nothing to show. */
int stack_compose(struct stack *stack);

#endif
