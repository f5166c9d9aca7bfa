/* SPDX-License-Identifier: MIT */
/* JSON: punctuation, indentation and escapes. */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

size_t json_utf8_length(const char *bytes, size_t len)
{
	const uint8_t *p = (const uint8_t *)bytes;
	uint32_t code, least;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] < 0xe0) {
		n = 2;
		code = p[0] & 0x1fu;
		least = 0x80;
	} else if (p[0] >= 0xe0 && p[0] < 0xf0) {
		n = 3;
		code = p[0] & 0x0fu;
		least = 0x800;
	} else if (p[0] >= 0xf0 && p[0] < 0xf5) {
		n = 4;
		code = p[0] & 0x07u;
		least = 0x10000;
	} else {
		return 0;
	}
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fu);
	}
	/* overlong forms, surrogates, and beyond Unicode */
	if (code < least || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
		return 0;
	return n;
}

static void put_text(FILE *out, const char *text, size_t len)
{
	fputc('"', out);
	while (len) {
		size_t n = json_utf8_length(text, len);

		if (n == 0) {
			fputs(REPLACEMENT, out);
			n = 1;
		} else if (*text == '"' || *text == '\\') {
			fprintf(out, "\\%c", *text);
		} else if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			fprintf(out, "\\u%04x", (unsigned int)*text);
		} else {
			fwrite(text, 1, n, out);
		}
		text += n;
		len -= n;
	}
	fputc('"', out);
}

static void new_line(struct json *json)
{
	fputc('\n', json->out);
	for (unsigned int i = 0; i < json->depth; i++)
		fputs("  ", json->out);
}

static void begin_value(struct json *json, const char *key)
{
	if (json->depth) {
		if (json->filled[json->depth - 1])
			fputc(',', json->out);
		json->filled[json->depth - 1] = true;
		new_line(json);
	}
	if (key) {
		put_text(json->out, key, strlen(key));
		fputs(": ", json->out);
	}
}

static void begin_group(struct json *json, const char *key, char opening, char closing)
{
	assert(json->depth < JSON_DEPTH_MAX);
	begin_value(json, key);
	fputc(opening, json->out);
	json->filled[json->depth] = false;
	json->closing[json->depth] = closing;
	json->depth++;
}

void json_object(struct json *json, const char *key)
{
	begin_group(json, key, '{', '}');
}

void json_array(struct json *json, const char *key)
{
	begin_group(json, key, '[', ']');
}

void json_end(struct json *json)
{
	assert(json->depth > 0);
	json->depth--;
	if (json->filled[json->depth])
		new_line(json);
	fputc(json->closing[json->depth], json->out);
	if (json->depth == 0)
		fputc('\n', json->out);
}

void json_bytes(struct json *json, const char *key, const char *bytes, size_t len)
{
	begin_value(json, key);
	put_text(json->out, bytes, len);
}

void json_string(struct json *json, const char *key, const char *text)
{
	json_bytes(json, key, text, strlen(text));
}

void json_string_or_null(struct json *json, const char *key, const char *text)
{
	if (text[0]) {
		json_string(json, key, text);
		return;
	}
	begin_value(json, key);
	fputs("null", json->out);
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin_value(json, key);
	fputs(value ? "true" : "false", json->out);
}
