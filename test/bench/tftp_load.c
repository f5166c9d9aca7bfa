/* SPDX-License-Identifier: MIT */
/*
 * Clients that load a file by TFTP again and again, all in one process.
 *
 *     tftp_load -n CLIENTS -w WINDOW [-b BLOCK] [-t SECONDS] [-s BYTES] ADDRESS PORT NAME
 *
 * Prints the bytes of data that all of them received in a second, in millions. -w 0: without the option. -s
 * is the size that each loading must have. Fails if a server says no or a file has another size; tells on
 * standard error how often something had to be asked for again.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tftp_wire.h"

#define EVENTS 64
#define PATIENCE_MS 1000

struct client {
	int fd;
	bool connected;
	uint64_t expected; /* the next block */
	uint64_t got; /* bytes of this file */
	unsigned int in_window, block, window;
	uint64_t heard_ms;
};

static const char *name;
static unsigned int want_block = 1468, want_window = 1, seconds = 3;
static uint64_t want_size, total, again;
static struct sockaddr_in server = {.sin_family = AF_INET};
static int epoll;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void ask(struct client *c)
{
	char packet[600] = {0, RRQ};
	int put = 2;

	put += sprintf(packet + put, "%s%coctet", name, 0) + 1;
	put += sprintf(packet + put, "blksize%c%u", 0, want_block) + 1;
	if (want_window)
		put += sprintf(packet + put, "windowsize%c%u", 0, want_window) + 1;
	if (sendto(c->fd, packet, (size_t)put, 0, (struct sockaddr *)&server, sizeof(server)) < 0)
		die("request");
}

/* A new socket, as a client would take for each file. */
static void begin(struct client *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

	if (c->fd > 0)
		close(c->fd);
	memset(c, 0, sizeof(*c));
	c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		die("socket");
	epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
	c->expected = 1;
	c->block = 512;
	c->window = 1;
	c->heard_ms = now_ms();
	ask(c);
}

static void acknowledge(struct client *c)
{
	uint8_t ack[4] = {0, ACK};

	put16(ack + 2, (unsigned int)(c->expected - 1) & 0xffff);
	c->in_window = 0;
	send(c->fd, ack, sizeof(ack), 0);
}

static void on_data(struct client *c, const uint8_t *packet, size_t len)
{
	if (get16(packet + 2) != (uint16_t)c->expected)
		return;
	c->expected++;
	c->got += len - 4;
	total += len - 4;
	if (len - 4 < c->block) {
		acknowledge(c);
		if (want_size && c->got != want_size) {
			fprintf(stderr, "tftp_load: %llu bytes\n", (unsigned long long)c->got);
			exit(1);
		}
		begin(c);
	} else if (++c->in_window == c->window) {
		acknowledge(c);
	}
}

/* Takes one packet. False: there is none. */
static bool on_packet(struct client *c)
{
	static uint8_t packet[65536];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t len;

	if (c->connected) {
		len = recv(c->fd, packet, sizeof(packet), MSG_DONTWAIT);
	} else {
		len = recvfrom(c->fd, packet, sizeof(packet), MSG_DONTWAIT,
			       (struct sockaddr *)&from, &from_len);
		if (len >= 4 && (get16(packet) == OACK || get16(packet) == DATA))
			c->connected = connect(c->fd, (struct sockaddr *)&from, sizeof(from)) == 0;
	}
	if (len < 4)
		return false;
	c->heard_ms = now_ms();
	switch (get16(packet)) {
	case OACK:
		c->block = (unsigned int)option_value(packet + 2, packet + len, "blksize");
		c->window = (unsigned int)option_value(packet + 2, packet + len, "windowsize");
		c->block = c->block ? c->block : 512;
		c->window = c->window ? c->window : 1;
		acknowledge(c);
		return true;
	case DATA:
		on_data(c, packet, (size_t)len);
		return true;
	case ERROR:
		fprintf(stderr, "tftp_load: error %u: %.*s\n", get16(packet + 2), (int)len - 4,
			packet + 4);
		exit(1);
	default:
		/* of another client here, whose server's port this one has got since */
		return true;
	}
}

/* A window lies in the socket as a whole mostly; another socket's turn comes after it. */
static void on_readable(struct client *c)
{
	unsigned int most = c->window;

	for (unsigned int i = 0; i < most && on_packet(c); i++)
		;
}

static void remind(struct client *clients, unsigned int count, uint64_t now)
{
	for (unsigned int i = 0; i < count; i++) {
		struct client *c = &clients[i];

		if (now - c->heard_ms < PATIENCE_MS)
			continue;
		again++;
		c->heard_ms = now;
		if (c->connected)
			acknowledge(c);
		else
			ask(c);
	}
}

int main(int argc, char **argv)
{
	struct rlimit files = {.rlim_cur = 16384, .rlim_max = 16384};
	struct epoll_event events[EVENTS];
	struct client *clients;
	unsigned int count = 1;
	uint64_t start, now, reminded;
	int option;

	while ((option = getopt(argc, argv, "n:w:b:t:s:")) != -1) {
		unsigned int value = (unsigned int)strtoul(optarg, NULL, 10);

		if (option == 'n')
			count = value;
		else if (option == 'w')
			want_window = value;
		else if (option == 'b')
			want_block = value;
		else if (option == 't')
			seconds = value;
		else if (option == 's')
			want_size = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	if (argc - optind != 3)
		return 2;
	inet_pton(AF_INET, argv[optind], &server.sin_addr);
	server.sin_port = htons((uint16_t)strtoul(argv[optind + 1], NULL, 10));
	name = argv[optind + 2];
	setrlimit(RLIMIT_NOFILE, &files);
	epoll = epoll_create1(0);
	clients = calloc(count, sizeof(*clients));
	for (unsigned int i = 0; i < count; i++)
		begin(&clients[i]);
	start = reminded = now = now_ms();
	while (now - start < seconds * 1000ull) {
		int ready = epoll_wait(epoll, events, EVENTS, 100);

		for (int i = 0; i < ready; i++)
			on_readable(events[i].data.ptr);
		now = now_ms();
		if (now - reminded > 100) {
			remind(clients, count, now);
			reminded = now;
		}
	}
	printf("%.1f\n", (double)total / 1e3 / (double)(now - start));
	if (again)
		fprintf(stderr, "tftp_load: asked again %llu times\n", (unsigned long long)again);
	free(clients);
	return 0;
}
