/* SPDX-License-Identifier: MIT */
/* Reading and writing a file whose lock is held. Private to the overlay room. */
#ifndef BRAMBLE_OVERLAY_OVERLAY_DATA_H
#define BRAMBLE_OVERLAY_OVERLAY_DATA_H

#include "overlay/overlay_batch.h"

/* -EISDIR, -EINVAL: no regular file. -ESTALE. */
int overlay_data_node(struct overlay *ov, uint64_t id, struct record_node *out);

/* As overlay_write. */
int overlay_data_write(struct overlay *ov, uint64_t id, const void *buf, size_t len,
		       uint64_t offset, unsigned int flags);

/* Exactly @len bytes of the lower file as far as @node still shows it; zeros behind that. */
int overlay_data_read_lower(struct overlay *ov, uint64_t id, const struct record_node *node,
			    void *buf, size_t len, uint64_t offset);

/*
 * The file ended at @size and is about to go on to @end: what its last block has in the store behind
 * the old end, which is nobody's and undefined, becomes zeros.
 */
int overlay_data_clear_tail(struct overlay *ov, uint64_t id, uint64_t size, uint64_t end);

#endif
