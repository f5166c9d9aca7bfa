/* SPDX-License-Identifier: MIT */
/* bramble overlay check: whether what overlays hold is sound. Repairs nothing. */
#include "cmd_overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "overlay/overlay.h"

struct check {
	const char *name; /* of the overlay */
	unsigned int problems;
};

static int check_snapshot(void *ctx, const struct state_snapshot *snapshot)
{
	struct check *check = ctx;
	unsigned int problems = 0;
	int err = store_embedded_check(snapshot->path, &problems);

	if (err || problems)
		log_error("overlay %s: snapshot %s: damaged", check->name, snapshot->name);
	check->problems += problems + (err != 0);
	return 0;
}

/* The files of the store, then what the records in them say. */
static int check_store(const struct overlay_request *request, const struct state_overlay *overlay,
		       struct check *check)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	struct stack_options options = cmd_overlay_options(request, overlay->name);
	unsigned int problems = 0;
	int err;

	if (overlay->info.empty)
		return 0;
	err = store_embedded_check(overlay->path, &problems);
	check->problems += problems;
	if (err || problems)
		return err;
	err = stack_open(request->image, &options, &stack);
	if (err)
		return err;
	err = overlay_check(stack_overlay_tree(stack), &problems);
	check->problems += problems;
	return err;
}

static int check_one(const struct overlay_request *request, const char *name)
{
	CLEANUP(state_closep) struct state *state = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	struct check check = {.name = name};
	int err = cmd_overlay_find(request, name, STATE_READ, &state, &overlay);

	if (!err)
		err = check_store(request, overlay, &check);
	if (!err)
		err = state_snapshot_each(overlay, check_snapshot, &check);
	if (err) {
		log_error("overlay %s: could not be checked to the end: %s", name, strerror(-err));
		return err;
	}
	if (check.problems)
		printf("%s: %u problem%s\n", name, check.problems, check.problems == 1 ? "" : "s");
	else
		printf("%s: clean\n", name);
	return check.problems ? -EUCLEAN : 0;
}

int cmd_overlay_check(const struct overlay_request *request)
{
	int status = STATUS_DONE;

	for (int i = 0; i < request->argc; i++) {
		if (check_one(request, request->argv[i]) < 0)
			status = STATUS_FAILED;
	}
	return status;
}
