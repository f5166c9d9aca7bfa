/* SPDX-License-Identifier: MIT */
/* Small text files: read within bounds, replaced as a whole. */
#include "keyfile/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define MAKING_MAX 280u

/* Up to @size bytes. */
static int read_all(int fd, char *buf, size_t size, size_t *out_len)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*out_len = len;
	return 0;
}

static int write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

int keyfile_read(int folder, const char *path, size_t max, char **out_text, size_t *out_len)
{
	CLEANUP(freep) char *text = malloc(max + 1);
	CLEANUP(closep) int fd = -1;
	char *fitted;
	size_t len = 0;
	int err;

	if (!text)
		return -ENOMEM;
	fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	err = read_all(fd, text, max + 1, &len);
	if (err)
		return err;
	if (len > max)
		return -EFBIG;
	text[len] = '\0';
	fitted = realloc(text, len + 1);
	if (fitted)
		text = fitted;
	*out_text = TAKE(text);
	*out_len = len;
	return 0;
}

static void keep_owner(int folder, int fd)
{
	struct stat st;

	if (geteuid() == 0 && fstat(folder, &st) == 0 && st.st_uid != 0 &&
	    fchown(fd, st.st_uid, st.st_gid) < 0)
		log_warn("a file of user %u is written as root's: %s", (unsigned int)st.st_uid,
			 strerror(errno));
}

static int write_durably(int folder, const char *making, const char *text)
{
	CLEANUP(closep) int fd = -1;
	int err;

	/* what lies there was left by a crash; or it is a trap, to be written through or waited at */
	if (unlinkat(folder, making, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(folder, making, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	keep_owner(folder, fd);
	err = write_all(fd, text, strlen(text));
	if (err)
		return err;
	return fsync(fd) < 0 ? -errno : 0;
}

int keyfile_replace(int folder, const char *name, const char *text)
{
	char making[MAKING_MAX];
	int err;

	if (snprintf(making, sizeof(making), "%s.new", name) >= (int)sizeof(making))
		return -ENAMETOOLONG;
	err = write_durably(folder, making, text);
	if (!err && renameat(folder, making, folder, name) < 0)
		err = -errno;
	if (err) {
		unlinkat(folder, making, 0);
		return err;
	}
	return fsync(folder) < 0 ? -errno : 0;
}
