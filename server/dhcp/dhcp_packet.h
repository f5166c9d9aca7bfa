/* SPDX-License-Identifier: MIT */
/* Private to the dhcp room: what packets say (RFC 2131, 2132, 3396, PXE 2.1). */
#ifndef BRAMBLE_DHCP_PACKET_H
#define BRAMBLE_DHCP_PACKET_H

#include "dhcp/dhcp.h"

/* Bytes of the longest packet that is looked at, and of the longest that every client takes. */
#define DHCP_PACKET_MAX 4096u
#define DHCP_REPLY_MAX 548u

/* Bytes that BOOTP relays and clients expect at least (RFC 1542 2.1). */
#define DHCP_REPLY_MIN 300u

#define DHCP_OP_REQUEST 1u
#define DHCP_OP_REPLY 2u
#define DHCP_HTYPE_ETHERNET 1u
#define DHCP_FLAG_BROADCAST 0x8000u

/* Options. */
enum {
	DHCP_OPT_PAD = 0,
	DHCP_OPT_NETMASK = 1,
	DHCP_OPT_ROUTERS = 3,
	DHCP_OPT_DNS = 6,
	DHCP_OPT_HOSTNAME = 12,
	DHCP_OPT_DOMAIN = 15,
	DHCP_OPT_BROADCAST = 28,
	DHCP_OPT_NTP = 42,
	DHCP_OPT_VENDOR = 43,
	DHCP_OPT_REQUESTED = 50,
	DHCP_OPT_LEASE = 51,
	DHCP_OPT_OVERLOAD = 52,
	DHCP_OPT_TYPE = 53,
	DHCP_OPT_SERVER = 54,
	DHCP_OPT_MAX_SIZE = 57,
	DHCP_OPT_T1 = 58,
	DHCP_OPT_T2 = 59,
	DHCP_OPT_CLASS = 60,
	DHCP_OPT_TFTP_SERVER = 66,
	DHCP_OPT_BOOTFILE = 67,
	DHCP_OPT_ARCH = 93,
	DHCP_OPT_GUID = 97,
	DHCP_OPT_END = 255,
};

enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER = 2,
	DHCP_REQUEST = 3,
	DHCP_DECLINE = 4,
	DHCP_ACK = 5,
	DHCP_NAK = 6,
	DHCP_RELEASE = 7,
	DHCP_INFORM = 8,
};

/* Where an option's bytes are, its pieces put together. */
struct dhcp_option {
	uint16_t at;
	uint16_t len; /* bytes */
	bool given;
};

struct dhcp_message {
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint16_t secs; /* seconds */
	uint16_t flags;
	struct in_addr ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16];
	struct dhcp_option options[256];
	uint8_t bytes[DHCP_PACKET_MAX]; /* of the options */
};

/* -EBADMSG: no DHCP packet, or an option goes beyond the end. */
int dhcp_message_parse(const uint8_t *data, size_t len, struct dhcp_message *out);

/* An option's bytes; NULL: it was not given. */
const uint8_t *dhcp_message_option(const struct dhcp_message *message, uint8_t code,
				   size_t *out_len);

/* An option of just that many bytes. False: there is none. */
bool dhcp_message_u8(const struct dhcp_message *message, uint8_t code, uint8_t *out);
bool dhcp_message_u16(const struct dhcp_message *message, uint8_t code, uint16_t *out);
bool dhcp_message_u32(const struct dhcp_message *message, uint8_t code, uint32_t *out);
bool dhcp_message_address(const struct dhcp_message *message, uint8_t code, struct in_addr *out);

/* 0: it is no DHCP message, but BOOTP. */
uint8_t dhcp_message_type(const struct dhcp_message *message);

/* Whether option 60 begins with "PXEClient". */
bool dhcp_message_is_pxe(const struct dhcp_message *message);

struct dhcp_reply {
	uint8_t bytes[DHCP_REPLY_MAX];
	size_t len; /* bytes */
	size_t max; /* bytes */
};

/* A reply of @type to @request, broadcast, from @server (option 54). */
void dhcp_reply_begin(struct dhcp_reply *reply, const struct dhcp_message *request,
		      enum dhcp_type type, struct in_addr server);
void dhcp_reply_set_ciaddr(struct dhcp_reply *reply, struct in_addr address);
void dhcp_reply_set_yiaddr(struct dhcp_reply *reply, struct in_addr address);
void dhcp_reply_set_siaddr(struct dhcp_reply *reply, struct in_addr address);

/* The file field; what does not fit is cut off. */
void dhcp_reply_set_file(struct dhcp_reply *reply, const char *file);

/* An option of 1 to 255 bytes. What does not fit is left out; the most important comes first. */
void dhcp_reply_put(struct dhcp_reply *reply, uint8_t code, const void *data, size_t len);
void dhcp_reply_put_u32(struct dhcp_reply *reply, uint8_t code, uint32_t value);
void dhcp_reply_put_address(struct dhcp_reply *reply, uint8_t code, struct in_addr address);

/* Those of @count that are not 0.0.0.0; no option if there is none. */
void dhcp_reply_put_addresses(struct dhcp_reply *reply, uint8_t code,
			      const struct in_addr *addresses, size_t count);

/* The end and what makes it long enough. */
void dhcp_reply_end(struct dhcp_reply *reply);

#endif
