/* SPDX-License-Identifier: MIT */
/* posix_record: extended attributes and their limits, access lists and what they let in, and times. */
#include "posix_record.h"

#include <sys/xattr.h>
#include <time.h>

static void say_list(const char *path)
{
	char list[4096];
	ssize_t len = listxattr(path, list, sizeof(list));

	/* their order is nobody's business */
	record_say(" [");
	for (char first = 'a'; first <= 'z'; first++) {
		for (ssize_t at = 0; at < len; at += (ssize_t)strlen(list + at) + 1) {
			const char *dot = strrchr(list + at, '.');

			if (dot && dot[1] == first)
				record_say(" %s", record_short(list + at));
		}
	}
	record_say(" ]");
}

static void limits(void)
{
	static char value[70000], name[300];

	for (size_t len = 0; len < 70000; len = len ? len * 2 + 1 : 1) {
		record_begin(&record_root, "attribute of %zu bytes", len);
		memset(value, 'v', sizeof(value));
		say_call("set", setxattr("file", "user.big", value, len, 0));
		say_call("get", getxattr("file", "user.big", value, sizeof(value)));
		say_call("dir", setxattr("dir", "user.big", value, len, 0));
		record_end();
	}
	for (size_t len = 4; len < 260; len += len < 246 ? 33 : 1) {
		record_begin(&record_root, "attribute with a name of %zu bytes", len);
		memset(name, 'n', sizeof(name));
		memcpy(name, "user.", 5);
		name[len] = 0;
		say_call("set", setxattr("file", name, "x", 1, 0));
		say_call("get", getxattr("file", name, NULL, 0));
		say_call("remove", removexattr("file", name));
		record_end();
	}
}

static void rules(void)
{
	static const char *const names[] = {
		"user.a",
		"user.",
		"user",
		"",
		"trusted.a",
		"security.a",
		"security.capability",
		"system.a",
		"system.posix_acl_access",
		"system.posix_acl_default",
		"other.a",
		"a",
		"security.selinux",
		"security.ima",
		"btrfs.x",
		"system.nfs4_acl",
		"user.bramble.server",
	};
	static const char *const on[] = {"file", "dir",	 "link",   "fifo",
					 "chr",	 "sock", "sticky", "sticky/f"};
	char buf[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t j = 0; j < sizeof(on) / sizeof(on[0]); j++) {
			for (size_t k = 0; k < record_people_count; k++) {
				record_begin(&record_people[k], "attribute '%s' of %s", names[i],
					     on[j]);
				say_call("get", lgetxattr(on[j], names[i], buf, sizeof(buf)));
				say_call("replace",
					 lsetxattr(on[j], names[i], "v", 1, XATTR_REPLACE));
				say_call("create",
					 lsetxattr(on[j], names[i], "val", 3, XATTR_CREATE));
				say_call("create",
					 lsetxattr(on[j], names[i], "val", 3, XATTR_CREATE));
				say_call("both", lsetxattr(on[j], names[i], "v", 1,
							   XATTR_CREATE | XATTR_REPLACE));
				say_call("flags", lsetxattr(on[j], names[i], "v", 1, 8));
				say_call("set", lsetxattr(on[j], names[i], "value", 5, 0));
				say_call("get", lgetxattr(on[j], names[i], buf, sizeof(buf)));
				say_call("short", lgetxattr(on[j], names[i], buf, 2));
				say_call("list", llistxattr(on[j], NULL, 0));
				say_call("list3", llistxattr(on[j], buf, 3));
				say_call("remove", lremovexattr(on[j], names[i]));
				say_call("again", lremovexattr(on[j], names[i]));
				record_end();
			}
		}
	}
	record_begin(&record_root, "many attributes");
	for (int i = 0; i < 400; i++) {
		snprintf(buf, sizeof(buf), "user.name-%d", i);
		if (setxattr("file", buf, buf, 8, 0) < 0) {
			record_say(" %s", strerrorname_np(errno));
			break;
		}
	}
	record_end();
	record_begin(&record_root, "lists of attributes");
	say_call("set", setxattr("file", "user.b", "1", 1, 0));
	say_call("set", setxattr("file", "user.a", "", 0, 0));
	say_call("set", setxattr("file", "trusted.c", "1", 1, 0));
	say_call("size", listxattr("file", NULL, 0));
	say_call("rename", rename("file", "full/in"));
	say_call("size", listxattr("full/in", NULL, 0));
	say_call("link", link("full/in", "dir/in"));
	say_call("remove", removexattr("dir/in", "user.b"));
	say_list("full/in");
	record_become(&record_people[1]);
	say_call("size", listxattr("full/in", NULL, 0));
	say_list("full/in");
	record_end();
}

/* An access list in the kernel's form: tag, permissions, id. */
struct entry {
	uint16_t tag, permissions;
	uint32_t id;
};
struct list {
	uint32_t version;
	struct entry entries[8];
};
#define LIST_SIZE(count) (4 + 8 * (size_t)(count))
#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define NONE (~0u)

static void say_acl(const char *path, const char *name)
{
	struct list list;
	ssize_t len = getxattr(path, name, &list, sizeof(list));

	record_say(" {");
	if (len < 0)
		record_say("%s", strerrorname_np(errno));
	for (ssize_t i = 0; i < (len - 4) / 8; i++)
		record_say("%s%x:%x:%d", i ? " " : "", list.entries[i].tag,
			   list.entries[i].permissions, (int)list.entries[i].id);
	record_say("}");
}

static const struct {
	const char *name;
	size_t count;
	struct list list;
} lists[] = {
	{"minimal", 3, {2, {{1, 6, NONE}, {4, 2, NONE}, {32, 4, NONE}}}},
	{"user", 5, {2, {{1, 6, NONE}, {2, 6, OTHER}, {4, 0, NONE}, {16, 6, NONE}, {32, 0, NONE}}}},
	{"masked",
	 5,
	 {2, {{1, 7, NONE}, {2, 7, OTHER}, {4, 7, NONE}, {16, 1, NONE}, {32, 0, NONE}}}},
	{"group",
	 5,
	 {2, {{1, 7, NONE}, {4, 0, NONE}, {8, 7, OTHER}, {16, 5, NONE}, {32, 0, NONE}}}},
	{"groups",
	 6,
	 {2,
	  {{1, 7, NONE},
	   {4, 1, NONE},
	   {8, 6, GROUP},
	   {8, 3, OTHER},
	   {16, 7, NONE},
	   {32, 0, NONE}}}},
	{"users",
	 6,
	 {2,
	  {{1, 0, NONE},
	   {2, 7, OWNER},
	   {2, 1, OTHER},
	   {4, 7, NONE},
	   {16, 7, NONE},
	   {32, 7, NONE}}}},
	{"no mask", 4, {2, {{1, 7, NONE}, {2, 7, OWNER}, {4, 7, NONE}, {32, 7, NONE}}}},
	{"no owner", 2, {2, {{4, 7, NONE}, {32, 7, NONE}}}},
	{"unsorted", 3, {2, {{32, 6, NONE}, {4, 2, NONE}, {1, 4, NONE}}}},
	{"users unsorted",
	 6,
	 {2,
	  {{1, 7, NONE},
	   {2, 7, OTHER},
	   {2, 1, OWNER},
	   {4, 7, NONE},
	   {16, 7, NONE},
	   {32, 7, NONE}}}},
	{"twice",
	 6,
	 {2,
	  {{1, 7, NONE},
	   {2, 7, OTHER},
	   {2, 1, OTHER},
	   {4, 7, NONE},
	   {16, 7, NONE},
	   {32, 7, NONE}}}},
	{"bits", 3, {2, {{1, 15, NONE}, {4, 2, NONE}, {32, 4, NONE}}}},
	{"tag", 3, {2, {{1, 7, NONE}, {4, 2, NONE}, {64, 4, NONE}}}},
	{"version", 3, {1, {{1, 7, NONE}, {4, 2, NONE}, {32, 4, NONE}}}},
	{"empty", 0, {2, {{0, 0, 0}}}},
	{"mask alone", 4, {2, {{1, 7, NONE}, {4, 7, NONE}, {16, 4, NONE}, {32, 4, NONE}}}},
};

static void make_below(const char *path)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "%s/f", path);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	close(fd);
	say_acl(name, ACCESS);
	snprintf(name, sizeof(name), "%s/d", path);
	say_call("mkdir", mkdir(name, 0777));
	say_acl(name, ACCESS);
	say_acl(name, DEFAULT);
	snprintf(name, sizeof(name), "%s/d/e", path);
	say_call("mkdir", mkdir(name, 0700));
	say_acl(name, ACCESS);
	snprintf(name, sizeof(name), "%s/p", path);
	say_call("mkfifo", mkfifo(name, 0606));
	say_acl(name, ACCESS);
	snprintf(name, sizeof(name), "%s/l", path);
	say_call("symlink", symlink("x", name));
}

static void access_lists(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		size_t size = LIST_SIZE(lists[i].count);

		for (size_t k = 0; k < record_people_count; k++) {
			record_begin(&record_root, "access list %s as %s", lists[i].name,
				     record_people[k].name);
			record_become(&record_people[k]);
			say_call("file", setxattr("file", ACCESS, &lists[i].list, size, 0));
			say_call("dir", setxattr("dir", ACCESS, &lists[i].list, size, 0));
			say_call("default", setxattr("dir", DEFAULT, &lists[i].list, size, 0));
			say_call("no dir", setxattr("file", DEFAULT, &lists[i].list, size, 0));
			say_call("link", lsetxattr("link", ACCESS, &lists[i].list, size, 0));
			say_acl("file", ACCESS);
			say_acl("dir", DEFAULT);
			say_list("dir");
			record_end();
		}
		if (i >= 6)
			continue;
		for (size_t k = 0; k < record_people_count; k++) {
			record_begin(&record_root, "let in by access list %s: %s", lists[i].name,
				     record_people[k].name);
			setxattr("file", ACCESS, &lists[i].list, size, 0);
			setxattr("dir", ACCESS, &lists[i].list, size, 0);
			record_become(&record_people[k]);
			say_call("r", faccessat(AT_FDCWD, "file", R_OK, AT_EACCESS));
			say_call("w", faccessat(AT_FDCWD, "file", W_OK, AT_EACCESS));
			say_call("x", faccessat(AT_FDCWD, "file", X_OK, AT_EACCESS));
			say_call("open", open("file", O_RDWR | O_CLOEXEC) < 0 ? -1 : 0);
			say_call("mkdir", mkdir("dir/new", 0755));
			say_call("chdir", chdir("dir"));
			record_end();
		}
		for (unsigned int mask = 0; mask < 2; mask++) {
			record_begin(&record_root, "inherited from access list %s", lists[i].name);
			setxattr("dir", DEFAULT, &lists[i].list, size, 0);
			umask(mask ? 077 : 0);
			make_below("dir");
			umask(0);
			record_end();
		}
		record_begin(&record_root, "modes and access list %s", lists[i].name);
		for (unsigned int j = 0; j < 5; j++) {
			setxattr("file", ACCESS, &lists[i].list, size, 0);
			chmod("file", (mode_t[]){0, 0777, 0640, 06711, 0604}[j]);
			say_acl("file", ACCESS);
		}
		say_call("chown", chown("file", OTHER, OTHER));
		say_acl("file", ACCESS);
		say_call("remove", removexattr("file", ACCESS));
		say_acl("file", ACCESS);
		say_call("remove", removexattr("file", ACCESS));
		say_call("nothing", setxattr("file", ACCESS, "", 0, 0));
		say_call("no dir", removexattr("file", DEFAULT));
		say_call("none", removexattr("dir", DEFAULT));
		record_end();
	}
	for (unsigned int i = 0; i < 4; i++) {
		record_begin(&record_root, "setgid and access lists, owner %u", i);
		chown("file", OWNER, i & 1 ? OWNER : OTHER);
		chmod("file", 06777);
		record_tick();
		record_become(&record_people[i & 2 ? 0 : 1]);
		say_call("set", setxattr("file", ACCESS, &lists[0].list, LIST_SIZE(3), 0));
		record_end();
	}
}

void record_attributes(void)
{
	limits();
	rules();
	access_lists();
}

void record_times(void)
{
	static const long long seconds[] = {
		0,
		1,
		-1,
		-2,
		1000000000,
		INT32_MAX,
		INT32_MAX + 1LL,
		UINT32_MAX,
		UINT32_MAX + 1LL,
		INT32_MIN,
		INT32_MIN - 1LL,
		15032385535,
		15032385536,
		-62135596800,
		INT64_MAX,
		INT64_MIN,
	};
	static const long nanoseconds[] = {0, 1, 999999999, 123456789, 1000000000, -1};
	struct stat st;

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		record_begin(&record_root, "time %lld", seconds[i]);
		for (size_t j = 0; j < sizeof(nanoseconds) / sizeof(nanoseconds[0]); j++) {
			struct timespec times[2] = {{seconds[i], nanoseconds[j]},
						    {seconds[i], nanoseconds[j]}};

			say_call("set", utimensat(AT_FDCWD, "file", times, 0));
			stat("file", &st);
			record_say(" %lld.%09ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
			say_call("link", utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
			say_call("dir", utimensat(AT_FDCWD, "dir", times, 0));
		}
		record_end();
	}
	for (unsigned int i = 0; i < 3; i++) {
		struct statx stx;
		const char *path = (const char *[]){"file", "dir", "link"}[i];

		record_begin(&record_root, "statx of %s", path);
		say_call("is", statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW,
				     STATX_BASIC_STATS | STATX_BTIME, &stx));
		record_say(" mask %x blksize %u", stx.stx_mask & (STATX_BASIC_STATS | STATX_BTIME),
			   stx.stx_blksize);
		record_end();
	}
}
