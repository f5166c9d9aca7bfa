/* SPDX-License-Identifier: MIT */
/*
 * Bytes of DHCP packets and what they say. An option may come in pieces, and in the fields for names
 * (RFC 2131 4.1, RFC 3396): its pieces are put together in the order options, file, sname.
 */
#include "dhcp/dhcp_packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/be.h"

/* Offsets of fields. */
#define AT_XID 4u
#define AT_SECS 8u
#define AT_FLAGS 10u
#define AT_CIADDR 12u
#define AT_YIADDR 16u
#define AT_SIADDR 20u
#define AT_GIADDR 24u
#define AT_CHADDR 28u
#define AT_SNAME 44u
#define AT_FILE 108u
#define AT_MAGIC 236u
#define AT_OPTIONS 240u
#define SNAME_BYTES 64u
#define FILE_BYTES 128u
#define MAGIC 0x63825363u

/* Values of option 52: what else has options. */
#define OVERLOAD_FILE 1u
#define OVERLOAD_SNAME 2u

struct area {
	const uint8_t *data;
	size_t len; /* bytes */
};

static uint16_t u16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static struct in_addr address_at(const uint8_t *p)
{
	struct in_addr address;

	memcpy(&address, p, sizeof(address));
	return address;
}

typedef void (*piece_fn)(struct dhcp_message *message, uint8_t code, const uint8_t *data,
			 uint8_t len);

/* Calls @take for each option of @area, up to its end. -EBADMSG: one goes beyond it. */
static int walk(struct area area, piece_fn take, struct dhcp_message *message)
{
	size_t at = 0;

	while (at < area.len) {
		uint8_t code = area.data[at++];
		uint8_t len;

		if (code == DHCP_OPT_PAD)
			continue;
		if (code == DHCP_OPT_END)
			return 0;
		if (at == area.len)
			return -EBADMSG;
		len = area.data[at++];
		if (len > area.len - at)
			return -EBADMSG;
		take(message, code, area.data + at, len);
		at += len;
	}
	return 0;
}

static void count_piece(struct dhcp_message *message, uint8_t code, const uint8_t *data,
			uint8_t len)
{
	struct dhcp_option *option = &message->options[code];

	(void)data;
	option->len = (uint16_t)(option->len + len);
	option->given = true;
}

static void copy_piece(struct dhcp_message *message, uint8_t code, const uint8_t *data, uint8_t len)
{
	struct dhcp_option *option = &message->options[code];

	memcpy(message->bytes + option->at + option->len, data, len);
	option->len = (uint16_t)(option->len + len);
}

/* Gives each option its place, to be filled by copy_piece. */
static void place_options(struct dhcp_message *message)
{
	uint16_t at = 0;

	for (size_t code = 0; code < 256; code++) {
		struct dhcp_option *option = &message->options[code];

		option->at = at;
		at = (uint16_t)(at + option->len);
		option->len = 0;
	}
}

/* The areas that have options. Only what the first one says of the others counts. */
static int find_areas(const uint8_t *data, size_t len, struct dhcp_message *message,
		      struct area areas[3])
{
	uint8_t overload = 0;
	int err;

	areas[0] = (struct area){.data = data + AT_OPTIONS, .len = len - AT_OPTIONS};
	areas[1] = (struct area){0};
	areas[2] = (struct area){0};
	err = walk(areas[0], count_piece, message);
	if (err || !message->options[DHCP_OPT_OVERLOAD].given)
		return err;
	place_options(message);
	walk(areas[0], copy_piece, message);
	if (message->options[DHCP_OPT_OVERLOAD].len == 1)
		overload = message->bytes[message->options[DHCP_OPT_OVERLOAD].at];
	if (overload & OVERLOAD_FILE)
		areas[1] = (struct area){.data = data + AT_FILE, .len = FILE_BYTES};
	if (overload & OVERLOAD_SNAME)
		areas[2] = (struct area){.data = data + AT_SNAME, .len = SNAME_BYTES};
	return 0;
}

int dhcp_message_parse(const uint8_t *data, size_t len, struct dhcp_message *out)
{
	struct area areas[3];
	int err;

	if (len < AT_OPTIONS || len > DHCP_PACKET_MAX || be32_at(data + AT_MAGIC) != MAGIC)
		return -EBADMSG;
	memset(out->options, 0, sizeof(out->options));
	err = find_areas(data, len, out, areas);
	if (err)
		return err;
	memset(out->options, 0, sizeof(out->options));
	for (size_t i = 0; i < 3 && err == 0; i++)
		err = walk(areas[i], count_piece, out);
	if (err)
		return err;
	place_options(out);
	for (size_t i = 0; i < 3; i++)
		walk(areas[i], copy_piece, out);
	out->op = data[0];
	out->htype = data[1];
	out->hlen = data[2];
	out->hops = data[3];
	out->xid = be32_at(data + AT_XID);
	out->secs = u16_at(data + AT_SECS);
	out->flags = u16_at(data + AT_FLAGS);
	out->ciaddr = address_at(data + AT_CIADDR);
	out->yiaddr = address_at(data + AT_YIADDR);
	out->siaddr = address_at(data + AT_SIADDR);
	out->giaddr = address_at(data + AT_GIADDR);
	memcpy(out->chaddr, data + AT_CHADDR, sizeof(out->chaddr));
	return 0;
}

const uint8_t *dhcp_message_option(const struct dhcp_message *message, uint8_t code,
				   size_t *out_len)
{
	const struct dhcp_option *option = &message->options[code];

	if (!option->given)
		return NULL;
	*out_len = option->len;
	return message->bytes + option->at;
}

/* NULL: not given with just @len bytes. */
static const uint8_t *option_of(const struct dhcp_message *message, uint8_t code, size_t len)
{
	size_t got;
	const uint8_t *data = dhcp_message_option(message, code, &got);

	return data && got == len ? data : NULL;
}

bool dhcp_message_u8(const struct dhcp_message *message, uint8_t code, uint8_t *out)
{
	const uint8_t *data = option_of(message, code, 1);

	if (data)
		*out = *data;
	return data != NULL;
}

bool dhcp_message_u16(const struct dhcp_message *message, uint8_t code, uint16_t *out)
{
	const uint8_t *data = option_of(message, code, 2);

	if (data)
		*out = u16_at(data);
	return data != NULL;
}

bool dhcp_message_u32(const struct dhcp_message *message, uint8_t code, uint32_t *out)
{
	const uint8_t *data = option_of(message, code, 4);

	if (data)
		*out = be32_at(data);
	return data != NULL;
}

bool dhcp_message_address(const struct dhcp_message *message, uint8_t code, struct in_addr *out)
{
	const uint8_t *data = option_of(message, code, 4);

	if (data)
		*out = address_at(data);
	return data != NULL;
}

uint8_t dhcp_message_type(const struct dhcp_message *message)
{
	uint8_t type = 0;

	dhcp_message_u8(message, DHCP_OPT_TYPE, &type);
	return type;
}

bool dhcp_message_is_pxe(const struct dhcp_message *message)
{
	static const char pxe[] = "PXEClient";
	size_t len;
	const uint8_t *data = dhcp_message_option(message, DHCP_OPT_CLASS, &len);

	return data && len >= sizeof(pxe) - 1 && memcmp(data, pxe, sizeof(pxe) - 1) == 0;
}

/* Replies ------------------------------------------------------------------------------------ */

static void put_u16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put_u32(uint8_t *p, uint32_t value)
{
	put_u16(p, (uint16_t)(value >> 16));
	put_u16(p + 2, (uint16_t)value);
}

void dhcp_reply_begin(struct dhcp_reply *reply, const struct dhcp_message *request,
		      enum dhcp_type type, struct in_addr server)
{
	uint8_t type_byte = (uint8_t)type;

	memset(reply->bytes, 0, sizeof(reply->bytes));
	reply->len = AT_OPTIONS;
	reply->max = sizeof(reply->bytes);
	reply->bytes[0] = DHCP_OP_REPLY;
	reply->bytes[1] = request->htype;
	reply->bytes[2] = request->hlen;
	put_u32(reply->bytes + AT_XID, request->xid);
	put_u16(reply->bytes + AT_FLAGS, request->flags | DHCP_FLAG_BROADCAST);
	memcpy(reply->bytes + AT_GIADDR, &request->giaddr, sizeof(request->giaddr));
	memcpy(reply->bytes + AT_CHADDR, request->chaddr, sizeof(request->chaddr));
	put_u32(reply->bytes + AT_MAGIC, MAGIC);
	dhcp_reply_put(reply, DHCP_OPT_TYPE, &type_byte, 1);
	dhcp_reply_put_address(reply, DHCP_OPT_SERVER, server);
}

void dhcp_reply_set_ciaddr(struct dhcp_reply *reply, struct in_addr address)
{
	memcpy(reply->bytes + AT_CIADDR, &address, sizeof(address));
}

void dhcp_reply_set_yiaddr(struct dhcp_reply *reply, struct in_addr address)
{
	memcpy(reply->bytes + AT_YIADDR, &address, sizeof(address));
}

void dhcp_reply_set_siaddr(struct dhcp_reply *reply, struct in_addr address)
{
	memcpy(reply->bytes + AT_SIADDR, &address, sizeof(address));
}

void dhcp_reply_set_file(struct dhcp_reply *reply, const char *file)
{
	memcpy(reply->bytes + AT_FILE, file, strnlen(file, FILE_BYTES - 1));
}

void dhcp_reply_put(struct dhcp_reply *reply, uint8_t code, const void *data, size_t len)
{
	/* one byte stays for the end */
	if (len == 0 || len > UINT8_MAX || len + 3 > reply->max - reply->len)
		return;
	reply->bytes[reply->len++] = code;
	reply->bytes[reply->len++] = (uint8_t)len;
	memcpy(reply->bytes + reply->len, data, len);
	reply->len += len;
}

void dhcp_reply_put_u32(struct dhcp_reply *reply, uint8_t code, uint32_t value)
{
	uint8_t bytes[4];

	put_u32(bytes, value);
	dhcp_reply_put(reply, code, bytes, sizeof(bytes));
}

void dhcp_reply_put_address(struct dhcp_reply *reply, uint8_t code, struct in_addr address)
{
	dhcp_reply_put(reply, code, &address, sizeof(address));
}

void dhcp_reply_put_addresses(struct dhcp_reply *reply, uint8_t code,
			      const struct in_addr *addresses, size_t count)
{
	struct in_addr given[UINT8_MAX / sizeof(struct in_addr)];
	size_t n = 0;

	for (size_t i = 0; i < count && n < sizeof(given) / sizeof(given[0]); i++) {
		if (addresses[i].s_addr != htonl(INADDR_ANY))
			given[n++] = addresses[i];
	}
	dhcp_reply_put(reply, code, given, n * sizeof(given[0]));
}

void dhcp_reply_end(struct dhcp_reply *reply)
{
	reply->bytes[reply->len++] = DHCP_OPT_END;
	if (reply->len < DHCP_REPLY_MIN)
		reply->len = DHCP_REPLY_MIN; /* the rest is zero */
}
