/* SPDX-License-Identifier: MIT */
/* posix_record: each call that takes a path, for each kind of path, by each kind of user. */
#include "posix_record.h"

#include <dirent.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static long opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0666);

	return fd < 0 ? -1 : close(fd);
}

#define OPENS(name, flags)                                                                         \
	static long name(const char *path)                                                         \
	{                                                                                          \
		return opened(path, flags);                                                        \
	}
OPENS(open_rd, O_RDONLY)
OPENS(open_wr, O_WRONLY)
OPENS(open_rw, O_RDWR)
OPENS(open_path, O_PATH)
OPENS(open_path_nofollow, O_PATH | O_NOFOLLOW)
OPENS(open_dir, O_RDONLY | O_DIRECTORY)
OPENS(open_dir_wr, O_WRONLY | O_DIRECTORY)
OPENS(open_nofollow, O_RDONLY | O_NOFOLLOW)
OPENS(open_trunc, O_WRONLY | O_TRUNC)
OPENS(open_trunc_rd, O_RDONLY | O_TRUNC)
OPENS(open_append, O_WRONLY | O_APPEND)
OPENS(open_noatime, O_RDONLY | O_NOATIME)
OPENS(open_creat, O_RDONLY | O_CREAT)
OPENS(open_creat_wr, O_RDWR | O_CREAT)
OPENS(open_creat_nofollow, O_WRONLY | O_CREAT | O_NOFOLLOW)
OPENS(open_creat_excl, O_WRONLY | O_CREAT | O_EXCL)
OPENS(open_creat_trunc, O_WRONLY | O_CREAT | O_TRUNC)
OPENS(open_creat_dir, O_RDONLY | O_CREAT | O_DIRECTORY)
OPENS(open_tmpfile, O_RDWR | O_TMPFILE)
OPENS(open_tmpfile_rd, O_RDONLY | O_TMPFILE)

static long do_mkdir(const char *path)
{
	return mkdir(path, 0777);
}

static long do_mkdir_sticky(const char *path)
{
	return mkdir(path, 03777);
}

static long do_mkfifo(const char *path)
{
	return mkfifo(path, 0666);
}

static long do_mknod_file(const char *path)
{
	return mknod(path, S_IFREG | 06755, 0);
}

static long do_mknod_chr(const char *path)
{
	return mknod(path, S_IFCHR | 0600, makedev(511, 1048575));
}

static long do_mknod_blk(const char *path)
{
	return mknod(path, S_IFBLK | 0600, makedev(8, 1));
}

static long do_mknod_sock(const char *path)
{
	return mknod(path, S_IFSOCK | 0600, 0);
}

static long do_mknod_dir(const char *path)
{
	return mknod(path, S_IFDIR | 0600, 0);
}

static long do_symlink(const char *path)
{
	return symlink("target", path);
}

static long do_symlink_here(const char *path)
{
	return symlink(path, "new-link");
}

static long do_unlink(const char *path)
{
	return unlink(path);
}

static long do_rmdir(const char *path)
{
	return rmdir(path);
}

static long do_chmod(const char *path)
{
	return chmod(path, 0606);
}

static long do_chmod_all(const char *path)
{
	return chmod(path, 07777);
}

static long do_chmod_link(const char *path)
{
	return fchmodat(AT_FDCWD, path, 0600, AT_SYMLINK_NOFOLLOW);
}

static long do_chown_none(const char *path)
{
	return chown(path, (uid_t)-1, (gid_t)-1);
}

static long do_lchown_none(const char *path)
{
	return lchown(path, (uid_t)-1, (gid_t)-1);
}

static long do_chown_user(const char *path)
{
	return chown(path, OTHER, (gid_t)-1);
}

static long do_chown_same_user(const char *path)
{
	return chown(path, OWNER, (gid_t)-1);
}

static long do_chown_group(const char *path)
{
	return chown(path, (uid_t)-1, OWNER);
}

static long do_chown_same_group(const char *path)
{
	return chown(path, (uid_t)-1, GROUP);
}

static long do_lchown(const char *path)
{
	return lchown(path, OTHER, OTHER);
}

static long do_truncate_0(const char *path)
{
	return truncate(path, 0);
}

static long do_truncate_same(const char *path)
{
	return truncate(path, 10);
}

static long do_truncate_long(const char *path)
{
	return truncate(path, 123456);
}

static long do_truncate_negative(const char *path)
{
	return truncate(path, -1);
}

static long do_truncate_huge(const char *path)
{
	return truncate(path, INT64_MAX);
}

static long times(const char *path, long atime, long mtime, int flags)
{
	struct timespec set[2] = {{1500000000, atime}, {1600000000, mtime}};

	return utimensat(AT_FDCWD, path, set, flags);
}

static long do_utimes_null(const char *path)
{
	return utimensat(AT_FDCWD, path, NULL, 0);
}

static long do_utimes_now(const char *path)
{
	return times(path, UTIME_NOW, UTIME_NOW, 0);
}

static long do_utimes_set(const char *path)
{
	return times(path, 123456789, 987654321, 0);
}

static long do_utimes_link(const char *path)
{
	return times(path, 123456789, 987654321, AT_SYMLINK_NOFOLLOW);
}

static long do_utimes_atime(const char *path)
{
	return times(path, 5, UTIME_OMIT, 0);
}

static long do_utimes_mtime(const char *path)
{
	return times(path, UTIME_OMIT, 5, 0);
}

static long do_utimes_now_and_set(const char *path)
{
	return times(path, UTIME_NOW, 5, 0);
}

static long do_utimes_now_and_none(const char *path)
{
	return times(path, UTIME_OMIT, UTIME_NOW, 0);
}

static long do_utimes_none(const char *path)
{
	return times(path, UTIME_OMIT, UTIME_OMIT, 0);
}

static long do_stat(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -1;
	return st.st_mode;
}

static long do_access_f(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS);
}

static long do_access_r(const char *path)
{
	return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS);
}

static long do_access_w(const char *path)
{
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS);
}

static long do_access_x(const char *path)
{
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
}

static long do_readlink(const char *path)
{
	char target[PATH_MAX];

	return readlink(path, target, sizeof(target));
}

static long do_statfs(const char *path)
{
	struct statfs st;

	return statfs(path, &st);
}

static long do_list(const char *path)
{
	DIR *dir = opendir(path);
	long count = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		count++;
	closedir(dir);
	/* of the whole: what others the case has is not counted */
	return count < 6 ? count : 6;
}

static long do_chdir(const char *path)
{
	return chdir(path);
}

static long do_exec(const char *path)
{
	char *const words[] = {NULL};

	return execve(path, words, words);
}

static long do_read(const char *path)
{
	char buf[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	long got;
	int err;

	if (fd < 0)
		return -1;
	got = read(fd, buf, sizeof(buf));
	err = errno;
	close(fd);
	errno = err;
	return got;
}

static long written(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | flags);
	long got;
	int err;

	if (fd < 0)
		return -1;
	got = write(fd, text, strlen(text));
	err = errno;
	close(fd);
	errno = err;
	return got;
}

static long do_write(const char *path)
{
	return written(path, 0, "xyz");
}

static long do_write_nothing(const char *path)
{
	return written(path, 0, "");
}

static long do_append(const char *path)
{
	return written(path, O_APPEND, "end");
}

static long do_setxattr(const char *path)
{
	return setxattr(path, "user.a", "value", 5, 0);
}

static long do_lsetxattr(const char *path)
{
	return lsetxattr(path, "user.a", "value", 5, 0);
}

static long do_setxattr_trusted(const char *path)
{
	return lsetxattr(path, "trusted.a", "value", 5, 0);
}

static long do_setxattr_security(const char *path)
{
	return lsetxattr(path, "security.a", "value", 5, 0);
}

static long do_getxattr(const char *path)
{
	return getxattr(path, "user.a", NULL, 0);
}

static long do_getxattr_trusted(const char *path)
{
	return lgetxattr(path, "trusted.a", NULL, 0);
}

static long do_listxattr(const char *path)
{
	return listxattr(path, NULL, 0);
}

static long do_removexattr(const char *path)
{
	return removexattr(path, "user.a");
}

static const struct {
	const char *name;
	long (*call)(const char *path);
} calls[] = {
#define CALL(name)                                                                                 \
	{                                                                                          \
#name, name                                                                        \
	}
	CALL(open_rd),
	CALL(open_wr),
	CALL(open_rw),
	CALL(open_path),
	CALL(open_path_nofollow),
	CALL(open_dir),
	CALL(open_dir_wr),
	CALL(open_nofollow),
	CALL(open_trunc),
	CALL(open_trunc_rd),
	CALL(open_append),
	CALL(open_noatime),
	CALL(open_creat),
	CALL(open_creat_wr),
	CALL(open_creat_nofollow),
	CALL(open_creat_excl),
	CALL(open_creat_trunc),
	CALL(open_creat_dir),
	CALL(open_tmpfile),
	CALL(open_tmpfile_rd),
	CALL(do_mkdir),
	CALL(do_mkdir_sticky),
	CALL(do_mkfifo),
	CALL(do_mknod_file),
	CALL(do_mknod_chr),
	CALL(do_mknod_blk),
	CALL(do_mknod_sock),
	CALL(do_mknod_dir),
	CALL(do_symlink),
	CALL(do_symlink_here),
	CALL(do_unlink),
	CALL(do_rmdir),
	CALL(do_chmod),
	CALL(do_chmod_all),
	CALL(do_chmod_link),
	CALL(do_chown_none),
	CALL(do_lchown_none),
	CALL(do_chown_user),
	CALL(do_chown_same_user),
	CALL(do_chown_group),
	CALL(do_chown_same_group),
	CALL(do_lchown),
	CALL(do_truncate_0),
	CALL(do_truncate_same),
	CALL(do_truncate_long),
	CALL(do_truncate_negative),
	CALL(do_truncate_huge),
	CALL(do_utimes_null),
	CALL(do_utimes_now),
	CALL(do_utimes_set),
	CALL(do_utimes_link),
	CALL(do_utimes_atime),
	CALL(do_utimes_mtime),
	CALL(do_utimes_now_and_set),
	CALL(do_utimes_now_and_none),
	CALL(do_utimes_none),
	CALL(do_stat),
	CALL(do_access_f),
	CALL(do_access_r),
	CALL(do_access_w),
	CALL(do_access_x),
	CALL(do_readlink),
	CALL(do_statfs),
	CALL(do_list),
	CALL(do_chdir),
	CALL(do_exec),
	CALL(do_read),
	CALL(do_write),
	CALL(do_write_nothing),
	CALL(do_append),
	CALL(do_setxattr),
	CALL(do_lsetxattr),
	CALL(do_setxattr_trusted),
	CALL(do_setxattr_security),
	CALL(do_getxattr),
	CALL(do_getxattr_trusted),
	CALL(do_listxattr),
	CALL(do_removexattr),
};

static const char *const paths[] = {
	"file",
	"suid",
	"dir",
	"full",
	"full/in",
	"full/sub",
	"hard",
	"link",
	"dlink",
	"dlink/in",
	"dangling",
	"loop",
	"loop/x",
	"fifo",
	"sock",
	"chr",
	"missing",
	"missing/x",
	"file/x",
	"fifo/x",
	"",
	".",
	"dir/.",
	"dir/..",
	"full/sub/..",
	"file/",
	"file/.",
	"file/..",
	"dir/",
	"dir//",
	"link/",
	"dlink/",
	"dlink/.",
	"missing/",
	"missing/.",
	"dangling/",
	"closed/f",
	"closed/new",
	"closed",
	"listed/f",
	"listed/new",
	"fixed/f",
	"fixed/new",
	"sticky/f",
	"sticky/new",
	"sgid/new",
	"full/new",
	"dir/\xff\xfe",
	"dir/back\\slash\nline",
	record_name_longest,
	record_name_too_long,
	record_path_longest,
	record_path_too_long,
};

void record_paths(void)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (size_t j = 0; j < sizeof(calls) / sizeof(calls[0]); j++) {
			for (size_t k = 0; k < record_people_count; k++) {
				record_begin(&record_people[k], "%s '%s'", calls[j].name,
					     *paths[i] == 'd' && paths[i][4] == (char)0xff
						     ? "dir/ff"
					     : strchr(paths[i], '\n') ? "dir/line"
								      : record_short(paths[i]));
				say_call(calls[j].name, calls[j].call(paths[i]));
				record_end();
			}
		}
	}
}
