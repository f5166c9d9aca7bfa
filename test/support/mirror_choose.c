/* SPDX-License-Identifier: MIT */
/* Chooses what is done next, with all that belongs to it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/checked.h"
#include "support/mirror.h"

#define DEPTH_MAX 6u
#define FAR ((uint64_t)1 << 36) /* bytes: beyond all that a file has */

#define MINORS (1u << 18) /* as many as XFS has */

/* How often each kind is chosen, relative to the others. */
static const unsigned int weights[MIRROR_KINDS] = {
	[MIRROR_CREATE] = 20,	 [MIRROR_OPEN] = 10,	     [MIRROR_CLOSE] = 6,
	[MIRROR_MKDIR] = 12,	 [MIRROR_MKNOD] = 6,	     [MIRROR_SYMLINK] = 8,
	[MIRROR_LINK] = 10,	 [MIRROR_TMPFILE] = 2,	     [MIRROR_UNLINK] = 14,
	[MIRROR_RMDIR] = 8,	 [MIRROR_REMOVE_ALL] = 1,    [MIRROR_RENAME] = 20,
	[MIRROR_CHMOD] = 10,	 [MIRROR_CHOWN] = 8,	     [MIRROR_UTIMENS] = 10,
	[MIRROR_TRUNCATE] = 12,	 [MIRROR_WRITE] = 28,	     [MIRROR_APPEND] = 8,
	[MIRROR_MMAP_WRITE] = 8, [MIRROR_FALLOCATE] = 10,    [MIRROR_COPY] = 8,
	[MIRROR_SETXATTR] = 10,	 [MIRROR_REMOVEXATTR] = 5,   [MIRROR_SETACL] = 4,
	[MIRROR_READ] = 10,	 [MIRROR_MMAP_READ] = 4,     [MIRROR_READLINK] = 2,
	[MIRROR_GETXATTR] = 2,	 [MIRROR_ACCESS] = 3,	     [MIRROR_FSYNC] = 4,
	[MIRROR_LIST] = 4,	 [MIRROR_LIST_CHANGING] = 1,
};

static const char *const attributes[] = {
	"user.a",
	"user.b",
	"trusted.c",
	"security.mirror",
	"user.a.name.that.is.rather.long.for.one",
	"trusted.overlay.opaque",
	"nothing.d",
};

static enum mirror_kind draw_kind(void)
{
	unsigned int total = 0;
	uint64_t left;

	for (size_t i = 0; i < MIRROR_KINDS; i++)
		total += weights[i];
	left = mirror_draw(total);
	for (size_t i = 0; i < MIRROR_KINDS; i++) {
		if (left < weights[i])
			return (enum mirror_kind)i;
		left -= weights[i];
	}
	return MIRROR_LIST;
}

static bool makes_a_node(enum mirror_kind kind)
{
	return kind == MIRROR_CREATE || (kind >= MIRROR_MKDIR && kind <= MIRROR_TMPFILE);
}

static size_t depth_of(const char *path)
{
	size_t depth = 0;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

/* A name that may be there or not. */
static void draw_name(const struct mirror_options *options, char *out, size_t size)
{
	static const char *const odd[] = {
		".hidden",  "-dash", "a b",	    "new\nline",  "\xc3\xa4\xf0\x9f\x98\x80",
		"\xff\xfe", "...",   "back\\slash", "colon:star*"};
	static const char *const cased[] = {"Case", "cASE", "CASE"};
	char longest[300];

	switch (mirror_draw(24)) {
	case 0:
		snprintf(out, size, "%s", odd[mirror_draw(ARRAY_SIZE(odd))]);
		return;
	case 1:
		memset(longest, 'x', sizeof(longest));
		longest[mirror_one_in(4) ? 256 : 255] = '\0';
		snprintf(out, size, "%s", longest);
		return;
	case 2:
		snprintf(out, size, "%s", options->caseless ? "case" : cased[mirror_draw(3)]);
		return;
	case 3:
	case 4:
		snprintf(out, size, "n%u", (unsigned int)mirror_draw(100000));
		return;
	default:
		snprintf(out, size, "%c%u", (char)('a' + mirror_draw(4)),
			 (unsigned int)mirror_draw(12));
		return;
	}
}

static void join(char *out, const char *dir, const char *name)
{
	if (strcmp(dir, ".") == 0)
		snprintf(out, MIRROR_PATH, "%s", name);
	else
		snprintf(out, MIRROR_PATH, "%s/%s", dir, name);
}

/* A place in some directory, where nothing is as a rule. */
static void draw_place(const struct mirror_options *options, char *out)
{
	const char *dir = mirror_paths_dir();
	char name[300];

	for (int i = 0; i < 4 && (depth_of(dir) >= DEPTH_MAX || strlen(dir) > 600); i++)
		dir = mirror_paths_dir();
	if (strlen(dir) > 600)
		dir = ".";
	draw_name(options, name, sizeof(name));
	join(out, dir, name);
}

/* A path that is there as a rule. */
static void draw_path(const struct mirror_options *options, char *out)
{
	const char *path = mirror_one_in(3) ? mirror_paths_hot() : mirror_paths_any();

	if (mirror_one_in(12) || strlen(path) > 900) {
		draw_place(options, out);
		return;
	}
	snprintf(out, MIRROR_PATH, "%s", path);
	switch (mirror_draw(60)) {
	case 0:
		strcat(out, "/");
		break;
	case 1:
		strcat(out, mirror_one_in(2) ? "/." : "/..");
		break;
	case 2:
		strcat(out, "/below");
		break;
	}
}

/* Of a regular file, as a rule. */
static void draw_file(const struct mirror_options *options, char *out)
{
	if (mirror_one_in(3))
		draw_path(options, out);
	else
		snprintf(out, MIRROR_PATH, "%s", mirror_paths_file());
}

static void draw_dir(char *out)
{
	snprintf(out, MIRROR_PATH, "%s",
		 mirror_one_in(20) ? mirror_paths_any() : mirror_paths_dir());
}

static mode_t draw_mode(void)
{
	static const mode_t usual[] = {0644, 0755,  0600,  0666,  0777,
				       0750, 01777, 02775, 04755, 06755};

	if (mirror_one_in(4))
		return (mode_t)mirror_draw(010000);
	return usual[mirror_draw(ARRAY_SIZE(usual))];
}

static uint32_t draw_id(void)
{
	static const uint32_t ids[] = {0, 1000, 1001, 1002, 65534, 123456, 1000, 1001};

	return ids[mirror_draw(ARRAY_SIZE(ids))];
}

static uint64_t draw_len(void)
{
	switch (mirror_draw(20)) {
	case 0:
		return 1 + mirror_draw(MIRROR_DATA);
	case 1:
		return 4096 * (1 + mirror_draw(16));
	case 2:
	case 3:
	case 4:
		return 1 + mirror_draw(65536);
	case 5:
	case 6:
	case 7:
	case 8:
	case 9:
		return 1 + mirror_draw(9000);
	default:
		return 1 + mirror_draw(100);
	}
}

static uint64_t draw_offset(void)
{
	switch (mirror_draw(40)) {
	case 0:
		return FAR + mirror_draw(FAR);
	case 1:
		return mirror_draw((uint64_t)8 << 20);
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
		return 0;
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
		return 4096 * mirror_draw(64);
	default:
		return mirror_draw(mirror_one_in(2) ? 6000 : 300000);
	}
}

/* Not of our own days: see mirror_compare_stat. */
static struct timespec draw_time(void)
{
	struct timespec time = {.tv_nsec = (long)mirror_draw(1000000000)};

	if (mirror_one_in(8))
		time.tv_nsec = mirror_one_in(2) ? UTIME_NOW : UTIME_OMIT;
	switch (mirror_draw(4)) {
	case 0:
		time.tv_sec = (time_t)mirror_draw(2000) - 1000;
		break;
	case 1:
		time.tv_sec = (time_t)mirror_draw(1500000000) + 2500000000;
		break;
	default:
		time.tv_sec = (time_t)mirror_draw(1000000000);
		break;
	}
	return time;
}

static int draw_open_flags(void)
{
	static const int access[] = {O_RDWR, O_RDWR, O_RDWR, O_WRONLY, O_RDONLY};
	int flags = access[mirror_draw(ARRAY_SIZE(access))];

	if (mirror_one_in(4))
		flags |= O_CREAT;
	if (mirror_one_in(16))
		flags |= O_EXCL;
	if (mirror_one_in(8))
		flags |= O_TRUNC;
	if (mirror_one_in(8))
		flags |= O_APPEND;
	if (mirror_one_in(16))
		flags |= O_NOFOLLOW;
	if (mirror_one_in(24))
		flags |= O_DIRECTORY;
	if (mirror_one_in(16))
		flags |= O_SYNC;
	/* O_CREAT with O_DIRECTORY means what it means to the kernel's version, not to a file system */
	if (flags & O_CREAT)
		flags &= ~O_DIRECTORY;
	return flags;
}

/* Targets that stay inside, whichever directory they are read in. */
static void draw_target(const struct mirror_options *options, char *out)
{
	char name[300];

	draw_name(options, name, sizeof(name));
	switch (mirror_draw(8)) {
	case 0:
		snprintf(out, MIRROR_PATH, "/%s", mirror_paths_any());
		break;
	case 1:
		snprintf(out, MIRROR_PATH, "../%s", name);
		break;
	case 2:
		snprintf(out, MIRROR_PATH, "%s", mirror_one_in(2) ? "." : "/");
		break;
	default:
		snprintf(out, MIRROR_PATH, "%s", name);
		break;
	}
}

static void choose_kind(const struct mirror_options *options,
			const struct mirror_abilities *abilities, size_t room,
			struct mirror_action *out)
{
	out->kind = draw_kind();
	if (room == 0 && makes_a_node(out->kind))
		out->kind = mirror_one_in(3) ? MIRROR_REMOVE_ALL : MIRROR_UNLINK;
	if (out->kind == MIRROR_TMPFILE && !abilities->tmpfile)
		out->kind = MIRROR_CREATE;
	if (out->kind == MIRROR_SETACL && !abilities->acl)
		out->kind = MIRROR_CHMOD;
	if (options->users && mirror_one_in(3))
		out->user = 1 + (unsigned int)mirror_draw(MIRROR_USERS - 1);
}

static void choose_new_node(const struct mirror_options *options, struct mirror_action *out)
{
	static const mode_t types[] = {S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK, S_IFREG};

	if (mirror_one_in(10))
		draw_path(options, out->path);
	else
		draw_place(options, out->path);
	out->mode = draw_mode();
	if (out->kind == MIRROR_MKDIR)
		out->mode &= 01777;
	if (out->kind == MIRROR_MKNOD) {
		out->mode = types[mirror_draw(ARRAY_SIZE(types))] | (out->mode & 07777);
		out->rdev = makedev(MIRROR_MAJOR + (unsigned int)mirror_draw(MIRROR_MAJORS),
				    (unsigned int)mirror_draw(MINORS));
	}
	if (out->kind == MIRROR_SYMLINK)
		draw_target(options, out->other);
	if (out->kind == MIRROR_LINK) {
		draw_path(options, out->other);
		out->flags = mirror_one_in(4) ? AT_SYMLINK_FOLLOW : 0;
	}
	if (out->kind == MIRROR_TMPFILE)
		draw_dir(out->other);
	if (out->kind == MIRROR_CREATE) {
		out->flags = O_WRONLY | O_CREAT | (mirror_one_in(3) ? 0 : O_EXCL) |
			     (mirror_one_in(6) ? O_TRUNC : 0);
		out->len = mirror_one_in(2) ? draw_len() : 0;
	}
}

static void choose_rename(const struct mirror_options *options, struct mirror_action *out)
{
	static const int flags[] = {0, 0, 0, 0, 1, 1, 2, 2, 3};

	draw_path(options, out->path);
	if (mirror_one_in(2))
		draw_path(options, out->other);
	else
		draw_place(options, out->other);
	/* into itself */
	if (mirror_one_in(20))
		join(out->other, mirror_paths_dir(), "inside");
	out->flags = flags[mirror_draw(ARRAY_SIZE(flags))];
}

static void choose_data(const struct mirror_options *options,
			const struct mirror_abilities *abilities, struct mirror_action *out)
{
	draw_path(options, out->path);
	out->offset = draw_offset();
	out->len = draw_len();
	if (out->kind == MIRROR_WRITE || out->kind == MIRROR_READ) {
		out->flags = mirror_one_in(20) ? O_SYNC : 0;
		if (abilities->direct && mirror_one_in(12)) {
			out->flags |= O_DIRECT;
			out->offset &= ~(uint64_t)4095;
			out->len = (out->len + 4095) & ~(uint64_t)4095;
		}
	}
	if (out->kind == MIRROR_TRUNCATE) {
		out->flags = abilities->touches_same_size ? 0 : MIRROR_TO_OTHER_SIZE;
		if (mirror_one_in(4))
			out->offset = 0;
	}
	if (out->kind == MIRROR_FALLOCATE) {
		out->flags = abilities->fallocate[mirror_draw(abilities->fallocate_count)];
		if (mirror_one_in(30))
			out->len = 0;
	}
	if (out->kind == MIRROR_COPY) {
		draw_file(options, out->other);
		out->other_offset = draw_offset();
		if (mirror_one_in(6))
			snprintf(out->other, sizeof(out->other), "%s", out->path);
	}
}

static void choose_attributes(const struct mirror_options *options,
			      const struct mirror_abilities *abilities, struct mirror_action *out)
{
	static const int flags[] = {0, 0, 0, XATTR_CREATE, XATTR_REPLACE};

	draw_path(options, out->path);
	out->mode = draw_mode();
	out->flags = mirror_one_in(4) ? AT_SYMLINK_NOFOLLOW : 0;
	switch (out->kind) {
	case MIRROR_CHOWN:
		out->uid = mirror_one_in(4) ? (uid_t)-1 : draw_id();
		/* neither: POSIX leaves it open whether this drops setuid, and FUSE does not hear of it */
		out->gid = out->uid != (uid_t)-1 && mirror_one_in(4) ? (gid_t)-1 : draw_id();
		break;
	case MIRROR_UTIMENS:
		out->times[0] = draw_time();
		out->times[1] = draw_time();
		break;
	case MIRROR_SETACL:
		out->flags = mirror_one_in(3) ? 1 : 0; /* the default one */
		break;
	case MIRROR_SETXATTR:
		out->flags = flags[mirror_draw(ARRAY_SIZE(flags))];
		out->len = mirror_one_in(4) ? 0 : mirror_draw(120);
		__attribute__((fallthrough));
	case MIRROR_REMOVEXATTR:
	case MIRROR_GETXATTR:
		out->name = attributes[mirror_draw(ARRAY_SIZE(attributes))];
		if (!abilities->user_xattr && strncmp(out->name, "user.", 5) == 0)
			out->name = "trusted.c";
		break;
	case MIRROR_ACCESS:
		out->mode = (mode_t)mirror_draw(8);
		break;
	default:
		break;
	}
}

/* Whether this kind takes an open file where it has one. */
static bool takes_handle(enum mirror_kind kind)
{
	switch (kind) {
	case MIRROR_CHMOD:
	case MIRROR_CHOWN:
	case MIRROR_UTIMENS:
	case MIRROR_TRUNCATE:
	case MIRROR_WRITE:
	case MIRROR_APPEND:
	case MIRROR_MMAP_WRITE:
	case MIRROR_FALLOCATE:
	case MIRROR_COPY:
	case MIRROR_SETXATTR:
	case MIRROR_REMOVEXATTR:
	case MIRROR_GETXATTR:
	case MIRROR_SETACL:
	case MIRROR_READ:
	case MIRROR_MMAP_READ:
	case MIRROR_FSYNC:
		return true;
	default:
		return false;
	}
}

void mirror_choose(const struct mirror_options *options, const struct mirror_abilities *abilities,
		   uint64_t number, size_t room, struct mirror_action *out)
{
	static const mode_t masks[] = {022, 0, 077, 027};

	*out = (struct mirror_action){.number = number, .handle = -1};
	choose_kind(options, abilities, room, out);
	out->umask = masks[mirror_draw(ARRAY_SIZE(masks))];
	out->seed = mirror_draw(UINT64_MAX);
	switch (out->kind) {
	case MIRROR_OPEN:
		draw_file(options, out->path);
		out->slot = (int)mirror_draw(MIRROR_HANDLES);
		out->flags = draw_open_flags();
		out->mode = draw_mode();
		break;
	case MIRROR_CLOSE:
		out->slot = (int)mirror_draw(MIRROR_HANDLES);
		break;
	case MIRROR_UNLINK:
	case MIRROR_RMDIR:
		draw_path(options, out->path);
		if (out->kind == MIRROR_RMDIR && !mirror_one_in(4))
			draw_dir(out->path);
		break;
	case MIRROR_REMOVE_ALL:
		draw_dir(out->path);
		if (strcmp(out->path, ".") == 0)
			out->kind = MIRROR_LIST;
		break;
	case MIRROR_LIST:
	case MIRROR_LIST_CHANGING:
		draw_dir(out->path);
		break;
	case MIRROR_RENAME:
		choose_rename(options, out);
		break;
	default:
		if (makes_a_node(out->kind))
			choose_new_node(options, out);
		else if (out->kind >= MIRROR_TRUNCATE && out->kind <= MIRROR_COPY)
			choose_data(options, abilities, out);
		else if (out->kind == MIRROR_READ || out->kind == MIRROR_MMAP_READ)
			choose_data(options, abilities, out);
		else
			choose_attributes(options, abilities, out);
		break;
	}
	if (takes_handle(out->kind) && mirror_one_in(3))
		out->handle = (int)mirror_draw(MIRROR_HANDLES);
	/* in a directory that is open, which may have lost its name */
	if ((out->kind == MIRROR_CREATE || out->kind == MIRROR_MKDIR) && mirror_one_in(16)) {
		out->handle = (int)mirror_draw(MIRROR_HANDLES);
		snprintf(out->path, sizeof(out->path), "h%u", (unsigned int)mirror_draw(50));
	}
}
