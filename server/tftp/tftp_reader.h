/* SPDX-License-Identifier: MIT */
/*
 * Private to the tftp room: the bytes of a file for the loop, which must not wait for them. What is not
 * in memory is read by a worker, and from then on ahead of where the transfer is.
 */
#ifndef BRAMBLE_TFTP_READER_H
#define BRAMBLE_TFTP_READER_H

#include "tftp/tftp.h"

/* Bytes that are read at once if memory is plentiful, and if it is not. */
#define TFTP_READ_BYTES (16u << 10)
#define TFTP_READ_SMALL_BYTES (4u << 10)

struct tftp_reader;

/* On the loop: no worker is reading what is waited for; one may still be reading ahead. */
typedef void (*tftp_reader_fn)(struct tftp_reader *reader);

struct tftp_reader {
	const struct tftp_file *file; /* borrowed, as is @loop */
	uint8_t *bytes; /* of the file, from @start on; NULL before anything is read */
	uint64_t start;
	size_t len; /* bytes */
	size_t room; /* bytes */
	size_t wanted; /* bytes that a worker must find at @start */
	int error; /* of the last reading by a worker, negative errno */
	bool cold; /* something was not in memory */
	bool reading; /* by a worker, to @bytes; nothing but @warming may be touched meanwhile */
	bool warming; /* a worker reads ahead */
	bool ahead_cold; /* which had to wait; the worker's while @warming */
	uint64_t warm; /* bytes of the file that were read ahead */
	uint64_t warm_to; /* where @warming ends */
	struct loop *loop;
	tftp_reader_fn ready;
	struct loop_work read, ahead;
};

/* Nothing is read before tftp_reader_get. @room: bytes, see above. */
void tftp_reader_init(struct tftp_reader *reader, struct loop *loop, const struct tftp_file *file,
		      size_t room, tftp_reader_fn ready);

/*
 * At least @len bytes from @offset on, which lie inside the file; @len is at most the room. *@out_len
 * tells how many there are. -EAGAIN: a worker reads them, ready is called. -EIO: the file is shorter than
 * it was said to be.
 */
int tftp_reader_get(struct tftp_reader *reader, uint64_t offset, size_t len, const uint8_t **out,
		    size_t *out_len);

/* Bytes that tftp_reader_front gives. */
#define TFTP_READER_FRONT 4u

/*
 * What lies in front of @data, which tftp_reader_get gave, to be written to; of the file nothing in front of
 * @data may be asked for afterwards. NULL: there is no such room.
 */
uint8_t *tftp_reader_front(struct tftp_reader *reader, const uint8_t *data);

/* Whether a worker has anything of it, and it must not be finished. */
bool tftp_reader_is_busy(const struct tftp_reader *reader);
void tftp_reader_finish(struct tftp_reader *reader);

#endif
