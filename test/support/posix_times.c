/* SPDX-License-Identifier: MIT */
/* posix_rules: what each change does to times and to counts of links, and what it leaves alone. */
#include "posix_rules.h"

#include <sys/mman.h>
#include <sys/xattr.h>

static int do_create(void)
{
	return posix_make("new", "", 0644);
}

static int do_mkdir(void)
{
	return mkdir("new", 0755);
}

static int do_rmdir(void)
{
	return rmdir("dir");
}

static int do_mkfifo(void)
{
	return mkfifo("new", 0644);
}

static int do_symlink(void)
{
	return symlink("target", "new");
}

static int do_link(void)
{
	return link("file", "new");
}

static int do_link_elsewhere(void)
{
	return link("file", "dir/new");
}

static int do_unlink_one_of_two(void)
{
	return unlink("hard");
}

static int do_unlink(void)
{
	return unlink("file");
}

static int do_rename(void)
{
	return rename("file", "new");
}

static int do_rename_elsewhere(void)
{
	return rename("file", "dir/new");
}

static int do_rename_dir_elsewhere(void)
{
	return rename("full", "dir/new");
}

static int do_rename_over(void)
{
	return rename("file", "hard");
}

static int do_exchange(void)
{
	return renameat2(AT_FDCWD, "file", AT_FDCWD, "full/inner", RENAME_EXCHANGE);
}

static int do_rename_to_itself(void)
{
	return rename("hard", "twin");
}

static int do_chmod(void)
{
	return chmod("file", 0600);
}

static int do_chmod_same(void)
{
	return chmod("file", 0644);
}

static int do_chmod_dir(void)
{
	return chmod("dir", 0700);
}

static int do_chown(void)
{
	return chown("file", USER, OTHER);
}

static int do_lchown(void)
{
	return lchown("link", USER, OTHER);
}

static int do_truncate_shorter(void)
{
	return truncate("file", 3);
}

static int do_truncate_longer(void)
{
	return truncate("file", 20);
}

static int with_file(int flags, int (*act)(int fd))
{
	int fd = open("file", flags | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (act(fd) < 0) {
		close(fd);
		return -1;
	}
	return close(fd);
}

static int act_nothing(int fd)
{
	return fd;
}

static int act_ftruncate_same(int fd)
{
	return ftruncate(fd, 10);
}

static int act_write(int fd)
{
	return write(fd, "x", 1) == 1 ? 0 : -1;
}

static int act_write_nothing(int fd)
{
	return write(fd, "x", 0) == 0 ? 0 : -1;
}

static int act_write_mapped(int fd)
{
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -1;
	map[0] = 'x';
	if (msync(map, 4096, MS_SYNC) < 0)
		return -1;
	return munmap(map, 4096);
}

static int act_punch(int fd)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5);
}

static int act_fallocate(int fd)
{
	return fallocate(fd, 0, 0, 100);
}

static int act_fchmod(int fd)
{
	return fchmod(fd, 0600);
}

static int do_ftruncate_same(void)
{
	return with_file(O_RDWR, act_ftruncate_same);
}

static int do_write(void)
{
	return with_file(O_RDWR, act_write);
}

static int do_write_nothing(void)
{
	return with_file(O_RDWR, act_write_nothing);
}

static int do_append(void)
{
	return with_file(O_RDWR | O_APPEND, act_write);
}

static int do_write_mapped(void)
{
	return with_file(O_RDWR | O_NOATIME, act_write_mapped);
}

static int do_punch(void)
{
	return with_file(O_RDWR, act_punch);
}

static int do_fallocate(void)
{
	return with_file(O_RDWR, act_fallocate);
}

static int do_open_trunc(void)
{
	return with_file(O_RDWR | O_TRUNC, act_nothing);
}

static int do_open_to_write(void)
{
	return with_file(O_RDWR, act_nothing);
}

static int do_open_creat_existing(void)
{
	return with_file(O_RDWR | O_CREAT, act_nothing);
}

static int do_fchmod(void)
{
	return with_file(O_RDONLY, act_fchmod);
}

static int do_setxattr(void)
{
	return setxattr("file", "user.note", "x", 1, 0);
}

static int do_utimens_now(void)
{
	return utimensat(AT_FDCWD, "file", NULL, 0);
}

static int utimens(const char *path, long atime, long mtime, int flags)
{
	struct timespec times[2] = {{1000000000, atime}, {1000000000, mtime}};

	return utimensat(AT_FDCWD, path, times, flags);
}

static int do_utimens_mtime(void)
{
	return utimens("file", UTIME_OMIT, 5, 0);
}

static int do_utimens_atime(void)
{
	return utimens("file", 5, UTIME_OMIT, 0);
}

static int do_utimens_link(void)
{
	return utimens("link", 5, 5, AT_SYMLINK_NOFOLLOW);
}

static int do_utimens_none(void)
{
	return utimens("file", UTIME_OMIT, UTIME_OMIT, 0);
}

static const struct {
	const char *name;
	int (*act)(void);
	const char *before; /* the object, and where it is afterwards; NULL: there is none */
	const char *after;
	unsigned int times; /* of the object that change */
	int links; /* so many more it has */
	const char *dir; /* another directory than "." that changes; NULL: none */
	int dir_links;
	unsigned int parent; /* times of "." that change */
	int parent_links;
} effects[] = {
#define MC (MTIME | CTIME)
	{"create", do_create, NULL, "new", 0, 0, NULL, 0, MC, 0},
	{"mkdir", do_mkdir, NULL, "new", 0, 0, NULL, 0, MC, 1},
	{"rmdir", do_rmdir, NULL, NULL, 0, 0, NULL, 0, MC, -1},
	{"mkfifo", do_mkfifo, NULL, "new", 0, 0, NULL, 0, MC, 0},
	{"symlink", do_symlink, NULL, "new", 0, 0, NULL, 0, MC, 0},
	{"link", do_link, "file", "new", CTIME, 1, NULL, 0, MC, 0},
	{"link in another directory", do_link_elsewhere, "file", "dir/new", CTIME, 1, "dir", 0, 0,
	 0},
	{"unlink", do_unlink, NULL, NULL, 0, 0, NULL, 0, MC, 0},
	{"unlink of one name of two", do_unlink_one_of_two, "hard", "twin", CTIME, -1, NULL, 0, MC,
	 0},
	{"rename", do_rename, "file", "new", CTIME, 0, NULL, 0, MC, 0},
	{"rename to elsewhere", do_rename_elsewhere, "file", "dir/new", CTIME, 0, "dir", 0, MC, 0},
	{"rename of a directory to elsewhere", do_rename_dir_elsewhere, "full", "dir/new", CTIME, 0,
	 "dir", 1, MC, -1},
	{"rename over one name of two", do_rename_over, "twin", "twin", CTIME, -1, NULL, 0, MC, 0},
	{"exchange", do_exchange, "file", "full/inner", CTIME, 0, "full", 0, MC, 0},
	{"rename to another name of itself", do_rename_to_itself, "hard", "twin", 0, 0, NULL, 0, 0,
	 0},
	{"chmod", do_chmod, "file", "file", CTIME, 0, NULL, 0, 0, 0},
	{"chmod to what it is", do_chmod_same, "file", "file", CTIME, 0, NULL, 0, 0, 0},
	{"fchmod", do_fchmod, "file", "file", CTIME, 0, NULL, 0, 0, 0},
	{"chmod of a directory", do_chmod_dir, "dir", "dir", CTIME, 0, NULL, 0, 0, 0},
	{"chown", do_chown, "file", "file", CTIME, 0, NULL, 0, 0, 0},
	{"lchown", do_lchown, "link", "link", CTIME, 0, NULL, 0, 0, 0},
	{"truncate to less", do_truncate_shorter, "file", "file", MC, 0, NULL, 0, 0, 0},
	{"truncate to more", do_truncate_longer, "file", "file", MC, 0, NULL, 0, 0, 0},
	{"ftruncate to what it is", do_ftruncate_same, "file", "file", MC, 0, NULL, 0, 0, 0},
	{"write", do_write, "file", "file", MC, 0, NULL, 0, 0, 0},
	{"write of nothing", do_write_nothing, "file", "file", 0, 0, NULL, 0, 0, 0},
	{"append", do_append, "file", "file", MC, 0, NULL, 0, 0, 0},
	{"write by mmap", do_write_mapped, "file", "file", MC, 0, NULL, 0, 0, 0},
	{"punch", do_punch, "file", "file", MC, 0, NULL, 0, 0, 0},
	{"fallocate", do_fallocate, "file", "file", MC, 0, NULL, 0, 0, 0},
	{"open(O_TRUNC)", do_open_trunc, "file", "file", MC, 0, NULL, 0, 0, 0},
	{"open to write", do_open_to_write, "file", "file", 0, 0, NULL, 0, 0, 0},
	{"open(O_CREAT) of what is there", do_open_creat_existing, "file", "file", 0, 0, NULL, 0, 0,
	 0},
	{"setxattr", do_setxattr, "file", "file", CTIME, 0, NULL, 0, 0, 0},
	{"utimensat now", do_utimens_now, "file", "file", ATIME | MC, 0, NULL, 0, 0, 0},
	{"utimensat of mtime", do_utimens_mtime, "file", "file", MC, 0, NULL, 0, 0, 0},
	{"utimensat of atime", do_utimens_atime, "file", "file", ATIME | CTIME, 0, NULL, 0, 0, 0},
	{"utimensat of a link", do_utimens_link, "link", "link", ATIME | MC, 0, NULL, 0, 0, 0},
	{"utimensat of nothing", do_utimens_none, "file", "file", 0, 0, NULL, 0, 0, 0},
};

static void compare(const char *what, const char *path, const struct stat *before,
		    unsigned int times, int links)
{
	struct stat after = posix_stat(path);
	unsigned int changed = posix_changed(before, &after);

	if (changed != times)
		wrong("%s of %s: changes%s, not%s", effects[posix_case].name, what,
		      posix_times(changed), posix_times(times));
	if (after.st_ino != before->st_ino)
		wrong("%s: makes %s another one", effects[posix_case].name, what);
	if ((int)after.st_nlink - (int)before->st_nlink != links)
		wrong("%s: links of %s were %d and are %d", effects[posix_case].name, what,
		      (int)before->st_nlink, (int)after.st_nlink);
}

static void each_change_moves_its_times_and_counts_alone(void)
{
	struct stat object = {0}, dir = {0}, parent, after;
	const char *path = effects[posix_case].before;

	if (path)
		object = posix_stat(path);
	if (effects[posix_case].dir)
		dir = posix_stat(effects[posix_case].dir);
	parent = posix_stat(".");
	posix_tick();
	if (effects[posix_case].act() < 0)
		wrong("%s: %s", effects[posix_case].name, strerror(errno));
	if (path) {
		compare("the object", effects[posix_case].after, &object, effects[posix_case].times,
			effects[posix_case].links);
	} else if (effects[posix_case].after) {
		after = posix_stat(effects[posix_case].after);
		equals(after.st_nlink, S_ISDIR(after.st_mode) ? 2 : 1);
		equals(after.st_ctim.tv_sec >= parent.st_ctim.tv_sec, true);
	}
	if (effects[posix_case].dir)
		compare("the other directory", effects[posix_case].dir, &dir, MC,
			effects[posix_case].dir_links);
	compare("its directory", ".", &parent, effects[posix_case].parent,
		effects[posix_case].parent_links);
}

static void times_are_kept_to_the_nanosecond(void)
{
	static const struct timespec samples[] = {
		{0, 1},		  {0, 999999999},	    {1700000000, 123456789},
		{-1, 500000000},  {-2000000000, 7},	    {2147483648, 3},
		{5000000000, 42}, {15032385534, 999999999},
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct timespec times[2] = {samples[i], samples[i]};
		struct stat st;

		times[0].tv_sec++;
		if (i + 1 == sizeof(samples) / sizeof(samples[0]))
			times[0] = samples[i];
		works(utimensat(AT_FDCWD, "file", times, 0));
		st = posix_stat("file");
		equals(st.st_atim.tv_sec, times[0].tv_sec);
		equals(st.st_atim.tv_nsec, times[0].tv_nsec);
		equals(st.st_mtim.tv_sec, times[1].tv_sec);
		equals(st.st_mtim.tv_nsec, times[1].tv_nsec);
	}
	refuses(EINVAL, utimens("file", 1000000000, 0, 0));
	refuses(EINVAL, utimens("file", 0, -1, 0));
}

static void times_of_now_lie_between_before_and_after(void)
{
	struct timespec before, after;
	struct stat st;

	clock_gettime(CLOCK_REALTIME_COARSE, &before);
	posix_tick();
	works(posix_make("new", "x", 0644));
	works(utimensat(AT_FDCWD, "file", NULL, 0));
	posix_tick();
	clock_gettime(CLOCK_REALTIME, &after);
	for (int i = 0; i < 2; i++) {
		st = posix_stat(i ? "file" : "new");
		equals(st.st_ctim.tv_sec > before.tv_sec || (st.st_ctim.tv_sec == before.tv_sec &&
							     st.st_ctim.tv_nsec >= before.tv_nsec),
		       true);
		equals(st.st_ctim.tv_sec < after.tv_sec || (st.st_ctim.tv_sec == after.tv_sec &&
							    st.st_ctim.tv_nsec <= after.tv_nsec),
		       true);
	}
}

static void written_times_show_while_the_file_is_open(void)
{
	int fd = works(open("file", O_RDWR));
	struct stat before = posix_stat("file"), after;

	posix_tick();
	equals(write(fd, "x", 1), 1);
	works(fstat(fd, &after));
	equals(posix_changed(&before, &after), MTIME | CTIME);
	before = after;
	posix_tick();
	works(close(fd));
	times_changed("file", before, 0);
	/* Times that were set stay, though something was written before. */
	fd = works(open("file", O_RDWR));
	equals(write(fd, "y", 1), 1);
	works(futimens(fd, (struct timespec[2]){{7, 8}, {9, 10}}));
	works(close(fd));
	equals(posix_stat("file").st_mtim.tv_sec, 9);
	equals(posix_stat("file").st_mtim.tv_nsec, 10);
}

static void removed_file_counts_no_links(void)
{
	int fd = works(open("file", O_RDWR)), over = works(open("other", O_RDWR));
	int dir = works(open("dir", O_RDONLY | O_DIRECTORY));
	struct stat before, after;

	works(fstat(fd, &before));
	posix_tick();
	works(unlink("file"));
	works(fstat(fd, &after));
	equals(after.st_nlink, 0);
	equals(posix_changed(&before, &after), CTIME);
	works(rename("hard", "other"));
	works(fstat(over, &after));
	equals(after.st_nlink, 0);
	works(rmdir("dir"));
	works(fstat(dir, &after));
	equals(after.st_nlink, 0);
	refuses(ENOENT, openat(dir, "new", O_WRONLY | O_CREAT, 0644));
	refuses(ENOENT, mkdirat(dir, "new", 0755));
}

const struct posix_rule posix_time_rules[] = {
	{"each_change_moves_its_times_and_counts_alone",
	 each_change_moves_its_times_and_counts_alone, sizeof(effects) / sizeof(effects[0])},
	RULE(times_are_kept_to_the_nanosecond),
	RULE(times_of_now_lie_between_before_and_after),
	RULE(written_times_show_while_the_file_is_open),
	RULE(removed_file_counts_no_links),
	{NULL, NULL, 0},
};
