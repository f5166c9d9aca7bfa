/* SPDX-License-Identifier: MIT */
/*
 * The event loop: sockets, timers, signals, and worker threads for whatever may wait. The front door
 * of the loop room, which alone knows libev.
 *
 * One thread runs the loop; unless it is said otherwise, every function is for that thread alone, and
 * every callback is called there. No callback waits: for a disk, a name, or a lock that is held while
 * one waits. Watchers are embedded in what they belong to; after it was stopped, a watcher's callback
 * is not called any more.
 *
 * Times are milliseconds of CLOCK_MONOTONIC.
 */
#ifndef BRAMBLE_LOOP_LOOP_H
#define BRAMBLE_LOOP_LOOP_H

#include <ev.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct loop;

/*
 * @workers: threads for loop_work_submit, at least 1. They start when they are needed first. The process
 * ignores SIGPIPE from then on: sendfile(2) to a peer that is gone would end it.
 */
int loop_create(unsigned int workers, struct loop **out);

/* All watchers are stopped and all work is done. Accepts NULL. */
void loop_destroy(struct loop *loop);

DEFINE_CLEANUP(loop_destroyp, struct loop *, loop_destroy)

/* Returns after loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* From any thread: whether it is the loop's: the one that runs it, or before that made it. */
bool loop_is_here(const struct loop *loop);

/* When the present round began, milliseconds; constant during a callback. */
uint64_t loop_now(const struct loop *loop);

/* What time it is, milliseconds, up to 10 of them late: for callbacks that may take long. Costs little. */
uint64_t loop_clock(void);

/* Timers ------------------------------------------------------------------------------------- */

struct loop_timer;
typedef void (*loop_timer_fn)(struct loop_timer *timer);

struct loop_timer {
	ev_timer watcher;
	struct loop *loop;
	loop_timer_fn fire;
};

/* Calls @fire once, @after_ms from now. A timer that runs starts anew. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_ms,
		      loop_timer_fn fire);

/* No error if it does not run, or was never started and is all zero. */
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_runs(const struct loop_timer *timer);

/* File descriptors --------------------------------------------------------------------------- */

#define LOOP_READ 1u
#define LOOP_WRITE 2u

struct loop_io;
typedef void (*loop_io_fn)(struct loop_io *io, unsigned int ready);

struct loop_io {
	ev_io watcher;
	struct loop *loop;
	loop_io_fn ready;
};

/* Calls @ready while @fd, which is borrowed and does not block, is ready for any of @events. */
void loop_io_start(struct loop *loop, struct loop_io *io, int fd, unsigned int events,
		   loop_io_fn ready);
/* For one that runs; 0: keeps it, but waits for nothing. */
void loop_io_change(struct loop_io *io, unsigned int events);
void loop_io_stop(struct loop_io *io);

/* Once, before the loop waits again: to send in one go what a round has gathered. */
struct loop_later;
typedef void (*loop_later_fn)(struct loop_later *later);

struct loop_later {
	struct loop *loop;
	struct loop_later *next;
	struct loop_later **link; /* NULL: not waiting */
	loop_later_fn run;
};

void loop_later_start(struct loop *loop, struct loop_later *later, loop_later_fn run);
void loop_later_stop(struct loop_later *later);

/* Signals are blocked in all threads from loop_signal_start on. */
struct loop_signal;
typedef void (*loop_signal_fn)(struct loop_signal *signal, int number);

struct loop_signal {
	ev_signal watcher;
	loop_signal_fn arrived;
};

void loop_signal_start(struct loop *loop, struct loop_signal *signal, int number,
		       loop_signal_fn arrived);
void loop_signal_stop(struct loop *loop, struct loop_signal *signal);

/* Work --------------------------------------------------------------------------------------- */

/* Something that may wait. @run is called by a worker, then @done by the loop; @done may free it. */
struct loop_work;
typedef void (*loop_work_fn)(struct loop_work *work);

/*
 * Work that ends together, such as all that waits for the same flush of a disk: where @run has set
 * work->group, work is not done yet, but is given to the group's @end, in a worker, with all others that
 * have come so far. What comes meanwhile is the next lot, and keeps no worker waiting.
 */
struct loop_group;
typedef void (*loop_group_fn)(struct loop_work *newest); /* and the others by next */

struct loop_work {
	struct loop_work *next;
	struct loop *loop;
	struct loop_group *group; /* borrowed; NULL when @run begins */
	loop_work_fn run;
	loop_work_fn done;
};

struct loop_group {
	loop_group_fn end;
	pthread_mutex_t lock;
	struct loop_work *newest, *oldest; /* of those that have come */
	bool busy; /* a worker is in @end */
};

void loop_group_init(struct loop_group *group, loop_group_fn end);

/* Nothing is in it. */
void loop_group_finish(struct loop_group *group);

/* Work is begun in the order of its submission. Never fails. */
void loop_work_submit(struct loop *loop, struct loop_work *work, loop_work_fn run,
		      loop_work_fn done);

/*
 * The same for work that is short and does not wait for others' work: begun before all that is not urgent, however
 * much of that there is.
 */
void loop_work_submit_urgent(struct loop *loop, struct loop_work *work, loop_work_fn run,
			     loop_work_fn done);

/* Threads that submitted work has at most. */
unsigned int loop_workers(const struct loop *loop);

/* From any thread: calls @run soon on the loop's thread. @work is borrowed until then. */
void loop_post(struct loop *loop, struct loop_work *work, loop_work_fn run);

/* Whether no work or post is under way. Not to be asked in the callback of one. */
bool loop_is_idle(struct loop *loop);

/* Datagrams ---------------------------------------------------------------------------------- */

/* Bytes of the longest UDP payload. */
#define LOOP_DATAGRAM_MAX 65507u

struct loop_datagram {
	const uint8_t *data; /* valid during the callback */
	size_t len;
	struct sockaddr_in from;
	/* As the sender had it: may be a broadcast address. Of a connected socket: its own address. */
	struct in_addr to;
	struct in_addr local; /* the same, or of a broadcast the address to answer from */
	/* Index of the one that it came in by; 0: the socket is connected. */
	unsigned int interface;
};

struct loop_udp;
typedef void (*loop_udp_fn)(struct loop_udp *udp, const struct loop_datagram *datagram);

struct loop_udp {
	struct loop_io io;
	int fd; /* owned; -1: closed */
	bool connected;
	bool whole_only; /* the kernel cannot cut datagrams for this peer */
	struct sockaddr_in peer; /* if connected, as is @local */
	struct in_addr local;
	loop_udp_fn receive;
};

struct loop_udp_options {
	struct sockaddr_in address; /* to bind to; port 0: any */
	const struct sockaddr_in *peer; /* to connect to; NULL: none */
	const char *interface; /* SO_BINDTODEVICE; NULL: all */
	bool reuse; /* SO_REUSEADDR: others may have the port on another address or interface */
	bool broadcast; /* may send to broadcast addresses */
	bool fragments; /* routers may cut what is too long (no DF), as boot ROMs know it */
	int fd; /* taken over instead of a new one (socket activation); 0 or less: none */
};

/* Errors of socket(2), bind(2), connect(2); not logged. @udp is ended by loop_udp_close. */
int loop_udp_open(struct loop *loop, struct loop_udp *udp, const struct loop_udp_options *options,
		  loop_udp_fn receive);

/*
 * Lets up to @bytes of datagrams wait, for a port that many ask at once; less where that is not permitted.
 * The kernel counts some 800 bytes for a short datagram.
 */
void loop_udp_room(struct loop_udp *udp, size_t bytes);

/*
 * Of a connected one: calls back for a datagram that has come, if the loop has not come to it yet. False: there
 * is none.
 */
bool loop_udp_take(struct loop_udp *udp);

/* Stops receiving and closes; no error if it is closed. May be called within its own callback. */
void loop_udp_close(struct loop_udp *udp);

/*
 * Sends to @to (NULL: the connected peer), from @from (0.0.0.0: as the kernel routes) by @interface
 * (0: as the kernel routes). -EAGAIN: the socket's buffer is full, the datagram was not sent.
 * -ECONNREFUSED: an earlier one found nobody at the connected peer's port; this one was not sent.
 */
int loop_udp_send(struct loop_udp *udp, const void *data, size_t len, const struct sockaddr_in *to,
		  struct in_addr from, unsigned int interface);

/*
 * Sends @count datagrams, 1 to LOOP_UDP_MANY, to the connected peer by as few calls as possible. Each
 * is a head and a body; all but the last are of the same length, and that one is not longer. How many
 * were sent: fewer where the socket's buffer is full, or where more need another call; or an error if it
 * was none.
 */
#define LOOP_UDP_MANY 64u
struct loop_udp_out {
	const void *head;
	size_t head_len; /* bytes */
	const void *body;
	size_t body_len; /* bytes; 0: no body */
};
int loop_udp_send_many(struct loop_udp *udp, const struct loop_udp_out *out, unsigned int count);

/* Streams ------------------------------------------------------------------------------------ */

struct loop_listener;

/*
 * @fd is the new connection, non-blocking and close-on-exec; the callee owns it. @peer: NULL for a
 * socket of the file system.
 */
typedef void (*loop_accept_fn)(struct loop_listener *listener, int fd,
			       const struct sockaddr_in *peer);

struct loop_listener {
	struct loop_io io;
	struct loop_timer pause; /* after EMFILE: accepts again a little later */
	int fd; /* owned; -1: closed */
	bool is_unix;
	loop_accept_fn accept;
};

/* TCP. @fd as in struct loop_udp_options. */
int loop_listen(struct loop *loop, struct loop_listener *listener,
		const struct sockaddr_in *address, int fd, loop_accept_fn accept);

/*
 * A socket of the file system at @path with @mode; one that nobody listens at is replaced, anything
 * else there is -EADDRINUSE. loop_listener_close removes it.
 */
int loop_listen_unix(struct loop *loop, struct loop_listener *listener, const char *path,
		     mode_t mode, loop_accept_fn accept);
void loop_listener_close(struct loop_listener *listener);

#endif
