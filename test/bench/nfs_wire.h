/* SPDX-License-Identifier: MIT */
/*
 * NFSv3 on the wire (RFC 1813), as far as the load and its limit need it: numbers of procedures, and
 * records written and read by hand.
 */
#ifndef BRAMBLE_BENCH_NFS_WIRE_H
#define BRAMBLE_BENCH_NFS_WIRE_H

#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#define PORTMAP_PROGRAM 100000u
#define NFS_PROGRAM 100003u
#define MOUNT_PROGRAM 100005u
#define HANDLE_MAX 64u
#define MARK_LAST 0x80000000u

/* Bytes. */
#define MARK_BYTES 4u
#define REPLY_HEADER 24u
#define ATTRIBUTES 84u
#define POST_OP (4u + ATTRIBUTES)

enum nfs_procedure {
	NFS_NULL = 0,
	NFS_GETATTR = 1,
	NFS_LOOKUP = 3,
	NFS_READ = 6,
	NFS_WRITE = 7,
	NFS_CREATE = 8,
	NFS_MKDIR = 9,
	NFS_REMOVE = 12,
	NFS_READDIRPLUS = 17,
	NFS_COMMIT = 21,
};

struct handle {
	uint32_t len;
	uint8_t bytes[HANDLE_MAX];
};

/* A record that is being written. */
struct writer {
	uint8_t *start;
	uint8_t *at;
};

static inline void put32_at(uint8_t *at, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(at, &value, 4);
}

static inline uint32_t get32_at(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, 4);
	return __builtin_bswap32(value);
}

static inline void put32(struct writer *w, uint32_t value)
{
	put32_at(w->at, value);
	w->at += 4;
}

static inline void put64(struct writer *w, uint64_t value)
{
	put32(w, (uint32_t)(value >> 32));
	put32(w, (uint32_t)value);
}

/* Bytes with their padding. */
static inline void put_bytes(struct writer *w, const void *bytes, uint32_t len)
{
	static const uint8_t zeros[4];

	memcpy(w->at, bytes, len);
	w->at += len;
	memcpy(w->at, zeros, -len & 3);
	w->at += -len & 3;
}

static inline void put_opaque(struct writer *w, const void *bytes, uint32_t len)
{
	put32(w, len);
	put_bytes(w, bytes, len);
}

static inline void put_name(struct writer *w, const char *name)
{
	put_opaque(w, name, (uint32_t)strlen(name));
}

static inline void put_handle(struct writer *w, const struct handle *handle)
{
	put_opaque(w, handle->bytes, handle->len);
}

/* Begins a call of root's by AUTH_SYS. */
static inline void begin_call(struct writer *w, uint8_t *buf, uint32_t xid, uint32_t program,
			      uint32_t version, uint32_t procedure)
{
	w->start = buf;
	w->at = buf + MARK_BYTES;
	put32(w, xid);
	put32(w, 0); /* CALL */
	put32(w, 2);
	put32(w, program);
	put32(w, version);
	put32(w, procedure);
	put32(w, 1); /* AUTH_SYS */
	put32(w, 28);
	put32(w, 0);
	put_name(w, "bench");
	put32(w, 0);
	put32(w, 0);
	put32(w, 0);
	put32(w, 0); /* AUTH_NONE */
	put32(w, 0);
}

static inline void begin_reply(struct writer *w, uint8_t *buf, uint32_t xid)
{
	w->start = buf;
	w->at = buf + MARK_BYTES;
	put32(w, xid);
	put32(w, 1); /* REPLY */
	for (int i = 0; i < 4; i++)
		put32(w, 0); /* accepted, AUTH_NONE, success */
}

/* Ends a record, which @more bytes follow that are not in the buffer; its bytes in the buffer. */
static inline size_t end_record(struct writer *w, size_t more)
{
	size_t len = (size_t)(w->at - w->start);

	put32_at(w->start, MARK_LAST | (uint32_t)(len - MARK_BYTES + more));
	return len;
}

#endif
