/* SPDX-License-Identifier: MIT */
/* The info file in its folder: read within bounds, replaced as a whole. */
#include "state/state_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "keyfile/keyfile.h"

#define INFO_NAME "info"

/* Bytes of the longest info: a path of 4 KiB, each byte as "%XX", and what else there is. */
#define INFO_BYTES_MAX 65536u

int state_failed(const char *path, int err)
{
	log_error("%s: %s", path, strerror(-err));
	return err;
}

int state_info_load(const char *folder, struct state_info *out)
{
	CLEANUP(freep) char *file = state_join(folder, INFO_NAME);
	CLEANUP(freep) char *text = NULL;
	size_t len = 0;
	int err;

	if (!file)
		return -ENOMEM;
	err = keyfile_read(AT_FDCWD, file, INFO_BYTES_MAX, &text, &len);
	if (err == -EFBIG) {
		log_error("%s: longer than %u bytes: damaged", file, INFO_BYTES_MAX);
		return -EUCLEAN;
	}
	if (err)
		return err == -ENOENT ? err : state_failed(file, err);
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

int state_info_try_save(int folder, const struct state_info *info)
{
	CLEANUP(freep) char *text = NULL;
	int err = state_info_format(info, &text);

	return err ? err : keyfile_replace(folder, INFO_NAME, text);
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
