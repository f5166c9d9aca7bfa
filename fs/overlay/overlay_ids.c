/* SPDX-License-Identifier: MIT */
/* The counter of node numbers of a store that is not open as an overlay yet. */
#include <errno.h>

#include "overlay/overlay.h"
#include "overlay/overlay_record.h"

int overlay_skip_ids(struct store *store, uint64_t first_id)
{
	CLEANUP(store_abortp) struct store_txn *txn = NULL;
	uint8_t value[RECORD_SUPER_BYTES];
	struct record_super super;
	struct store_key key;
	size_t len;
	int err;

	record_key_super(&key);
	err = store_get(store, &key, value, sizeof(value), &len);
	if (err == -ENOENT || err == -ERANGE)
		return 0; /* overlay_open says what is wrong */
	if (!err)
		err = record_super_decode(value, len, &super);
	if (err || super.next_id >= first_id)
		return err;
	if (first_id >= RECORD_IDS_END)
		return -EOVERFLOW;
	super.next_id = first_id;
	err = store_begin(store, &txn);
	if (err)
		return err;
	err = store_put(txn, &key, value, record_super_encode(&super, value));
	if (!err)
		err = store_commit(&txn, false);
	return err ? err : store_sync(store);
}
