/* SPDX-License-Identifier: MIT */
/*
 * INI files, as systemd and many others write them: sections of keys and values. The front door of the
 * keyfile room, which alone knows inih.
 *
 * inih takes lines of less than 200 bytes, " ;" begins a comment within them, and a line that begins
 * with a blank continues the value before it.
 */
#ifndef BRAMBLE_KEYFILE_KEYFILE_H
#define BRAMBLE_KEYFILE_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>

/* One key; strings are valid during the call only. */
struct keyfile_line {
	const char *file; /* names the file in messages */
	unsigned int number; /* from 1 on */
	const char *section; /* empty before the first one */
	const char *key; /* NULL: the section begins here (KEYFILE_SECTIONS) */
	const char *value;
	bool continued; /* another line of the same value */
};

/* Not 0: stop, and return this. */
typedef int (*keyfile_fn)(void *ctx, const struct keyfile_line *line);

/* Lines that are neither a section nor a key are passed over instead of logged and an error. */
#define KEYFILE_LENIENT 1u
/* Also gives the line that begins a section, be there keys in it or not. */
#define KEYFILE_SECTIONS 2u

/*
 * Gives @take each key of @text. -EUCLEAN: lines were wrong; each is logged with file and line, and
 * @take had all others.
 */
int keyfile_parse(const char *file, const char *text, size_t len, unsigned int flags,
		  keyfile_fn take, void *ctx);

/*
 * Reads a whole regular file of at most @max bytes; *@out_text is to be freed and ends with a NUL. @folder as in
 * openat(2). Not logged; -EFBIG: it is longer. Does not wait where there is a fifo; -ELOOP at a
 * symbolic link.
 */
int keyfile_read(int folder, const char *path, size_t max, char **out_text, size_t *out_len);

/*
 * Puts a file of mode 0600 with @text in the place of @name in the open @folder, at once and durably.
 * What root writes in the folder of another user is that user's. Not logged.
 */
int keyfile_replace(int folder, const char *name, const char *text);

#endif
