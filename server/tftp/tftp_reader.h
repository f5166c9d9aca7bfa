/* SPDX-License-Identifier: MIT */
/*
 * Private to the tftp room: the bytes of a file for the loop, which must not wait for them. What is not
 * in memory is read by a worker, and from then on ahead of where the transfer is.
 *
 * Bytes are read in pieces. Where many load the same file at the same time, as Pis do that were switched on
 * together, they go through it side by side: a piece of a file that never changes is read once for all of them.
 */
#ifndef BRAMBLE_TFTP_READER_H
#define BRAMBLE_TFTP_READER_H

#include "tftp/tftp.h"

/* Bytes that are read at once if memory is plentiful, and if it is not. */
#define TFTP_READ_BYTES (16u << 10)
#define TFTP_READ_SMALL_BYTES (4u << 10)

/* Bytes in front of a piece's own that may be written to, see tftp_reader_front. */
#define TFTP_READER_FRONT 4u

#define TFTP_PIECE_BUCKETS 256u

/* Bytes of a file. Changed by the loop alone, or by the worker of the only reader that has it. */
struct tftp_piece {
	struct tftp_piece *next; /* in its bucket; nobody else's business */
	struct tftp_piece **link; /* NULL: others do not find it */
	unsigned int readers;
	struct tree *tree; /* borrowed, as long as a reader's file is open */
	uint64_t id;
	uint64_t start; /* bytes */
	size_t len; /* bytes */
	size_t room; /* bytes */
	uint8_t front[TFTP_READER_FRONT];
	uint8_t bytes[];
};

/* All pieces that may be shared, by where they are. All zeros at first; empty when no reader has any. */
struct tftp_pieces {
	struct tftp_piece *buckets[TFTP_PIECE_BUCKETS];
};

struct tftp_reader;

/* On the loop: no worker is reading what is waited for; one may still be reading ahead. */
typedef void (*tftp_reader_fn)(struct tftp_reader *reader);

struct tftp_reader {
	const struct tftp_file *file; /* borrowed, as are @loop and @pieces */
	struct tftp_pieces *pieces;
	struct tftp_piece *piece; /* where the transfer is; NULL: nothing was read */
	size_t room; /* bytes */
	size_t wanted; /* bytes that a worker must find in the piece */
	int error; /* of the last reading by a worker, negative errno */
	bool cold; /* something was not in memory */
	bool reading; /* by a worker, to @piece; nothing but @warming may be touched meanwhile */
	bool warming; /* a worker reads ahead */
	bool ahead_cold; /* which had to wait; the worker's while @warming */
	uint64_t warm; /* bytes of the file that were read ahead */
	uint64_t warm_to; /* where @warming ends */
	struct loop *loop;
	tftp_reader_fn ready;
	struct loop_work read, ahead;
};

/* Nothing is read before tftp_reader_get. @room: bytes, see above. */
void tftp_reader_init(struct tftp_reader *reader, struct loop *loop, struct tftp_pieces *pieces,
		      const struct tftp_file *file, size_t room, tftp_reader_fn ready);

/*
 * At least @len bytes from @offset on, which lie inside the file; @len is at most the room. *@out_len
 * tells how many there are; they are valid until the next call. -EAGAIN: a worker reads them, ready is called.
 * -EIO: the file is shorter than it was said to be.
 */
int tftp_reader_get(struct tftp_reader *reader, uint64_t offset, size_t len, const uint8_t **out,
		    size_t *out_len);

/*
 * The TFTP_READER_FRONT bytes in front of @data, which tftp_reader_get gave. They may be written to, but must be what
 * they were when the loop's callback returns. NULL: there is no such room.
 */
uint8_t *tftp_reader_front(struct tftp_reader *reader, const uint8_t *data);

/* Whether a worker has anything of it, and it must not be finished. */
bool tftp_reader_is_busy(const struct tftp_reader *reader);

/* Nothing is asked for any more: others do not get what it has read. Needed before its pieces are gone. */
void tftp_reader_leave(struct tftp_reader *reader);
void tftp_reader_finish(struct tftp_reader *reader);

#endif
