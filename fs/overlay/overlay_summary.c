/* SPDX-License-Identifier: MIT */
/* What an overlay holds, in numbers. */
#include "overlay/overlay_fs.h"

struct summing {
	struct overlay *ov;
	struct overlay_summary sum;
};

static int add_record(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct summing *summing = ctx;
	struct overlay_summary *sum = &summing->sum;
	struct record_node node;
	struct record_key parsed;
	int err = record_key_parse(key, &parsed);

	if (err || parsed.kind != RECORD_NODE)
		return err;
	err = record_node_decode(parsed.id, value, len, &node);
	if (err)
		return err;
	sum->blocks += node.own_blocks;
	if (!overlay_is_lower(summing->ov, parsed.id))
		sum->created += node.nlink > 0;
	else if (node.nlink == 0)
		sum->removed++;
	else
		sum->changed++;
	return 0;
}

int overlay_summarize(struct tree *overlay, struct overlay_summary *out)
{
	const struct store_key all = {.len = 0};
	struct summing summing = {.ov = overlay_of(overlay)};
	int err = store_scan(summing.ov->store, &all, NULL, add_record, &summing);

	if (!err)
		*out = summing.sum;
	return err;
}
