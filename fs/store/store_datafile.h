/* SPDX-License-Identifier: MIT */
/* The file `data` of an embedded store: blocks of file data, sparse. Private to the store room. */
#ifndef BRAMBLE_STORE_STORE_DATAFILE_H
#define BRAMBLE_STORE_STORE_DATAFILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_datafile {
	int fd;
	char *path; /* owned: for messages */
	_Atomic bool cannot_punch; /* the host's file system does not free parts of a file */
	_Atomic bool punch_failed; /* which was logged */
};

/* The file exists. @out_bytes: how long it is. */
int store_datafile_open(struct store_datafile *file, const char *path, bool read_only,
			uint64_t *out_bytes);
void store_datafile_close(struct store_datafile *file);

/* As the calls of struct store_ops that they serve. */
int store_datafile_read(const struct store_datafile *file, void *buf, size_t len, uint64_t offset);
int store_datafile_write(const struct store_datafile *file, const void *buf, size_t len,
			 uint64_t offset);
int store_datafile_allocate(const struct store_datafile *file, uint64_t offset, uint64_t len);
void store_datafile_start(const struct store_datafile *file);
int store_datafile_sync(const struct store_datafile *file);
void store_datafile_punch(struct store_datafile *file, uint64_t offset, uint64_t len);
int store_datafile_resize(const struct store_datafile *file, uint64_t bytes);

/* How long the file is. */
int store_datafile_size(const struct store_datafile *file, uint64_t *out);

/* Bytes that the file takes on the host. */
int store_datafile_used(const struct store_datafile *file, uint64_t *out);

#endif
