/* SPDX-License-Identifier: MIT */
/* bramble overlay show: everything about one overlay. */
#include "cmd_overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "base/json.h"
#include "overlay/overlay.h"
#include "overlay_facts.h"

/* What is in it; known only if nobody else writes to it. */
struct content {
	bool known;
	struct overlay_summary summary;
};

static int get_content(const struct overlay_request *request, const struct overlay_facts *facts,
		       struct content *out)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	struct stack_options options = cmd_overlay_options(request, facts->overlay->name);
	int err;

	*out = (struct content){0};
	out->known = facts->overlay->info.empty;
	if (facts->holder || out->known)
		return 0;
	err = stack_open(request->image, &options, &stack);
	if (!err && stack_overlay_tree(stack))
		err = overlay_summarize(stack_overlay_tree(stack), &out->summary);
	out->known = err == 0;
	return err;
}

static int print_name(void *ctx, const char *name)
{
	bool *first = ctx;

	printf("%s%s", *first ? "" : ", ", name);
	*first = false;
	return 0;
}

static int json_name(void *ctx, const char *name)
{
	json_string(ctx, NULL, name);
	return 0;
}

static int print_snapshot(void *ctx, const struct state_snapshot *snapshot)
{
	char time[FORMAT_TIME_BYTES];
	char size[FORMAT_SIZE_BYTES];
	bool *first = ctx;

	format_time_short(&snapshot->taken, time);
	format_size(snapshot->size, size);
	printf("%-13s%s (%s, %s)\n", *first ? "Snapshots:" : "", snapshot->name, time, size);
	*first = false;
	return 0;
}

static void print_line(const char *key, const char *value)
{
	printf("%-13s", key);
	format_print_name(stdout, value);
	putchar('\n');
}

static void print_info(const struct overlay_facts *facts)
{
	const struct state_info *info = &facts->overlay->info;
	char text[2 * STATE_FINGERPRINT_BYTES + 1];
	char time[FORMAT_TIME_BYTES];

	print_line("Image:", info->image);
	state_format_hex(info->fingerprint, STATE_FINGERPRINT_BYTES, text);
	print_line("Fingerprint:", text);
	if (info->partition >= 0)
		printf("%-13spartition %d alone\n", "Shows:", info->partition);
	else
		print_line("Shows:", "all partitions, as the Pi sees them");
	if (info->base[0])
		print_line("Base:", info->base);
	state_format_uuid(info->uuid, text);
	print_line("UUID:", text);
	printf("%-13s%llu\n", "Epoch:", (unsigned long long)info->epoch);
	format_time_full(&info->created, time);
	print_line("Created:", time);
	format_time_full(&info->used, time);
	print_line("Used:", time);
}

static void print_sizes(const struct overlay_facts *facts, const struct content *content)
{
	const struct overlay_summary *sum = &content->summary;
	char size[FORMAT_SIZE_BYTES];

	format_size(facts->size, size);
	print_line("Size:", size);
	if (!content->known)
		return;
	format_size(sum->blocks * STORE_BLOCK, size);
	printf("%-13s%llu files new, %llu changed, %llu removed; data: %s\n",
	       "Content:", (unsigned long long)sum->created, (unsigned long long)sum->changed,
	       (unsigned long long)sum->removed, size);
}

static int print_text(const struct overlay_facts *facts, const struct content *content)
{
	bool first = true;
	char *state;
	int err;

	print_line("Name:", facts->overlay->name);
	if (overlay_facts_state(facts, &state) < 0)
		return -ENOMEM;
	print_line("State:", state);
	free(state);
	print_info(facts);
	print_sizes(facts, content);
	if (facts->frozen) {
		printf("%-13s", "Base of:");
		err = state_overlay_dependents(facts->overlay, print_name, &first);
		putchar('\n');
		if (err)
			return err;
	}
	first = true;
	return state_snapshot_each(facts->overlay, print_snapshot, &first);
}

static int print_json(const struct overlay_facts *facts, const struct content *content)
{
	struct json json = {.out = stdout};
	int err = 0;

	json_object(&json, NULL);
	overlay_facts_json(&json, facts);
	if (content->known) {
		json_object(&json, "content");
		json_u64(&json, "created", content->summary.created);
		json_u64(&json, "changed", content->summary.changed);
		json_u64(&json, "removed", content->summary.removed);
		json_u64(&json, "data", content->summary.blocks * STORE_BLOCK);
		json_end(&json);
	}
	json_array(&json, "base_of");
	if (facts->frozen)
		err = state_overlay_dependents(facts->overlay, json_name, &json);
	json_end(&json);
	json_array(&json, "snapshots");
	if (!err)
		err = state_snapshot_each(facts->overlay, overlay_facts_json_snapshot, &json);
	json_end(&json);
	json_end(&json);
	return err;
}

int cmd_overlay_show(const struct overlay_request *request)
{
	CLEANUP(state_closep) struct state *state = NULL;
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;
	struct overlay_facts facts;
	struct content content;
	int err = cmd_overlay_find(request, request->argv[0], STATE_LOOK, &state, &overlay);
	int failed;

	if (!err)
		err = overlay_facts_get(state, request->argv[0], &facts);
	if (err)
		return STATUS_FAILED;
	/* the facts are shown, whatever is wrong with the content or the image */
	failed = get_content(request, &facts, &content);
	err = request->common.json ? print_json(&facts, &content) : print_text(&facts, &content);
	overlay_facts_finish(&facts);
	return err || failed ? STATUS_FAILED : STATUS_DONE;
}
