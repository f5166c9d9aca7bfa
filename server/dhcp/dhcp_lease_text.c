/* SPDX-License-Identifier: MIT */
/* Leases as lines of text, which may have been written by anybody when they are read again. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "base/checked.h"
#include "dhcp/dhcp_lease.h"

/* Bytes of the longest line, with NUL. */
#define LINE_MAX_BYTES 80u

#define HEADER "# Leases of bramble serve: address, MAC, end in seconds of the epoch\n"

int dhcp_leases_format(const struct dhcp_leases *leases, uint64_t now, int64_t wall, char **out,
		       size_t *out_len)
{
	size_t room = sizeof(HEADER) + (size_t)leases->count * LINE_MAX_BYTES;
	char *text = malloc(room);
	size_t len = sizeof(HEADER) - 1;

	if (!text)
		return -ENOMEM;
	memcpy(text, HEADER, sizeof(HEADER));
	for (uint32_t i = 0; i < leases->count; i++) {
		const struct dhcp_lease *lease = &leases->all[i];
		const uint8_t *m = lease->mac;
		char address[INET_ADDRSTRLEN];
		int64_t left = ((int64_t)lease->until - (int64_t)now) / 1000;

		if (lease->state != DHCP_LEASE_BOUND && lease->state != DHCP_LEASE_OLD)
			continue;
		/* what is reserved for a client outside the pool is its own without a lease */
		if (!dhcp_leases_in_pool(leases, lease->address))
			continue;
		inet_ntop(AF_INET, &lease->address, address, sizeof(address));
		len += (size_t)snprintf(text + len, room - len,
					"%s %02x:%02x:%02x:%02x:%02x:%02x %" PRId64 "\n", address,
					m[0], m[1], m[2], m[3], m[4], m[5],
					lease->state == DHCP_LEASE_OLD ? 0 : wall + left);
	}
	*out = text;
	*out_len = len;
	return 0;
}

static bool parse_mac(const char *text, uint8_t out[DHCP_MAC_BYTES])
{
	for (size_t i = 0; i < DHCP_MAC_BYTES; i++, text += 3) {
		char digits[3] = {0};
		char *end;

		/* strtoul alone would take blanks and signs */
		if (!memchr("0123456789abcdef", text[0], 16) || !text[0] ||
		    !memchr("0123456789abcdef", text[1], 16) || !text[1] ||
		    text[2] != (i + 1 < DHCP_MAC_BYTES ? ':' : '\0'))
			return false;
		memcpy(digits, text, 2);
		out[i] = (uint8_t)strtoul(digits, &end, 16);
	}
	return true;
}

/* Decimal digits and nothing else. */
static bool parse_seconds(const char *text, int64_t *out)
{
	int64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *text - '0', &value))
			return false;
	}
	*out = value;
	return true;
}

/* Ends the word at *@at and goes to the next one; NULL: there is none. */
static char *next_word(char **at)
{
	char *word = *at;
	char *blank;

	if (!word)
		return NULL;
	blank = strchr(word, ' ');
	if (blank)
		*blank = '\0';
	*at = blank ? blank + 1 : NULL;
	return word;
}

/* False: @line, which is changed, is no lease of this pool. */
static bool take_line(struct dhcp_leases *leases, char *line, uint64_t now, int64_t wall,
		      uint64_t longest_ms)
{
	const char *address = next_word(&line);
	const char *mac_text = next_word(&line);
	const char *end = next_word(&line);
	enum dhcp_lease_state state = DHCP_LEASE_OLD;
	uint8_t mac[DHCP_MAC_BYTES];
	struct in_addr parsed;
	uint64_t until = now;
	int64_t seconds;

	if (!end || line || inet_pton(AF_INET, address, &parsed) != 1 || strlen(mac_text) != 17 ||
	    !parse_mac(mac_text, mac) || !parse_seconds(end, &seconds))
		return false;
	if (!dhcp_leases_in_pool(leases, parsed))
		return false;
	if (seconds > wall) {
		uint64_t left = min_u64((uint64_t)(seconds - wall), UINT32_MAX) * 1000;

		state = DHCP_LEASE_BOUND;
		until = now + min_u64(left, longest_ms);
	}
	return dhcp_leases_set(leases, parsed, mac, state, until) == 0;
}

size_t dhcp_leases_parse(struct dhcp_leases *leases, const char *text, size_t len, uint64_t now,
			 int64_t wall, uint64_t longest_ms)
{
	size_t left_out = 0;

	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t line_len = end ? (size_t)(end - text) : len;
		char line[LINE_MAX_BYTES] = {0};

		if (line_len < sizeof(line)) {
			memcpy(line, text, line_len);
			if (line_len > 0 && line[0] != '#' &&
			    (strlen(line) != line_len ||
			     !take_line(leases, line, now, wall, longest_ms)))
				left_out++;
		} else {
			left_out++;
		}
		text += line_len + (end ? 1 : 0);
		len -= line_len + (end ? 1 : 0);
	}
	return left_out;
}
