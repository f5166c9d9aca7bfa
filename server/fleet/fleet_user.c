/* SPDX-License-Identifier: MIT */
/* Which user of this host has a socket, by sock_diag(7): on this host an address says nothing of who somebody is. */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes of an answer: a struct inet_diag_msg, and attributes that nobody asked for. */
#define ANSWER_BYTES 1024u

struct question {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
};

static void set_source(struct inet_diag_sockid *id, const struct sockaddr_in *address)
{
	id->idiag_sport = address->sin_port;
	memcpy(id->idiag_src, &address->sin_addr, sizeof(address->sin_addr));
}

static void set_destination(struct inet_diag_sockid *id, const struct sockaddr_in *address)
{
	id->idiag_dport = address->sin_port;
	memcpy(id->idiag_dst, &address->sin_addr, sizeof(address->sin_addr));
}

/* The kernel looks for a TCP socket by its own ends, but for a UDP one by those of a packet to it. */
static struct question question_of(const struct fleet_ends *ends)
{
	struct question question = {
		.head = {.nlmsg_len = sizeof(question),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST},
		.body = {.sdiag_family = AF_INET,
			 .sdiag_protocol = ends->tcp ? IPPROTO_TCP : IPPROTO_UDP,
			 .idiag_states = UINT32_MAX,
			 .id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}},
	};

	set_source(&question.body.id, ends->tcp ? &ends->peer : &ends->own);
	set_destination(&question.body.id, ends->tcp ? &ends->own : &ends->peer);
	return question;
}

/* The kernel has answered by the time that it was asked. */
static int ask(const struct question *question, uint8_t answer[ANSWER_BYTES], size_t *out_len)
{
	CLEANUP(closep) int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	ssize_t len;

	if (fd < 0 || send(fd, question, sizeof(*question), 0) < 0)
		return -errno;
	len = recv(fd, answer, ANSWER_BYTES, MSG_DONTWAIT);
	if (len < 0)
		return -errno;
	*out_len = (size_t)len;
	return 0;
}

static int parse(const uint8_t *answer, size_t len, struct inet_diag_msg *out)
{
	struct nlmsghdr head;
	struct nlmsgerr error;

	if (len < sizeof(head))
		return -EBADMSG;
	memcpy(&head, answer, sizeof(head));
	if (head.nlmsg_type == NLMSG_ERROR && len >= NLMSG_HDRLEN + sizeof(error)) {
		memcpy(&error, answer + NLMSG_HDRLEN, sizeof(error));
		return error.error < 0 ? error.error : -EBADMSG;
	}
	if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || len < NLMSG_HDRLEN + sizeof(*out))
		return -EBADMSG;
	memcpy(out, answer + NLMSG_HDRLEN, sizeof(*out));
	return 0;
}

/*
 * Not a listening socket, which is what there may be instead; and not one that its process has closed: it has
 * no user any more, which the kernel calls 0.
 */
static bool is_meant(const struct inet_diag_msg *found, const struct fleet_ends *ends)
{
	if (found->idiag_inode == 0 || found->id.idiag_sport != ends->peer.sin_port)
		return false;
	return !ends->tcp || found->id.idiag_dport == ends->own.sin_port;
}

int fleet_user_find(const struct fleet_ends *ends, uid_t *out)
{
	const struct question question = question_of(ends);
	uint8_t answer[ANSWER_BYTES];
	struct inet_diag_msg found;
	size_t len = 0;
	int err = ask(&question, answer, &len);

	if (!err)
		err = parse(answer, len, &found);
	if (err)
		return err;
	if (!is_meant(&found, ends))
		return -ENOENT;
	*out = found.idiag_uid;
	return 0;
}
