/* SPDX-License-Identifier: MIT */
/* Notes: stored with the change that they are about, and given back. */
#include <errno.h>

#include "overlay/overlay_fs.h"

int overlay_txn_note(struct overlay_txn *txn, uint64_t id)
{
	struct tree_note *note = tree_note_current();
	uint8_t value[RECORD_NOTE_BYTES];
	struct store_key key;

	if (!note)
		return 0;
	if (note->slot >= TREE_NOTES)
		return -EINVAL;
	note->id = id;
	record_key_note(&key, note->slot);
	return store_put(txn->store, &key, value, record_note_encode(note, value));
}

struct giving {
	tree_note_fn take;
	void *ctx;
};

static int give(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	const struct giving *giving = ctx;
	struct record_key parsed;
	struct tree_note note;
	int err = record_key_parse(key, &parsed);

	if (!err)
		err = record_note_decode(&parsed, value, len, &note);
	return err ? err : giving->take(giving->ctx, &note);
}

int overlay_notes(struct tree *tree, tree_note_fn take, void *ctx)
{
	struct giving giving = {.take = take, .ctx = ctx};
	struct store_key prefix;

	record_prefix_kind(&prefix, 0, RECORD_NOTE);
	return store_scan(overlay_of(tree)->store, &prefix, NULL, give, &giving);
}
