/* SPDX-License-Identifier: MIT */
/*
 * A state directory that belongs to a server of another user: what root makes in it is given to that
 * user, or the server could not open it afterwards.
 */
#include "state/state_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define DEPTH_MAX 4u /* an overlay, its snapshots, one of these, its files */

/* Only what is root's, and what the other user cannot have made a second name of root's. */
static bool is_to_give(const struct stat *st)
{
	return st->st_uid == 0 &&
	       (S_ISDIR(st->st_mode) || (S_ISREG(st->st_mode) && st->st_nlink == 1));
}

static void give_one(int fd, const struct stat *to)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && is_to_give(&st) && fchown(fd, to->st_uid, to->st_gid) < 0)
		log_warn("a file of user %u stays root's: %s", (unsigned int)to->st_uid,
			 strerror(errno));
}

static void give_all(int folder, const struct stat *to, unsigned int depth)
{
	int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = again < 0 ? NULL : fdopendir(again);
	const struct dirent *entry;

	if (!listing) {
		if (again >= 0)
			close(again);
		return;
	}
	give_one(folder, to);
	while ((entry = readdir(listing))) {
		CLEANUP(closep) int fd = -1;
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !(S_ISDIR(st.st_mode) || is_to_give(&st)))
			continue;
		fd = openat(folder, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!S_ISDIR(st.st_mode))
			give_one(fd, to);
		else if (depth < DEPTH_MAX)
			give_all(fd, to, depth + 1);
	}
	closedir(listing);
}

void state_give(const char *path)
{
	CLEANUP(closep) int overlays = -1;
	CLEANUP(closep) int folder = -1;
	struct stat owner;

	if (geteuid() != 0)
		return;
	folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0 || fstatat(folder, "../..", &owner, 0) < 0 || owner.st_uid == 0)
		return;
	give_all(folder, &owner, 0);
	overlays = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (overlays >= 0)
		give_one(overlays, &owner);
}
