/* SPDX-License-Identifier: MIT */
/* posix_rules: which call is refused with which error, and that it then changes nothing. */
#include "posix_rules.h"

#include <dirent.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define LONG_PATH 4096 /* PATH_MAX, with the NUL */

/* Each call with one path ------------------------------------------------------------------- */

static int call_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -1 : close(fd);
}

static int call_creat(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd < 0 ? -1 : close(fd);
}

static int call_mkdir(const char *path)
{
	return mkdir(path, 0755);
}

static int call_mkfifo(const char *path)
{
	return mkfifo(path, 0644);
}

static int call_mknod(const char *path)
{
	return mknod(path, S_IFSOCK | 0644, 0);
}

static int call_symlink(const char *path)
{
	return symlink("target", path);
}

static int call_link_to(const char *path)
{
	return link("file", path);
}

static int call_rename_to(const char *path)
{
	return rename("file", path);
}

static int call_link_from(const char *path)
{
	return link(path, "linked");
}

static int call_rename_from(const char *path)
{
	return rename(path, "renamed");
}

static int call_chmod(const char *path)
{
	return chmod(path, 0600);
}

static int call_chown(const char *path)
{
	return chown(path, 0, 0);
}

static int call_lchown(const char *path)
{
	return lchown(path, 0, 0);
}

static int call_truncate(const char *path)
{
	return truncate(path, 5);
}

static int call_utimens(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, 0);
}

static int call_stat(const char *path)
{
	struct stat st;

	return stat(path, &st);
}

static int call_lstat(const char *path)
{
	struct stat st;

	return lstat(path, &st);
}

static int call_access(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS);
}

static int call_readlink(const char *path)
{
	char buf[16];

	return readlink(path, buf, sizeof(buf)) < 0 ? -1 : 0;
}

static int call_opendir(const char *path)
{
	DIR *dir = opendir(path);

	return dir ? closedir(dir) : -1;
}

static int call_statfs(const char *path)
{
	struct statfs st;

	return statfs(path, &st);
}

static int call_setxattr(const char *path)
{
	return setxattr(path, "user.note", "x", 1, 0);
}

static int call_listxattr(const char *path)
{
	return listxattr(path, NULL, 0) < 0 ? -1 : 0;
}

/* The last component: it is to be made, it is followed if it is a symbolic link, or it is not. */
enum last {
	MADE,
	FOLLOWED,
	TAKEN,
};

static const struct {
	const char *name;
	int (*call)(const char *path);
	enum last last;
} calls[] = {
	{"open", call_open, FOLLOWED},
	{"open(O_CREAT|O_EXCL)", call_creat, MADE},
	{"mkdir", call_mkdir, MADE},
	{"mkfifo", call_mkfifo, MADE},
	{"mknod", call_mknod, MADE},
	{"symlink", call_symlink, MADE},
	{"link to", call_link_to, MADE},
	{"rename to", call_rename_to, MADE},
	{"link from", call_link_from, TAKEN},
	{"rename from", call_rename_from, TAKEN},
	{"unlink", unlink, TAKEN},
	{"rmdir", rmdir, TAKEN},
	{"chmod", call_chmod, FOLLOWED},
	{"chown", call_chown, FOLLOWED},
	{"lchown", call_lchown, TAKEN},
	{"truncate", call_truncate, FOLLOWED},
	{"utimensat", call_utimens, FOLLOWED},
	{"stat", call_stat, FOLLOWED},
	{"lstat", call_lstat, TAKEN},
	{"access", call_access, FOLLOWED},
	{"readlink", call_readlink, TAKEN},
	{"opendir", call_opendir, FOLLOWED},
	{"statfs", call_statfs, FOLLOWED},
	{"chdir", chdir, FOLLOWED},
	{"setxattr", call_setxattr, FOLLOWED},
	{"listxattr", call_listxattr, FOLLOWED},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* All calls that @wanted (or any) must fail with @error. */
static void all_refuse(int error, const char *path, bool (*wanted)(enum last last))
{
	for (size_t i = 0; i < CALLS; i++) {
		if (wanted && !wanted(calls[i].last))
			continue;
		errno = 0;
		if (calls[i].call(path) >= 0)
			wrong("%s(%.40s) succeeds, instead of %s", calls[i].name, path,
			      strerrorname_np(error));
		else if (errno != error)
			wrong("%s(%.40s): %s, instead of %s", calls[i].name, path,
			      strerrorname_np(errno), strerrorname_np(error));
	}
}

static bool is_made(enum last last)
{
	return last == MADE;
}

static bool is_not_made(enum last last)
{
	return last != MADE;
}

static bool is_followed(enum last last)
{
	return last == FOLLOWED;
}

static void longest_names_are_taken_and_longer_ones_refused(void)
{
	long most = pathconf(".", _PC_NAME_MAX);
	char name[2048] = "";

	if (most < 255 || most > 1024) {
		wrong("NAME_MAX is %ld", most);
		return;
	}
	memset(name, 'n', 255);
	for (size_t i = 0; i < CALLS; i++) {
		if (calls[i].last != MADE)
			continue;
		if (calls[i].call(name) < 0)
			wrong("%s of 255 bytes: %s", calls[i].name, strerror(errno));
		else if (!posix_exists(name))
			wrong("%s of 255 bytes: it is not there", calls[i].name);
		if (calls[i].call == call_rename_to)
			works(rename(name, "file"));
		else if (calls[i].call == call_mkdir)
			works(rmdir(name));
		else
			works(unlink(name));
	}
	memset(name, 'n', (size_t)most + 1);
	all_refuse(ENAMETOOLONG, name, NULL);
	strcat(name, "/x");
	all_refuse(ENAMETOOLONG, name, NULL);
}

static void paths_of_path_max_are_too_long(void)
{
	char path[LONG_PATH + 1];

	for (size_t i = 0; i < LONG_PATH; i++)
		path[i] = i % 2 ? '/' : '.';
	memcpy(path + LONG_PATH - 4, "file", 5);
	all_refuse(ENAMETOOLONG, path, NULL);
	works(call_stat(path + 2));
}

static void empty_path_names_nothing(void)
{
	all_refuse(ENOENT, "", NULL);
}

static void missing_names_are_not_found(void)
{
	all_refuse(ENOENT, "absent", is_not_made);
	all_refuse(ENOENT, "absent/x", NULL);
	all_refuse(ENOENT, "dangling/x", NULL);
	all_refuse(ENOENT, "dangling", is_followed);
}

static void path_through_a_file_is_no_directory(void)
{
	all_refuse(ENOTDIR, "file/x", NULL);
	all_refuse(ENOTDIR, "link/x", NULL);
	all_refuse(ENOTDIR, "fifo/x", NULL);
	refuses(ENOTDIR, chdir("file"));
	refuses(ENOTDIR, call_opendir("file"));
	refuses(ENOTDIR, call_stat("file/"));
	refuses(ENOTDIR, unlink("file/"));
	refuses(ENOTDIR, rename("file", "new/"));
}

static void circle_of_links_is_a_loop(void)
{
	all_refuse(ELOOP, "loop/x", NULL);
	all_refuse(ELOOP, "loop", is_followed);
	works(unlink("loop"));
	works(symlink("b", "a"));
	works(symlink("a", "b"));
	refuses(ELOOP, call_stat("a"));
}

static void names_that_are_there_are_not_made_again(void)
{
	static const char *const there[] = {"other",	"dir",	"full", "link",
					    "dangling", "fifo", "."};
	struct stat before;

	posix_tick();
	before = posix_stat(".");
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		for (size_t j = 0; j < CALLS; j++) {
			if (calls[j].last != MADE || calls[j].call == call_rename_to)
				continue;
			errno = 0;
			if (calls[j].call(there[i]) >= 0 || errno != EEXIST)
				wrong("%s(%s): %s", calls[j].name, there[i], strerror(errno));
		}
	}
	times_changed(".", before, 0);
}

static void directory_without_x_is_closed(void)
{
	works(chmod("full", 0666));
	works(chown("file", USER, USER));
	posix_become(USER, USER);
	all_refuse(EACCES, "full/inner", is_not_made);
	all_refuse(EACCES, "full/new", is_made);
	works(call_opendir("full"));
}

static void directory_without_w_takes_and_gives_nothing(void)
{
	struct stat before;

	works(chown(".", USER, USER));
	works(chown("file", USER, USER));
	works(chown("full/inner", USER, USER));
	works(mkdir("full/sub", 0777));
	works(chown("full/sub", USER, USER));
	posix_tick();
	before = posix_stat("full");
	posix_become(USER, USER);
	for (size_t i = 0; i < CALLS; i++) {
		if (calls[i].last == MADE)
			refuses(EACCES, calls[i].call("full/new"));
	}
	refuses(EACCES, unlink("full/inner"));
	refuses(EACCES, rmdir("full/sub"));
	refuses(EACCES, rename("full/inner", "moved"));
	refuses(EACCES, rename("full/inner", "full/moved"));
	refuses(EACCES, rename("file", "full/inner"));
	refuses(EACCES, renameat2(AT_FDCWD, "file", AT_FDCWD, "full/inner", RENAME_EXCHANGE));
	times_changed("full", before, 0);
	/* A directory that is moved gets another "..": it must be writable itself. */
	posix_become(0, 0);
	works(chmod("full", 0777));
	works(chown("full/sub", OTHER, OTHER));
	works(chmod("full/sub", 0555));
	posix_become(USER, USER);
	refuses(EACCES, rename("full/sub", "user/sub"));
	works(rename("full/sub", "full/renamed"));
}

static void directories_are_removed_by_rmdir_alone(void)
{
	struct stat before;

	posix_tick();
	before = posix_stat(".");
	refuses(EISDIR, unlink("dir"));
	refuses(EISDIR, unlink("full"));
	refuses(ENOTDIR, rmdir("file"));
	refuses(ENOTDIR, rmdir("link"));
	refuses(ENOTDIR, rmdir("fifo"));
	refuses(ENOTEMPTY, rmdir("full"));
	refuses(EINVAL, rmdir("dir/."));
	refuses(ENOTEMPTY, rmdir("dir/.."));
	times_changed(".", before, 0);
	works(symlink("dir", "to-dir"));
	refuses(ENOTDIR, rmdir("to-dir"));
	works(unlink("to-dir"));
	works(unlink("full/inner"));
	works(rmdir("full"));
	works(rmdir("dir/"));
	equals(posix_exists("dir"), false);
}

static void failures_change_no_times(void)
{
	struct stat parent, file, full;

	posix_tick();
	parent = posix_stat(".");
	file = posix_stat("file");
	full = posix_stat("full");
	refuses(ENOTEMPTY, rmdir("full"));
	refuses(ENOENT, unlink("absent"));
	refuses(ENOENT, rename("absent", "file"));
	refuses(EISDIR, rename("file", "dir"));
	refuses(ENOTDIR, rename("dir", "file"));
	refuses(ENOTEMPTY, rename("dir", "full"));
	refuses(EPERM, link("dir", "linked"));
	refuses(EINVAL, truncate("file", -1));
	refuses(ENODATA, removexattr("file", "user.absent"));
	posix_become(USER, USER);
	refuses(EPERM, chmod("file", 0777));
	refuses(EPERM, chown("file", USER, USER));
	refuses(EACCES, truncate("file", 0));
	refuses(EACCES, utimensat(AT_FDCWD, "file", NULL, 0));
	refuses(EACCES, setxattr("file", "user.x", "x", 1, 0));
	refuses(EACCES, open("file", O_WRONLY | O_TRUNC));
	times_changed(".", parent, 0);
	times_changed("file", file, 0);
	times_changed("full", full, 0);
	equals(posix_stat("file").st_size, 10);
}

static void renames_that_make_no_sense_are_refused(void)
{
	works(mkdir("full/sub", 0755));
	refuses(EINVAL, rename("full", "full/new"));
	refuses(EINVAL, rename("full", "full/sub/new"));
	refuses(ENOTEMPTY, rename("full/sub", "full"));
	refuses(EINVAL, renameat2(AT_FDCWD, "full", AT_FDCWD, "full/sub", RENAME_EXCHANGE));
	refuses(EBUSY, rename("dir/.", "new"));
	refuses(EBUSY, rename("dir/..", "new"));
	refuses(EBUSY, rename("file", "dir/."));
	refuses(EEXIST, renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_NOREPLACE));
	refuses(EEXIST, renameat2(AT_FDCWD, "file", AT_FDCWD, "link", RENAME_NOREPLACE));
	refuses(ENOENT, renameat2(AT_FDCWD, "file", AT_FDCWD, "absent", RENAME_EXCHANGE));
	refuses(EINVAL, renameat2(AT_FDCWD, "file", AT_FDCWD, "new", 0x1000));
	refuses(EINVAL,
		renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_EXCHANGE | RENAME_NOREPLACE));
	refuses(EXDEV, rename("file", "/proc/bramble-absent"));
	equals(posix_reads("file", FILE_TEXT) && posix_reads("other", "other"), true);
}

static void open_flags_are_minded(void)
{
	refuses(EISDIR, open("dir", O_WRONLY));
	refuses(EISDIR, open("dir", O_RDWR));
	refuses(EISDIR, open("dir", O_RDONLY | O_CREAT, 0644));
	refuses(EISDIR, open("dir", O_RDONLY | O_TRUNC));
	refuses(ENOTDIR, open("file", O_RDONLY | O_DIRECTORY));
	refuses(ELOOP, open("link", O_RDONLY | O_NOFOLLOW));
	refuses(EEXIST, open("link", O_WRONLY | O_CREAT | O_EXCL, 0644));
	refuses(EEXIST, open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0644));
	refuses(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
	works(mknod("socket", S_IFSOCK | 0644, 0));
	refuses(ENXIO, open("socket", O_RDONLY));
	works(close(works(open("dangling", O_WRONLY | O_CREAT, 0644))));
	equals(posix_exists("nowhere"), true);
	works(close(works(open("link", O_PATH | O_NOFOLLOW))));
}

static void descriptors_do_what_they_were_opened_for(void)
{
	int reader = works(open("file", O_RDONLY)), writer = works(open("file", O_WRONLY));
	int dir = works(open("dir", O_RDONLY | O_DIRECTORY));
	char byte = 'x';

	refuses(EBADF, write(reader, &byte, 1));
	refuses(EBADF, read(writer, &byte, 1));
	refuses(EISDIR, read(dir, &byte, 1));
	refuses(EBADF, write(dir, &byte, 1));
	refuses(EINVAL, ftruncate(reader, 0));
	refuses(EINVAL, ftruncate(writer, -1));
	refuses(EINVAL, pread(reader, &byte, 1, -1));
	refuses(EINVAL, pwrite(writer, &byte, 1, -1));
	refuses(EINVAL, lseek(reader, -1, SEEK_SET));
	refuses(ENXIO, lseek(reader, 10, SEEK_DATA));
	refuses(ENXIO, lseek(reader, 11, SEEK_HOLE));
	refuses(EISDIR, truncate("dir", 0));
	refuses(EINVAL, truncate("fifo", 0));
	refuses(EINVAL, fallocate(writer, 0, 0, 0));
	refuses(EINVAL, fallocate(writer, 0, -1, 5));
	refuses(EBADF, fallocate(reader, 0, 0, 5));
	refuses(EOPNOTSUPP, fallocate(writer, FALLOC_FL_PUNCH_HOLE, 0, 5));
	works(fsync(reader));
	works(fdatasync(writer));
	works(fsync(dir));
	equals(posix_reads("file", FILE_TEXT), true);
}

static void symbolic_links_have_limits(void)
{
	char target[LONG_PATH + 1], got[LONG_PATH + 1];

	memset(target, 't', sizeof(target));
	target[LONG_PATH] = 0;
	refuses(ENAMETOOLONG, symlink(target, "long"));
	refuses(ENOENT, symlink("", "empty"));
	target[LONG_PATH - 1] = 0;
	works(symlink(target, "long"));
	equals(posix_stat("long").st_size, LONG_PATH - 1);
	equals(readlink("long", got, sizeof(got)), LONG_PATH - 1);
	equals(memcmp(got, target, LONG_PATH - 1), 0);
	equals(readlink("long", got, 10), 10);
	equals(posix_stat("link").st_size, 4);
	refuses(EINVAL, readlink("file", got, sizeof(got)));
	refuses(EINVAL, readlink("dir", got, sizeof(got)));
	refuses(EINVAL, readlink("link", got, 0));
}

static void nodes_are_made_by_those_who_may(void)
{
	works(mknod("device", S_IFCHR | 0640, makedev(10, 300)));
	equals(posix_stat("device").st_rdev, makedev(10, 300));
	works(mknod("disk", S_IFBLK | 0640, makedev(259, 70000)));
	equals(posix_stat("disk").st_rdev, makedev(259, 70000));
	works(mknod("plain", S_IFREG | 0640, 0));
	equals(S_ISREG(posix_stat("plain").st_mode), true);
	refuses(EPERM, mknod("directory", S_IFDIR | 0755, 0));
	posix_become(USER, USER);
	refuses(EPERM, mknod("user/device", S_IFCHR | 0640, makedev(1, 3)));
	works(mknod("user/fifo", S_IFIFO | 0640, 0));
	works(mknod("user/socket", S_IFSOCK | 0640, 0));
}

const struct posix_rule posix_error_rules[] = {
	RULE(longest_names_are_taken_and_longer_ones_refused),
	RULE(paths_of_path_max_are_too_long),
	RULE(empty_path_names_nothing),
	RULE(missing_names_are_not_found),
	RULE(path_through_a_file_is_no_directory),
	RULE(circle_of_links_is_a_loop),
	RULE(names_that_are_there_are_not_made_again),
	RULE(directory_without_x_is_closed),
	RULE(directory_without_w_takes_and_gives_nothing),
	RULE(directories_are_removed_by_rmdir_alone),
	RULE(failures_change_no_times),
	RULE(renames_that_make_no_sense_are_refused),
	RULE(open_flags_are_minded),
	RULE(descriptors_do_what_they_were_opened_for),
	RULE(symbolic_links_have_limits),
	RULE(nodes_are_made_by_those_who_may),
	{NULL, NULL, 0},
};
