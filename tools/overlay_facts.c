/* SPDX-License-Identifier: MIT */
/* What is known of an overlay without opening it. */
#include "overlay_facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format.h"

static int add_snapshot(void *ctx, const struct state_snapshot *snapshot)
{
	struct overlay_facts *facts = ctx;

	facts->snapshots++;
	facts->snapshots_size += snapshot->size;
	return 0;
}

static int note_dependent(void *ctx, const char *name)
{
	bool *found = ctx;

	(void)name;
	*found = true;
	return 0;
}

static int fill(struct overlay_facts *facts)
{
	int err = state_overlay_size(facts->overlay, &facts->size);

	/* it thaws when it is opened for writing next; until then only its info says frozen */
	if (!err && facts->overlay->info.frozen &&
	    state_overlay_dependents(facts->overlay, note_dependent, &facts->frozen) < 0)
		facts->frozen = true; /* not known: was logged */

	if (!err)
		err = state_snapshot_each(facts->overlay, add_snapshot, facts);
	if (err)
		return err;
	err = state_overlay_holder(facts->overlay, &facts->holder);
	if (err)
		log_error("overlay %s: whether it is in use is unknown: %s", facts->overlay->name,
			  strerror(-err));
	return err;
}

int overlay_facts_get(struct state *state, const char *name, struct overlay_facts *out)
{
	struct overlay_facts facts = {0};
	int err = state_overlay_open(state, name, STATE_LOOK, &facts.overlay);

	if (err)
		return err;
	err = fill(&facts);
	if (err) {
		overlay_facts_finish(&facts);
		return err;
	}
	*out = facts;
	return 0;
}

void overlay_facts_finish(struct overlay_facts *facts)
{
	state_overlay_close(facts->overlay);
	free(facts->holder);
}

int overlay_facts_state(const struct overlay_facts *facts, char **out)
{
	const char *frozen = facts->frozen ? "frozen" : "";
	char *state;
	int n;

	if (facts->holder)
		n = asprintf(&state, "%s%sin use by %s", frozen, *frozen ? ", " : "",
			     facts->holder);
	else
		n = asprintf(&state, "%s", *frozen ? frozen : "idle");
	if (n < 0)
		return -ENOMEM;
	*out = state;
	return 0;
}

void overlay_facts_json(struct json *json, const struct overlay_facts *facts)
{
	const struct state_info *info = &facts->overlay->info;
	char text[2 * STATE_FINGERPRINT_BYTES + 1];
	char time[FORMAT_TIME_BYTES];

	json_string(json, "name", facts->overlay->name);
	state_format_uuid(info->uuid, text);
	json_string(json, "uuid", text);
	json_u64(json, "epoch", info->epoch);
	json_string(json, "state", facts->holder ? "in use" : facts->frozen ? "frozen" : "idle");
	json_string_or_null(json, "holder", facts->holder ? facts->holder : "");
	json_bool(json, "frozen", facts->frozen);
	json_bool(json, "empty", info->empty);
	json_string_or_null(json, "base", info->base);
	json_string(json, "image", info->image);
	state_format_hex(info->fingerprint, STATE_FINGERPRINT_BYTES, text);
	json_string(json, "fingerprint", text);
	if (info->partition >= 0)
		json_u64(json, "partition", (uint64_t)info->partition);
	else
		json_string_or_null(json, "partition", "");
	format_time_utc(&info->created, time);
	json_string(json, "created", time);
	format_time_utc(&info->used, time);
	json_string(json, "used", time);
	json_u64(json, "size", facts->size);
	json_u64(json, "snapshots_size", facts->snapshots_size);
}

int overlay_facts_json_snapshot(void *json, const struct state_snapshot *snapshot)
{
	char time[FORMAT_TIME_BYTES];

	json_object(json, NULL);
	json_string(json, "name", snapshot->name);
	format_time_utc(&snapshot->taken, time);
	json_string(json, "taken", time);
	json_u64(json, "size", snapshot->size);
	json_end(json);
	return 0;
}
