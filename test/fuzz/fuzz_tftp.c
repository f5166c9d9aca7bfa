/* SPDX-License-Identifier: MIT */
/*
 * TFTP: the first packet is a request, each further one a packet of its transfer, behind one byte of its
 * length; the byte 0xff lets time pass. Whatever comes, the session sends no block twice without a reason
 * and nothing beyond the end.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "tftp/tftp_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *take(const uint8_t **data, size_t *size, size_t *out_len)
{
	const uint8_t *packet = *data + 1;
	size_t len = **data;

	if (len > *size - 1)
		len = *size - 1;
	*data += len + 1;
	*size -= len + 1;
	*out_len = len;
	return packet;
}

static void send_what_is_due(struct tftp_session *s, enum tftp_action action, uint64_t now)
{
	if (action != TFTP_SEND)
		return;
	assert(tftp_session_end(s) <= s->last);
	assert(s->next > s->acked);
	if (s->next <= tftp_session_end(s))
		tftp_session_sent(s, tftp_session_end(s) - s->next + 1, now);
}

static void transfer(const struct tftp_ask *ask, const uint8_t *data, size_t size)
{
	struct tftp_terms terms = tftp_session_agree(ask, 1500);
	uint8_t oack[TFTP_OACK_MAX];
	struct tftp_session s;
	enum tftp_action action;
	uint64_t now = 0;

	assert(terms.window <= TFTP_WINDOW_MAX && terms.block <= 1468);
	assert(tftp_packet_oack(&terms, UINT64_MAX, oack) <= sizeof(oack));
	action = tftp_session_start(&s, &terms, terms.block || terms.window, 70000, now);
	send_what_is_due(&s, action, now);
	while (size > 0 && action != TFTP_CLOSE) {
		struct tftp_packet packet;
		const uint8_t *bytes;
		size_t len;

		now++;
		if (*data == 0xff) {
			data++;
			size--;
			now = s.deadline;
			action = tftp_session_tick(&s, now);
		} else {
			bytes = take(&data, &size, &len);
			if (tftp_packet_parse(bytes, len, &packet))
				continue;
			action = tftp_session_packet(&s, &packet, now);
		}
		send_what_is_due(&s, action, now);
		assert(s.acked <= s.sent && s.sent <= s.last);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tftp_ask ask;
	const uint8_t *packet;
	size_t len;

	if (size == 0)
		return 0;
	packet = take(&data, &size, &len);
	if (tftp_packet_parse_ask(packet, len, &ask))
		return 0;
	assert(strlen(ask.name) < TFTP_NAME_MAX);
	assert(ask.terms.block == 0 || ask.terms.block >= TFTP_BLOCK_MIN);
	transfer(&ask, data, size);
	return 0;
}
