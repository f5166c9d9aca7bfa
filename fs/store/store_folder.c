/* SPDX-License-Identifier: MIT */
/*
 * The lock of a store's folder: a lock on the file `lock` that belongs to the open file description
 * (fcntl, F_OFD_SETLK). However the process ends, it is gone; and unlike with flock, whether there
 * is one can be asked without taking it, so that listing overlays never makes a mount fail. The
 * content of the file says who has it, for messages; it is no lock, and may be stale or missing.
 *
 * The lock is on the first byte. A reader, which may not be the only one and may not be able to write,
 * does not sign: it locks one more byte, whose place says the number of its process.
 */
#include "store/store_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store.h"

#define LOCK_NAME "lock"
#define LOCK_BYTES 1
#define READERS_START ((off_t)1 << 32) /* of process 0 */
#define HOLDER_BYTES 128 /* of the file that are looked at */
#define HOLDER_WORDS 2 /* of the command line: "bramble mount" */

int store_folder_sync(const char *path)
{
	CLEANUP(closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fsync(fd) ? -errno : 0;
}

char *store_folder_path(const char *folder, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* Who we are --------------------------------------------------------------------------------------- */

/* The first words of a command line of @len bytes, each ended by NUL, in @text. */
static void first_words(char *text, size_t len)
{
	char *slash, *end = text;

	text[len] = '\0';
	slash = strrchr(text, '/');
	if (slash)
		memmove(text, slash + 1, len - (size_t)(slash - text));
	len -= slash ? (size_t)(slash + 1 - text) : 0;
	for (int word = 0; word < HOLDER_WORDS && end < text + len; word++) {
		if (word)
			end[-1] = ' ';
		end += strlen(end) + 1;
	}
	text[end > text ? end - text - 1 : 0] = '\0';
}

/* What others have written must not command a terminal. */
static void make_plain(char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

/* What process @pid is called, as far as we may know: "bramble mount", else "". */
static void process_name(long pid, char *text, size_t size)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	first_words(text, n > 0 ? (size_t)n : 0);
	make_plain(text);
}

/* Writes who we are to the lock, which we hold alone. That it cannot be written matters little. */
static void sign(int fd)
{
	char line[HOLDER_BYTES], name[HOLDER_BYTES - 32];
	int len;

	process_name(getpid(), name, sizeof(name));
	len = snprintf(line, sizeof(line), "pid %ld %s\n", (long)getpid(), name);
	if (ftruncate(fd, 0) || pwrite(fd, line, (size_t)len, 0) != len)
		log_debug("store: cannot sign the lock: %s", strerror(errno));
}

/* Of one that ended we should not speak; without /proc and from another container we cannot know. */
static bool is_alive(long pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%ld", pid);
	return kill((pid_t)pid, 0) == 0 || errno != ESRCH || stat(path, &st) == 0;
}

/* Who holds the lock, from what it says: "process 123 (bramble mount)". NULL: unknown. */
static char *read_holder(int fd)
{
	char line[HOLDER_BYTES + 1], *end, *text = NULL;
	ssize_t n = pread(fd, line, HOLDER_BYTES, 0);
	long pid;

	if (n <= 0)
		return NULL;
	line[n] = '\0';
	if (strncmp(line, "pid ", 4))
		return NULL;
	errno = 0;
	pid = strtol(line + 4, &end, 10);
	if (errno || pid <= 0 || (*end != ' ' && *end != '\n'))
		return NULL;
	if (!is_alive(pid))
		return NULL;
	end += strspn(end, " ");
	end[strcspn(end, "\n")] = '\0';
	make_plain(end);
	if (*end)
		n = asprintf(&text, "process %ld (%s)", pid, end);
	else
		n = asprintf(&text, "process %ld", pid);
	return n < 0 ? NULL : text;
}

/* The lock ----------------------------------------------------------------------------------------- */

/* *@out_fd is -1 where there is no such file and none can be made. */
static int open_lock(const char *path, bool shared, int *out_fd)
{
	CLEANUP(freep) char *name = store_folder_path(path, LOCK_NAME);
	int fd;

	if (!name)
		return -ENOMEM;
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && shared && (errno == EROFS || errno == EACCES || errno == EPERM)) {
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno == ENOENT)
			errno = EROFS;
	}
	if (fd < 0 && !(shared && errno == EROFS))
		return -errno;
	*out_fd = fd;
	return 0;
}

/* Says for those who ask that this process is a reader. That it cannot be said matters little. */
static void sign_reader(int fd)
{
	struct flock lock = {
		.l_type = F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = READERS_START + getpid(),
		.l_len = 1,
	};

	if (fcntl(fd, F_OFD_SETLK, &lock))
		log_debug("store: cannot sign the lock: %s", strerror(errno));
}

/* One of the readers: "process 123 (bramble mount)". NULL: unknown. */
static char *find_reader(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = READERS_START};
	char name[HOLDER_BYTES], *text;
	long pid;
	int n;

	if (fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK)
		return NULL;
	pid = (long)(lock.l_start - READERS_START);
	if (pid <= 0 || !is_alive(pid))
		return NULL;
	process_name(pid, name, sizeof(name));
	n = *name ? asprintf(&text, "process %ld (%s)", pid, name)
		  : asprintf(&text, "process %ld", pid);
	return n < 0 ? NULL : text;
}

/* Whether another has a lock that is in the way of one of @type. F_UNLCK: nobody. */
static int ask(int fd, short type, short *out)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_len = LOCK_BYTES};

	if (fcntl(fd, F_OFD_GETLK, &lock))
		return -errno;
	*out = lock.l_type;
	return 0;
}

/* Whoever is in the way of a lock. NULL: unknown. */
static char *find_holder(int fd)
{
	short type = F_UNLCK;

	if (ask(fd, F_WRLCK, &type))
		return NULL;
	return type == F_WRLCK ? read_holder(fd) : find_reader(fd);
}

/* -EBUSY: another has it. */
static int set_lock(int fd, bool shared)
{
	struct flock lock = {
		.l_type = shared ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
		.l_len = LOCK_BYTES,
	};

	while (fcntl(fd, F_OFD_SETLK, &lock)) {
		if (errno != EINTR)
			return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	}
	return 0;
}

int store_folder_lock(const char *path, bool shared, int *out_fd, char **out_holder)
{
	CLEANUP(closep) int fd = -1;
	int err = open_lock(path, shared, &fd);

	if (out_holder)
		*out_holder = NULL;
	if (err)
		return err;
	if (fd < 0) {
		/* Nobody can write here, so there is nothing to be kept from. */
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		*out_fd = take_fd(&fd);
		return 0;
	}
	err = set_lock(fd, shared);
	if (err) {
		if (err == -EBUSY && out_holder)
			*out_holder = find_holder(fd);
		return err;
	}
	if (shared)
		sign_reader(fd);
	else
		sign(fd);
	*out_fd = take_fd(&fd);
	return 0;
}

int store_folder_lock_left(const char *path, int *out_fd)
{
	CLEANUP(freep) char *name = store_folder_path(path, LOCK_NAME);
	CLEANUP(closep) int fd = -1;
	int err;

	if (!name)
		return -ENOMEM;
	fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	err = set_lock(fd, false);
	if (!err)
		*out_fd = take_fd(&fd);
	return err;
}

int store_folder_holder(const char *path, char **out_holder)
{
	CLEANUP(freep) char *name = store_folder_path(path, LOCK_NAME);
	CLEANUP(closep) int fd = -1;
	char *holder = NULL;
	short type = F_UNLCK;
	int err;

	if (!name)
		return -ENOMEM;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return -errno;
	err = fd < 0 ? 0 : ask(fd, F_WRLCK, &type);
	if (err)
		return err;
	if (type != F_UNLCK)
		holder = find_holder(fd);
	if (type != F_UNLCK && !holder) {
		holder = strdup(type == F_WRLCK ? "another process" : "a reader");
		if (!holder)
			return -ENOMEM;
	}
	*out_holder = holder;
	return 0;
}
