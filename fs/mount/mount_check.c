/* SPDX-License-Identifier: MIT */
/*
 * Why a mount cannot be made. What can be known is checked before; what only fusermount3 and the
 * kernel decide is explained afterwards.
 */
#include "mount/mount_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "mount/mount_info.h"

#define DEVICE "/dev/fuse"
#define HELPER "fusermount3"
#define HELPER_PATH "/usr/bin/fusermount3" /* where libfuse looks before $PATH */
#define CONFIG "/etc/fuse.conf"

static int check_device(void)
{
	CLEANUP(closep) int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		log_error(DEVICE
			  ": does not exist: load it with \"modprobe fuse\"; in a container, "
			  "start that with --device " DEVICE);
		return -ENODEV;
	case EACCES:
		log_error(DEVICE ": no permission: let root run \"chmod 666 " DEVICE "\"");
		return -EACCES;
	case EPERM:
		log_error(DEVICE ": not permitted: start the container with --device " DEVICE);
		return -EPERM;
	default:
		log_error(DEVICE ": %m");
		return -errno;
	}
}

static int check_empty(const char *path)
{
	DIR *dir = opendir(path);
	int entries = 0;

	if (!dir)
		return 0; /* who cannot list it may still mount there */
	while (entries <= 2 && readdir(dir))
		entries++;
	closedir(dir);
	if (entries <= 2)
		return 0;
	log_error("%s: not empty: mount on another directory, or with -o nonempty to cover what is "
		  "there",
		  path);
	return -ENOTEMPTY;
}

/* The rules of fusermount3, which names neither the directory nor the cure. */
static int check_ours(const char *path, const struct stat *st)
{
	if (geteuid() == 0)
		return 0;
	if (access(path, W_OK) == 0 && (!(st->st_mode & S_ISVTX) || st->st_uid == getuid()))
		return 0;
	log_error("%s: not yours: mount on a directory that you own and may write to", path);
	return -EACCES;
}

int mount_check_before(const char *path, const struct mount_options *options)
{
	struct mount_info info;
	struct stat st;
	int err;

	if (mount_info_find(path, &info) == 0 && strcmp(info.type, MOUNT_TYPE) == 0) {
		log_error(
			"%s: already mounted, from %s: unmount that first with \"bramble umount\"",
			path, info.source);
		return -EBUSY;
	}
	if (stat(path, &st) < 0) {
		err = -errno;
		log_error("%s: %m", path);
		return err;
	}
	if (!S_ISDIR(st.st_mode)) {
		log_error("%s: not a directory", path);
		return -ENOTDIR;
	}
	err = check_ours(path, &st);
	if (!err && !options->nonempty)
		err = check_empty(path);
	return err ? err : check_device();
}

/* Whether libfuse would find @HELPER, and what it is. */
static bool find_helper(struct stat *out)
{
	const char *path = getenv("PATH");
	char file[4096];

	if (stat(HELPER_PATH, out) == 0)
		return true;
	while (path && *path) {
		int len = (int)strcspn(path, ":");
		int n = snprintf(file, sizeof(file), "%.*s/" HELPER, len, path);

		if (n > 0 && (size_t)n < sizeof(file) && stat(file, out) == 0)
			return true;
		path += len;
		path += *path == ':';
	}
	return false;
}

/* What /etc/fuse.conf says, as fusermount3 reads it: the words alone on a line. */
static bool may_allow_other(void)
{
	FILE *file = fopen(CONFIG, "re");
	char line[256], word[32];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, " %31s", word) == 1 && strcmp(word, "user_allow_other") == 0;
	fclose(file);
	return found;
}

void mount_check_quote(const char *path, const char *what, const char *said)
{
	const char *start = said, *colon;
	size_t len = strlen(said);

	while (len && said[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (said[i] == '\n')
			start = said + i + 1;
	}
	len -= (size_t)(start - said);
	colon = memchr(start, ':', len);
	if (colon && strncmp(start, "fuse", strlen("fuse")) == 0 && colon[1] == ' ') {
		len -= (size_t)(colon + 2 - start);
		start = colon + 2;
	}
	if (len)
		log_error("%s: %s: %.*s", path, what, (int)len, start);
	else
		log_error("%s: %s", path, what);
}

int mount_check_after(const char *path, const struct mount_options *options, const char *said)
{
	bool not_permitted = strstr(said, "Operation not permitted") != NULL;
	struct stat st;

	if (geteuid() == 0 && not_permitted) {
		log_error(
			"%s: root may not mount here: start the container with --cap-add SYS_ADMIN",
			path);
		return -EPERM;
	}
	if (geteuid() != 0 && !find_helper(&st)) {
		log_error(HELPER ": not found: install it with \"apt install fuse3\"");
		return -ENOENT;
	}
	if (geteuid() != 0 && not_permitted && (st.st_uid != 0 || !(st.st_mode & S_ISUID))) {
		log_error(HELPER ": not set-user-ID root: install the package fuse3 again");
		return -EPERM;
	}
	if (not_permitted && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		log_error("%s: this process may not gain privileges (no_new_privs), which " HELPER
			  " needs: try it in \"unshare -Urm\"",
			  path);
		return -EPERM;
	}
	if (not_permitted) {
		log_error("%s: mounting is not permitted here: in a container, start that with "
			  "--cap-add SYS_ADMIN, or try it in \"unshare -Urm\"",
			  path);
		return -EPERM;
	}
	if (options->allow_other && geteuid() != 0 && !may_allow_other()) {
		log_error("allow_other: not allowed: let root add the line user_allow_other "
			  "to " CONFIG);
		return -EPERM;
	}
	mount_check_quote(path, "cannot be mounted", said);
	return -EIO;
}
