/* SPDX-License-Identifier: MIT */
/* One action on one side: everything but what concerns contents and listings. */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/le.h"
#include "support/mirror.h"

#define REMOVE_MAX 80u /* names that one action removes */
#define ACL_BYTES 64u

static const struct user {
	uid_t uid;
	gid_t gid;
	size_t groups_count;
	gid_t groups[2];
} users[MIRROR_USERS] = {
	{0, 0, 0, {0}},
	{1000, 1000, 1, {1001}},
	{1001, 1001, 2, {1000, 1002}},
};

void mirror_enter(const struct mirror_side *side)
{
	if (fchdir(side->root) < 0 || chroot(".") < 0)
		err(2, "%s: cannot be entered", side->dir);
}

static void become(const struct user *user)
{
	/* from root to somebody, or back: each step needs what the user id gives */
	if (user->uid == 0 && seteuid(0) < 0)
		err(2, "seteuid");
	if (setgroups(user->groups_count, user->groups) < 0 || setegid(user->gid) < 0 ||
	    (user->uid && seteuid(user->uid) < 0))
		err(2, "cannot act as user %u", user->uid);
}

static bool may_have_driver(const struct stat *st)
{
	if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode))
		return false;
	return major(st->st_rdev) < MIRROR_MAJOR ||
	       major(st->st_rdev) >= MIRROR_MAJOR + MIRROR_MAJORS;
}

int mirror_open(int at, const char *path, int flags, mode_t mode)
{
	struct stat st;

	if (fstatat(at, path, &st, 0) == 0 && may_have_driver(&st)) {
		errno = ENXIO;
		return -1;
	}
	return openat(at, path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, mode);
}

static int end(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static int do_create(int at, const struct mirror_action *a, struct mirror_outcome *out)
{
	uint8_t data[4096];
	int fd = mirror_open(at, a->path, a->flags, a->mode);

	if (fd >= 0 && a->len) {
		mirror_fill(data, sizeof(data), a->seed);
		out->hash = (uint64_t)write(fd, data, min_u64(a->len, sizeof(data)));
	}
	return end(fd);
}

static int do_open(struct mirror_side *side, const struct mirror_action *a)
{
	int *handle = &side->handles[a->slot];

	if (*handle >= 0)
		close(*handle);
	*handle = mirror_open(AT_FDCWD, a->path, a->flags, a->mode);
	return *handle < 0 ? -1 : 0;
}

static int do_close(struct mirror_side *side, const struct mirror_action *a)
{
	int fd = side->handles[a->slot];

	side->handles[a->slot] = -1;
	if (fd >= 0)
		return close(fd);
	errno = EBADF;
	return -1;
}

static int do_tmpfile(const struct mirror_action *a)
{
	int fd = open(a->other, O_TMPFILE | O_RDWR | O_CLOEXEC, a->mode);
	int got;

	if (fd < 0)
		return -1;
	got = (int)write(fd, a->path, strlen(a->path));
	if (got >= 0 && a->seed % 4)
		got = linkat(fd, "", AT_FDCWD, a->path, AT_EMPTY_PATH);
	if (close(fd) < 0)
		return -1;
	return got;
}

/* Removes all below @fd; returns how many names went, or -1. */
static int remove_below(int fd)
{
	size_t count;
	char **names = mirror_names(fd, &count);
	int removed = 0;

	for (size_t i = 0; i < count; i++) {
		struct stat st;
		int sub, got;

		if (fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!S_ISDIR(st.st_mode)) {
			removed += unlinkat(fd, names[i], 0) == 0;
			continue;
		}
		sub = openat(fd, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		got = sub < 0 ? -1 : remove_below(sub);
		if (sub >= 0)
			close(sub);
		if (got >= 0)
			removed += got + (unlinkat(fd, names[i], AT_REMOVEDIR) == 0);
	}
	mirror_names_free(names, count);
	return removed;
}

/* How many names are below @fd, counted as far as @limit. */
static size_t count_below(int fd, size_t limit)
{
	size_t count, total;
	char **names = mirror_names(fd, &count);

	total = count;
	for (size_t i = 0; i < count && total <= limit; i++) {
		int sub = openat(fd, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (sub < 0)
			continue;
		total += count_below(sub, limit);
		close(sub);
	}
	mirror_names_free(names, count);
	return total;
}

static int do_remove_all(const struct mirror_action *a)
{
	int fd = open(a->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int got = -1;

	if (fd < 0)
		return -1;
	if (count_below(fd, REMOVE_MAX) <= REMOVE_MAX)
		got = remove_below(fd);
	else
		errno = E2BIG;
	if (close(fd) < 0)
		return -1;
	return got;
}

/* A renamed or linked file keeps its number: @hash tells. */
static int do_rename(const struct mirror_action *a, struct mirror_outcome *out)
{
	struct stat before, after;
	bool known = fstatat(AT_FDCWD, a->path, &before, AT_SYMLINK_NOFOLLOW) == 0;
	int got = (int)syscall(SYS_renameat2, AT_FDCWD, a->path, AT_FDCWD, a->other, a->flags);
	int error = errno;

	if (got == 0 && known && fstatat(AT_FDCWD, a->other, &after, AT_SYMLINK_NOFOLLOW) == 0)
		out->hash = before.st_ino == after.st_ino;
	errno = error;
	return got;
}

static int do_chmod(int fd, const struct mirror_action *a)
{
	return fd >= 0 ? fchmod(fd, a->mode) : fchmodat(AT_FDCWD, a->path, a->mode, 0);
}

static int do_chown(int fd, const struct mirror_action *a)
{
	if (fd >= 0)
		return fchown(fd, a->uid, a->gid);
	return fchownat(AT_FDCWD, a->path, a->uid, a->gid, a->flags);
}

static int do_utimens(int fd, const struct mirror_action *a)
{
	if (fd >= 0)
		return futimens(fd, a->times);
	return utimensat(AT_FDCWD, a->path, a->times, a->flags);
}

static int set_attribute(int fd, const struct mirror_action *a, const char *name,
			 const uint8_t *value, size_t len, int flags)
{
	if (fd >= 0)
		return fsetxattr(fd, name, value, len, flags);
	if (a->seed % 4 == 0)
		return lsetxattr(a->path, name, value, len, flags);
	return setxattr(a->path, name, value, len, flags);
}

static int do_setxattr(int fd, const struct mirror_action *a)
{
	uint8_t value[128];

	mirror_fill(value, sizeof(value), a->seed);
	return set_attribute(fd, a, a->name, value, a->len, a->flags);
}

static int do_removexattr(int fd, const struct mirror_action *a)
{
	if (fd >= 0)
		return fremovexattr(fd, a->name);
	return a->seed % 4 ? removexattr(a->path, a->name) : lremovexattr(a->path, a->name);
}

static int do_getxattr(int fd, const struct mirror_action *a, struct mirror_outcome *out)
{
	uint8_t value[256];
	size_t size = a->seed % 8 == 0 ? 0 : a->seed % 8 == 1 ? 10 : sizeof(value);
	ssize_t n = fd >= 0 ? fgetxattr(fd, a->name, value, size)
			    : getxattr(a->path, a->name, value, size);

	if (n > 0 && size)
		out->hash = mirror_hash(0, value, (size_t)n);
	return (int)n;
}

static size_t add_entry(uint8_t *acl, size_t len, unsigned int tag, uint64_t perm, uint64_t id)
{
	const le16 disk_tag = le16_make((uint16_t)tag), disk_perm = le16_make(perm & 7);
	const le32 disk_id = le32_make((uint32_t)id);

	memcpy(acl + len, &disk_tag, 2);
	memcpy(acl + len + 2, &disk_perm, 2);
	memcpy(acl + len + 4, &disk_id, 4);
	return len + 8;
}

static int do_setacl(int fd, const struct mirror_action *a)
{
	const char *name = a->flags ? "system.posix_acl_default" : "system.posix_acl_access";
	uint8_t acl[ACL_BYTES] = {POSIX_ACL_XATTR_VERSION};
	const uint32_t none = UINT32_MAX;
	uint64_t bits = a->seed;
	size_t len = 4;

	if (a->seed % 5 == 0)
		return fd >= 0 ? fremovexattr(fd, name) : removexattr(a->path, name);
	len = add_entry(acl, len, ACL_USER_OBJ, bits, none);
	if (bits >> 30 & 1)
		len = add_entry(acl, len, ACL_USER, bits >> 3, 1000 + (bits >> 40) % 3);
	len = add_entry(acl, len, ACL_GROUP_OBJ, bits >> 6, none);
	if (bits >> 31 & 1)
		len = add_entry(acl, len, ACL_GROUP, bits >> 9, 1000 + (bits >> 42) % 3);
	if (bits >> 30 & 3)
		len = add_entry(acl, len, ACL_MASK, bits >> 12, none);
	len = add_entry(acl, len, ACL_OTHER, bits >> 15, none);
	return set_attribute(fd, a, name, acl, len, 0);
}

static int do_readlink(const struct mirror_action *a, struct mirror_outcome *out)
{
	char target[4096];
	ssize_t n = readlink(a->path, target, sizeof(target));

	if (n > 0)
		out->hash = mirror_hash(0, target, (size_t)n);
	return (int)n;
}

static int do_fsync(int fd, const struct mirror_action *a)
{
	bool own = fd < 0;
	int got;

	if (own)
		fd = mirror_open(AT_FDCWD, a->path, O_RDONLY, 0);
	if (fd < 0)
		return -1;
	got = a->seed % 2 ? fsync(fd) : fdatasync(fd);
	if (own && close(fd) < 0)
		return -1;
	return got;
}

static int64_t act(struct mirror_side *side, const struct mirror_action *a,
		   struct mirror_outcome *out)
{
	int fd = a->handle >= 0 ? side->handles[a->handle] : -1;
	int at = fd >= 0 ? fd : AT_FDCWD;

	switch (a->kind) {
	case MIRROR_CREATE:
		return do_create(at, a, out);
	case MIRROR_OPEN:
		return do_open(side, a);
	case MIRROR_CLOSE:
		return do_close(side, a);
	case MIRROR_MKDIR:
		return mkdirat(at, a->path, a->mode);
	case MIRROR_MKNOD:
		return mknod(a->path, a->mode, a->rdev);
	case MIRROR_SYMLINK:
		return symlink(a->other, a->path);
	case MIRROR_LINK:
		return linkat(AT_FDCWD, a->other, AT_FDCWD, a->path, a->flags);
	case MIRROR_TMPFILE:
		return do_tmpfile(a);
	case MIRROR_UNLINK:
		return unlink(a->path);
	case MIRROR_RMDIR:
		return rmdir(a->path);
	case MIRROR_REMOVE_ALL:
		return do_remove_all(a);
	case MIRROR_RENAME:
		return do_rename(a, out);
	case MIRROR_CHMOD:
		return do_chmod(fd, a);
	case MIRROR_CHOWN:
		return do_chown(fd, a);
	case MIRROR_UTIMENS:
		return do_utimens(fd, a);
	case MIRROR_SETXATTR:
		return do_setxattr(fd, a);
	case MIRROR_REMOVEXATTR:
		return do_removexattr(fd, a);
	case MIRROR_GETXATTR:
		return do_getxattr(fd, a, out);
	case MIRROR_SETACL:
		return do_setacl(fd, a);
	case MIRROR_READLINK:
		return do_readlink(a, out);
	case MIRROR_ACCESS:
		return faccessat(AT_FDCWD, a->path, (int)a->mode, AT_EACCESS);
	case MIRROR_FSYNC:
		return do_fsync(fd, a);
	default:
		errx(2, "an action of kind %d", (int)a->kind);
	}
}

void mirror_do(struct mirror_side *side, const struct mirror_action *action,
	       struct mirror_outcome *out)
{
	*out = (struct mirror_outcome){0};
	mirror_enter(side);
	umask(action->umask);
	become(&users[action->user]);
	errno = 0;
	if (action->kind == MIRROR_LIST) {
		mirror_list(action, out);
	} else if (action->kind == MIRROR_LIST_CHANGING) {
		mirror_list_changing(action, out);
	} else if ((action->kind >= MIRROR_TRUNCATE && action->kind <= MIRROR_COPY) ||
		   action->kind == MIRROR_READ || action->kind == MIRROR_MMAP_READ) {
		mirror_do_data(side, action, out);
	} else {
		out->ret = act(side, action, out);
		out->error = out->ret < 0 ? errno : 0;
	}
	become(&users[0]);
	umask(0);
}

static bool has_attribute(const char *name, const void *value, size_t len)
{
	bool has = setxattr("probe", name, value, len, 0) == 0;

	removexattr("probe", name);
	return has;
}

static bool touches_same_size(int fd)
{
	const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct stat st;

	return futimens(fd, old) == 0 && truncate("probe", 1 << 20) == 0 && fstat(fd, &st) == 0 &&
	       st.st_mtim.tv_sec != 1;
}

/* A file of each side is tried out with what not every file system has. */
static void probe(const struct mirror_side *side, struct mirror_abilities *out)
{
	static const int modes[] = {0, 1, 2, 3, 8, 0x10, 0x11, 0x20, 0x40};
	static const uint8_t acl[] = {2,   0,	0,   0,	  1,   0,   7,	 0,   255, 255, 255, 255,
				      4,   0,	1,   0,	  255, 255, 255, 255, 16,  0,	7,   0,
				      255, 255, 255, 255, 32,  0,   7,	 0,   255, 255, 255, 255};
	struct stat before, after;
	struct statfs fs;
	int fd;

	if (fstatfs(side->root, &fs) < 0)
		err(2, "%s", side->dir);
	*out = (struct mirror_abilities){.fuse = fs.f_type == FUSE_SUPER_MAGIC};
	mirror_enter(side);
	if (stat(".", &before) < 0)
		err(2, "%s", side->dir);
	fd = open("probe", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
		err(2, "%s: probe", side->dir);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		int got = fallocate(fd, modes[i], 0, 65536);

		/* no support is an answer too; what succeeds on one side only is not tried */
		out->fallocate[i] = got == 0 ? modes[i] : -1;
	}
	out->fallocate_count = ARRAY_SIZE(modes);
	out->touches_same_size = ftruncate(fd, 1 << 20) == 0 && touches_same_size(fd);
	close(fd);
	fd = open("probe", O_RDWR | O_DIRECT | O_CLOEXEC);
	out->direct = fd >= 0;
	end(fd);
	fd = open(".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	out->tmpfile = fd >= 0;
	end(fd);
	out->acl = has_attribute("system.posix_acl_access", acl, sizeof(acl));
	out->user_xattr = has_attribute("user.probe", "", 0);
	if (unlink("probe") < 0 || mkdir("probe", 0755) < 0 || stat(".", &after) < 0 ||
	    rmdir("probe") < 0)
		err(2, "%s: probe", side->dir);
	out->counts_dirs = after.st_nlink == before.st_nlink + 1;
}

void mirror_probe(struct mirror_side sides[2], struct mirror_abilities *out)
{
	struct mirror_abilities a, b;
	unsigned int count = 0;

	probe(&sides[0], &a);
	probe(&sides[1], &b);
	*out = (struct mirror_abilities){
		.fuse = a.fuse,
		.tmpfile = a.tmpfile && b.tmpfile,
		.acl = a.acl && b.acl,
		.direct = a.direct && b.direct,
		.user_xattr = a.user_xattr && b.user_xattr,
		.counts_dirs = a.counts_dirs && b.counts_dirs,
		.touches_same_size = b.touches_same_size,
	};
	for (unsigned int i = 0; i < a.fallocate_count; i++) {
		if (a.fallocate[i] >= 0 && b.fallocate[i] >= 0)
			out->fallocate[count++] = a.fallocate[i];
	}
	out->fallocate[count++] = FALLOC_FL_PUNCH_HOLE; /* without KEEP_SIZE: refused everywhere */
	out->fallocate_count = count;
}
