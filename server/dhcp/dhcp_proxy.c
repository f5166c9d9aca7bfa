/* SPDX-License-Identifier: MIT */
/*
 * A proxy beside the router (PXE 2.1, 2.2): it gives no addresses, and says from where to boot. Only
 * machines that ask for it by option 60 and that are to boot from here are answered.
 *
 * The bytes follow what is known of the boot ROMs: no padding between options; the name in the menu with
 * three blanks behind it, which the ROM of the Pi 3B needs and all others take as it is a prefix for
 * them; option 66 without NUL and before option 43, as the Pi 3 believes the later of the two, and its
 * way through option 43 is the one that is in use everywhere.
 */
#include <arpa/inet.h>
#include <string.h>

#include "dhcp/dhcp_answer.h"

/* Sub-options of option 43 (PXE 2.1, table 2-1). */
#define PXE_DISCOVERY_CONTROL 6
#define PXE_MENU 9
#define PXE_PROMPT 10
#define PXE_END 255

/* No boot server is searched for by broadcast or multicast; and: the file is taken at once. */
#define PXE_NO_DISCOVERY 3
#define PXE_TAKE_FILE 8

/* Discovery control; the prompt "PXE" without waiting; a menu with the one item 0. */
/* clang-format off */
static const uint8_t pi_options[] = {
	PXE_DISCOVERY_CONTROL, 1, PXE_NO_DISCOVERY,
	PXE_PROMPT, 4, 0, 'P', 'X', 'E',
	PXE_MENU, 23, 0, 0, 20,
	'R', 'a', 's', 'p', 'b', 'e', 'r', 'r', 'y', ' ', 'P', 'i', ' ', 'B', 'o', 'o', 't', ' ', ' ', ' ',
	PXE_END,
};
/* clang-format on */

/* For a machine that is told its file by name. */
static const uint8_t file_options[] = {PXE_DISCOVERY_CONTROL, 1, PXE_TAKE_FILE, PXE_END};

void dhcp_answer_put_boot(struct dhcp_reply *reply, const struct dhcp_message *message,
			  const struct dhcp_policy *policy, struct in_addr server)
{
	char text[INET_ADDRSTRLEN];
	const uint8_t *guid;
	size_t len = 0;

	dhcp_reply_set_siaddr(reply, server);
	dhcp_reply_put(reply, DHCP_OPT_CLASS, "PXEClient", strlen("PXEClient"));
	guid = dhcp_message_option(message, DHCP_OPT_GUID, &len);
	if (guid)
		dhcp_reply_put(reply, DHCP_OPT_GUID, guid, len);
	inet_ntop(AF_INET, &server, text, sizeof(text));
	dhcp_reply_put(reply, DHCP_OPT_TFTP_SERVER, text, strlen(text));
	if (policy->bootfile[0]) {
		dhcp_reply_set_file(reply, policy->bootfile);
		dhcp_reply_put(reply, DHCP_OPT_VENDOR, file_options, sizeof(file_options));
	} else {
		dhcp_reply_put(reply, DHCP_OPT_VENDOR, pi_options, sizeof(pi_options));
	}
}

/* What it is answered with; 0: silence. */
static uint8_t answer_type(const struct dhcp_message *message, const struct dhcp_here *here,
			   bool boot_port)
{
	struct in_addr chosen = {0};

	switch (dhcp_message_type(message)) {
	case DHCP_DISCOVER:
		return DHCP_OFFER;
	case DHCP_INFORM:
		return DHCP_ACK;
	case DHCP_REQUEST:
		/* at the usual port it is for the router, unless it names us */
		if (boot_port)
			return DHCP_ACK;
		if (dhcp_message_address(message, DHCP_OPT_SERVER, &chosen) &&
		    chosen.s_addr == here->address.s_addr)
			return DHCP_ACK;
		return 0;
	default:
		return 0;
	}
}

static enum dhcp_to destination(const struct dhcp_message *message, bool boot_port)
{
	if (boot_port)
		return DHCP_TO_SENDER;
	if (message->giaddr.s_addr != htonl(INADDR_ANY))
		return DHCP_TO_RELAY;
	if (message->ciaddr.s_addr != htonl(INADDR_ANY))
		return DHCP_TO_CLIENT;
	return DHCP_TO_ALL;
}

bool dhcp_proxy_answer(const struct dhcp_message *message, const struct dhcp_policy *policy,
		       const struct dhcp_here *here, bool boot_port, struct dhcp_answer *out)
{
	uint8_t type;

	if (!policy->boots || !dhcp_message_is_pxe(message))
		return false;
	type = answer_type(message, here, boot_port);
	if (type == 0)
		return false;
	*out = (struct dhcp_answer){
		.what = type == DHCP_OFFER ? "offer" : "ack",
		.to = destination(message, boot_port),
	};
	dhcp_reply_begin(&out->reply, message, type, here->address);
	if (type == DHCP_ACK)
		dhcp_reply_set_ciaddr(&out->reply, message->ciaddr);
	dhcp_answer_put_boot(&out->reply, message, policy, here->address);
	dhcp_reply_end(&out->reply);
	return true;
}
