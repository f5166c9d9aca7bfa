/* SPDX-License-Identifier: MIT */
/*
 * A library for LD_PRELOAD that records what a program does to the files of one folder, so that
 * powercut_replay can make the states that a power cut may leave. In the environment:
 *
 *	POWERCUT_FOLDER  the folder, absolute; folders in it are not looked at
 *	POWERCUT_LOG     where to append; see powercut_log.h
 *	POWERCUT_FAIL    instead of recording: "N:ERRNO", write N and those behind it fail so; with
 *	                 "N:short" write N is half done; with "N:ERRNO:once" only that one. A write is
 *	                 one of write, pwrite, writev, pwritev, ftruncate, fallocate, fsync, fdatasync.
 *
 * Calls are recorded when they return, one at a time, so a sync covers all that is recorded before
 * it. Copying inside of the kernel is refused: programs fall back to what can be seen.
 */
#undef _FILE_OFFSET_BITS /* both names of each call are defined here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "powercut_log.h"

#define FILES_MAX 4096 /* inodes of the folder */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_len;
static int log_fd = -1;
static ino_t files[FILES_MAX];
static size_t files_count;
static long fail_at = -1, writes;
static int fail_errno; /* 0: a short write */
static bool fail_once;

#define REAL(name) ((__typeof__(&(name)))real(#name))

static void *real(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (!symbol)
		abort();
	return symbol;
}

__attribute__((constructor)) static void start(void)
{
	const char *where = getenv("POWERCUT_FOLDER"), *log = getenv("POWERCUT_LOG");
	const char *fail = getenv("POWERCUT_FAIL");
	char *end;

	if (!where || !realpath(where, folder))
		return;
	folder_len = strlen(folder);
	if (fail) {
		fail_at = strtol(fail, &end, 10);
		fail_errno = *end == ':' ? atoi(end + 1) : 0;
		fail_once = strstr(fail, ":once") || !fail_errno;
	}
	if (log)
		log_fd = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The name in the folder that @path leads to, or NULL. */
static const char *name_of(const char *path, char *buf)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (!folder_len || strlen(path) >= sizeof(parent))
		return NULL;
	snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	if (slash == path)
		strcpy(parent, "/");
	if (!realpath(parent, buf) || strcmp(buf, folder))
		return NULL;
	return name;
}

static void record(enum powercut_type type, ino_t file, uint64_t offset, uint64_t count,
		   const char *name, const struct iovec *data, int data_count)
{
	struct powercut_record head = {.magic = POWERCUT_MAGIC,
				       .type = type,
				       .file = file,
				       .offset = offset,
				       .count = count,
				       .name_len = name ? (uint32_t)strlen(name) : 0};
	struct iovec vec[IOV_MAX];
	uint64_t left = count;
	int used = 2;

	if (log_fd < 0)
		return;
	vec[0] = (struct iovec){&head, sizeof(head)};
	vec[1] = (struct iovec){(void *)(uintptr_t)name, head.name_len};
	for (int i = 0; i < data_count && left && used < IOV_MAX; i++, used++) {
		vec[used] = data[i];
		if (vec[used].iov_len > left)
			vec[used].iov_len = left;
		left -= vec[used].iov_len;
		head.data_len += (uint32_t)vec[used].iov_len;
	}
	if (REAL(writev)(log_fd, vec, used) < (ssize_t)sizeof(head))
		abort();
}

static bool known(ino_t file)
{
	for (size_t i = 0; i < files_count; i++) {
		if (files[i] == file)
			return true;
	}
	return false;
}

/* Whether @fd is a file of the folder, or the folder (*@out_file 0). */
static bool is_ours(int fd, ino_t *out_file)
{
	struct stat st, top;

	if (!folder_len || fstat(fd, &st))
		return false;
	*out_file = st.st_ino;
	if (S_ISREG(st.st_mode))
		return known(st.st_ino);
	if (!S_ISDIR(st.st_mode) || stat(folder, &top) || top.st_ino != st.st_ino)
		return false;
	*out_file = 0;
	return true;
}

/* Whether this write is to fail; counts it. */
static bool fails(void)
{
	long number = fail_at < 0 ? 0 : writes++;

	return fail_at >= 0 && (number == fail_at || (number > fail_at && !fail_once));
}

/* Names -------------------------------------------------------------------------------------------- */

static int do_open(int at, const char *path, int flags, mode_t mode)
{
	char buf[PATH_MAX];
	const char *name = at == AT_FDCWD || *path == '/' ? name_of(path, buf) : NULL;
	struct stat st;
	bool existed;
	int fd;

	if (!name || (flags & O_ACCMODE) == O_RDONLY)
		return REAL(openat)(at, path, flags, mode);
	pthread_mutex_lock(&lock);
	existed = !lstat(path, &st);
	fd = REAL(openat)(at, path, flags, mode);
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode)) {
		if (!known(st.st_ino) && files_count < FILES_MAX)
			files[files_count++] = st.st_ino;
		record(existed ? POWERCUT_OPEN : POWERCUT_CREATE, st.st_ino, 0, 0, name, NULL, 0);
		if (existed && flags & O_TRUNC)
			record(POWERCUT_RESIZE, st.st_ino, 0, 0, NULL, NULL, 0);
	}
	pthread_mutex_unlock(&lock);
	return fd;
}

#define MODE_ARGUMENT(flags, mode)                                                                 \
	do {                                                                                       \
		va_list args_;                                                                     \
		va_start(args_, flags);                                                            \
		(mode) = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(args_, mode_t) : 0;              \
		va_end(args_);                                                                     \
	} while (0)

int open(const char *path, int flags, ...)
{
	mode_t mode;

	MODE_ARGUMENT(flags, mode);
	return do_open(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode;

	MODE_ARGUMENT(flags, mode);
	return do_open(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	mode_t mode;

	MODE_ARGUMENT(flags, mode);
	return do_open(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
	mode_t mode;

	MODE_ARGUMENT(flags, mode);
	return do_open(at, path, flags, mode);
}

int rename(const char *from, const char *to)
{
	char from_buf[PATH_MAX], to_buf[PATH_MAX];
	const char *from_name = name_of(from, from_buf), *to_name = name_of(to, to_buf);
	int result;

	pthread_mutex_lock(&lock);
	result = REAL(rename)(from, to);
	if (!result && from_name && to_name) {
		struct iovec data = {(void *)(uintptr_t)to_name, strlen(to_name)};

		record(POWERCUT_RENAME, 0, 0, data.iov_len, from_name, &data, 1);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

int unlink(const char *path)
{
	char buf[PATH_MAX];
	const char *name = name_of(path, buf);
	int result;

	pthread_mutex_lock(&lock);
	result = REAL(unlink)(path);
	if (!result && name)
		record(POWERCUT_UNLINK, 0, 0, 0, name, NULL, 0);
	pthread_mutex_unlock(&lock);
	return result;
}

/* Data --------------------------------------------------------------------------------------------- */

/* @offset -1: at the file's own position. */
static ssize_t do_write(int fd, const struct iovec *vec, int count, off_t offset)
{
	ino_t file = 0;
	bool ours = is_ours(fd, &file), line = folder_len && fd == STDOUT_FILENO && !ours;
	struct iovec half;
	off_t at = offset;
	ssize_t n;

	if (!ours && !line)
		return offset < 0 ? REAL(writev)(fd, vec, count)
				  : REAL(pwritev)(fd, vec, count, offset);
	pthread_mutex_lock(&lock);
	if (ours && fails()) {
		if (fail_errno || vec[0].iov_len < 2) {
			pthread_mutex_unlock(&lock);
			errno = fail_errno ? fail_errno : ENOSPC;
			return -1;
		}
		half = (struct iovec){vec[0].iov_base, vec[0].iov_len / 2};
		vec = &half;
		count = 1;
	}
	if (at < 0 && ours)
		at = lseek(fd, 0, SEEK_CUR);
	n = offset < 0 ? REAL(writev)(fd, vec, count) : REAL(pwritev)(fd, vec, count, offset);
	if (n > 0 && ours)
		record(fcntl(fd, F_GETFL) & O_DSYNC ? POWERCUT_WRITE_SYNCED : POWERCUT_WRITE, file,
		       (uint64_t)at, (uint64_t)n, NULL, vec, count);
	else if (n > 0)
		record(POWERCUT_LINE, 0, 0, (uint64_t)n, NULL, vec, count);
	pthread_mutex_unlock(&lock);
	return n;
}

ssize_t write(int fd, const void *buf, size_t len)
{
	return do_write(fd, &(struct iovec){(void *)(uintptr_t)buf, len}, 1, -1);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	return do_write(fd, &(struct iovec){(void *)(uintptr_t)buf, len}, 1, offset);
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t offset)
{
	return do_write(fd, &(struct iovec){(void *)(uintptr_t)buf, len}, 1, offset);
}

ssize_t writev(int fd, const struct iovec *vec, int count)
{
	return do_write(fd, vec, count, -1);
}

ssize_t pwritev(int fd, const struct iovec *vec, int count, off_t offset)
{
	return do_write(fd, vec, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *vec, int count, off64_t offset)
{
	return do_write(fd, vec, count, offset);
}

static int do_resize(int fd, off_t size)
{
	ino_t file = 0;
	int result = -1;

	if (!is_ours(fd, &file))
		return REAL(ftruncate)(fd, size);
	pthread_mutex_lock(&lock);
	if (fails()) {
		errno = fail_errno ? fail_errno : ENOSPC;
	} else {
		result = REAL(ftruncate)(fd, size);
		if (!result)
			record(POWERCUT_RESIZE, file, (uint64_t)size, 0, NULL, NULL, 0);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

int ftruncate(int fd, off_t size)
{
	return do_resize(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
	return do_resize(fd, size);
}

static int do_truncate(const char *path, off_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), result, err;

	if (fd < 0)
		return -1;
	result = do_resize(fd, size);
	err = errno;
	close(fd);
	errno = err;
	return result;
}

int truncate(const char *path, off_t size)
{
	return do_truncate(path, size);
}

int truncate64(const char *path, off64_t size)
{
	return do_truncate(path, size);
}

static int do_fallocate(int fd, int mode, off_t offset, off_t len)
{
	ino_t file = 0;
	int result = -1;

	if (!is_ours(fd, &file))
		return REAL(fallocate)(fd, mode, offset, len);
	pthread_mutex_lock(&lock);
	if (fails()) {
		errno = fail_errno ? fail_errno : ENOSPC;
	} else {
		result = REAL(fallocate)(fd, mode, offset, len);
		if (!result && mode & FALLOC_FL_PUNCH_HOLE)
			record(POWERCUT_ZERO, file, (uint64_t)offset, (uint64_t)len, NULL, NULL, 0);
		else if (!result && !(mode & FALLOC_FL_KEEP_SIZE))
			record(POWERCUT_EXTEND, file, (uint64_t)(offset + len), 0, NULL, NULL, 0);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	return do_fallocate(fd, mode, offset, len);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t len)
{
	return do_fallocate(fd, mode, offset, len);
}

/* Syncs -------------------------------------------------------------------------------------------- */

static int do_sync(int fd, int (*sync_fd)(int))
{
	ino_t file = 0;
	int result = -1;

	if (!is_ours(fd, &file))
		return sync_fd(fd);
	pthread_mutex_lock(&lock);
	if (fails()) {
		errno = fail_errno ? fail_errno : EIO;
	} else {
		/* The disk is not what is tested: the program learns no more from a real one. */
		result = 0;
		record(file ? POWERCUT_SYNC : POWERCUT_SYNC_FOLDER, file, 0, 0, NULL, NULL, 0);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

int fsync(int fd)
{
	return do_sync(fd, REAL(fsync));
}

int fdatasync(int fd)
{
	return do_sync(fd, REAL(fdatasync));
}

/* Refused ------------------------------------------------------------------------------------------ */

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t len,
			unsigned int flags)
{
	ino_t file;

	if (is_ours(to, &file)) {
		errno = ENOSYS;
		return -1;
	}
	return REAL(copy_file_range)(from, from_offset, to, to_offset, len, flags);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *argument;
	ino_t file;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (request == FICLONE && is_ours(fd, &file)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return REAL(ioctl)(fd, request, argument);
}
