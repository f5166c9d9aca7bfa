/* SPDX-License-Identifier: MIT */
/* bramble overlay check: whether what overlays hold is sound. Repairs nothing. */
#include "cmd_overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/json.h"
#include "overlay/overlay.h"

struct check {
	const struct overlay_request *request;
	const struct state_overlay *overlay; /* borrowed; open for reading */
	unsigned int problems;
};

/* What the records of the store in @folder, whose files are sound, say. */
static int check_records(struct check *check, const char *folder)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	struct stack_options options = cmd_overlay_options(check->request, check->overlay->name);
	unsigned int problems = 0;
	int err = stack_open_stored(check->request->image, folder, &options, &stack);

	if (err)
		return err;
	err = overlay_check(stack_overlay_tree(stack), &problems);
	check->problems += problems;
	return err;
}

/* The files, then the records. */
static int check_store(struct check *check, const char *folder)
{
	unsigned int problems = 0;
	int err = store_embedded_check(folder, &problems);

	check->problems += problems;
	return err || problems ? err : check_records(check, folder);
}

static int damaged(struct check *check, const char *snapshot)
{
	log_error("overlay %s: snapshot %s: damaged", check->overlay->name, snapshot);
	check->problems++;
	return 0;
}

static int check_snapshot(void *ctx, const struct state_snapshot *snapshot)
{
	struct check *check = ctx;
	struct state_info info;
	unsigned int problems = 0;
	bool empty;
	int err = state_snapshot_load(check->overlay, snapshot->name, &info);

	if (err)
		return damaged(check, snapshot->name);
	empty = info.empty;
	state_info_finish(&info);
	if (empty)
		return 0;
	err = store_embedded_check(snapshot->path, &problems);
	if (err || problems)
		return damaged(check, snapshot->name);
	problems = check->problems;
	err = check_records(check, snapshot->path);
	/* that the image cannot be opened says nothing of the snapshot */
	if (err && err != -EUCLEAN && err != -EBADMSG)
		return err;
	return err || check->problems > problems ? damaged(check, snapshot->name) : 0;
}

static void report(struct json *json, const char *name, const struct check *check, int err)
{
	unsigned int problems = check->problems;

	if (json) {
		json_object(json, NULL);
		json_string(json, "name", name);
		json_bool(json, "clean", !err && !problems);
		json_u64(json, "problems", problems);
		json_string_or_null(json, "error", err ? strerror(-err) : "");
		json_end(json);
		return;
	}
	if (err)
		log_error("overlay %s: could not be checked to the end: %s", name, strerror(-err));
	else if (problems)
		printf("%s: %u problem%s\n", name, problems, problems == 1 ? "" : "s");
	else
		printf("%s: clean\n", name);
}

/* @json NULL: as text. Whether it is clean. */
static bool check_one(const struct overlay_request *request, struct json *json, const char *name)
{
	CLEANUP(state_closep) struct state *state = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	struct check check = {.request = request};
	int err = cmd_overlay_find(request, name, STATE_READ, &state, &overlay);

	check.overlay = overlay;
	if (!err && !overlay->info.empty)
		err = check_store(&check, overlay->path);
	if (!err)
		err = state_snapshot_each(overlay, check_snapshot, &check);
	report(json, name, &check, err);
	return !err && !check.problems;
}

int cmd_overlay_check(const struct overlay_request *request)
{
	struct json json = {.out = stdout};
	bool as_json = request->common.json;
	int status = STATUS_DONE;

	if (as_json)
		json_array(&json, NULL);
	for (int i = 0; i < request->argc; i++) {
		if (!check_one(request, as_json ? &json : NULL, request->argv[i]))
			status = STATUS_FAILED;
	}
	if (as_json)
		json_end(&json);
	return status;
}
