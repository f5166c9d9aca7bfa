/* SPDX-License-Identifier: MIT */
/* What bramble info prints: for people, and as JSON. */
#ifndef BRAMBLE_TOOLS_INFO_H
#define BRAMBLE_TOOLS_INFO_H

#include "base/log.h"
#include "stack/stack.h"

/* The lines that were logged while an image was inspected. */
struct info_warnings {
	enum log_level shown; /* the highest level that goes to stderr as well */
	char **lines; /* owned */
	size_t count;
};

/* Collects all that is logged from here on, beside writing to stderr what is not above @shown. */
void info_collect_begin(struct info_warnings *warnings, enum log_level shown);
void info_collect_end(void);
void info_warnings_finish(struct info_warnings *warnings);

void info_print_text(const char *image, struct stack *stack, const struct stack_options *options,
		     bool details);
void info_print_json(const char *image, struct stack *stack, const struct stack_options *options,
		     const struct info_warnings *warnings);

/* Shared by both forms. */

/* "none", "mbr", "gpt" */
const char *info_table_word(enum partition_kind kind);

/* Size and free bytes of a readable volume; false where they are not known. */
bool info_volume_sizes(const struct stack_volume *volume, uint64_t *out_size, uint64_t *out_free);

/* The volume of @partition, or NULL. */
const struct stack_volume *info_volume(struct stack *stack, const struct partition *partition);

#endif
