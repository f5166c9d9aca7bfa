/* SPDX-License-Identifier: MIT */
/*
 * struct tree: directories and files, each named by a stable 64-bit id. The front door of the tree
 * room, and all that a front end (FUSE, NFS, TFTP, the command line) sees of what lies below.
 *
 * Contract of every call:
 * - Safe from any number of threads at once.
 * - Ids are stable as long as the image is the same file: across calls, openings and processes.
 *   The root is TREE_ROOT; 0 is never an id. An id that names nothing gives -ESTALE.
 * - Returns 0 (or a byte count) or a negative errno; outputs are written on success only.
 * - Damage gives its error at the access that meets it: -EBADMSG for a wrong checksum, -EUCLEAN for
 *   a broken structure, -EIO for what cannot be read. The rest stays readable.
 * - No permission is checked here.
 * - A tree that cannot be changed gives -EROFS where it is asked to.
 * - While the thread may not wait (base/wait.h), -EAGAIN stands for "would have to": nothing was
 *   changed, nothing is remembered of it. A listing may have given some entries before. Questions
 *   (bool) are answered with false, and are to be asked again by who may wait.
 */
#ifndef BRAMBLE_TREE_TREE_H
#define BRAMBLE_TREE_TREE_H

#include <dirent.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/cleanup.h"
#include "tree/tree_access.h"
#include "tree/tree_acl.h"
#include "tree/tree_note.h"

#define TREE_ROOT 1u

/* Bytes of the longest name: 255 UTF-16 code units of a FAT long name as UTF-8. */
#define TREE_NAME_MAX 765

/* Bytes of the longest form that tree_fold gives: case mapping may make a name longer. */
#define TREE_FOLD_MAX (2 * TREE_NAME_MAX)

/* Bytes of the longest symbolic link target, without NUL (PATH_MAX - 1). */
#define TREE_LINK_MAX 4095

/* Bytes of the longest extended attribute's value (XATTR_SIZE_MAX). */
#define TREE_XATTR_MAX 65536

/*
 * Cookies of a volume's entries stay below this; those above are for trees that add entries to
 * another's: the tree of level n has TREE_COOKIES_LEVEL of them from TREE_COOKIES_END + n *
 * TREE_COOKIES_LEVEL on. FUSE and NFS give them to programs as signed 64 bits.
 */
#define TREE_COOKIES_END ((uint64_t)1 << 62)
#define TREE_COOKIES_LEVEL ((uint64_t)1 << 58)
#define TREE_LEVELS_MAX 15u

/* Behind "." and "..", which tree_readdir gives: where a tree's own entries start. */
#define TREE_COOKIE_DOTS 2u

struct tree;

struct tree_attr {
	uint64_t id;
	uint64_t size; /* bytes; of a symbolic link: its target's length */
	uint64_t blocks; /* units of 512 bytes that are allocated */
	uint32_t mode; /* type and permissions as in stat(2) */
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	dev_t rdev; /* of devices */
	uint32_t block_size; /* bytes: preferred size of a transfer */
	uint32_t project; /* ext4 project id, 0 where there is none */
	struct timespec atime;
	struct timespec mtime;
	struct timespec ctime;
	struct timespec btime; /* birth; equal to ctime where the volume has none */
};

struct tree_statfs {
	uint64_t blocks; /* units of block_size */
	uint64_t blocks_free;
	uint64_t blocks_available; /* to ordinary users */
	uint64_t files;
	uint64_t files_free;
	uint32_t block_size; /* bytes */
	uint32_t name_max; /* bytes */
	uint64_t fsid;
};

/* One name of a directory while it is listed. @name is not NUL-terminated, valid in the call only. */
struct tree_entry {
	const char *name;
	size_t name_len;
	uint64_t id;
	uint64_t next; /* the cookie that continues behind this entry */
	uint8_t type; /* DT_*; DT_UNKNOWN where the directory does not say */
};

/* Takes one entry. Not 0: stop listing; tree_readdir then returns 0 and the entry was not taken. */
typedef int (*tree_entry_fn)(void *ctx, const struct tree_entry *entry);

/* Where bytes of a file lie in a file of the host that never changes. */
struct tree_extent {
	int fd; /* borrowed: open as long as the tree is */
	uint64_t offset; /* bytes from the start of that file */
	size_t len; /* bytes, at least 1 */
};

/* What tree_setattr changes. */
#define TREE_SET_MODE 0x001u /* permission bits; the type stays */
#define TREE_SET_UID 0x002u
#define TREE_SET_GID 0x004u
#define TREE_SET_SIZE 0x008u
#define TREE_SET_ATIME 0x010u
#define TREE_SET_MTIME 0x020u
#define TREE_SET_CTIME 0x040u /* else ctime becomes now */
#define TREE_SET_ATIME_NOW 0x080u
#define TREE_SET_MTIME_NOW 0x100u
#define TREE_SET_DROP_PRIVILEGE                                                                    \
	0x200u /* the caller may not keep setuid and setgid (no CAP_FSETID) */
#define TREE_SET_DROP_SETGID                                                                       \
	0x400u /* nor setgid without x for the group, to which the caller does not belong */

struct tree_setattr {
	unsigned int valid; /* TREE_SET_* */
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint64_t size; /* bytes */
	struct timespec atime;
	struct timespec mtime;
	struct timespec ctime;
};

/* A node that is to be made. */
struct tree_new {
	uint32_t mode; /* type and permissions, before @umask and a default ACL */
	uint32_t umask; /* 0 where it was applied already */
	uint32_t uid;
	uint32_t gid; /* a directory with setgid gives its own group instead */
	dev_t rdev; /* of devices */
	const char *target; /* of a symbolic link, NUL-terminated */
};

/* What tree_rename does besides; the values of renameat2(2). */
#define TREE_RENAME_NOREPLACE 1u
#define TREE_RENAME_EXCHANGE 2u

/* How tree_write writes. */
#define TREE_WRITE_DROP_PRIVILEGE 1u /* the caller may not keep setuid and setgid */
#define TREE_WRITE_WRITTEN_BACK 2u /* written to a cache before: privileges were seen to then */
#define TREE_WRITE_DROP_SETGID 4u /* as TREE_SET_DROP_SETGID */

/* What tree_fallocate does; the values of fallocate(2). */
#define TREE_FALLOC_KEEP_SIZE 0x01u
#define TREE_FALLOC_PUNCH_HOLE 0x02u
#define TREE_FALLOC_ZERO_RANGE 0x10u

struct tree_ops {
	const char *kind; /* "ext4", "fat", "compose": appears in logs */

	int (*getattr)(struct tree *tree, uint64_t id, struct tree_attr *out);

	/* -ENOENT only where the name is surely absent. @name is neither "." nor "..", not empty. */
	int (*lookup)(struct tree *tree, uint64_t dir, const char *name, size_t len,
		      uint64_t *out_id);

	/* The directory above @dir, which is not the root; the root's parent is the root. */
	int (*parent)(struct tree *tree, uint64_t dir, uint64_t *out_id);

	/*
	 * Lists @dir from @cookie on, without "." and "..". Cookies of entries are 3 and above and
	 * below TREE_COOKIES_END; 0 is the start. A cookie stays valid as long as the id does.
	 */
	int (*readdir)(struct tree *tree, uint64_t dir, uint64_t cookie, tree_entry_fn take,
		       void *ctx);

	/* Up to @len bytes of a regular file; fewer only at its end. */
	ssize_t (*read)(struct tree *tree, uint64_t id, void *buf, size_t len, uint64_t offset);

	/* See tree_map. NULL: -EOPNOTSUPP. */
	int (*map)(struct tree *tree, uint64_t id, uint64_t offset, size_t len,
		   struct tree_extent *out);

	/* As lseek(2) with SEEK_DATA or SEEK_HOLE; -ENXIO as there. NULL: all is data. */
	int (*seek)(struct tree *tree, uint64_t id, uint64_t offset, int whence,
		    uint64_t *out_offset);

	/* The target, at most TREE_LINK_MAX bytes, without NUL. -EINVAL: not a symbolic link. */
	ssize_t (*readlink)(struct tree *tree, uint64_t id, char *buf, size_t size);

	/*
	 * As getxattr(2) and listxattr(2): @size 0 asks for the length; -ERANGE where @buf is too
	 * small, -ENODATA where there is no such attribute. NULL: there are none.
	 */
	ssize_t (*getxattr)(struct tree *tree, uint64_t id, const char *name, void *buf,
			    size_t size);
	ssize_t (*listxattr)(struct tree *tree, uint64_t id, char *buf, size_t size);

	/*
	 * Whether surely no node has an attribute of this name. May look at every node once; false
	 * also where that would take too long. NULL: true without getxattr, else false.
	 */
	bool (*lacks_xattr)(struct tree *tree, const char *name);

	/* The volume that @id lies on. */
	int (*statfs)(struct tree *tree, uint64_t id, struct tree_statfs *out);

	/*
	 * The root of the volume that @id lies on: TREE_ROOT, or the directory that another volume is
	 * shown at, which can be neither renamed nor removed. NULL: all is one volume.
	 */
	int (*volume)(struct tree *tree, uint64_t id, uint64_t *out_root);

	/*
	 * Of directories whose names are compared without case; both NULL: there are none.
	 * @fold writes the form that equal names have in common and returns its length, at most
	 * TREE_FOLD_MAX; -ERANGE where that exceeds @size. A directory that distinguishes case gives
	 * 0. That @dir is a directory need not be checked.
	 * @spelling writes the name that the entry which @name leads to is listed by (FAT: a short
	 * name leads to an entry that has a long one). -ENOENT as lookup. At most TREE_NAME_MAX bytes.
	 */
	ssize_t (*fold)(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out,
			size_t size);
	ssize_t (*spelling)(struct tree *tree, uint64_t dir, const char *name, size_t len,
			    char *out);

	/* Below: all NULL where the tree cannot be changed. */

	int (*setattr)(struct tree *tree, uint64_t id, const struct tree_setattr *set,
		       struct tree_attr *out);

	/* Names are never ".", ".." or empty, and have no slash. -EEXIST, -ENOSPC, -ENAMETOOLONG. */
	int (*create)(struct tree *tree, uint64_t dir, const char *name, size_t len,
		      const struct tree_new *node, struct tree_attr *out);
	/* See tree_create_nameless. NULL: -EOPNOTSUPP. */
	int (*create_nameless)(struct tree *tree, uint64_t dir, const struct tree_new *node,
			       struct tree_attr *out);
	int (*link)(struct tree *tree, uint64_t id, uint64_t dir, const char *name, size_t len,
		    struct tree_attr *out);
	int (*unlink)(struct tree *tree, uint64_t dir, const char *name, size_t len);
	int (*rmdir)(struct tree *tree, uint64_t dir, const char *name, size_t len);
	int (*rename)(struct tree *tree, uint64_t dir, const char *name, size_t len,
		      uint64_t new_dir, const char *new_name, size_t new_len, unsigned int flags);

	/* All @len bytes or an error; with an error what precedes it may have been written. */
	int (*write)(struct tree *tree, uint64_t id, const void *buf, size_t len, uint64_t offset,
		     unsigned int flags);
	int (*fallocate)(struct tree *tree, uint64_t id, unsigned int mode, uint64_t offset,
			 uint64_t len);

	/* @flags: XATTR_CREATE, XATTR_REPLACE or 0. */
	int (*setxattr)(struct tree *tree, uint64_t id, const char *name, const void *value,
			size_t len, int flags);
	int (*removexattr)(struct tree *tree, uint64_t id, const char *name);

	/* Makes durable all that happened before the call. */
	int (*sync)(struct tree *tree);

	/*
	 * A node that is held stays usable when its last name goes, until it is released as often as
	 * it was held. Not kept across a restart.
	 */
	int (*hold)(struct tree *tree, uint64_t id);
	void (*release)(struct tree *tree, uint64_t id, uint64_t count);

	/* See tree_notes. NULL: none are stored. */
	int (*notes)(struct tree *tree, tree_note_fn take, void *ctx);

	/* Releases @tree itself and everything it owns. */
	void (*close)(struct tree *tree);
};

/* Embedded first in every kind. Set once at opening, constant afterwards but for @shares. */
struct tree {
	const struct tree_ops *ops;
	atomic_uint shares; /* how often tree_close does nothing but count */
	uint64_t span; /* every id is below this */
	unsigned int level; /* of its cookies; below TREE_LEVELS_MAX */
	bool mixes_case; /* one volume may have directories that ignore case, and others */
};

int tree_getattr(struct tree *tree, uint64_t id, struct tree_attr *out);

/* "." is @dir, ".." its parent. -ENAMETOOLONG, -ENOENT, -ENOTDIR as usual. */
int tree_lookup(struct tree *tree, uint64_t dir, const char *name, size_t len, uint64_t *out_id);
int tree_parent(struct tree *tree, uint64_t dir, uint64_t *out_id);

/* Lists @dir from @cookie (0: the start) on: first "." and "..", then the rest in any order. */
int tree_readdir(struct tree *tree, uint64_t dir, uint64_t cookie, tree_entry_fn take, void *ctx);

ssize_t tree_read(struct tree *tree, uint64_t id, void *buf, size_t len, uint64_t offset);

/*
 * Where the first bytes of the range lie: as many of the @len bytes from @offset on as are in one
 * piece of the untouched image, so that sendfile(2) may take them. -EOPNOTSUPP: they are to be read
 * with tree_read (a hole, changed data, the end of the file, or the tree does not know).
 */
int tree_map(struct tree *tree, uint64_t id, uint64_t offset, size_t len, struct tree_extent *out);
int tree_seek(struct tree *tree, uint64_t id, uint64_t offset, int whence, uint64_t *out_offset);
ssize_t tree_readlink(struct tree *tree, uint64_t id, char *buf, size_t size);
ssize_t tree_getxattr(struct tree *tree, uint64_t id, const char *name, void *buf, size_t size);
ssize_t tree_listxattr(struct tree *tree, uint64_t id, char *buf, size_t size);
bool tree_lacks_xattr(struct tree *tree, const char *name);
int tree_statfs(struct tree *tree, uint64_t id, struct tree_statfs *out);

/* TREE_ROOT where all is one volume. */
int tree_volume(struct tree *tree, uint64_t id, uint64_t *out_root);

/* Whether names in @dir are compared without case. */
bool tree_ignores_case(struct tree *tree, uint64_t dir);
ssize_t tree_fold(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out,
		  size_t size);
ssize_t tree_spelling(struct tree *tree, uint64_t dir, const char *name, size_t len, char *out);

/*
 * Changes. -EROFS where the tree cannot be changed. What was changed is visible to all at once, and
 * durable after tree_sync. @out may be NULL.
 */
bool tree_is_writable(const struct tree *tree);
int tree_setattr(struct tree *tree, uint64_t id, const struct tree_setattr *set,
		 struct tree_attr *out);
int tree_create(struct tree *tree, uint64_t dir, const char *name, size_t len,
		const struct tree_new *node, struct tree_attr *out);

/*
 * A regular file that has no name, as it could be made in @dir (open(2), O_TMPFILE). It is held once for the
 * caller, and goes when nobody holds it any more, unless tree_link gave it a name before. -EOPNOTSUPP.
 */
int tree_create_nameless(struct tree *tree, uint64_t dir, const struct tree_new *node,
			 struct tree_attr *out);
int tree_link(struct tree *tree, uint64_t id, uint64_t dir, const char *name, size_t len,
	      struct tree_attr *out);
int tree_unlink(struct tree *tree, uint64_t dir, const char *name, size_t len);
int tree_rmdir(struct tree *tree, uint64_t dir, const char *name, size_t len);
int tree_rename(struct tree *tree, uint64_t dir, const char *name, size_t len, uint64_t new_dir,
		const char *new_name, size_t new_len, unsigned int flags);
int tree_write(struct tree *tree, uint64_t id, const void *buf, size_t len, uint64_t offset,
	       unsigned int flags);
int tree_fallocate(struct tree *tree, uint64_t id, unsigned int mode, uint64_t offset,
		   uint64_t len);
int tree_setxattr(struct tree *tree, uint64_t id, const char *name, const void *value, size_t len,
		  int flags);
int tree_removexattr(struct tree *tree, uint64_t id, const char *name);

/* Success where the tree cannot be changed. */
int tree_sync(struct tree *tree);
int tree_hold(struct tree *tree, uint64_t id);
void tree_release(struct tree *tree, uint64_t id, uint64_t count);

/*
 * Lets one more own @tree, which is returned: each of them closes it, and the last one ends it. Only for
 * trees that take any number of callers, which all do that cannot be changed.
 */
struct tree *tree_share(struct tree *tree);

/* Accepts NULL. */
void tree_close(struct tree *tree);

DEFINE_CLEANUP(tree_closep, struct tree *, tree_close)

/*
 * A tree that shows other trees in some directories of @root. Takes @root, on success.
 *
 * Ids are ranges: the first tree keeps its own, each further one has those behind all ids that
 * were given out before, its root being the first number of its range.
 */
int tree_compose_create(struct tree *root, struct tree **out);

/*
 * Shows @volume at the directory @path, from the composed root; directories of the path that are
 * missing are made up. To be called before @compose is used, outer mount points first. Takes
 * @volume, on success. -ENOTDIR, -EBUSY (something is mounted there), or errors of the lookup.
 */
int tree_compose_mount(struct tree *compose, const char *path, struct tree *volume);

/*
 * Finds @path from the root, following symbolic links (the last one only if @follow). Absolute link
 * targets start at the tree's root, ".." stops there. -ELOOP after 40 links, -ENOENT, -ENOTDIR.
 */
int tree_walk(struct tree *tree, const char *path, bool follow, uint64_t *out_id);

#endif
