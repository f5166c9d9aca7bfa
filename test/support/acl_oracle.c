/* SPDX-License-Identifier: MIT */
/*
 * acl_oracle DIR [SEED [CASES]]: does random things with ACLs, modes and owners in DIR, which lies on
 * a file system of the kernel's, as root and as others, and compares what comes of it with the tree
 * room's arithmetic. Prints what differs; exits 77 where DIR has no ACLs.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/le.h"
#include "tree/tree_memory.h"

#define IDS 5u /* users and groups 1000 to 1004 */
#define FIRST_ID 1000u
#define ACL_MAX 256u
#define GROUPS_MAX 3u
#define ATTEMPTS_EACH 10 /* permissions, in each case */

struct acl {
	size_t len;
	uint8_t bytes[ACL_MAX];
};

static uint64_t seed;
static unsigned int differences, made;

static unsigned int draw(unsigned int below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(seed >> 33) % below;
}

static uint32_t draw_id(void)
{
	return FIRST_ID + draw(IDS);
}

__attribute__((format(printf, 1, 2))) static void differ(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("case %u: ", made);
	vprintf(format, args);
	printf("\n");
	va_end(args);
	differences++;
}

static void add_entry(struct acl *acl, unsigned int tag, unsigned int perm, uint32_t id)
{
	const le16 disk_tag = le16_make((uint16_t)tag), disk_perm = le16_make((uint16_t)perm);
	const le32 disk_id = le32_make(id);

	memcpy(acl->bytes + acl->len, &disk_tag, 2);
	memcpy(acl->bytes + acl->len + 2, &disk_perm, 2);
	memcpy(acl->bytes + acl->len + 4, &disk_id, 4);
	acl->len += 8;
}

/* Sound unless @maybe_bad. */
static struct acl draw_acl(bool maybe_bad)
{
	struct acl acl = {.len = 4, .bytes = {POSIX_ACL_XATTR_VERSION}};
	unsigned int users = draw(3), groups = draw(3);

	add_entry(&acl, ACL_USER_OBJ, draw(8), draw(2) ? UINT32_MAX : 7);
	while (users--)
		add_entry(&acl, ACL_USER, draw(8), draw_id());
	add_entry(&acl, ACL_GROUP_OBJ, draw(8), UINT32_MAX);
	while (groups--)
		add_entry(&acl, ACL_GROUP, draw(8), draw_id());
	if ((acl.len > 20 && !(maybe_bad && draw(8) == 0)) || draw(2))
		add_entry(&acl, ACL_MASK, draw(8), UINT32_MAX);
	add_entry(&acl, ACL_OTHER, draw(8), UINT32_MAX);
	if (!maybe_bad || draw(3))
		return acl;
	switch (draw(5)) {
	case 0:
		acl.len -= 1 + draw((unsigned int)acl.len);
		break;
	case 1:
		acl.bytes[draw((unsigned int)acl.len)] ^= (uint8_t)(1u << draw(8));
		break;
	case 2:
		acl.len = 4;
		break;
	case 3:
		memmove(acl.bytes + 4, acl.bytes + 12, acl.len - 12);
		break;
	default:
		add_entry(&acl, draw(2) ? ACL_OTHER : ACL_MASK, 7, UINT32_MAX);
		break;
	}
	return acl;
}

static uint32_t mode_of(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		err(1, "%s", path);
	return st.st_mode;
}

static void compare_acl(const char *what, const char *path, const char *name,
			const struct acl *want)
{
	uint8_t got[ACL_MAX];
	ssize_t n = lgetxattr(path, name, got, sizeof(got));

	if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		err(1, "%s: %s", path, name);
	if (n < 0)
		n = 0;
	if ((size_t)n != want->len || memcmp(got, want->bytes, want->len) != 0)
		differ("%s: %s has %zd bytes, not %zu, or others", what, name, n, want->len);
}

static void compare_mode(const char *what, const char *path, uint32_t want)
{
	if (mode_of(path) != want)
		differ("%s: mode %o, not %o", what, mode_of(path), want);
}

/* Sets what may be no ACL; @kept becomes what is then there. */
static void try_setxattr(const char *path, struct acl *kept, uint32_t *mode)
{
	struct acl acl = draw_acl(true), took = {0};
	ssize_t n = tree_acl_take(acl.bytes, acl.len, took.bytes);
	int got = setxattr(path, TREE_ACL_ACCESS, acl.bytes, acl.len, 0) < 0 ? -errno : 0;
	int keep = 0;

	if (got != (n < 0 ? n : 0)) {
		differ("setxattr of %zu bytes gives %d, not %zd", acl.len, got, n);
		exit(1);
	}
	if (n < 0)
		return;
	if (n > 0)
		keep = tree_acl_mode(took.bytes, (size_t)n, mode);
	took.len = keep > 0 ? (size_t)n : 0;
	*kept = took;
}

static void modes_and_access_acls(void)
{
	struct acl kept = {0};
	uint32_t mode = S_IFREG | 0644;
	int fd = open("file", O_CREAT | O_EXCL, 0644);

	if (fd < 0 || close(fd) < 0)
		err(1, "file");
	for (int i = 0; i < 6; i++) {
		if (draw(2)) {
			try_setxattr("file", &kept, &mode);
		} else {
			mode = S_IFREG | draw(010000);
			if (chmod("file", mode) < 0)
				err(1, "chmod");
			if (kept.len && tree_acl_chmod(kept.bytes, kept.len, mode))
				differ("chmod: no ACL");
		}
		compare_mode("change", "file", mode);
		compare_acl("change", "file", TREE_ACL_ACCESS, &kept);
	}
	unlink("file");
}

static void make(const char *path, uint32_t mode)
{
	int fd, got = 0;

	switch (mode & S_IFMT) {
	case S_IFDIR:
		got = mkdir(path, mode & ALLPERMS);
		break;
	case S_IFLNK:
		got = symlink("target", path);
		break;
	case S_IFREG:
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY, mode & ALLPERMS);
		got = fd < 0 ? -1 : close(fd);
		break;
	default:
		got = mknod(path, mode, 0);
		break;
	}
	if (got < 0)
		err(1, "cannot make %s of mode %o", path, mode);
}

static void inherited_acls(void)
{
	static const uint32_t types[] = {S_IFREG, S_IFDIR, S_IFIFO, S_IFLNK, S_IFSOCK};
	static const struct acl none;
	struct acl given = draw_acl(false), access;
	uint32_t mask = draw(01000);
	int keep = 0;

	if (mkdir("dir", 0755) < 0 ||
	    setxattr("dir", TREE_ACL_DEFAULT, given.bytes, given.len, 0) < 0)
		err(1, "dir");
	tree_acl_take(given.bytes, given.len, given.bytes);
	compare_acl("directory", "dir", TREE_ACL_DEFAULT, &given);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		uint32_t mode = types[i] | draw(01000);

		umask(mask);
		make("dir/new", mode);
		umask(0);
		access = given;
		if (types[i] == S_IFLNK)
			mode = S_IFLNK | 0777;
		else
			keep = tree_acl_create(access.bytes, access.len, &mode);
		compare_mode("new", "dir/new", mode);
		compare_acl("new", "dir/new", TREE_ACL_ACCESS,
			    keep > 0 && types[i] != S_IFLNK ? &access : &none);
		compare_acl("new", "dir/new", TREE_ACL_DEFAULT,
			    types[i] == S_IFDIR ? &given : &none);
		if (remove("dir/new") < 0)
			err(1, "dir/new");
	}
	rmdir("dir");
}

struct who {
	struct tree_caller caller;
	uint32_t groups[GROUPS_MAX];
};

static void draw_caller(struct who *who)
{
	*who = (struct who){.caller = {.uid = draw_id(),
				       .gid = draw_id(),
				       .groups = who->groups,
				       .groups_count = draw(GROUPS_MAX + 1)}};
	for (size_t i = 0; i < who->caller.groups_count; i++)
		who->groups[i] = draw_id();
	if (draw(8) == 0) {
		who->caller.uid = 0;
		who->caller.privileged = true;
	}
}

/* What a caller may try; @arg as it suits. */
enum attempt {
	TRY_ACCESS,
	TRY_RENAME,
	TRY_CHMOD,
	TRY_CHOWN,
	TRY_TIMES,
	TRY_TOUCH,
	TRY_TOUCH_ONE,
	TRY_TRUNCATE,
	ATTEMPTS,
};

static int attempt(enum attempt what, const char *path, uint32_t arg, uint32_t arg2)
{
	static const struct timespec one[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	static const struct timespec set[2] = {{.tv_sec = 5}, {.tv_sec = 6}};

	switch (what) {
	case TRY_ACCESS:
		return faccessat(AT_FDCWD, path, (int)arg, AT_EACCESS);
	case TRY_RENAME:
		return rename(path, "dir/renamed");
	case TRY_CHMOD:
		return chmod(path, arg);
	case TRY_CHOWN:
		return chown(path, arg, arg2);
	case TRY_TIMES:
		return utimensat(AT_FDCWD, path, set, 0);
	case TRY_TOUCH:
		return utimensat(AT_FDCWD, path, NULL, 0);
	case TRY_TOUCH_ONE:
		return utimensat(AT_FDCWD, path, one, 0);
	default:
		return truncate(path, arg);
	}
}

/* Tries it as @who: 0 or a negative errno. */
static int attempt_as(const struct who *who, enum attempt what, const char *path, uint32_t arg,
		      uint32_t arg2)
{
	const struct tree_caller *caller = &who->caller;
	int status;
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		gid_t groups[GROUPS_MAX];

		for (size_t i = 0; i < caller->groups_count; i++)
			groups[i] = caller->groups[i];
		if (setgroups(caller->groups_count, groups) < 0 ||
		    setresgid(caller->gid, caller->gid, caller->gid) < 0 ||
		    setresuid(caller->uid, caller->uid, caller->uid) < 0)
			_exit(255);
		_exit(attempt(what, path, arg, arg2) < 0 ? errno : 0);
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) == 255)
		errx(1, "a child failed");
	return -WEXITSTATUS(status);
}

/* The same node for the kernel and in memory; its id there. */
static uint64_t make_both(struct tree *tree, uint64_t dir, const char *path, const char *name,
			  uint32_t type, unsigned int more_bits)
{
	struct tree_memory_node node = {.uid = draw_id(), .gid = draw_id()};
	struct acl acl = draw_acl(false);
	uint64_t id;

	node.mode = type | draw(01000) | more_bits;
	make(path, type | 0600);
	if (lchown(path, node.uid, node.gid) < 0 || chmod(path, node.mode & ALLPERMS) < 0)
		err(1, "%s", path);
	if (draw(3)) {
		int keep = tree_acl_mode(acl.bytes, acl.len, &node.mode);

		if (setxattr(path, TREE_ACL_ACCESS, acl.bytes, acl.len, 0) < 0)
			err(1, "%s: ACL", path);
		if (keep == 0)
			acl.len = 0;
	} else {
		acl.len = 0;
	}
	if (tree_memory_add(tree, dir, name, &node, &id) < 0)
		errx(1, "no memory");
	if (acl.len && tree_memory_set_xattr(tree, id, TREE_ACL_ACCESS, acl.bytes, acl.len) < 0)
		errx(1, "no memory");
	return id;
}

static int predict_setattr(struct tree *tree, uint64_t id, const struct who *who,
			   struct tree_setattr *set)
{
	struct tree_attr attr;
	struct acl acl;
	ssize_t n = tree_getxattr(tree, id, TREE_ACL_ACCESS, acl.bytes, sizeof(acl.bytes));

	if (tree_getattr(tree, id, &attr) < 0)
		errx(1, "no such node");
	return tree_access_setattr(&attr, acl.bytes, n < 0 ? 0 : (size_t)n, &who->caller, set);
}

/* dir (maybe sticky) and dir/node, a file or a directory: one attempt at it by somebody. */
static void permissions(void)
{
	const uint32_t type = draw(2) ? S_IFREG : S_IFDIR;
	enum attempt what = (enum attempt)draw(ATTEMPTS);
	struct tree_setattr set = {0};
	struct tree *tree;
	uint64_t dir, node;
	struct who who;
	int want, got;

	if (what == TRY_TRUNCATE && type == S_IFDIR)
		return;
	if (tree_memory_create(&tree) < 0)
		errx(1, "no memory");
	/* only a rename asks for more of the directory than to be let through */
	dir = make_both(tree, TREE_ROOT, "dir", "dir", S_IFDIR, draw(2) ? S_ISVTX : 0);
	node = make_both(tree, dir, "dir/node", "node", type,
			 what == TRY_CHMOD && type == S_IFREG ? draw(2) * S_ISGID : 0);
	draw_caller(&who);
	want = tree_access(tree, dir, &who.caller, TREE_MAY_EXEC);
	switch (what) {
	case TRY_ACCESS:
		set.mode = draw(8);
		if (!want)
			want = tree_access(tree, node, &who.caller, set.mode);
		break;
	case TRY_RENAME:
		if (!want)
			want = tree_access_remove(tree, dir, node, &who.caller);
		break;
	case TRY_CHMOD:
		set = (struct tree_setattr){.valid = TREE_SET_MODE, .mode = draw(010000)};
		break;
	case TRY_CHOWN:
		set = (struct tree_setattr){
			.valid = (1 + draw(3)) * TREE_SET_UID, .uid = draw_id(), .gid = draw_id()};
		if (!(set.valid & TREE_SET_UID))
			set.uid = UINT32_MAX;
		if (!(set.valid & TREE_SET_GID))
			set.gid = UINT32_MAX;
		break;
	case TRY_TIMES:
		set.valid = TREE_SET_ATIME | TREE_SET_MTIME;
		break;
	case TRY_TOUCH:
		set.valid = TREE_SET_ATIME_NOW | TREE_SET_MTIME_NOW;
		break;
	case TRY_TOUCH_ONE:
		set.valid = TREE_SET_MTIME_NOW;
		break;
	default:
		set.valid = TREE_SET_SIZE;
		break;
	}
	got = attempt_as(&who, what, "dir/node", what == TRY_CHOWN ? set.uid : set.mode, set.gid);
	if (!want && set.valid)
		want = predict_setattr(tree, node, &who, &set);
	if (got != want)
		differ("attempt %d by %u:%u gives %d, not %d", (int)what, who.caller.uid,
		       who.caller.gid, got, want);
	if (what == TRY_CHMOD && !got && mode_of("dir/node") != (type | set.mode))
		differ("chmod: mode %o, not %o", mode_of("dir/node"), type | set.mode);
	tree_close(tree);
	if (remove(what == TRY_RENAME && !got ? "dir/renamed" : "dir/node") < 0 || rmdir("dir") < 0)
		err(1, "dir");
}

int main(int argc, char **argv)
{
	static const uint8_t probe[] = {2, 0, 0, 0};
	unsigned int cases;

	if (argc < 2 || argc > 4)
		errx(2, "usage: acl_oracle DIR [SEED [CASES]]");
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	cases = argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 0) : 500;
	if (chdir(argv[1]) < 0 || chmod(".", 0755) < 0)
		err(1, "%s", argv[1]);
	if (setxattr(".", TREE_ACL_ACCESS, probe, sizeof(probe), 0) < 0 && errno == EOPNOTSUPP)
		return 77;
	umask(0);
	for (made = 0; made < cases; made++) {
		modes_and_access_acls();
		inherited_acls();
		for (int i = 0; i < ATTEMPTS_EACH; i++)
			permissions();
	}
	printf("%u cases, %u differences\n", cases, differences);
	return differences != 0;
}
