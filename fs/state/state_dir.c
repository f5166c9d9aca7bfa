/* SPDX-License-Identifier: MIT */
/* Where the state directory is, and what names in it may be. */
#include "state/state_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define ROOT_DIR "/var/lib/bramble"

bool state_name_is_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return name[len] == '\0' && len >= 1 && len <= STATE_NAME_MAX && name[0] != '.';
}

int state_name_check(const char *what, const char *name)
{
	if (state_name_is_valid(name))
		return 0;
	log_error("%s %s: not a name: 1 to %u of a-z, 0-9, \".\", \"_\" and \"-\", the first one "
		  "not a dot",
		  what, *name ? name : "\"\"", STATE_NAME_MAX);
	return -EINVAL;
}

/* The variable's value, if it is an absolute path: XDG has all others ignored. */
static const char *absolute_variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

/* Where overlays live if nobody says. */
static char *usual_path(void)
{
	const char *given = getenv("BRAMBLE_STATE");

	if (given && *given)
		return strdup(given);
	if (geteuid() == 0)
		return strdup(ROOT_DIR);
	given = absolute_variable("XDG_STATE_HOME");
	if (given)
		return state_join(given, "bramble");
	given = absolute_variable("HOME");
	if (given)
		return state_join(given, ".local/state/bramble");
	log_error("no place for overlays: HOME is not set: use --state DIR");
	return NULL;
}

/* A process that goes to the background may change its directory. */
static char *make_absolute(const char *path)
{
	CLEANUP(freep) char *here = NULL;

	if (path[0] == '/')
		return strdup(path);
	here = get_current_dir_name();
	return here ? state_join(here, path) : NULL;
}

static int make_durably(const char *path)
{
	CLEANUP(freep) char *parent = NULL;
	const char *slash = strrchr(path, '/');
	int err;

	if (mkdir(path, 0700) < 0) {
		err = -errno;
		if (err == -EEXIST)
			return 0;
		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	parent = slash && slash > path ? strndup(path, (size_t)(slash - path)) : strdup("/");
	return parent ? state_sync_folder(parent) : -ENOMEM;
}

/* Makes @path, which is absolute, and the directories above it that are missing, for the user alone. */
static int make_path(const char *path)
{
	CLEANUP(freep) char *part = strdup(path);
	char *slash;

	if (!part)
		return -ENOMEM;
	for (slash = part; slash; *slash = '/') {
		int err;

		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		err = make_durably(part);
		if (err || !slash)
			return err;
	}
	return 0;
}

static int open_at(const char *path, struct state **out)
{
	CLEANUP(state_closep) struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return -ENOMEM;
	state->path = make_absolute(path);
	if (!state->path)
		return -ENOMEM;
	state->overlays = state_join(state->path, "overlays");
	if (!state->overlays)
		return -ENOMEM;
	*out = TAKE(state);
	return 0;
}

int state_open(const char *dir, bool create, struct state **out)
{
	CLEANUP(freep) char *path = dir ? strdup(dir) : usual_path();
	CLEANUP(state_closep) struct state *state = NULL;
	int err;

	if (!path)
		return -ENOENT;
	if (*path == '\0') {
		log_error("--state: no directory given");
		return -EINVAL;
	}
	err = open_at(path, &state);
	if (err)
		return err;
	if (create) {
		err = make_path(state->overlays);
		if (err && !dir)
			log_error("overlays are kept in %s: say --state DIR to keep them elsewhere",
				  path);
		if (err)
			return err;
		state_folder_sweep(state->overlays);
	}
	*out = TAKE(state);
	return 0;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	free(state->path);
	free(state->overlays);
	free(state);
}

const char *state_path(const struct state *state)
{
	return state->path;
}

int state_each(struct state *state, state_name_fn take, void *ctx)
{
	return state_folder_each(state->overlays, take, ctx);
}
