/* SPDX-License-Identifier: MIT */
/*
 * To be preloaded: ends the process at once before its call number KILL_AT that changes files, as
 * `kill -9` would. So each moment at which an operation may be broken off can be tried in turn.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int calls;

static void count(void)
{
	const char *at = getenv("KILL_AT");

	if (at && atomic_fetch_add(&calls, 1) + 1 == atoi(at))
		raise(SIGKILL);
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to)
{
	count();
	return REAL(rename)(from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	count();
	return REAL(renameat)(from_dir, from, to_dir, to);
}

int unlinkat(int dir, const char *path, int flags)
{
	count();
	return REAL(unlinkat)(dir, path, flags);
}

int unlink(const char *path)
{
	count();
	return REAL(unlink)(path);
}

int remove(const char *path)
{
	count();
	return REAL(remove)(path);
}

int mkdir(const char *path, mode_t mode)
{
	count();
	return REAL(mkdir)(path, mode);
}

char *mkdtemp(char *path)
{
	count();
	return REAL(mkdtemp)(path);
}

int fsync(int fd)
{
	count();
	return REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	count();
	return REAL(fdatasync)(fd);
}

int ftruncate(int fd, off_t size)
{
	count();
	return REAL(ftruncate)(fd, size);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	count();
	return REAL(write)(fd, buf, len);
}

ssize_t pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	count();
	return REAL(pwrite)(fd, buf, len, offset);
}

ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t len,
			unsigned int flags)
{
	count();
	return REAL(copy_file_range)(in, in_at, out, out_at, len, flags);
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_list args;

		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
		count();
	}
	return REAL(open)(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_list args;

		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
		count();
	}
	return REAL(openat)(dir, path, flags, mode);
}
