/* SPDX-License-Identifier: MIT */
/*
 * Requests and answers as they pass between libfuse and the kernel. What libfuse 3.14 does not know:
 *
 * - FUSE_HANDLE_KILLPRIV_V2: who writes to a file must not keep its setuid, setgid and capabilities.
 *   Without this flag the kernel looks for capabilities before every single write, by a request of its
 *   own; with it, once. It then says with a write, in a flag that libfuse drops, that we have to see
 *   to setuid and setgid. So the flag is added to the answer of the first request if the kernel
 *   offers it, and the other one is read from each write; a request is received and answered by the
 *   same thread.
 * - FUSE_TMPFILE: open(2) with O_TMPFILE. It is FUSE_CREATE of a name that none can have, "/", in the same
 *   form, and is handed on as that.
 */
#include "mount/mount_ops.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static void note_offer(struct mount_server *server, uint64_t unique, const char *body, size_t len)
{
	uint32_t flags;

	if (len < offsetof(struct fuse_init_in, flags) + sizeof(flags))
		return;
	memcpy(&flags, body + offsetof(struct fuse_init_in, flags), sizeof(flags));
	if (flags & FUSE_HANDLE_KILLPRIV_V2)
		server->offer = unique;
}

static void note_write(struct mount_server *server, const char *body, size_t len)
{
	struct fuse_write_in in;

	if (len < sizeof(in))
		return;
	memcpy(&in, body, sizeof(in));
	mount_note_privilege(server, in.write_flags & FUSE_WRITE_KILL_SUIDGID);
}

static void hand_on_as(void *buf, uint32_t opcode)
{
	memcpy((char *)buf + offsetof(struct fuse_in_header, opcode), &opcode, sizeof(opcode));
}

static ssize_t on_receive(int fd, void *buf, size_t size, void *userdata)
{
	struct mount_server *server = userdata;
	ssize_t n = read(fd, buf, size);
	const char *body = (const char *)buf + sizeof(struct fuse_in_header);
	struct fuse_in_header in;

	if (n < (ssize_t)sizeof(in))
		return n;
	memcpy(&in, buf, sizeof(in));
	if (in.opcode == FUSE_WRITE)
		note_write(server, body, (size_t)n - sizeof(in));
	else if (in.opcode == FUSE_TMPFILE)
		hand_on_as(buf, FUSE_CREATE);
	else if (in.opcode == FUSE_INIT)
		note_offer(server, in.unique, body, (size_t)n - sizeof(in));
	return n;
}

/* The answer to the first request: libfuse's, in its own memory, with a flag more. */
static void accept_offer(struct mount_server *server, const struct iovec *iov, int count)
{
	struct fuse_out_header out;
	uint32_t flags;
	char *field;

	memcpy(&out, iov[0].iov_base, sizeof(out));
	if (out.unique != server->offer)
		return;
	server->offer = 0;
	if (out.error || count < 2 ||
	    iov[1].iov_len < offsetof(struct fuse_init_out, flags) + sizeof(flags))
		return;
	field = (char *)iov[1].iov_base + offsetof(struct fuse_init_out, flags);
	memcpy(&flags, field, sizeof(flags));
	flags |= FUSE_HANDLE_KILLPRIV_V2;
	memcpy(field, &flags, sizeof(flags));
	server->drops_privilege = true;
}

static ssize_t on_send(int fd, struct iovec *iov, int count, void *userdata)
{
	struct mount_server *server = userdata;

	/* There are no other threads yet when the first request is answered. */
	if (server->offer)
		accept_offer(server, iov, count);
	return writev(fd, iov, count);
}

int mount_io_set(struct fuse_session *session)
{
	static const struct fuse_custom_io io = {.read = on_receive, .writev = on_send};

	return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}
