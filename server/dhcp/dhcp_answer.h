/* SPDX-License-Identifier: MIT */
/*
 * Private to the dhcp room: what is answered to whom. No socket, clock or file: time comes in as an
 * argument.
 */
#ifndef BRAMBLE_DHCP_ANSWER_H
#define BRAMBLE_DHCP_ANSWER_H

#include "dhcp/dhcp_lease.h"
#include "dhcp/dhcp_packet.h"

/* Where an answer goes. */
enum dhcp_to {
	DHCP_TO_ALL, /* 255.255.255.255, the client's port */
	DHCP_TO_CLIENT, /* likewise, and to its address: it may listen to that one alone */
	DHCP_TO_SENDER, /* address and port that it came from */
	DHCP_TO_RELAY,
};

struct dhcp_answer {
	const char *what; /* "offer", "ack", "nak" */
	enum dhcp_to to;
	struct in_addr address; /* that was given; 0.0.0.0: none */
	bool binds; /* is to be remembered before it is sent */
	bool exhausted; /* of silence in full mode: there was no address to give */
	struct dhcp_reply reply;
};

/* The server as the client sees it. */
struct dhcp_here {
	struct in_addr address;
	struct in_addr netmask;
};

/* False: silence. @boot_port: it came in by the port of boot servers, 4011. */
bool dhcp_proxy_answer(const struct dhcp_message *message, const struct dhcp_policy *policy,
		       const struct dhcp_here *here, bool boot_port, struct dhcp_answer *out);

/* What a boot ROM has to know, into a reply of either kind. */
void dhcp_answer_put_boot(struct dhcp_reply *reply, const struct dhcp_message *message,
			  const struct dhcp_policy *policy, struct in_addr server);

/*
 * @leases are changed. *@out_changed: they are to be saved, answer or not. False: silence. @now:
 * milliseconds. out->exhausted is set in either case.
 */
bool dhcp_full_answer(const struct dhcp_message *message, const struct dhcp_policy *policy,
		      const struct dhcp_here *here, const struct dhcp_pool *pool,
		      struct dhcp_leases *leases, uint64_t now, bool *out_changed,
		      struct dhcp_answer *out);

#endif
