/* SPDX-License-Identifier: MIT */
/* Packets of DHCP clients, for tests: those of boot ROMs as they are known from the wire, and plain ones. */
#ifndef BRAMBLE_TEST_DHCP_MAKER_H
#define BRAMBLE_TEST_DHCP_MAKER_H

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "dhcp/dhcp_packet.h"

struct made {
	uint8_t bytes[1024];
	size_t len;
};

static inline void make_option(struct made *p, uint8_t code, const void *data, size_t len)
{
	p->bytes[p->len++] = code;
	p->bytes[p->len++] = (uint8_t)len;
	memcpy(p->bytes + p->len, data, len);
	p->len += len;
}

static inline void make_byte(struct made *p, uint8_t code, uint8_t value)
{
	make_option(p, code, &value, 1);
}

static inline struct in_addr make_ip(const char *text)
{
	struct in_addr address = {0};

	inet_pton(AF_INET, text, &address);
	return address;
}

static inline void make_address(struct made *p, uint8_t code, const char *text)
{
	struct in_addr address = make_ip(text);

	make_option(p, code, &address, sizeof(address));
}

/* The fixed fields of a request, and option 53. */
static inline void make_begin(struct made *p, uint32_t xid, const uint8_t mac[6], uint8_t type)
{
	uint32_t wire = htonl(xid);
	static const uint8_t magic[] = {0x63, 0x82, 0x53, 0x63};

	memset(p, 0, sizeof(*p));
	p->bytes[0] = 1;
	p->bytes[1] = 1;
	p->bytes[2] = 6;
	memcpy(p->bytes + 4, &wire, 4);
	memcpy(p->bytes + 28, mac, 6);
	memcpy(p->bytes + 236, magic, 4);
	p->len = 240;
	make_byte(p, 53, type);
}

static inline void make_ciaddr(struct made *p, const char *text)
{
	struct in_addr address = make_ip(text);

	memcpy(p->bytes + 12, &address, 4);
}

static inline void make_giaddr(struct made *p, const char *text)
{
	struct in_addr address = make_ip(text);

	memcpy(p->bytes + 24, &address, 4);
}

static inline void make_end(struct made *p)
{
	p->bytes[p->len++] = 255;
	if (p->len < 300)
		p->len = 300;
}

/* What all boot ROMs of Raspberry Pis say of themselves: a PC with a BIOS. */
static inline void make_pxe(struct made *p, const char *class, const uint8_t guid[17])
{
	static const uint8_t arch[] = {0, 0};
	static const uint8_t undi[] = {1, 2, 1};

	make_option(p, 93, arch, sizeof(arch));
	make_option(p, 94, undi, sizeof(undi));
	make_option(p, 97, guid, 17);
	make_option(p, 60, class, strlen(class));
}

#define MAKE_BIOS "PXEClient:Arch:00000:UNDI:002001"

/* DISCOVER of a boot ROM. */
struct made_model {
	const char *name;
	uint32_t xid;
	uint8_t mac[6];
	uint8_t guid[17];
	uint8_t wants[16];
	uint8_t wants_count;
};

static const struct made_model made_models[] = {
	{
		.name = "Pi 3B",
		.xid = 0x26f30339,
		.mac = {0xb8, 0x27, 0xeb, 0x12, 0x34, 0x56},
		.guid = {0, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44,
			 0x44, 0x44, 0x44, 0x44},
		.wants = {43, 60, 67, 128, 129, 130, 131, 132, 133, 134, 135, 66},
		.wants_count = 12,
	},
	{
		.name = "Pi 3B+",
		.xid = 0x26f30339,
		.mac = {0xb8, 0x27, 0xeb, 0x65, 0x43, 0x21},
		.guid = {0, 0x03, 0x6c, 0xb7, 0x16, 0x03, 0x6c, 0xb7, 0x16, 0x03, 0x6c, 0xb7, 0x16,
			 0x03, 0x6c, 0xb7, 0x16},
		.wants = {1, 3, 43, 60, 67, 128, 129, 130, 131, 132, 133, 134, 135, 66},
		.wants_count = 14,
	},
	{
		.name = "Pi 4",
		.xid = 0x1a2b3c4d,
		.mac = {0xdc, 0xa6, 0x32, 0x01, 0x02, 0x03},
		.guid = {0, 0x52, 0x50, 0x69, 0x34, 0x11, 0x31, 0xc0, 0x00, 0x32, 0x01, 0x02, 0x03,
			 0x16, 0xb7, 0x6c, 0x03},
		.wants = {1, 3, 43, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135},
		.wants_count = 14,
	},
	{
		.name = "Pi 5",
		.xid = 0x99887766,
		.mac = {0x2c, 0xcf, 0x67, 0x0a, 0x0b, 0x0c},
		.guid = {0, 0x52, 0x50, 0x69, 0x35, 0x70, 0x41, 0xd0, 0x00, 0x67, 0x0a, 0x0b, 0x0c,
			 0xef, 0xfd, 0xfe, 0x9f},
		.wants = {1, 3, 43, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135},
		.wants_count = 14,
	},
};

static inline void make_discover(struct made *p, const struct made_model *model)
{
	make_begin(p, model->xid, model->mac, 1);
	make_option(p, 55, model->wants, model->wants_count);
	make_pxe(p, MAKE_BIOS, model->guid);
	make_end(p);
}

#endif
