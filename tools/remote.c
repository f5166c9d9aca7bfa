/* SPDX-License-Identifier: MIT */
/* Talks to the server by the control socket of its state directory. */
#include "remote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/control.h"
#include "state/state.h"
#include "tools.h"

/* The exit status of a server that refuses what was asked for; it has said why. */
#define REFUSED 3

/* The socket's path, to be freed. */
static int find_socket(const char *dir, char **out)
{
	CLEANUP(state_closep) struct state *state = NULL;
	int err = state_open(dir, false, &state);

	if (err)
		return err; /* logged */
	return asprintf(out, "%s/control", state_path(state)) < 0 ? -ENOMEM : 0;
}

static int explain(const char *word, const char *path, int err)
{
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		log_error("%s: no server runs with %.*s: start it by \"bramble serve\", or say its "
			  "--state",
			  word, (int)(strrchr(path, '/') - path), path);
		break;
	case -EACCES:
	case -EPERM:
		log_error("%s: %s: the server is another user's: try sudo", word, path);
		break;
	case -EPIPE:
		log_error("%s: the server ended, or has too much to do", word);
		break;
	case -ETIMEDOUT:
		log_error("%s: the server does not answer: it hangs, or was stopped: see its log, "
			  "and "
			  "restart it if it does not go on",
			  word);
		break;
	default:
		log_error("%s: %s: %s", word, path, strerror(-err));
	}
	return STATUS_FAILED;
}

int remote_run(const char *dir, int argc, char **argv)
{
	CLEANUP(freep) char *path = NULL;
	int status;
	int err = find_socket(dir, &path);

	if (err)
		return STATUS_FAILED;
	err = control_run(path, argc, argv, &status);
	return err ? explain(argv[0], path, err) : status;
}

/* Whoever cannot ask finds the overlay locked, and who has it. *@out_fd: as control_hold; -1. */
static bool ask_for(const char *dir, int argc, char **argv, int *out_fd)
{
	CLEANUP(freep) char *path = NULL;
	int status = 0;
	int err;

	*out_fd = -1;
	if (find_socket(dir, &path) < 0)
		return true;
	err = control_hold(path, argc, argv, stdout, &status, out_fd);
	if (err == -ETIMEDOUT)
		explain("overlay", path, err);
	return err || status != REFUSED;
}

bool remote_is_off(const char *dir, const char *name)
{
	CLEANUP(freep) char *copy = strdup(name);
	CLEANUP(closep) int fd = -1;
	char *argv[] = {"off", copy, NULL};

	return !copy || ask_for(dir, 2, argv, &fd);
}

bool remote_lend(const char *dir, const char *name, bool off)
{
	CLEANUP(freep) char *copy = strdup(name);
	char *argv[] = {"lend", copy, "off", NULL};
	int fd;

	/* the server waits for the end of this process, which closes the descriptor */
	return !copy || ask_for(dir, off ? 3 : 2, argv, &fd);
}

char *remote_serial(const char *dir, const char *name)
{
	CLEANUP(freep) char *path = NULL;
	CLEANUP(freep) char *copy = strdup(name);
	CLEANUP(freep) char *serial = NULL;
	CLEANUP(closep) int fd = -1;
	char *argv[] = {"serial", copy, NULL};
	size_t len = 0;
	int status = STATUS_FAILED;
	FILE *out = copy && find_socket(dir, &path) == 0 ? open_memstream(&serial, &len) : NULL;
	int err;

	if (!out)
		return NULL;
	err = control_hold(path, 2, argv, out, &status, &fd);
	fclose(out);
	if (err == -ETIMEDOUT)
		explain("overlay", path, err);
	return !err && status == STATUS_DONE ? TAKE(serial) : NULL;
}
