/* SPDX-License-Identifier: MIT */
/* What overlay_diff keeps while it looks. Private to the overlay room. */
#ifndef BRAMBLE_OVERLAY_OVERLAY_DIFF_H
#define BRAMBLE_OVERLAY_OVERLAY_DIFF_H

#include "overlay/overlay_fs.h"

#define DIFF_NO_TEXT SIZE_MAX

/* Strings, by where they start; they move when one is added. */
struct diff_text {
	char *bytes; /* owned */
	size_t used;
	size_t room;
};

/* A name that only one of the two trees has. */
struct diff_name {
	uint64_t id; /* what it leads to */
	uint64_t dir;
	size_t name; /* text, @len bytes */
	uint16_t len;
	bool lower; /* the lower tree has it; else the overlay */
	bool done;
};

struct diff_names {
	struct diff_name *all; /* owned; ascending by id, for each node the lower ones first */
	size_t count;
	size_t room;
};

struct diff_ids {
	uint64_t *all; /* owned */
	size_t count;
	size_t room;
};

/* One line of the result. */
struct diff_line {
	enum overlay_change_kind kind;
	unsigned int what; /* OVERLAY_CHANGED_* */
	uint64_t id;
	uint32_t mode;
	size_t path; /* text, with NUL */
	size_t old_path; /* text, with NUL; or DIFF_NO_TEXT */
};

struct diff_lines {
	struct diff_line *all; /* owned */
	size_t count;
	size_t room;
};

/* A file that was changed and has names that nothing is recorded of. */
struct diff_wanted {
	uint64_t id;
	uint32_t names; /* still to be found */
	bool found;
	unsigned int what;
	uint32_t mode;
};

struct diff_path {
	uint64_t key; /* of a directory in one of the trees; 0: an empty slot */
	size_t path; /* text, without a slash at its end, @len bytes */
	size_t len;
};

struct diff {
	struct overlay *ov;
	struct diff_text text;
	struct diff_names names;
	struct diff_ids changed; /* nodes of the lower tree that have attributes, ascending */
	struct diff_lines lines;
	struct diff_wanted *wanted; /* owned; ascending by id */
	size_t wanted_count;
	size_t wanted_room;
	struct diff_path *paths; /* owned: a hash table */
	size_t paths_size; /* 0 or a power of two */
	size_t paths_used;
};

/* Makes room for one more in an array of @count; NULL: no memory, and nothing happened. */
void *overlay_diff_room(void *array, size_t count, size_t *room, size_t size);

/* -ENOMEM. */
int overlay_diff_text(struct diff *diff, const char *bytes, size_t len, size_t *out);

int overlay_diff_add_line(struct diff *diff, const struct diff_line *line);

/* overlay_diff_names.c: finds the names and the nodes that differ. */
int overlay_diff_collect(struct diff *diff);

/* The names of @id, from *@first up to what is returned. */
size_t overlay_diff_names_of(const struct diff *diff, uint64_t id, size_t *out_first);

/* Whether @name of the lower directory @dir, which leads to @id, does not count in the overlay. */
bool overlay_diff_is_hidden(const struct diff *diff, uint64_t id, uint64_t dir, const char *name,
			    size_t len);

/*
 * overlay_diff_paths.c: the path of the name in @dir, as text with NUL. @lower: as the lower tree
 * has it. -EUCLEAN: the directories above are damaged.
 */
int overlay_diff_path(struct diff *diff, bool lower, uint64_t dir, size_t name, size_t len,
		      size_t *out);

/* The path of a directory that has a name. */
int overlay_diff_dir_path(struct diff *diff, bool lower, uint64_t dir, size_t *out);

/* overlay_diff_what.c: OVERLAY_CHANGED_* between a node of the lower tree and one of the overlay. */
int overlay_diff_same_node(struct diff *diff, uint64_t id, const struct record_node *node,
			   unsigned int *out);
int overlay_diff_other_node(struct diff *diff, uint64_t lower_id, uint64_t id, unsigned int *out);

/* overlay_diff_walk.c: adds lines of the files that are wanted. */
int overlay_diff_find_wanted(struct diff *diff);

#endif
