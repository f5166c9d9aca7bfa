/* SPDX-License-Identifier: MIT */
/*
 * What is read from calls and written into answers by hand, because it is on the hot path: numbers,
 * handles, attributes. Every function that writes returns the place behind what it wrote; how much room
 * each needs is a constant below.
 */
#ifndef BRAMBLE_NFS_WIRE_H
#define BRAMBLE_NFS_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/be.h"
#include "nfs/nfs_handle.h"
#include "tree/tree.h"

/* Bytes on the wire. */
#define NFS_WORD 4u
#define NFS_FATTR_BYTES 84u
#define NFS_POST_ATTR_BYTES (NFS_WORD + NFS_FATTR_BYTES)
#define NFS_PRE_ATTR_BYTES (NFS_WORD + 24u)
#define NFS_WCC_BYTES (NFS_PRE_ATTR_BYTES + NFS_POST_ATTR_BYTES)
#define NFS_FH_BYTES (NFS_WORD + NFS_HANDLE_BYTES)
#define NFS_POST_FH_BYTES (NFS_WORD + NFS_FH_BYTES)

/* Attributes of a node, as far as they could be had. */
struct nfs_attr {
	bool known;
	struct tree_attr attr;
	uint64_t fsid;
};

/* Those of a node that a call changes: from right before the change, and right after. */
struct nfs_wcc {
	bool before_known;
	uint64_t size;
	struct timespec mtime;
	struct timespec ctime;
	struct nfs_attr after;
};

static inline size_t nfs_padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static inline uint8_t *nfs_put32(uint8_t *p, uint32_t value)
{
	value = htobe32(value);
	memcpy(p, &value, sizeof(value));
	return p + sizeof(value);
}

static inline uint8_t *nfs_put64(uint8_t *p, uint64_t value)
{
	value = htobe64(value);
	memcpy(p, &value, sizeof(value));
	return p + sizeof(value);
}

/* Fills up to a multiple of 4 behind @len bytes that end at @p. */
static inline uint8_t *nfs_put_padding(uint8_t *p, size_t len)
{
	const size_t more = nfs_padded(len) - len;

	memset(p, 0, more);
	return p + more;
}

/* Also the data of a name and of a link, at most @len rounded up to 4, and a word. */
uint8_t *nfs_put_opaque(uint8_t *p, const void *data, size_t len);
uint8_t *nfs_put_fh(uint8_t *p, const struct nfs_seal *seal, uint64_t id);
uint8_t *nfs_put_post_fh(uint8_t *p, const struct nfs_seal *seal, uint64_t id);
uint8_t *nfs_put_fattr(uint8_t *p, const struct nfs_attr *attr);
uint8_t *nfs_put_post_attr(uint8_t *p, const struct nfs_attr *attr);
uint8_t *nfs_put_wcc(uint8_t *p, const struct nfs_wcc *wcc);

/* Seconds and nanoseconds as they can be said in NFSv3: from 1970 to 2106. */
struct timespec nfs_time_clamp(struct timespec time);

/* Arguments that are taken one after the other; whoever takes more than there is gets zeros and @bad. */
struct nfs_args {
	const uint8_t *p;
	size_t left;
	bool bad;
};

uint32_t nfs_take32(struct nfs_args *args);
uint64_t nfs_take64(struct nfs_args *args);

/* A place in the record itself, and its length, which is at most @max; NULL if @bad. */
const uint8_t *nfs_take_opaque(struct nfs_args *args, size_t max, size_t *out_len);

#endif
