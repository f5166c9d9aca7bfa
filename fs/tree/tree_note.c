/* SPDX-License-Identifier: MIT */
/* The note of the change that a thread is about to make. */
#include "tree/tree_note.h"

#include <stddef.h>

#include "tree/tree.h"

static _Thread_local struct tree_note *current;

void tree_note_begin(struct tree_note *note)
{
	current = note;
}

void tree_note_end(void)
{
	current = NULL;
}

struct tree_note *tree_note_current(void)
{
	return current;
}

int tree_notes(struct tree *tree, tree_note_fn take, void *ctx)
{
	return tree->ops->notes ? tree->ops->notes(tree, take, ctx) : 0;
}
