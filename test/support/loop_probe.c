/* SPDX-License-Identifier: MIT */
/*
 * What the loop room promises, tried with real sockets, threads and signals:
 *
 *     loop_probe list            the names of the checks
 *     loop_probe CHECK           exits 0 if it holds
 *
 * Each check has a process of its own; sockets are on the loopback interface, files in the present
 * directory.
 */
#include "support/loop_probe.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/checked.h"

struct loop *loop;

/* Timers --------------------------------------------------------------------------------------- */

static struct loop_timer timers[4];
static char fired[16];
static unsigned int count;

static void note_timer(struct loop_timer *timer)
{
	assert(!loop_timer_runs(timer));
	fired[count++] = (char)('a' + (timer - timers));
}

static void stop_here(struct loop_timer *timer)
{
	(void)timer;
	loop_stop(loop);
}

static void stop_others(struct loop_timer *timer)
{
	note_timer(timer);
	loop_timer_stop(&timers[1]);
	loop_timer_start(loop, &timers[2], 30, note_timer);
}

static void timers_fire_in_their_order(void)
{
	uint64_t before = loop_now(loop);

	loop_timer_start(loop, &timers[0], 40, note_timer);
	loop_timer_start(loop, &timers[1], 20, note_timer);
	loop_timer_start(loop, &timers[2], 0, note_timer);
	loop_timer_start(loop, &timers[3], 60, stop_here);
	loop_run(loop);
	assert(strcmp(fired, "cba") == 0);
	assert(loop_now(loop) >= before + 60);
}

static void timer_that_was_stopped_does_not_fire(void)
{
	static struct loop_timer never;

	loop_timer_stop(&never);
	assert(!loop_timer_runs(&never));
	/* both are due in the same round */
	loop_timer_start(loop, &timers[0], 10, stop_others);
	loop_timer_start(loop, &timers[1], 10, note_timer);
	loop_timer_start(loop, &timers[2], 10, note_timer);
	loop_timer_start(loop, &timers[3], 80, stop_here);
	usleep(20000);
	loop_run(loop);
	assert(count == 2 && strchr(fired, 'a') && strchr(fired, 'c'));
}

static void timer_counts_from_its_start_not_from_the_making_of_the_loop(void)
{
	uint64_t before;

	usleep(100000);
	before = loop_now(loop);
	loop_timer_start(loop, &timers[3], 50, stop_here);
	loop_run(loop);
	assert(loop_now(loop) >= before + 50);
}

/* Later ---------------------------------------------------------------------------------------- */

static struct loop_later laters[3];

static void note_later(struct loop_later *later)
{
	fired[count++] = (char)('a' + (later - laters));
	if (later == &laters[0])
		loop_later_start(loop, &laters[2], note_later);
}

static void start_laters(struct loop_timer *timer)
{
	(void)timer;
	loop_later_start(loop, &laters[2], note_later);
	loop_later_start(loop, &laters[0], note_later);
	loop_later_start(loop, &laters[1], note_later);
	loop_later_start(loop, &laters[0], note_later);
	loop_later_stop(&laters[2]);
	assert(count == 0);
	loop_timer_start(loop, &timers[3], 10, stop_here);
}

static void what_is_put_off_runs_once_before_the_loop_waits(void)
{
	loop_timer_start(loop, &timers[0], 0, start_laters);
	loop_run(loop);
	assert(strcmp(fired, "abc") == 0);
}

/* Datagrams ------------------------------------------------------------------------------------ */

static struct loop_udp udps[2];
static struct sockaddr_in server_address;
static struct in_addr asked;

static struct sockaddr_in address_of(const char *text, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	assert(inet_pton(AF_INET, text, &address.sin_addr) == 1);
	return address;
}

static struct sockaddr_in own_address(int fd)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	assert(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
	return address;
}

static void echo(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	assert(udp == &udps[0]);
	assert(datagram->interface == if_nametoindex("lo"));
	assert(datagram->local.s_addr == datagram->to.s_addr);
	asked = datagram->to;
	assert(loop_udp_send(udp, datagram->data, datagram->len, &datagram->from, datagram->to,
			     datagram->interface) == 0);
}

static void check_echo(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	assert(udp == &udps[1] && datagram->len == 5);
	assert(memcmp(datagram->data, "hello", 5) == 0);
	assert(datagram->from.sin_addr.s_addr == asked.s_addr);
	assert(datagram->from.sin_port == server_address.sin_port);
	loop_udp_close(udp);
	loop_stop(loop);
}

static void open_server(loop_udp_fn receive)
{
	struct loop_udp_options options = {.address = address_of("0.0.0.0", 0)};

	assert(loop_udp_open(loop, &udps[0], &options, receive) == 0);
	server_address = address_of("127.0.0.9", ntohs(own_address(udps[0].fd).sin_port));
}

static void open_client(loop_udp_fn receive)
{
	struct loop_udp_options options = {.address = address_of("0.0.0.0", 0),
					   .peer = &server_address};

	assert(loop_udp_open(loop, &udps[1], &options, receive) == 0);
}

static void datagram_is_answered_from_the_address_that_was_asked(void)
{
	open_server(echo);
	open_client(check_echo);
	assert(loop_udp_send(&udps[1], "hello", 5, NULL, (struct in_addr){0}, 0) == 0);
	loop_run(loop);
	assert(asked.s_addr == server_address.sin_addr.s_addr);
	loop_udp_close(&udps[1]);
	loop_udp_close(&udps[0]);
}

#define HEAD_LEN 4u
#define BODY_LEN 1468u

static void check_parts(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	bool last = count == LOOP_UDP_MANY - 1;

	(void)udp;
	assert(datagram->len == (last ? HEAD_LEN + 1 : HEAD_LEN + BODY_LEN));
	assert(datagram->data[0] == count && datagram->data[HEAD_LEN] == (uint8_t)(count + 'b'));
	assert(datagram->data[datagram->len - 1] == (uint8_t)(count + 'b'));
	count++;
	if (last)
		loop_stop(loop);
}

static void datagrams_arrive_whole_and_in_order(void)
{
	static uint8_t heads[LOOP_UDP_MANY][HEAD_LEN];
	static uint8_t bodies[LOOP_UDP_MANY][BODY_LEN];
	struct loop_udp_out out[LOOP_UDP_MANY];

	for (unsigned int i = 0; i < LOOP_UDP_MANY; i++) {
		heads[i][0] = (uint8_t)i;
		memset(bodies[i], (uint8_t)(i + 'b'), BODY_LEN);
		out[i] = (struct loop_udp_out){.head = heads[i],
					       .head_len = HEAD_LEN,
					       .body = bodies[i],
					       .body_len = BODY_LEN};
	}
	out[LOOP_UDP_MANY - 1].body_len = 1;
	open_server(check_parts);
	open_client(check_echo);
	for (unsigned int sent = 0; sent < LOOP_UDP_MANY;) {
		int now = loop_udp_send_many(&udps[1], out + sent, LOOP_UDP_MANY - sent);

		assert(now > 0);
		sent += (unsigned int)now;
	}
	loop_run(loop);
	loop_udp_close(&udps[1]);
	loop_udp_close(&udps[0]);
}

static void take_longest(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	(void)udp;
	assert(datagram->len == (count ? 0 : LOOP_DATAGRAM_MAX));
	if (count++)
		loop_stop(loop);
}

static void datagrams_may_be_empty_and_as_long_as_can_be(void)
{
	char *longest = calloc(1, LOOP_DATAGRAM_MAX + 1);

	assert(longest);
	open_server(take_longest);
	open_client(check_echo);
	assert(loop_udp_send(&udps[1], longest, LOOP_DATAGRAM_MAX + 1, NULL, (struct in_addr){0},
			     0) == -EMSGSIZE);
	assert(loop_udp_send(&udps[1], longest, LOOP_DATAGRAM_MAX, NULL, (struct in_addr){0}, 0) ==
	       0);
	assert(loop_udp_send(&udps[1], longest, 0, NULL, (struct in_addr){0}, 0) == 0);
	loop_run(loop);
	loop_udp_close(&udps[1]);
	loop_udp_close(&udps[0]);
	free(longest);
}

static void close_in_callback(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	(void)datagram;
	assert(count++ == 0);
	loop_udp_close(udp);
	memset(udp, 0xff, sizeof(*udp)); /* as if it were freed */
	loop_timer_start(loop, &timers[3], 20, stop_here);
}

static void socket_may_be_closed_by_its_callback(void)
{
	open_server(close_in_callback);
	open_client(check_echo);
	for (int i = 0; i < 10; i++)
		loop_udp_send(&udps[1], "hello", 5, NULL, (struct in_addr){0}, 0);
	loop_run(loop);
	assert(count == 1);
	loop_udp_close(&udps[1]);
}

static void sender_learns_that_nobody_is_at_the_port(void)
{
	open_server(echo);
	open_client(check_echo);
	loop_udp_close(&udps[0]);
	assert(loop_udp_send(&udps[1], "hello", 5, NULL, (struct in_addr){0}, 0) == 0);
	assert(loop_udp_send(&udps[1], "hello", 5, NULL, (struct in_addr){0}, 0) == -ECONNREFUSED);
	loop_udp_close(&udps[1]);
}

/* Streams -------------------------------------------------------------------------------------- */

static struct loop_listener listener;

static int connect_to(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert(fd >= 0);
	assert(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
	return fd;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -errno;
}

static void check_connection(struct loop_listener *from, int fd, const struct sockaddr_in *peer)
{
	assert(from == &listener);
	assert(!from->is_unix == (peer != NULL));
	assert(!peer || peer->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	if (++count == 3)
		loop_stop(loop);
}

static void connections_do_not_block_and_are_closed_by_exec(void)
{
	struct sockaddr_in address = address_of("127.0.0.1", 0);

	assert(loop_listen(loop, &listener, &address, 0, check_connection) == 0);
	address = own_address(listener.fd);
	for (int i = 0; i < 3; i++)
		connect_to(&address);
	loop_run(loop);
	loop_listener_close(&listener);
	loop_listener_close(&listener);
}

static void close_listener(struct loop_listener *from, int fd, const struct sockaddr_in *peer)
{
	(void)peer;
	assert(count++ == 0);
	close(fd);
	loop_listener_close(from);
	memset(from, 0xff, sizeof(*from)); /* as if it were freed */
	loop_timer_start(loop, &timers[3], 20, stop_here);
}

static void listener_may_be_closed_by_its_callback(void)
{
	struct sockaddr_in address = address_of("127.0.0.1", 0);

	assert(loop_listen(loop, &listener, &address, 0, close_listener) == 0);
	address = own_address(listener.fd);
	for (int i = 0; i < 3; i++)
		connect_to(&address);
	loop_run(loop);
	assert(count == 1);
}

static int files[64];
static unsigned int files_count;

static void give_files_back(struct loop_timer *timer)
{
	(void)timer;
	assert(count == 0); /* there was none for a connection */
	while (files_count)
		close(files[--files_count]);
}

static void connections_wait_while_there_are_no_descriptors(void)
{
	struct sockaddr_in address = address_of("127.0.0.1", 0);
	struct rlimit limit;

	assert(loop_listen(loop, &listener, &address, 0, check_connection) == 0);
	address = own_address(listener.fd);
	for (int i = 0; i < 3; i++)
		connect_to(&address);
	assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = 40;
	assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	/* the loop has what it needs before */
	loop_timer_start(loop, &timers[3], 1, give_files_back);
	while ((files[files_count] = dup(STDOUT_FILENO)) >= 0)
		files_count++;
	loop_timer_start(loop, &timers[3], 50, give_files_back);
	loop_run(loop);
	assert(count == 3);
	loop_listener_close(&listener);
}

static void socket_file_has_its_mode_and_goes_with_the_listener(void)
{
	static const mode_t modes[] = {0600, 0660, 0666};
	struct stat st;

	umask(027);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert(loop_listen_unix(loop, &listener, "socket", modes[i], check_connection) ==
		       0);
		assert(stat("socket", &st) == 0 && (st.st_mode & 07777) == modes[i]);
		assert(connect_unix("socket") >= 0);
		if (i == 2)
			loop_run(loop);
		else
			count++;
		loop_listener_close(&listener);
		assert(access("socket", F_OK) != 0);
	}
}

static void socket_file_that_nobody_listens_at_is_replaced(void)
{
	struct loop_listener second;
	int fd;

	assert(loop_listen_unix(loop, &listener, "socket", 0600, check_connection) == 0);
	assert(loop_listen_unix(loop, &second, "socket", 0600, check_connection) == -EADDRINUSE);
	fd = connect_unix("socket"); /* it was not taken away */
	assert(fd >= 0);
	close(fd);
	/* as a crash leaves it */
	assert(link("socket", "left") == 0);
	loop_listener_close(&listener);
	assert(rename("left", "socket") == 0);
	assert(connect_unix("socket") == -ECONNREFUSED);
	assert(loop_listen_unix(loop, &listener, "socket", 0600, check_connection) == 0);
	loop_listener_close(&listener);
	/* but no file of another kind */
	fd = open("socket", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert(fd >= 0);
	assert(loop_listen_unix(loop, &listener, "socket", 0600, check_connection) < 0);
	assert(access("socket", F_OK) == 0);
	close(fd);
}

static const struct check checks[] = {
	CHECK(timers_fire_in_their_order),
	CHECK(timer_that_was_stopped_does_not_fire),
	CHECK(timer_counts_from_its_start_not_from_the_making_of_the_loop),
	CHECK(what_is_put_off_runs_once_before_the_loop_waits),
	CHECK(datagram_is_answered_from_the_address_that_was_asked),
	CHECK(datagrams_arrive_whole_and_in_order),
	CHECK(datagrams_may_be_empty_and_as_long_as_can_be),
	CHECK(socket_may_be_closed_by_its_callback),
	CHECK(sender_learns_that_nobody_is_at_the_port),
	CHECK(connections_do_not_block_and_are_closed_by_exec),
	CHECK(listener_may_be_closed_by_its_callback),
	CHECK(connections_wait_while_there_are_no_descriptors),
	CHECK(socket_file_has_its_mode_and_goes_with_the_listener),
	CHECK(socket_file_that_nobody_listens_at_is_replaced),
	{0},
};

/* False: the check @name is not among @all. With "list", their names. */
static bool run_one(const struct check *all, const char *name)
{
	for (const struct check *check = all; check->name; check++) {
		if (strcmp(name, "list") == 0) {
			puts(check->name);
		} else if (strcmp(name, check->name) == 0) {
			assert(loop_create(WORKERS, &loop) == 0);
			check->run();
			loop_destroy(loop);
			return true;
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	if (run_one(checks, argv[1]) || run_one(checks_of_threads, argv[1]))
		return 0;
	return strcmp(argv[1], "list") == 0 ? 0 : 2;
}
