/* SPDX-License-Identifier: MIT */
/*
 * A tree as text, one line for each path, so that diff can compare what two programs see:
 *
 *     PATH ino=N type=f mode=0644 uid=0 gid=0 nlink=1 size=5 blocks=8 rdev=0:0 mtime=S.N atime=S.N
 *     ctime=S.N [dtype=f] [target=TEXT] [hash=H] [map=...] [xattr:NAME=HEX]... [ERROR]
 *
 * Bytes of paths, targets and names that are no visible ASCII, and the backslash, are \ooo. Values
 * of attributes above 64 bytes are given as length and hash. What cannot be read shows the error's
 * name in place of the value. The root's number is printed as "root".
 */
#ifndef BRAMBLE_TEST_MANIFEST_H
#define BRAMBLE_TEST_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define MANIFEST_HASH_START 0xcbf29ce484222325u

struct manifest_node {
	uint64_t ino; /* 0: the root */
	uint64_t size;
	uint64_t blocks; /* of 512 bytes */
	uint32_t mode;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint32_t major;
	uint32_t minor;
	struct timespec mtime;
	struct timespec atime;
	struct timespec ctime;
};

struct manifest_xattr {
	char *name;
	void *value;
	size_t size;
	int error; /* errno, instead of a value */
};

/* Names that grow; for directories and lists of attributes. */
struct manifest_names {
	char **names;
	size_t count;
	size_t room;
};

/* Ends the program where there is no memory. */
void manifest_names_add(struct manifest_names *list, const char *name, size_t len);
void manifest_names_sort(struct manifest_names *list);
void manifest_names_finish(struct manifest_names *list);

/* "--without FIELD,FIELD": these fields are not printed; "xattr:security.x" leaves out that one. */
void manifest_leave_out(const char *fields);
bool manifest_shows(const char *field);

/* FNV-1a of 64 bits, chained. */
uint64_t manifest_hash(uint64_t hash, const void *data, size_t len);

char manifest_type(uint32_t mode);

/* Each of these prints a part of a line. */
void manifest_escaped(const char *text, size_t len);
void manifest_node_print(const struct manifest_node *node);
void manifest_text(const char *field, const char *text, size_t len);
void manifest_hash_print(uint64_t hash);
void manifest_xattr_print(const struct manifest_xattr *xattr);
/* @error as errno(3) has it; also makes manifest_status() 1. */
void manifest_error(const char *field, int error);

/* The exit status of the program: 1 after an error. */
int manifest_status(void);

/* @dir "/" @name, malloc'd; ends the program where there is no memory. */
char *manifest_join(const char *dir, const char *name);

#endif
