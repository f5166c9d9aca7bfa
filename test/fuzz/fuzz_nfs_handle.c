/* SPDX-License-Identifier: MIT */
/*
 * The input is a handle, and behind 64 bytes what it is changed by. No handle is taken that was not sealed,
 * and one that was sealed is taken as it was only.
 */
#include <stdlib.h>
#include <string.h>

#include "nfs/nfs_handle.h"

#define HANDLE_MAX 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[NFS_KEY_BYTES] = "a key for fuzzin", uuid[NFS_UUID_BYTES] = "uuid";
	uint8_t good[NFS_HANDLE_BYTES], found[NFS_UUID_BYTES];
	const size_t len = size < HANDLE_MAX ? size : HANDLE_MAX;
	struct nfs_seal seal;
	uint64_t id = 0, epoch;

	nfs_seal_init(&seal, key, uuid, 1);
	if (nfs_handle_read(&seal, data, len, &id) == 0) {
		/* the fuzzer found a key, or this is one of ours */
		nfs_handle_write(&seal, id, good);
		if (memcmp(good, data, sizeof(good)) != 0)
			abort();
	}
	if (nfs_handle_names(data, len, found, &epoch) && len != NFS_HANDLE_BYTES)
		abort();
	if (size >= sizeof(id))
		memcpy(&id, data, sizeof(id));
	nfs_handle_write(&seal, id, good);
	for (size_t i = HANDLE_MAX; i + 1 < size; i += 2) {
		uint64_t got;

		good[data[i] % NFS_HANDLE_BYTES] ^= data[i + 1];
		if (data[i + 1] && nfs_handle_read(&seal, good, sizeof(good), &got) == 0)
			abort();
		good[data[i] % NFS_HANDLE_BYTES] ^= data[i + 1];
	}
	if (nfs_handle_read(&seal, good, sizeof(good), &epoch) || epoch != id)
		abort();
	return 0;
}
