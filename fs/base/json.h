/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON (RFC 8259), one line per value. Whatever is put in, what comes out is valid: bytes
 * that are not UTF-8 become U+FFFD.
 */
#ifndef BRAMBLE_BASE_JSON_H
#define BRAMBLE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 16u

struct json {
	FILE *out; /* borrowed */
	unsigned int depth;
	bool filled[JSON_DEPTH_MAX]; /* whether the object or array of a depth has members */
	char closing[JSON_DEPTH_MAX];
};

/* Zero-initialise, but for @out. In arrays @key is NULL. */
void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);

/* Ends the innermost object or array; behind the outermost comes a newline. */
void json_end(struct json *json);

void json_string(struct json *json, const char *key, const char *text);
void json_bytes(struct json *json, const char *key, const char *bytes, size_t len);
void json_u64(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);

/* A member whose value is null if @text is empty. */
void json_string_or_null(struct json *json, const char *key, const char *text);

/* The length of the UTF-8 character at @bytes, 1 to 4; 0: it is none. */
size_t json_utf8_length(const char *bytes, size_t len);

#endif
