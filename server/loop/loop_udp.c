/* SPDX-License-Identifier: MIT */
/*
 * Datagram sockets. One that is not connected says which address and interface each datagram came in
 * by (IP_PKTINFO), and takes several by one call.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/checked.h"
#include "base/log.h"
#include "loop/loop_private.h"

/* Datagrams by one call, and bytes of each; what no long datagram comes into stays untouched. */
#define BATCH 16u
#define DATAGRAM_ROOM 65536u

#define CONTROL_SPACE CMSG_SPACE(sizeof(struct in_pktinfo))

union control {
	struct cmsghdr header; /* aligns the rest */
	char space[CONTROL_SPACE];
};

/* Room for received datagrams. One for the loop is enough: its sockets take turns. */
struct loop_batch {
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	struct sockaddr_in from[BATCH];
	union control control[BATCH];
	uint8_t data[BATCH][DATAGRAM_ROOM];
};

static struct loop_batch *create_batch(void)
{
	struct loop_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	for (unsigned int i = 0; i < BATCH; i++) {
		struct msghdr *message = &batch->messages[i].msg_hdr;

		batch->pieces[i].iov_base = batch->data[i];
		batch->pieces[i].iov_len = DATAGRAM_ROOM;
		message->msg_iov = &batch->pieces[i];
		message->msg_iovlen = 1;
		message->msg_name = &batch->from[i];
		message->msg_control = &batch->control[i];
	}
	return batch;
}

/* From the control data of a received message. */
static void read_pktinfo(struct msghdr *message, struct loop_datagram *datagram)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = CMSG_NXTHDR(message, part)) {
		struct in_pktinfo info;

		if (part->cmsg_level != IPPROTO_IP || part->cmsg_type != IP_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(part), sizeof(info));
		datagram->to = info.ipi_addr;
		datagram->local = info.ipi_spec_dst;
		datagram->interface = (unsigned int)info.ipi_ifindex;
	}
}

static void receive_failed(int err)
{
	/* ECONNREFUSED: nobody was at the port that something was sent to; senders have deadlines */
	if (err != EAGAIN && err != EINTR && err != ECONNREFUSED)
		log_debug("loop: cannot receive a datagram: %s", strerror(err));
}

static void receive_batch(struct loop *loop, struct loop_udp *udp)
{
	struct loop_batch *batch = loop->batch;
	int count;

	for (unsigned int i = 0; i < BATCH; i++) {
		batch->messages[i].msg_hdr.msg_namelen = sizeof(batch->from[i]);
		batch->messages[i].msg_hdr.msg_controllen = sizeof(batch->control[i]);
	}
	count = recvmmsg(udp->fd, batch->messages, BATCH, MSG_DONTWAIT, NULL);
	if (count < 0) {
		receive_failed(errno);
		return;
	}
	loop->current = udp;
	for (int i = 0; i < count && loop->current == udp; i++) {
		struct loop_datagram datagram = {.data = batch->data[i],
						 .len = batch->messages[i].msg_len,
						 .from = batch->from[i]};

		read_pktinfo(&batch->messages[i].msg_hdr, &datagram);
		udp->receive(udp, &datagram);
	}
	loop->current = NULL;
}

/* One for each call: peers of connected sockets mostly wait for the answer. False: there was none. */
static bool receive_one(struct loop *loop, struct loop_udp *udp)
{
	struct loop_datagram datagram = {.data = loop->batch->data[0],
					 .from = udp->peer,
					 .to = udp->local,
					 .local = udp->local};
	ssize_t len = recv(udp->fd, loop->batch->data[0], DATAGRAM_ROOM, MSG_DONTWAIT);

	if (len < 0) {
		receive_failed(errno);
		return false;
	}
	datagram.len = (size_t)len;
	udp->receive(udp, &datagram);
	return true;
}

bool loop_udp_take(struct loop_udp *udp)
{
	assert(udp->connected);
	return receive_one(udp->io.loop, udp);
}

static void on_readable(struct loop_io *io, unsigned int ready)
{
	struct loop_udp *udp = container_of(io, struct loop_udp, io);

	(void)ready;
	if (udp->connected)
		receive_one(io->loop, udp);
	else
		receive_batch(io->loop, udp);
}

static int set_option(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) ? -errno : 0;
}

/* Who is not root may do this once for a socket: not again to one that was taken over. */
static int bind_to_interface(int fd, const char *name)
{
	char bound[IF_NAMESIZE] = "";
	socklen_t len = sizeof(bound); /* with its end; the kernel takes no less */

	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bound, &len) == 0 &&
	    strcmp(bound, name) == 0)
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) ? -errno
											  : 0;
}

static int allow_fragments(int fd)
{
	int never = IP_PMTUDISC_DONT;

	return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &never, sizeof(never)) ? -errno : 0;
}

/* Makes @fd what @options say. */
static int set_up(int fd, const struct loop_udp_options *options)
{
	const struct sockaddr_in *address = &options->address;
	int err = 0;

	if (options->reuse)
		err = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
	if (err == 0 && options->broadcast)
		err = set_option(fd, SOL_SOCKET, SO_BROADCAST);
	if (err == 0 && options->fragments)
		err = allow_fragments(fd);
	if (err == 0 && !options->peer)
		err = set_option(fd, IPPROTO_IP, IP_PKTINFO);
	if (err)
		return err;
	if (options->interface)
		err = bind_to_interface(fd, options->interface);
	if (err)
		return err;
	if (options->fd > 0) /* whoever opened it has bound it */
		return 0;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	if (options->peer &&
	    connect(fd, (const struct sockaddr *)options->peer, sizeof(*options->peer)))
		return -errno;
	return 0;
}

int loop_udp_open(struct loop *loop, struct loop_udp *udp, const struct loop_udp_options *options,
		  loop_udp_fn receive)
{
	CLEANUP(closep) int fd = options->fd > 0 ? options->fd : -1;
	struct sockaddr_in local;
	socklen_t len = sizeof(local);
	int err;

	memset(udp, 0, sizeof(*udp));
	udp->fd = -1;
	if (!loop->batch)
		loop->batch = create_batch();
	if (!loop->batch)
		return -ENOMEM;
	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = set_up(fd, options);
	if (err)
		return err;
	if (options->peer) {
		if (getsockname(fd, (struct sockaddr *)&local, &len))
			return -errno;
		udp->connected = true;
		udp->peer = *options->peer;
		udp->local = local.sin_addr;
	}
	udp->receive = receive;
	udp->fd = take_fd(&fd);
	loop_io_start(loop, &udp->io, udp->fd, LOOP_READ, on_readable);
	return 0;
}

void loop_udp_room(struct loop_udp *udp, size_t bytes)
{
	int size = (int)min_u64(bytes, INT_MAX / 2);

	if (setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

void loop_udp_close(struct loop_udp *udp)
{
	struct loop *loop = udp->io.loop;

	if (!loop || udp->fd < 0)
		return;
	if (loop->current == udp)
		loop->current = NULL;
	loop_io_stop(&udp->io);
	close(udp->fd);
	udp->fd = -1;
}

static int send_error(int err)
{
	return err == ENOBUFS ? -EAGAIN : -err;
}

int loop_udp_send(struct loop_udp *udp, const void *data, size_t len, const struct sockaddr_in *to,
		  struct in_addr from, unsigned int interface)
{
	struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct in_pktinfo info = {.ipi_ifindex = (int)interface, .ipi_spec_dst = from};
	union control control = {.space = {0}};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

	if (to) {
		message.msg_name = (void *)(uintptr_t)to;
		message.msg_namelen = sizeof(*to);
	}
	if (interface || from.s_addr != htonl(INADDR_ANY)) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = IPPROTO_IP;
		control.header.cmsg_type = IP_PKTINFO;
		control.header.cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(&control.header), &info, sizeof(info));
	}
	if (sendmsg(udp->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return send_error(errno);
	return 0;
}

/* The kernel's limits of one send that it cuts into datagrams (UDP_SEGMENT). */
#define SEGMENTS_MAX 64u
#define SEGMENTED_MAX LOOP_DATAGRAM_MAX

/* One call, one way through the network stack; the kernel or the device cuts it into datagrams. */
static int send_segments(struct loop_udp *udp, struct iovec (*pieces)[2], size_t size,
			 unsigned int count)
{
	uint16_t segment = (uint16_t)size;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(segment))];
	} control = {.space = {0}};
	struct msghdr message = {
		.msg_iov = pieces[0],
		.msg_iovlen = 2 * (size_t)count,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_UDP;
	control.header.cmsg_type = UDP_SEGMENT;
	control.header.cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(&control.header), &segment, sizeof(segment));
	return sendmsg(udp->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : (int)count;
}

/* Each datagram by itself. How many were sent, or an error. */
static int send_each(struct loop_udp *udp, struct iovec (*pieces)[2], unsigned int count)
{
	struct mmsghdr messages[LOOP_UDP_MANY];
	int sent;

	for (unsigned int i = 0; i < count; i++) {
		memset(&messages[i], 0, sizeof(messages[i]));
		messages[i].msg_hdr.msg_iov = pieces[i];
		messages[i].msg_hdr.msg_iovlen = 2;
	}
	if (count == 1)
		sent = sendmsg(udp->fd, &messages[0].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1
											       : 1;
	else
		sent = sendmmsg(udp->fd, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? send_error(errno) : sent;
}

int loop_udp_send_many(struct loop_udp *udp, const struct loop_udp_out *out, unsigned int count)
{
	struct iovec pieces[LOOP_UDP_MANY][2];
	size_t size = out[0].head_len + out[0].body_len;
	unsigned int most;
	int sent;

	assert(count <= LOOP_UDP_MANY);
	if (count == 1 && out->body_len == 0) {
		ssize_t len = send(udp->fd, out->head, out->head_len, MSG_DONTWAIT | MSG_NOSIGNAL);

		return len < 0 ? send_error(errno) : 1;
	}
	for (unsigned int i = 0; i < count; i++) {
		pieces[i][0] = (struct iovec){.iov_base = (void *)(uintptr_t)out[i].head,
					      .iov_len = out[i].head_len};
		pieces[i][1] = (struct iovec){.iov_base = (void *)(uintptr_t)out[i].body,
					      .iov_len = out[i].body_len};
	}
	most = (unsigned int)min_u64(SEGMENTS_MAX, SEGMENTED_MAX / size);
	if (count == 1 || most < 2 || udp->whole_only)
		return send_each(udp, pieces, count);
	sent = send_segments(udp, pieces, size, (unsigned int)min_u64(count, most));
	if (sent == -EIO || sent == -EINVAL || sent == -EMSGSIZE || sent == -EOPNOTSUPP) {
		/* the way to this peer cannot: no checksums by the device, or a smaller MTU */
		udp->whole_only = true;
		return send_each(udp, pieces, count);
	}
	return sent < 0 ? send_error(-sent) : sent;
}
