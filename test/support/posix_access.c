/* SPDX-License-Identifier: MIT */
/* posix_rules: who may do what, and what becomes of setuid, setgid and sticky bits. */
#include "posix_rules.h"

#include <sys/xattr.h>

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

/* The class of the owner counts for the owner alone, then the group's, then that of all others. */
static void permission_bits_count_by_class(void)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		unsigned int shift;
	} who[] = {{USER, GROUP, 6}, {OTHER, GROUP, 3}, {OTHER, OTHER, 0}};

	works(chown("file", USER, GROUP));
	works(chown("dir", USER, GROUP));
	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
		for (unsigned int bits = 0; bits < 8; bits++) {
			/* All others have exactly what this class has not. */
			mode_t opposite = (~bits & 7) * 0111;
			mode_t mode = (opposite & ~(7u << who[i].shift)) | bits << who[i].shift;

			works(chmod("file", mode));
			works(chmod("dir", mode));
			posix_become(who[i].uid, who[i].gid);
			equals(try_open("file", O_RDONLY) == 0, !!(bits & 4));
			equals(try_open("file", O_WRONLY) == 0, !!(bits & 2));
			equals(faccessat(AT_FDCWD, "file", X_OK, AT_EACCESS) == 0, !!(bits & 1));
			equals(try_open("dir", O_RDONLY | O_DIRECTORY) == 0, !!(bits & 4));
			equals(chdir("dir") == 0 && chdir("..") == 0, !!(bits & 1));
			equals(mkdir("dir/new", 0755) == 0 && rmdir("dir/new") == 0,
			       (bits & 3) == 3);
			posix_become(0, 0);
		}
	}
}

static void root_may_do_all_but_execute_what_nobody_may(void)
{
	works(chmod("file", 0));
	works(chmod("dir", 0));
	works(try_open("file", O_RDWR));
	works(mkdir("dir/new", 0));
	refuses(EACCES, access("file", X_OK));
	works(chmod("file", 0001));
	works(access("file", X_OK));
}

static void modes_are_changed_by_the_owner_alone(void)
{
	posix_become(USER, USER);
	works(chmod("user/file", 0777));
	mode_is("user/file", 0777);
	refuses(EPERM, chmod("file", 0644));
	refuses(EPERM, chmod("sticky/theirs", 0644));
	posix_become(0, 0);
	works(chmod("user/file", 07777));
	mode_is("user/file", 07777);
	works(chmod("dir", 07777));
	mode_is("dir", 07777);
	/* Type bits are not taken. */
	works(chmod("file", S_IFDIR | 0640));
	equals(posix_stat("file").st_mode, S_IFREG | 0640);
}

static void setgid_is_refused_to_those_outside_the_group(void)
{
	works(chown("user/file", USER, GROUP));
	posix_become(USER, USER);
	works(chmod("user/file", 02755));
	mode_is("user/file", 0755);
	posix_become(USER, GROUP);
	works(chmod("user/file", 02755));
	mode_is("user/file", 02755);
}

static void owners_are_changed_by_root_groups_by_members(void)
{
	posix_become(USER, USER);
	refuses(EPERM, chown("user/file", OTHER, (gid_t)-1));
	refuses(EPERM, chown("user/file", (uid_t)-1, OTHER));
	refuses(EPERM, chown("file", USER, (gid_t)-1));
	works(chown("user/file", USER, (gid_t)-1));
	posix_become(0, 0);
	posix_become(USER, GROUP);
	works(chown("user/file", (uid_t)-1, GROUP));
	equals(posix_stat("user/file").st_gid, GROUP);
	equals(posix_stat("user/file").st_uid, USER);
	posix_become(0, 0);
	works(chown("user/file", 4000000000u, 4000000001u));
	equals(posix_stat("user/file").st_uid, 4000000000u);
	equals(posix_stat("user/file").st_gid, 4000000001u);
}

static void chown_follows_links_and_lchown_does_not(void)
{
	works(chown("link", USER, USER));
	equals(posix_stat("file").st_uid, USER);
	equals(posix_stat("link").st_uid, 0);
	works(lchown("link", OTHER, OTHER));
	equals(posix_stat("file").st_uid, USER);
	equals(posix_stat("link").st_uid, OTHER);
}

static void chown_takes_privileges_away(void)
{
	works(chmod("file", 06755));
	works(chown("file", USER, USER));
	mode_is("file", 0755);
	/* Without x for the group, setgid once meant mandatory locking. */
	works(chmod("file", 06745));
	works(chown("file", OTHER, OTHER));
	mode_is("file", 02745);
	works(chmod("dir", 06755));
	works(chown("dir", USER, USER));
	mode_is("dir", 06755);
	works(chmod("user/file", 06755));
	posix_become(USER, GROUP);
	works(chown("user/file", (uid_t)-1, GROUP));
	mode_is("user/file", 0755);
	posix_become(0, 0);
	works(chown("user/file", USER, USER));
	works(chmod("user/file", 02745));
	posix_become(USER, GROUP);
	works(chown("user/file", USER, (gid_t)-1));
	mode_is("user/file", 0745);
}

static void chown_to_nobody_is_a_chown(void)
{
	struct stat before;

	before = posix_stat("file");
	posix_tick();
	works(chown("file", (uid_t)-1, (gid_t)-1));
	times_changed("file", before, CTIME);
	works(chmod("user/file", 06755));
	posix_become(USER, USER);
	works(chown("user/file", (uid_t)-1, (gid_t)-1));
	mode_is("user/file", 0755);
	before = posix_stat("dir");
	posix_tick();
	works(chown("dir", (uid_t)-1, (gid_t)-1));
	times_changed("dir", before, CTIME);
}

static int write_one(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags);

	if (fd < 0)
		return -1;
	if (write(fd, "x", 1) != 1) {
		close(fd);
		return -1;
	}
	return close(fd);
}

static int punch(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2) < 0)
		return -1;
	return close(fd);
}

static void writing_takes_privileges_away(void)
{
	for (int i = 0; i < 4; i++) {
		works(chmod("file", 06777));
		posix_become(USER, USER);
		switch (i) {
		case 0:
			works(write_one("file", 0));
			break;
		case 1:
			works(truncate("file", 3));
			break;
		case 2:
			works(try_open("file", O_WRONLY | O_TRUNC));
			break;
		default:
			works(punch("file"));
			break;
		}
		posix_become(0, 0);
		mode_is("file", 0777);
	}
	works(chmod("file", 06777));
	works(write_one("file", 0));
	mode_is("file", 06777);
	/* Not a program of a group that the writer belongs to */
	works(chmod("file", 02767));
	posix_become(USER, 0);
	works(write_one("file", O_APPEND));
	mode_is("file", 02767);
	posix_become(USER, USER);
	works(write_one("file", O_APPEND));
	mode_is("file", 0767);
}

static void writing_takes_capabilities_away(void)
{
	/* Revision 2, cap_net_raw=ep */
	static const unsigned char value[20] = {1, 0, 0, 2, 0, 0x20};

	if (setxattr("file", "security.capability", value, sizeof(value), 0) < 0)
		posix_skip("no capabilities of files");
	works(chmod("file", 0777));
	equals(getxattr("file", "security.capability", NULL, 0), 20);
	works(write_one("file", 0));
	refuses(ENODATA, getxattr("file", "security.capability", NULL, 0));
	works(setxattr("file", "security.capability", value, sizeof(value), 0));
	works(chown("file", USER, USER));
	refuses(ENODATA, getxattr("file", "security.capability", NULL, 0));
}

static void new_nodes_belong_to_their_maker(void)
{
	works(chmod(".", 0777));
	posix_become(USER, GROUP);
	umask(027);
	works(posix_make("new", "", 0666));
	works(mkdir("sub", 0777));
	works(mkfifo("pipe", 0666));
	works(symlink("x", "sym"));
	umask(0);
	mode_is("new", 0640);
	mode_is("sub", 0750);
	mode_is("pipe", 0640);
	equals(posix_stat("new").st_uid, USER);
	equals(posix_stat("new").st_gid, GROUP);
	equals(posix_stat("sub").st_gid, GROUP);
	equals(posix_stat("sym").st_uid, USER);
	equals(posix_stat("sym").st_mode, S_IFLNK | 0777);
}

static void setgid_directory_gives_its_group(void)
{
	works(chown("dir", 0, GROUP));
	works(chmod("dir", 02777));
	posix_become(USER, USER);
	works(posix_make("dir/new", "", 0644));
	works(mkdir("dir/sub", 0755));
	works(mkdir("dir/sub/below", 0755));
	works(symlink("x", "dir/sym"));
	equals(posix_stat("dir/new").st_gid, GROUP);
	equals(posix_stat("dir/sub").st_gid, GROUP);
	equals(posix_stat("dir/sub/below").st_gid, GROUP);
	equals(posix_stat("dir/sym").st_gid, GROUP);
	mode_is("dir/new", 0644);
	mode_is("dir/sub", 02755);
	mode_is("dir/sub/below", 02755);
	/* Who is not in the group cannot make a program that acts for it. */
	works(posix_make("dir/program", "", 02755));
	mode_is("dir/program", 0755);
	posix_become(0, 0);
	works(posix_make("dir/roots", "", 02755));
	mode_is("dir/roots", 02755);
}

static void sticky_directory_keeps_what_others_own(void)
{
	posix_become(USER, USER);
	refuses(EPERM, unlink("sticky/theirs"));
	refuses(EPERM, rmdir("sticky/dir"));
	refuses(EPERM, rename("sticky/theirs", "sticky/new"));
	refuses(EPERM, rename("sticky/theirs", "user/new"));
	refuses(EPERM, rename("sticky/mine", "sticky/theirs"));
	refuses(EPERM, rename("user/file", "sticky/theirs"));
	refuses(EPERM,
		renameat2(AT_FDCWD, "sticky/mine", AT_FDCWD, "sticky/theirs", RENAME_EXCHANGE));
	works(posix_make("sticky/new", "", 0644));
	works(rename("sticky/new", "sticky/mine"));
	works(unlink("sticky/mine"));
	posix_become(0, 0);
	works(chown("sticky", USER, USER));
	posix_become(USER, USER);
	works(unlink("sticky/theirs"));
	works(rmdir("sticky/dir"));
}

static int utimens(const char *path, long atime, long mtime)
{
	struct timespec times[2] = {{1000000000, atime}, {1000000000, mtime}};

	return utimensat(AT_FDCWD, path, times, 0);
}

static void times_are_set_by_the_owner_and_touched_by_writers(void)
{
	works(chmod("file", 0666));
	posix_become(USER, USER);
	works(utimensat(AT_FDCWD, "file", NULL, 0));
	works(utimens("file", UTIME_NOW, UTIME_NOW));
	works(utimens("file", UTIME_OMIT, UTIME_OMIT));
	works(utimens("other", UTIME_OMIT, UTIME_OMIT));
	refuses(EPERM, utimens("file", 5, 5));
	refuses(EPERM, utimens("file", UTIME_NOW, UTIME_OMIT));
	refuses(EPERM, utimens("file", UTIME_OMIT, UTIME_NOW));
	refuses(EACCES, utimens("other", UTIME_NOW, UTIME_NOW));
	refuses(EPERM, utimens("other", 5, 5));
	works(utimens("user/file", 5, 5));
	works(chmod("user/file", 0444));
	works(utimens("user/file", UTIME_NOW, UTIME_NOW));
}

static void truncating_needs_w(void)
{
	posix_become(USER, USER);
	refuses(EACCES, truncate("file", 0));
	works(truncate("user/file", 2));
	works(chmod("user/file", 0444));
	refuses(EACCES, truncate("user/file", 0));
	equals(posix_stat("user/file").st_size, 2);
	/* Whoever makes a file may write to it, whatever its mode says. */
	int fd = works(open("user/locked", O_RDWR | O_CREAT | O_EXCL, 0));
	equals(write(fd, "abc", 3), 3);
	works(ftruncate(fd, 1));
	works(close(fd));
	refuses(EACCES, try_open("user/locked", O_RDONLY));
	refuses(EACCES, try_open("user/locked", O_RDWR | O_CREAT));
}

static void directories_are_not_linked(void)
{
	refuses(EPERM, link("dir", "new"));
	posix_become(USER, USER);
	works(link("user/file", "user/new"));
	equals(posix_stat("user/file").st_nlink, 2);
}

/* An entry: tag, permissions, id. */
struct acl_entry {
	uint16_t tag;
	uint16_t permissions;
	uint32_t id;
};
struct acl {
	uint32_t version;
	struct acl_entry entries[5];
};

static void access_lists_let_in_and_keep_out(void)
{
	struct acl acl = {2, {{1, 6, ~0u}, {2, 6, USER}, {4, 4, ~0u}, {16, 6, ~0u}, {32, 4, ~0u}}};

	if (setxattr("file", "system.posix_acl_access", &acl, sizeof(acl), 0) < 0)
		posix_skip("no access control lists");
	mode_is("file", 0664);
	posix_become(USER, USER);
	works(try_open("file", O_RDWR));
	posix_become(OTHER, OTHER);
	works(try_open("file", O_RDONLY));
	refuses(EACCES, try_open("file", O_WRONLY));
	posix_become(0, 0);
	acl.entries[1].permissions = 0;
	works(setxattr("file", "system.posix_acl_access", &acl, sizeof(acl), 0));
	posix_become(USER, USER);
	refuses(EACCES, try_open("file", O_RDONLY));
	posix_become(0, 0);
	/* The group's bits are the mask. */
	works(chmod("file", 0604));
	equals(getxattr("file", "system.posix_acl_access", &acl, sizeof(acl)), sizeof(acl));
	equals(acl.entries[3].permissions, 0);
	works(removexattr("file", "system.posix_acl_access"));
	refuses(ENODATA, getxattr("file", "system.posix_acl_access", NULL, 0));
	mode_is("file", 0604);
}

static void default_access_lists_are_inherited(void)
{
	struct acl acl = {2, {{1, 7, ~0u}, {2, 7, USER}, {4, 5, ~0u}, {16, 7, ~0u}, {32, 0, ~0u}}};

	if (setxattr("dir", "system.posix_acl_default", &acl, sizeof(acl), 0) < 0)
		posix_skip("no access control lists");
	umask(077);
	works(posix_make("dir/new", "", 0666));
	works(mkdir("dir/sub", 0777));
	umask(0);
	mode_is("dir/new", 0660);
	mode_is("dir/sub", 0770);
	equals(getxattr("dir/new", "system.posix_acl_access", &acl, sizeof(acl)), sizeof(acl));
	equals(acl.entries[1].id, USER);
	equals(acl.entries[3].permissions, 6);
	equals(getxattr("dir/sub", "system.posix_acl_default", NULL, 0), sizeof(acl));
	refuses(ENODATA, getxattr("dir/new", "system.posix_acl_default", NULL, 0));
	refuses(EACCES, setxattr("file", "system.posix_acl_default", &acl, sizeof(acl), 0));
	posix_become(USER, USER);
	works(try_open("dir/new", O_RDWR));
}

const struct posix_rule posix_access_rules[] = {
	RULE(permission_bits_count_by_class),
	RULE(root_may_do_all_but_execute_what_nobody_may),
	RULE(modes_are_changed_by_the_owner_alone),
	RULE(setgid_is_refused_to_those_outside_the_group),
	RULE(owners_are_changed_by_root_groups_by_members),
	RULE(chown_follows_links_and_lchown_does_not),
	RULE(chown_takes_privileges_away),
	RULE(chown_to_nobody_is_a_chown),
	RULE(writing_takes_privileges_away),
	RULE(writing_takes_capabilities_away),
	RULE(new_nodes_belong_to_their_maker),
	RULE(setgid_directory_gives_its_group),
	RULE(sticky_directory_keeps_what_others_own),
	RULE(times_are_set_by_the_owner_and_touched_by_writers),
	RULE(truncating_needs_w),
	RULE(directories_are_not_linked),
	RULE(access_lists_let_in_and_keep_out),
	RULE(default_access_lists_are_inherited),
	{NULL, NULL, 0},
};
