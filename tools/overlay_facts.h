/* SPDX-License-Identifier: MIT */
/* What is known of an overlay without opening it: for `bramble overlay list` and `show`. */
#ifndef BRAMBLE_TOOLS_OVERLAY_FACTS_H
#define BRAMBLE_TOOLS_OVERLAY_FACTS_H

#include "base/json.h"
#include "state/state.h"

struct overlay_facts {
	struct state_overlay *overlay; /* owned */
	bool frozen; /* another overlay is made on it */
	char *holder; /* owned; NULL: nobody uses it */
	uint64_t size; /* bytes on the host */
	uint64_t snapshots_size;
	size_t snapshots;
};

/* Takes no lock. -ENOENT is not logged. */
int overlay_facts_get(struct state *state, const char *name, struct overlay_facts *out);
void overlay_facts_finish(struct overlay_facts *facts);

/* "idle", "frozen", "in use by process 123 (bramble mount)": to be freed. */
int overlay_facts_state(const struct overlay_facts *facts, char **out);

/* The members of an object. */
void overlay_facts_json(struct json *json, const struct overlay_facts *facts);

/* An object for a snapshot; for state_snapshot_each. @json: struct json. */
int overlay_facts_json_snapshot(void *json, const struct state_snapshot *snapshot);

#endif
