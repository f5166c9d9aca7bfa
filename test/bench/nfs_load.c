/* SPDX-License-Identifier: MIT */
/*
 * Loads for an NFSv3 server over TCP, by records made by hand, so that the client takes as little of the
 * machine as possible:
 *
 *	nfs_load [OPTION...] LOAD
 *
 *	-s HOST        an IPv4 address (default 127.0.0.1)
 *	-p PORT        of NFS (default 2049); of MOUNT too, if -m is not given
 *	-m PORT        of MOUNT; 0: asks the port mapper at port 111
 *	-e EXPORT      what is mounted (default /)
 *	-f PATH        below it: a file to be read (default bench/data)
 *	-d PATH        below it: a directory to be listed (default bench/many)
 *	-k COUNT       connections (default 8)
 *	-q COUNT       calls under way on each (default 4)
 *	-t SECONDS     how long (default 3)
 *	-c PID         counts by the time that this program and the process PID were on a CPU, rather than
 *	               by the clock: fit for a machine that others use, too
 *	-w             words for people: what was measured, p50 and p99; else one number
 *
 * Loads: null, getattr and lookup (of -f), read4k (at random), read64k and read1m (in a row), readdirplus
 * (of -d, entries), write (of a file of 1 MiB in the root by 64 KiB each, unstable, and COMMIT; files),
 * create (a file in the root, 4 KiB written, COMMIT, REMOVE; files), setup (makes -f with 64 MiB and -d
 * with 10,000 files), and `local-write DIR` and `local-create DIR`, which do with as many threads on a
 * local file system what the others do by NFS, and make durable what an answer promises: the file, and the
 * directory after each change of its names; `local-create-file DIR` syncs the file alone. The number is
 * calls, MB, entries or files per second.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "bench.h"
#include "nfs_load.h"

#define SCRATCH ((size_t)1 << 20)
#define REQUEST_MAX ((size_t)70 << 10)
/* Bytes of a reply that are kept if it came by several reads. */
#define KEPT_MAX ((size_t)256 << 10)
#define BUCKETS 4096u

static struct options options = {
	.host = "127.0.0.1",
	.export = "/",
	.file = "bench/data",
	.dir = "bench/many",
	.port = 2049,
	.conns = 8,
	.depth = 4,
	.seconds = 3,
};

/* One connection, and the reply that is coming in. */
struct conn {
	int fd;
	struct slot *slots;
	uint8_t *out; /* requests that wait to be sent */
	size_t out_len;
	uint8_t *kept;
	size_t kept_len;
	uint32_t left; /* bytes of the reply that are to come; 0: its mark is next */
	uint8_t mark[MARK_BYTES];
	size_t mark_len;
};

static uint64_t bytes_or_calls; /* what is counted */
static uint64_t histogram[BUCKETS]; /* of microseconds: 64 steps for each doubling */
static double started;
static double last_round;
static double cpu_used; /* with -c: seconds */

/* Latencies ----------------------------------------------------------------------------------- */

static unsigned int bucket(double us)
{
	uint64_t value = (uint64_t)(us * 8);
	unsigned int shift = 0;

	while (value >> shift >= 128)
		shift++;
	return shift * 64 + (unsigned int)(value >> shift);
}

static double bucket_us(unsigned int index)
{
	unsigned int shift = index < 128 ? 0 : index / 64 - 1;

	return (double)((uint64_t)(index - shift * 64) << shift) / 8;
}

static double percentile(double part)
{
	uint64_t all = 0, seen = 0;

	for (unsigned int i = 0; i < BUCKETS; i++)
		all += histogram[i];
	for (unsigned int i = 0; i < BUCKETS; i++) {
		seen += histogram[i];
		if ((double)seen >= part * (double)all)
			return bucket_us(i);
	}
	return 0;
}

/* One call at a time: for what comes before the load ------------------------------------------ */

int connect_to(unsigned int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || inet_pton(AF_INET, options.host, &address.sin_addr) != 1)
		die(options.host);
	/* servers may want a port that root alone has */
	for (unsigned int own = 700; own < 1024; own++) {
		struct sockaddr_in local = {.sin_family = AF_INET,
					    .sin_port = htons((uint16_t)own)};

		if (bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0)
			break;
	}
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void receive_all(int fd, uint8_t *to, size_t len)
{
	while (len) {
		ssize_t got = read(fd, to, len);

		if (got <= 0)
			die("the server has closed the connection");
		to += got;
		len -= (size_t)got;
	}
}

void send_all(int fd, const uint8_t *from, size_t len)
{
	while (len) {
		ssize_t sent = send(fd, from, len, MSG_NOSIGNAL);

		if (sent < 0)
			die("send");
		from += sent;
		len -= (size_t)sent;
	}
}

/* Sends what @w has, and receives the reply into @reply; its results follow the header. */
size_t call_once(int fd, struct writer *w, uint8_t *reply, size_t size)
{
	uint8_t mark[MARK_BYTES];
	size_t len;

	send_all(fd, w->start, end_record(w, 0));
	receive_all(fd, mark, sizeof(mark));
	len = get32_at(mark) & ~MARK_LAST;
	if (len > size || len < REPLY_HEADER) {
		errno = EPROTO;
		die("reply");
	}
	receive_all(fd, reply, len);
	check_reply(reply, len);
	return len;
}

static unsigned int ask_port_mapper(void)
{
	uint8_t buf[256];
	struct writer w;
	int fd = connect_to(111);

	begin_call(&w, buf, 1, PORTMAP_PROGRAM, 2, 3);
	put32(&w, MOUNT_PROGRAM);
	put32(&w, 3);
	put32(&w, IPPROTO_TCP);
	put32(&w, 0);
	call_once(fd, &w, buf, sizeof(buf));
	close(fd);
	return get32_at(buf + REPLY_HEADER);
}

static void mount_export(struct handle *root)
{
	uint8_t buf[2048];
	struct writer w;
	unsigned int port = options.mount_asked ? options.mount_port : options.port;
	int fd;

	if (port == 0)
		port = ask_port_mapper();
	fd = connect_to(port);
	begin_call(&w, buf, 2, MOUNT_PROGRAM, 3, 1);
	put_name(&w, options.export);
	call_once(fd, &w, buf, sizeof(buf));
	check_status(buf, "MNT");
	root->len = get32_at(buf + REPLY_HEADER + 4);
	if (root->len > HANDLE_MAX) {
		errno = EPROTO;
		die("MNT");
	}
	memcpy(root->bytes, buf + REPLY_HEADER + 8, root->len);
	close(fd);
}

/* The load ------------------------------------------------------------------------------------ */

void count_done(uint64_t amount)
{
	bytes_or_calls += amount;
}

/* Puts the next request of @slot behind those that wait to be sent. */
static void ask(struct conn *c, struct slot *slot, const struct kind *kind)
{
	struct writer w;

	slot->since = last_round;
	kind->ask(slot, &w, c->out + c->out_len);
	c->out_len += end_record(&w, 0);
}

static void take_reply(struct conn *c, const struct kind *kind, const uint8_t *reply, size_t len)
{
	struct slot *slot;

	check_reply(reply, len);
	slot = &c->slots[get32_at(reply) % options.depth];
	histogram[bucket((last_round - slot->since) * 1e6)]++;
	kind->take(slot, reply, len);
	/* a number that was used before may be answered as the same call that comes again */
	slot->xid += options.conns * options.depth;
	ask(c, slot, kind);
}

/* Takes replies apart; of those that go on in the next read the beginning is kept. */
static void take(struct conn *c, const struct kind *kind, const uint8_t *at, size_t len)
{
	while (len) {
		size_t part;

		if (c->left == 0) {
			part = MARK_BYTES - c->mark_len < len ? MARK_BYTES - c->mark_len : len;
			memcpy(c->mark + c->mark_len, at, part);
			c->mark_len += part;
			at += part;
			len -= part;
			if (c->mark_len < MARK_BYTES)
				return;
			c->mark_len = 0;
			c->left = get32_at(c->mark) & ~MARK_LAST;
			c->kept_len = 0;
			continue;
		}
		part = c->left < len ? c->left : len;
		if (part == c->left && c->kept_len == 0) {
			take_reply(c, kind, at, part);
		} else {
			size_t keep = KEPT_MAX - c->kept_len < part ? KEPT_MAX - c->kept_len : part;

			memcpy(c->kept + c->kept_len, at, keep);
			c->kept_len += keep;
			if (part == c->left)
				take_reply(c, kind, c->kept, c->kept_len);
		}
		c->left -= (uint32_t)part;
		at += part;
		len -= part;
	}
}

double cpu_time(void)
{
	clockid_t clocks[2] = {CLOCK_PROCESS_CPUTIME_ID};
	double sum = 0;

	if (clock_getcpuclockid(options.cpu_of, &clocks[1]))
		die("no such process");
	for (int i = 0; i < 2; i++) {
		struct timespec ts;

		clock_gettime(clocks[i], &ts);
		sum += (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
	}
	return sum;
}

static void run(const struct kind *kind, const struct target *target)
{
	struct conn *conns = buffer(options.conns * sizeof(*conns));
	uint8_t *scratch = buffer(SCRATCH);
	int poll_fd = epoll_create1(EPOLL_CLOEXEC);
	double end;

	for (unsigned int i = 0; i < options.conns; i++) {
		struct conn *c = &conns[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

		memset(c, 0, sizeof(*c));
		c->fd = connect_to(options.port);
		c->slots = buffer(options.depth * sizeof(*c->slots));
		c->out = buffer(options.depth * REQUEST_MAX);
		c->kept = buffer(KEPT_MAX);
		for (unsigned int j = 0; j < options.depth; j++)
			slot_init(&c->slots[j], i * options.depth + j, target);
		if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event))
			die("epoll_ctl");
	}
	cpu_used = options.cpu_of ? -cpu_time() : 0;
	started = last_round = now();
	end = started + options.seconds;
	for (unsigned int i = 0; i < options.conns; i++) {
		for (unsigned int j = 0; j < options.depth; j++)
			ask(&conns[i], &conns[i].slots[j], kind);
		send_all(conns[i].fd, conns[i].out, conns[i].out_len);
	}
	while (last_round < end) {
		struct epoll_event events[64];
		int count = epoll_wait(poll_fd, events, 64, 10000);

		if (count <= 0) {
			errno = ETIMEDOUT;
			die("no answer");
		}
		for (int i = 0; i < count; i++) {
			struct conn *c = events[i].data.ptr;
			ssize_t got = recv(c->fd, scratch, SCRATCH, MSG_DONTWAIT);

			if (got <= 0)
				die("the server has closed the connection");
			last_round = now();
			c->out_len = 0;
			take(c, kind, scratch, (size_t)got);
			if (c->out_len)
				send_all(c->fd, c->out, c->out_len);
		}
	}
	cpu_used += options.cpu_of ? cpu_time() : 0;
}

static void print(const struct kind *kind)
{
	double time = options.cpu_of ? cpu_used : last_round - started;
	double rate = (double)bytes_or_calls / time / kind->unit;

	if (options.words)
		printf("%-12s %u x %u: %.0f %s/s, p50 %.0f us, p99 %.0f us\n", kind->name,
		       options.conns, options.depth, rate, kind->unit_name, percentile(0.5),
		       percentile(0.99));
	else
		printf("%.0f\n", rate);
}

static int parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "s:p:m:e:f:d:k:q:t:c:w")) != -1) {
		switch (option) {
		case 's':
			options.host = optarg;
			break;
		case 'p':
			options.port = number(optarg, 65535);
			break;
		case 'm':
			options.mount_asked = true;
			options.mount_port = strcmp(optarg, "0") ? number(optarg, 65535) : 0;
			break;
		case 'e':
			options.export = optarg;
			break;
		case 'f':
			options.file = optarg;
			break;
		case 'd':
			options.dir = optarg;
			break;
		case 'k':
			options.conns = number(optarg, 10000);
			break;
		case 'q':
			options.depth = number(optarg, 1000);
			break;
		case 't':
			options.seconds = number(optarg, 3600);
			break;
		case 'c':
			options.cpu_of = (pid_t)number(optarg, INT32_MAX);
			break;
		case 'w':
			options.words = true;
			break;
		default:
			return -1;
		}
	}
	return optind < argc ? 0 : -1;
}

int main(int argc, char **argv)
{
	const struct kind *kind;
	struct target target;
	const char *name;

	if (parse(argc, argv)) {
		fprintf(stderr, "nfs_load: see the comment of its source\n");
		return 2;
	}
	name = argv[optind];
	if (strncmp(name, "local-", 6) == 0 && optind + 1 < argc)
		return local_run(&options, name + 6, argv[optind + 1]);
	memset(&target, 0, sizeof(target));
	if (strcmp(name, "null"))
		mount_export(&target.root);
	if (strcmp(name, "setup") == 0)
		return set_up(&options, &target);
	kind = find_kind(name);
	if (!kind) {
		fprintf(stderr, "nfs_load: no load %s\n", name);
		return 2;
	}
	if (kind->prepare)
		kind->prepare(&options, &target);
	run(kind, &target);
	print(kind);
	return 0;
}
