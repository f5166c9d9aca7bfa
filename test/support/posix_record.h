/* SPDX-License-Identifier: MIT */
/*
 * posix_record prints what a file system answers to each of many calls, and what each changed: one line
 * a case, the same on each run, for a comparison with what another file system answers.
 *
 * A case runs in a directory of its own, its working directory, that has what record_make lists.
 */
#ifndef BRAMBLE_TEST_POSIX_RECORD_H
#define BRAMBLE_TEST_POSIX_RECORD_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define OWNER 12001u /* of what is not root's */
#define OTHER 12002u
#define GROUP 12003u

struct record_who {
	const char *name;
	uid_t uid;
	gid_t gid;
	gid_t also; /* a further group, unless it is 0 */
};
extern const struct record_who record_root;
extern const struct record_who record_people[];
extern const size_t record_people_count;

/* As that user from here on: no privileges unless it is root. */
void record_become(const struct record_who *who);

/*
 * A case: its name is printed as by printf, then ": ". All that was said since follows in the line, then
 * what changed. Between the two, errors of the test itself end it.
 */
void record_begin(const struct record_who *who, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void record_end(void);

/* Joins the line of the case. */
void record_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The result of a call: its number, or its error's name. Gives it back. */
long record_result(long result);
#define say_call(what, call) (record_say(" %s=", (what)), errno = 0, record_result((long)(call)))

/* So long that every clock that stamps times has ticked. */
void record_tick(void);

/* Whether a path is NULL or names a node; the name to print for what would be too long for a line. */
const char *record_short(const char *path);

/* The two names that are as long as can be, and one byte longer; and paths. */
extern char record_name_longest[NAME_MAX + 1];
extern char record_name_too_long[NAME_MAX + 2];
extern char record_path_longest[PATH_MAX];
extern char record_path_too_long[PATH_MAX + 1];

/* A group of cases each; main goes through them. */
void record_paths(void);
void record_pairs(void);
void record_owners(void);
void record_modes(void);
void record_files(void);
void record_ranges(void);
void record_attributes(void);
void record_times(void);

#endif
