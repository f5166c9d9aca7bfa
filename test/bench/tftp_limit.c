/* SPDX-License-Identifier: MIT */
/*
 * The limit of the machine for a TFTP server with a socket for each transfer: answers each request with
 * blocks of the same bytes from memory, knows no file, no loss and no time.
 *
 *     tftp_limit PORT BYTES [gso]
 *
 * BYTES is the size of every file. Windows are sent by one sendmmsg, or with "gso" by one sendmsg that the
 * kernel cuts into packets. Ends when it is killed.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tftp_wire.h"

#define WINDOW_MAX 64
#define EVENTS 64

struct transfer {
	int fd;
	uint64_t acked, last;
	unsigned int block, window;
};

static uint8_t bytes[65536];
static uint64_t file_size;
static bool gso;
static int listener, epoll;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static size_t block_len(const struct transfer *t, uint64_t number)
{
	uint64_t offset = (number - 1) * t->block;

	return offset >= file_size	       ? 0
	       : file_size - offset < t->block ? (size_t)(file_size - offset)
					       : t->block;
}

static void send_gso(const struct transfer *t, struct iovec *pieces, unsigned int count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(uint16_t))];
	} control = {.space = {0}};
	uint16_t size = (uint16_t)(t->block + 4);
	struct msghdr message = {
		.msg_iov = pieces,
		.msg_iovlen = 2 * count,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_UDP;
	control.header.cmsg_type = UDP_SEGMENT;
	control.header.cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(&control.header), &size, sizeof(size));
	if (sendmsg(t->fd, &message, 0) < 0)
		perror("sendmsg");
}

static void send_window(const struct transfer *t)
{
	uint8_t heads[WINDOW_MAX][4];
	struct iovec pieces[2 * WINDOW_MAX];
	struct mmsghdr messages[WINDOW_MAX];
	unsigned int count = 0;

	while (count < t->window && t->acked + count < t->last) {
		uint64_t number = t->acked + count + 1;

		put16(heads[count], DATA);
		put16(heads[count] + 2, (unsigned int)number & 0xffff);
		pieces[2 * count] = (struct iovec){.iov_base = heads[count], .iov_len = 4};
		pieces[2 * count + 1] =
			(struct iovec){.iov_base = bytes, .iov_len = block_len(t, number)};
		messages[count] = (struct mmsghdr){
			.msg_hdr = {.msg_iov = &pieces[2 * count], .msg_iovlen = 2}};
		count++;
	}
	if (count == 1)
		sendmsg(t->fd, &messages[0].msg_hdr, 0);
	else if (gso)
		send_gso(t, pieces, count);
	else
		sendmmsg(t->fd, messages, count, 0);
}

static void end(struct transfer *t)
{
	close(t->fd);
	free(t);
}

static void on_ack(struct transfer *t)
{
	uint8_t packet[512];
	ssize_t len = recv(t->fd, packet, sizeof(packet), MSG_DONTWAIT);
	uint16_t count;

	if (len < 4)
		return;
	if (get16(packet) != ACK) {
		end(t);
		return;
	}
	count = (uint16_t)(get16(packet + 2) - (uint16_t)t->acked);
	if (count > t->window)
		return;
	t->acked += count;
	if (t->acked == t->last)
		end(t);
	else
		send_window(t);
}

static void on_request(void)
{
	uint8_t packet[1024], oack[128] = {0, OACK};
	struct sockaddr_in from,
		local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t from_len = sizeof(from);
	ssize_t len =
		recvfrom(listener, packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_len);
	struct epoll_event event = {.events = EPOLLIN};
	unsigned long block, window;
	struct transfer *t;
	int put = 2;

	if (len < 4 || get16(packet) != RRQ)
		return;
	t = calloc(1, sizeof(*t));
	block = option_value(packet + 2, packet + len, "blksize");
	window = option_value(packet + 2, packet + len, "windowsize");
	t->block = block ? (unsigned int)block : 512;
	t->window = window ? (unsigned int)window : 1;
	t->last = file_size / t->block + 1;
	t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (t->window > WINDOW_MAX || t->fd < 0 ||
	    bind(t->fd, (struct sockaddr *)&local, sizeof(local)) ||
	    connect(t->fd, (struct sockaddr *)&from, sizeof(from)))
		die("a transfer");
	event.data.ptr = t;
	epoll_ctl(epoll, EPOLL_CTL_ADD, t->fd, &event);
	if (block)
		put += sprintf((char *)oack + put, "blksize%c%lu", 0, block) + 1;
	if (window)
		put += sprintf((char *)oack + put, "windowsize%c%lu", 0, window) + 1;
	if (put > 2)
		send(t->fd, oack, (size_t)put, 0);
	else
		send_window(t);
}

int main(int argc, char **argv)
{
	struct sockaddr_in local = {.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event event = {.events = EPOLLIN}, events[EVENTS];

	if (argc < 3)
		return 2;
	local.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	file_size = strtoull(argv[2], NULL, 10);
	gso = argc > 3;
	memset(bytes, 'x', sizeof(bytes));
	listener = socket(AF_INET, SOCK_DGRAM, 0);
	epoll = epoll_create1(0);
	if (bind(listener, (struct sockaddr *)&local, sizeof(local)))
		die("bind");
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				on_ack(events[i].data.ptr);
			else
				on_request();
		}
	}
}
