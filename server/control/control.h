/* SPDX-License-Identifier: MIT */
/*
 * The control socket: lets `bramble status`, `bramble pi` and `bramble overlay` talk to the server that
 * runs. The front door of the control room.
 *
 * STATE/control is a socket of mode 0600. A client sends the words of a command; what the command prints
 * and its exit status come back in frames. Several clients at once are served, each for one command; a
 * few commands run at a time, the others wait for their turn.
 */
#ifndef BRAMBLE_CONTROL_CONTROL_H
#define BRAMBLE_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdio.h>

#include "loop/loop.h"

/*
 * A command, in a worker: prints to @out and @err, returns the exit status. @argv ends with NULL. A
 * client that has gone away is not noticed: what is printed for it is thrown away.
 */
typedef int (*control_run_fn)(void *ctx, int argc, char **argv, FILE *out, FILE *err);

/*
 * On the loop: the client that had this command run, and had its status, is gone, or the server does not
 * wait for that any more. A client that was lent something has it until then.
 */
typedef void (*control_gone_fn)(void *ctx, int argc, char **argv);

struct control_server;

/* Errors of loop_listen_unix, not logged. @ctx is borrowed. */
int control_server_create(struct loop *loop, const char *path, control_run_fn run,
			  control_gone_fn gone, void *ctx, struct control_server **out);

/* No further command is begun; clients that wait for theirs are sent away. */
void control_server_quiesce(struct control_server *server);
bool control_server_is_idle(const struct control_server *server);

/* No command may be running. Accepts NULL. */
void control_server_destroy(struct control_server *server);

/*
 * The client's side, without a loop: runs the command in the server at @path, copies what it prints to
 * standard output and error. -ECONNREFUSED or -ENOENT: no server runs there; -EACCES: it is another
 * user's; -EPIPE: it ended, or sent us away, before the command did; -ETIMEDOUT: it says nothing, so
 * that it hangs or was stopped; -E2BIG: too many words. However long the command takes, it is waited for.
 * *@out_status: the exit status. Not logged.
 */
int control_run(const char *path, int argc, char **argv, int *out_status);

/*
 * As above, but what is printed goes to @out, and the server knows that we are there until *@out_fd is
 * closed, or the process ends.
 */
int control_hold(const char *path, int argc, char **argv, FILE *out, int *out_status, int *out_fd);

#endif
