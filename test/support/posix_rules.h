/* SPDX-License-Identifier: MIT */
/*
 * Rules of POSIX and of Linux's man pages for a local file system, one function each. Every rule runs
 * in a process of its own, as root, in a directory of its own that has what is listed here.
 */
#ifndef BRAMBLE_TEST_POSIX_RULES_H
#define BRAMBLE_TEST_POSIX_RULES_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * file (0644, "0123456789"), other (0644, "other"), hard and twin (one file, 0644, "twin"),
 * dir (empty, 0755), full (0755) with full/inner (0644, "inner"),
 * link -> file, dangling -> nowhere, loop -> loop, fifo (0644),
 * user (0755, USER:USER) with user/file (0644, USER:USER, "mine"),
 * sticky (01777) with sticky/mine (0644, USER:USER), sticky/theirs (0644, OTHER:OTHER) and
 * sticky/dir (0755, OTHER:OTHER).
 */
#define FILE_TEXT "0123456789"
#define USER 12001u /* both users and groups */
#define OTHER 12002u
#define GROUP 12003u

struct posix_rule {
	const char *name; /* a sentence that is true */
	void (*check)(void);
	unsigned int cases; /* it is checked so often, with posix_case counting up from 0 */
};
#define RULE(name)                                                                                 \
	{                                                                                          \
#name, name, 1                                                                     \
	}
extern unsigned int posix_case;

/* Each ends with a rule without a name. */
extern const struct posix_rule posix_error_rules[];
extern const struct posix_rule posix_time_rules[];
extern const struct posix_rule posix_access_rules[];
extern const struct posix_rule posix_file_rules[];
extern const struct posix_rule posix_name_rules[];

/* Says what is wrong, in the rule that runs; it fails, and goes on. */
void posix_wrong(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The rule does not apply to this file system. */
_Noreturn void posix_skip(const char *why);

#define wrong(...) posix_wrong(__FILE__, __LINE__, __VA_ARGS__)

/* @call, which returns a negative number and sets errno if it fails, must succeed. Its result. */
#define works(call) posix_works((long)(call), #call, __FILE__, __LINE__)
int posix_works(long result, const char *call, const char *file, int line);

/* @call must fail with @error. */
#define refuses(error, call)                                                                       \
	do {                                                                                       \
		errno = 0;                                                                         \
		if ((long)(call) >= 0)                                                             \
			wrong("%s: succeeds, instead of %s", #call, strerrorname_np(error));       \
		else if (errno != (error))                                                         \
			wrong("%s: %s, instead of %s", #call, strerrorname_np(errno),              \
			      strerrorname_np(error));                                             \
	} while (0)

#define equals(got, want)                                                                          \
	do {                                                                                       \
		long long got_ = (long long)(got), want_ = (long long)(want);                      \
		if (got_ != want_)                                                                 \
			wrong("%s is %lld, not %lld", #got, got_, want_);                          \
	} while (0)

#define mode_is(path, mode)                                                                        \
	do {                                                                                       \
		unsigned int mode_ = posix_stat(path).st_mode & 07777;                             \
		if (mode_ != (mode))                                                               \
			wrong("%s has mode %o, not %o", (path), mode_, (unsigned int)(mode));      \
	} while (0)

/* Acts as this user with one group, and no privileges; 0, 0: as root again. */
void posix_become(uid_t uid, gid_t gid);

/* Of the object itself, if it is a symbolic link. */
struct stat posix_stat(const char *path);
bool posix_exists(const char *path);

/* Makes a regular file of this content; -1 on errors. */
int posix_make(const char *path, const char *text, mode_t mode);
bool posix_reads(const char *path, const char *text);

/* So long that a clock ticks, whatever stamps the times. */
void posix_tick(void);

#define ATIME 1u
#define MTIME 2u
#define CTIME 4u

/* Which of the times are others than before. */
unsigned int posix_changed(const struct stat *before, const struct stat *after);

/* @path, of which @before was noted, must have exactly these changed. */
#define times_changed(path, before, which)                                                         \
	do {                                                                                       \
		struct stat after_ = posix_stat(path);                                             \
		unsigned int changed_ = posix_changed(&(before), &after_);                         \
		if (changed_ != (unsigned int)(which))                                             \
			wrong("%s: changed%s, wanted%s", (path), posix_times(changed_),            \
			      posix_times(which));                                                 \
	} while (0)
const char *posix_times(unsigned int which);

#endif
