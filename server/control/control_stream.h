/* SPDX-License-Identifier: MIT */
/* What a command prints, sent to its client as it comes. */
#ifndef BRAMBLE_CONTROL_STREAM_H
#define BRAMBLE_CONTROL_STREAM_H

#include <stdbool.h>
#include <stdio.h>

#include "control/control_frame.h"

/* To one client, for one thread at a time. */
struct control_stream {
	int fd; /* borrowed; does not block */
	bool gone; /* the client is, or it does not read: nothing more is sent */
	FILE *out, *err;
};

/* -ENOMEM. */
int control_stream_open(struct control_stream *stream, int fd);

/* Sends what is left, and the exit status. */
void control_stream_close(struct control_stream *stream, int status);

#endif
