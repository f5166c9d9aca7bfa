/* SPDX-License-Identifier: MIT */
/*
 * DHCP packets of clients, one after the other behind two bytes of their length, to a proxy and to a whole
 * server. What is answered is a packet that can be read again.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "dhcp/dhcp_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dhcp_message message;
static struct dhcp_message reply;
static struct dhcp_answer answer;

static struct in_addr address(uint8_t last)
{
	return (struct in_addr){.s_addr = htonl(0x0a000000u | last)};
}

static void check_reply(void)
{
	uint8_t type;

	assert(answer.reply.len >= DHCP_REPLY_MIN && answer.reply.len <= DHCP_REPLY_MAX);
	assert(dhcp_message_parse(answer.reply.bytes, answer.reply.len, &reply) == 0);
	type = dhcp_message_type(&reply);
	assert(type == DHCP_OFFER || type == DHCP_ACK || type == DHCP_NAK);
	assert(reply.op == DHCP_OP_REPLY && reply.xid == message.xid);
}

static void answer_all(struct dhcp_leases *leases, const struct dhcp_pool *pool, uint64_t now)
{
	struct dhcp_here here = {.address = address(1), .netmask.s_addr = htonl(0xffffff00u)};
	struct dhcp_policy policy = {.boots = message.chaddr[0] & 1, .address = address(200)};
	bool changed;

	if (message.chaddr[0] & 2)
		strcpy(policy.bootfile, "ipxe.efi");
	if (message.chaddr[0] & 4)
		policy.address.s_addr = htonl(INADDR_ANY);
	if (dhcp_proxy_answer(&message, &policy, &here, message.chaddr[0] & 8, &answer))
		check_reply();
	if (dhcp_full_answer(&message, &policy, &here, pool, leases, now, &changed, &answer)) {
		check_reply();
		assert(answer.address.s_addr == reply.yiaddr.s_addr);
		assert(reply.yiaddr.s_addr != here.address.s_addr);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dhcp_pool pool = {
		.first = address(1), .last = address(5), .lease_s = 600, .domain = "example.org"};
	struct dhcp_leases leases;
	uint64_t now = 0;

	if (dhcp_leases_init(&leases, pool.first, pool.last))
		return 0;
	leases.never[0] = address(1);
	while (size > 2) {
		size_t len = (size_t)(data[0] << 8 | data[1]);

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		now += 20000;
		if (dhcp_message_parse(data, len, &message) == 0)
			answer_all(&leases, &pool, now);
		data += len;
		size -= len;
	}
	assert(leases.count <= 6);
	dhcp_leases_finish(&leases);
	return 0;
}
