/* SPDX-License-Identifier: MIT */
/* bramble overlay snapshot and restore. */
#include "cmd_overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "format.h"
#include "base/json.h"
#include "overlay_facts.h"

static int print_snapshot(void *ctx, const struct state_snapshot *snapshot)
{
	char time[FORMAT_TIME_BYTES];
	char size[FORMAT_SIZE_BYTES];

	(void)ctx;
	format_time_short(&snapshot->taken, time);
	format_size(snapshot->size, size);
	printf("%-24s  %s  %s\n", snapshot->name, time, size);
	return 0;
}

static int list(const struct overlay_request *request)
{
	CLEANUP(state_closep) struct state *state = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	struct json json = {.out = stdout};
	bool as_json = request->common.json;
	int err = cmd_overlay_find(request, request->argv[0], STATE_LOOK, &state, &overlay);

	if (err)
		return STATUS_FAILED;
	if (as_json)
		json_array(&json, NULL);
	err = state_snapshot_each(overlay, as_json ? overlay_facts_json_snapshot : print_snapshot,
				  &json);
	if (as_json)
		json_end(&json);
	return err ? STATUS_FAILED : STATUS_DONE;
}

static void name_by_time(char out[STATE_NAME_MAX + 1])
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(out, STATE_NAME_MAX + 1, "%Y-%m-%d_%H-%M-%S", &tm);
}

static int delete (const struct overlay_request *request)
{
	CLEANUP(state_closep) struct state *state = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	const char *name = request->argv[0];
	struct state_info info;
	int status;
	int err = cmd_overlay_find(request, name, STATE_LOOK, &state, &overlay);

	if (!err)
		err = state_snapshot_load(overlay, request->remove, &info);
	if (!err)
		state_info_finish(&info);
	/* a damaged one can go, too; but nobody is asked about what does not exist */
	if (!overlay || err == -ENOENT)
		return STATUS_FAILED;
	status = cmd_overlay_confirm(request, "Delete snapshot %s of overlay %s?", request->remove,
				     name);
	if (status)
		return status;
	state_overlay_close(TAKE(overlay));
	state_close(TAKE(state));
	err = cmd_overlay_find(request, name, STATE_READ, &state, &overlay);
	if (!err)
		err = state_snapshot_delete(overlay, request->remove);
	return err ? STATUS_FAILED : STATUS_DONE;
}

int cmd_overlay_snapshot(const struct overlay_request *request)
{
	CLEANUP(state_closep) struct state *state = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	char by_time[STATE_NAME_MAX + 1];
	const char *name = request->argc > 1 ? request->argv[1] : by_time;
	int err;

	if ((request->list || request->remove) &&
	    (request->argc > 1 || (request->list && request->remove)))
		return usage_error(&cmd_overlay, "snapshot either lists, deletes or takes one");
	if (request->common.json && !request->list)
		return usage_error(&cmd_overlay, "--json: of snapshot only with --list");
	if (request->yes && !request->remove)
		return usage_error(&cmd_overlay, "--yes: of snapshot only with --delete");
	if (request->list)
		return list(request);
	if (request->remove)
		return delete (request);
	err = cmd_overlay_find(request, request->argv[0], STATE_READ, &state, &overlay);
	if (err)
		return STATUS_FAILED;
	name_by_time(by_time);
	err = state_snapshot_take(overlay, name);
	if (err)
		return STATUS_FAILED;
	/* what nobody has named has to be told */
	if (name == by_time)
		printf("%s\n", name);
	return STATUS_DONE;
}

int cmd_overlay_restore(const struct overlay_request *request)
{
	CLEANUP(state_closep) struct state *state = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	const char *name = request->argv[0];
	const char *snapshot = request->argv[1];
	struct stack_options options = cmd_overlay_options(request, name);
	int status;

	if (cmd_overlay_find(request, name, STATE_LOOK, &state, &overlay) < 0 ||
	    !cmd_overlay_may_change(request, name))
		return STATUS_FAILED;
	status =
		cmd_overlay_confirm(request,
				    "Replace overlay %s by its snapshot %s? What was changed since "
				    "is lost.",
				    name, snapshot);
	if (status)
		return status;
	if (!cmd_overlay_begin_change(request, name) ||
	    stack_overlay_restore(request->image, snapshot, &options) < 0)
		return STATUS_FAILED;
	return STATUS_DONE;
}
