/* SPDX-License-Identifier: MIT */
/*
 * The state directory belongs to one server at a time. A lock of fcntl(2), which the kernel can name the
 * holder of, and which ends with him, however he ends.
 */
#include "daemon/daemon_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define LOCK_NAME "server.lock"

char *daemon_state_join(const struct daemon_state *state, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", state->path, name) < 0 ? NULL : path;
}

/* The directory by its absolute path, also if it does not exist yet. */
static int find_path(const char *dir, char **out)
{
	CLEANUP(state_closep) struct state *state = NULL;
	char cwd[PATH_MAX];
	const char *path;
	int err = state_open(dir, false, &state);

	if (err)
		return err;
	path = state_path(state);
	if (path[0] == '/') {
		*out = strdup(path);
	} else {
		if (!getcwd(cwd, sizeof(cwd)))
			return -errno;
		if (asprintf(out, "%s/%s", cwd, path) < 0)
			*out = NULL;
	}
	return *out ? 0 : -ENOMEM;
}

static int make(const char *path, const struct daemon_user *user)
{
	CLEANUP(state_closep) struct state *state = NULL;

	if (!user->set)
		return state_open(path, true, &state);
	/* who we are going to be makes all that is in it */
	if (mkdir(path, 0700) == 0)
		return chown(path, user->uid, user->gid) < 0 ? -errno : 0;
	return errno == EEXIST ? 0 : -errno;
}

/* Logs who has the lock. */
static int in_use(const char *dir, int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
		log_error("%s: in use by process %d (bramble serve): one server at a time; another "
			  "needs another --state",
			  dir, lock.l_pid);
	else
		log_error("%s: in use by another bramble serve", dir);
	return -EBUSY;
}

/* Whoever has the directory may have made the file a second name of one that is not his. */
static int give(int fd, const struct daemon_user *user)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
		errno = EPERM;
		return -1;
	}
	return fchown(fd, user->uid, user->gid);
}

static int lock_it(struct daemon_state *state, const struct daemon_user *user)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	CLEANUP(freep) char *path = daemon_state_join(state, LOCK_NAME);
	CLEANUP(closep) int fd = -1;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0 || (user->set && give(fd, user) < 0)) {
		int err = -errno;

		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	if (fcntl(fd, F_SETLK, &lock) < 0)
		return in_use(state->path, fd);
	state->lock = take_fd(&fd);
	return 0;
}

int daemon_state_open(const char *dir, const struct daemon_user *user, struct daemon_state *out)
{
	struct daemon_state state = {.lock = -1};
	int err = find_path(dir, &state.path);

	if (err)
		return err; /* logged */
	err = make(state.path, user);
	if (err)
		log_error("%s: %s", state.path, strerror(-err));
	if (!err)
		err = lock_it(&state, user);
	if (err) {
		daemon_state_close(&state);
		return err;
	}
	*out = state;
	return 0;
}

void daemon_state_close(struct daemon_state *state)
{
	free(state->path);
	state->path = NULL;
	if (state->lock >= 0)
		close(state->lock);
	state->lock = -1;
}
