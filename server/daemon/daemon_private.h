/* SPDX-License-Identifier: MIT */
/* What the files of the daemon room share. */
#ifndef BRAMBLE_DAEMON_PRIVATE_H
#define BRAMBLE_DAEMON_PRIVATE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "daemon/daemon.h"
#include "loop/loop.h"

/* daemon_log.c ------------------------------------------------------------------------------- */

/* From now on the log is the journal's where stderr leads there. Before any thread starts. */
void daemon_log_begin(void);

/*
 * From now on lines have a time in front, unless the journal has one; until then they are errors of a
 * command.
 */
void daemon_log_events(void);
void daemon_log_end(void);

/* daemon_ports.c: sockets that are bound before anything else is done ------------------------ */

enum daemon_port {
	DAEMON_DHCP,
	DAEMON_PROXY,
	DAEMON_TFTP,
	DAEMON_NFS,
	DAEMON_NFS_UDP,
	DAEMON_MOUNT,
	DAEMON_MOUNT_UDP,
	DAEMON_PORTMAP_TCP,
	DAEMON_PORTMAP_UDP,
	DAEMON_PORTS
};

struct daemon_socket {
	int fd; /* -1: not open; taken by whoever serves there */
	uint16_t port; /* 0: not wanted, or not open */
	int err; /* why one that may be missing is */
};

struct daemon_ports {
	struct daemon_socket sockets[DAEMON_PORTS];
};

/*
 * Takes what systemd hands over, and opens the rest of what @config wants. All that fails and must not is
 * logged, with what helps; then nothing is left open. Ended by daemon_ports_close.
 */
int daemon_ports_open(const struct config *config, struct daemon_ports *out);
void daemon_ports_close(struct daemon_ports *ports);

/* Hands the socket on; 0: there is none. */
int daemon_ports_take(struct daemon_ports *ports, enum daemon_port port);

/* Closes the socket, if it was not handed on, and does without. */
void daemon_ports_drop(struct daemon_ports *ports, enum daemon_port port);

/* daemon_listen.c: fills in what systemd has opened. */
void daemon_listen_fds(struct daemon_ports *ports, const bool wanted[DAEMON_PORTS]);

/* daemon_who.c: "dnsmasq (process 812)", to be freed; NULL: not known. */
char *daemon_who_has(bool tcp, uint16_t port);

/* daemon_user.c ------------------------------------------------------------------------------ */

struct daemon_user {
	bool set; /* there is one to become */
	uid_t uid;
	gid_t gid;
};

/* @name NULL: none. -ENOENT (logged). */
int daemon_user_find(const char *name, struct daemon_user *out);

/*
 * Becomes that user. Who is not root keeps no capability but CAP_NET_BIND_SERVICE, if there is that: a
 * port mapper believes only those who speak from a reserved port. Before any thread starts. Logged.
 */
int daemon_user_become(const struct config *config, const struct daemon_user *user);

/* daemon_state.c ----------------------------------------------------------------------------- */

/* The state directory of one server. */
struct daemon_state {
	char *path; /* owned; absolute */
	int lock; /* held as long as we run; -1 */
};

/*
 * Finds or makes the directory, for @user, and locks it. -EBUSY (logged): another server has it, which is
 * named.
 */
int daemon_state_open(const char *dir, const struct daemon_user *user, struct daemon_state *out);
void daemon_state_close(struct daemon_state *state);

/* A path in the directory, to be freed; NULL: no memory. */
char *daemon_state_join(const struct daemon_state *state, const char *name);

/* daemon_interfaces.c ------------------------------------------------------------------------ */

/* -ENODEV (logged, with what there is): no such interface. */
int daemon_interfaces_check(const char *name);

/* -EADDRNOTAVAIL (logged, with what there is): no interface has it. 0.0.0.0: none is wanted. */
int daemon_address_check(struct in_addr address);

/* Logs on which interfaces and addresses we serve. */
void daemon_interfaces_tell(const struct config *config);

/* daemon_reload.c: what a running server cannot change. */
void daemon_reload_tell(const struct config *from, const struct config *to);

/* The server ----------------------------------------------------------------------------------- */

struct control_server;
struct dhcp_server;
struct fleet;
struct nfs_server;
struct tftp_server;

/* One that was read; the fleet borrows it until fleet_forget_config. */
struct daemon_config {
	struct daemon_config *older;
	struct config config;
};

struct daemon {
	const struct daemon_options *options; /* borrowed */
	struct daemon_config *configs; /* the present one first */
	struct daemon_ports ports;
	struct daemon_state state;
	char *leases; /* owned: the path of DHCP's file */

	struct loop *loop;
	struct fleet *fleet;
	struct dhcp_server *dhcp; /* those that are not wanted are NULL */
	struct tftp_server *tftp;
	struct nfs_server *nfs;
	struct control_server *control;

	struct loop_signal hangup, terminate, interrupt;
	struct loop_timer tick; /* of the fleet */
	struct loop_timer watchdog; /* of systemd */
	uint64_t watchdog_ms; /* 0: it does not watch */
	struct loop_timer ending; /* looks whether all is done */
	uint64_t ending_ms; /* when the end began; 0: it did not */
	bool unfinished; /* work did not end in time */
	struct loop_work reloading;
	struct daemon_config *reloaded; /* by the worker; NULL: it failed */
	bool reloads; /* one is under way */
	bool reload_again; /* asked for meanwhile */
};

/* Reads and checks what the command line and the file say. Logged. */
int daemon_config_read(const struct daemon_options *options, struct daemon_config **out);
void daemon_config_free(struct daemon_config *config); /* and the older ones */

/* daemon_serve.c: starts all servers on d->ports; what fails is logged. Ended by daemon_serve_end. */
int daemon_serve_start(struct daemon *d);

/* Logs what is served, and where. */
void daemon_serve_tell(const struct daemon *d);

/* Nobody is served any more; work that is under way goes on, until this is true. */
void daemon_serve_quiesce(struct daemon *d);
bool daemon_serve_is_idle(const struct daemon *d);

/* Closes everything: 0, or what was not made durable. Logged. */
int daemon_serve_end(struct daemon *d);

/* daemon_command.c: of the control socket; ctx is the daemon. */
int daemon_command(void *ctx, int argc, char **argv, FILE *out, FILE *err);
void daemon_command_gone(void *ctx, int argc, char **argv);

/* daemon_life.c: reloads, ends, and tells systemd of it. After it has begun d->loop can be run. */
void daemon_life_begin(struct daemon *d);
void daemon_life_end(struct daemon *d);

/* Not all could be started: ends what was, as far as it needs the loop. */
void daemon_life_give_up(struct daemon *d);

#endif
