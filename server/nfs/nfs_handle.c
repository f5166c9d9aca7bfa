/* SPDX-License-Identifier: MIT */
/*
 * NFS handles. The two keys are made once for an export, by BLAKE2b, so that a seal costs no more than
 * two short hashes of eight bytes.
 */
#include "nfs/nfs_handle.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/be.h"

#define VERSION 1u
#define UUID_AT 4u
#define EPOCH_AT 20u
#define MAC_AT 36u

static_assert(sizeof(((struct nfs_seal *)NULL)->keys) == HASH_BLAKE2B_BYTES, "two keys");

static void put_u64(uint8_t *out, uint64_t value)
{
	const be64 field = be64_make(value);

	memcpy(out, &field, sizeof(field));
}

void nfs_seal_init(struct nfs_seal *seal, const uint8_t key[NFS_KEY_BYTES],
		   const uint8_t uuid[NFS_UUID_BYTES], uint64_t epoch)
{
	uint8_t keys[HASH_BLAKE2B_BYTES];
	struct hash hash;

	memset(seal->head, 0, sizeof(seal->head));
	seal->head[UUID_AT - 1] = VERSION;
	memcpy(seal->head + UUID_AT, uuid, NFS_UUID_BYTES);
	put_u64(seal->head + EPOCH_AT, epoch);
	hash_start(&hash);
	hash_add_text(&hash, "bramble nfs handle");
	hash_add(&hash, key, NFS_KEY_BYTES);
	hash_add(&hash, seal->head, sizeof(seal->head));
	hash_finish(&hash, keys);
	memcpy(seal->keys, keys, sizeof(seal->keys));
}

void nfs_handle_write(const struct nfs_seal *seal, uint64_t id, uint8_t out[NFS_HANDLE_BYTES])
{
	uint8_t *node = out + NFS_HANDLE_HEAD;

	memcpy(out, seal->head, NFS_HANDLE_HEAD);
	put_u64(node, id);
	put_u64(out + MAC_AT, hash_short(seal->keys[0], node, sizeof(id)));
	put_u64(out + MAC_AT + sizeof(id), hash_short(seal->keys[1], node, sizeof(id)));
}

int nfs_handle_read(const struct nfs_seal *seal, const uint8_t *data, size_t len, uint64_t *out_id)
{
	const uint8_t *node = data + NFS_HANDLE_HEAD;
	uint64_t wrong;

	if (len != NFS_HANDLE_BYTES)
		return -EBADMSG;
	if (memcmp(data, seal->head, NFS_HANDLE_HEAD) != 0)
		return -ESTALE;
	/* takes as long whichever half is wrong */
	wrong = hash_short(seal->keys[0], node, sizeof(*out_id)) ^ be64_at(data + MAC_AT);
	wrong |= hash_short(seal->keys[1], node, sizeof(*out_id)) ^
		 be64_at(data + MAC_AT + sizeof(*out_id));
	if (wrong)
		return -EBADMSG;
	*out_id = be64_at(node);
	return 0;
}

bool nfs_handle_names(const uint8_t *data, size_t len, uint8_t out_uuid[NFS_UUID_BYTES],
		      uint64_t *out_epoch)
{
	if (len != NFS_HANDLE_BYTES || be32_at(data) != VERSION)
		return false;
	memcpy(out_uuid, data + UUID_AT, NFS_UUID_BYTES);
	*out_epoch = be64_at(data + EPOCH_AT);
	return true;
}
