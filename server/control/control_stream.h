/* SPDX-License-Identifier: MIT */
/* What a command prints, sent to its client as it comes. */
#ifndef BRAMBLE_CONTROL_STREAM_H
#define BRAMBLE_CONTROL_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "control/control_frame.h"

/* To one client, for one thread at a time, but for control_stream_alive. */
struct control_stream {
	int fd; /* borrowed; does not block */
	pthread_mutex_t *sending; /* borrowed: frames are sent as a whole */
	bool gone; /* the client is, or it does not read: nothing more is sent */
	FILE *out, *err;
};

/* @sending: of this client. -ENOMEM. */
int control_stream_open(struct control_stream *stream, int fd, pthread_mutex_t *sending);

/* Sends what is left, and the exit status. */
void control_stream_close(struct control_stream *stream, int status);

/* Tells the client that we are there, unless more than that is on its way to it. Does not wait. */
void control_stream_alive(int fd, pthread_mutex_t *sending);

#endif
