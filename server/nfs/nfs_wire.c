/* SPDX-License-Identifier: MIT */
/* Arguments and answers that are read and written by hand (RFC 1813, 2.5 and 2.6; XDR is RFC 4506). */
#include "nfs/nfs_wire.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <nfs3.h>

#define SECONDS_MAX UINT32_MAX

uint8_t *nfs_put_opaque(uint8_t *p, const void *data, size_t len)
{
	p = nfs_put32(p, (uint32_t)len);
	memcpy(p, data, len);
	return nfs_put_padding(p + len, len);
}

uint8_t *nfs_put_fh(uint8_t *p, const struct nfs_seal *seal, uint64_t id)
{
	p = nfs_put32(p, NFS_HANDLE_BYTES);
	nfs_handle_write(seal, id, p);
	return p + NFS_HANDLE_BYTES;
}

uint8_t *nfs_put_post_fh(uint8_t *p, const struct nfs_seal *seal, uint64_t id)
{
	return nfs_put_fh(nfs_put32(p, TRUE), seal, id);
}

struct timespec nfs_time_clamp(struct timespec time)
{
	if (time.tv_sec < 0)
		return (struct timespec){0};
	if (time.tv_sec > SECONDS_MAX)
		time.tv_sec = SECONDS_MAX;
	return time;
}

static uint8_t *put_time(uint8_t *p, struct timespec time)
{
	time = nfs_time_clamp(time);
	return nfs_put32(nfs_put32(p, (uint32_t)time.tv_sec), (uint32_t)time.tv_nsec);
}

static uint32_t type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return NF3DIR;
	case S_IFBLK:
		return NF3BLK;
	case S_IFCHR:
		return NF3CHR;
	case S_IFLNK:
		return NF3LNK;
	case S_IFSOCK:
		return NF3SOCK;
	case S_IFIFO:
		return NF3FIFO;
	default:
		return NF3REG;
	}
}

uint8_t *nfs_put_fattr(uint8_t *p, const struct nfs_attr *attr)
{
	const struct tree_attr *a = &attr->attr;

	p = nfs_put32(p, type_of(a->mode));
	p = nfs_put32(p, a->mode & ALLPERMS);
	p = nfs_put32(p, a->nlink);
	p = nfs_put32(p, a->uid);
	p = nfs_put32(p, a->gid);
	p = nfs_put64(p, a->size);
	p = nfs_put64(p, a->blocks * 512);
	p = nfs_put32(p, major(a->rdev));
	p = nfs_put32(p, minor(a->rdev));
	p = nfs_put64(p, attr->fsid);
	p = nfs_put64(p, a->id);
	p = put_time(p, a->atime);
	p = put_time(p, a->mtime);
	return put_time(p, a->ctime);
}

uint8_t *nfs_put_post_attr(uint8_t *p, const struct nfs_attr *attr)
{
	p = nfs_put32(p, attr->known);
	return attr->known ? nfs_put_fattr(p, attr) : p;
}

uint8_t *nfs_put_wcc(uint8_t *p, const struct nfs_wcc *wcc)
{
	p = nfs_put32(p, wcc->before_known);
	if (wcc->before_known) {
		p = nfs_put64(p, wcc->size);
		p = put_time(p, wcc->mtime);
		p = put_time(p, wcc->ctime);
	}
	return nfs_put_post_attr(p, &wcc->after);
}

/* @len bytes, or NULL and from now on nothing. */
static const uint8_t *take(struct nfs_args *args, size_t len)
{
	const uint8_t *p = args->p;

	if (args->bad || len > args->left) {
		args->bad = true;
		return NULL;
	}
	args->p += len;
	args->left -= len;
	return p;
}

uint32_t nfs_take32(struct nfs_args *args)
{
	const uint8_t *p = take(args, sizeof(uint32_t));

	return p ? be32_at(p) : 0;
}

uint64_t nfs_take64(struct nfs_args *args)
{
	const uint8_t *p = take(args, sizeof(uint64_t));

	return p ? be64_at(p) : 0;
}

const uint8_t *nfs_take_opaque(struct nfs_args *args, size_t max, size_t *out_len)
{
	size_t len = nfs_take32(args);
	const uint8_t *p;

	if (len > max)
		args->bad = true;
	p = take(args, nfs_padded(len));
	*out_len = p ? len : 0;
	return p;
}
