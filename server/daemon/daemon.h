/* SPDX-License-Identifier: MIT */
/*
 * `bramble serve` as a whole: opens the ports, runs the servers, reloads, ends. The front door of the
 * daemon room.
 */
#ifndef BRAMBLE_DAEMON_DAEMON_H
#define BRAMBLE_DAEMON_DAEMON_H

#include "config/config.h"

struct daemon_options {
	const char *config_path; /* NULL: none */
	const char *const *locked; /* see config_read: what the command line has said */
	const struct config *command_line; /* config_init and what the command line says */
};

/* Runs until SIGTERM or SIGINT. 0, or a negative errno that was logged. */
int daemon_run(const struct daemon_options *options);

#endif
