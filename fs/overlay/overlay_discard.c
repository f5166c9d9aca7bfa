/* SPDX-License-Identifier: MIT */
/* The end of a node: what is left of it once it has no name and nobody holds it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "overlay/overlay_fs.h"

struct sweep {
	struct overlay_txn *txn;
	const struct store_key *keep;
};

static int sweep_record(void *ctx, const struct store_key *key, const void *value, size_t len)
{
	struct sweep *sweep = ctx;

	(void)value;
	(void)len;
	if (key->len == sweep->keep->len && memcmp(key->bytes, sweep->keep->bytes, key->len) == 0)
		return 0;
	return store_delete(sweep->txn->store, key);
}

/* All records of @id go; of a node of the lower tree one stays, saying that it is gone. */
static int remove_node(struct overlay_txn *txn, uint64_t id, struct record_node *node)
{
	struct store_key prefix, key;
	struct sweep sweep = {.txn = txn, .keep = &key};
	int err = 0;

	record_prefix(&prefix, id);
	record_key_node(&key, id);
	if (S_ISREG(node->mode))
		err = overlay_file_free(txn, id);
	if (!err)
		err = store_scan(txn->ov->store, &prefix, NULL, sweep_record, &sweep);
	if (err)
		return err;
	if (!overlay_is_lower(txn->ov, id))
		return overlay_node_delete(txn, id);
	node->flags = NODE_REMOVED;
	node->size = node->lower_size = node->own_blocks = 0;
	return overlay_node_put(txn, id, node);
}

static int discard(struct overlay *ov, uint64_t id)
{
	CLEANUP(overlay_txn_end) struct overlay_txn txn = OVERLAY_TXN_INIT;
	struct record_node node;
	int err = overlay_txn_begin(ov, &txn);

	if (!err)
		err = overlay_node_get(ov, &txn, id, &node);
	if (err)
		return err == -ESTALE ? 0 : err;
	if (node.nlink || overlay_is_held(&ov->held, id))
		return 0;
	err = remove_node(&txn, id, &node);
	return err ? err : overlay_txn_commit(&txn, true);
}

void overlay_node_discard(struct overlay *ov, uint64_t id)
{
	int err;

	if (overlay_is_held(&ov->held, id))
		return;
	overlay_file_lock(ov, id);
	err = discard(ov, id);
	overlay_file_unlock(ov, id);
	if (err)
		log_warn("overlay: node %llu has no name, but its space is not free yet: %s",
			 (unsigned long long)id, strerror(-err));
}
