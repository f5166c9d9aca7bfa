/* SPDX-License-Identifier: MIT */
/*
 * NFS handles: which export, which node, and a seal that only this server can make. No I/O.
 *
 *     0  version, big-endian like all that follows
 *     4  UUID of the export
 *    20  its epoch
 *    28  id of the node
 *    36  128 bits: SipHash-2-4-128 of the id, under a key that belongs to the 28 bytes in front
 */
#ifndef BRAMBLE_NFS_HANDLE_H
#define BRAMBLE_NFS_HANDLE_H

#include <stdbool.h>

#include "base/hash.h"
#include "nfs/nfs.h"

#define NFS_HANDLE_HEAD 28u
#define NFS_HANDLE_BYTES 52u

/* What the handles of one export have in common. */
struct nfs_seal {
	uint8_t head[NFS_HANDLE_HEAD];
	uint8_t key[HASH_SHORT_KEY_BYTES];
};

void nfs_seal_init(struct nfs_seal *seal, const uint8_t key[NFS_KEY_BYTES],
		   const uint8_t uuid[NFS_UUID_BYTES], uint64_t epoch);

void nfs_handle_write(const struct nfs_seal *seal, uint64_t id, uint8_t out[NFS_HANDLE_BYTES]);

/* The node of a handle: 0, -EBADMSG: forged or not ours, -ESTALE: perhaps of another export. */
int nfs_handle_read(const struct nfs_seal *seal, const uint8_t *data, size_t len, uint64_t *out_id);

/* Which export a handle names, before its seal is looked at. False: this is no handle of ours. */
bool nfs_handle_names(const uint8_t *data, size_t len, uint8_t out_uuid[NFS_UUID_BYTES],
		      uint64_t *out_epoch);

#endif
