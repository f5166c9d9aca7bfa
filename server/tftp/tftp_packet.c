/* SPDX-License-Identifier: MIT */
/* Bytes of TFTP packets and what they say: RFC 1350, 2347, 2348, 2349 and 7440. */
#include "tftp/tftp_packet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Texts that follow each other, each ended by NUL. */
struct texts {
	const char *at;
	size_t left; /* bytes */
};

static uint16_t number_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put_number(uint8_t *p, uint16_t number)
{
	p[0] = (uint8_t)(number >> 8);
	p[1] = (uint8_t)number;
}

/* NULL: there is none that is ended. */
static const char *next_text(struct texts *texts)
{
	const char *text = texts->at;
	const char *end = memchr(text, '\0', texts->left);
	size_t len;

	if (!end)
		return NULL;
	len = (size_t)(end - text) + 1;
	texts->at += len;
	texts->left -= len;
	return text;
}

/* Decimal digits and nothing else; larger values are UINT32_MAX. */
static bool parse_value(const char *text, uint32_t *out)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > UINT32_MAX)
			value = UINT32_MAX;
	}
	*out = (uint32_t)value;
	return true;
}

static uint16_t at_most(uint32_t value, uint16_t max)
{
	return value > max ? max : (uint16_t)value;
}

/*
 * An option counts where it is first. A server may answer a smaller blksize and windowsize than asked
 * for, but no other timeout.
 */
static void take_option(struct tftp_terms *terms, const char *name, const char *text)
{
	uint32_t value;

	if (!parse_value(text, &value))
		return;
	if (strcasecmp(name, "blksize") == 0) {
		if (terms->block == 0 && value >= TFTP_BLOCK_MIN)
			terms->block = at_most(value, TFTP_BLOCK_MAX);
	} else if (strcasecmp(name, "windowsize") == 0) {
		if (terms->window == 0)
			terms->window = at_most(value, UINT16_MAX);
	} else if (strcasecmp(name, "timeout") == 0) {
		if (terms->timeout_s == 0 && value <= UINT8_MAX)
			terms->timeout_s = (uint8_t)value;
	} else if (strcasecmp(name, "tsize") == 0) {
		terms->tsize = true;
	}
}

static enum tftp_mode parse_mode(const char *text)
{
	if (strcasecmp(text, "octet") == 0)
		return TFTP_MODE_OCTET;
	if (strcasecmp(text, "netascii") == 0)
		return TFTP_MODE_NETASCII;
	return TFTP_MODE_OTHER;
}

int tftp_packet_parse_ask(const uint8_t *data, size_t len, struct tftp_ask *out)
{
	struct tftp_terms terms = {0};
	struct texts texts;
	const char *name;
	const char *mode;
	const char *option;
	const char *value;

	if (len < 2)
		return -EBADMSG;
	if (number_at(data) == TFTP_WRQ)
		return -EACCES;
	if (number_at(data) != TFTP_RRQ)
		return -EBADMSG;
	texts = (struct texts){.at = (const char *)data + 2, .left = len - 2};
	name = next_text(&texts);
	mode = name ? next_text(&texts) : NULL;
	if (!mode)
		return -EBADMSG;
	if (strlen(name) >= sizeof(out->name))
		return -ENAMETOOLONG;
	while ((option = next_text(&texts)) && (value = next_text(&texts)))
		take_option(&terms, option, value);
	out->mode = parse_mode(mode);
	out->terms = terms;
	strcpy(out->name, name);
	return 0;
}

int tftp_packet_parse(const uint8_t *data, size_t len, struct tftp_packet *out)
{
	uint16_t opcode;

	if (len < TFTP_HEAD_BYTES)
		return -EBADMSG;
	opcode = number_at(data);
	if (opcode != TFTP_ACK && opcode != TFTP_ERROR)
		return -EBADMSG;
	out->opcode = (enum tftp_opcode)opcode;
	out->code = number_at(data + 2);
	return 0;
}

void tftp_packet_data_head(uint16_t number, uint8_t out[TFTP_HEAD_BYTES])
{
	put_number(out, TFTP_DATA);
	put_number(out + 2, number);
}

/* Both end with NUL; there is room for all options that there are. */
static size_t put_option(uint8_t *out, size_t len, const char *name, uint64_t value)
{
	int put =
		snprintf((char *)out + len, TFTP_OACK_MAX - len, "%s%c%" PRIu64, name, '\0', value);

	return len + (size_t)put + 1;
}

size_t tftp_packet_oack(const struct tftp_terms *terms, uint64_t size, uint8_t out[TFTP_OACK_MAX])
{
	size_t len = 2;

	put_number(out, TFTP_OACK);
	if (terms->block)
		len = put_option(out, len, "blksize", terms->block);
	if (terms->tsize)
		len = put_option(out, len, "tsize", size);
	if (terms->timeout_s)
		len = put_option(out, len, "timeout", terms->timeout_s);
	if (terms->window)
		len = put_option(out, len, "windowsize", terms->window);
	return len;
}

size_t tftp_packet_error(enum tftp_error code, const char *text, uint8_t out[TFTP_ERROR_MAX])
{
	size_t len = strnlen(text, TFTP_ERROR_MAX - TFTP_HEAD_BYTES - 1);

	put_number(out, TFTP_ERROR);
	put_number(out + 2, (uint16_t)code);
	memcpy(out + TFTP_HEAD_BYTES, text, len);
	out[TFTP_HEAD_BYTES + len] = '\0';
	return TFTP_HEAD_BYTES + len + 1;
}
