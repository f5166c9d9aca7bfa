/* SPDX-License-Identifier: MIT */
/* The words behind -o, from the command line or /etc/fstab, and what they ask for. */
#ifndef BRAMBLE_TOOLS_MOUNT_WORDS_H
#define BRAMBLE_TOOLS_MOUNT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "mount/mount.h"
#include "stack/stack.h"

struct mount_words {
	struct stack_options stack;
	struct mount_options mount; /* its strings are owned here */
	bool helper; /* for mount(8): rw is only its default and means nothing */
	bool sloppy; /* unknown words are ignored */
	bool read_only; /* asked for, by ro or -r */
	bool read_write; /* asked for by rw, later than any ro */
	char *fsname;
	char *subtype;
	char *overlay;
	char *state;
	char *pass; /* words for libfuse, which parses them again */
	size_t pass_len;
};

#define MOUNT_WORDS_DEFAULT                                                                        \
	{                                                                                          \
		.stack = STACK_OPTIONS_DEFAULT                                                     \
	}

/*
 * Adds "word,word=value,...": a later word wins; a backslash takes the comma after it literally.
 * Errors are logged. Returns an exit status.
 */
int mount_words_add(struct mount_words *words, const char *text);

/*
 * To be called behind the last word, and before the options are used: what words mean together.
 * Returns an exit status.
 */
int mount_words_settle(struct mount_words *words);

void mount_words_finish(struct mount_words *words);

#endif
