/* SPDX-License-Identifier: MIT */
/* Requests of the control socket, as they arrive piece by piece, and the frames that come back. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/control_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was understood is the same when it is sent again. */
static void send_again(const uint8_t *data, size_t len, int argc, char **argv)
{
	uint8_t *again;
	size_t again_len;

	assert(control_request_format(argc, argv, &again, &again_len) == 0);
	assert(again_len == len && memcmp(again, data, len) == 0);
	free(again);
}

static void parse(const uint8_t *data, size_t size)
{
	size_t wanted = CONTROL_REQUEST_HEADER;
	uint8_t *copy;
	char **argv;
	int argc;

	for (size_t len = 0; len <= size && len <= CONTROL_REQUEST_HEADER; len++) {
		if (control_request_size(data, len, &wanted) < 0)
			return;
		assert(wanted >= CONTROL_REQUEST_HEADER && wanted <= CONTROL_REQUEST_MAX);
	}
	if (wanted > size)
		return;
	copy = malloc(wanted);
	assert(copy);
	memcpy(copy, data, wanted);
	if (control_request_parse(copy, wanted, &argc, &argv) == 0) {
		assert(argc >= 1 && !argv[argc]);
		send_again(data, wanted, argc, argv);
		free(argv);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum control_type type;
	uint32_t len;

	parse(data, size);
	if (size >= CONTROL_FRAME_HEADER && control_frame_parse(data, &type, &len) == 0)
		assert(len <= CONTROL_FRAME_DATA_MAX);
	return 0;
}
