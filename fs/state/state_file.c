/* SPDX-License-Identifier: MIT */
/* The info file in its folder: read within bounds, replaced as a whole. */
#include "state/state_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define INFO_NAME "info"
#define INFO_MAKING "info.new"

/* Bytes of the longest info: a path of 4 KiB, each byte as "%XX", and what else there is. */
#define INFO_BYTES_MAX 65536u

int state_failed(const char *path, int err)
{
	log_error("%s: %s", path, strerror(-err));
	return err;
}

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

int state_info_load(const char *folder, struct state_info *out)
{
	CLEANUP(freep) char *file = state_join(folder, INFO_NAME);
	CLEANUP(freep) char *text = malloc(INFO_BYTES_MAX + 1);
	CLEANUP(closep) int fd = -1;
	size_t len = 0;
	int err;

	if (!file || !text)
		return -ENOMEM;
	/* not to wait where somebody has put a fifo in its place */
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : state_failed(file, -errno);
	err = read_all(fd, text, INFO_BYTES_MAX + 1, &len);
	if (err)
		return state_failed(file, err);
	if (len > INFO_BYTES_MAX) {
		log_error("%s: longer than %u bytes: damaged", file, INFO_BYTES_MAX);
		return -EUCLEAN;
	}
	return state_info_parse(file, text, len, out);
}

int state_open_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int state_sync_folder(const char *folder)
{
	CLEANUP(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return state_failed(folder, -errno);
	return 0;
}

/* What root writes in another user's state directory is still that user's. */
static void keep_owner(int folder, int fd)
{
	struct stat st;

	if (geteuid() == 0 && fstat(folder, &st) == 0 && st.st_uid != 0 &&
	    fchown(fd, st.st_uid, st.st_gid) < 0)
		log_warn("state: a file of user %u is written as root's: %s",
			 (unsigned int)st.st_uid, strerror(errno));
}

static int write_durably(int folder, const char *text)
{
	CLEANUP(closep) int fd = -1;
	int err;

	/* what lies there was left by a crash; or it is a trap, to be written through or waited at */
	if (unlinkat(folder, INFO_MAKING, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(folder, INFO_MAKING, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	keep_owner(folder, fd);
	err = write_all(fd, text, strlen(text));
	if (err)
		return err;
	return fsync(fd) < 0 ? -errno : 0;
}

int state_info_try_save(int folder, const struct state_info *info)
{
	CLEANUP(freep) char *text = NULL;
	int err = state_info_format(info, &text);

	if (err)
		return err;
	err = write_durably(folder, text);
	if (!err && renameat(folder, INFO_MAKING, folder, INFO_NAME) < 0)
		err = -errno;
	if (err) {
		unlinkat(folder, INFO_MAKING, 0);
		return err;
	}
	return fsync(folder) < 0 ? -errno : 0;
}

int state_info_save(int folder, const char *path, const struct state_info *info)
{
	CLEANUP(freep) char *file = NULL;
	int err = state_info_try_save(folder, info);

	if (!err)
		return 0;
	file = state_join(path, INFO_NAME);
	return state_failed(file ? file : path, err);
}

int state_info_write(const char *path, const struct state_info *info)
{
	CLEANUP(closep) int folder = state_open_folder(path);

	return folder < 0 ? state_failed(path, folder) : state_info_save(folder, path, info);
}

int state_id_make(uint8_t id[STATE_ID_BYTES])
{
	if (getrandom(id, STATE_ID_BYTES, 0) != (ssize_t)STATE_ID_BYTES)
		return -EIO;
	/* RFC 9562: version 4, the variant that it describes */
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	return 0;
}
