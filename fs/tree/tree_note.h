/* SPDX-License-Identifier: MIT */
/*
 * Notes: a few bytes that a tree stores in the same transaction as a change, so that they are there
 * after a crash exactly if the change is. A server keeps in them which calls it has answered. Part of
 * the front door of the tree room.
 */
#ifndef BRAMBLE_TREE_NOTE_H
#define BRAMBLE_TREE_NOTE_H

#include <stdint.h>

struct tree;

/* Slots of a tree; a note replaces the one that its slot had. */
#define TREE_NOTES 512u
#define TREE_NOTE_BYTES 48u

struct tree_note {
	uint16_t slot; /* below TREE_NOTES */
	uint64_t id; /* set by the tree: the node that was made, linked or changed; else 0 */
	uint8_t bytes[TREE_NOTE_BYTES];
};

/*
 * A copy of what a tree stores (a snapshot or a clone of an overlay) has the notes, too: what is written
 * into them tells whose they are.
 *
 * The next change that this thread makes (one of tree_setattr, _create, _link, _unlink, _rmdir and
 * _rename) stores @note, which is borrowed until tree_note_end. Nothing is stored if the change fails.
 * Not to be nested.
 */
void tree_note_begin(struct tree_note *note);
void tree_note_end(void);

/* For trees that can store it: the note of the change that this thread is about, or NULL. */
struct tree_note *tree_note_current(void);

/* Gives @take each note of @tree, by slot. Not 0: stop, and return this. */
typedef int (*tree_note_fn)(void *ctx, const struct tree_note *note);
int tree_notes(struct tree *tree, tree_note_fn take, void *ctx);

#endif
