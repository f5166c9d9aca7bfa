/* SPDX-License-Identifier: MIT */
/* bramble overlay create, reset, clone, delete. */
#include "cmd_overlay.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/log.h"

int cmd_overlay_create(const struct overlay_request *request)
{
	struct stack_options options = cmd_overlay_options(request, request->argv[0]);

	if (!request->image && !request->base)
		return usage_error(&cmd_overlay, "create needs --image or --base");
	return stack_overlay_create(request->image, request->base, &options) ? STATUS_FAILED
									     : STATUS_DONE;
}

/* Closes what takes long to close: nobody has to wait for it. */
static void close_behind(int fd)
{
	if (fd >= 0 && fork() == 0) {
		/* whoever reads our output is not to wait either */
		close(STDIN_FILENO);
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		/* nor is a server that lends the overlay until we are gone */
		if (fd > STDERR_FILENO + 1)
			close_range(STDERR_FILENO + 1, (unsigned int)fd - 1, 0);
		close_range((unsigned int)fd + 1, UINT_MAX, 0);
		close(fd);
		_exit(0);
	}
	/* the child has it, too, so that this is quick; unless there is no child */
	if (fd >= 0)
		close(fd);
}

int cmd_overlay_reset(const struct overlay_request *request)
{
	CLEANUP(state_closep) struct state *state = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	const char *name = request->argv[0];
	struct stack_options options = cmd_overlay_options(request, name);
	int status;
	int data = -1;

	/* nobody is asked about what does not exist */
	if (cmd_overlay_find(request, name, STATE_LOOK, &state, &overlay) < 0 ||
	    !cmd_overlay_may_change(request, name))
		return STATUS_FAILED;
	status = cmd_overlay_confirm(request, "Throw away all changes of overlay %s?", name);
	if (status)
		return status;
	if (!cmd_overlay_begin_change(request, name) ||
	    stack_overlay_reset(request->image, &options, &data) < 0)
		return STATUS_FAILED;
	close_behind(data);
	return STATUS_DONE;
}

int cmd_overlay_clone(const struct overlay_request *request)
{
	CLEANUP(state_closep) struct state *state = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;

	if (cmd_overlay_find(request, request->argv[0], STATE_READ, &state, &overlay) < 0)
		return STATUS_FAILED;
	return state_overlay_clone(overlay, request->argv[1]) ? STATUS_FAILED : STATUS_DONE;
}

/* Whether all Pis whose overlays are to be deleted are off. Logged. */
static bool all_are_off(const struct overlay_request *request)
{
	bool all = true;

	for (int i = 0; i < request->argc; i++)
		all = cmd_overlay_may_change(request, request->argv[i]) && all;
	return all;
}

/* Whether all that are to be deleted exist, damaged or not. Logged. */
static bool all_exist(const struct overlay_request *request, struct state *state)
{
	bool all = true;

	for (int i = 0; i < request->argc; i++) {
		CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;

		if (state_overlay_open(state, request->argv[i], STATE_LOOK, &overlay) != -ENOENT)
			continue;
		log_error("overlay %s: there is none in %s", request->argv[i], state_path(state));
		all = false;
	}
	return all;
}

int cmd_overlay_delete(const struct overlay_request *request)
{
	CLEANUP(state_closep) struct state *state = NULL;
	const char *first = request->argv[0];
	int status;

	if (state_open(request->common.state, false, &state) < 0)
		return STATUS_FAILED;
	/* nobody is asked about what does not exist */
	if ((!request->yes && !all_exist(request, state)) || !all_are_off(request))
		return STATUS_FAILED;
	if (request->argc == 1)
		status =
			cmd_overlay_confirm(request, "Delete overlay %s and its snapshots?", first);
	else
		status = cmd_overlay_confirm(request,
					     "Delete overlay %s and %d more, and their "
					     "snapshots?",
					     first, request->argc - 1);
	if (status)
		return status;
	for (int i = 0; i < request->argc; i++) {
		if (!cmd_overlay_begin_change(request, request->argv[i]) ||
		    state_overlay_delete(state, request->argv[i]) < 0)
			status = STATUS_FAILED;
	}
	return status;
}
