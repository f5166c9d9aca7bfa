// SPDX-License-Identifier: MIT
/* DHCP of the boot ROMs, as captured: raspberrypi/documentation boot-net.adoc (3B), firmware#1605 (3B+),
 * rpi-eeprom#69 and TechnitiumSoftware/DnsServer#183 (4). No padding, the hardware address in chaddr only.
 */
#include "rom_client.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BOOTP_BYTES 236
#define COOKIE_BYTES 4
#define OPTIONS_AT (BOOTP_BYTES + COOKIE_BYTES)
#define REPLY_MINIMUM 300 /* RFC 1542 2.1; shorter ones are dropped by some ROMs */
#define ID_BYTES 17
#define SERVER_PORT 67
#define CLIENT_PORT 68
#define PROXY_PORT 4011

static const uint8_t cookie[COOKIE_BYTES] = {0x63, 0x82, 0x53, 0x63};
static const uint8_t interface_version[] = {1, 2, 1}; /* UNDI 2.1 */

static void put_option(uint8_t **at, uint8_t code, const void *value, size_t len)
{
	*(*at)++ = code;
	*(*at)++ = (uint8_t)len;
	memcpy(*at, value, len);
	*at += len;
}

static void put_ip(uint8_t *at, uint32_t ip)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(ip >> (24 - 8 * i));
}

static uint32_t get_ip(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_little(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

/* Option 97: type 0, and 16 bytes that each model fills in its own way. */
static void identity(const struct rom_pi *pi, uint8_t id[ID_BYTES])
{
	memset(id, 0, ID_BYTES);
	switch (pi->model->identity) {
	case ROM_ID_CONSTANT:
		memset(id + 1, 0x44, ID_BYTES - 1);
		break;
	case ROM_ID_SERIALS:
		for (int i = 0; i < 4; i++)
			put_little(id + 1 + 4 * i, pi->serial);
		break;
	case ROM_ID_BOARD:
		memcpy(id + 1, pi->model->board, 4);
		put_little(id + 5, pi->model->revision);
		memcpy(id + 9, pi->mac + 2, 4);
		put_little(id + 13, pi->serial);
		break;
	case ROM_ID_UUID:
		for (int i = 1; i < ID_BYTES; i++)
			id[i] = (uint8_t)(pi->mac[i % 6] * 7 + i);
		break;
	}
}

static uint8_t *begin(const struct rom_pi *pi, uint8_t *buf, uint8_t type)
{
	uint8_t *at = buf + OPTIONS_AT;

	memset(buf, 0, ROM_DHCP_MAX);
	buf[0] = 1; /* BOOTREQUEST */
	buf[1] = 1; /* Ethernet */
	buf[2] = 6;
	put_ip(buf + 4, pi->xid);
	memcpy(buf + 28, pi->mac, 6);
	memcpy(buf + BOOTP_BYTES, cookie, COOKIE_BYTES);
	put_option(&at, 53, &type, 1);
	return at;
}

static uint8_t *finish(const struct rom_pi *pi, uint8_t *at, bool with_class)
{
	const struct rom_model *model = pi->model;
	uint8_t arch[2] = {(uint8_t)(model->architecture >> 8), (uint8_t)model->architecture};
	uint8_t id[ID_BYTES];

	put_option(&at, 55, model->wants, model->wants_count);
	if (model->vendor_class) {
		identity(pi, id);
		put_option(&at, 93, arch, sizeof(arch));
		put_option(&at, 94, interface_version, sizeof(interface_version));
		put_option(&at, 97, id, sizeof(id));
		if (with_class)
			put_option(&at, 60, model->vendor_class, strlen(model->vendor_class));
	}
	*at++ = 255;
	return at;
}

size_t rom_dhcp_discover(const struct rom_pi *pi, uint8_t *buf)
{
	return (size_t)(finish(pi, begin(pi, buf, 1), true) - buf);
}

size_t rom_dhcp_request(const struct rom_pi *pi, uint8_t *buf)
{
	uint8_t *at = begin(pi, buf, 3);
	uint8_t ip[4];

	put_ip(ip, pi->address);
	put_option(&at, 50, ip, sizeof(ip));
	put_ip(ip, pi->router);
	put_option(&at, 54, ip, sizeof(ip));
	return (size_t)(finish(pi, at, pi->model->request_has_class) - buf);
}

bool rom_dhcp_owner(const struct rom_frame *frame, uint8_t mac[6])
{
	if (frame->kind != ROM_UDP || frame->to_port != CLIENT_PORT || frame->len < OPTIONS_AT ||
	    frame->payload[0] != 2)
		return false;
	memcpy(mac, frame->payload + 28, 6);
	return true;
}

/* The options by code; of one that comes twice, the last. */
struct options {
	const uint8_t *value[256];
	uint8_t len[256];
	bool present[256];
};

static bool take_options(const struct rom_pi *pi, const uint8_t *at, size_t len,
			 struct options *out, bool strict)
{
	const uint8_t *end = at + len;
	unsigned int first = 0;

	memset(out, 0, sizeof(*out));
	while (at < end && *at != 255) {
		unsigned int code = *at++;

		if (code == 0) {
			if (strict)
				rom_wrong(pi, "an option 0 lies between the options");
			continue;
		}
		if (at == end || (size_t)(end - at) - 1 < *at) {
			rom_wrong(pi, "option %u goes beyond the end", code);
			return false;
		}
		if (!first)
			first = code;
		if (strict && out->present[code])
			rom_wrong(pi, "option %u comes twice", code);
		out->present[code] = true;
		out->len[code] = *at;
		out->value[code] = at + 1;
		at += 1 + *at;
	}
	if (at == end)
		rom_wrong(pi, "option 255 is missing");
	if (strict && first != 53)
		rom_wrong(pi, "the first option is %u, not 53", first);
	return true;
}

static bool fixed(const struct rom_pi *pi, const struct options *opts, unsigned int code,
		  size_t len)
{
	if (!opts->present[code])
		return false;
	if (opts->len[code] == len)
		return true;
	rom_wrong(pi, "option %u has %u bytes, not %zu", code, opts->len[code], len);
	return false;
}

/* Option 43 of PXE, whose sub-options a Pi looks at: 6 = 3, 9 = the menu, 10 = the prompt. */
static void vendor_options(const struct rom_pi *pi, const uint8_t *at, size_t len,
			   struct rom_reply *out)
{
	static const char name[] = "Raspberry Pi Boot", spaces[] = "Raspberry Pi Boot   ";
	const uint8_t *end = at + len;
	bool control = false, prompt = false;

	while (at < end && *at != 255) {
		unsigned int code = *at++;
		size_t size;

		if (at == end || (size_t)(end - at) - 1 < *at) {
			rom_wrong(pi, "sub-option %u of option 43 goes beyond its end", code);
			return;
		}
		size = *at++;
		if (code == 6)
			control = size == 1 && *at == 3;
		if (code == 10)
			prompt = size == 4 && memcmp(at, "\0PXE", 4) == 0;
		if (code == 9) {
			if (size < 3 || at[0] || at[1] || at[2] != size - 3)
				rom_wrong(pi, "the menu of option 43 has a wrong type or length");
			out->menu = memmem(at, size, name, sizeof(name) - 1) != NULL;
			out->menu_spaces = memmem(at, size, spaces, sizeof(spaces) - 1) != NULL;
		}
		at += size;
	}
	if (at == end)
		rom_wrong(pi, "option 43 has no sub-option 255 at its end");
	if (pi->model->identity == ROM_ID_UUID)
		return;
	if (!control)
		rom_wrong(pi, "option 43 has no sub-option 6 that is 3");
	if (!prompt)
		rom_wrong(pi, "option 43 has no prompt");
}

static void judge_boot_server(const struct rom_pi *pi, const struct rom_frame *frame,
			      const struct options *opts, const struct rom_reply *reply)
{
	static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};
	const uint8_t *p = frame->payload;
	uint8_t id[ID_BYTES];

	identity(pi, id);
	if (pi->model->identity != ROM_ID_UUID) {
		if (!reply->menu)
			rom_wrong(pi, "option 43 does not name Raspberry Pi Boot");
		if (!opts->present[97] || opts->len[97] != ID_BYTES ||
		    memcmp(opts->value[97], id, ID_BYTES) != 0)
			rom_wrong(pi, "option 97 is not what was sent");
	}
	if (opts->len[60] != 9 || memcmp(opts->value[60], "PXEClient", 9) != 0)
		rom_wrong(pi, "option 60 is not PXEClient");
	if (frame->len < REPLY_MINIMUM)
		rom_wrong(pi, "the reply has %zu bytes, fewer than %d", frame->len, REPLY_MINIMUM);
	if (!reply->has_id || reply->id != frame->from_ip)
		rom_wrong(pi, "option 54 is %s, but it comes from %s", rom_ip(reply->id),
			  rom_ip(frame->from_ip));
	if (reply->siaddr && reply->siaddr != frame->from_ip)
		rom_wrong(pi, "siaddr is %s, but it comes from %s", rom_ip(reply->siaddr),
			  rom_ip(frame->from_ip));
	if (reply->has_named && reply->named != frame->from_ip)
		rom_wrong(pi, "option 66 is %s, but it comes from %s", rom_ip(reply->named),
			  rom_ip(frame->from_ip));
	if (!rom_options.strict)
		return;
	if (!reply->siaddr)
		rom_wrong(pi, "siaddr is 0");
	if (!reply->has_named)
		rom_wrong(pi, "option 66 is missing");
	if (frame->to_ip != UINT32_MAX || memcmp(frame->to_mac, everybody, 6) != 0)
		rom_wrong(pi, "the offer is not broadcast, but sent to %s", rom_ip(frame->to_ip));
	if (p[10] != 0x80 || p[11] != 0)
		rom_wrong(pi, "the flags are %02x%02x, not 8000", p[10], p[11]);
	if (!reply->menu_spaces && pi->model->identity != ROM_ID_UUID)
		rom_wrong(pi, "three spaces are missing behind Raspberry Pi Boot");
	if (!rom_options.full &&
	    (reply->address || opts->present[51] || opts->present[1] || opts->present[3]))
		rom_wrong(pi, "the proxy gives an address, or options 51, 1 or 3");
	if (rom_options.full && (!reply->has_lease || !reply->has_mask))
		rom_wrong(pi, "options 51 and 1 are missing beside an address");
}

static bool zero(const uint8_t *p, size_t len)
{
	while (len && !*p)
		p++, len--;
	return len == 0;
}

bool rom_dhcp_judge(struct rom_pi *pi, const struct rom_frame *frame, struct rom_reply *out)
{
	const uint8_t *p = frame->payload;
	struct options opts;
	char named[64];
	unsigned int a, b, c, d;

	memset(out, 0, sizeof(*out));
	if (frame->bad_checksum)
		rom_wrong(pi, "a DHCP reply has a wrong checksum");
	if (get_ip(p + 4) != pi->xid)
		return false; /* an answer to somebody else, or to an earlier one */
	if (frame->from_port != SERVER_PORT && frame->from_port != PROXY_PORT)
		rom_wrong(pi, "a DHCP reply comes from port %u", frame->from_port);
	if (p[1] != 1 || p[2] != 6 || p[3] != 0)
		rom_wrong(pi, "htype, hlen, hops are %u %u %u, not 1 6 0", p[1], p[2], p[3]);
	if (memcmp(p + BOOTP_BYTES, cookie, COOKIE_BYTES) != 0) {
		rom_wrong(pi, "a DHCP reply has no magic cookie");
		return false;
	}
	if (!take_options(pi, p + OPTIONS_AT, frame->len - OPTIONS_AT, &opts, false))
		return false;
	if (!fixed(pi, &opts, 53, 1))
		return false;
	out->type = *opts.value[53];
	out->address = get_ip(p + 16);
	out->siaddr = get_ip(p + 20);
	out->has_id = fixed(pi, &opts, 54, 4);
	if (out->has_id)
		out->id = get_ip(opts.value[54]);
	out->has_lease = fixed(pi, &opts, 51, 4);
	out->has_mask = fixed(pi, &opts, 1, 4);
	out->has_router = opts.present[3];
	memcpy(out->file, p + 108, 128);
	if (opts.present[66] && opts.len[66] < sizeof(named)) {
		memcpy(named, opts.value[66], opts.len[66]);
		named[opts.len[66]] = 0;
		out->has_named = sscanf(named, "%u.%u.%u.%u", &a, &b, &c, &d) == 4;
		out->named = a << 24 | b << 16 | c << 8 | d;
		if (!out->has_named || strcmp(named, rom_ip(out->named)) != 0)
			rom_wrong(pi, "option 66 is no plain address: %s", named);
	}
	out->boots = opts.present[60] && opts.len[60] >= 9 &&
		     memcmp(opts.value[60], "PXEClient", 9) == 0;
	if (opts.present[43] && out->boots &&
	    (!rom_options.judge || frame->from_ip == rom_options.judge))
		vendor_options(pi, opts.value[43], opts.len[43], out);
	if (!out->boots || (rom_options.judge && frame->from_ip != rom_options.judge))
		return true;
	/* Once more, since only what comes from a boot server is ours. */
	if (rom_options.strict)
		take_options(pi, p + OPTIONS_AT, frame->len - OPTIONS_AT, &opts, true);
	if (!zero(p + 34, 10) || !zero(p + 12, 4) || !zero(p + 24, 4))
		rom_wrong(pi, "ciaddr, giaddr or the padding of chaddr are not 0");
	if (out->type == 2)
		judge_boot_server(pi, frame, &opts, out);
	return true;
}
