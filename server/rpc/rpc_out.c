/* SPDX-License-Identifier: MIT */
/* What a connection has yet to send. */
#include "rpc/rpc_out.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Parts by one call. */
#define PIECES_MAX 64
/* Replies up to so many bytes are copied rather than sent as a piece of their own. */
#define COPY_MAX 1024u
/* Bytes of a file read by one pread(2), where sendfile(2) does not work. */
#define READ_SIZE ((size_t)256 << 10)

/* Never written. */
static uint8_t zeros[16384];

void rpc_out_init(struct rpc_out *out, struct rpc_pool *pool)
{
	*out = (struct rpc_out){.pool = pool};
}

static void end_part(struct rpc_out *out, struct rpc_part *part)
{
	rpc_buffer_put(out->pool, part->buffer);
	if (part->file.release)
		part->file.release(part->file.ctx);
	if (out->spare)
		free(part);
	else
		out->spare = part;
}

static void end_first(struct rpc_out *out)
{
	struct rpc_part *part = out->first;

	out->first = part->next;
	if (!out->first)
		out->last = NULL;
	end_part(out, part);
}

static void release_common(struct rpc_out *out)
{
	rpc_buffer_put(out->pool, out->common);
	out->common = NULL;
}

void rpc_out_finish(struct rpc_out *out)
{
	while (out->first)
		end_first(out);
	out->unsent = 0;
	free(TAKE(out->spare));
	release_common(out);
}

bool rpc_out_room(struct rpc_out *out, size_t size, struct rpc_room *room)
{
	if (size > RPC_BUFFER_USUAL / 2) {
		room->buffer = rpc_buffer_get_here(out->pool, size);
		if (!room->buffer)
			return false;
		room->data = room->buffer->data;
		room->size = size;
		return true;
	}
	if (out->common && size > out->common->size - out->common_used)
		release_common(out);
	if (!out->common) {
		out->common = rpc_buffer_get_here(out->pool, RPC_BUFFER_USUAL);
		out->common_used = 0;
	}
	if (!out->common)
		return false;
	room->buffer = rpc_buffer_ref(out->common);
	room->data = out->common->data + out->common_used;
	room->size = size;
	out->common_used += size;
	return true;
}

/* Gives back what is behind the first @len bytes of @room, if nobody got room after it. */
static void shorten(struct rpc_out *out, const struct rpc_room *room, size_t len)
{
	if (out->common == room->buffer &&
	    out->common->data + out->common_used == room->data + room->size)
		out->common_used -= room->size - len;
}

static struct rpc_part *append(struct rpc_out *out, enum rpc_part_kind kind, size_t len)
{
	struct rpc_part *part = out->spare ? TAKE(out->spare) : malloc(sizeof(*part));

	if (!part)
		return NULL;
	*part = (struct rpc_part){.kind = kind, .len = len};
	if (out->last)
		out->last->next = part;
	else
		out->first = part;
	out->last = part;
	out->unsent += len;
	return part;
}

/* Whether the last part goes on at @room. */
static bool continues(const struct rpc_out *out, const struct rpc_room *room)
{
	const struct rpc_part *last = out->last;

	return last && last->buffer == room->buffer && last->data + last->len == room->data;
}

static bool add_copy(struct rpc_out *out, struct rpc_room *room, size_t len)
{
	struct rpc_room copy;

	if (!rpc_out_room(out, len, &copy))
		return false;
	memcpy(copy.data, room->data, len);
	if (!rpc_out_add(out, &copy, len)) {
		rpc_out_drop(out, &copy);
		return false;
	}
	rpc_buffer_put(out->pool, TAKE(room->buffer));
	return true;
}

bool rpc_out_add(struct rpc_out *out, struct rpc_room *room, size_t len)
{
	struct rpc_part *part;

	assert(len <= room->size);
	if (len <= COPY_MAX && room->buffer != out->common)
		return add_copy(out, room, len);
	shorten(out, room, len);
	if (continues(out, room)) {
		out->last->len += len;
		out->unsent += len;
		rpc_buffer_put(out->pool, TAKE(room->buffer));
		return true;
	}
	part = append(out, RPC_PART_MEMORY, len);
	if (!part)
		return false;
	part->data = room->data;
	part->buffer = TAKE(room->buffer);
	return true;
}

void rpc_out_drop(struct rpc_out *out, struct rpc_room *room)
{
	if (!room->buffer)
		return;
	shorten(out, room, 0);
	rpc_buffer_put(out->pool, TAKE(room->buffer));
}

bool rpc_out_add_file(struct rpc_out *out, const struct rpc_file *file)
{
	struct rpc_part *part = append(out, RPC_PART_FILE, file->len);
	size_t padding = -file->len & 3;

	if (!part) {
		if (file->release)
			file->release(file->ctx);
		return false;
	}
	part->file = *file;
	return padding == 0 || append(out, RPC_PART_ZEROS, padding);
}

/* @len bytes at the front are sent. */
static void take_sent(struct rpc_out *out, size_t len)
{
	out->unsent -= len;
	while (out->first && len >= out->first->len) {
		len -= out->first->len;
		end_first(out);
	}
	if (len) {
		out->first->len -= len;
		out->first->data += out->first->buffer ? len : 0;
		out->first->file.offset += len;
	}
}

static int send_failed(int err)
{
	return err == EINTR ? -EAGAIN : -err;
}

static int send_memory(struct rpc_out *out, int fd)
{
	struct iovec pieces[PIECES_MAX];
	struct msghdr message = {.msg_iov = pieces};
	const struct rpc_part *part = out->first;
	size_t len = 0;
	ssize_t sent;

	for (; part && part->kind != RPC_PART_FILE && message.msg_iovlen < PIECES_MAX;
	     part = part->next) {
		struct iovec *piece = &pieces[message.msg_iovlen++];

		piece->iov_base = (void *)(uintptr_t)part->data;
		piece->iov_len = part->len;
		if (part->kind == RPC_PART_ZEROS)
			piece->iov_base = zeros;
		if (part->kind == RPC_PART_ZEROS && part->len > sizeof(zeros))
			piece->iov_len = sizeof(zeros);
		len += piece->iov_len;
		if (piece->iov_len < part->len)
			break;
	}
	sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL | (part ? MSG_MORE : 0));
	if (sent < 0)
		return send_failed(errno);
	take_sent(out, (size_t)sent);
	return (size_t)sent < len ? -EAGAIN : 0;
}

/* Reads the front of the first part, which is a file's, into memory. */
static int read_file(struct rpc_out *out)
{
	struct rpc_part *file = out->first;
	struct rpc_part *part;
	struct rpc_buffer *buffer;
	ssize_t len;

	buffer = rpc_buffer_get_here(out->pool, READ_SIZE);
	part = malloc(sizeof(*part));
	if (!buffer || !part) {
		len = -ENOMEM;
		goto fail;
	}
	len = pread(file->file.fd, buffer->data, file->len < READ_SIZE ? file->len : READ_SIZE,
		    (off_t)file->file.offset);
	if (len < 0) {
		len = -errno;
		goto fail;
	}
	if (len == 0) {
		file->kind = RPC_PART_ZEROS;
		goto fail;
	}
	*part = (struct rpc_part){.kind = RPC_PART_MEMORY,
				  .next = file,
				  .len = (size_t)len,
				  .buffer = buffer,
				  .data = buffer->data};
	out->first = part;
	file->len -= (size_t)len;
	file->file.offset += (size_t)len;
	return 0;
fail:
	rpc_buffer_put(out->pool, buffer);
	free(part);
	return (int)len;
}

static int send_file(struct rpc_out *out, int fd)
{
	struct rpc_part *part = out->first;
	off_t offset = (off_t)part->file.offset;
	ssize_t sent;

	if (part->len == 0) { /* an empty file, or all of it was read */
		take_sent(out, 0);
		return 0;
	}
	sent = sendfile(fd, part->file.fd, &offset, part->len);
	if (sent < 0 && (errno == EINVAL || errno == ENOSYS))
		return read_file(out);
	if (sent < 0)
		return send_failed(errno);
	if (sent == 0) {
		part->kind = RPC_PART_ZEROS;
		return 0;
	}
	take_sent(out, (size_t)sent);
	return 0;
}

int rpc_out_send(struct rpc_out *out, int fd)
{
	while (out->first) {
		int err = out->first->kind == RPC_PART_FILE ? send_file(out, fd)
							    : send_memory(out, fd);

		if (err)
			return err;
	}
	release_common(out);
	return 0;
}
