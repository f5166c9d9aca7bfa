/* SPDX-License-Identifier: MIT */
/* posix_rules: what files hold: writing, cutting, holes, maps, locks, attributes. */
#include "posix_rules.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define BLOCK 4096

static bool is_filled(int fd, off_t offset, size_t len, char with)
{
	char buf[BLOCK];

	while (len) {
		size_t part = len < sizeof(buf) ? len : sizeof(buf);

		if (pread(fd, buf, part, offset) != (ssize_t)part)
			return false;
		for (size_t i = 0; i < part; i++) {
			if (buf[i] != with)
				return false;
		}
		offset += (off_t)part;
		len -= part;
	}
	return true;
}

static int fill(int fd, off_t offset, size_t len, char with)
{
	char buf[BLOCK];

	memset(buf, with, sizeof(buf));
	while (len) {
		size_t part = len < sizeof(buf) ? len : sizeof(buf);

		if (pwrite(fd, buf, part, offset) != (ssize_t)part)
			return -1;
		offset += (off_t)part;
		len -= part;
	}
	return 0;
}

static void appending_writes_go_to_the_end(void)
{
	int a = works(open("file", O_WRONLY | O_APPEND)), b = works(open("file", O_RDWR));
	int c = works(open("file", O_WRONLY | O_APPEND));

	equals(write(a, "a", 1), 1);
	equals(pwrite(b, "0123", 4, 20), 4);
	equals(write(a, "b", 1), 1);
	equals(lseek(a, 0, SEEK_CUR), 25);
	works(lseek(c, 0, SEEK_SET));
	equals(write(c, "c", 1), 1);
	works(truncate("file", 2));
	equals(write(a, "d", 1), 1);
	equals(posix_reads("file", "01d"), true);
}

static void what_was_cut_off_reads_as_zero(void)
{
	static const off_t cuts[] = {0, 1, 4095, 4096, 4097, 5000, 8192, 12287};
	int fd;

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		size_t cut = (size_t)cuts[i];

		fd = works(open("other", O_RDWR | O_TRUNC));
		works(fill(fd, 0, 3 * BLOCK, 'x'));
		works(ftruncate(fd, cuts[i]));
		equals(posix_stat("other").st_size, cuts[i]);
		works(ftruncate(fd, 5 * BLOCK));
		equals(is_filled(fd, 0, cut, 'x'), true);
		equals(is_filled(fd, cuts[i], 5 * BLOCK - cut, 0), true);
		works(close(fd));
	}
	/* and so does what lies between the end and a write beyond it */
	fd = works(open("file", O_RDWR));
	works(fill(fd, 3 * BLOCK + 5, 10, 'y'));
	equals(is_filled(fd, 10, 3 * BLOCK - 5, 0), true);
	equals(is_filled(fd, 3 * BLOCK + 5, 10, 'y'), true);
	equals(posix_stat("file").st_size, 3 * BLOCK + 15);
	works(ftruncate(fd, 3));
	works(close(fd));
	equals(posix_reads("file", "012"), true);
}

static void opening_with_trunc_empties(void)
{
	int other = works(open("file", O_RDWR));
	int fd = works(open("file", O_WRONLY | O_TRUNC));
	char byte;

	equals(posix_stat("file").st_size, 0);
	equals(pread(other, &byte, 1, 0), 0);
	equals(write(fd, "new", 3), 3);
	equals(posix_reads("file", "new"), true);
	works(close(works(open("file", O_RDONLY | O_CREAT, 0600))));
	equals(posix_reads("file", "new"), true);
}

static void files_beyond_4_gib_are_whole(void)
{
	off_t far = ((off_t)5 << 30) + 123;
	int fd = works(open("file", O_RDWR));
	struct stat st;

	works(fill(fd, far, 3 * BLOCK, 'z'));
	st = posix_stat("file");
	equals(st.st_size, far + 3 * BLOCK);
	equals(st.st_blocks < 1024, true);
	equals(is_filled(fd, far, 3 * BLOCK, 'z'), true);
	equals(is_filled(fd, (off_t)4 << 30, BLOCK, 0), true);
	equals(is_filled(fd, far - BLOCK, BLOCK, 0), true);
	works(ftruncate(fd, (off_t)1 << 32));
	equals(posix_stat("file").st_size, (off_t)1 << 32);
	works(ftruncate(fd, (off_t)1 << 40));
	equals(posix_stat("file").st_size, (off_t)1 << 40);
	equals(is_filled(fd, far, BLOCK, 0), true);
}

static void holes_are_found(void)
{
	int fd = works(open("new", O_RDWR | O_CREAT | O_EXCL, 0644));
	off_t mib = 1 << 20;

	works(ftruncate(fd, 8 * mib));
	works(fill(fd, 2 * mib, (size_t)mib, 'd'));
	works(fsync(fd));
	if (lseek(fd, 0, SEEK_DATA) == 0)
		posix_skip("all is data");
	equals(lseek(fd, 0, SEEK_DATA), 2 * mib);
	equals(lseek(fd, 0, SEEK_HOLE), 0);
	equals(lseek(fd, 2 * mib + 5, SEEK_DATA), 2 * mib + 5);
	equals(lseek(fd, 2 * mib, SEEK_HOLE), 3 * mib);
	refuses(ENXIO, lseek(fd, 3 * mib, SEEK_DATA));
	equals(lseek(fd, 5 * mib, SEEK_HOLE), 5 * mib);
	refuses(ENXIO, lseek(fd, 8 * mib, SEEK_HOLE));
	works(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * mib, mib / 2));
	equals(lseek(fd, 0, SEEK_DATA), 2 * mib + mib / 2);
	equals(lseek(fd, mib, SEEK_HOLE), mib);
}

static void fallocate_does_as_its_modes_say(void)
{
	int fd = works(open("file", O_RDWR));

	works(fallocate(fd, 0, 0, 100));
	equals(posix_stat("file").st_size, 100);
	works(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10 * BLOCK));
	equals(posix_stat("file").st_size, 100);
	equals(is_filled(fd, 10, 90, 0), true);
	works(fill(fd, 0, 4 * BLOCK, 'x'));
	works(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 2 * BLOCK));
	equals(is_filled(fd, 0, 100, 'x'), true);
	equals(is_filled(fd, 100, 2 * BLOCK, 0), true);
	equals(is_filled(fd, 100 + 2 * BLOCK, 2 * BLOCK - 100, 'x'), true);
	works(fallocate(fd, FALLOC_FL_ZERO_RANGE, 3 * BLOCK + 7, 3 * BLOCK));
	equals(posix_stat("file").st_size, 6 * BLOCK + 7);
	equals(is_filled(fd, 3 * BLOCK, 7, 'x'), true);
	equals(is_filled(fd, 3 * BLOCK + 7, 3 * BLOCK, 0), true);
	works(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, 100 * BLOCK));
	equals(posix_stat("file").st_size, 6 * BLOCK + 7);
	equals(is_filled(fd, 0, 6 * BLOCK + 7, 0), true);
}

static void removed_files_work_until_they_are_closed(void)
{
	int fd = works(open("file", O_RDWR));
	char buf[16];

	works(unlink("file"));
	equals(posix_exists("file"), false);
	works(fill(fd, 5, 2 * BLOCK, 'u'));
	equals(pread(fd, buf, 5, 0), 5);
	equals(memcmp(buf, "01234", 5), 0);
	equals(is_filled(fd, 5, 2 * BLOCK, 'u'), true);
	works(fchmod(fd, 0600));
	works(ftruncate(fd, 3));
	works(fsync(fd));
	works(posix_make("file", "another", 0644));
	equals(lseek(fd, 0, SEEK_END), 3);
	equals(pread(fd, buf, 16, 0), 3);
	works(close(fd));
	equals(posix_reads("file", "another"), true);
}

static void nameless_files_get_a_name_by_link(void)
{
	int fd = open("dir", O_TMPFILE | O_RDWR, 0640);
	char path[64];

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		posix_skip("no O_TMPFILE");
	works(fd);
	equals(write(fd, "text", 4), 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	works(linkat(AT_FDCWD, path, AT_FDCWD, "dir/named", AT_SYMLINK_FOLLOW));
	works(close(fd));
	equals(posix_reads("dir/named", "text"), true);
	equals(posix_stat("dir/named").st_nlink, 1);
	mode_is("dir/named", 0640);
	fd = works(open("dir", O_TMPFILE | O_EXCL | O_RDWR, 0640));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	refuses(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "dir/none", AT_SYMLINK_FOLLOW));
	works(close(fd));
	works(unlink("dir/named"));
	works(rmdir("dir"));
}

static void maps_and_writes_see_each_other(void)
{
	int fd = works(open("file", O_RDWR));
	char *map;

	works(ftruncate(fd, 2 * BLOCK));
	map = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		wrong("mmap: %s", strerror(errno));
		return;
	}
	equals(memcmp(map, FILE_TEXT, 10), 0);
	equals(map[11], 0);
	equals(pwrite(fd, "written", 7, BLOCK), 7);
	equals(memcmp(map + BLOCK, "written", 7), 0);
	memcpy(map + 100, "mapped", 6);
	works(msync(map, 2 * BLOCK, MS_SYNC));
	equals(is_filled(fd, 106, 100, 0), true);
	works(munmap(map, 2 * BLOCK));
	works(close(fd));
	fd = works(open("file", O_RDONLY));
	map = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, fd, 0);
	equals(memcmp(map + 100, "mapped", 6), 0);
}

static void direct_io_and_the_page_cache_agree(void)
{
	int fd = works(open("file", O_RDWR)), direct = open("file", O_RDWR | O_DIRECT);
	char *buf = aligned_alloc(BLOCK, 2 * BLOCK);

	if (direct < 0)
		posix_skip("no O_DIRECT");
	works(fill(fd, 0, 4 * BLOCK, 'c'));
	equals(pread(direct, buf, 2 * BLOCK, BLOCK), 2 * BLOCK);
	equals(buf[0] == 'c' && buf[2 * BLOCK - 1] == 'c', true);
	memset(buf, 'd', 2 * BLOCK);
	equals(pwrite(direct, buf, 2 * BLOCK, BLOCK), 2 * BLOCK);
	equals(is_filled(fd, BLOCK, 2 * BLOCK, 'd'), true);
	equals(is_filled(fd, 0, BLOCK, 'c') && is_filled(fd, 3 * BLOCK, BLOCK, 'c'), true);
	equals(pwrite(direct, buf, BLOCK, 10 * BLOCK), BLOCK);
	equals(posix_stat("file").st_size, 11 * BLOCK);
	equals(is_filled(fd, 4 * BLOCK, 6 * BLOCK, 0), true);
	free(buf);
}

static void ranges_are_copied(void)
{
	int from = works(open("file", O_RDWR)), to = works(open("other", O_RDWR));
	off_t in = BLOCK - 3, out = 7;

	works(fill(from, 0, 5 * BLOCK, 'c'));
	equals(copy_file_range(from, &in, to, &out, 2 * BLOCK, 0), 2 * BLOCK);
	equals(in, 3 * BLOCK - 3);
	equals(out, 2 * BLOCK + 7);
	equals(posix_stat("other").st_size, 2 * BLOCK + 7);
	equals(is_filled(to, 7, 2 * BLOCK, 'c'), true);
	equals(is_filled(to, 5, 2, 0), true);
	in = 5 * BLOCK;
	equals(copy_file_range(from, &in, to, &out, BLOCK, 0), 0);
}

/* What a process of its own finds: 0 or 1. */
static int in_child(int (*act)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(act() < 0);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return WEXITSTATUS(status);
}

static int lock_whole(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open("file", O_RDWR);

	return fd < 0 ? -1 : fcntl(fd, F_SETLK, &lock);
}

static int lock_tail(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5};
	int fd = open("file", O_RDWR);

	return fd < 0 ? -1 : fcntl(fd, F_SETLK, &lock);
}

static int lock_flock(void)
{
	int fd = open("twin", O_RDWR);

	return fd < 0 ? -1 : flock(fd, LOCK_EX | LOCK_NB);
}

static void locks_keep_other_processes_out(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 5};
	int fd = works(open("file", O_RDWR)), twin = works(open("hard", O_RDWR));

	works(fcntl(fd, F_SETLK, &lock));
	equals(in_child(lock_whole), 1);
	equals(in_child(lock_tail), 0);
	lock.l_type = F_UNLCK;
	works(fcntl(fd, F_SETLK, &lock));
	equals(in_child(lock_whole), 0);
	/* Another name of the same file is the same lock. */
	works(flock(twin, LOCK_EX));
	equals(in_child(lock_flock), 1);
	works(flock(twin, LOCK_UN));
	equals(in_child(lock_flock), 0);
}

static void attributes_are_kept(void)
{
	static const char *const on[] = {"file", "dir"};
	char buf[64], list[256];

	for (size_t i = 0; i < 2; i++) {
		const char *path = on[i];

		works(setxattr(path, "user.one", "1", 1, XATTR_CREATE));
		refuses(EEXIST, setxattr(path, "user.one", "2", 1, XATTR_CREATE));
		refuses(ENODATA, setxattr(path, "user.two", "2", 1, XATTR_REPLACE));
		works(setxattr(path, "user.one", "first", 5, XATTR_REPLACE));
		works(setxattr(path, "user.two", "", 0, 0));
		works(setxattr(path, "trusted.three", "t", 1, 0));
		equals(getxattr(path, "user.one", NULL, 0), 5);
		equals(getxattr(path, "user.one", buf, sizeof(buf)), 5);
		equals(memcmp(buf, "first", 5), 0);
		equals(getxattr(path, "user.two", buf, sizeof(buf)), 0);
		refuses(ERANGE, getxattr(path, "user.one", buf, 2));
		refuses(ENODATA, getxattr(path, "user.absent", buf, sizeof(buf)));
		refuses(ENODATA, removexattr(path, "user.absent"));
		equals(listxattr(path, NULL, 0), listxattr(path, list, sizeof(list)));
		refuses(ERANGE, listxattr(path, list, 5));
		works(removexattr(path, "user.one"));
		refuses(ENODATA, getxattr(path, "user.one", buf, sizeof(buf)));
	}
	refuses(EPERM, lsetxattr("link", "user.one", "1", 1, 0));
	refuses(EPERM, setxattr("fifo", "user.one", "1", 1, 0));
	refuses(EOPNOTSUPP, setxattr("file", "nowhere.one", "1", 1, 0));
	refuses(EINVAL, getxattr("file", "user.", buf, sizeof(buf)));
	refuses(EOPNOTSUPP, getxattr("file", "system.one", buf, sizeof(buf)));
	posix_become(USER, USER);
	refuses(EPERM, setxattr("user/file", "trusted.one", "1", 1, 0));
	refuses(ENODATA, getxattr("file", "trusted.three", buf, sizeof(buf)));
	refuses(EACCES, setxattr("file", "user.one", "1", 1, 0));
	equals(getxattr("file", "user.two", buf, sizeof(buf)), 0);
}

static void statfs_says_what_there_is(void)
{
	struct statvfs st;

	works(statvfs(".", &st));
	equals(st.f_namemax >= 255, true);
	equals(st.f_bfree <= st.f_blocks && st.f_bavail <= st.f_bfree, true);
	equals(st.f_ffree <= st.f_files, true);
	equals(st.f_bavail > 0 && st.f_bsize >= 512, true);
	equals(st.f_flag & ST_RDONLY, 0);
}

const struct posix_rule posix_file_rules[] = {
	RULE(appending_writes_go_to_the_end),
	RULE(what_was_cut_off_reads_as_zero),
	RULE(opening_with_trunc_empties),
	RULE(files_beyond_4_gib_are_whole),
	RULE(holes_are_found),
	RULE(fallocate_does_as_its_modes_say),
	RULE(removed_files_work_until_they_are_closed),
	RULE(nameless_files_get_a_name_by_link),
	RULE(maps_and_writes_see_each_other),
	RULE(direct_io_and_the_page_cache_agree),
	RULE(ranges_are_copied),
	RULE(locks_keep_other_processes_out),
	RULE(attributes_are_kept),
	RULE(statfs_says_what_there_is),
	{NULL, NULL, 0},
};
