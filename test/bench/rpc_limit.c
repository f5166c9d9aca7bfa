/* SPDX-License-Identifier: MIT */
/*
 * The limit of the machine for NFS over TCP: answers every record by one of the size that the call asks
 * for, out of memory, whatever it says:
 *
 *	rpc_limit PORT
 *
 * One thread; all records that came by one read are answered by one write. It takes the records of
 * nfs_load apart and of nobody else: nothing is checked.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "bench.h"
#include "nfs_wire.h"

#define READ_SIZE ((size_t)256 << 10)
#define RECORD_MAX ((size_t)2 << 20)
#define HEAD_MAX 512u
#define PIECES_MAX 512u
#define EVENTS_MAX 64
#define ENTRIES 10000u
#define ENTRY_MAX 256u

/* Bytes before the arguments of a call that nfs_load makes. */
#define CALL_HEADER 76u

struct conn {
	int fd;
	uint8_t *in;
	size_t in_len;
	uint8_t *heads; /* of answers that are to be sent */
	struct iovec pieces[PIECES_MAX];
	unsigned int first;
	unsigned int count;
	bool waiting; /* for the socket to take more */
};

static uint8_t *data; /* of files: RECORD_MAX bytes */
static uint8_t *entries; /* ENTRIES of a directory */
static size_t entry_ends[ENTRIES + 1];
static int poll_fd;

static void make_entries(void)
{
	struct writer w;
	char name[32];
	static const uint8_t attributes[ATTRIBUTES];
	static const uint8_t handle[32];

	entries = buffer((size_t)ENTRIES * ENTRY_MAX);
	w.at = entries;
	for (unsigned int i = 0; i < ENTRIES; i++) {
		entry_ends[i] = (size_t)(w.at - entries);
		snprintf(name, sizeof(name), "file%05u", i);
		put32(&w, 1);
		put64(&w, i + 2);
		put_name(&w, name);
		put64(&w, i + 1);
		put32(&w, 1);
		put_bytes(&w, attributes, ATTRIBUTES);
		put32(&w, 1);
		put_opaque(&w, handle, 32);
	}
	entry_ends[ENTRIES] = (size_t)(w.at - entries);
}

static void put_zeros(struct writer *w, size_t len)
{
	memset(w->at, 0, len);
	w->at += len;
}

static void put_new(struct writer *w)
{
	put32(w, 0);
	put32(w, 1);
	put32(w, 32);
	put_zeros(w, 32);
	put32(w, 1);
	put_zeros(w, ATTRIBUTES);
	put32(w, 1);
	put_zeros(w, 24);
	put32(w, 1);
	put_zeros(w, ATTRIBUTES);
}

static void put_wcc(struct writer *w)
{
	put32(w, 0);
	put32(w, 1);
	put_zeros(w, 24);
	put32(w, 1);
	put_zeros(w, ATTRIBUTES);
}

/* Entries from cookie @start, in at most @max bytes; what they are is *@body. */
static size_t put_page(struct writer *w, uint64_t start, uint32_t max, const uint8_t **body)
{
	size_t first = start < ENTRIES ? start : ENTRIES;
	size_t last = first;
	size_t room = max - 200;

	while (last < ENTRIES && entry_ends[last + 1] - entry_ends[first] <= room)
		last++;
	put32(w, 0);
	put32(w, 1);
	put_zeros(w, ATTRIBUTES + 8);
	*body = entries + entry_ends[first];
	return entry_ends[last] - entry_ends[first];
}

static void add(struct conn *c, const void *bytes, size_t len)
{
	struct iovec *last = c->count ? &c->pieces[c->count - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == bytes) {
		last->iov_len += len;
		return;
	}
	c->pieces[c->count++] = (struct iovec){(void *)(uintptr_t)bytes, len};
}

/* Answers the record of @len bytes at @in; its head is written to @out. What was written there. */
static size_t answer(struct conn *c, const uint8_t *in, size_t len, uint8_t *out)
{
	struct writer w;
	bool nfs = get32_at(in + 12) == NFS_PROGRAM;
	uint32_t procedure = get32_at(in + 20);
	const uint8_t *body = NULL;
	size_t body_len = 0;
	size_t tail = 0;
	size_t head;

	begin_reply(&w, out, get32_at(in));
	if (!nfs && procedure) { /* MNT */
		put32(&w, 0);
		put32(&w, 32);
		put_zeros(&w, 32);
		put32(&w, 1);
		put32(&w, 1);
	} else if (procedure == NFS_GETATTR) {
		put32(&w, 0);
		put_zeros(&w, ATTRIBUTES);
	} else if (procedure == NFS_LOOKUP) {
		put32(&w, 0);
		put32(&w, 32);
		put_zeros(&w, 32);
		put32(&w, 1);
		put_zeros(&w, ATTRIBUTES);
		put32(&w, 1);
		put_zeros(&w, ATTRIBUTES);
	} else if (procedure == NFS_READ) {
		body_len = get32_at(in + len - 4);
		body = data;
		put32(&w, 0);
		put32(&w, 1);
		put_zeros(&w, ATTRIBUTES);
		put32(&w, (uint32_t)body_len);
		put32(&w, 0);
		put32(&w, (uint32_t)body_len);
	} else if (procedure == NFS_WRITE) {
		uint32_t handle = get32_at(in + CALL_HEADER);

		put_wcc(&w);
		put32(&w, get32_at(in + CALL_HEADER + 4 + handle + 8));
		put32(&w, 0);
		put64(&w, 1);
	} else if (procedure == NFS_COMMIT) {
		put_wcc(&w);
		put64(&w, 1);
	} else if (procedure == NFS_CREATE || procedure == NFS_MKDIR) {
		put_new(&w);
	} else if (procedure == NFS_REMOVE) {
		put_wcc(&w);
	} else if (procedure == NFS_READDIRPLUS) {
		uint64_t cookie = (uint64_t)get32_at(in + len - 24) << 32 | get32_at(in + len - 20);

		body_len = put_page(&w, cookie, get32_at(in + len - 4), &body);
		tail = 8;
	}
	head = end_record(&w, body_len + tail);
	add(c, out, head);
	if (body_len)
		add(c, body, body_len);
	if (tail) {
		put32_at(out + head, 0);
		put32_at(out + head + 4, body + body_len == entries + entry_ends[ENTRIES] ? 1 : 0);
		add(c, out + head, 8);
	}
	return head + tail;
}

static void watch(struct conn *c, uint32_t events, int operation)
{
	struct epoll_event event = {.events = events, .data.ptr = c};

	if (epoll_ctl(poll_fd, operation, c->fd, &event))
		die("epoll_ctl");
}

/* False: the connection is gone, or takes nothing at present. */
static bool send_answers(struct conn *c)
{
	while (c->first < c->count) {
		ssize_t sent = writev(c->fd, c->pieces + c->first, (int)(c->count - c->first));

		if (sent < 0)
			return false;
		while (sent > 0) {
			struct iovec *piece = &c->pieces[c->first];

			if ((size_t)sent < piece->iov_len) {
				piece->iov_base = (uint8_t *)piece->iov_base + sent;
				piece->iov_len -= (size_t)sent;
				break;
			}
			sent -= (ssize_t)piece->iov_len;
			c->first++;
		}
	}
	c->first = 0;
	c->count = 0;
	return true;
}

static void end(struct conn *c)
{
	close(c->fd);
	free(c->in);
	free(c->heads);
	free(c);
}

/* Answers the records that are there, as far as the socket takes it. */
static void take(struct conn *c)
{
	size_t used = 0;
	size_t before;

	do {
		size_t heads = 0;

		before = used;
		while (c->in_len - used >= MARK_BYTES && c->count < PIECES_MAX - 3 &&
		       heads + HEAD_MAX <= (size_t)PIECES_MAX * HEAD_MAX) {
			size_t len = get32_at(c->in + used) & ~MARK_LAST;

			if (c->in_len - used < MARK_BYTES + len)
				break;
			heads += answer(c, c->in + used + MARK_BYTES, len, c->heads + heads);
			used += MARK_BYTES + len;
		}
		if (!send_answers(c)) {
			c->waiting = true;
			watch(c, EPOLLOUT, EPOLL_CTL_MOD);
		}
	} while (used > before && !c->waiting);
	c->in_len -= used;
	if (c->in_len)
		memmove(c->in, c->in + used, c->in_len);
}

static void serve(struct conn *c)
{
	ssize_t got;

	if (c->waiting) {
		if (!send_answers(c))
			return;
		c->waiting = false;
		watch(c, EPOLLIN, EPOLL_CTL_MOD);
		take(c);
		return;
	}
	got = read(c->fd, c->in + c->in_len, READ_SIZE);
	if (got <= 0) {
		end(c);
		return;
	}
	c->in_len += (size_t)got;
	take(c);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct conn door = {.fd = -1};
	int on = 1;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 2)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	address.sin_port = htons((uint16_t)number(argv[1], 65535));
	data = buffer(RECORD_MAX);
	make_entries();
	poll_fd = epoll_create1(0);
	if (listener < 0 || poll_fd < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 128))
		die("listen");
	door.fd = listener;
	watch(&door, EPOLLIN, EPOLL_CTL_ADD);
	for (;;) {
		struct epoll_event events[EVENTS_MAX];
		int count = epoll_wait(poll_fd, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			struct conn *c = events[i].data.ptr;

			if (c->fd != listener) {
				serve(c);
				continue;
			}
			c = buffer(sizeof(*c));
			memset(c, 0, sizeof(*c));
			c->in = buffer(RECORD_MAX + READ_SIZE);
			c->heads = buffer(PIECES_MAX * HEAD_MAX);
			c->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
			if (c->fd < 0)
				die("accept");
			watch(c, EPOLLIN, EPOLL_CTL_ADD);
		}
	}
}
