/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a file, in pieces of some blocks, so that not each block is read by itself. While all is
 * in the page cache no worker is asked; once something was not, one reads ahead, for the page cache
 * alone, so that the loop finds there what it comes to.
 */
#include "tftp/tftp_reader.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/wait.h"

/* Bytes to be ahead of a transfer, and bytes of one reading. */
#define AHEAD_BYTES (256u << 10)
#define AHEAD_PIECE (64u << 10)

static struct tftp_piece **bucket(struct tftp_pieces *pieces, const struct tftp_file *file,
				  uint64_t start)
{
	uint64_t mixed = (file->id * 31 + start) * 0x9e3779b97f4a7c15; /* Fibonacci hashing */

	return &pieces->buckets[mixed >> 56];
}
static_assert(TFTP_PIECE_BUCKETS == 1u << (64 - 56), "a bucket for each value of the hash");

/* Others find it from now on, if it will always be what it is. */
static void publish(struct tftp_reader *reader)
{
	struct tftp_piece *piece = reader->piece;
	struct tftp_piece **first = bucket(reader->pieces, reader->file, piece->start);

	if (!reader->file->fixed)
		return;
	piece->next = *first;
	piece->link = first;
	if (*first)
		(*first)->link = &piece->next;
	*first = piece;
}

static void withdraw(struct tftp_piece *piece)
{
	if (!piece->link)
		return;
	*piece->link = piece->next;
	if (piece->next)
		piece->next->link = piece->link;
	piece->link = NULL;
}

static void let_go(struct tftp_reader *reader)
{
	struct tftp_piece *piece = reader->piece;

	reader->piece = NULL;
	if (!piece || --piece->readers > 0)
		return;
	withdraw(piece);
	free(piece);
}

/* Takes the piece that another one has read from @offset on, with at least @len bytes. False: there is none. */
static bool share(struct tftp_reader *reader, uint64_t offset, size_t len)
{
	const struct tftp_file *file = reader->file;
	struct tftp_piece *piece = file->fixed ? *bucket(reader->pieces, file, offset) : NULL;

	while (piece && (piece->tree != file->tree || piece->id != file->id ||
			 piece->start != offset || piece->len < len))
		piece = piece->next;
	if (!piece)
		return false;
	piece->readers++;
	let_go(reader);
	reader->piece = piece;
	return true;
}

/* Makes reader->piece an empty one from @offset on that nobody else has. */
static int renew(struct tftp_reader *reader, uint64_t offset)
{
	struct tftp_piece *piece = reader->piece;

	if (piece && piece->readers == 1 && piece->room == reader->room) {
		withdraw(piece);
	} else {
		let_go(reader);
		piece = malloc(sizeof(*piece) + reader->room);
		if (!piece)
			return -ENOMEM;
		piece->link = NULL;
		piece->readers = 1;
		piece->tree = reader->file->tree;
		piece->id = reader->file->id;
		piece->room = reader->room;
		reader->piece = piece;
	}
	piece->start = offset;
	piece->len = 0;
	return 0;
}

void tftp_reader_init(struct tftp_reader *reader, struct loop *loop, struct tftp_pieces *pieces,
		      const struct tftp_file *file, size_t room, tftp_reader_fn ready)
{
	*reader = (struct tftp_reader){
		.loop = loop,
		.pieces = pieces,
		.file = file,
		.room = room,
		.ready = ready,
	};
}

bool tftp_reader_is_busy(const struct tftp_reader *reader)
{
	return reader->reading || reader->warming;
}

void tftp_reader_leave(struct tftp_reader *reader)
{
	/* what a worker is reading to, others do not know */
	if (!reader->reading)
		let_go(reader);
	reader->pieces = NULL;
}

void tftp_reader_finish(struct tftp_reader *reader)
{
	assert(!tftp_reader_is_busy(reader));
	let_go(reader);
}

/* Reads to the piece as much as there is room for. */
static int fill(struct tftp_reader *reader)
{
	struct tftp_piece *piece = reader->piece;
	uint64_t left = reader->file->size - piece->start;
	ssize_t got = tree_read(reader->file->tree, reader->file->id, piece->bytes,
				(size_t)min_u64(piece->room, left), piece->start);

	piece->len = got > 0 ? (size_t)got : 0;
	return got < 0 ? (int)got : 0;
}

static void read_by_worker(struct loop_work *work)
{
	struct tftp_reader *reader = container_of(work, struct tftp_reader, read);

	reader->error = fill(reader);
	if (reader->error == 0 && reader->piece->len < reader->wanted)
		reader->error = -EIO;
}

static void on_read(struct loop_work *work)
{
	struct tftp_reader *reader = container_of(work, struct tftp_reader, read);

	reader->reading = false;
	if (reader->pieces && !reader->error)
		publish(reader);
	reader->ready(reader);
}

/* As tree_read. Sets *@cold if that had to wait. */
static ssize_t warm_piece(const struct tftp_reader *reader, uint8_t *piece, size_t len, uint64_t at,
			  bool *cold)
{
	const struct tftp_file *file = reader->file;
	ssize_t got;

	wait_forbid();
	got = tree_read(file->tree, file->id, piece, len, at);
	wait_allow();
	if (got != -EAGAIN)
		return got;
	*cold = true;
	return tree_read(file->tree, file->id, piece, len, at);
}

static void warm_by_worker(struct loop_work *work)
{
	struct tftp_reader *reader = container_of(work, struct tftp_reader, ahead);
	uint8_t *piece = malloc(AHEAD_PIECE);
	ssize_t got = piece ? 1 : 0;

	reader->ahead_cold = false;
	/* errors are found again by whoever reads these bytes */
	for (uint64_t at = reader->warm; got > 0 && at < reader->warm_to; at += (uint64_t)got)
		got = warm_piece(reader, piece, (size_t)min_u64(AHEAD_PIECE, reader->warm_to - at),
				 at, &reader->ahead_cold);
	free(piece);
}

static void on_warm(struct loop_work *work)
{
	struct tftp_reader *reader = container_of(work, struct tftp_reader, ahead);

	reader->warming = false;
	reader->warm = reader->warm_to;
	/* what is in memory anyway is not read ahead any more, until something is not */
	reader->cold = reader->ahead_cold;
	if (!reader->reading)
		reader->ready(reader);
}

/* Keeps a worker ahead of @offset. */
static void warm_up(struct tftp_reader *reader, uint64_t offset)
{
	uint64_t to = min_u64(offset + AHEAD_BYTES, reader->file->size);

	if (reader->warming || reader->warm >= reader->file->size ||
	    reader->warm > offset + AHEAD_BYTES / 2)
		return;
	reader->warm = max_u64(reader->warm, offset);
	if (reader->warm >= to)
		return;
	reader->warm_to = to;
	reader->warming = true;
	loop_work_submit(reader->loop, &reader->ahead, warm_by_worker, on_warm);
}

/* Whether the piece at hand has @len bytes from @offset on. */
static bool is_here(const struct tftp_reader *reader, uint64_t offset, size_t len)
{
	const struct tftp_piece *piece = reader->piece;

	return piece && offset >= piece->start &&
	       range_fits(offset - piece->start, len, piece->len);
}

/* What a worker or another reader has read, is there, or is in the page cache. */
static int get_from_tree(struct tftp_reader *reader, uint64_t offset, size_t len)
{
	int err;

	if (reader->error)
		return reader->error;
	if (is_here(reader, offset, len) || share(reader, offset, len))
		return 0;
	err = renew(reader, offset);
	if (err)
		return err;
	wait_forbid();
	err = fill(reader);
	wait_allow();
	if (err == -EAGAIN) {
		reader->cold = true;
		reader->wanted = len;
		reader->reading = true;
		loop_work_submit(reader->loop, &reader->read, read_by_worker, on_read);
		warm_up(reader, min_u64(offset + reader->room, reader->file->size));
		return -EAGAIN;
	}
	if (err)
		return err;
	if (reader->piece->len < len)
		return -EIO;
	publish(reader);
	return 0;
}

int tftp_reader_get(struct tftp_reader *reader, uint64_t offset, size_t len, const uint8_t **out,
		    size_t *out_len)
{
	const struct tftp_file *file = reader->file;
	int err;

	assert(!reader->reading && len <= reader->room && range_fits(offset, len, file->size));
	if (len == 0) {
		*out_len = 0;
		return 0;
	}
	if (!file->tree) {
		*out = (const uint8_t *)file->text + offset;
		*out_len = (size_t)(file->size - offset);
		return 0;
	}
	err = get_from_tree(reader, offset, len);
	if (err)
		return err;
	if (reader->cold)
		warm_up(reader, offset);
	*out = reader->piece->bytes + (offset - reader->piece->start);
	*out_len = reader->piece->len - (size_t)(offset - reader->piece->start);
	return 0;
}

static_assert(offsetof(struct tftp_piece, bytes) ==
		      offsetof(struct tftp_piece, front) + TFTP_READER_FRONT,
	      "the front lies before the bytes");

uint8_t *tftp_reader_front(struct tftp_reader *reader, const uint8_t *data)
{
	struct tftp_piece *piece = reader->piece;

	if (!reader->file->tree || !data)
		return NULL;
	return (uint8_t *)piece + offsetof(struct tftp_piece, front) + (data - piece->bytes);
}
