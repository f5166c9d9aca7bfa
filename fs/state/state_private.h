/* SPDX-License-Identifier: MIT */
/* Private to the state room: what its files need of each other. */
#ifndef BRAMBLE_STATE_PRIVATE_H
#define BRAMBLE_STATE_PRIVATE_H

#include <stdio.h>

#include "state/state.h"

/* The latest version of the info that is understood, and the one that is written. */
#define STATE_FORMAT 1u

/* Bytes of the longest text of a value but a path. */
#define STATE_VALUE_MAX 160u

/* Folders that are being made or removed; what a crash leaves of them is swept away. */
#define STATE_MAKING_PREFIX ".new."
#define STATE_REMOVING_PREFIX ".old."

/* In an overlay's folder: the folder of its snapshots; and what is to take the store's place while info->restoring. */
#define STATE_SNAPSHOTS "snapshots"
#define STATE_RESTORED ".restored"

struct state {
	char *path; /* owned */
	char *overlays; /* owned: the folder of their folders */
};

/* state_owner.c ------------------------------------------------------------------------------ */

/*
 * Gives what root has made in @path, the folder of an overlay, to the owner of the state directory above
 * it. What fails is logged.
 */
void state_give(const char *path);

/* state_value.c: single values of the info as text and back. -------------------------------- */

enum state_value_kind {
	STATE_VALUE_U64,
	STATE_VALUE_BOOL, /* yes or no */
	STATE_VALUE_UUID, /* as RFC 9562 writes it */
	STATE_VALUE_ID, /* STATE_ID_BYTES as hexadecimal digits */
	STATE_VALUE_FINGERPRINT, /* STATE_FINGERPRINT_BYTES likewise */
	STATE_VALUE_TIME, /* for people: 2026-11-28T00:55:42.123456789Z */
	STATE_VALUE_STAMP, /* for comparing: seconds and nanoseconds */
	STATE_VALUE_PARTITION, /* a number from 1 on, or "composed" */
	STATE_VALUE_NAME, /* of an overlay */
};

/* Parses @text into what @out points to. False: it is not of this kind. */
bool state_value_parse(enum state_value_kind kind, const char *text, void *out);
void state_value_format(enum state_value_kind kind, const void *value, char out[STATE_VALUE_MAX]);

/* "a number", "a UUID": for messages. */
const char *state_value_kind_name(enum state_value_kind kind);

/* state_info.c ------------------------------------------------------------------------------- */

/* Parses the text of an info file; @file names it in messages. -EUCLEAN, -EPROTONOSUPPORT. */
int state_info_parse(const char *file, const char *text, size_t len, struct state_info *out);

/* The text of an info file, to be freed. */
int state_info_format(const struct state_info *info, char **out);

/* state_notes.c: state_info.notes as a section of the info, and back. ------------------------ */

struct keyfile_line;

/* Adds a line of section [notes]. What cannot be one is a warning. -ENOMEM. */
int state_notes_take(char **notes, const struct keyfile_line *line);
void state_notes_write(FILE *out, const char *notes);

/* @from may be NULL. -ENOMEM. */
int state_notes_copy(const char *from, char **out);

/* state_file.c: reads and writes the info in a folder. -------------------------------------- */

/* -ENOENT is not logged. */
int state_info_load(const char *folder, struct state_info *out);

/*
 * Replaces the info in the folder that is open as @folder, at once and durably. The first one does not
 * log that it cannot; @path names the folder in messages. The last one opens the folder itself.
 */
int state_info_try_save(int folder, const struct state_info *info);
int state_info_save(int folder, const char *path, const struct state_info *info);
int state_info_write(const char *path, const struct state_info *info);

/* Logs @err, a negative errno, about @path, and returns it. */
int state_failed(const char *path, int err);

/* A descriptor of a folder, or a negative errno. */
int state_open_folder(const char *path);

/* Makes the entries of a folder durable. */
int state_sync_folder(const char *folder);

/* state_folder.c: folders that appear and vanish as a whole. --------------------------------- */

/* "A/B", to be freed; NULL: no memory. */
char *state_join(const char *a, const char *b);

/* Makes an empty folder in @parent that is locked until *@out_lock is closed. */
int state_folder_make(const char *parent, char **out_path, int *out_lock);

/* Renames a folder that was made so to @name in @parent. -EEXIST. */
int state_folder_publish(const char *parent, const char *path, const char *name);

/* Removes @path, which lies in @parent: it is gone at once, and its contents soon. */
int state_folder_remove(const char *parent, const char *path);

/* Removes a folder and all that is in it. */
int state_folder_erase(const char *path);

/* Removes what a crash left in @parent. */
void state_folder_sweep(const char *parent);

/* Gives @take the names of folders in @parent that are valid names, sorted. */
int state_folder_each(const char *parent, state_name_fn take, void *ctx);

/* Bytes on the host of the files in @path; folders in it are left out. */
int state_folder_size(const char *path, uint64_t *out);

/* state_lock.c ------------------------------------------------------------------------------- */

/*
 * Locks the overlay @name, whose folder is @path, as state_overlay_open says. *@out_folder: its folder,
 * open, whatever else may lie at @path later.
 */
int state_lock(const char *name, const char *path, bool shared, int *out_lock, int *out_folder);

/* Whether the file that is locked is still the one in the folder, which may have been deleted. */
bool state_lock_is_current(int lock, int folder);

/* The holder is not ending (any more). */
void state_lock_forget_ending(int folder);

/* state_alias.c ------------------------------------------------------------------------------ */

/* The overlay that @name means, of which there is none: that of a Pi with this name, or @name itself. */
void state_alias_resolve(const struct state *state, const char *name, char out[STATE_NAME_MAX + 1]);

/* state_overlay.c ---------------------------------------------------------------------------- */

/* Makes an overlay's folder and what is in it by @fill (NULL: nothing but the info). */
typedef int (*state_fill_fn)(void *ctx, const char *path);
int state_overlay_make(struct state *state, const char *name, const struct state_info *info,
		       state_fill_fn fill, void *ctx, struct state_overlay **out);

/* -EROFS (logged): another overlay is made on this one. @uuid may be NULL: by the name alone. */
int state_check_free(struct state *state, const char *name, const uint8_t *uuid);

/* state_snapshot.c --------------------------------------------------------------------------- */

/* Copies the store, if there is one, to the folder @to. -EUCLEAN (logged): it is damaged. */
int state_copy_store(const struct state_overlay *overlay, const char *to);

/* Ends what a crash broke off; the overlay is open for writing. */
int state_restore_finish(struct state_overlay *overlay);

#endif
