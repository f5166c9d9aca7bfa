/* SPDX-License-Identifier: MIT */
/*
 * What powercut.c records and powercut_replay.c reads: each change of a file or name under one
 * folder, each sync, and each line that the program printed, in the order in which they ended.
 */
#ifndef BRAMBLE_TEST_POWERCUT_LOG_H
#define BRAMBLE_TEST_POWERCUT_LOG_H

#include <stdint.h>

#define POWERCUT_MAGIC 0x70637574u

enum powercut_type {
	POWERCUT_OPEN = 1, /* file @name is inode @file */
	POWERCUT_CREATE, /* the same, and it was not there before */
	POWERCUT_WRITE, /* data at @offset */
	POWERCUT_WRITE_SYNCED, /* the same, and durable at once: O_DSYNC */
	POWERCUT_ZERO, /* @count bytes from @offset */
	POWERCUT_RESIZE, /* to @offset bytes */
	POWERCUT_EXTEND, /* to @offset bytes, if it is shorter */
	POWERCUT_SYNC, /* of the file */
	POWERCUT_SYNC_FOLDER,
	POWERCUT_RENAME, /* @name to the name in the data */
	POWERCUT_UNLINK, /* @name */
	POWERCUT_LINE, /* printed to stdout: the data */
};

/* Then the name, relative to the folder, and the data. */
struct powercut_record {
	uint32_t magic;
	uint32_t type; /* enum powercut_type */
	uint64_t file; /* inode */
	uint64_t offset;
	uint64_t count;
	uint32_t name_len;
	uint32_t data_len;
};

#endif
