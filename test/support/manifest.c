/* SPDX-License-Identifier: MIT */
/*
 * manifest [--without FIELD,...] [--map] DIR: prints the directory of this machine, a mount for
 * example, as lines that manifest.h describes. --map adds where lseek(2) finds data; "--without hash" opens no file. Exits 1 where
 * something could not be read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "support/manifest.h"

#define DEPTH_MAX 300
#define BUFFER_BYTES (1u << 17)

static bool with_map;
static dev_t device; /* what is mounted below is not shown */

static char dtype_letter(unsigned char type)
{
	return type == DT_UNKNOWN ? 'u' : manifest_type((uint32_t)DTTOIF(type));
}

static void print_content(int fd)
{
	CLEANUP(freep) char *buffer = malloc(BUFFER_BYTES);
	uint64_t hash = MANIFEST_HASH_START;
	ssize_t n;

	while ((n = read(fd, buffer, BUFFER_BYTES)) > 0)
		hash = manifest_hash(hash, buffer, (size_t)n);
	if (n < 0)
		manifest_error("hash", errno);
	else
		manifest_hash_print(hash);
}

static void print_map(int fd, off_t size)
{
	off_t hole, data = lseek(fd, 0, SEEK_DATA);

	fputs(" map=", stdout);
	while (data >= 0 && data < size) {
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole <= data)
			break;
		printf("%lld-%lld,", (long long)data, (long long)hole);
		data = lseek(fd, hole, SEEK_DATA);
	}
	if (data < 0 && errno != ENXIO)
		manifest_error("map", errno);
	lseek(fd, 0, SEEK_SET);
}

static void print_file(int dir, const char *name, off_t size)
{
	CLEANUP(closep) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		manifest_error("hash", errno);
		return;
	}
	/* before the pages are read: then the kernel counts them as data of unwritten extents */
	if (with_map)
		print_map(fd, size);
	print_content(fd);
}

/* O_PATH file descriptors have no attributes of their own; their names below /proc do. */
static void print_xattrs(const char *at)
{
	static char list[1 << 17], value[1 << 17];
	struct manifest_names names = {0};
	ssize_t len = llistxattr(at, list, sizeof(list));

	if (len < 0 && errno != EOPNOTSUPP)
		manifest_error("xattrs", errno);
	for (char *name = list; len > 0 && name < list + len; name += strlen(name) + 1)
		manifest_names_add(&names, name, strlen(name));
	manifest_names_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		struct manifest_xattr xattr = {.name = names.names[i], .value = value};
		ssize_t size = lgetxattr(at, xattr.name, value, sizeof(value));

		xattr.error = size < 0 ? errno : 0;
		xattr.size = size < 0 ? 0 : (size_t)size;
		manifest_xattr_print(&xattr);
	}
	manifest_names_finish(&names);
}

static void print_target(int dir, const char *name)
{
	static char target[8192];
	ssize_t len = readlinkat(dir, name, target, sizeof(target));

	if (len < 0)
		manifest_error("target", errno);
	else
		manifest_text("target", target, (size_t)len);
}

/* One line. @dir is open and the working directory, so that paths of any length work. */
static int print_entry(int dir, const char *name, const char *path, char dtype, struct stat *st)
{
	struct manifest_node node;

	manifest_escaped(path, strlen(path));
	if (fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) < 0) {
		manifest_error("stat", errno);
		putchar('\n');
		return -1;
	}
	node = (struct manifest_node){
		.ino = strcmp(path, "/") ? st->st_ino : 0,
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
		.mtime = st->st_mtim,
		.atime = st->st_atim,
		.ctime = st->st_ctim,
	};
	manifest_node_print(&node);
	if (manifest_shows("dtype") && strcmp(path, "/"))
		printf(" dtype=%c", dtype);
	if (S_ISLNK(st->st_mode))
		print_target(dir, name);
	if (S_ISREG(st->st_mode) && manifest_shows("hash"))
		print_file(dir, name, st->st_size);
	if (manifest_shows("xattr"))
		print_xattrs(name);
	putchar('\n');
	return 0;
}

/* The names of @dir, each followed by \001, so that it sorts as itself, and its d_type's letter. */
static int read_names(int dir, struct manifest_names *names)
{
	struct dirent *entry;
	DIR *stream;
	int err;

	stream = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 0));
	if (!stream)
		return errno;
	while ((void)(errno = 0), (entry = readdir(stream))) {
		char name[sizeof(entry->d_name) + 3];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s\001%c", entry->d_name,
			 dtype_letter(entry->d_type));
		manifest_names_add(names, name, strlen(name));
	}
	err = errno;
	closedir(stream);
	return err;
}

static void walk(int parent, const char *name, const char *path, int depth)
{
	CLEANUP(closep)
	int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct manifest_names names = {0};
	int err;

	err = dir < 0 ? errno : depth > DEPTH_MAX ? ELOOP : read_names(dir, &names);
	manifest_names_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		char *child = names.names[i];
		char dtype = child[strlen(child) - 1];
		CLEANUP(freep) char *child_path = NULL;
		struct stat st;

		child[strlen(child) - 2] = '\0';
		child_path = manifest_join(path, child);
		if (fchdir(dir) < 0 || print_entry(dir, child, child_path, dtype, &st))
			continue;
		if (S_ISDIR(st.st_mode) && st.st_dev == device)
			walk(dir, child, child_path, depth + 1);
	}
	if (err) {
		manifest_escaped(path, strlen(path));
		manifest_error("list", err);
		putchar('\n');
	}
	manifest_names_finish(&names);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"without", required_argument, NULL, 'w'},
		{"map", no_argument, NULL, 'm'},
		{NULL, 0, NULL, 0},
	};
	struct stat st;
	int opt;

	while ((opt = getopt_long(argc, argv, "w:m", options, NULL)) != -1) {
		if (opt == 'w')
			manifest_leave_out(optarg);
		else if (opt == 'm')
			with_map = true;
		else
			return 2;
	}
	if (argc - optind != 1) {
		fputs("usage: manifest [--without FIELD,...] [--map] DIR\n", stderr);
		return 2;
	}
	if (chdir(argv[optind]) < 0 || stat(".", &st) < 0) {
		perror(argv[optind]);
		return 2;
	}
	device = st.st_dev;
	if (print_entry(AT_FDCWD, ".", "/", 'd', &st) == 0)
		walk(AT_FDCWD, ".", "/", 0);
	return manifest_status();
}
