/* SPDX-License-Identifier: MIT */
/*
 * A read-only TFTP server: RFC 1350 with the options of RFC 2347, 2348 (blksize), 2349 (timeout,
 * tsize) and 7440 (windowsize). The front door of the tftp room. What a name means is the business of
 * whoever starts it.
 */
#ifndef BRAMBLE_TFTP_TFTP_H
#define BRAMBLE_TFTP_TFTP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "tree/tree.h"

/* Bytes of the longest name in a request, with NUL. */
#define TFTP_NAME_MAX 512u

struct tftp_request {
	struct sockaddr_in peer;
	struct in_addr local; /* the server's address that was asked */
	in_port_t port; /* and its port, network order */
	unsigned int interface; /* index of the one that it came in by */
	char name[TFTP_NAME_MAX]; /* as the client wrote it */
};

/* What is handed out: a file of a tree, or a text in memory. */
struct tftp_file {
	struct tree *tree; /* borrowed until `close`; NULL: @text */
	uint64_t id;
	const char *text; /* borrowed until `close` */
	uint64_t size; /* bytes */
	bool fixed; /* @tree and @id will mean the same bytes for as long as any file of the tree is open */
	void *owner; /* the source's own */
};

/* How a transfer ended. */
enum tftp_outcome {
	TFTP_OUTCOME_COMPLETE, /* every byte was acknowledged */
	TFTP_OUTCOME_EARLY, /* the client said that it has seen enough: normal for a boot ROM */
	TFTP_OUTCOME_ABORTED, /* the client reported an error */
	TFTP_OUTCOME_TIMEOUT, /* the client is silent */
	/* Every byte was sent, but the last acknowledgement never came: most likely it has them all. */
	TFTP_OUTCOME_UNHEARD,
	TFTP_OUTCOME_ERROR, /* the file could not be read */
};

struct tftp_source {
	/*
	 * Finds what @request means. Called on the loop while waiting is forbidden, and again by a
	 * worker if it gave -EAGAIN. -ENOENT, -EISDIR, -EACCES as usual; *@out is closed by `close`. -EAGAIN of
	 * a worker, -ENOMEM, -EMFILE and -ENFILE pass, and so does -EHOSTUNREACH, as long as it cannot be told who
	 * asks: the client is not answered, and asks again.
	 * A file is read for as long as it was said to be here.
	 */
	int (*open)(void *ctx, const struct tftp_request *request, struct tftp_file *out);

	/* On the loop: the last byte of @file was sent, and is not acknowledged so far. NULL: not wanted. */
	void (*sent)(void *ctx, const struct tftp_request *request, struct tftp_file *file);

	/* On the loop: nobody needs @file any more. Called for each that was opened, once. */
	void (*close)(void *ctx, const struct tftp_request *request, struct tftp_file *file,
		      enum tftp_outcome outcome, uint64_t sent);
	void *ctx;
};

struct tftp_options {
	struct sockaddr_in address; /* port 0: any; 69 is usual */
	const char *interface; /* NULL: all */
	int fd; /* a bound socket to take over; 0 or less: none */
	/*
	 * For one more a transfer is given up whose client has not answered so far; if all have, it is
	 * not answered: clients ask again. 0: 4096.
	 */
	unsigned int transfers_max;
	/* Of one address: its oldest is given up for one more. 0: 16. */
	unsigned int transfers_per_client_max;
};

struct tftp_server;

/* @source is copied, its ctx borrowed. Errors of bind(2), not logged. */
int tftp_server_create(struct loop *loop, const struct tftp_options *options,
		       const struct tftp_source *source, struct tftp_server **out);
uint16_t tftp_server_port(const struct tftp_server *server);

/* Gives up the transfers of the files that @is_meant says, as if the client had asked for no more of them. */
void tftp_server_forget(struct tftp_server *server,
			bool (*is_meant)(void *ctx, const struct tftp_file *file), void *ctx);

/*
 * Gives up all transfers. A file that a worker is opening or reading is closed when that is done: the
 * loop has to run until then, and the source's ctx must be there. Accepts NULL.
 */
void tftp_server_destroy(struct tftp_server *server);

#endif
