/* SPDX-License-Identifier: MIT */
/* Facts as people read them: modes, times, sizes, names. */
#ifndef BRAMBLE_TOOLS_FORMAT_H
#define BRAMBLE_TOOLS_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#define FORMAT_MODE_BYTES 11
#define FORMAT_TIME_BYTES 64
#define FORMAT_SIZE_BYTES 32

/* "drwxr-xr-x", as ls(1) writes it. */
void format_mode(uint32_t mode, char out[FORMAT_MODE_BYTES]);

/* "regular file", "directory", ... as stat(1) says it; one word for JSON: "file", "directory". */
const char *format_type(uint32_t mode);
const char *format_type_word(uint32_t mode);

/* Local time: "2024-03-15 10:20", and as stat(1) has it, "2024-03-15 10:20:30.123456789 +0100". */
void format_time_short(const struct timespec *time, char out[FORMAT_TIME_BYTES]);
void format_time_full(const struct timespec *time, char out[FORMAT_TIME_BYTES]);

/* UTC for machines: "2024-03-15T09:20:30.123456789Z". */
void format_time_utc(const struct timespec *time, char out[FORMAT_TIME_BYTES]);

/* "512 bytes", "1.5 GiB". */
void format_size(uint64_t bytes, char out[FORMAT_SIZE_BYTES]);

/* Whether it is UTF-8 without control characters, which could command a terminal. */
bool format_is_printable(const char *text, size_t len);

/* Prints a name. What is not printable becomes '?' on a terminal; a pipe gets the bytes as they are. */
void format_print_name(FILE *out, const char *name);

#endif
