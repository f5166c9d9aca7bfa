/* SPDX-License-Identifier: MIT */
/*
 * mirror: does the same random things to two directories through system calls and compares what
 * comes of them. What its files share.
 */
#ifndef BRAMBLE_TEST_MIRROR_H
#define BRAMBLE_TEST_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#define MIRROR_PATH 1024u /* bytes of the longest path that is used */
#define MIRROR_QUOTED 240u /* bytes of a path in words */
#define MIRROR_HANDLES 6 /* files kept open */
#define MIRROR_USERS 3
#define MIRROR_DATA (512u << 10) /* bytes that one action moves at most */

/* Majors that no driver has, nor gets one by chance: to open such a device fails. */
#define MIRROR_MAJOR 300u
#define MIRROR_MAJORS 80u

enum mirror_kind {
	MIRROR_CREATE,
	MIRROR_OPEN,
	MIRROR_CLOSE,
	MIRROR_MKDIR,
	MIRROR_MKNOD,
	MIRROR_SYMLINK,
	MIRROR_LINK,
	MIRROR_TMPFILE,
	MIRROR_UNLINK,
	MIRROR_RMDIR,
	MIRROR_REMOVE_ALL,
	MIRROR_RENAME,
	MIRROR_CHMOD,
	MIRROR_CHOWN,
	MIRROR_UTIMENS,
	MIRROR_TRUNCATE,
	MIRROR_WRITE,
	MIRROR_APPEND,
	MIRROR_MMAP_WRITE,
	MIRROR_FALLOCATE,
	MIRROR_COPY,
	MIRROR_SETXATTR,
	MIRROR_REMOVEXATTR,
	MIRROR_SETACL,
	MIRROR_READ,
	MIRROR_MMAP_READ,
	MIRROR_READLINK,
	MIRROR_GETXATTR,
	MIRROR_ACCESS,
	MIRROR_FSYNC,
	MIRROR_LIST,
	MIRROR_LIST_CHANGING,
	MIRROR_KINDS,
};

/* One thing to do, fully determined; a field that a kind does not use is 0. */
struct mirror_action {
	uint64_t number;
	enum mirror_kind kind;
	unsigned int user;
	mode_t umask;
	int handle; /* an open file instead of @path, or the directory that @path starts at; -1: none */
	int slot; /* of a file to be opened or closed */
	char path[MIRROR_PATH]; /* from the root, without a slash in front */
	char other[MIRROR_PATH];
	int flags;
	mode_t mode;
	dev_t rdev;
	uid_t uid;
	gid_t gid;
	uint64_t offset;
	uint64_t other_offset;
	uint64_t len;
	struct timespec times[2];
	const char *name; /* of an attribute */
	uint64_t seed; /* of its data */
};

/* What came of it. @hash stands for all else that was seen. */
struct mirror_outcome {
	int64_t ret;
	int error;
	uint64_t hash;
	char note[160]; /* for people */
};

struct mirror_side {
	const char *dir;
	int root;
	int handles[MIRROR_HANDLES];
};

/* Of MIRROR_TRUNCATE by path: do nothing where the file has the size already. */
#define MIRROR_TO_OTHER_SIZE 1

/* What both sides can do. */
struct mirror_abilities {
	bool fuse; /* the first one is a FUSE mount */
	bool tmpfile;
	bool acl;
	bool direct;
	bool user_xattr;
	bool counts_dirs; /* the links of a directory tell how many are in it */
	bool touches_same_size; /* truncate(2) to the same size changes the times, as POSIX says */
	unsigned int fallocate_count;
	int fallocate[16];
};

struct mirror_options {
	uint64_t seed;
	uint64_t ops;
	uint64_t compare_every;
	uint64_t times_every; /* actions after which changes of times are compared; 0: never */
	size_t nodes; /* that may be added */
	uint64_t history; /* actions that are told of where the sides differ */
	bool users; /* act as others than root too */
	bool caseless; /* no names that differ by case alone */
	bool stats; /* tell how many actions of each kind succeeded */
	int inodes; /* file where the numbers of the first side are kept; -1: nowhere */
};

/* mirror_random.c: one sequence, by the seed. */
void mirror_seed(uint64_t seed);
uint64_t mirror_draw(uint64_t below);
static inline bool mirror_one_in(uint64_t n)
{
	return mirror_draw(n) == 0;
}

/* Bytes that @seed decides about. */
void mirror_fill(uint8_t *buf, size_t len, uint64_t seed);
uint64_t mirror_hash(uint64_t hash, const void *data, size_t len);

/* mirror_paths.c: names that are known to be there, which may be wrong below what was renamed. */
void mirror_paths_clear(void);
void mirror_paths_add(const char *path, mode_t mode);
void mirror_paths_remove(const char *path);
size_t mirror_paths_count(void);

/* Something was done to it. */
void mirror_paths_heat(const char *path);

/* A known path, or "." where there is none. */
const char *mirror_paths_any(void);
const char *mirror_paths_dir(void);
const char *mirror_paths_file(void);
const char *mirror_paths_hot(void);

/* mirror_choose.c */
void mirror_choose(const struct mirror_options *options, const struct mirror_abilities *abilities,
		   uint64_t number, size_t room, struct mirror_action *out);

/* mirror_describe.c */
const char *mirror_kind_name(enum mirror_kind kind);

/* A path in one line: long runs of a letter are counted, control characters are numbers. */
void mirror_quote(const char *path, char out[MIRROR_QUOTED]);
void mirror_describe(const struct mirror_action *action, char *out, size_t size);

/* mirror_do.c: does it on one side. */
void mirror_do(struct mirror_side *side, const struct mirror_action *action,
	       struct mirror_outcome *out);

/* Makes the side's directory the root of this process, and its current one. */
void mirror_enter(const struct mirror_side *side);
void mirror_probe(struct mirror_side sides[2], struct mirror_abilities *out);

/* As open(2); devices that belong to a real driver are left alone. */
int mirror_open(int at, const char *path, int flags, mode_t mode);

/* mirror_data.c: what is done to the contents of a file. */
void mirror_do_data(struct mirror_side *side, const struct mirror_action *action,
		    struct mirror_outcome *out);

/* mirror_list.c */
void mirror_list(const struct mirror_action *action, struct mirror_outcome *out);
void mirror_list_changing(const struct mirror_action *action, struct mirror_outcome *out);

/* Names of the directory @fd without "." and "..", sorted; to be freed. Ends the program on errors. */
char **mirror_names(int fd, size_t *out_count);
void mirror_names_free(char **names, size_t count);

/* mirror_compare.c: all return how many differences they printed. */
/* Tells of one; 1. */
unsigned int mirror_differ(const char *path, const char *what, int64_t a, int64_t b);
unsigned int mirror_compare_stat(const struct mirror_abilities *abilities, const char *path,
				 const struct stat *a, const struct stat *b);
unsigned int mirror_compare_handles(const struct mirror_abilities *abilities,
				    struct mirror_side sides[2]);

/* Compares both trees whole; with @collect the paths that are known become those found. */
unsigned int mirror_compare_trees(const struct mirror_abilities *abilities,
				  struct mirror_side sides[2], bool collect);

/* A hash of the contents of @fd that is the same wherever there are holes; -1 with errno. */
int mirror_hash_file(int fd, uint64_t size, uint64_t *out);

/* mirror_inodes.c: numbers of the first side's files, which outlive a mount. */
unsigned int mirror_inodes_check(const struct mirror_side *side, int file);
void mirror_inodes_keep(const struct mirror_side *side, int file);

#endif
