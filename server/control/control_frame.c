/* SPDX-License-Identifier: MIT */
/* Requests and frames of the control socket, as bytes. */
#include "control/control_frame.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/be.h"
#include "base/checked.h"
#include "base/cleanup.h"

static const char magic[4] = {'b', 'r', 'm', '1'};

struct wire_request {
	char magic[4];
	be32 bytes;
	be32 words;
};
static_assert(sizeof(struct wire_request) == CONTROL_REQUEST_HEADER, "control request");

struct wire_frame {
	be32 type;
	be32 bytes;
};
static_assert(sizeof(struct wire_frame) == CONTROL_FRAME_HEADER, "control frame");

/* The header, checked. -EPROTO. */
static int decode(const uint8_t *data, uint32_t *out_bytes, uint32_t *out_words)
{
	struct wire_request wire;

	memcpy(&wire, data, sizeof(wire));
	*out_bytes = be32_get(wire.bytes);
	*out_words = be32_get(wire.words);
	if (memcmp(wire.magic, magic, sizeof(magic)) != 0 || *out_bytes > CONTROL_WORDS_BYTES_MAX ||
	    *out_words == 0 || *out_words > CONTROL_WORDS_MAX || *out_words > *out_bytes)
		return -EPROTO;
	return 0;
}

int control_request_size(const uint8_t *data, size_t len, size_t *out_size)
{
	uint32_t bytes;
	uint32_t words;

	if (memcmp(data, magic, min_u64(len, sizeof(magic))) != 0)
		return -EPROTO;
	if (len < CONTROL_REQUEST_HEADER) {
		*out_size = CONTROL_REQUEST_HEADER;
		return 0;
	}
	if (decode(data, &bytes, &words))
		return -EPROTO;
	*out_size = CONTROL_REQUEST_HEADER + (size_t)bytes;
	return 0;
}

int control_request_parse(uint8_t *data, size_t len, int *out_argc, char ***out_argv)
{
	CLEANUP(freep) char **argv = NULL;
	char *at = (char *)data + CONTROL_REQUEST_HEADER;
	const char *end = (char *)data + len;
	uint32_t bytes;
	uint32_t words;

	if (len < CONTROL_REQUEST_HEADER || decode(data, &bytes, &words) ||
	    len != CONTROL_REQUEST_HEADER + (size_t)bytes)
		return -EPROTO;
	argv = calloc(words + 1, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	for (uint32_t i = 0; i < words; i++) {
		char *nul = memchr(at, '\0', (size_t)(end - at));

		if (!nul)
			return -EPROTO;
		argv[i] = at;
		at = nul + 1;
	}
	if (at != end)
		return -EPROTO;
	*out_argc = (int)words;
	*out_argv = TAKE(argv);
	return 0;
}

int control_request_format(int argc, char *const *argv, uint8_t **out, size_t *out_len)
{
	struct wire_request wire;
	size_t bytes = 0;
	uint8_t *data;
	uint8_t *at;

	if (argc < 1 || argc > (int)CONTROL_WORDS_MAX)
		return -E2BIG;
	for (int i = 0; i < argc; i++) {
		bytes += strlen(argv[i]) + 1;
		if (bytes > CONTROL_WORDS_BYTES_MAX)
			return -E2BIG;
	}
	data = malloc(CONTROL_REQUEST_HEADER + bytes);
	if (!data)
		return -ENOMEM;
	memcpy(wire.magic, magic, sizeof(magic));
	wire.bytes = be32_make((uint32_t)bytes);
	wire.words = be32_make((uint32_t)argc);
	memcpy(data, &wire, sizeof(wire));
	at = data + CONTROL_REQUEST_HEADER;
	for (int i = 0; i < argc; i++) {
		size_t len = strlen(argv[i]) + 1;

		memcpy(at, argv[i], len);
		at += len;
	}
	*out = data;
	*out_len = CONTROL_REQUEST_HEADER + bytes;
	return 0;
}

void control_frame_format(enum control_type type, uint32_t len, uint8_t out[CONTROL_FRAME_HEADER])
{
	const struct wire_frame wire = {be32_make((uint32_t)type), be32_make(len)};

	memcpy(out, &wire, sizeof(wire));
}

int control_frame_parse(const uint8_t data[CONTROL_FRAME_HEADER], enum control_type *out_type,
			uint32_t *out_len)
{
	struct wire_frame wire;
	uint32_t type;
	uint32_t len;

	memcpy(&wire, data, sizeof(wire));
	type = be32_get(wire.type);
	len = be32_get(wire.bytes);
	if (type < CONTROL_OUT || type > CONTROL_ALIVE || len > CONTROL_FRAME_DATA_MAX ||
	    (type == CONTROL_EXIT && len != 4) || (type == CONTROL_ALIVE && len != 0))
		return -EPROTO;
	*out_type = (enum control_type)type;
	*out_len = len;
	return 0;
}
