/* SPDX-License-Identifier: MIT */
/*
 * The control socket: lets `bramble status`, `bramble pi` and `bramble overlay` talk to the server that
 * runs. The front door of the control room.
 *
 * STATE/control is a socket of mode 0600. A client sends the words of a command; what the command prints
 * and its exit status come back in frames.
 */
#ifndef BRAMBLE_CONTROL_CONTROL_H
#define BRAMBLE_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdio.h>

#include "loop/loop.h"

/* A command, in a worker: prints to @out and @err, returns the exit status. */
typedef int (*control_run_fn)(void *ctx, int argc, char **argv, FILE *out, FILE *err);

struct control_server;

int control_server_create(struct loop *loop, const char *path, control_run_fn run, void *ctx,
			  struct control_server **out);

/* No command may be running. Accepts NULL. */
void control_server_destroy(struct control_server *server);
bool control_server_is_idle(const struct control_server *server);

/*
 * The client's side, without a loop: runs the command in the server at @path, copies what it prints to
 * standard output and error. -ECONNREFUSED or -ENOENT: no server runs there. *@out_status: its exit.
 */
int control_run(const char *path, int argc, char **argv, int *out_status);

#endif
