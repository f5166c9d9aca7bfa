/* SPDX-License-Identifier: MIT */
/* posix_record: calls on open files: what a descriptor allows, positions, removed files, locks, listings. */
#include "posix_record.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static void say_stat(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		record_say(" fstat=%s", strerrorname_np(errno));
		return;
	}
	record_say(" {%o %u:%u n%u", st.st_mode, st.st_uid, st.st_gid, (unsigned int)st.st_nlink);
	if (!S_ISDIR(st.st_mode))
		record_say(" s%lld", (long long)st.st_size);
	record_say("}");
}

/* Each call that takes a descriptor, on one. */
static void say_all_of(int fd, int own)
{
	char buf[16];
	struct flock lock = {.l_type = F_WRLCK};
	off_t in = 0, out = 0;

	say_call("read", read(fd, buf, 4));
	say_call("read0", read(fd, buf, 0));
	say_call("pread", pread(fd, buf, 4, 100000));
	say_call("pread-", pread(fd, buf, 4, -1));
	say_call("write", write(fd, "ab", 2));
	say_call("write0", write(fd, "ab", 0));
	say_call("pwrite", pwrite(fd, "ab", 2, 5));
	say_call("pwrite-", pwrite(fd, "ab", 2, -1));
	say_call("at", lseek(fd, 0, SEEK_CUR));
	say_call("set-", lseek(fd, -1, SEEK_SET));
	say_call("whence", lseek(fd, 0, 77));
	say_call("far", lseek(fd, INT64_MAX, SEEK_SET));
	say_call("over", lseek(fd, INT64_MAX, SEEK_END));
	say_call("back", lseek(fd, 0, SEEK_SET));
	say_call("data", lseek(fd, 0, SEEK_DATA));
	say_call("hole", lseek(fd, 0, SEEK_HOLE));
	say_call("data-", lseek(fd, -1, SEEK_DATA));
	say_call("hole+", lseek(fd, 1 << 20, SEEK_HOLE));
	say_call("set", lseek(fd, 0, SEEK_SET));
	say_call("ftruncate", ftruncate(fd, 7));
	say_call("ftruncate-", ftruncate(fd, -1));
	say_call("fallocate", fallocate(fd, 0, 0, 9));
	say_call("fallocate0", fallocate(fd, 0, 0, 0));
	say_call("fallocate-", fallocate(fd, 0, -1, 9));
	say_call("fallocate+", fallocate(fd, 0, INT64_MAX - 5, 9));
	say_call("posix_fallocate", -posix_fallocate(fd, 0, 11));
	say_call("fadvise", -posix_fadvise(fd, 0, 4, POSIX_FADV_DONTNEED));
	say_call("readahead", readahead(fd, 0, 4));
	say_call("fsync", fsync(fd));
	say_call("fdatasync", fdatasync(fd));
	say_call("range", sync_file_range(fd, 0, 4, SYNC_FILE_RANGE_WRITE));
	say_call("fchmod", fchmod(fd, 0600));
	say_call("fchown", fchown(fd, (uid_t)-1, OTHER));
	say_call("futimens", futimens(fd, NULL));
	say_call("futimens2", futimens(fd, (struct timespec[2]){{1, 2}, {3, 4}}));
	say_call("fsetxattr", fsetxattr(fd, "user.a", "b", 1, 0));
	say_call("fgetxattr", fgetxattr(fd, "user.a", NULL, 0));
	say_call("lock", fcntl(fd, F_SETLK, &lock));
	say_call("flock", flock(fd, LOCK_EX | LOCK_NB));
	say_call("lease", fcntl(fd, F_SETLEASE, F_UNLCK));
	say_call("copy from", copy_file_range(fd, &in, own, &out, 3, 0));
	in = out = 0;
	say_call("copy to", copy_file_range(own, &in, fd, &out, 3, 0));
	say_call("copy flags", copy_file_range(own, &in, fd, &out, 3, 1));
	in = 0;
	say_call("sendfile", sendfile(own, fd, &in, 3));
	say_call("getdents", syscall(SYS_getdents64, fd, buf, 4));
	say_call("fchdir", fchdir(fd));
	say_stat(fd);
}

static void descriptors(void)
{
	static const struct {
		const char *name;
		const char *path;
		int flags;
	} opens[] = {
		{"reading", "file", O_RDONLY},
		{"writing", "file", O_WRONLY},
		{"both", "file", O_RDWR},
		{"appending", "file", O_RDWR | O_APPEND},
		{"a path", "file", O_PATH},
		{"a directory", "full", O_RDONLY},
		{"a directory's path", "full", O_PATH},
		{"a fifo", "fifo", O_RDWR | O_NONBLOCK},
		{"a device", "chr", O_RDWR},
		{"a link", "link", O_PATH | O_NOFOLLOW},
		{"sync", "file", O_RDWR | O_SYNC},
		{"dsync", "file", O_RDWR | O_DSYNC},
		{"noatime", "file", O_RDWR | O_NOATIME},
	};

	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++) {
		int fd, own;

		record_begin(&record_root, "descriptor for %s", opens[i].name);
		fd = open(opens[i].path, opens[i].flags | O_CLOEXEC);
		own = open("full/in", O_RDWR | O_CLOEXEC);
		if (fd < 0 || own < 0)
			record_say(" cannot be opened: %s", strerrorname_np(errno));
		else
			say_all_of(fd, own);
		close(fd);
		close(own);
		record_end();
	}
}

/* Calls below a directory that is gone, and on files that are. */
static void gone(void)
{
	int dir, fd, map_fd, link_fd;
	char buf[64], *map;

	record_begin(&record_root, "below a removed directory");
	dir = open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	say_call("rmdir", rmdir("dir"));
	say_call("creat", openat(dir, "new", O_WRONLY | O_CREAT, 0644));
	say_call("mkdir", mkdirat(dir, "new", 0755));
	say_call("mknod", mknodat(dir, "new", S_IFIFO | 0644, 0));
	say_call("symlink", symlinkat("x", dir, "new"));
	say_call("link", linkat(AT_FDCWD, "file", dir, "new", 0));
	say_call("rename", renameat(AT_FDCWD, "file", dir, "new"));
	say_call("tmpfile", openat(dir, ".", O_TMPFILE | O_RDWR, 0600));
	say_call("open", openat(dir, ".", O_RDONLY | O_CLOEXEC));
	say_call("parent", openat(dir, "..", O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0);
	say_call("unlink", unlinkat(dir, "x", 0));
	say_call("chmod", fchmod(dir, 0700));
	say_call("chown", fchown(dir, OTHER, OTHER));
	say_call("xattr", fsetxattr(dir, "user.a", "b", 1, 0));
	say_call("futimens", futimens(dir, NULL));
	say_call("fsync", fsync(dir));
	say_call("fchdir", fchdir(dir));
	say_call("getcwd", getcwd(buf, 8) ? 0 : -1);
	say_call("list", syscall(SYS_getdents64, dir, buf, sizeof(buf)));
	say_stat(dir);
	close(dir);
	record_end();

	record_begin(&record_root, "of a removed file");
	fd = open("file", O_RDWR | O_CLOEXEC);
	say_call("unlink", unlink("file"));
	say_stat(fd);
	say_call("write", pwrite(fd, "xyz", 3, 20));
	say_call("chmod", fchmod(fd, 0700));
	say_call("chown", fchown(fd, OTHER, OTHER));
	say_call("xattr", fsetxattr(fd, "user.a", "b", 1, 0));
	say_call("xattr", fgetxattr(fd, "user.a", buf, sizeof(buf)));
	say_call("futimens", futimens(fd, NULL));
	say_call("ftruncate", ftruncate(fd, 12));
	snprintf(buf, sizeof(buf), "/proc/self/fd/%d", fd);
	say_call("link", linkat(AT_FDCWD, buf, AT_FDCWD, "again", AT_SYMLINK_FOLLOW));
	say_call("link empty", linkat(fd, "", AT_FDCWD, "again", AT_EMPTY_PATH));
	say_call("reopen", open(buf, O_RDWR | O_CLOEXEC) < 0 ? -1 : 0);
	say_stat(fd);
	close(fd);
	record_end();

	record_begin(&record_root, "a replaced file that is mapped");
	map_fd = open("file", O_RDWR | O_CLOEXEC);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	say_call("rename", rename("full/in", "file"));
	say_stat(map_fd);
	if (map != MAP_FAILED) {
		map[2] = 'x';
		say_call("msync", msync(map, 4096, MS_SYNC));
		munmap(map, 4096);
	}
	say_call("read", pread(map_fd, buf, 4, 0));
	record_say(" '%.4s'", buf);
	close(map_fd);
	record_end();

	record_begin(&record_root, "a nameless file");
	fd = open("dir", O_TMPFILE | O_RDWR | O_CLOEXEC, 0640);
	say_call("open", fd < 0 ? -1 : 0);
	if (fd >= 0) {
		say_stat(fd);
		say_call("write", write(fd, "text", 4));
		say_call("link", linkat(fd, "", AT_FDCWD, "dir/one", AT_EMPTY_PATH));
		say_call("again", linkat(fd, "", AT_FDCWD, "dir/two", AT_EMPTY_PATH));
		say_stat(fd);
		say_call("unlink", unlink("dir/one"));
		say_call("unlink", unlink("dir/two"));
		say_call("third", linkat(fd, "", AT_FDCWD, "dir/three", AT_EMPTY_PATH));
		say_stat(fd);
		close(fd);
	}
	record_end();

	record_begin(&record_root, "a nameless file that never gets a name");
	fd = open("dir", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0640);
	say_call("open", fd < 0 ? -1 : 0);
	if (fd >= 0) {
		say_call("link", linkat(fd, "", AT_FDCWD, "dir/one", AT_EMPTY_PATH));
		close(fd);
	}
	record_end();

	record_begin(&record_root, "empty paths");
	link_fd = open("link", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	say_call("chown", fchownat(link_fd, "", OTHER, OTHER, AT_EMPTY_PATH));
	say_call("readlink", readlinkat(link_fd, "", buf, sizeof(buf)));
	say_call("link", linkat(link_fd, "", AT_FDCWD, "link2", AT_EMPTY_PATH));
	say_call("utimens", utimensat(link_fd, "", NULL, AT_EMPTY_PATH));
	say_call("open", openat(link_fd, "", O_RDONLY));
	close(link_fd);
	record_end();
}

/* Links and directories to their limits, names of all bytes. */
static void limits(void)
{
	char path[PATH_MAX], target[PATH_MAX + 1], got[PATH_MAX];

	record_begin(&record_root, "targets of links");
	memset(target, 't', sizeof(target));
	for (size_t i = 0; i < 8; i++) {
		size_t len = (size_t[]){1, 59, 60, 61, 1024, 4000, 4095, 4096}[i];

		target[len] = 0;
		snprintf(path, sizeof(path), "l%zu", len);
		say_call("symlink", symlink(target, path));
		say_call("readlink", readlink(path, got, sizeof(got)));
		say_call("readlink3", readlink(path, got, 3));
		target[len] = 't';
	}
	record_end();

	record_begin(&record_root, "names of each byte");
	for (int byte = 1; byte < 256; byte++) {
		snprintf(path, sizeof(path), "dir/%c", byte);
		if (byte != '/' && byte != '.')
			record_result(mkdir(path, 0755));
	}
	for (int byte = 1; byte < 256; byte++) {
		snprintf(path, sizeof(path), "dir/%c", byte);
		if (byte != '/' && byte != '.')
			record_result(rmdir(path));
	}
	record_end();

	record_begin(&record_root, "lengths of names");
	for (size_t len = 1; len < 260; len += 1 + len / 8) {
		memcpy(path, "dir/", 4);
		memset(path + 4, 'k', len);
		path[4 + len] = 0;
		say_call("mkdir", mkdir(path, 0755));
		say_call("rmdir", rmdir(path));
	}
	record_end();

	record_begin(&record_root, "a chain of links");
	for (int i = 0; i < 45; i++) {
		snprintf(path, sizeof(path), "dir/k%d", i);
		snprintf(target, sizeof(target), i ? "k%d" : "../file", i - 1);
		if (symlink(target, path) < 0)
			record_say(" no");
		record_result(access(path, F_OK));
	}
	for (int i = 0; i < 45; i++) {
		snprintf(path, sizeof(path), "dir/k%d", i);
		unlink(path);
	}
	record_end();

	record_begin(&record_root, "many links");
	for (int i = 0; i < 1200; i++) {
		snprintf(path, sizeof(path), "dir/h%d", i);
		if (link("file", path) < 0) {
			record_say(" %d %s", i, strerrorname_np(errno));
			break;
		}
	}
	for (int i = 0; i < 1200; i++) {
		snprintf(path, sizeof(path), "dir/h%d", i);
		if (unlink(path) < 0)
			break;
	}
	record_end();
}

static int in_child(long (*act)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(act() < 0 ? errno : 0);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return WEXITSTATUS(status);
}

static long lock_all(void)
{
	struct flock lock = {.l_type = F_WRLCK};

	return fcntl(open("file", O_RDWR), F_SETLK, &lock);
}

static long lock_rest(void)
{
	struct flock lock = {.l_type = F_RDLCK, .l_start = 100};

	return fcntl(open("file", O_RDWR), F_SETLK, &lock);
}

static long lock_ofd(void)
{
	struct flock lock = {.l_type = F_RDLCK};

	return fcntl(open("file", O_RDWR), F_OFD_SETLK, &lock);
}

static long lock_flock(void)
{
	return flock(open("file", O_RDWR), LOCK_SH | LOCK_NB);
}

static void say_child(const char *what, long (*act)(void))
{
	int err = in_child(act);

	record_say(" %s=%s", what, err ? strerrorname_np(err) : "0");
}

static void locks(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_start = 10, .l_len = 20}, ask;
	int fd;

	record_begin(&record_root, "locks");
	fd = open("file", O_RDWR | O_CLOEXEC);
	say_call("set", fcntl(fd, F_SETLK, &lock));
	say_child("all", lock_all);
	say_child("rest", lock_rest);
	say_child("ofd", lock_ofd);
	say_child("flock", lock_flock);
	ask = (struct flock){.l_type = F_WRLCK};
	say_call("get", fcntl(fd, F_GETLK, &ask));
	record_say(" type %d", ask.l_type);
	lock.l_type = F_UNLCK;
	say_call("unset", fcntl(fd, F_SETLK, &lock));
	say_child("all", lock_all);
	lock = (struct flock){.l_type = F_RDLCK};
	say_call("ofd", fcntl(fd, F_OFD_SETLK, &lock));
	say_child("all", lock_all);
	say_child("ofd", lock_ofd);
	say_call("flock", flock(fd, LOCK_EX));
	say_child("flock", lock_flock);
	lock = (struct flock){.l_type = F_WRLCK, .l_start = -5};
	say_call("negative", fcntl(fd, F_SETLK, &lock));
	lock = (struct flock){.l_type = F_WRLCK, .l_start = 5, .l_len = -5};
	say_call("backwards", fcntl(fd, F_SETLK, &lock));
	lock = (struct flock){.l_type = F_WRLCK, .l_start = 5, .l_len = -6};
	say_call("too far back", fcntl(fd, F_SETLK, &lock));
	say_call("lease r", fcntl(fd, F_SETLEASE, F_RDLCK));
	close(fd);
	fd = open("file", O_RDONLY | O_CLOEXEC);
	say_call("lease", fcntl(fd, F_SETLEASE, F_RDLCK));
	say_call("lease end", fcntl(fd, F_SETLEASE, F_UNLCK));
	say_call("notify", fcntl(fd, F_NOTIFY, DN_MODIFY));
	close(fd);
	record_end();
}

static void programs(void)
{
	static const char *const words[] = {"p", NULL};
	int from, to, fd, status;
	pid_t child;

	record_begin(&record_root, "programs that run");
	from = open("/bin/sleep", O_RDONLY | O_CLOEXEC);
	to = open("dir/p", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	while (sendfile(to, from, NULL, 1 << 20) > 0)
		;
	say_call("busy", execv("dir/p", (char *const *)words));
	close(from);
	close(to);
	child = fork();
	if (child == 0) {
		execl("dir/p", "p", "5", NULL);
		_exit(1);
	}
	usleep(100000);
	fd = open("dir/p", O_WRONLY | O_CLOEXEC);
	say_call("open", fd < 0 ? -1 : 0);
	say_call("truncate", truncate("dir/p", 0));
	say_call("trunc", open("dir/p", O_WRONLY | O_TRUNC));
	say_call("chmod", chmod("dir/p", 0700));
	say_call("rename", rename("dir/p", "dir/q"));
	say_call("unlink", unlink("dir/q"));
	kill(child, 9);
	waitpid(child, &status, 0);
	record_end();
}

#define LISTED 700

static int list_all(DIR *dir, unsigned char *seen)
{
	struct dirent *entry;
	int others = 0;

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == 'n')
			seen[atoi(entry->d_name + 1)]++;
		else
			others++;
	}
	return others;
}

static void say_seen(const unsigned char *seen, int from, int to)
{
	int counts[3] = {0, 0, 0};

	for (int i = from; i < to; i++)
		counts[seen[i] < 2 ? seen[i] : 2]++;
	record_say(" %d/%d/%d", counts[0], counts[1], counts[2]);
}

static void listings(void)
{
	static unsigned char seen[2 * LISTED];
	char path[NAME_MAX + 8];
	DIR *dir;

	record_begin(&record_root, "listings");
	for (int i = 0; i < LISTED; i++) {
		snprintf(path, sizeof(path), "dir/n%d", i);
		if (mknod(path, S_IFREG | 0644, 0) < 0)
			record_say(" no");
	}
	dir = opendir("dir");
	record_say(" dots %d", list_all(dir, seen));
	say_seen(seen, 0, LISTED);
	for (int i = 0; i < LISTED; i += 2) {
		snprintf(path, sizeof(path), "dir/n%d", i);
		unlink(path);
		snprintf(path, sizeof(path), "dir/n%d", LISTED + i);
		if (mknod(path, S_IFREG | 0644, 0) < 0)
			record_say(" no");
	}
	memset(seen, 0, sizeof(seen));
	rewinddir(dir);
	record_say(" dots %d", list_all(dir, seen));
	say_seen(seen, 0, LISTED);
	say_seen(seen, LISTED, 2 * LISTED);
	/* Each place that telldir gave is one to return to. */
	rewinddir(dir);
	for (int i = 0; i < 100; i++)
		readdir(dir);
	long place = telldir(dir);
	struct dirent *entry = readdir(dir);
	char name[NAME_MAX + 1];

	snprintf(name, sizeof(name), "%s", entry ? entry->d_name : "-");
	while (readdir(dir))
		;
	seekdir(dir, place);
	entry = readdir(dir);
	record_say(" place %d", entry && strcmp(name, entry->d_name) == 0);
	/* A listing while all is removed ends, and the directory can be. */
	rewinddir(dir);
	int removed = 0;

	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "dir/%s", entry->d_name);
		if (entry->d_name[0] == 'n' && unlink(path) == 0)
			removed++;
	}
	closedir(dir);
	record_say(" removed %d", removed);
	say_call("rmdir", rmdir("dir"));
	record_end();
}

static void say_statvfs(void)
{
	struct statvfs st;

	record_begin(&record_root, "statvfs");
	say_call("is", statvfs(".", &st));
	record_say(" bsize %lu frsize %lu name %lu flags %lx", st.f_bsize, st.f_frsize,
		   st.f_namemax, st.f_flag & (ST_RDONLY | ST_NOSUID));
	say_call("pathconf name", pathconf(".", _PC_NAME_MAX));
	say_call("pathconf link", pathconf("file", _PC_LINK_MAX));
	say_call("pathconf path", pathconf(".", _PC_PATH_MAX));
	say_call("pathconf chown", pathconf(".", _PC_CHOWN_RESTRICTED));
	say_call("pathconf trunc", pathconf(".", _PC_NO_TRUNC));
	record_end();
}

void record_files(void)
{
	descriptors();
	gone();
	limits();
	locks();
	programs();
	listings();
	say_statvfs();
}
