/* SPDX-License-Identifier: MIT */
/*
 * posix_record: who may take a name from a directory, by its owner, its sticky bit and the owner of what is
 * named; and what becomes of modes when they, owners or contents are changed.
 */
#include "posix_record.h"

#include <sys/mman.h>
#include <sys/sysmacros.h>

static const struct {
	const char *name;
	mode_t mode;
} kinds[] = {
	{"file", S_IFREG | 0644}, {"dir", S_IFDIR | 0755},   {"link", S_IFLNK},
	{"fifo", S_IFIFO | 0644}, {"sock", S_IFSOCK | 0644}, {"chr", S_IFCHR | 0644},
};

static int make_kind(size_t kind, const char *path, uid_t owner)
{
	mode_t mode = kinds[kind].mode;
	int made = S_ISDIR(mode)   ? mkdir(path, mode & 07777)
		   : S_ISLNK(mode) ? symlink("target", path)
				   : mknod(path, mode, S_ISCHR(mode) ? makedev(1, 3) : 0);

	return made < 0 ? -1 : lchown(path, owner, owner);
}

static const struct record_who the_owner = {"owner", OWNER, OWNER, 0};

static void taken_from(size_t kind, mode_t mode, uid_t dir_owner, uid_t node_owner,
		       uid_t over_owner, unsigned int how)
{
	static const char *const hows[] = {"removed", "renamed", "moved",    "replaced",
					   "swapped", "linked",	 "moved in", "moved over"};

	record_begin(&record_root, "%s %s %o %u %u %u", kinds[kind].name, hows[how], mode,
		     dir_owner, node_owner, over_owner);
	if (mkdir("d", 0) < 0 || mkdir("e", 0) < 0 || make_kind(kind, "d/n", node_owner) < 0 ||
	    make_kind(kind, "d/o", over_owner) < 0 || make_kind(kind, "e/mine", OWNER) < 0 ||
	    chmod("d", mode) < 0 || lchown("d", dir_owner, dir_owner) < 0 || chmod("e", 0777) < 0)
		record_say(" cannot be made");
	record_become(&the_owner);
	switch (how) {
	case 0:
		say_call("is", S_ISDIR(kinds[kind].mode) ? rmdir("d/n") : unlink("d/n"));
		break;
	case 1:
		say_call("is", rename("d/n", "d/new"));
		break;
	case 2:
		say_call("is", rename("d/n", "e/new"));
		break;
	case 3:
		say_call("is", rename("d/n", "d/o"));
		break;
	case 4:
		say_call("is", renameat2(AT_FDCWD, "d/n", AT_FDCWD, "d/o", RENAME_EXCHANGE));
		break;
	case 5:
		say_call("is", link("d/n", "e/new"));
		break;
	case 6:
		say_call("is", rename("e/mine", "d/new"));
		break;
	default:
		say_call("is", rename("e/mine", "d/o"));
		break;
	}
	record_end();
}

void record_owners(void)
{
	static const mode_t modes[] = {0777, 01777, 01755};
	static const uid_t owners[] = {0, OWNER, OTHER};

	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
		for (size_t mode = 0; mode < 3; mode++)
			for (size_t of = 0; of < 27; of++)
				for (unsigned int how = 0; how < 8; how++)
					taken_from(kind, modes[mode], owners[of / 9],
						   owners[of / 3 % 3], owners[of % 3], how);
}

/* What becomes of modes ------------------------------------------------------------------------ */

static long put_byte(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags);
	long got;

	if (fd < 0)
		return -1;
	got = pwrite(fd, "x", 1, 0);
	close(fd);
	return got;
}

static long map_byte(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char *map;
	long got;

	if (fd < 0)
		return -1;
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return -1;
	*map = 'x';
	got = msync(map, 4096, MS_SYNC);
	munmap(map, 4096);
	return got;
}

static long allocate(const char *path, int mode)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	long got;

	if (fd < 0)
		return -1;
	got = fallocate(fd, mode, 0, 3);
	close(fd);
	return got;
}

static long copy_into(const char *path)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
	    fd = open(path, O_RDWR | O_CLOEXEC);
	int own = open("full/in", O_RDONLY | O_CLOEXEC);
	long got = fd < 0 ? -1 : copy_file_range(own, NULL, fd, NULL, 3, 0);

	close(from);
	close(own);
	if (fd >= 0)
		close(fd);
	return got;
}

static long act(unsigned int what, const char *path)
{
	switch (what) {
	case 0:
		return chown(path, (uid_t)-1, (gid_t)-1);
	case 1:
		return chown(path, OWNER, (gid_t)-1);
	case 2:
		return chown(path, (uid_t)-1, GROUP);
	case 3:
		return chown(path, (uid_t)-1, OWNER);
	case 4:
		return chown(path, OTHER, OTHER);
	case 5:
		return chmod(path, 06777);
	case 6:
		return chmod(path, 02711);
	case 7:
		return chmod(path, 01755);
	case 8:
		return put_byte(path, 0);
	case 9:
		return put_byte(path, O_TRUNC);
	case 10:
		return truncate(path, 3);
	case 11:
		return map_byte(path);
	case 12:
		return allocate(path, 0);
	case 13:
		return allocate(path, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	case 14:
		return copy_into(path);
	case 15:
		return put_byte(path, O_SYNC);
	case 16:
		return link(path, "full/new");
	case 17:
		return rename(path, "full/new");
	default:
		return utimensat(AT_FDCWD, path, NULL, 0);
	}
}
#define ACTS 19

static const char *const act_names[ACTS] = {
	"chown -1 -1", "chown owner", "chown :group", "chown :owner", "chown other:other",
	"chmod 6777",  "chmod 2711",  "chmod 1755",   "write",	      "trunc",
	"truncate",    "mmap",	      "fallocate",    "punch",	      "copy",
	"write sync",  "link",	      "rename",	      "utimes",
};

static void make_in(const char *dir, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s-f", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 06777);
	say_call("file", fd);
	close(fd);
	snprintf(path, sizeof(path), "%s/%s-d", dir, name);
	say_call("dir", mkdir(path, 01777));
	snprintf(path, sizeof(path), "%s/%s-s", dir, name);
	say_call("mknod", mknod(path, S_IFREG | 02755, 0));
	snprintf(path, sizeof(path), "%s/%s-t", dir, name);
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 02770);
	say_call("tmpfile", fd < 0 ? -1 : 0);
	if (fd >= 0) {
		char proc[64];

		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
		say_call("named", linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW));
		close(fd);
	}
}

void record_modes(void)
{
	static const mode_t modes[] = {06777, 06766, 02767, 02770, 04700, 01777, 0, 0444, 07111};
	static const struct record_who people[] = {
		{"root", 0, 0, 0},
		{"owner", OWNER, OWNER, 0},
		{"owner in group", OWNER, OWNER, GROUP},
		{"member", OTHER, OTHER, GROUP},
		{"primary member", OTHER, GROUP, 0},
		{"stranger", OTHER, OTHER, 0},
	};

	for (unsigned int i = 0; i < 6 * 9 * ACTS * 2; i++) {
		bool is_dir = i % 2;
		unsigned int what = i / 2 % ACTS;
		mode_t mode = modes[i / 2 / ACTS % 9];
		const struct record_who *who = &people[i / 2 / ACTS / 9];
		const char *path = is_dir ? "dir" : "file";

		record_begin(&record_root, "%s of %s %o as %s", act_names[what], path, mode,
			     who->name);
		if (chmod(path, mode) < 0)
			record_say(" no chmod");
		record_tick();
		record_become(who);
		say_call("is", act(what, path));
		record_end();
	}
	for (unsigned int i = 0; i < 6 * 4; i++) {
		const char *dir = (const char *[]){"dir", "sgid", "sticky", "full"}[i % 4];

		record_begin(&people[i / 4], "new in %s as %s", dir, people[i / 4].name);
		make_in(dir, "plain");
		umask(027);
		make_in(dir, "masked");
		umask(0);
		record_end();
	}
}
