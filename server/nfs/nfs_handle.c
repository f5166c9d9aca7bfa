/* SPDX-License-Identifier: MIT */
/*
 * NFS handles. The key is made once for an export, by BLAKE2b, so that a seal costs no more than a short
 * hash of eight bytes.
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

static_assert(MAC_AT + HASH_SEAL_BYTES == NFS_HANDLE_BYTES, "the seal is the end");

static void put_u64(uint8_t *out, uint64_t value)
{
	const be64 field = be64_make(value);

	memcpy(out, &field, sizeof(field));
}

void nfs_seal_init(struct nfs_seal *seal, const uint8_t key[NFS_KEY_BYTES],
		   const uint8_t uuid[NFS_UUID_BYTES], uint64_t epoch)
{
	uint8_t made[HASH_BLAKE2B_BYTES];
	struct hash hash;

	memset(seal->head, 0, sizeof(seal->head));
	seal->head[UUID_AT - 1] = VERSION;
	memcpy(seal->head + UUID_AT, uuid, NFS_UUID_BYTES);
	put_u64(seal->head + EPOCH_AT, epoch);
	hash_start(&hash);
	hash_add_text(&hash, "bramble nfs handle");
	hash_add(&hash, key, NFS_KEY_BYTES);
	hash_add(&hash, seal->head, sizeof(seal->head));
	hash_finish(&hash, made);
	memcpy(seal->key, made, sizeof(seal->key));
}

void nfs_handle_write(const struct nfs_seal *seal, uint64_t id, uint8_t out[NFS_HANDLE_BYTES])
{
	uint8_t *node = out + NFS_HANDLE_HEAD;

	memcpy(out, seal->head, NFS_HANDLE_HEAD);
	put_u64(node, id);
	hash_seal(seal->key, node, sizeof(id), out + MAC_AT);
}

int nfs_handle_read(const struct nfs_seal *seal, const uint8_t *data, size_t len, uint64_t *out_id)
{
	const uint8_t *node;
	uint8_t right[HASH_SEAL_BYTES];
	unsigned int wrong = 0;

	if (len != NFS_HANDLE_BYTES)
		return -EBADMSG;
	if (memcmp(data, seal->head, NFS_HANDLE_HEAD) != 0)
		return -ESTALE;
	node = data + NFS_HANDLE_HEAD;
	hash_seal(seal->key, node, sizeof(*out_id), right);
	/* takes as long wherever it is wrong */
	for (size_t i = 0; i < sizeof(right); i++)
		wrong |= (unsigned int)(right[i] ^ data[MAC_AT + i]);
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
